//! The images for which a kubelet uses credentials, as a regular expression.
//!
//! An admission policy attaches Secrets by it, and CEL's `matches` is all that it has: RE2, which cannot look ahead. The
//! expression is about images as pods name them, while the kubelet normalizes them before it compares them with keys.

use std::collections::BTreeSet;

use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::matching;

/// Longest expression. Only a key with dozens of wildcards needs a longer one.
pub const LENGTH: usize = 4096;

/// What an image may begin with that is pulled from Docker Hub.
const DOCKER_HUB: &str = r"(?:index\.)?docker\.io/";

/// The hosts that stand for Docker Hub, by their labels.
const DOCKER_HUB_LABELS: [&[&str]; 2] = [&["docker", "io"], &["index", "docker", "io"]];

/// What ends a label of a host, or the whole host. As in all expressions here, to stand inside brackets.
const LABEL_ENDS: &str = "/.:";

/// What a first component has that is a host and no part of a path.
const HOST_SIGNS: &str = "/.:A-Z";

/// Matches the valid image names for which the kubelet uses credentials with this key, and no other valid one. `None` if
/// it would be longer than [`LENGTH`].
pub fn image_pattern(key: &RegistryKey) -> Option<String> {
    let alternatives = if key.is_docker_hub() {
        // As the kubelet's fallback: whatever begins with no host that has a dot or a port.
        vec!["[^/]+$".to_owned(), "[^/.:]+/".to_owned(), DOCKER_HUB.to_owned()]
    } else {
        private(key.as_str())?
    };
    let pattern = format!("^(?:{})", alternatives.join("|"));
    (pattern.len() <= LENGTH).then_some(pattern)
}

fn private(key: &str) -> Option<Vec<String>> {
    let (host, port, path) = matching::parts(key)?;
    let path = path.strip_prefix('/').unwrap_or(&path);
    let docker_hub = DOCKER_HUB_LABELS.iter().find(|labels| matches_labels(&host, labels));
    let hosts = match docker_hub.filter(|_| port.is_empty()) {
        Some(labels) => except_host(&host, labels),
        None if port.is_empty() => vec![glob(&host)],
        None => with_port(&host, &port),
    };
    let mut all: Vec<String> = hosts.iter().map(|host| format!("{host}/{}", quote(path))).collect();
    if port.is_empty() && matches_labels(&host, DOCKER_HUB_LABELS[0]) {
        all.extend(docker_hub_below(path));
    }
    Some(all)
}

/// The kubelet knows an IPv6 address without its brackets, as a single label.
fn with_port(host: &str, port: &str) -> Vec<String> {
    if host.contains(':') {
        return vec![format!(r"\[{}\]:{port}", quote(host))];
    }
    let mut all = vec![format!("{}:{port}", glob(host))];
    if host.contains('*') && !host.contains('.') {
        all.push(format!(r"\[{}\]:{port}", with_stars(host, "[0-9a-fA-F:]*")));
    }
    all
}

/// The hosts that match, but for one that stands for Docker Hub.
fn except_host(host: &str, but: &[&str]) -> Vec<String> {
    let labels: Vec<&str> = host.split('.').collect();
    let differing = |at: usize| {
        let label = except(labels[at], but[at], LABEL_ENDS)?;
        let before = but[..at].iter().map(|label| quote(label));
        let after = labels[at + 1..].iter().map(|label| glob(label));
        let all: Vec<String> = before.chain([label]).chain(after).collect();
        Some(all.join(r"\."))
    };
    (0..labels.len()).filter_map(differing).collect()
}

/// The images of Docker Hub whose repository begins with this path, in each way to write them.
fn docker_hub_below(path: &str) -> Vec<String> {
    let mut all = Vec::new();
    let (text, first) = (quote(path), path.split('/').next().unwrap_or_default());
    let is_deep = path.contains('/');
    let is_host = first.contains(['.', ':']) || first.chars().any(char::is_uppercase);
    if is_deep {
        all.push(format!("{DOCKER_HUB}{text}"));
        all.extend((!is_host && first != "localhost").then_some(text));
    } else {
        all.push(format!("{DOCKER_HUB}{text}[^/]*/"));
        let first = except(&format!("{path}*"), "localhost", HOST_SIGNS).filter(|_| !is_host);
        all.extend(first.map(|first| format!("{first}/")));
    }
    // A single component is short for one below `library`.
    let name = if "library/".starts_with(path) {
        Some("")
    } else {
        path.strip_prefix("library/").filter(|name| !name.contains('/'))
    };
    all.extend(name.map(|name| format!("(?:{DOCKER_HUB})?{}[^/]*$", quote(name))));
    all
}

/// What a label of a host may be.
fn glob(label: &str) -> String {
    with_stars(label, &format!("[^{LABEL_ENDS}]*"))
}

/// What matches a glob and is not this word; `None` if nothing does.
///
/// It goes through the word with all that may be left of the glob: what is wanted differs in one letter, or ends before,
/// or goes on behind.
fn except(pattern: &str, word: &str, ends: &str) -> Option<String> {
    let any = format!("[^{ends}]*");
    let text = |glob: &str| with_stars(glob, &any);
    let mut found = Vec::new();
    let mut left = with_empty_stars([pattern]);
    for (index, letter) in word.char_indices() {
        let before = quote(&word[..index]);
        found.extend(left.iter().filter_map(|rest| match rest.chars().next() {
            None => Some(before.clone()),
            Some('*') => Some(format!("{before}[^{ends}{letter}]{}", text(rest))),
            Some(other) => (other != letter).then(|| format!("{before}{}", text(rest))),
        }));
        left = with_empty_stars(left.iter().filter_map(|rest| {
            let is_star = rest.starts_with('*');
            if is_star {
                Some(*rest)
            } else {
                rest.strip_prefix(letter)
            }
        }));
    }
    found.extend(left.iter().filter_map(|rest| match rest.chars().next() {
        None => None,
        Some('*') => Some(format!("{}[^{ends}]{}", quote(word), text(rest))),
        Some(_) => Some(format!("{}{}", quote(word), text(rest))),
    }));
    (!found.is_empty()).then(|| format!("(?:{})", found.join("|")))
}

/// These globs, and what is left of them if their first `*` stands for nothing.
fn with_empty_stars<'a>(globs: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    for mut glob in globs {
        all.insert(glob);
        while let Some(rest) = glob.strip_prefix('*') {
            all.insert(rest);
            glob = rest;
        }
    }
    all
}

fn matches_labels(host: &str, labels: &[&str]) -> bool {
    matching::host_matches(host, &labels.join("."))
}

/// A glob, with this for each `*`.
fn with_stars(glob: &str, star: &str) -> String {
    let parts: Vec<String> = glob.split('*').map(quote).collect();
    parts.join(star)
}

/// The text as it stands.
fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for letter in text.chars() {
        if r"\.+*?()|[]{}^$".contains(letter) {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted
}
