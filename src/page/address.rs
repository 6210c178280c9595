//! Addresses of the pages.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 3986, section 2.3, calls unreserved stays as it is.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~');

/// Stands for no context in a path.
const NO_CONTEXT: &str = "-";

/// Begins the segment of a context whose name a path cannot have: browsers take `.` and `..` for folders.
const ESCAPE: char = '~';

/// Where a page is: the path of the session and the context of the kubeconfig. Each tab of a browser keeps its own context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePlace {
    /// The first part of every path of the session.
    pub scope: String,
    /// The context; empty where there is no kubeconfig.
    pub context: String,
}

impl PagePlace {
    /// The path of a page of this context.
    pub fn path(&self, segments: &[&str]) -> String {
        let context = match self.context.as_str() {
            "" => NO_CONTEXT.to_owned(),
            name if matches!(name, "." | ".." | NO_CONTEXT) || name.starts_with(ESCAPE) => format!("{ESCAPE}{name}"),
            name => name.to_owned(),
        };
        let all = [self.scope.as_str(), "at", context.as_str()]
            .into_iter()
            .chain(segments.iter().copied());
        let segments: Vec<String> = all.map(encoded).collect();
        format!("/{}", segments.join("/"))
    }

    /// The path of a resource. Without a namespace, it is one for many.
    pub fn resource(&self, namespace: Option<&str>, name: &str) -> String {
        match namespace {
            Some(namespace) => self.path(&["namespaces", namespace, name]),
            None => self.path(&["shared", name]),
        }
    }

    /// The path where changes after a version are announced.
    pub fn live(&self, version: u64) -> String {
        format!("{}?seen={version}", self.path(&["live"]))
    }

    /// The path of the list in another context.
    pub fn in_context(&self, context: &str) -> String {
        let scope = self.scope.clone();
        let context = context.to_owned();
        Self { scope, context }.path(&[])
    }

    /// The path of a file that belongs to the pages.
    pub fn asset(&self, name: &str) -> String {
        format!("/{}/assets/{name}", self.scope)
    }
}

/// The context that a segment of a path stands for; empty where there is no kubeconfig.
pub fn context_of(segment: &str) -> &str {
    match segment {
        NO_CONTEXT => "",
        segment => segment.strip_prefix(ESCAPE).unwrap_or(segment),
    }
}

/// A text as a segment of a path or a value of a query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// A query of the values that are not empty, with its question mark.
pub fn query(values: &[(&str, &str)]) -> String {
    let values: Vec<String> = values
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    if values.is_empty() {
        String::new()
    } else {
        format!("?{}", values.join("&"))
    }
}
