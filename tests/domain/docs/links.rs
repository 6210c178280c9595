//! Links between documents.

use std::path::{Component, Path, PathBuf};

use super::markdown::{headings, prose};
use super::{documents, read, root};

/// The targets of the links of a line, without those in code.
fn targets(line: &str) -> Vec<String> {
    let code_removed: String = line.split('`').step_by(2).collect::<Vec<_>>().join("code");
    let links = code_removed.split("](").skip(1);
    let targets = links.filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned()));
    targets.collect()
}

/// A path without `.` and `..`; `None` if it leaves the repository.
fn normalized(path: &Path) -> Option<PathBuf> {
    let mut parts = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir => parts.pop().then_some(())?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts)
}

/// What is wrong with a link in a document.
fn broken(document: &Path, target: &str) -> Option<String> {
    let (path, anchor) = target
        .split_once('#')
        .map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    let path = if path.is_empty() {
        document.to_owned()
    } else {
        let folder = document.parent().unwrap_or(Path::new(""));
        let Some(path) = normalized(&folder.join(path)) else {
            return Some("leaves the repository".to_owned());
        };
        path
    };
    if !root().join(&path).exists() {
        return Some("does not exist".to_owned());
    }
    let anchor = anchor?;
    let known = headings(&read(&path));
    (!known.iter().any(|known| known == anchor)).then(|| format!("has no heading for #{anchor}"))
}

#[test]
fn every_link_and_anchor_resolves() {
    let mut faults = Vec::new();
    let mut seen = 0;
    for document in documents() {
        let text = read(&document);
        for target in prose(&text).into_iter().flat_map(targets) {
            if target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            seen += 1;
            if let Some(fault) = broken(&document, &target) {
                faults.push(format!("{}: {target} {fault}", document.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(seen > 50, "only {seen} links: are they still found?");
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let mut reached = vec![PathBuf::from("README.md")];
    let mut next = 0;
    while let Some(document) = reached.get(next).cloned() {
        next += 1;
        for target in prose(&read(&document)).into_iter().flat_map(targets) {
            let path = target.split('#').next().unwrap_or_default();
            let folder = document.parent().unwrap_or(Path::new(""));
            let linked =
                normalized(&folder.join(path)).filter(|path| !target.contains("://") && !path.as_os_str().is_empty());
            if let Some(linked) = linked
                && linked.extension().is_some_and(|extension| extension == "md")
                && root().join(&linked).exists()
                && !reached.contains(&linked)
            {
                reached.push(linked);
            }
        }
    }
    let lost: Vec<PathBuf> = documents()
        .into_iter()
        .filter(|page| page.starts_with("docs") && !reached.contains(page))
        .collect();
    assert!(lost.is_empty(), "nobody finds {lost:?}");
}

#[test]
fn every_file_named_in_the_documents_for_developers_exists() {
    let folders = [
        "api/",
        "benches/",
        "charts/",
        "cli/",
        "controller/",
        "crds/",
        "deploy/",
        "docs/",
        "domain/",
        "explain/",
        "hack/",
        "kubernetes/",
        "registry_client/",
        "src/",
        "tests/",
    ];
    let mut seen = 0;
    for document in ["CONTRIBUTING.md", "docs/architecture.md", "docs/development.md"] {
        let text = read(document);
        let code = prose(&text)
            .into_iter()
            .flat_map(|line| line.split('`').skip(1).step_by(2));
        for path in code.filter(|code| folders.iter().any(|folder| code.starts_with(folder))) {
            seen += 1;
            let exists = root().join(path).exists() || root().join("src").join(path).exists();
            assert!(exists, "{document} names {path}, which does not exist");
        }
    }
    assert!(seen > 30, "only {seen} files: are they still found?");
}
