//! Image names against the parser that the kubelet uses.

use std::cell::RefCell;

use dps::domain::registry::image::Image;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::support::oracle::Oracle;

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just(String::new()),
        5 => r"(docker\.io|index\.docker\.io|localhost|registry\.example\.com|ghcr\.io|REG\.example\.com|r|Team|a-b|a_b|a_b\.io)/",
        4 => r"(localhost|r\.io|127\.0\.0\.1|r|\[::1\]|\[2001:db8::1\]|\[::g\]|\[\])(:|:5000|:0|:x|:5000:1)?/",
        2 => r"[a-zA-Z.:_\-\[\]]{0,6}/",
        1 => r"(https://|http://|oci://|//|/|user@|docker\.io/index\.docker\.io/)",
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "(nginx|team/app|library/nginx|a/b/c|a--b/c|a__b|a\\.b|a_b/c-d|index\\.docker\\.io/a|[0-9a-f]{63,65})",
        3 => "[a-z0-9]{1,3}([._-]{1,3}[a-z0-9]{1,2}){0,2}(/[a-z0-9._-]{0,4}){0,2}",
        1 => "(Team/app|team/App|team//app|/team|team/|\u{e9}t\u{e9}|te am|team /app|)",
        1 => "[a-z]{120}/[a-z]{120,140}",
    ]
}

fn tail() -> impl Strategy<Value = String> {
    let tag = prop_oneof![
        6 => Just(String::new()),
        4 => "(:1|:latest|:v1\\.0-a_b|:LATEST)",
        2 => "(:|:-a|:\\.a|:a b|::1|:1:2|:a/b|:[a-z]{127,129}|:_|:\u{e9})",
    ];
    let digest = prop_oneof![
        8 => Just(String::new()),
        2 => "@sha256:[0-9a-f]{64}",
        1 => "(@sha512:[0-9a-f]{128}|@sha384:[0-9a-f]{96})",
        2 => "(@|@sha256:|@sha256:abc|@sha256:[0-9A-F]{64}|@sha256:[0-9a-f]{63}|@sha1:[0-9a-f]{40}|@md5:[0-9a-f]{32}|@sha256:[0-9a-f]{64}@sha256:[0-9a-f]{64}|@SHA256:[0-9a-f]{64})",
    ];
    let end = prop_oneof![20 => Just(""), 1 => Just(" "), 1 => Just("\n"), 1 => Just(":1")];
    (tag, digest, end).prop_map(|(tag, digest, end)| format!("{tag}{digest}{end}"))
}

fn name() -> impl Strategy<Value = String> {
    (host(), path(), tail()).prop_map(|(host, path, tail)| format!("{host}{path}{tail}"))
}

/// What generated names have found, and what a person would not expect.
const FOUND: [(&str, Option<&str>); 8] = [
    // No host may have a '_', so this is a path, and no host is put before it.
    ("a_b.example.com/team/app:1", Some("a_b.example.com/team/app")),
    ("a_b.example.com:5000/team/app", None),
    ("localhost/app", Some("localhost/app")),
    ("Team/app", Some("Team/app")),
    ("index.docker.io/nginx", Some("docker.io/library/nginx")),
    ("registry/team/app", Some("docker.io/registry/team/app")),
    ("[::1]:5000/app", Some("[::1]:5000/app")),
    ("nginx@sha256:abc", None),
];

#[test]
fn names_that_surprise() {
    let mut oracle = Oracle::start();
    for (name, expected) in FOUND {
        assert_eq!(oracle.repository(name).as_deref(), expected, "kubelet: {name}");
        let ours = Image::parse(name).ok().map(|image| image.repository);
        assert_eq!(ours.as_deref(), expected, "ours: {name}");
    }
}

#[test]
fn image_names_are_read_as_the_kubelet_reads_them() {
    let oracle = RefCell::new(Oracle::start());
    let counts = RefCell::new((0u32, 0u32));
    let mut runner = TestRunner::new(Config {
        cases: 20_000,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&name(), |name| {
        let expected = oracle.borrow_mut().repository(&name);
        match expected {
            Some(_) => counts.borrow_mut().0 += 1,
            None => counts.borrow_mut().1 += 1,
        }
        let ours = Image::parse(&name).ok().map(|image| image.repository);
        prop_assert_eq!(ours, expected, "{:?}", name);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let (accepted, refused) = *counts.borrow();
    assert!(
        accepted >= 4_000 && refused >= 4_000,
        "too few cases to mean anything: {accepted} accepted, {refused} refused"
    );
}
