//! Real registries of every kind, and a server that does what no real one does on demand.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::Value;

use super::tools;

pub struct Registries {
    // Its standard input ends with this process, and then it ends.
    _child: Child,
    info: Value,
}

/// The registries of this test binary.
pub fn registries() -> &'static Registries {
    static REGISTRIES: OnceLock<Registries> = OnceLock::new();
    REGISTRIES.get_or_init(|| {
        let bin = tools(&["registry", "world"]);
        let mut child = Command::new(bin.join("world"))
            .arg("registries")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("world can be started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped"))
            .read_line(&mut line)
            .expect("readable");
        let info = serde_json::from_str(&line).expect("the registries say where they are; otherwise see above");
        Registries { _child: child, info }
    })
}

impl Registries {
    /// A field of what `world registries` prints.
    pub fn get(&self, field: &str) -> &str {
        self.info[field].as_str().unwrap_or_else(|| panic!("no {field}"))
    }

    /// Answers of the token server so far to requests that brought a login: their status codes.
    pub fn logins_at_token_server(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.get("tokenLog")).expect("readable");
        log.lines()
            .filter_map(|line| line.strip_suffix(" true"))
            .map(str::to_owned)
            .collect()
    }
}

/// A server without TLS that gives every request the answer which `script` finds for it, and remembers the requests.
pub struct Scripted {
    pub address: String,
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    /// `script` gets the head of a request and its own address, and returns all bytes of the answer; what comes with an
    /// empty piece is sent until the client hangs up.
    pub fn start(script: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("127.0.0.1:{}", listener.local_addr().expect("bound").port());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (own, log, script) = (address.clone(), Arc::clone(&requests), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (own, log, script) = (own.clone(), Arc::clone(&log), Arc::clone(&script));
                std::thread::spawn(move || {
                    let Ok(mut stream) = stream else { return };
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let mut byte = [0];
                        match stream.read(&mut byte) {
                            Ok(1) => head.push(byte[0]),
                            _ => return,
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    log.lock().expect("no panic here").push(head.clone());
                    match script(&head, &own) {
                        Answer::Whole(bytes) => {
                            let _ = stream.write_all(&bytes);
                        }
                        // At most 64 MiB, in case nobody hangs up.
                        Answer::Endless(first, piece) => {
                            let _ = stream.write_all(&first);
                            for _ in 0..(64 << 20) / piece.len() {
                                if stream.write_all(&piece).is_err() {
                                    return;
                                }
                            }
                        }
                        Answer::Nothing => {
                            // Until the client hangs up.
                            let _ = stream.read(&mut [0]);
                        }
                    }
                });
            }
        });
        Self { address, requests }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("no panic here").clone()
    }
}

pub enum Answer {
    Whole(Vec<u8>),
    Endless(Vec<u8>, Vec<u8>),
    Nothing,
}

/// An answer with these header lines and body.
pub fn answer(status: &str, headers: &[&str], body: &str) -> Answer {
    let headers = headers.join("\r\n") + if headers.is_empty() { "" } else { "\r\n" };
    Answer::Whole(
        format!(
            "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        )
        .into_bytes(),
    )
}
