//! How a resource stands in one namespace, and what is done about it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

use crate::api::Reason;
use crate::domain::distribution::copies::Copy;
use crate::domain::distribution::{Distribution, Distributions, Name};
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::secret::precondition::Precondition;

/// How it stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// The namespace is not to have the Secret, or is being deleted.
    NotSelected,
    /// It has the Secret.
    Ready,
    /// It will have it in a moment, or has an outdated one.
    Pending,
    /// A DockerPullSecret of the namespace generates the Secret of this name.
    Overridden(String),
    /// Something is in the way.
    Failing(Problem),
}

impl Standing {
    /// Whether the Secret of that name there is the resource's, or is to be.
    pub fn is_wanted(&self) -> bool {
        match self {
            Self::Ready | Self::Pending | Self::Failing(_) => true,
            Self::NotSelected | Self::Overridden(_) => false,
        }
    }
}

/// What is to be done in a namespace.
#[derive(Clone, Debug, PartialEq)]
pub enum CopyAction {
    /// Nothing.
    Leave,
    /// Write the Secret: there is none of its name, or this one.
    Write(Option<Precondition>),
    /// Somebody else's Secret has its name: read it, and see whether it may be written.
    Inspect,
    /// Delete a Secret that is not wanted any more.
    Delete {
        /// Its name.
        secret: String,
        /// As what it was observed.
        observed: Precondition,
    },
}

impl Distributions {
    /// How a resource stands in a namespace, and what is to be done there. `of_namespace`: the DockerPullSecret there that wants the
    /// Secret of this name, if there is one: that is the namespace's own word.
    pub fn standing(&self, resource: &str, namespace: &Name, of_namespace: Option<&str>) -> (Standing, CopyAction) {
        let nothing = (Standing::NotSelected, CopyAction::Leave);
        let (Some(one), Some(known)) = (self.get(resource), self.namespaces.get(namespace)) else {
            return nothing;
        };
        if known.is_terminating {
            return nothing;
        }
        let copy = self.copies.get(&one.uid, namespace, &one.target);
        let selected = one.selects(namespace, known);
        let (standing, action) = match (selected, of_namespace) {
            (None, _) if copy.is_some() => (Standing::Ready, CopyAction::Leave),
            (None, _) => nothing,
            (Some(false), _) => (Standing::NotSelected, self.delete(one, namespace, None)),
            (Some(true), Some(other)) => (
                Standing::Overridden(other.to_owned()),
                self.delete(one, namespace, Some(&one.target)),
            ),
            (Some(true), None) => match self.older(resource, one, namespace) {
                Some(older) => (Standing::Failing(older), CopyAction::Leave),
                None => self.selected(one, namespace, copy),
            },
        };
        if one.suspended {
            return (standing, CopyAction::Leave);
        }
        (standing, action)
    }

    fn selected(&self, one: &Distribution, namespace: &Name, copy: Option<&Copy>) -> (Standing, CopyAction) {
        let Some(content) = one.current_content() else {
            let standing = if copy.is_some() {
                Standing::Ready
            } else {
                Standing::Pending
            };
            return (standing, CopyAction::Leave);
        };
        let problem = one.problems.get(namespace).cloned();
        let behind = problem.map_or(Standing::Pending, Standing::Failing);
        match copy {
            // It is written again when it is gone.
            Some(copy) if copy.is_terminating => (behind, CopyAction::Leave),
            Some(copy) if copy.version == content.version && copy.shape == content.shape => {
                (Standing::Ready, self.delete(one, namespace, Some(&one.target)))
            }
            Some(copy) => (behind, CopyAction::Write(Some(precondition(copy)))),
            None if self.copies.is_taken(namespace, &one.target) => (behind, CopyAction::Inspect),
            None => (behind, CopyAction::Write(None)),
        }
    }

    /// Deletes a copy under another name than the wanted one.
    fn delete(&self, one: &Distribution, namespace: &Name, but: Option<&Name>) -> CopyAction {
        let copies = self.copies.in_namespace(&one.uid, namespace);
        // What it was told to read may have been a copy before.
        let is_read = |name: &Name| !self.reading_secret(&ObjectKey::new(&**namespace, &**name)).is_empty();
        let mut unwanted = copies.filter(|(name, copy)| Some(*name) != but && !copy.is_terminating && !is_read(name));
        unwanted
            .next()
            .map_or(CopyAction::Leave, |(name, copy)| CopyAction::Delete {
                secret: name.to_string(),
                observed: precondition(copy),
            })
    }

    /// Another resource for many namespaces that generates the Secret of this name there, and is older.
    fn older(&self, resource: &str, one: &Distribution, namespace: &Name) -> Option<Problem> {
        let known = self.namespaces.get(namespace)?;
        let is_older = |(name, other): &(&str, &Distribution)| {
            other.target == one.target
                && (other.created, *name) < (one.created, resource)
                && other.selects(namespace, known) == Some(true)
        };
        let (older, _) = self.all().find(is_older)?;
        Some(Problem::new(
            Reason::OwnedByOther,
            format!(
                "ClusterDockerPullSecret {older:?} is older and generates the Secret of this name; set another spec.secretName in one of them"
            ),
        ))
    }

    /// Whether the resource for many namespaces that an owner reference names wants a Secret; `None` if there is no such resource.
    pub fn wants(&self, owner: &OwnerReference, secret: &ObjectKey) -> Option<bool> {
        let one = self.get(&owner.name).filter(|one| one.uid.as_str() == owner.uid)?;
        let known = self.namespaces.get(&secret.namespace)?;
        Some(*one.target == *secret.name && one.selects(&secret.namespace, known) == Some(true))
    }
}

fn precondition(copy: &Copy) -> Precondition {
    Precondition {
        uid: Some(copy.uid.to_string()),
        resource_version: Some(copy.resource_version.to_string()),
    }
}
