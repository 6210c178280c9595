//! Reports of kubelets: how they are unwrapped, shown and classified.

use dps::domain::pull_failures::classify::{ErrorClass, read};
use dps::domain::text::{attempts, excerpt, unwrap};

use super::pods::IMAGE;

#[test]
fn report_is_unwrapped_split_and_redacted() {
    assert_eq!(
        unwrap(&format!("Back-off pulling image \"{IMAGE}\": ErrImagePull: why")),
        (Some("ErrImagePull"), "why")
    );
    assert_eq!(unwrap("Back-off pulling image \"a:1\""), (None, ""));
    assert_eq!(
        unwrap("Failed to pull image \"a:1\": rpc error: why"),
        (None, "rpc error: why")
    );
    assert_eq!(
        attempts("[failed to pull a, b: 401, rpc error: code = NotFound desc = c]"),
        ["failed to pull a, b: 401", "rpc error: code = NotFound desc = c"]
    );
    assert_eq!(attempts("[manifests 1]: 401"), ["[manifests 1]: 401"]);
    for (text, shown) in [
        (
            "GET https://u:p@a.b/token?scope=x&account=me: 401",
            "GET https://[redacted]@a.b/token?…: 401",
        ),
        (
            "Head \"https://a.b/v2/x?ns=y\": EOF",
            "Head \"https://a.b/v2/x?…\": EOF",
        ),
        (
            "Authorization: Basic dXNlcjpwYXNz rejected",
            "Authorization: Basic [redacted] rejected",
        ),
        ("token eyJhbGciOi.eyJzdWIi.c2ln is bad", "token [redacted] is bad"),
        ("two\nlines\tand\u{7} more", "two lines and\u{7} more"),
        ("Basic realm=\"x\" wanted", "Basic realm=\"x\" wanted"),
    ] {
        assert_eq!(excerpt(text, 200), shown);
    }
    assert_eq!(excerpt("äöü", 2), "äö…");
}

#[test]
fn words_in_names_are_not_classified() {
    for (image, report, class) in [
        (
            "r.example.com/denied/403/forbidden:1",
            "failed to resolve: unexpected status from HEAD request to https://r.example.com/v2/denied/403/forbidden/manifests/1: 401 Unauthorized",
            ErrorClass::Unauthorized,
        ),
        (
            "r.example.com:5000/unauthorized:429",
            "r.example.com:5000/unauthorized:429: not found",
            ErrorClass::NotFound,
        ),
        (
            "acme/expired-token",
            "pull access denied for acme/expired-token, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            ErrorClass::Denied,
        ),
        (
            "r.example.com/app:1",
            "dial tcp 10.0.0.1:5030: connect: connection refused",
            ErrorClass::Unreachable,
        ),
        (
            "r.example.com/app:1",
            "dial tcp 10.4.0.3:40100: i/o timeout",
            ErrorClass::Unreachable,
        ),
    ] {
        assert_eq!(
            read("ErrImagePull", report, image).map(|read| read.class),
            Some(class),
            "{report}"
        );
    }
}
