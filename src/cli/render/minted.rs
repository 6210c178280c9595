//! Resources whose credentials are minted: all that can be said of them without a cluster.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::api::Reason;
use crate::cli::manifests::Manifests;
use crate::domain::credential_source::minted;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::minting::identity::MintIdentity;
use crate::domain::minting::minted::MintedCredentials;
use crate::domain::minting::settings::MintSettings;
use crate::domain::minting::source::{Asker, MintRequest, MintSource};
use crate::domain::minting::static_key;
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::secret::desired::Desired;
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::time::Timestamp;

/// What is said instead of a Secret.
const NOTE: &str =
    "its credentials are minted in the cluster, so there is no Secret to render; dps mint tries it against a cluster";

/// Checks what can be known: whether the registry fits the cloud, and the key, if the input has it. Returns warnings: what the identity
/// lacks in the input may be in the cluster.
pub(super) fn check(
    spec: &ValidatedSpec,
    source: &MintSource,
    namespace: &str,
    manifests: &Manifests,
    settings: &MintSettings,
) -> Result<Vec<String>, Problem> {
    let mut annotations = None;
    match &source.asker {
        Asker::ServiceAccount(name) => {
            annotations = annotations_of(&ObjectKey::new(namespace, name.as_str()), manifests);
        }
        Asker::StaticKey { secret, keys } => {
            // It may be applied from elsewhere.
            if let Some(key) = manifests.source(spec, namespace)? {
                static_key::read(source.request.provider(), (namespace, secret), keys, Some(&key))?;
            }
        }
    }
    let is_known = annotations.is_some();
    let identity = MintIdentity::new(source, &spec.registry, &annotations.unwrap_or_default(), settings);
    // The operator may be told of its GKE cluster.
    let is_of_operator = matches!(source.request, MintRequest::Google { provider: None, .. });
    let doubt = match identity {
        Ok(_) => None,
        Err(problem) if problem.reason == Reason::IdentityMissing => {
            Some(problem.message).filter(|_| is_known && !is_of_operator)
        }
        Err(problem) => return Err(problem),
    };
    Ok(doubt.into_iter().chain([NOTE.to_owned()]).collect())
}

/// The annotations of a ServiceAccount, if the input has it. Several files may each have some of them.
fn annotations_of(account: &ObjectKey, manifests: &Manifests) -> Option<BTreeMap<String, String>> {
    let is_it = |object: &&Value| {
        let metadata = &object["metadata"];
        object["kind"] == "ServiceAccount"
            && metadata["name"] == account.name.as_str()
            && metadata["namespace"].as_str().unwrap_or("default") == account.namespace
    };
    let objects = manifests.others.iter().map(|(_, object)| object).filter(is_it);
    let annotations = objects.map(|object| {
        let annotations = serde_json::from_value(object["metadata"]["annotations"].clone());
        annotations.unwrap_or_else(|_| BTreeMap::new())
    });
    annotations.reduce(|all, more| all.into_iter().chain(more).collect())
}

/// The Secret as far as it is known, to compare it with one of its name.
pub(super) fn expected(spec: &ValidatedSpec, namespace: &str) -> Desired {
    let unknown = MintedCredentials {
        credentials: RegistryCredentials::unknown(),
        issued_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH,
    };
    Desired::new(namespace, None, spec, &minted(spec, "", "", unknown))
}
