//! The words of kubelets, container runtimes and registries, and what they mean.

use crate::domain::pull_failures::error_class::ErrorClass;

mod answers;
mod connection;
mod credentials;
mod image;
mod node;

/// Who writes the words of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The kubelet.
    Kubelet,
    /// containerd.
    Containerd,
    /// CRI-O, with the library containers/image.
    CriO,
    /// dockerd, with cri-dockerd in front of it.
    Dockerd,
    /// A registry or a host behind it; runtimes repeat it.
    Registry,
    /// The operating system of the node.
    Os,
    /// More than one of these.
    Any,
}

/// Words, and what they mean.
#[derive(Clone, Copy, Debug)]
pub struct Pattern {
    /// What they mean.
    pub class: &'static ErrorClass,
    /// Fragments in lower case; ` + ` joins those that all have to occur. `401` and the like mean that HTTP status and
    /// not these digits; `5xx` means every status from 500.
    pub words: &'static str,
    /// Who writes them.
    pub writer: Writer,
    /// Where they can be seen: an issue, `owner/repository:file`, a document, or `generic` for words of many.
    pub source: &'static str,
}

/// One row per pattern: `class: words, writer, source;`
macro_rules! patterns {
    ($($class:ident: $words:literal, $writer:ident, $source:literal;)*) => {
        &[$(Pattern {
            class: &ErrorClass::$class,
            words: $words,
            writer: Writer::$writer,
            source: $source,
        }),*]
    };
}
pub(crate) use patterns;

/// Every pattern. The first match wins: what is specific stands before what it contains.
pub fn all() -> impl Iterator<Item = &'static Pattern> {
    [
        image::PATTERNS,
        credentials::PATTERNS,
        node::PATTERNS,
        connection::PATTERNS,
        answers::PATTERNS,
    ]
    .into_iter()
    .flatten()
}
