//! What is distributed.

use std::fmt;

use crate::domain::credential_source::identity::CredentialIdentity;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::distribution::Name;
use crate::domain::secret::desired::Desired;
use crate::domain::secret::shape::CopyShape;

/// A Secret to copy into namespaces. It is in memory as long as it is distributed: to read it for each namespace would cost
/// a request for each. `Debug` shows none of its data.
#[derive(Clone, PartialEq)]
pub struct CopiedSecret {
    desired: Desired,
    /// What a copy has to look like.
    pub shape: CopyShape,
    /// Which version of the credentials it has; opaque.
    pub version: Name,
    /// The credentials in it, to keep them out of messages.
    pub credentials: RegistryCredentials,
    /// Whom they were minted for, if they were: others for the same are a renewal.
    pub identity: Option<CredentialIdentity>,
}

impl fmt::Debug for CopiedSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("CopiedSecret");
        shown.field("version", &self.version).finish_non_exhaustive()
    }
}

impl CopiedSecret {
    /// From the Secret as it is wanted.
    pub fn new(desired: Desired, version: &str, credentials: RegistryCredentials) -> Self {
        Self {
            shape: desired.shape(),
            desired,
            version: version.into(),
            credentials,
            identity: None,
        }
    }

    /// The same, minted for somebody.
    #[must_use]
    pub fn minted_for(self, identity: Option<CredentialIdentity>) -> Self {
        Self { identity, ..self }
    }

    /// What it is called in each namespace.
    pub fn name(&self) -> &str {
        &self.desired.key().name
    }

    /// The copy for a namespace.
    pub fn copy_in(&self, namespace: &str) -> Desired {
        self.desired.copy_in(namespace, &self.version)
    }
}
