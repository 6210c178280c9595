//! What a kubelet's report says by itself, whatever container runtime wrote it.
//!
//! The same words can have several causes: [`crate::domain::pull_failures::infer`] adds what the pod would have sent.

use crate::domain::pull_failures::patterns;
use crate::domain::pull_failures::peer::{Peer, Role, answers_in_json, is_google, peer, takes_no_credentials};
use crate::domain::pull_failures::words::{has_status, occurs};
use crate::domain::text::{attempts, unwrap, without_names};

/// What the words of a report mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// A pull secret cannot be decoded.
    Malformed,
    /// The registry has locked the user out.
    Locked,
    /// The credentials have expired.
    Expired,
    /// The password is meant to be a JSON key and is none.
    KeyUnreadable,
    /// Credentials were sent and rejected.
    Refused,
    /// A token server returned 403: the user lacks a permission, or the credentials are wrong.
    TokenForbidden,
    /// The registry requires credentials, and none were sent.
    NotSent,
    /// A rate limit for clients without credentials.
    RateLimitedAnonymous,
    /// A rate limit.
    RateLimited,
    /// No permission, or no credentials: the words do not say which.
    Denied,
    /// The registry names the identity that lacks a permission.
    IdentityDenied,
    /// 401, from a runtime that has other words for sending no credentials: most likely wrong ones.
    Unauthorized,
    /// 401: wrong credentials, or none: the words do not say which.
    Unclear,
    /// The registry or a gateway in front of it does not serve this client, whatever its credentials.
    AddressRefused,
    /// The owner of the image or of the registry has to pay or to enable something.
    OwnerRefused,
    /// The registry is a cache, and the registry behind it refuses the cache.
    UpstreamRefused,
    /// The host that stores layers refuses the node.
    StorageRefused,
    /// No image for this platform.
    Platform,
    /// The image is for another version of Windows.
    WindowsVersion,
    /// What the name refers to is no image, or one in a format that the runtime does not support.
    InvalidFormat,
    /// No such image.
    NotFound,
    /// The image exists, but one of its layers does not.
    LayerMissing,
    /// The certificate is not trusted.
    Tls,
    /// A certificate has expired, or one of the clocks is wrong.
    TlsClock,
    /// The registry requires a client certificate that it trusts.
    TlsClientCertificate,
    /// HTTP where HTTPS was expected.
    PlainHttp,
    /// The name does not resolve.
    Dns,
    /// The node's proxy.
    Proxy,
    /// A web page instead of an image.
    WebPage,
    /// No connection, or the registry has a problem.
    Unreachable,
    /// A signature policy of the node.
    Signature,
    /// A policy of the registry.
    RegistryPolicy,
    /// The node's verifier could not judge the image.
    VerifierFailed,
    /// The name of the image is not valid.
    InvalidName,
    /// The image must not be pulled and is not on the node.
    NeverPull,
    /// The node has a problem.
    Node,
    /// The node may not read or write one of its own files.
    NodeFile,
    /// Something else.
    Unknown,
}

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Classification {
    /// What its words mean.
    pub class: ErrorClass,
    /// The host that it names; `None`: the image's registry, as far as is known.
    pub peer: Option<Peer>,
}

impl Classification {
    /// The classification of a report that names no other host.
    pub fn of_class(class: ErrorClass) -> Self {
        Self { class, peer: None }
    }

    /// Whether another report is about the same problem. The same storage has many hosts.
    pub fn is_alike(&self, other: &Self) -> bool {
        let host = |peer: &Peer| (peer.role != Role::Storage).then(|| peer.host.clone());
        self.class == other.class
            && self.role() == other.role()
            && self.peer.as_ref().map(host) == other.peer.as_ref().map(host)
    }

    /// The role of the host that it names; `None`: the image's registry.
    pub fn role(&self) -> Option<Role> {
        self.peer.as_ref().map(|peer| peer.role)
    }

    /// Whether it names a host for which the pod's pull secrets are not meant.
    pub fn is_about_another_host(&self) -> bool {
        match self.role() {
            Some(Role::Mirror | Role::ShortNameRegistry | Role::Proxy | Role::Storage) => true,
            Some(Role::TokenServer) | None => false,
        }
    }

    /// How far the pull got. Of several attempts with different credentials, the one that got furthest shows the obstacle.
    fn progress(&self) -> u8 {
        match self.class {
            ErrorClass::KeyUnreadable => 7,
            ErrorClass::NotFound
            | ErrorClass::LayerMissing
            | ErrorClass::Platform
            | ErrorClass::WindowsVersion
            | ErrorClass::InvalidFormat
            | ErrorClass::Signature
            | ErrorClass::RegistryPolicy
            | ErrorClass::VerifierFailed
            | ErrorClass::InvalidName
            | ErrorClass::NeverPull => 6,
            _ if self.role() == Some(Role::Storage) => 6,
            ErrorClass::Denied
            | ErrorClass::IdentityDenied
            | ErrorClass::UpstreamRefused
            | ErrorClass::AddressRefused
            | ErrorClass::OwnerRefused
            | ErrorClass::StorageRefused
            | ErrorClass::WebPage
            | ErrorClass::Node
            | ErrorClass::NodeFile => 5,
            ErrorClass::RateLimited | ErrorClass::RateLimitedAnonymous | ErrorClass::Malformed => 4,
            ErrorClass::Locked | ErrorClass::Expired | ErrorClass::Refused | ErrorClass::TokenForbidden => 3,
            ErrorClass::Unauthorized | ErrorClass::Unclear | ErrorClass::NotSent => 2,
            ErrorClass::Tls
            | ErrorClass::TlsClock
            | ErrorClass::TlsClientCertificate
            | ErrorClass::PlainHttp
            | ErrorClass::Dns
            | ErrorClass::Proxy
            | ErrorClass::Unreachable => 1,
            ErrorClass::Unknown => 0,
        }
    }
}

/// What a waiting reason and its message say of `image`. `None`: only that the kubelet waits.
pub fn read(reason: &str, message: &str, image: &str) -> Option<Classification> {
    let (inner, text) = unwrap(message);
    let reason = inner.unwrap_or(reason);
    let certain = match reason {
        "InvalidImageName" => Some(ErrorClass::InvalidName),
        "ErrImageNeverPull" => Some(ErrorClass::NeverPull),
        "SignatureValidationFailed" => Some(ErrorClass::Signature),
        _ => None,
    };
    if let Some(class) = certain {
        return Some(Classification::of_class(class));
    }
    let found = (!text.is_empty()).then(|| furthest(text, image)).flatten();
    match (reason, found.as_ref().map(|found| found.class)) {
        ("RegistryUnavailable", None | Some(ErrorClass::Unknown | ErrorClass::NotFound)) => Some(Classification {
            class: ErrorClass::Unreachable,
            peer: found.and_then(|found| found.peer),
        }),
        ("ImageInspectError", None | Some(ErrorClass::Unknown)) => Some(Classification::of_class(ErrorClass::Node)),
        // Since Kubernetes 1.33 an error before the pull stands in the reason itself.
        (reason, None | Some(ErrorClass::Unknown)) if is_free_text(reason) => Some(classify(reason, image)),
        _ => found,
    }
}

/// Whether a waiting reason is none of a kubelet's words, but the text of an error.
pub fn is_free_text(reason: &str) -> bool {
    reason.contains([' ', ':'])
}

fn furthest(text: &str, image: &str) -> Option<Classification> {
    let attempts = attempts(text).into_iter().map(|attempt| classify(attempt, image));
    attempts.max_by_key(Classification::progress)
}

/// What one attempt's report says.
fn classify(report: &str, image: &str) -> Classification {
    let peer = peer(report, image);
    let text = without_names(report, image).to_lowercase();
    let class = patterns::all()
        .find(|pattern| pattern.words.split(" + ").all(|fragment| occurs(&text, fragment)))
        .map_or(ErrorClass::Unknown, |pattern| pattern.class);
    let role = peer.as_ref().map(|peer| peer.role);
    let class = of_host(class, role, image, &report.to_lowercase());
    Classification { class, peer }
}

/// The same words mean different things from different hosts.
fn of_host(class: ErrorClass, role: Option<Role>, image: &str, report: &str) -> ErrorClass {
    let refuses = matches!(
        class,
        ErrorClass::NotSent
            | ErrorClass::Refused
            | ErrorClass::TokenForbidden
            | ErrorClass::Denied
            | ErrorClass::Unauthorized
            | ErrorClass::Unclear
            | ErrorClass::Expired
    );
    match role {
        Some(Role::Proxy) if class == ErrorClass::Dns => class,
        Some(Role::Proxy) => ErrorClass::Proxy,
        Some(Role::Storage) if class == ErrorClass::NotFound => ErrorClass::LayerMissing,
        Some(Role::Storage) if refuses || class == ErrorClass::AddressRefused => ErrorClass::StorageRefused,
        Some(Role::Storage) if class == ErrorClass::Unknown && report.contains("<?xml") => ErrorClass::StorageRefused,
        // Quay says so with and without credentials.
        Some(Role::Mirror | Role::ShortNameRegistry)
            if class == ErrorClass::Denied && report.contains("unauthorized") =>
        {
            ErrorClass::Unclear
        }
        None if class == ErrorClass::Denied && report.contains("<html") && answers_in_json(image) => {
            ErrorClass::AddressRefused
        }
        None if refuses && takes_no_credentials(image) => ErrorClass::AddressRefused,
        _ if report.contains("token") && has_status(report, |code| code == "403") => {
            forbidden_token(class, image, report)
        }
        _ if class == ErrorClass::TokenForbidden => ErrorClass::Refused,
        _ => class,
    }
}

/// What 403 of a token server means. Google, GitLab (`app/controllers/jwt_controller.rb`) and Azure answer 401 to wrong
/// credentials. So 403 means a missing permission at Google and GitLab, and the firewall at Azure.
fn forbidden_token(class: ErrorClass, image: &str, report: &str) -> ErrorClass {
    let host = image.split('/').next().unwrap_or_default();
    let is_gitlab = report.contains("/jwt/auth") || host == "registry.gitlab.com";
    match class {
        ErrorClass::TokenForbidden | ErrorClass::Unclear if is_gitlab || is_google(host) => ErrorClass::Denied,
        ErrorClass::TokenForbidden | ErrorClass::NotSent if host.ends_with(".azurecr.io") => ErrorClass::AddressRefused,
        ErrorClass::TokenForbidden => ErrorClass::Refused,
        _ => class,
    }
}
