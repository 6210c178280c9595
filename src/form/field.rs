//! The fields of the form. Messages complete a sentence that begins with the name of the field.

use crate::api::RegistryType;
use crate::domain::credentials::{InvalidCredentials, RegistryCredentials, trim_line_break};
use crate::domain::names::is_object_name;
use crate::domain::registry::key::RegistryKey;

/// Longest name: the name of the Secret with the login is made of it, [`login_name`].
const NAME_LENGTH: usize = 253 - LOGIN_SUFFIX.len();

const LOGIN_SUFFIX: &str = "-login";

/// Which registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenRegistry {
    /// `spec.type`.
    pub registry_type: RegistryType,
    /// The key that is written, which is also what images begin with.
    pub key: RegistryKey,
}

impl ChosenRegistry {
    /// Docker Hub.
    pub fn docker_hub() -> Self {
        Self {
            registry_type: RegistryType::DockerHub,
            key: RegistryKey::docker_hub(),
        }
    }

    /// From what was filled in. Without a type, the URL decides.
    pub fn new(registry_type: Option<RegistryType>, url: Option<&str>) -> Result<Self, String> {
        let url = url.map(str::trim);
        let names_docker_hub = || {
            let key = url.and_then(RegistryKey::of_config_entry);
            key.is_some_and(|key| key.is_docker_hub())
        };
        let registry_type = registry_type.unwrap_or(if names_docker_hub() {
            RegistryType::DockerHub
        } else {
            RegistryType::PrivateRegistry
        });
        let url = url.filter(|_| registry_type == RegistryType::PrivateRegistry || !names_docker_hub());
        let key = RegistryKey::new(registry_type, url).map_err(|problem| {
            let message = problem.message;
            message.strip_prefix("spec.registryUrl ").unwrap_or(&message).to_owned()
        })?;
        Ok(Self { registry_type, key })
    }

    /// The registry of a key.
    pub fn of(key: RegistryKey) -> Self {
        let registry_type = if key.is_docker_hub() {
            RegistryType::DockerHub
        } else {
            RegistryType::PrivateRegistry
        };
        Self { registry_type, key }
    }

    /// A name for its resource, if nobody chooses one.
    pub fn name(&self) -> String {
        let name: String = self.key.resource_name().chars().take(NAME_LENGTH).collect();
        name.trim_end_matches('-').to_owned()
    }

    /// `spec.registryUrl`.
    pub fn url(&self) -> Option<&str> {
        (self.registry_type == RegistryType::PrivateRegistry).then(|| self.key.as_str())
    }

    /// Which images are pulled with the credentials, for people.
    pub fn images(&self) -> String {
        if self.key.is_docker_hub() {
            return "The kubelet uses these credentials for images of Docker Hub, such as acme/app:1 or docker.io/acme/app:1."
                .to_owned();
        }
        let key = self.key.as_str();
        format!("The kubelet uses these credentials for images that begin with {key}, such as {key}/app:1.")
    }
}

/// Checks the name of a resource.
pub fn name(text: &str) -> Result<String, String> {
    let text = text.trim();
    if is_object_name(text) && !text.contains('.') && text.len() <= NAME_LENGTH {
        return Ok(text.to_owned());
    }
    Err(format!(
        "must be 1 to {NAME_LENGTH} lower-case letters, digits and '-', and must begin and end with a letter or digit"
    ))
}

/// Name of the Secret that holds the login of a resource, if nobody chooses another.
pub fn login_name(name: &str) -> String {
    format!("{name}{LOGIN_SUFFIX}")
}

/// Checks a user name.
pub fn username(text: &str) -> Result<String, String> {
    let text = text.trim();
    // Any password does.
    RegistryCredentials::new(text, "password").map_err(message)?;
    Ok(text.to_owned())
}

/// Checks a password, and the user name with it. A final line break is no part of it.
pub fn password(username: &str, text: &str) -> Result<RegistryCredentials, String> {
    RegistryCredentials::new(username, trim_line_break(text)).map_err(message)
}

fn message(invalid: InvalidCredentials) -> String {
    match invalid {
        InvalidCredentials::Malformed(what) => what.to_owned(),
        InvalidCredentials::IdentityToken => {
            "is <token>, which marks an identity token: the kubelet cannot use it. Create an access token at the registry".to_owned()
        }
    }
}

/// Checks an e-mail address; `None` if there is none.
pub fn email(text: &str) -> Result<Option<String>, String> {
    let text = text.trim();
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("must not contain whitespace or control characters".to_owned());
    }
    if text.len() > 254 {
        return Err("must have at most 254 characters".to_owned());
    }
    Ok((!text.is_empty()).then(|| text.to_owned()))
}
