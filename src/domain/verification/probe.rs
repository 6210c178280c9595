//! The image that a check may ask for.

use std::fmt;

use crate::domain::registry::key::{RegistryKey, is_docker_hub_host};
use crate::domain::registry::matching::serves;

/// Repository and tag or digest, as they stand in the path of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Registry `host[:port]`, if the image names one.
    pub host: Option<String>,
    /// Repository.
    pub repository: String,
    /// Tag or digest.
    pub reference: String,
}

impl Probe {
    /// Reads `[host[:port]/]repository[:tag|@digest]`, as pods name images. The error completes "the image".
    pub fn parse(image: &str) -> Result<Self, &'static str> {
        let (name, digest) = match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image, None),
        };
        // A tag stands behind the last slash; a colon before it belongs to the host.
        let (name, tag) = match name.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let (host, repository) = match name.split_once('/') {
            Some((host, rest)) if !host.starts_with('.') && (host.contains(['.', ':']) || host == "localhost") => {
                (Some(host.to_owned()), rest)
            }
            _ => (None, name),
        };
        let part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
        if repository.is_empty()
            || !repository.chars().all(part)
            || repository
                .split('/')
                .any(|part| !part.starts_with(|c: char| c.is_ascii_alphanumeric()))
        {
            return Err("must be repository:tag or host/repository:tag in lower case, such as team/app:1.0");
        }
        let reference = digest.or(tag).unwrap_or("latest");
        let inside = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
        if reference.is_empty() || reference == ".." || !reference.chars().all(inside) {
            return Err("has a tag or digest with characters that are not allowed there");
        }
        Ok(Self {
            host,
            repository: repository.to_owned(),
            reference: reference.to_owned(),
        })
    }

    /// Whether kubelets use a login with this key for the image. Without a host it is an image of that registry.
    pub fn may_be_read_with(&self, registry: &RegistryKey) -> bool {
        match &self.host {
            None => true,
            Some(host) if registry.is_docker_hub() => is_docker_hub_host(host),
            Some(_) => serves(registry.as_str(), &self.to_string()),
        }
    }
}

/// The repository, with its host if that is named.
impl fmt::Display for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(formatter, "{host}/")?;
        }
        formatter.write_str(&self.repository)
    }
}
