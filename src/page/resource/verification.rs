//! How the registry answered to the credentials: the last time in full, and what is left of the times before.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::Value;

use crate::api::{DockerPullSecretStatus, VERIFY_ANNOTATION, VerificationResult, VerificationStatus};
use crate::domain::verification::method::{LoginMethod, VerificationMethod};
use crate::explain::pod_event::text;
use crate::page::resource::TimelineEntry;
use crate::page::state::StateWord;

/// What is known of the verification of the credentials.
pub(super) struct VerificationCard {
    pub(super) word: StateWord,
    /// What the registry answered, and what to do about it.
    pub(super) message: String,
    /// When, where and how, and when the next one is due.
    pub(super) facts: Vec<(&'static str, String)>,
    /// What the cluster still knows of those before, the latest first.
    pub(super) earlier: Vec<TimelineEntry>,
}

impl VerificationCard {
    /// Of a resource, with what happened to it.
    pub(super) fn of(object: &Value, status: &DockerPullSecretStatus, timeline: &[TimelineEntry]) -> Self {
        let none = VerificationStatus::default();
        let verification = status.verification.as_ref().unwrap_or(&none);
        let is_disabled = text(object, "/spec/verification/mode") == "Disabled";
        let message = match (&verification.message, verification.result) {
            (Some(message), _) => message.as_str(),
            (None, Some(_)) => "",
            (None, None) if is_disabled => "spec.verification.mode is Disabled: the credentials are not verified.",
            (None, None) => "The credentials are not verified yet.",
        };
        let last = verification.last_verified_time.as_ref().map(|time| time.0);
        let is_earlier = |entry: &&TimelineEntry| entry.is_verification && last.is_none_or(|last| entry.time < last);
        Self {
            word: word(verification, is_disabled),
            message: message.to_owned(),
            facts: facts(object, verification, is_disabled),
            earlier: timeline.iter().filter(is_earlier).cloned().collect(),
        }
    }
}

fn word(verification: &VerificationStatus, is_disabled: bool) -> StateWord {
    let (word, shape, class) = match verification.result {
        Some(result @ VerificationResult::Accepted) => (result.as_str(), "✓", "good"),
        Some(result) if result.is_refusal() => (result.as_str(), "✕", "bad"),
        Some(result) => (result.as_str(), "?", "warn"),
        None if is_disabled => ("Disabled", "‖", "paused"),
        None => ("Pending", "?", "paused"),
    };
    StateWord { word, shape, class }
}

/// Empty ones are left out.
fn facts(object: &Value, verification: &VerificationStatus, is_disabled: bool) -> Vec<(&'static str, String)> {
    let version = verification.credentials_version.as_deref().unwrap_or_default();
    let method = VerificationMethod::of_version(version);
    let about = match verification.result {
        Some(_) if verification.image_denied => "the image only: the registry accepts the credentials as such",
        _ => "",
    };
    let rejections = match verification.consecutive_rejections {
        0 => String::new(),
        count => count.to_string(),
    };
    let underway = verification.attempt.as_ref();
    let holds = match (verification.result, verification.secret_verified) {
        (_, true) => "credentials that the registry has accepted",
        (Some(_), false) => "no credentials that the registry is known to accept",
        (None, false) => "",
    };
    let all = [
        ("Last verified", time(verification.last_verified_time.as_ref())),
        ("Asked", method.as_ref().map(asked).unwrap_or_default()),
        ("How", method.as_ref().map(how).unwrap_or_default()),
        ("The result is about", about.to_owned()),
        ("Rejected in a row", rejections),
        (
            "Login attempt without an answer",
            underway.map_or_else(String::new, |attempt| format!("began {}", attempt.start_time.0)),
        ),
        ("Next", next(object, verification, is_disabled)),
        ("Requested", requested(object, verification).to_owned()),
        ("The generated Secret holds", holds.to_owned()),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn time(time: Option<&Time>) -> String {
    time.map(|time| time.0.to_string()).unwrap_or_default()
}

/// Which registry.
fn asked(method: &VerificationMethod) -> String {
    let VerificationMethod::LoginAttempt(method) = method else {
        return String::new();
    };
    let LoginMethod { host, port, .. } = method.as_ref();
    let protocol = if method.plain_http {
        "plain HTTP, unencrypted"
    } else {
        "HTTPS"
    };
    format!("{host}:{port} over {protocol}")
}

/// What the operator did there.
fn how(method: &VerificationMethod) -> String {
    let VerificationMethod::LoginAttempt(method) = method else {
        return "not at all: no login attempt is possible".to_owned();
    };
    let image = method.image.as_ref().map(|(repository, reference)| {
        let separator = if reference.contains(':') { '@' } else { ':' };
        format!(", and a request for the manifest of image {repository}{separator}{reference}")
    });
    let certificates = method.ca_bundle.as_ref();
    let certificates = certificates.map(|_| ". The certificates of spec.verification.tls are trusted");
    let (image, certificates) = (image.unwrap_or_default(), certificates.unwrap_or_default());
    format!("a login attempt{image}{certificates}")
}

fn next(object: &Value, verification: &VerificationStatus, is_disabled: bool) -> String {
    if object["spec"]["suspend"] == true {
        return "none as long as the resource is suspended".to_owned();
    }
    match (&verification.next_verification_time, verification.result) {
        (Some(next), _) => next.0.to_string(),
        (None, Some(_)) => "when the credentials or the spec change, or somebody requests it".to_owned(),
        (None, None) if is_disabled => "none".to_owned(),
        (None, None) => "as soon as possible".to_owned(),
    }
}

/// Whether somebody has requested one that was not made yet.
fn requested(object: &Value, verification: &VerificationStatus) -> &'static str {
    let annotations = object.pointer("/metadata/annotations");
    let wanted = annotations.and_then(|annotations| annotations[VERIFY_ANNOTATION].as_str());
    match wanted {
        Some(wanted) if verification.handled_request.as_deref() != Some(wanted) => "yes, and it is not done yet",
        _ => "",
    }
}
