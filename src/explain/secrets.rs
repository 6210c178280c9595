//! What a kubelet makes of a pod's pull secrets for one image, entry by entry.

use serde::Serialize;

use crate::api::{Cause, PullCode};
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret, Tried, tried};
use crate::domain::pull_failures::classify::{Classification, ErrorClass};
use crate::domain::pull_failures::diagnosis::{Diagnosis, PullContext, PullError, diagnose};
use crate::domain::registry::image::Image;
use crate::domain::registry::mismatch::mismatch;
use crate::domain::text::shown_key;

/// The pull secrets of a pod, looked at for one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct View {
    /// What registry keys are compared with; absent when the image's name is not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// How many logins are tried.
    pub logins: usize,
    /// The Secrets, in the order of the pod's list.
    pub secrets: Vec<SecretView>,
}

/// One pull secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretView {
    /// Its name.
    pub name: String,
    /// `Read`, `Absent`, `Unreadable` (nobody could look at it), `Ignored` or `Malformed`.
    pub state: &'static str,
    /// Why it is not read; completes "the Secret …".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The `DockerPullSecret` that generates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_by: Option<String>,
    /// Its entries.
    pub entries: Vec<EntryView>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EntryView {
    /// The registry key.
    pub key: String,
    /// When its login is tried, counted from 1; absent when it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<usize>,
    /// Why it is not tried, or cannot help; a clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Looks.
pub fn explain_secrets(image: &str, around: PullContext<'_>) -> View {
    let repository = Image::parse(image).ok().map(|image| image.repository);
    let order = repository.as_ref().map(|name| tried(around.secrets, name));
    let order = order.unwrap_or_default();
    let spoilt = around
        .secrets
        .iter()
        .find(|one| matches!(one.content, Content::Malformed(_)));
    let secrets = around.secrets.iter().enumerate().map(|(index, secret)| {
        let (state, why) = state(secret);
        let entries = secret.entries().iter().enumerate().map(|(entry, found)| {
            let at = Tried { secret: index, entry };
            let position = order.iter().position(|one| *one == at);
            let why = match (position, spoilt, &repository) {
                (Some(_), ..) if found.complete => None,
                (Some(_), ..) => Some("has no user name or no password, so nodes pull without a login".to_owned()),
                (None, Some(spoilt), _) => Some(format!(
                    "Secret {:?} cannot be read, and then none is used",
                    spoilt.name
                )),
                (None, None, None) => Some("the image's name is not valid".to_owned()),
                (None, None, Some(name)) => Some(mismatch(&found.key, name).map_or_else(
                    || "kubelets use a Docker Hub login only if no other key matches, and one does".to_owned(),
                    |mismatch| mismatch.why,
                )),
            };
            EntryView {
                key: shown_key(&found.key),
                order: position.map(|position| position + 1),
                why,
            }
        });
        let generator = around.generator(&secret.name);
        SecretView {
            name: secret.name.clone(),
            state,
            why,
            generated_by: generator.map(|resource| resource.name.clone()),
            entries: entries.collect(),
        }
    });
    View {
        secrets: secrets.collect(),
        logins: order.len(),
        repository,
    }
}

fn state(secret: &PullSecret) -> (&'static str, Option<String>) {
    match &secret.content {
        Content::Absent => ("Absent", Some("does not exist".to_owned())),
        Content::Unreadable => ("Unreadable", Some("could not be looked at".to_owned())),
        Content::Ignored(why) => ("Ignored", Some(why.clone())),
        Content::Malformed(why) => ("Malformed", Some(why.clone())),
        Content::Entries(entries) if entries.is_empty() => ("Read", Some("has no entry".to_owned())),
        Content::Entries(_) => ("Read", None),
    }
}

/// What is certain to fail, whatever registry and node say: before there is a pod.
pub fn certain_failure(image: &str, around: PullContext<'_>) -> Option<Diagnosis> {
    let valid = Image::parse(image).is_ok();
    let invalid_name = Classification::of_class(ErrorClass::InvalidName);
    let symptom = PullError {
        image,
        code: if valid { PullCode::DEP_E153 } else { PullCode::DEP_E351 },
        classification: (!valid).then_some(&invalid_name),
        report: "",
    };
    Some(diagnose(symptom, around)).filter(|found| found.cause != Cause::Unknown)
}

/// What to know before there is a pod, although nothing is certain to fail: that no login is sent, and what to do if the
/// registry wants one.
pub fn note_before_creation(image: &str, around: PullContext<'_>) -> Option<String> {
    let not_sent = Classification::of_class(ErrorClass::NotSent);
    let symptom = PullError {
        image,
        code: PullCode::DEP_E153,
        classification: Some(&not_sent),
        report: "",
    };
    let then = diagnose(symptom, around);
    let mut unseen = around
        .secrets
        .iter()
        .filter(|one| matches!(one.content, Content::Unreadable));
    match unseen.next() {
        _ if then.has_login() => None,
        Some(unseen) => Some(format!(
            "whether a login is sent is not known: Secret {:?} could not be looked at",
            unseen.name
        )),
        None => Some(format!(
            "no login is sent, which is right for a public image; if the registry wants one: {}",
            then.action
        )),
    }
}
