//! The core stays pure, and files stay small enough to be read.

use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

#[test]
fn the_core_knows_no_client_clock_environment_or_async_code() {
    let mut files = sources(&root().join("domain"));
    files.push(root().join("domain.rs"));
    assert!(files.len() > 10);
    let forbidden = [
        "kube::Client",
        "kube::Api",
        "kube::runtime",
        "kube::client",
        "tokio",
        "futures::",
        "async ",
        ".await",
        "std::env",
        "std::fs",
        "std::net::Tcp",
        "Timestamp::now",
        "Instant",
        "SystemTime",
        "crate::shell",
        "crate::cli",
        "tracing",
        "println!",
        "Mutex",
    ];
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code {
            for word in forbidden {
                assert!(!line.contains(word), "{}: {word} in: {line}", file.display());
            }
        }
    }
}

#[test]
fn a_file_has_at_most_350_lines() {
    for file in sources(&root()) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 350, "{} has {lines} lines: what does it hide?", file.display());
    }
}

#[test]
fn every_condition_reason_and_cause_is_in_the_readme() {
    use strum::IntoEnumIterator as _;
    let readme = std::fs::read_to_string(root().join("../README.md")).unwrap();
    let conditions = dps::api::ConditionType::iter().map(dps::api::ConditionType::as_str);
    let causes = dps::api::Cause::iter().map(dps::api::Cause::as_str);
    for word in dps::api::Reason::iter()
        .map(dps::api::Reason::as_str)
        .chain(conditions)
        .chain(causes)
    {
        assert!(readme.contains(&format!("`{word}`")), "{word} is missing");
    }
}
