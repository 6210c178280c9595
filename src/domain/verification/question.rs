//! What is to be found out, and whom to ask.

use url::Url;

use crate::domain::credentials::RegistryCredentials;
use crate::domain::registry::key::RegistryKey;
use crate::domain::verification::ca_bundle::CaBundle;
use crate::domain::verification::probe::Probe;
use crate::domain::verification::verdict::{Verdict, VerificationResult as R};

/// The host that serves the images of Docker Hub.
const DOCKER_HUB: &str = "registry-1.docker.io";

/// What is to be found out.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Where the registry is.
    pub base: Url,
    /// The login.
    pub login: RegistryCredentials,
    /// An image to ask for.
    pub probe: Option<Probe>,
}

impl Question {
    /// The question for a registry key. Err: it cannot be asked.
    pub fn new(
        registry: &RegistryKey,
        login: RegistryCredentials,
        probe: Option<Probe>,
        plain_http: bool,
    ) -> Result<Self, Verdict> {
        if let Some(image) = probe.as_ref().filter(|probe| !probe.may_be_read_with(registry)) {
            return Err(Verdict::new(
                R::NotVerifiable,
                format!(
                    "nobody would read image {image} with a login for {}, so nothing was sent: name an image of this registry",
                    registry.as_str()
                ),
            ));
        }
        let host = registry.host_port();
        let host = match &probe {
            _ if registry.is_docker_hub() => DOCKER_HUB,
            Some(Probe { host: Some(named), .. }) if host.contains('*') => named,
            _ if host.contains('*') => {
                return Err(Verdict::new(
                    R::NotVerifiable,
                    "the registry has a wildcard, so there is no host to ask: name an image, with its host, to ask for",
                ));
            }
            _ => host,
        };
        let scheme = if plain_http { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{host}/v2/"))
            .map_err(|error| Verdict::new(R::NotVerifiable, format!("{host:?} cannot be asked: {error}")))?;
        let probe = probe.map(|mut probe| {
            if registry.is_docker_hub() && !probe.repository.contains('/') {
                probe.repository.insert_str(0, "library/");
            }
            probe
        });
        Ok(Self { base, login, probe })
    }

    /// How the login is checked, without the login.
    pub fn how(&self, ca: Option<&CaBundle>) -> String {
        let image = self
            .probe
            .as_ref()
            .map(|probe| format!(" {}:{}", probe.repository, probe.reference));
        let ca = ca.map(|ca| format!(" with {}", ca.version));
        format!("{}{}{}", self.base, image.unwrap_or_default(), ca.unwrap_or_default())
    }
}
