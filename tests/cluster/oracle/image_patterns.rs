//! Patterns of images against the kubelet's keyring.

use std::cell::RefCell;
use std::collections::HashMap;

use dps::api::RegistryType;
use dps::domain::registry::image_pattern::image_pattern;
use dps::domain::registry::key::RegistryKey;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use regex::Regex;

use crate::support::oracle::Oracle;

/// Images as pods name them.
pub(crate) fn image() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        4 => Just(String::new()),
        4 => r"(docker\.io|index\.docker\.io|registry-1\.docker\.io|localhost|Team|Docker\.io|docker\.io:443|index\.docker\.io:443)/",
        6 => r"(registry|reg|a)(\.example|\.b)?\.(com|io)(:5000|:443)?/",
        2 => r"(docker|index|dockers|doc|local|localhosts|reg)(\.io|\.docker\.io|:5000|\.iox)?/",
        1 => r"(\[::1\]|\[2001:db8::a1\]|127\.0\.0\.1)(:5000)?/",
    ];
    let path = prop_oneof![
        4 => "(nginx|app|a\\.b|a\\.b/c|library/a\\.b|acme/app|library/nginx|library/app|team/app|team|te|lib/x)",
        2 => "(localhost|localhosts|docker|lo|local|l)(/app)?",
        1 => "[a-l]{1,3}(/[a-l]{1,2}){0,2}",
    ];
    let tail = prop_oneof![3 => Just(String::new()), 2 => "(:1|:latest|:5000)", 1 => "@sha256:[0-9a-f]{64}"];
    (host, path, tail).prop_map(|(host, path, tail)| format!("{host}{path}{tail}"))
}

/// A key for an image: its host with wildcards, a part of its path.
pub(crate) fn url(image: &str) -> impl Strategy<Value = Option<String>> + use<> {
    let (host, path) = image.split_once('/').unwrap_or(("docker.io", image));
    let host = if host.contains(['.', ':']) || host == "localhost" {
        host
    } else {
        "docker.io"
    };
    let host = if host == "index.docker.io" { "docker.io" } else { host };
    let labels: Vec<String> = host.split('.').map(str::to_owned).collect();
    let path = path.split([':', '@']).next().unwrap_or_default().to_owned();
    let other = r"(registry|reg|\*|r\*|\*g|a|loc\*|\*l\*|\*\*|2\*|\*1|(i\*|\*)\.d\*)(\.example|\.\*|\.b)?(\.com|\.io|\.\*)?(:5000)?(/team|/te|/li|/a\.b|/a\.b/c|/library/a\.b|/library/a|/l|/lo|/localhost/a)?";
    let related = (
        prop::collection::vec((0u8..8, 0usize..9), labels.len()),
        0..=path.len(),
        any::<bool>(),
    );
    let related = related.prop_map(move |(wild, cut, with_path)| {
        let host = labels.iter().zip(wild).map(|(label, (wild, at))| {
            let at = at.min(label.len());
            match wild {
                _ if label.contains(':') => label.clone(),
                0 => "*".to_owned(),
                1 => format!("{}*", &label[..at]),
                2 => format!("*{}", &label[at..]),
                3 => format!("{}*{}", &label[..at], &label[at..]),
                _ => label.clone(),
            }
        });
        let host = host.collect::<Vec<_>>().join(".");
        let path = if with_path {
            format!("/{}", &path[..cut])
        } else {
            String::new()
        };
        format!("{host}{path}")
    });
    prop_oneof![1 => Just(None), 6 => related.prop_map(Some), 3 => other.prop_map(Some)]
}

#[test]
fn patterns_match_the_images_for_which_the_kubelet_uses_the_credentials() {
    let oracle = RefCell::new(Oracle::start());
    let compiled: RefCell<HashMap<String, Regex>> = RefCell::default();
    let counts = RefCell::new([0u32; 2]);
    let mut runner = TestRunner::new(Config {
        cases: 60_000,
        max_global_rejects: 1_000_000,
        failure_persistence: None,
        ..Config::default()
    });
    let pair = image().prop_flat_map(|image| (url(&image), Just(image)));
    let result = runner.run(&pair, |(url, image)| {
        let kind = url
            .as_ref()
            .map_or(RegistryType::DockerHub, |_| RegistryType::PrivateRegistry);
        let Ok(key) = RegistryKey::new(kind, url.as_deref()) else {
            return Ok(());
        };
        let Some(repository) = oracle.borrow_mut().repository(&image) else {
            return Ok(());
        };
        let used = !oracle.borrow_mut().keys(&[key.as_str()], &repository).is_empty();
        counts.borrow_mut()[usize::from(used)] += 1;
        let pattern = image_pattern(&key);
        let matches = pattern.as_ref().is_some_and(|pattern| {
            let mut compiled = compiled.borrow_mut();
            let regex = compiled
                .entry(pattern.clone())
                .or_insert_with(|| Regex::new(pattern).unwrap());
            regex.is_match(&image)
        });
        prop_assert_eq!(matches, used, "{} for {}: {:?}", key.as_str(), image, pattern);
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let [unused, used] = *counts.borrow();
    assert!(
        unused >= 10_000 && used >= 10_000,
        "too few cases to mean anything: {unused} unused, {used} used"
    );
}
