//! Whoever connects and says nothing, or not all, keeps nobody else out.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use crate::support::page::ServedPage;

/// More than are served at a time.
const MANY: usize = 80;

#[test]
fn connections_without_a_request_are_few_and_end() {
    let page = ServedPage::open(Path::new("/nonexistent/kubeconfig"), &[]);
    let connect = |number: usize| {
        let mut stream = TcpStream::connect(("127.0.0.1", page.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
        // Half of them say something.
        if number.is_multiple_of(2) {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: 127").unwrap();
        }
        stream
    };
    let mut silent: Vec<TcpStream> = (0..MANY).map(connect).collect();
    assert_eq!(page.get(&page.list).code, 502);
    // It was answered when the first had to go: there was no place before.
    for stream in &mut silent[..2] {
        stream.set_nonblocking(true).unwrap();
        let mut answer = [0; 1024];
        // A connection that is still open has nothing to be read yet.
        let read = stream.read(&mut answer).map_err(|error| error.kind());
        assert_eq!(read, Ok(0), "the page was served beside {MANY} other connections");
    }
    // So go the others.
    for stream in &mut silent[2..] {
        stream.set_nonblocking(false).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
}
