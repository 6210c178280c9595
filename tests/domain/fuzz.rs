//! Parsers against many inputs: seeds, seeds with changes, pieces that mean something, and any bytes.

mod targets;

use std::panic::catch_unwind;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};

use crate::support::repository;
use targets::TARGETS;

/// Inputs for each target; `PROPTEST_CASES` is another number.
const CASES: u32 = 2_000;

/// What parsers look for.
const PIECES: [&str; 64] = [
    "https://",
    "http://",
    "oci://",
    "user:pw@",
    "@",
    "registry.example.com",
    "docker.io",
    "index.docker.io",
    "/v1/",
    "/v2/",
    "localhost",
    ":5000",
    ":443",
    ":",
    "*",
    "*.",
    "[2001:db8::1]",
    "[",
    "]",
    "/",
    "//",
    "team",
    "App",
    "_",
    "-",
    ".",
    "..",
    "@sha256:",
    "0123456789abcdef",
    ":latest",
    "?a=b",
    "#",
    "%41",
    "%",
    "\n",
    "\r\n",
    " ",
    "\t",
    "\u{feff}",
    "é",
    "\0",
    "{",
    "}",
    "\"auths\":",
    "\"auth\":\"dTpw\"",
    "\"username\":\"u\"",
    "\"password\":\"p\"",
    "\"identitytoken\":\"t\"",
    "\"credsStore\":\"desktop\"",
    "\"credHelpers\":",
    "null",
    "\"",
    "\\",
    ",",
    "Bearer ",
    "Basic ",
    "realm=",
    "service=",
    "scope=",
    "dTpw",
    "=",
    "Back-off pulling image \"",
    "Failed to pull image \"",
    "ErrImagePull: ",
];

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = repository().join("tests/domain/fuzz/seeds").join(target);
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() > 2, "{target}");
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => select(PIECES.to_vec()).prop_map(|piece| piece.as_bytes().to_vec()),
        2 => "[a-z0-9.:/-]{0,12}".prop_map(String::into_bytes),
        1 => any::<char>().prop_map(|letter| letter.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..4),
    ]
}

/// A seed in which parts are replaced.
fn changed(seeds: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), 0..12_usize, piece());
    (select(seeds), vec(change, 1..4)).prop_map(|(mut input, changes)| {
        for (index, length, piece) in changes {
            let begin = index.index(input.len() + 1);
            let end = (begin + length).min(input.len());
            input.splice(begin..end, piece);
        }
        input
    })
}

/// Shown as text if a test fails, fit for a file in `seeds`.
#[derive(Clone)]
struct Input(Vec<u8>);

impl std::fmt::Debug for Input {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

fn input(target: &str) -> impl Strategy<Value = Input> {
    let bytes = prop_oneof![
        4 => changed(seeds(target)),
        3 => vec(piece(), 0..12).prop_map(|pieces| pieces.concat()),
        1 => vec(any::<u8>(), 0..200),
    ];
    bytes.prop_map(Input)
}

fn check(name: &str) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap();
    for seed in seeds(name).into_iter().map(Input) {
        assert!(catch_unwind(|| target(&seed.0)).is_ok(), "seed {seed:?}");
    }
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    let mut runner = TestRunner::new(Config {
        cases: cases.unwrap_or(CASES),
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&input(name), |input| {
        target(&input.0);
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_challenge_sends_nobody_where_a_password_can_be_read() {
    check("challenge");
}

#[test]
fn a_config_document_gives_back_what_was_read_and_no_secret() {
    check("config_document");
}

#[test]
fn credentials_are_written_as_they_are_read_and_hidden_in_words() {
    check("credentials");
}

#[test]
fn an_image_name_has_one_form_that_its_own_registry_serves() {
    check("image");
}

#[test]
fn a_kubelets_message_is_taken_apart_and_shown_without_secrets() {
    check("kubelet_message");
}

#[test]
fn a_registry_key_has_one_form_that_serves_its_own_images() {
    check("registry_key");
}
