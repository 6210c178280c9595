//! One login attempt: at which registry, with which credentials, for which image.

use url::Url;

use crate::domain::credentials::RegistryCredentials;
use crate::domain::registry::dialect::DOCKER_HUB_API;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::manifest::ManifestReference;
use crate::domain::verification::ca_bundle::CaBundle;
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::verdict::{Verdict, VerificationResult as R};

/// Where credentials are verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginTarget {
    /// Base URL of the registry, such as `https://registry.example.com/v2/`.
    pub base: Url,
    /// Image that the credentials must be able to read.
    pub image: Option<ManifestReference>,
}

/// Credentials, and where they are verified.
#[derive(Clone, Debug, PartialEq)]
pub struct LoginAttempt {
    /// Where they are verified.
    pub target: LoginTarget,
    /// The credentials.
    pub credentials: RegistryCredentials,
}

impl LoginTarget {
    /// The target for a registry key. The error: why no login attempt is possible.
    pub fn new(registry: &RegistryKey, image: Option<&ManifestReference>, plain_http: bool) -> Result<Self, Verdict> {
        if let Some(image) = image.filter(|image| !image.may_be_read_with(registry)) {
            return Err(Verdict::new(
                R::NotVerifiable,
                format!(
                    "no kubelet would use credentials for {} to pull image {image}, so nothing was sent; set the verification image to an image of this registry",
                    registry.display_name()
                ),
            ));
        }
        let host = registry.host_port();
        let host = match image {
            _ if registry.is_docker_hub() => DOCKER_HUB_API,
            Some(ManifestReference { host: Some(named), .. }) if host.contains('*') => named,
            _ if host.contains('*') => {
                return Err(Verdict::new(
                    R::NotVerifiable,
                    "the registry has a wildcard, so there is no host to log in to; set the verification image to an image with its host",
                ));
            }
            _ => host,
        };
        let scheme = if plain_http { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{host}/v2/"))
            .map_err(|error| Verdict::new(R::NotVerifiable, format!("cannot log in to {host:?}: {error}")))?;
        let image = image.cloned().map(|mut image| {
            if registry.is_docker_hub() && !image.repository.contains('/') {
                image.repository.insert_str(0, "library/");
            }
            image
        });
        Ok(Self { base, image })
    }

    /// How the credentials are verified.
    pub fn method(&self, ca_bundle: Option<&CaBundle>) -> VerificationMethod {
        VerificationMethod::new(&self.base, self.image.as_ref(), ca_bundle).unwrap_or(VerificationMethod::NotPossible)
    }
}
