//! What a decision does to the cluster.

use std::fmt;

use crate::domain::credentials::RegistryCredentials;
use crate::domain::names::ObjectKey;
use crate::domain::secret::desired::Desired;
use crate::domain::secret::precondition::Precondition;

/// A write. The API server carries it out only if the object is still what was observed.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Create or update the generated Secret.
    ApplySecret(Box<ApplySecret>),
    /// Delete a Secret that was generated under an earlier name.
    DeleteSecret {
        /// Which.
        secret: ObjectKey,
        /// As what it was observed.
        observed: Precondition,
    },
}

impl Change {
    /// Whether it puts other credentials into a Secret that pods may use.
    pub fn replaces_credentials(&self) -> bool {
        matches!(self, Self::ApplySecret(change) if change.changes_credentials)
    }
}

/// Create or update the generated Secret. `Debug` shows none of its data.
#[derive(Clone, PartialEq)]
pub struct ApplySecret {
    /// The Secret.
    pub desired: Desired,
    /// What it replaces; `None`: there must be none.
    pub replaces: Option<Precondition>,
    /// The credentials in it, to keep them out of messages.
    pub credentials: RegistryCredentials,
    /// Whether it replaces other credentials.
    pub changes_credentials: bool,
}

impl fmt::Debug for ApplySecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ApplySecret")
            .field("secret", self.desired.key())
            .field("replaces", &self.replaces)
            .finish_non_exhaustive()
    }
}
