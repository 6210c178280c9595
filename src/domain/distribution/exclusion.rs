//! Why a resource for many namespaces puts no Secret into one of them.

use crate::domain::distribution::Distributions;
use crate::domain::text::cut;

/// Longest selector that is shown, in characters.
const SELECTOR_LENGTH: usize = 200;

/// What keeps the Secret out of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exclusion {
    /// Nobody can tell: the labels of the namespace are not known.
    Unknown,
    /// The annotation of the namespace.
    Annotated {
        /// Whether nothing else does.
        alone: bool,
    },
    /// `spec.excludeNamespaces`.
    Named {
        /// The place in that list of its own name, if nothing else keeps it out.
        alone: Option<usize>,
    },
    /// The labels are not those of the selector.
    Labels {
        /// The selector, as `kubectl get -l` takes it.
        selector: String,
        /// The labels with which it is selected, if they do not replace others; otherwise none.
        missing: Vec<(String, String)>,
    },
}

impl Distributions {
    /// Why a resource does not select a namespace; `None` if it does, if the namespace is that of its login, or if nobody can
    /// tell, since the resource is invalid.
    pub fn exclusion(&self, resource: &str, namespace: &str) -> Option<Exclusion> {
        let one = self.get(resource)?;
        let selection = one.selection.as_ref()?;
        let Some(known) = self.namespaces.get(namespace) else {
            return Some(Exclusion::Unknown);
        };
        if one.selects(namespace, known)? || one.is_source(namespace) {
            return None;
        }
        Some(if known.is_excluded {
            Exclusion::Annotated {
                alone: selection.matches(namespace, |key| known.label(key)),
            }
        } else if selection.excludes(namespace) {
            let index = selection.only_exclusion(namespace);
            Exclusion::Named {
                alone: index.filter(|_| selection.takes_labels(|key| known.label(key))),
            }
        } else {
            Exclusion::Labels {
                selector: cut(selection.selector(), SELECTOR_LENGTH),
                missing: selection.missing_labels(&known.labels()),
            }
        })
    }
}
