//! The image that a check may ask for.

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
}
