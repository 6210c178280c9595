//! The custom resource as users see it.

mod renamed_fields;
mod v1alpha1;
mod validation_rules;

pub use v1alpha1::cluster_docker_pull_secret::{
    ClusterCredentialsRef, ClusterDockerPullSecret, ClusterDockerPullSecretSpec,
};
pub use v1alpha1::conditions::{ConditionType, Reason};
pub use v1alpha1::credentials::{CredentialKeys, CredentialsRef};
pub use v1alpha1::credentials_from::{
    AwsLogin, AzureLogin, ClusterCredentialsFrom, CredentialsFrom, GoogleLogin, MintingServiceAccount, QuayLogin,
    StaticKeyNames, StaticKeyRef,
};
pub use v1alpha1::docker_pull_secret::{
    AttachTo, AttachToPods, DockerPullSecret, DockerPullSecretSpec, DockerPullSecretStatus, EvictPods, MintedStatus,
    NamespaceCounts, NamespaceFailure, Recovery, RegistryType, SecretTemplate,
};
pub use v1alpha1::pull_failures::{Cause, FailingNamespace, PullCode, PullFailure};
pub use v1alpha1::verification::{
    CaBundleKind, CaBundleRef, OnRejected, Tls, UnansweredAttempt, Verification, VerificationMode, VerificationResult,
    VerificationStatus,
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::{Value, json};

/// API group of all kinds.
pub const GROUP: &str = "pullsecrets.dev";

/// The kind for one namespace.
pub const DOCKER_PULL_SECRET: &str = "DockerPullSecret";

/// The kind for many namespaces.
pub const CLUSTER_DOCKER_PULL_SECRET: &str = "ClusterDockerPullSecret";

/// The kinds whose resources generate Secrets and own them.
pub const KINDS: [&str; 2] = [DOCKER_PULL_SECRET, CLUSTER_DOCKER_PULL_SECRET];

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

/// Annotation on a Namespace: with the value `true`, no [`ClusterDockerPullSecret`] puts a Secret there.
pub const EXCLUDE_ANNOTATION: &str = "pullsecrets.dev/exclude";

/// Annotation on a Secret that a [`ClusterDockerPullSecret`] generates: which version of the credentials it holds. It is opaque, and
/// made of no part of them.
pub const CONTENT_ANNOTATION: &str = "pullsecrets.dev/content";

/// Fields of a status that only a [`ClusterDockerPullSecret`] has: the place, and their names.
const OF_NAMESPACES: [(&str, &[&str]); 3] = [
    ("", &["failures", "namespaces"]),
    ("/minted/properties", &["digest"]),
    ("/pullFailures/items/properties", &["namespaces"]),
];

/// The `CustomResourceDefinition` of the kind for one namespace as a JSON document, as `dps crds` prints it.
pub fn crd() -> Value {
    let mut crd = finished(DockerPullSecret::crd());
    for version in crd["spec"]["versions"].as_array_mut().into_iter().flatten() {
        let status = &mut version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"];
        for (place, names) in OF_NAMESPACES {
            if let Some(fields) = status.pointer_mut(place).and_then(Value::as_object_mut) {
                fields.retain(|field, _| !names.contains(&field.as_str()));
            }
        }
    }
    crd
}

/// That of the kind for many namespaces.
pub fn cluster_crd() -> Value {
    finished(ClusterDockerPullSecret::crd())
}

/// As derived, but for the label and the old names of fields.
fn finished(crd: CustomResourceDefinition) -> Value {
    let mut crd = serde_json::to_value(crd).unwrap_or_default();
    crd["metadata"]["labels"] = json!({"app.kubernetes.io/part-of": FIELD_MANAGER});
    for version in crd["spec"]["versions"].as_array_mut().into_iter().flatten() {
        renamed_fields::keep_in_schema(&mut version["schema"]["openAPIV3Schema"]);
    }
    crd
}
