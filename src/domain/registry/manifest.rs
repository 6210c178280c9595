//! The image that a login attempt may read from a registry: `spec.verification.image`.

use std::fmt;

use crate::domain::registry::dialect::is_docker_hub_host;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::matching::serves;

/// Repository and tag or digest, as they stand in the path of a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestReference {
    /// Registry `host[:port]`, if the image names one.
    pub host: Option<String>,
    /// Repository.
    pub repository: String,
    /// Tag or digest.
    pub reference: String,
}

impl ManifestReference {
    /// Reads `[host[:port]/]repository[:tag|@digest]`, as pods name images. The error completes "the image".
    pub fn parse(image: &str) -> Result<Self, &'static str> {
        let (name, digest) = match image.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (image, None),
        };
        // A tag follows the last slash; a colon before that slash belongs to the host.
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
        if !is_repository(repository) {
            return Err("must be repository:tag or host/repository:tag in lower case, such as team/app:1.0");
        }
        let reference = digest.or(tag).unwrap_or("latest");
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
        if reference.is_empty() || reference == ".." || !reference.chars().all(is_allowed) {
            return Err("has a tag or digest with characters that are not allowed there");
        }
        Ok(Self {
            host,
            repository: repository.to_owned(),
            reference: reference.to_owned(),
        })
    }

    /// Whether kubelets use credentials with this key for the image. Without a host it is an image of that registry.
    pub fn may_be_read_with(&self, registry: &RegistryKey) -> bool {
        match &self.host {
            None => true,
            Some(host) if registry.is_docker_hub() => is_docker_hub_host(host),
            Some(_) => serves(registry.as_str(), &self.to_string()),
        }
    }
}

fn is_repository(text: &str) -> bool {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    let starts_well = |segment: &str| segment.starts_with(|c: char| c.is_ascii_alphanumeric());
    !text.is_empty() && text.chars().all(is_allowed) && text.split('/').all(starts_well)
}

/// The repository, with its host if that is named.
impl fmt::Display for ManifestReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(host) = &self.host {
            write!(formatter, "{host}/")?;
        }
        formatter.write_str(&self.repository)
    }
}
