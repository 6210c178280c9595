//! Why an entry of a pull secret does not serve an image, in words.

use crate::domain::registry::dialect::{DOCKER_HUB, DOCKER_HUB_KEY, is_docker_hub_host};
use crate::domain::registry::matching::{parts, serves};

/// How far a key is from serving an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// A clause about the key.
    pub why: String,
    /// Whether the key is meant for the registry of the image, so that a person would expect it to match.
    pub near: bool,
}

/// Why `key` does not serve `repository` (such as `registry.example.com:5000/team/app`). `None`: it does.
///
/// This looks at one key alone. Kubelets skip Docker Hub credentials if another key matches: see [`crate::domain::docker_config::kubelet_secret::tried`].
pub fn mismatch(key: &str, repository: &str) -> Option<Mismatch> {
    if serves(key, repository) {
        return None;
    }
    let found = |why: String, near| Some(Mismatch { why, near });
    let image_host = repository.split('/').next().unwrap_or_default();
    let Some((host, port, path)) = parts(key) else {
        let near = key.contains(image_host);
        return found("kubelets cannot parse this key and ignore it".to_owned(), near);
    };
    let Some((wanted, wanted_port, _)) = parts(repository) else {
        return found("no key can match the registry of this image".to_owned(), false);
    };
    if is_docker_hub_host(&host) && wanted == DOCKER_HUB {
        return found(
            format!("kubelets match Docker Hub only with the key {DOCKER_HUB_KEY}"),
            true,
        );
    }
    let same_host = serves_host(&host, &wanted);
    if !same_host && host.eq_ignore_ascii_case(&wanted) {
        return found(
            format!("kubelets compare host names case-sensitively, and the host of the image is {wanted}"),
            true,
        );
    }
    if !same_host {
        let labels = (host.split('.').count(), wanted.split('.').count());
        let star = host.contains('*') && labels.0 != labels.1;
        let why = if star {
            format!("each * matches one part of a host name, and the host of the image is {wanted}")
        } else {
            format!("it is for a host other than {image_host}")
        };
        return found(why, false);
    }
    if port != wanted_port {
        let why = match (port.as_str(), wanted_port.as_str()) {
            ("", wanted) => format!("it has no port, but the image has port {wanted}"),
            (has, "") => format!("it has port {has}, but the image has no port"),
            (has, wanted) => format!("it has port {has}, but the image has port {wanted}"),
        };
        return found(why, true);
    }
    found(
        format!("its path {path:?} is not the beginning of the path of the image"),
        true,
    )
}

fn serves_host(host: &str, wanted: &str) -> bool {
    serves(host, &format!("{wanted}/any"))
}
