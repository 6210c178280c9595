//! Forms that are too long, or no text.

use crate::page::api_server::{ApiServer, submit};
use crate::support::page::{Answer, ServedPage};

/// The page around it: how to go on is there.
fn assert_framed(answer: &Answer, code: u16) {
    let Answer { code: own, body, .. } = answer;
    assert_eq!(*own, code, "{body}");
    for part in [
        "<title>Error: The form was not taken · dps</title>",
        "<nav aria-label=\"Pages\">",
        "Context",
    ] {
        assert!(body.contains(part), "{part}: {body}");
    }
}

fn send(page: &ServedPage, content_type: &str, body: &[u8]) -> Answer {
    let origin = format!("http://127.0.0.1:{}", page.port);
    let head = format!(
        "POST {}/import HTTP/1.1\r\nConnection: close\r\nHost: 127.0.0.1:{}\r\nCookie: {}\r\nOrigin: {origin}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        page.list,
        page.port,
        page.cookie,
        body.len()
    );
    page.send_bytes(&[head.as_bytes(), body].concat())
}

#[test]
fn form_that_cannot_be_taken_says_so_on_a_page() {
    let server = ApiServer::with(&[]);
    let page = server.page(&[]);
    let long = "x".repeat(5 << 20);
    let answer = submit(&page, "/import", &[("config", &long)]);
    assert_framed(&answer, 413);
    assert!(answer.body.contains("It has more than 1 MiB."), "{}", answer.body);
    let form = "application/x-www-form-urlencoded";
    assert_framed(&send(&page, form, b"namespace=team&config=%ff"), 400);
    assert_framed(&send(&page, "multipart/form-data", b"--x"), 400);
    assert_framed(&send(&page, "multipart/form-data; boundary=x", b"--x\r\nContent"), 400);
    assert_framed(&send(&page, "text/plain", b"namespace=team"), 415);
}

#[test]
fn file_that_is_no_text_is_refused_and_not_repaired() {
    let server = ApiServer::with(&[]);
    let page = server.page(&[]);
    let mut body = Vec::new();
    for (name, value) in [
        ("token", page.form_token.as_bytes()),
        ("namespace", b"team"),
        // As PowerShell's `>` writes it: UTF-16 with a byte order mark.
        ("file\"; filename=\"config.json", b"\xff\xfe{\0}\0"),
    ] {
        body.extend_from_slice(format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes());
        body.extend_from_slice(value);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--x--\r\n");
    let answer = send(&page, "multipart/form-data; boundary=x", &body);
    assert_eq!(answer.code, 200, "{}", answer.body);
    for part in [
        "<title>Error: Import",
        "The file is not text in UTF-8",
        "autofocus",
        "value=\"team\"",
    ] {
        assert!(answer.body.contains(part), "{part}: {}", answer.body);
    }
}
