//! Registry keys and matching against the kubelet's own code.

pub(crate) mod image_patterns;
mod images;
mod secrets;
use crate::support::oracle::Oracle;
use dps::api::RegistryType;
use dps::domain::registry::key::RegistryKey;
use dps::domain::registry::matching::lookup;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// The truth table of the contract: key, image, whether a kubelet uses it.
const TABLE: [(&str, &str, bool); 51] = [
    ("https://index.docker.io/v1/", "docker.io/acme/app", true),
    ("index.docker.io", "docker.io/acme/app", true),
    ("https://index.docker.io", "docker.io/acme/app", true),
    ("https://index.docker.io/", "docker.io/acme/app", true),
    ("https://index.docker.io/v2/", "docker.io/acme/app", true),
    ("https://index.docker.io/v1", "docker.io/acme/app", false),
    ("docker.io", "docker.io/acme/app", true),
    ("https://docker.io", "docker.io/acme/app", true),
    ("https://docker.io/", "docker.io/acme/app", true),
    ("docker.io/v1/", "docker.io/acme/app", true),
    ("docker.io/acme", "docker.io/acme/app", true),
    ("docker.io/acme/", "docker.io/acme/app", true),
    ("docker.io/ac", "docker.io/acme/app", true),
    ("index.docker.io/acme", "docker.io/acme/app", false),
    ("registry-1.docker.io", "docker.io/acme/app", false),
    ("registry.hub.docker.com", "docker.io/acme/app", false),
    ("https://hub.docker.com", "docker.io/acme/app", false),
    ("*.docker.io", "docker.io/acme/app", false),
    ("*.io", "docker.io/acme/app", true),
    ("Docker.io", "docker.io/acme/app", false),
    ("INDEX.DOCKER.IO", "docker.io/acme/app", false),
    ("registry.example.com", "registry.example.com/team/app", true),
    ("https://registry.example.com", "registry.example.com/team/app", true),
    ("http://registry.example.com", "registry.example.com/team/app", true),
    ("https://registry.example.com/", "registry.example.com/team/app", true),
    (
        "https://registry.example.com/v1/",
        "registry.example.com/team/app",
        true,
    ),
    (
        "https://registry.example.com/v2/",
        "registry.example.com/team/app",
        true,
    ),
    (
        "https://registry.example.com/v2",
        "registry.example.com/team/app",
        false,
    ),
    ("registry.example.com:443", "registry.example.com/team/app", false),
    ("registry.example.com/team", "registry.example.com/team/app", true),
    ("registry.example.com/team/", "registry.example.com/team/app", true),
    ("registry.example.com/team/app", "registry.example.com/team/app", true),
    ("registry.example.com/te", "registry.example.com/team/app", true),
    (
        "registry.example.com/team/app:1.0",
        "registry.example.com/team/app",
        false,
    ),
    ("*.example.com", "registry.example.com/team/app", true),
    ("registry.*.com", "registry.example.com/team/app", true),
    ("reg*.example.com", "registry.example.com/team/app", true),
    ("*", "registry.example.com/team/app", false),
    ("REGISTRY.example.com", "registry.example.com/team/app", false),
    ("ftp://registry.example.com", "registry.example.com/team/app", false),
    ("oci://registry.example.com", "registry.example.com/team/app", false),
    (" registry.example.com", "registry.example.com/team/app", false),
    ("registry.example.com ", "registry.example.com/team/app", false),
    ("registry.example.com:*", "registry.example.com:5000/team/app", false),
    ("registry.example.com:5000", "registry.example.com:5000/team/app", true),
    ("registry.example.com", "registry.example.com:5000/team/app", false),
    ("[2001:db8::1]:5000", "[2001:db8::1]:5000/team/app", true),
    ("[2001:db8::1]", "[2001:db8::1]/team/app", false),
    ("localhost:5000", "localhost:5000/app", true),
    ("registry.example.com#\n", "registry.example.com/team/app", true),
    ("registry.example.com\n#x", "registry.example.com/team/app", false),
];

#[test]
fn truth_table_agrees_with_the_kubelet_and_with_explain() {
    let mut oracle = Oracle::start();
    for (key, image, used) in TABLE {
        let expected: Vec<usize> = if used { vec![0] } else { Vec::new() };
        assert_eq!(oracle.keys(&[key], image), expected, "kubelet: {key} for {image}");
        assert_eq!(lookup(&[key], image), expected, "ours: {key} for {image}");
    }
}

#[test]
fn docker_hub_credentials_are_used_only_if_no_other_key_matches() {
    let mut oracle = Oracle::start();
    let keys = ["https://index.docker.io/v1/", "*.io", "docker.io/acme"];
    assert_eq!(oracle.keys(&keys, "docker.io/acme/app"), [2, 1]);
    assert_eq!(lookup(&keys, "docker.io/acme/app"), [2, 1]);
    assert_eq!(oracle.keys(&keys[..1], "docker.io/acme/app"), [0]);
}

fn label() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "(registry|hub|docker|example|com|io|index|a|b1|x-y|REG|Team)",
        2 => r"(\*|r\*|\*y|ex\*le|[a-c]{1,2}|\[a-z\]b|\[abc\]|\[\^a\]|a_b)",
    ]
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::collection::vec(label(), 1..4).prop_map(|labels| labels.join(".")),
        3 => r"(docker\.io|index\.docker\.io|registry-1\.docker\.io|registry\.example\.com|localhost)",
        1 => r"(\[::1\]|\[2001:db8::1\]|127\.0\.0\.1)",
    ]
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![5 => Just(String::new()), 3 => "(:5000|:443|:80|:05)", 1 => r"(:|:\*|:x)"]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        2 => "(/|/v1|/v1/|/v2|/v2/|/v2/team|/v1/v2/)",
        5 => "(/team|/te|/acme|/library|//|/team/app|/app:1.0|/team/|/%74eam|/%zz|/a b|/team\\?x=1|/team#x|/\\*)",
    ]
}

/// Keys in any shape that a person may have typed.
fn key() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![6 => Just(""), 3 => Just("https://"), 2 => Just("http://"), 1 => Just("oci://"), 1 => Just("HTTPS://")];
    let user = prop_oneof![12 => Just(""), 1 => Just("user:pw@"), 1 => Just("u%20@")];
    let blank = prop_oneof![20 => Just(""), 1 => Just(" "), 1 => Just("\n")];
    (scheme, user, host(), port(), path(), blank)
        .prop_map(|(scheme, user, host, port, path, blank)| format!("{scheme}{user}{host}{port}{path}{blank}"))
}

/// Repositories as a kubelet asks for them: normalised, no tag, no digest.
fn image() -> impl Strategy<Value = String> {
    let host = r"(docker\.io|index\.docker\.io|registry\.example\.com|hub\.example\.com|a\.b1\.io|reg\.example\.com|x-y\.com|localhost)";
    (host, "(|:5000|:443)", "(/team/app|/team|/library/nginx|/acme/app|/te)")
        .prop_map(|(host, port, path)| format!("{host}{port}{path}"))
}

/// A key that has something to do with the image: its host with a wildcard here and there, a part of its path.
fn related(image: &str) -> impl Strategy<Value = String> + use<> {
    let (host, path) = image.split_once('/').expect("a path");
    let labels: Vec<String> = host.split('.').map(str::to_owned).collect();
    let path = path.to_owned();
    let scheme = prop_oneof![Just(""), Just("https://"), Just("http://")];
    let tail = prop_oneof![Just(""), Just("/"), Just("/v1/"), Just("/v2/"), Just("/v1"), Just("/x")];
    (
        scheme,
        prop::collection::vec(0u8..8, labels.len()),
        0..=path.len(),
        any::<bool>(),
        tail,
    )
        .prop_map(move |(scheme, wild, cut, with_path, tail)| {
            let host: Vec<String> = labels
                .iter()
                .zip(&wild)
                .map(|(label, wild)| match wild {
                    0 if !label.contains(':') => "*".to_owned(),
                    1 if !label.contains(':') => format!("{}*", &label[..1]),
                    2 if !label.contains(':') => format!("[a-s]{}", &label[1..]),
                    _ => label.clone(),
                })
                .collect();
            let path = if with_path {
                format!("/{}", &path[..cut])
            } else {
                String::new()
            };
            format!("{scheme}{}{path}{tail}", host.join("."))
        })
}

fn keys_and_image() -> impl Strategy<Value = (Vec<String>, String)> {
    image().prop_flat_map(|image| {
        (
            prop::collection::vec(prop_oneof![key(), related(&image)], 1..6),
            Just(image),
        )
    })
}

#[test]
fn matching_of_generated_keys_agrees_with_the_kubelet() {
    let mut oracle = Oracle::start();
    let (mut pairs, mut matches) = (0u32, 0u32);
    let mut runner = TestRunner::new(Config {
        cases: 8000,
        failure_persistence: None,
        ..Config::default()
    });
    let oracle = std::cell::RefCell::new(&mut oracle);
    let counts = std::cell::RefCell::new((&mut pairs, &mut matches));
    let result = runner.run(&keys_and_image(), |(keys, image)| {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let expected = oracle.borrow_mut().keys(&keys, &image);
        let mut counts = counts.borrow_mut();
        *counts.0 += u32::try_from(keys.len()).unwrap();
        *counts.1 += u32::try_from(expected.len()).unwrap();
        prop_assert_eq!(lookup(&keys, &image), expected, "{:?} for {}", keys, image);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(
        pairs >= 20_000 && matches >= 1_000,
        "too few cases to mean anything: {pairs} pairs, {matches} matches"
    );
}

#[test]
fn every_written_key_is_used_for_the_images_it_names() {
    let mut oracle = Oracle::start();
    let accepted = std::cell::Cell::new(0u32);
    let oracle = std::cell::RefCell::new(&mut oracle);
    let mut runner = TestRunner::new(Config {
        cases: 6000,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&key(), |url| {
        let Ok(key) = RegistryKey::new(RegistryType::PrivateRegistry, Some(&url)) else {
            return Ok(());
        };
        accepted.set(accepted.get() + 1);
        let key = key.as_str();
        // A wildcard stands for a label that it matches.
        let image = format!("{}/some/app", key.replace('*', "a"));
        prop_assert_eq!(
            oracle.borrow_mut().keys(&[key], &image),
            vec![0],
            "{} became {}",
            url,
            key
        );
        let again = RegistryKey::new(RegistryType::PrivateRegistry, Some(key));
        prop_assert_eq!(
            again.map(|again| again.as_str().to_owned()).ok(),
            Some(key.to_owned()),
            "not stable: {}",
            url
        );
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    assert!(accepted.get() > 500, "only {} URLs were accepted", accepted.get());
    let hub = RegistryKey::docker_hub();
    assert_eq!(
        oracle.borrow_mut().keys(&[hub.as_str()], "docker.io/library/nginx"),
        [0]
    );
}
