//! The core stays pure, imports go one way, and files stay small enough to be read.

mod source;

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::support::repository;
use source::{Source, declared_type, files, sources};

/// The modules of the crate. One imports only what stands before it.
const LAYERS: [&str; 9] = [
    "api",
    "domain",
    "explain",
    "form",
    "page",
    "kubernetes",
    "registry_client",
    "controller",
    "cli",
];

/// The modules of `domain`. One imports only what stands before it.
const DOMAIN: [&str; 24] = [
    "glob",
    "names",
    "proxy",
    "time",
    "leadership",
    "text",
    "problem",
    "credentials",
    "registry",
    "docker_config",
    "minting",
    "spec",
    "credential_source",
    "verification",
    "secret",
    "distribution",
    "pull_failures",
    "recovery",
    "index",
    "attachment",
    "status",
    "reconcile",
    "doctor",
    "listing",
];

/// What would make code depend on more than its arguments.
const IMPURE: [&str; 20] = [
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
    "tracing",
    "println!",
    "Mutex",
    "RwLock",
    "Atomic",
    "thread_local",
];

/// Documents that are in no clone of this repository; `.md` follows.
const ELSEWHERE: [&str; 11] = [
    "admission",
    "cloud",
    "crates",
    "design",
    "domain",
    "ecosystem",
    "hostile",
    "house",
    "peers",
    "style",
    "testbed",
];

fn none(found: &[String]) {
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_core_knows_no_client_clock_environment_lock_or_async_code() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|one| {
        ["domain", "explain", "form", "page"]
            .iter()
            .any(|pure| one.is_in(&[pure]))
    }) {
        for (line, code) in source.code() {
            let is_word = |word: &str| {
                let mut ends = code.match_indices(word).map(|(at, _)| &code[at + word.len()..]);
                ends.any(|rest| !rest.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_'))
            };
            let words = IMPURE
                .iter()
                .filter(|word| word.ends_with([':', ' ', '!']) && code.contains(**word) || is_word(word));
            found.extend(words.map(|word| format!("{} has {word}", source.place(line))));
        }
    }
    none(&found);
}

/// Uses of a module's children that stand after the user in the order.
fn against(order: &[&str], module: &[&str]) -> Vec<String> {
    let place = |name: &str| order.iter().position(|known| *known == name);
    let mut found = Vec::new();
    for source in sources().iter().filter(|one| one.is_in(module)) {
        let Some(own) = source.module.get(module.len()) else {
            continue;
        };
        let Some(rank) = place(own) else {
            // The program itself uses everything.
            if own != "main" {
                found.push(format!("{} is in no place of the order", source.place(1)));
            }
            continue;
        };
        for (line, used) in source.uses(module) {
            if place(&used).is_none_or(|used| used > rank) {
                found.push(format!("{} uses {used}, which is not before {own}", source.place(line)));
            }
        }
    }
    found
}

#[test]
fn layers_import_only_what_is_below_them() {
    none(&against(&LAYERS, &[]));
}

#[test]
fn folders_of_the_core_import_only_folders_before_them() {
    none(&against(&DOMAIN, &["domain"]));
}

#[test]
fn imports_are_found_in_every_spelling() {
    let source = |module: &str, text: &str| Source {
        path: PathBuf::new(),
        module: module.split("::").map(str::to_owned).collect(),
        text: text.to_owned(),
    };
    let table = [
        ("domain::a", "use crate::domain::x::Y;", &["x"][..]),
        ("domain::a::b", "use crate::{api, domain::x::Y};", &[]),
        (
            "domain::a::b",
            "use crate::domain::{\n    x::{Y, Z},\n    w,\n};",
            &["x", "w"],
        ),
        ("domain::a", "use super::x;", &["x"]),
        ("domain::a::b", "use super::x;", &[]),
        ("domain::a::b", "fn f() -> super::super::x::Y {}", &["x"]),
        ("domain::a", "/// See [`crate::domain::x`].\nuse crate::api::Y;", &[]),
    ];
    for (module, text, expected) in table {
        let found = source(module, text).uses(&["domain"]);
        let found: Vec<&str> = found.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn a_type_name_is_declared_once() {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources() {
        for (line, code) in source.code() {
            if let Some(name) = declared_type(code) {
                places.entry(name.to_owned()).or_default().push(source.place(line));
            }
        }
    }
    assert!(places.len() > 100);
    let twice = places.into_iter().filter(|(_, places)| places.len() > 1);
    none(
        &twice
            .map(|(name, places)| format!("{name}: {}", places.join(", ")))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn nothing_refers_to_a_document_outside_of_the_repository() {
    let root = repository();
    let folders = [
        "src",
        "tests",
        "benches",
        "fuzz/fuzz_targets",
        "charts",
        "deploy",
        "docs",
        "hack",
        ".ci",
    ];
    let mut all: Vec<PathBuf> = folders
        .iter()
        .map(|folder| root.join(folder))
        .filter(|folder| folder.exists())
        .flat_map(|folder| files(&folder))
        .collect();
    let top = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
    all.extend(["fuzz/Cargo.toml", "fuzz/lib.rs"].map(|file| root.join(file)));
    all.extend(top.filter(|path| path.is_file() && !path.ends_with(".git") && !path.ends_with("Cargo.lock")));
    let mut found = Vec::new();
    for path in all {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            let names = ELSEWHERE.iter().map(|name| format!("{name}.md"));
            let names = names.chain([["..", "shared"].join("/"), ["", "work", ""].join("/")]);
            let outside = names.into_iter().filter(|name| is_named(line, name));
            let place = path.strip_prefix(&root).unwrap().display();
            found.extend(outside.map(|name| format!("{place}:{} names {name}", number + 1)));
        }
    }
    none(&found);
}

/// Whether a name stands in a line by itself, not as the end of a longer one.
fn is_named(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
    })
}

#[test]
fn one_file_writes_to_the_terminal() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.module != ["cli", "output"]) {
        for (line, code) in source.code() {
            let words = ["print!", "println!", "dbg!", "io::stdout", "stderr()"];
            let used = words.iter().filter(|word| code.contains(**word));
            found.extend(used.map(|word| format!("{} has {word}", source.place(line))));
        }
    }
    none(&found);
}

#[test]
fn a_file_has_at_most_350_lines() {
    let long = sources().into_iter().filter(|source| source.text.lines().count() > 350);
    none(
        &long
            .map(|source| format!("{}: what does it hide?", source.place(351)))
            .collect::<Vec<_>>(),
    );
}
