//! What a kubelet makes of a pod's pull secrets for one image, entry by entry.

use serde::Serialize;

use crate::api::{Cause, PullCode};
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret, Tried, tried};
use crate::domain::pull_failures::classify::Classification;
use crate::domain::pull_failures::context::PullContext;
use crate::domain::pull_failures::diagnosis::{Diagnosis, PullError, diagnose};
use crate::domain::pull_failures::error_class::ErrorClass;
use crate::domain::registry::image::Image;
use crate::domain::registry::mismatch::mismatch;
use crate::domain::text::shown_key;
use crate::domain::time::Timestamp;

/// The pull secrets of a pod, as a kubelet reads them for one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretsView {
    /// What registry keys are compared with; absent if the name of the image is invalid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// How many entries match the image.
    pub matching_entries: usize,
    /// The Secrets, in the order of the pod's list.
    pub secrets: Vec<SecretView>,
}

/// One pull secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretView {
    /// Its name.
    pub name: String,
    /// Whether a kubelet uses it.
    pub state: SecretState,
    /// Why a kubelet does not use it, as words that follow the name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Name of the resource that generates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_by: Option<String>,
    /// Kind of that resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_by_kind: Option<&'static str>,
    /// Until when its credentials are valid, if they were minted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Its entries.
    pub entries: Vec<EntryView>,
}

/// What a kubelet makes of a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum SecretState {
    /// It reads the entries.
    Read,
    /// There is no such Secret.
    Absent,
    /// Unknown: the Secret could not be read here.
    Unreadable,
    /// It skips the Secret.
    Ignored,
    /// It cannot parse the Secret, and uses none of the pod's pull secrets.
    Malformed,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// The registry key.
    pub key: String,
    /// When its credentials are tried, counted from 1; absent if they are not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<usize>,
    /// Why they are not tried or cannot help, as a clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Shows which entries of the pull secrets a kubelet uses for an image, and why not the others.
pub fn explain_secrets(image: &str, context: PullContext<'_>) -> SecretsView {
    let repository = Image::parse(image).ok().map(|image| image.repository);
    let order = repository
        .as_deref()
        .map(|repository| tried(context.secrets, repository));
    let order = order.unwrap_or_default();
    let secrets = context.secrets.iter().enumerate().map(|(index, secret)| {
        let (state, why) = state(secret);
        let entries = secret.entries().iter().enumerate().map(|(entry, found)| {
            let tried = Tried { secret: index, entry };
            let position = order.iter().position(|other| *other == tried);
            let why = match position {
                Some(_) if found.complete => None,
                Some(_) => Some("it has no user name or no password, so the node pulls without credentials".to_owned()),
                None => Some(why_not_tried(&found.key, repository.as_deref(), context)),
            };
            EntryView {
                key: shown_key(&found.key),
                order: position.map(|position| position + 1),
                why,
            }
        });
        let generator = context.generator(&secret.name);
        SecretView {
            name: secret.name.clone(),
            state,
            why,
            generated_by: generator.map(|resource| resource.name.clone()),
            generated_by_kind: generator.map(|resource| resource.kind),
            expires_at: generator.and_then(|resource| resource.expires_at),
            entries: entries.collect(),
        }
    });
    SecretsView {
        secrets: secrets.collect(),
        matching_entries: order.len(),
        repository,
    }
}

fn why_not_tried(key: &str, repository: Option<&str>, context: PullContext<'_>) -> String {
    let mut secrets = context.secrets.iter();
    if let Some(malformed) = secrets.find(|secret| matches!(secret.content, Content::Malformed(_))) {
        let name = &malformed.name;
        return format!("Secret {name:?} cannot be parsed, so the kubelet uses no pull secret of this pod");
    }
    let Some(repository) = repository else {
        return "the image name is invalid".to_owned();
    };
    match mismatch(key, repository) {
        Some(mismatch) => mismatch.why,
        None => "kubelets use Docker Hub credentials only if no other key matches".to_owned(),
    }
}

fn state(secret: &PullSecret) -> (SecretState, Option<String>) {
    match &secret.content {
        Content::Absent => (SecretState::Absent, Some("does not exist".to_owned())),
        Content::Unreadable => (SecretState::Unreadable, Some("could not be read".to_owned())),
        Content::Ignored(why) => (SecretState::Ignored, Some(why.clone())),
        Content::Malformed(why) => (SecretState::Malformed, Some(why.clone())),
        Content::Entries(entries) if entries.is_empty() => (SecretState::Read, Some("has no entries".to_owned())),
        Content::Entries(_) => (SecretState::Read, None),
    }
}

/// The failure that is certain before there is a pod, whatever the registry and the node say.
pub fn certain_failure(image: &str, context: PullContext<'_>) -> Option<Diagnosis> {
    let is_valid = Image::parse(image).is_ok();
    let invalid_name = Classification::of_class(&ErrorClass::INVALID_NAME);
    let error = PullError {
        image,
        code: if is_valid {
            PullCode::DEP_E153
        } else {
            PullCode::DEP_E351
        },
        classification: (!is_valid).then_some(&invalid_name),
        report: "",
    };
    let diagnosis = diagnose(error, context);
    (diagnosis.cause != Cause::Unknown).then_some(diagnosis)
}

/// What to know of an image before there is a pod, if nothing is certain to fail.
pub struct CreationNote {
    /// That no credentials are sent, and what to do if the registry requires them.
    pub text: String,
    /// Whether it is about credentials that are in other namespaces.
    pub names_elsewhere: bool,
}

/// What to know before there is a pod if nothing is certain to fail.
pub fn note_before_creation(image: &str, context: PullContext<'_>) -> Option<CreationNote> {
    let not_sent = Classification::of_class(&ErrorClass::NOT_SENT);
    let error = PullError {
        image,
        code: PullCode::DEP_E153,
        classification: Some(&not_sent),
        report: "",
    };
    let without_credentials = diagnose(error, context);
    if without_credentials.has_credentials() {
        return None;
    }
    let mut secrets = context.secrets.iter();
    let unreadable = secrets.find(|secret| matches!(secret.content, Content::Unreadable));
    Some(match unreadable {
        Some(secret) => CreationNote {
            text: format!(
                "Secret {:?} could not be read, so it is unknown whether credentials are sent",
                secret.name
            ),
            names_elsewhere: false,
        },
        None => CreationNote {
            text: format!(
                "No credentials are sent, which is right for a public image. If the registry requires credentials: {}",
                without_credentials.action
            ),
            names_elsewhere: without_credentials.names_elsewhere(),
        },
    })
}
