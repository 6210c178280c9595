//! Registries that mean harm, beyond where they have credentials sent.

use std::time::{Duration, Instant};

use super::attack;
use crate::support::gzip::gzip;
use crate::support::registries::{Answer, Scripted, answer};

#[test]
fn a_compressed_answer_is_not_unpacked() {
    // 8 MiB, and a token in front: whoever unpacks any of it comes back with the token.
    let mut text = br#"{"token":"unpacked"}"#.to_vec();
    text.resize(8 << 20, b' ');
    let packed = gzip(&text);
    assert!(packed.len() < text.len() / 100);
    let bomb = Scripted::start(move |head, own| {
        if head.starts_with("GET /v2/") {
            let header = format!("WWW-Authenticate: Bearer realm=\"http://{own}/token\"");
            return answer("401 Unauthorized", &[&header], "");
        }
        answer("200 OK", &["Content-Encoding: gzip"], &packed)
    });
    let (result, message) = attack(&bomb, &[]);
    assert_eq!(result, "NotARegistry");
    assert!(message.contains("without a token"), "{message}");
    let requests = bomb.requests();
    assert_eq!(requests.len(), 2);
    assert!(
        !requests
            .iter()
            .any(|head| head.to_lowercase().contains("accept-encoding"))
    );
}

#[test]
fn headers_that_come_byte_by_byte_end_in_time() {
    let slow =
        Scripted::start(|_, _| Answer::Trickle(b"HTTP/1.1 200 OK\r\nX-Slow: ".to_vec(), Duration::from_millis(200)));
    let begin = Instant::now();
    let (result, message) = attack(&slow, &[]);
    let took = begin.elapsed();
    assert_eq!(
        (result.as_str(), slow.requests().len()),
        ("Unreachable", 1),
        "{message}"
    );
    assert!(message.contains("no response in time"), "{message}");
    // 15 s for the request, and what a busy machine takes beside it.
    assert!(took < Duration::from_secs(25), "{took:?}");
}
