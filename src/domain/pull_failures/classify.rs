//! What a kubelet's report says by itself, whatever container runtime wrote it.
//!
//! The same words can have several causes: [`crate::domain::pull_failures::infer`] adds what the pod would have sent.

use crate::domain::pull_failures::error_class::{ErrorClass, Progress, Refusal};
use crate::domain::pull_failures::patterns;
use crate::domain::pull_failures::peer::{
    Peer, Role, answers_in_json, is_google, peer, proxy_refuses, takes_no_credentials,
};
use crate::domain::pull_failures::words::{has_status, occurs};
use crate::domain::text::{attempts, unwrap, without_names};

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Classification {
    /// What its words mean.
    pub class: &'static ErrorClass,
    /// The host that it names; `None`: the image's registry, as far as is known.
    pub peer: Option<Peer>,
}

impl Classification {
    /// The classification of a report that names no other host.
    pub fn of_class(class: &'static ErrorClass) -> Self {
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

    /// How far the pull got.
    fn progress(&self) -> Progress {
        let least = match self.role() {
            Some(Role::Storage) => Progress::Image,
            _ => Progress::Unknown,
        };
        self.class.progress.max(least)
    }
}

/// What a waiting reason and its message say of `image`. `None`: only that the kubelet waits.
pub fn read(reason: &str, message: &str, image: &str) -> Option<Classification> {
    let (inner, text) = unwrap(message);
    let reason = inner.unwrap_or(reason);
    let certain = match reason {
        "InvalidImageName" => Some(&ErrorClass::INVALID_NAME),
        "ErrImageNeverPull" => Some(&ErrorClass::NEVER_PULL),
        "SignatureValidationFailed" => Some(&ErrorClass::SIGNATURE),
        _ => None,
    };
    if let Some(class) = certain {
        return Some(Classification::of_class(class));
    }
    let found = (!text.is_empty()).then(|| furthest(text, image)).flatten();
    match (reason, found.as_ref().map(|found| found.class)) {
        ("RegistryUnavailable", None | Some(&ErrorClass::UNKNOWN | &ErrorClass::NOT_FOUND)) => Some(Classification {
            class: &ErrorClass::UNREACHABLE,
            peer: found.and_then(|found| found.peer),
        }),
        ("ImageInspectError", None | Some(&ErrorClass::UNKNOWN)) => Some(Classification::of_class(&ErrorClass::NODE)),
        // Since Kubernetes 1.33 an error before the pull stands in the reason itself.
        (reason, None | Some(&ErrorClass::UNKNOWN)) if is_free_text(reason) => Some(classify(reason, image)),
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
        .map_or(&ErrorClass::UNKNOWN, |pattern| pattern.class);
    let role = peer.as_ref().map(|peer| peer.role);
    let class = of_host(class, role, image, report);
    Classification { class, peer }
}

/// The same words mean different things from different hosts.
fn of_host(class: &'static ErrorClass, role: Option<Role>, image: &str, report: &str) -> &'static ErrorClass {
    let refuses = class.refuses == Refusal::Credentials;
    let written = report;
    let report = &report.to_lowercase();
    let is = |other: &ErrorClass| class == other;
    match role {
        Some(Role::Proxy) if is(&ErrorClass::DNS) => class,
        Some(Role::Proxy) if proxy_refuses(written) => &ErrorClass::PROXY_REFUSED,
        Some(Role::Proxy) => &ErrorClass::PROXY,
        Some(Role::Storage) if is(&ErrorClass::NOT_FOUND) => &ErrorClass::LAYER_MISSING,
        Some(Role::Storage) if refuses || is(&ErrorClass::ADDRESS_REFUSED) => &ErrorClass::STORAGE_REFUSED,
        Some(Role::Storage) if is(&ErrorClass::UNKNOWN) && report.contains("<?xml") => &ErrorClass::STORAGE_REFUSED,
        // Quay says so with and without credentials.
        Some(Role::Mirror | Role::ShortNameRegistry) if is(&ErrorClass::DENIED) && report.contains("unauthorized") => {
            &ErrorClass::UNCLEAR
        }
        None if is(&ErrorClass::DENIED) && report.contains("<html") && answers_in_json(image) => {
            &ErrorClass::ADDRESS_REFUSED
        }
        None if refuses && takes_no_credentials(image) => &ErrorClass::ADDRESS_REFUSED,
        _ if report.contains("token") && has_status(report, |code| code == "403") => {
            forbidden_token(class, image, report)
        }
        _ if is(&ErrorClass::TOKEN_FORBIDDEN) => &ErrorClass::REFUSED,
        _ => class,
    }
}

/// What 403 of a token server means. Google, GitLab (`app/controllers/jwt_controller.rb`) and Azure answer 401 to wrong
/// credentials. So 403 means a missing permission at Google and GitLab, and the firewall at Azure.
fn forbidden_token(class: &'static ErrorClass, image: &str, report: &str) -> &'static ErrorClass {
    let host = image.split('/').next().unwrap_or_default();
    let is_gitlab = report.contains("/jwt/auth") || host == "registry.gitlab.com";
    match class {
        &ErrorClass::TOKEN_FORBIDDEN | &ErrorClass::UNCLEAR if is_gitlab || is_google(host) => &ErrorClass::DENIED,
        &ErrorClass::TOKEN_FORBIDDEN | &ErrorClass::NOT_SENT if host.ends_with(".azurecr.io") => {
            &ErrorClass::ADDRESS_REFUSED
        }
        &ErrorClass::TOKEN_FORBIDDEN => &ErrorClass::REFUSED,
        _ => class,
    }
}
