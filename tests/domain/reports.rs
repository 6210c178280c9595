//! Reports of kubelets: how they are unwrapped, shown and classified.

use dps::domain::pull_failures::classify::read;
use dps::domain::pull_failures::error_class::ErrorClass;
use dps::domain::text::invisible::{escaped, is_invisible, printable};
use dps::domain::text::{attempts, excerpt, shown_key, unwrap};

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
            "GET https://u:pa/ss@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        (
            "GET https://u:12/34@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        (
            "GET https://u:pa?ss#1@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        (
            "GET https://u:p@ss/w@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        ("(https://a.b/x?y,https://u:p@c.d/)", "(https://[redacted]@c.d/)"),
        ("docker://u:p@a.b/x@sha256:12", "docker://[redacted]@a.b/x@sha256:12"),
        ("docker://a.b/x@sha256:12", "docker://a.b/x@sha256:12"),
        (
            "GET https://u:pa ss@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        (
            "GET \"https://u:pa s s@a.b/v2/\": 401",
            "GET \"https://[redacted]@a.b/v2/\": 401",
        ),
        (
            "GET https://u:12 34@a.b/v2/: 401",
            "GET https://[redacted]@a.b/v2/: 401",
        ),
        ("GET https://tok en@a.b/v2/: 401", "GET https://[redacted]@a.b/v2/: 401"),
        (
            "GET https://a.b:5000 failed for docker://a.b/x@sha256:12",
            "GET https://a.b:5000 failed for docker://a.b/x@sha256:12",
        ),
        ("GET https://a.b: x@sha256:12", "GET https://a.b: x@sha256:12"),
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
            &ErrorClass::UNAUTHORIZED,
        ),
        (
            "r.example.com:5000/unauthorized:429",
            "r.example.com:5000/unauthorized:429: not found",
            &ErrorClass::NOT_FOUND,
        ),
        (
            "acme/expired-token",
            "pull access denied for acme/expired-token, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
            &ErrorClass::DENIED,
        ),
        (
            "r.example.com/app:1",
            "dial tcp 10.0.0.1:5030: connect: connection refused",
            &ErrorClass::UNREACHABLE,
        ),
        (
            "r.example.com/app:1",
            "dial tcp 10.4.0.3:40100: i/o timeout",
            &ErrorClass::UNREACHABLE,
        ),
        // The number decides, not the words behind it.
        (
            "r.example.com/app:1",
            "pulling from host r.example.com failed with status code [manifests 1]: 503 Service Temporarily Unavailable",
            &ErrorClass::UNREACHABLE,
        ),
        (
            "r.example.com/app:404",
            "pulling from host r.example.com failed with status code [manifests 404]: 502 Something Else",
            &ErrorClass::UNREACHABLE,
        ),
    ] {
        assert_eq!(
            read("ErrImagePull", report, image).map(|read| read.class),
            Some(class),
            "{report}"
        );
    }
}

#[test]
fn registry_key_with_user_info_is_shown_without_it() {
    for (key, shown) in [
        ("https://index.docker.io/v1/", "https://index.docker.io/v1/"),
        ("https://u:pa/ss@a.b/team", "https://[redacted]@a.b/team"),
        ("https://u:pa?ss@a.b/team", "https://[redacted]@a.b/team"),
        ("u:pa#ss@a.b", "[redacted]@a.b"),
        ("a.b/team?token=x", "a.b/team?…"),
    ] {
        assert_eq!(shown_key(key), shown);
    }
}

#[test]
fn what_a_terminal_would_obey_is_escaped() {
    for (text, shown) in [
        ("", ""),
        ("äö 日本 🎉 é", "äö 日本 🎉 é"),
        ("a\u{1b}[31m", "a\\u{1b}[31m"),
        ("\u{1b}]52;c;ZXZpbA==\u{7}", "\\u{1b}]52;c;ZXZpbA==\\u{7}"),
        ("\u{9b}31m \0 \u{8} \u{7f}", "\\u{9b}31m \\u{0} \\u{8} \\u{7f}"),
        (
            "\u{202e}\u{2066}\u{200b}\u{feff}",
            "\\u{202e}\\u{2066}\\u{200b}\\u{feff}",
        ),
        (
            "a\nb\r\n\t\u{2028}\u{2029}",
            "a\\u{a}b\\u{d}\\u{a}\\u{9}\\u{2028}\\u{2029}",
        ),
        ("\u{e0041}\u{ad}", "\\u{e0041}\\u{ad}"),
    ] {
        assert_eq!((escaped(text).as_str(), printable(text).as_str()), (shown, shown));
        assert!(!printable(text).contains(is_invisible));
    }
    let long = printable(&format!("a {} {}", "k".repeat(5_000), "b ".repeat(5_000)));
    assert!(long.starts_with(&format!("a {}…", "k".repeat(300))) && long.chars().count() <= 1001);
    assert!(printable(&"\u{1b}".repeat(5_000)).chars().count() <= 1001);
}
