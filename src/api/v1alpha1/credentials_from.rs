//! Short-lived credentials that the operator mints.

// The derive repeats the types in a private module.
#![allow(unreachable_pub)]

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Short-lived credentials of a cloud's registry, which the operator mints and renews before they expire. Exactly one of
/// `aws`, `google`, `azure` and `quay` says which cloud, and exactly one of `serviceAccountRef` and `staticKeyRef` who asks for
/// them.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CredentialsFrom {
    /// ServiceAccount in the same namespace whose identity the cloud trusts. The operator needs the right to create tokens of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_ref: Option<MintingServiceAccount>,

    /// Secret in the same namespace with a long-lived key, for clusters that the cloud does not trust. Not for `quay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_key_ref: Option<StaticKeyRef>,

    /// Amazon ECR, private and public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsLogin>,

    /// Google Artifact Registry and Container Registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub google: Option<GoogleLogin>,

    /// Azure Container Registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureLogin>,

    /// A robot account of Quay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quay: Option<QuayLogin>,
}

/// The same for many namespaces: the ServiceAccount, or the Secret with a long-lived key, is in a namespace of its own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterCredentialsFrom {
    // What both kinds have is written out twice: with `flatten`, nobody would notice unknown fields.
    /// Namespace of the ServiceAccount, or of the Secret with the key. It has to be one that the operator is told to read from: by
    /// default its own.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,

    /// ServiceAccount in that namespace whose identity the cloud trusts. The operator needs the right to create tokens of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_ref: Option<MintingServiceAccount>,

    /// Secret in that namespace with a long-lived key, for clusters that the cloud does not trust. Not for `quay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_key_ref: Option<StaticKeyRef>,

    /// Amazon ECR, private and public.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aws: Option<AwsLogin>,

    /// Google Artifact Registry and Container Registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub google: Option<GoogleLogin>,

    /// Azure Container Registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub azure: Option<AzureLogin>,

    /// A robot account of Quay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quay: Option<QuayLogin>,
}

impl From<ClusterCredentialsFrom> for CredentialsFrom {
    /// The same, but for where the ServiceAccount or the key is.
    fn from(from: ClusterCredentialsFrom) -> Self {
        Self {
            service_account_ref: from.service_account_ref,
            static_key_ref: from.static_key_ref,
            aws: from.aws,
            google: from.google,
            azure: from.azure,
            quay: from.quay,
        }
    }
}

/// A ServiceAccount whose tokens are exchanged for credentials.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct MintingServiceAccount {
    /// Name of the ServiceAccount.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A Secret with a long-lived key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StaticKeyRef {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,

    /// Names of the keys in that Secret, where they differ from the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<StaticKeyNames>,
}

/// Names of keys in a Secret with a long-lived key.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct StaticKeyNames {
    /// Key of the AWS access key id; default `accessKeyId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub access_key_id: Option<String>,

    /// Key of the AWS secret access key; default `secretAccessKey`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub secret_access_key: Option<String>,

    /// Key of the AWS session token; default `sessionToken`, which may be missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub session_token: Option<String>,

    /// Key of the client secret of an Azure application; default `clientSecret`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub client_secret: Option<String>,

    /// Key of the JSON key file of a Google service account; default `key.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_key: Option<String>,
}

/// An identity of AWS. The region and the kind of registry follow from `registryUrl`.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AwsLogin {
    /// ARN of the IAM role to assume; by default that of the ServiceAccount's annotation `eks.amazonaws.com/ecr-role-arn` or
    /// `eks.amazonaws.com/role-arn`. With a static key, no role is assumed unless one is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2048))]
    pub role_arn: Option<String>,

    /// Audience of the ServiceAccount's token; by default that of the annotation `eks.amazonaws.com/audience`, else
    /// `sts.amazonaws.com`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub audience: Option<String>,
}

/// An identity of Google Cloud.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct GoogleLogin {
    /// Provider of a workload identity pool, as
    /// `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`; by default the identity of the GKE cluster
    /// that the operator is told it runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub workload_identity_provider: Option<String>,

    /// E-mail address of a Google service account to impersonate; by default that of the ServiceAccount's annotation
    /// `iam.gke.io/gcp-service-account`, else the ServiceAccount itself is granted access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 254))]
    pub service_account_email: Option<String>,

    /// Audience of the ServiceAccount's token; by default that of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub audience: Option<String>,
}

/// An identity of Microsoft Entra.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AzureLogin {
    /// Client id of the application or managed identity; by default that of the ServiceAccount's annotation
    /// `azure.workload.identity/client-id` or `kubernetes.azure.com/acr-client-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 36))]
    pub client_id: Option<String>,

    /// Id of its tenant; by default that of the annotation `azure.workload.identity/tenant-id` or
    /// `kubernetes.azure.com/acr-tenant-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 36))]
    pub tenant_id: Option<String>,

    /// Repositories that the credentials may pull, such as `team/app`. They are valid for 75 minutes then; without any, they are
    /// valid for 3 hours and have all rights of the identity in this registry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 256)))]
    pub repositories: Vec<String>,

    /// Audience of the ServiceAccount's token; default `api://AzureADTokenExchange`. It has to be that of the federated credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub audience: Option<String>,
}

/// A robot account of Quay with a federation.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct QuayLogin {
    /// Name of the robot account, as `organization+name`.
    #[schemars(length(min = 3, max = 255))]
    pub robot: String,

    /// Audience of the ServiceAccount's token; default the registry's host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub audience: Option<String>,
}
