//! Logins of clouds' registries that end after hours, and what to write instead of them.

use crate::domain::minting::host;
use crate::domain::minting::settings::{MintSettings, Provider};
use crate::domain::registry::key::RegistryKey;

/// The registry of a cloud, whose temporary credentials the operator can mint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloudRegistry {
    provider: Provider,
    key: RegistryKey,
    /// The partition of AWS, and the account, if the host has one.
    aws: Option<(&'static str, Option<String>)>,
}

impl CloudRegistry {
    /// The registry of a key, if it is a public cloud's.
    pub fn at(key: &RegistryKey) -> Option<Self> {
        Self::known(key, &MintSettings::default())
    }

    /// The registry of a key, if it is a cloud's that the operator knows.
    pub fn known(key: &RegistryKey, settings: &MintSettings) -> Option<Self> {
        let host = key.host_port();
        let (provider, aws) = if let Some(ecr) = host::ecr(host) {
            let account = host.split('.').next().filter(|_| !ecr.is_public);
            (Provider::Aws, Some((ecr.partition, account.map(str::to_owned))))
        } else if host::azure(host, settings).is_some() {
            (Provider::Azure, None)
        } else if host::is_google(host, settings) {
            (Provider::Google, None)
        } else {
            return None;
        };
        let key = key.clone();
        Some(Self { provider, key, aws })
    }

    /// Whose it is.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// The user whose password ends after hours is always the same. Others, such as an administrator of the registry, an application
    /// of Entra or `_json_key`, have passwords that stay.
    pub fn is_temporary(&self, username: &str) -> bool {
        match self.provider {
            Provider::Aws => username == "AWS",
            Provider::Azure => username == "00000000-0000-0000-0000-000000000000",
            Provider::Google => username == "oauth2accesstoken" || username == "_token",
            Provider::Quay => false,
        }
    }

    /// After how long: completes "expire after ...".
    pub fn lifetime(&self) -> &'static str {
        match self.provider {
            Provider::Aws => "12 hours",
            Provider::Azure => "3 hours",
            Provider::Google | Provider::Quay => "1 hour",
        }
    }

    /// What to do: completes a sentence after a colon.
    pub fn advice(&self) -> String {
        let anchor = match self.provider {
            Provider::Aws => "amazon-ecr",
            Provider::Azure => "azure",
            Provider::Google | Provider::Quay => "google",
        };
        format!(
            "have the operator mint and renew them instead (spec.credentialsFrom, docs/short-lived.md#{anchor}), or have the nodes log in by themselves (a kubelet credential provider)"
        )
    }

    /// What to write instead. What has to be filled in is in capital letters.
    pub fn manifest(&self, name: &str, namespace: Option<&str>) -> String {
        let identity = match self.provider {
            Provider::Aws => {
                let (partition, account) = self.aws.clone().unwrap_or(("aws", None));
                let account = account.as_deref().unwrap_or("ACCOUNT");
                format!("aws: {{roleArn: \"arn:{partition}:iam::{account}:role/ROLE\"}}")
            }
            Provider::Azure => "azure: {clientId: CLIENT_ID, tenantId: TENANT_ID}".to_owned(),
            Provider::Google | Provider::Quay => "google: {workloadIdentityProvider: projects/PROJECT_NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER}".to_owned(),
        };
        let namespace = namespace.unwrap_or("NAMESPACE");
        let registry = self.key.as_str();
        format!(
            "apiVersion: pullsecrets.dev/v1alpha1\n\
             kind: DockerPullSecret\n\
             metadata: {{name: {name}, namespace: {namespace}}}\n\
             spec:\n  \
               type: PrivateRegistry\n  \
               registryUrl: {registry}\n  \
               credentialsFrom:\n    \
                 serviceAccountRef: {{name: SERVICE_ACCOUNT}}\n    \
                 {identity}\n"
        )
    }
}

/// The cloud's registry at which a login of this user ends after hours.
pub fn expiring(key: &RegistryKey, username: &str) -> Option<CloudRegistry> {
    CloudRegistry::at(key).filter(|registry| registry.is_temporary(username))
}

/// Why such a login is a poor one to store.
pub fn expiry_warning(registry: &CloudRegistry, username: &str) -> String {
    format!(
        "logins of user {username} at this registry expire after {}: {}",
        registry.lifetime(),
        registry.advice()
    )
}
