//! Registries that mean harm, beyond where they send a login.

use std::time::{Duration, Instant};

use super::support::gzip::gzip;
use super::support::registries::{Answer, Scripted, answer, registries};
use super::{CANARY, attack, verify};

#[test]
fn a_login_is_not_sent_over_http_for_a_registry_with_tls() {
    let open = Scripted::start(|_, _| answer("200 OK", &[], r#"{"token":"t"}"#));
    let realm = format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"", open.address);
    let server = Scripted::secure(move |_, _| answer("401 Unauthorized", &[&realm], ""));
    let ca = registries().get("caFile");
    let args = [
        "--registry",
        &server.address,
        "--username",
        "robot",
        "--password-stdin",
        "--ca-file",
        ca,
    ];
    let (code, result, message) = verify(&args, CANARY);
    assert_eq!((code, result.as_str()), (3, "NotARegistry"), "{message}");
    assert!(message.contains("not an HTTPS address"), "{message}");
    assert_eq!(open.requests(), Vec::<String>::new());
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].to_lowercase().contains("authorization"));
}

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
