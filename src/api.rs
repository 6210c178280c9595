//! The custom resource as users see it.

mod renamed_fields;
mod v1alpha1;
mod validation_rules;

pub use v1alpha1::conditions::{ConditionType, Reason};
pub use v1alpha1::credentials::{CredentialKeys, CredentialsRef};
pub use v1alpha1::docker_pull_secret::{
    AttachTo, AttachToPods, DockerPullSecret, DockerPullSecretSpec, DockerPullSecretStatus, RegistryType,
    SecretTemplate,
};
pub use v1alpha1::pull_failures::{Cause, PullCode, PullFailure};
pub use v1alpha1::verification::{
    CaBundleKind, CaBundleRef, OnRejected, Tls, UnansweredAttempt, Verification, VerificationMode, VerificationResult,
    VerificationStatus,
};

use kube::CustomResourceExt as _;
use serde_json::{Value, json};

/// API group of all kinds.
pub const GROUP: &str = "pullsecrets.dev";

/// The kinds whose resources generate Secrets and own them.
pub const KINDS: [&str; 1] = ["DockerPullSecret"];

/// `apiVersion` of all kinds.
pub const API_VERSION: &str = "pullsecrets.dev/v1alpha1";

/// Name under which server-side apply records what this operator owns, in Secrets and in status.
pub const FIELD_MANAGER: &str = "docker-pull-secret-operator";

/// Label on every generated Secret, with [`FIELD_MANAGER`] as its value.
pub const MANAGED_BY_LABEL: &str = "app.kubernetes.io/managed-by";

/// Annotation on a ServiceAccount: names of the Secrets that the operator has put into its `imagePullSecrets`, with commas
/// between them.
pub const ATTACHED_ANNOTATION: &str = "pullsecrets.dev/attached";

/// Annotation that requests a verification of the credentials now, with any new value.
pub const VERIFY_ANNOTATION: &str = "pullsecrets.dev/verify";

/// The `CustomResourceDefinition` as a JSON document, as `dps crds` prints it.
///
/// It is as derived, but for the label and the old names of fields.
pub fn crd() -> Value {
    let mut crd = serde_json::to_value(DockerPullSecret::crd()).unwrap_or_default();
    crd["metadata"]["labels"] = json!({"app.kubernetes.io/part-of": FIELD_MANAGER});
    for version in crd["spec"]["versions"].as_array_mut().into_iter().flatten() {
        renamed_fields::keep_in_schema(&mut version["schema"]["openAPIV3Schema"]);
    }
    crd
}
