//! The crate's own source code, as the tests of its structure read it.

use std::path::{Path, PathBuf};

use crate::support::repository;

/// A source file: where it is, and the path of its module.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) module: Vec<String>,
    pub(super) text: String,
}

impl Source {
    /// Lines that are not comments, with their numbers.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    pub(super) fn place(&self, line: usize) -> String {
        let path = self.path.strip_prefix(repository()).unwrap();
        format!("{}:{line}", path.display())
    }

    /// Whether it is a module or below it.
    pub(super) fn is_in(&self, module: &[&str]) -> bool {
        self.module
            .iter()
            .map(String::as_str)
            .take(module.len())
            .eq(module.iter().copied())
    }

    /// The children of a module that it uses, with the lines.
    pub(super) fn uses(&self, module: &[&str]) -> Vec<(usize, String)> {
        let text: String = self.text.lines().map(without_comment).collect::<Vec<_>>().join("\n");
        let mut found = Vec::new();
        let mut from = 0;
        while let Some((begin, mut path, rest)) = next_path(&text, from, &self.module) {
            let line = text[..begin].matches('\n').count() + 1;
            from = text.len() - rest.len();
            let mut heads = path_heads(rest);
            // The parts of the module that the path has not named itself.
            while path.len() < module.len() && heads.len() == 1 && !heads[0].1.is_empty() {
                path.push(heads[0].0.to_owned());
                heads = path_heads(heads[0].1);
            }
            if path.iter().map(String::as_str).eq(module.iter().copied()) {
                found.extend(heads.into_iter().map(|(head, _)| (line, head.to_owned())));
            }
        }
        found
    }
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") { "" } else { line }
}

/// The next path that begins with `crate::` or `super::`: where it begins, the module that these words name, and the text
/// after them.
fn next_path<'a>(text: &'a str, from: usize, module: &[String]) -> Option<(usize, Vec<String>, &'a str)> {
    let begin = ["crate::", "super::"]
        .iter()
        .filter_map(|word| text[from..].find(word))
        .min()?
        + from;
    let mut rest = &text[begin..];
    let mut path = module.to_vec();
    if let Some(after) = rest.strip_prefix("crate::") {
        return Some((begin, Vec::new(), after));
    }
    while let Some(after) = rest.strip_prefix("super::") {
        path.pop();
        rest = after;
    }
    Some((begin, path, rest))
}

/// The first names of a path or of a group of paths, each with what follows its `::`.
fn path_heads(text: &str) -> Vec<(&str, &str)> {
    let Some(group) = text.strip_prefix('{') else {
        return Vec::from_iter(head(text));
    };
    let (mut depth, mut begin, mut heads) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.extend(head(group[begin..at].trim()));
                begin = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

fn head(path: &str) -> Option<(&str, &str)> {
    let end = path
        .find(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .unwrap_or(path.len());
    let rest = path[end..].strip_prefix("::").unwrap_or_default();
    (end > 0).then_some((&path[..end], rest))
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() && entry.file_name() != ".cache" {
            found.extend(files(&entry.path()));
        } else if kind.is_file() {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

pub(super) fn sources() -> Vec<Source> {
    let root = repository().join("src");
    let rust = files(&root)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let source = |path: PathBuf| {
        let module = path.strip_prefix(&root).unwrap().with_extension("");
        let module = module.iter().map(|part| part.to_str().unwrap().to_owned());
        let module: Vec<String> = module.filter(|part| part != "mod" && part != "lib").collect();
        let text = std::fs::read_to_string(&path).unwrap();
        Source { path, module, text }
    };
    let all: Vec<Source> = rust.map(source).collect();
    assert!(all.len() > 50);
    all
}

/// The type that a line declares. Aliases inside a trait or its implementation belong to that.
pub(super) fn declared_type(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let keyword = words.next()?;
    let inside = line.starts_with(char::is_whitespace);
    let declares = matches!(keyword, "struct" | "enum" | "trait" | "union") || (keyword == "type" && !inside);
    let (name, _) = head(declares.then(|| words.next()).flatten()?)?;
    Some(name)
}
