//! What a report itself says to do, whatever the pod's Secrets hold: which host to look at, and what that host wants.

use crate::api::Cause;
use crate::domain::pull_failures::cause::{MirrorProblem, about};
use crate::domain::pull_failures::classify::{Classification, ErrorClass};
use crate::domain::pull_failures::peer::Role;
use crate::domain::registry::image::Image;

/// What to do about a report; `None`: nothing more precise than its cause tells.
pub(crate) fn remedy(report: &Classification, cause: Cause, image: &str) -> Option<String> {
    let parsed = Image::parse(image).unwrap_or_else(|_| Image::meant(image));
    let registry = if parsed.is_docker_hub() {
        "Docker Hub"
    } else {
        parsed.host()
    };
    let host = report.peer.as_ref().and_then(|peer| peer.host.as_deref());
    match report.role() {
        Some(Role::Mirror) => mirror(cause, registry, host),
        Some(Role::ShortNameRegistry) => host.map(|host| format!(
            "The image does not name its registry, and the configuration of the node chose {host}. Write the full name: {}, if it comes from Docker Hub, or {host}/…",
            parsed.repository
        )),
        Some(Role::Proxy) => Some(proxy(registry, host)),
        Some(Role::Storage) => storage(report.class, cause, registry, host),
        Some(Role::TokenServer) => {
            let server = host.map_or_else(String::new, |host| format!("{host}, "));
            connection(report.class, cause, &format!("{server}the token server of {registry}"))
                .or_else(|| registry_itself(report.class, registry))
        }
        None if parsed.is_docker_hub() => registry_itself(report.class, registry)
            .or_else(|| connection(report.class, cause, "registry-1.docker.io")),
        None if cause == Cause::DnsFailure => Some(format!(
            "Correct the image's host name {registry}, or fix DNS on the node"
        )),
        None => registry_itself(report.class, registry).or_else(|| connection(report.class, cause, registry)),
    }
}

fn mirror(cause: Cause, registry: &str, host: Option<&str>) -> Option<String> {
    let mirror = match host {
        Some(host) => format!("{host}, which the node uses as a mirror of {registry},"),
        None => format!("The mirror that the node uses for {registry}"),
    };
    let configuration = "the container runtime configuration of the node";
    let problem = about(cause).at_mirror?;
    Some(match problem {
        MirrorProblem::WantsCredentials => format!(
            "{mirror} requires credentials of its own. Add them to {configuration}, or remove the mirror there. The pod's pull secrets are for {registry}"
        ),
        MirrorProblem::DeniesAccess => format!(
            "{mirror} denies access to this image. Allow the image on the mirror, or remove the mirror from {configuration}"
        ),
        MirrorProblem::LacksImage => format!(
            "{mirror} does not have this image. Correct the image name, or remove the mirror from {configuration}"
        ),
        MirrorProblem::LimitsRate => {
            format!("{mirror} limits the rate of pulls. Wait, or remove the mirror from {configuration}")
        }
        MirrorProblem::CannotBeUsed => {
            format!("{mirror} cannot be used. Check the mirror and the network, or remove it from {configuration}")
        }
    })
}

fn proxy(registry: &str, host: Option<&str>) -> String {
    let proxy = host.map_or_else(String::new, |host| format!(" {host}"));
    format!(
        "The node connects to {registry} through the HTTP proxy{proxy}, which failed. Check the proxy's address and credentials in the container runtime configuration of the node, and whether the proxy allows connections to {registry}"
    )
}

fn storage(class: ErrorClass, cause: Cause, registry: &str, host: Option<&str>) -> Option<String> {
    let storage = match host {
        Some(host) => format!("{host}, which stores images for {registry},"),
        None => format!("The storage behind {registry}"),
    };
    match class {
        ErrorClass::StorageRefused => Some(format!(
            "{storage} refuses the node, although the registry allowed the pull, so other credentials do not help. Check firewalls, proxies and endpoint policies between the node and the storage, and the node's clock. If they are right, ask the owner of the registry"
        )),
        ErrorClass::LayerMissing | ErrorClass::OwnerRefused | ErrorClass::WebPage => registry_itself(class, registry),
        _ if cause == Cause::RegistryUnreachable || cause == Cause::DnsFailure => Some(format!(
            "{storage} cannot be reached or has a problem. Allow connections from the node to it, and check the node's DNS and proxy"
        )),
        _ => connection(class, cause, host.unwrap_or(registry)),
    }
}

/// About a connection that failed, with the name of the host.
fn connection(class: ErrorClass, cause: Cause, host: &str) -> Option<String> {
    Some(match (class, cause) {
        (ErrorClass::Unreachable, Cause::RegistryUnreachable) => {
            format!("Check {host}, and the network between the node and it")
        }
        (_, Cause::DnsFailure) => format!("Fix DNS on the node: it cannot resolve {host}"),
        (ErrorClass::Tls, _) => format!(
            "Install the CA certificate of {host} in the container runtime of the nodes, or correct the certificate of {host}"
        ),
        (_, Cause::PlainHttpRegistry) => {
            format!("Give {host} a certificate, or allow plain HTTP for it in the container runtime of the nodes")
        }
        _ => return None,
    })
}

/// About an answer of the registry, or a problem of image and node, that its cause alone does not explain.
fn registry_itself(class: ErrorClass, registry: &str) -> Option<String> {
    Some(match class {
        ErrorClass::AddressRefused => format!(
            "{registry}, or a gateway in front of it, refuses the node's address or location, so other credentials do not help. Allow the node's outbound address there, or pull through a mirror"
        ),
        ErrorClass::OwnerRefused => format!(
            "{registry} does not serve this image until its owner enables billing or restores the account. Contact the owner, or use a copy of the image"
        ),
        ErrorClass::UpstreamRefused => format!(
            "{registry} caches another registry, which refuses the cache. Correct the upstream credentials in the cache's configuration at {registry}; the pod's pull secret is not involved"
        ),
        ErrorClass::IdentityDenied => "The message names the identity that may not pull. Grant it permission to pull this repository, in its own policy and in the repository's policy".to_owned(),
        ErrorClass::WebPage => format!(
            "The node received a web page instead of an image. Check that {registry} is the registry's host, and check mirrors and proxies in the container runtime configuration of the node"
        ),
        ErrorClass::TlsClock => format!(
            "Renew the certificate of {registry} if it has expired. If it is valid, correct the node's clock"
        ),
        ErrorClass::TlsClientCertificate => format!(
            "{registry} requires a client certificate that it trusts. Install a valid client certificate for {registry} in the container runtime of the node"
        ),
        ErrorClass::LayerMissing => format!(
            "{registry} has the image's manifest but not all of its layers. Push the image again, or clear the registry's cache if it proxies another registry"
        ),
        ErrorClass::WindowsVersion => "Use an image for the Windows version of the node, or schedule the pod to a node with a matching operating system version".to_owned(),
        ErrorClass::InvalidFormat => "Check that the name refers to a container image and not to another artifact. If it does, rebuild the image and push it in the OCI or Docker v2 schema 2 format".to_owned(),
        ErrorClass::RegistryPolicy => format!(
            "A policy of {registry} blocks the image. Fix its vulnerabilities or sign it, or ask the registry's administrator to exempt it"
        ),
        ErrorClass::VerifierFailed => "The image verifier on the node failed and blocks every image that it cannot judge. Fix the verifier on the node".to_owned(),
        ErrorClass::NodeFile => "The container runtime cannot use a file on the node. Correct the file or its permissions, as the message says".to_owned(),
        _ => return None,
    })
}
