//! What a kubelet makes of a pod's pull secrets for one image, entry by entry.

use serde::Serialize;

use super::diagnosis::{Around, Diagnosis, Symptom, diagnose};
use super::mismatch::mismatch;
use super::secret::{Content, PullSecret, Tried, tried};
use super::signal::Signal;
use super::text::shown_key;
use crate::api::{Cause, PullCode};
use crate::domain::image::Image;

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
    pub secrets: Vec<Looked>,
}

/// One pull secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Looked {
    /// Its name.
    pub name: String,
    /// `Read`, `Absent`, `Unseen` (nobody could look at it), `Ignored` or `Malformed`.
    pub state: &'static str,
    /// Why it is not read; completes "the Secret …".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The `DockerPullSecret` that generates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generated_by: Option<String>,
    /// Its entries.
    pub entries: Vec<Considered>,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Considered {
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
pub fn view(image: &str, around: Around<'_>) -> View {
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
            Considered {
                key: shown_key(&found.key),
                order: position.map(|position| position + 1),
                why,
            }
        });
        let generator = around.generator(&secret.name);
        Looked {
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
        Content::Unseen => ("Unseen", Some("could not be looked at".to_owned())),
        Content::Ignored(why) => ("Ignored", Some(why.clone())),
        Content::Malformed(why) => ("Malformed", Some(why.clone())),
        Content::Entries(entries) if entries.is_empty() => ("Read", Some("has no entry".to_owned())),
        Content::Entries(_) => ("Read", None),
    }
}

/// What is certain to fail, whatever registry and node say: before there is a pod.
pub fn forecast(image: &str, around: Around<'_>) -> Option<Diagnosis> {
    let valid = Image::parse(image).is_ok();
    let symptom = Symptom {
        image,
        code: if valid { PullCode::DEP_E153 } else { PullCode::DEP_E351 },
        signal: (!valid).then_some(Signal::InvalidName),
        report: "",
    };
    Some(diagnose(symptom, around)).filter(|found| found.cause != Cause::Unknown)
}

/// What to know before there is a pod, although nothing is certain to fail: that no login is sent, and what to do if the
/// registry wants one.
pub fn advance(image: &str, around: Around<'_>) -> Option<String> {
    let symptom = Symptom {
        image,
        code: PullCode::DEP_E153,
        signal: Some(Signal::NotSent),
        report: "",
    };
    let then = diagnose(symptom, around);
    let mut unseen = around
        .secrets
        .iter()
        .filter(|one| matches!(one.content, Content::Unseen));
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
