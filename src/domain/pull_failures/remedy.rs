//! What a report itself says to do, whatever the pod's Secrets hold: which host to look at, and what that host wants.

use crate::api::Cause;
use crate::domain::pull_failures::classify::Classification;
use crate::domain::pull_failures::error_class::{ErrorClass, Refusal};
use crate::domain::pull_failures::peer::Role;
use crate::domain::registry::dialect::DOCKER_HUB_API;
use crate::domain::registry::image::Image;

/// Where nodes are told about mirrors and proxies.
const CONFIGURATION: &str = "the container runtime configuration of the node";

/// What to do about a report; `None`: nothing more precise than its cause tells.
pub(crate) fn remedy(report: &Classification, cause: Cause, image: &str) -> Option<String> {
    let parsed = Image::parse(image).unwrap_or_else(|_| Image::meant(image));
    let (registry, api) = if parsed.is_docker_hub() {
        ("Docker Hub", DOCKER_HUB_API)
    } else {
        (parsed.host(), parsed.host())
    };
    let class = report.class;
    let host = report.peer.as_ref().and_then(|peer| peer.host.as_deref());
    match report.role() {
        Some(Role::Mirror) => mirror(class, cause, registry, host),
        Some(Role::ShortNameRegistry) => host.map(|host| format!(
            "The image does not name its registry, and {CONFIGURATION} chose {host}. Write the full name: {}, if it comes from Docker Hub, or {host}/…",
            parsed.repository
        )),
        Some(Role::Proxy) => Some(proxy(class, registry, host)),
        Some(Role::Storage) => storage(class, cause, registry, host),
        Some(Role::TokenServer) => {
            let server = host.map_or_else(String::new, |host| format!("{host}, "));
            filled(class, registry, &format!("{server}the token server of {registry}"))
        }
        None if cause == Cause::DnsFailure && !parsed.is_docker_hub() => Some(format!(
            "Correct the image's host name {registry}, or fix DNS on the node"
        )),
        None => filled(class, registry, api),
    }
}

/// Names the host that a report is about, if what to do does not.
pub(crate) fn with_host(action: String, report: &Classification, image: &str) -> String {
    let host = report.peer.as_ref().and_then(|peer| peer.host.as_deref());
    let Some(host) = host.filter(|host| report.is_about_another_host() && !action.contains(host)) else {
        return action;
    };
    let parsed = Image::parse(image).unwrap_or_else(|_| Image::meant(image));
    format!("{action}. The message is about {host}, not about {}", parsed.host())
}

/// The remedy of a class.
fn filled(class: &ErrorClass, registry: &str, host: &str) -> Option<String> {
    let remedy = class.remedy?;
    Some(remedy.replace("{registry}", registry).replace("{host}", host))
}

fn mirror(class: &ErrorClass, cause: Cause, registry: &str, host: Option<&str>) -> Option<String> {
    let mirror = match host {
        Some(host) => format!("{host}, which the node uses as a mirror of {registry},"),
        None => format!("The mirror that the node uses for {registry}"),
    };
    Some(match (cause, class.refuses) {
        (Cause::MirrorRefused, Refusal::Credentials) if *class != ErrorClass::DENIED => format!(
            "{mirror} requires credentials of its own. Add them to {CONFIGURATION}, or remove the mirror there. The pod's pull secrets are for {registry}"
        ),
        (Cause::MirrorRefused, _) if is_rate_limit(class) => {
            format!("{mirror} limits the rate of pulls. Wait, or remove the mirror from {CONFIGURATION}")
        }
        (Cause::MirrorRefused, _) => format!(
            "{mirror} denies access to this image. Allow the image on the mirror, or remove the mirror from {CONFIGURATION}"
        ),
        (Cause::ImageNotFound, _) => format!(
            "{mirror} does not have this image. Correct the image name, or remove the mirror from {CONFIGURATION}"
        ),
        (Cause::TlsVerification | Cause::PlainHttpRegistry | Cause::DnsFailure | Cause::RegistryUnreachable, _) => {
            format!("{mirror} cannot be used. Check the mirror and the network, or remove it from {CONFIGURATION}")
        }
        _ => return filled(class, host.unwrap_or(registry), host.unwrap_or(registry)),
    })
}

fn is_rate_limit(class: &ErrorClass) -> bool {
    [ErrorClass::RATE_LIMITED, ErrorClass::RATE_LIMITED_ANONYMOUS].contains(class)
}

fn proxy(class: &ErrorClass, registry: &str, host: Option<&str>) -> String {
    let proxy = host.map_or_else(String::new, |host| format!(" {host}"));
    let through = format!("The node connects to {registry} through the HTTP proxy{proxy}");
    if *class == ErrorClass::PROXY_REFUSED {
        return format!(
            "{through}, which refuses. Correct the proxy's credentials in {CONFIGURATION}, or allow connections to {registry} on the proxy"
        );
    }
    format!(
        "{through}, which failed. Check the proxy's address in {CONFIGURATION}, and whether the proxy can connect to {registry}"
    )
}

fn storage(class: &ErrorClass, cause: Cause, registry: &str, host: Option<&str>) -> Option<String> {
    let storage = match host {
        Some(host) => format!("{host}, which stores images for {registry},"),
        None => format!("The storage behind {registry}"),
    };
    match (class, cause) {
        (&ErrorClass::STORAGE_REFUSED, _) => Some(format!(
            "{storage} refuses the node, although the registry allowed the pull, so other credentials do not help. Check firewalls, proxies and endpoint policies between the node and the storage, and the node's clock. If they are right, ask the owner of the registry"
        )),
        (class, _) if is_rate_limit(class) => Some(format!(
            "{storage} limits the rate of pulls. Wait, or pull through a mirror"
        )),
        (&ErrorClass::WEB_PAGE, _) => filled(class, registry, registry),
        (_, Cause::RegistryUnreachable | Cause::DnsFailure) => Some(format!(
            "{storage} cannot be reached or has a problem. Allow connections from the node to it, and check the node's DNS and proxy"
        )),
        _ => filled(class, registry, host.unwrap_or(registry)),
    }
}
