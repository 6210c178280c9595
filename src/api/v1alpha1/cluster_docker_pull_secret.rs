//! The kind for many namespaces. The documentation of these types is what `kubectl explain` shows.

// The derive repeats the types in a private module.
#![allow(unreachable_pub)]

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use crate::api::v1alpha1::credentials::CredentialKeys;
use crate::api::v1alpha1::credentials::CredentialsRef;
use crate::api::v1alpha1::credentials_from::ClusterCredentialsFrom;
use crate::api::v1alpha1::docker_pull_secret::{
    AttachTo, DockerPullSecret, DockerPullSecretSpec, DockerPullSecretStatus, Recovery, RegistryType, SecretTemplate,
};
use crate::api::v1alpha1::verification::Verification;
use crate::api::validation_rules;

/// Registry credentials for the pods of many namespaces.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "pullsecrets.dev",
    version = "v1alpha1",
    kind = "ClusterDockerPullSecret",
    status = "DockerPullSecretStatus",
    shortname = "cdps",
    category = "pullsecrets",
    doc = "Registry credentials for the pods of many namespaces, kept in each of them as a kubernetes.io/dockerconfigjson Secret that the kubelet matches.",
    selectable = ".spec.type",
    selectable = ".spec.secretName",
    printcolumn(name = "Type", type_ = "string", json_path = ".spec.type"),
    printcolumn(name = "Registry", type_ = "string", json_path = ".status.registryKey"),
    printcolumn(name = "Namespaces", type_ = "string", json_path = ".status.namespaces.summary"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Accepted", type_ = "string", json_path = r#".status.conditions[?(@.type=="CredentialsAccepted")].reason"#),
    printcolumn(name = "Failing", type_ = "integer", json_path = ".status.failingPods"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.minted.expiresAt", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = validation_rules::name()
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
    validation = validation_rules::credentials_namespace(),
    validation = validation_rules::minting_namespace(),
    validation = validation_rules::minted_docker_hub(),
    validation = validation_rules::minting_provider(),
    validation = validation_rules::minting_asker(),
    validation = validation_rules::minting_quay(),
    validation = validation_rules::minting_names(),
    validation = validation_rules::minting_role(),
    validation = validation_rules::minting_ids(),
    validation = validation_rules::minting_repositories(),
    validation = validation_rules::minting_robot(),
    validation = validation_rules::selector_operators(),
    validation = validation_rules::excluded_namespaces(),
    validation = validation_rules::email(),
    validation = validation_rules::service_accounts(),
    validation = validation_rules::interval_mode(),
    validation = validation_rules::interval_length()
)]
pub struct ClusterDockerPullSecretSpec {
    // What both kinds have is written out twice: with `flatten`, nobody would notice unknown fields.
    /// Type of registry: `DockerHub`, or `PrivateRegistry` for any other registry, which requires `registryUrl`.
    #[serde(rename = "type")]
    pub registry_type: RegistryType,

    /// Registry as `host[:port][/path]`, the way image names begin, such as `registry.example.com:5000`.
    /// Required for `PrivateRegistry`, not allowed for `DockerHub`. A leading `https://`, `/v1` or `/v2` right after the
    /// host, and a final `/` are dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub registry_url: Option<String>,

    /// Secret that holds the credentials. Its namespace has to be one that the operator is told to read from: by default its own.
    /// Exactly one of this and `credentialsFrom` is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<ClusterCredentialsRef>,

    /// Short-lived credentials of a cloud's registry, which the operator mints once for all namespaces, and renews. Exactly one of
    /// this and `credentialsRef` is required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_from: Option<ClusterCredentialsFrom>,

    /// Labels of the namespaces that get the Secret; `{}` selects all.
    #[schemars(schema_with = "validation_rules::label_selector")]
    pub namespace_selector: LabelSelector,

    /// Namespaces that do not get it although they are selected: names, with `*` for any text, such as `kube-*`. The annotation
    /// `pullsecrets.dev/exclude: "true"` on a namespace does the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(min = 1, max = 63)))]
    pub exclude_namespaces: Vec<String>,

    /// E-mail address to write with the credentials. It wins over the one in the referenced Secret. No registry needs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 254))]
    pub email: Option<String>,

    /// Name of the generated Secrets; by default the name of this resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: Option<String>,

    /// Labels and annotations to set on the generated Secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_template: Option<SecretTemplate>,

    /// Take over existing Secrets of that name, unless another object controls them. Their docker config is replaced, and they
    /// are deleted with this resource.
    #[serde(default)]
    pub adopt: bool,

    /// Attach the generated Secrets to pods that do not name them. By default, only pods that list one in `imagePullSecrets` use it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach_to: Option<AttachTo>,

    /// What is done about pods that were created before their credentials were there; by default nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,

    /// When and how the credentials are verified with the registry; by default once for all new credentials, before they are
    /// distributed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,

    /// Pause this resource: nothing is read or written for it until this is false again. The generated Secrets stay as they
    /// are.
    #[serde(default)]
    pub suspend: bool,
}

/// Where the credentials are.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCredentialsRef {
    /// Namespace of the Secret.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,

    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Names of the keys in that Secret, where they differ from the defaults. Once a key is named, only the named forms
    /// are read, whatever else the Secret holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<CredentialKeys>,
}

impl ClusterDockerPullSecret {
    /// What it asks for in one namespace.
    pub fn in_one_namespace(&self) -> DockerPullSecret {
        let Self { metadata, spec, status } = self;
        let spec = spec.clone();
        DockerPullSecret {
            metadata: metadata.clone(),
            spec: DockerPullSecretSpec {
                registry_type: spec.registry_type,
                registry_url: spec.registry_url,
                credentials_ref: spec.credentials_ref.map(|reference| CredentialsRef {
                    name: reference.name,
                    keys: reference.keys,
                }),
                credentials_from: spec.credentials_from.map(Into::into),
                email: spec.email,
                secret_name: spec.secret_name,
                secret_template: spec.secret_template,
                adopt: spec.adopt,
                attach_to: spec.attach_to,
                recovery: spec.recovery,
                verification: spec.verification,
                suspend: spec.suspend,
            },
            status: status.clone(),
        }
    }
}
