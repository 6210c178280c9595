//! `pullsecrets.dev/v1alpha1`. The documentation of these types is what `kubectl explain` shows.

// The derive repeats the types in a private module.
#![allow(unreachable_pub)]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::v1alpha1::credentials::CredentialsRef;
use crate::api::v1alpha1::credentials_from::CredentialsFrom;
use crate::api::v1alpha1::pull_failures::PullFailure;
use crate::api::v1alpha1::verification::{Verification, VerificationStatus};
use crate::api::validation_rules;

/// Registry credentials for the pods of one namespace.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "pullsecrets.dev",
    version = "v1alpha1",
    kind = "DockerPullSecret",
    namespaced,
    status = "DockerPullSecretStatus",
    shortname = "dps",
    category = "pullsecrets",
    doc = "Registry credentials for the pods of one namespace, kept as a kubernetes.io/dockerconfigjson Secret that the kubelet matches.",
    selectable = ".spec.type",
    selectable = ".spec.secretName",
    selectable = ".spec.credentialsRef.name",
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(name = "Registry", type_ = "string", json_path = ".status.registryKey"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".status.secretName"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Accepted", type_ = "string", json_path = r#".status.conditions[?(@.type=="CredentialsAccepted")].reason"#),
    printcolumn(name = "Failing", type_ = "integer", json_path = ".status.failingPods"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.minted.expiresAt", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = validation_rules::name(),
    validation = validation_rules::secret_differs_from_source(),
    validation = validation_rules::secret_differs_from_key()
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = validation_rules::url_required(),
    validation = validation_rules::url_refused(),
    validation = validation_rules::url_blank(),
    validation = validation_rules::url_user_info(),
    validation = validation_rules::url_query(),
    validation = validation_rules::url_scheme(),
    validation = validation_rules::url_docker_hub(),
    validation = validation_rules::url_wildcard(),
    validation = validation_rules::url_shape(),
    validation = validation_rules::secret_name(),
    validation = validation_rules::one_source(),
    validation = validation_rules::credentials_name(),
    validation = validation_rules::minted_docker_hub(),
    validation = validation_rules::minting_provider(),
    validation = validation_rules::minting_asker(),
    validation = validation_rules::minting_quay(),
    validation = validation_rules::minting_names(),
    validation = validation_rules::minting_role(),
    validation = validation_rules::minting_ids(),
    validation = validation_rules::minting_repositories(),
    validation = validation_rules::minting_robot(),
    validation = validation_rules::email(),
    validation = validation_rules::service_accounts(),
    validation = validation_rules::interval_mode(),
    validation = validation_rules::interval_length()
)]
pub struct DockerPullSecretSpec {
    /// Type of registry: `DockerHub`, or `PrivateRegistry` for any other registry, which requires `registryUrl`.
    #[serde(rename = "type")]
    pub registry_type: RegistryType,

    /// Registry as `host[:port][/path]`, the way image names begin, such as `registry.example.com:5000`.
    /// Required for `PrivateRegistry`, not allowed for `DockerHub`. A leading `https://`, `/v1` or `/v2` right after the
    /// host, and a final `/` are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub registry_url: Option<String>,

    /// Secret in the same namespace that holds the credentials. Exactly one of this and `credentialsFrom` is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<CredentialsRef>,

    /// Short-lived credentials of a cloud's registry, which the operator mints and renews. Exactly one of this and `credentialsRef`
    /// is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_from: Option<CredentialsFrom>,

    /// E-mail address to write with the credentials. It wins over the one in the referenced Secret. No registry needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 254))]
    pub email: Option<String>,

    /// Name of the generated Secret; by default the name of this resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: Option<String>,

    /// Labels and annotations to set on the generated Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_template: Option<SecretTemplate>,

    /// Take over an existing Secret of that name, unless another object controls it. Its docker config is replaced, and it
    /// is deleted with this resource.
    #[serde(default)]
    pub adopt: bool,

    /// Attach the generated Secret to pods that do not name it. By default, only pods that list it in `imagePullSecrets` use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach_to: Option<AttachTo>,

    /// What is done about pods that were created before their credentials were there; by default nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,

    /// When and how the credentials are verified with the registry; by default once for all new credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,

    /// Pause this resource: nothing is read or written for it until this is false again. The generated Secret stays as it
    /// is.
    #[serde(default)]
    pub suspend: bool,
}

/// Type of registry.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryType {
    /// Docker Hub, however an image name spells it.
    DockerHub,
    /// Any other registry.
    PrivateRegistry,
}

/// What gets the generated Secret without naming it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AttachTo {
    /// Pods that get the Secret when they are created.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<AttachToPods>,

    /// ServiceAccounts of the namespace whose `imagePullSecrets` are to list the Secret: names, with `*` for any text, such as
    /// `default` or `build-*`. What others list stays. Needs the chart's `rbac.attachServiceAccounts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)))]
    pub service_accounts: Vec<String>,
}

/// Which pods get the Secret when they are created, in addition to their other pull secrets. `MatchingImages`: those
/// with an image that these credentials are for. Needs Kubernetes 1.36 and the chart's `admission.attachPods`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachToPods {
    /// Those with an image that the kubelet would pull with these credentials.
    MatchingImages,
}

/// What is done about pods that were created before their credentials were there.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Recovery {
    /// Whether pods are evicted.
    #[serde(default)]
    pub evict_pods: EvictPods,
}

/// Whether pods are evicted that fail for want of the Secret or for its earlier credentials, so that their successors pull.
/// `WhenFixed`: once the registry has accepted the credentials, one pod of each owner first, and the next when its successor
/// runs. Needs the chart's `recovery.enabled`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EvictPods {
    /// They are left alone.
    #[default]
    Never,
    /// Once the registry has accepted the credentials in the Secret.
    WhenFixed,
}

/// Labels and annotations of the generated Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct SecretTemplate {
    /// Labels to set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "validation_rules::label_map")]
    pub labels: BTreeMap<String, String>,

    /// Annotations to set.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "validation_rules::annotation_map")]
    pub annotations: BTreeMap<String, String>,
}

/// What the operator observed and did.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct DockerPullSecretStatus {
    /// `metadata.generation` that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Name of the generated Secret, for `imagePullSecrets`; absent while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,

    /// Registry key in the generated Secret: the kubelet uses the credentials for images that begin with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_key: Option<String>,

    /// Regular expression (RE2) for the images that the kubelet uses the credentials for, as pods name them: pods with such an
    /// image get the Secret. Present only with `spec.attachTo.pods`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4096))]
    pub image_pattern: Option<String>,

    /// Warnings: what works, but probably not as expected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,

    /// The last verification of the credentials.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "crate::api::renamed_fields::deserialize"
    )]
    pub verification: Option<VerificationStatus>,

    /// What is known of credentials that the operator mints; present only with `spec.credentialsFrom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minted: Option<MintedStatus>,

    /// How many namespaces are to have the Secret, and have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespaces: Option<NamespaceCounts>,

    /// Namespaces where something is in the way, at most 10.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub failures: Vec<NamespaceFailure>,

    /// Number of pods that fail to pull an image with the generated Secret, or because they do not use it.
    #[serde(default)]
    #[schemars(with = "i32", range(min = 0))]
    pub failing_pods: u32,

    /// Why they fail, the worst first; at most 10, while `failingPods` counts all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 10))]
    pub pull_failures: Vec<PullFailure>,

    /// `CredentialsResolved`, `SecretSynced`, `CredentialsAccepted`, `PullsHealthy` and `Ready`; `Attached` only with
    /// `spec.attachTo.serviceAccounts`; `Stalled` or `Reconciling` only while true.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Credentials that the operator mints.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MintedStatus {
    /// The cloud: `aws`, `google`, `azure` or `quay`.
    pub provider: String,
    /// For whom they are minted: an ARN, a client id, an address, a robot account, or the ServiceAccount itself.
    #[schemars(length(max = 2048))]
    pub identity: String,
    /// When they were minted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Time>,
    /// Until when they are valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When they are to be renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_refresh_time: Option<Time>,
    /// When the last attempt failed; absent if it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_attempt_time: Option<Time>,
    /// SHA-256 of the credentials, of whom they are for and until when: a Secret in a namespace that has another one is not what the
    /// operator has written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub digest: Option<String>,
    /// Failed attempts in a row.
    #[serde(default, skip_serializing_if = "crate::api::v1alpha1::verification::is_zero")]
    #[schemars(with = "i32", range(min = 0))]
    pub failures: u32,
}

/// Numbers of namespaces.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceCounts {
    /// Those that are to have the Secret.
    #[schemars(with = "i32", range(min = 0))]
    pub selected: u32,
    /// Those of them that have it.
    #[schemars(with = "i32", range(min = 0))]
    pub ready: u32,
    /// Those of them where something is in the way.
    #[schemars(with = "i32", range(min = 0))]
    pub failing: u32,
    /// `ready/selected`.
    pub summary: String,
}

/// A namespace that does not have the Secret, and why.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceFailure {
    /// The namespace.
    pub namespace: String,
    /// Why, as a condition says it.
    pub reason: String,
    /// The same in words, and what to do.
    #[schemars(length(max = 1024))]
    pub message: String,
}
