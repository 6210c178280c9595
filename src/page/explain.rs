//! Explains an image, a pod or the pods of a workload.

use askama::Template;

use crate::domain::pull_failures::cause::about;
use crate::explain::report::{ExplainedFailure, ExplainedImage, Report};
use crate::explain::secrets::SecretState;
use crate::explain::words::{entry_use, matches, place};
use crate::page::frame::PageFrame;
use crate::page::state::StateWord;

/// What was asked, as it was typed.
#[derive(Clone, Debug, Default)]
pub struct ExplainFields {
    /// The namespace.
    pub namespace: String,
    /// The image, for a pod that does not exist yet.
    pub image: String,
    /// Its ServiceAccount.
    pub service_account: String,
    /// A pod or a workload, as `dps explain` takes it; empty for all pods of the namespace.
    pub subject: String,
}

/// What was found out.
#[derive(Clone, Debug, Default)]
pub enum ExplainAnswer {
    /// Nothing was asked.
    #[default]
    None,
    /// It cannot be explained, and why.
    Problem(String),
    /// The explanation, and what to know about it.
    Report(Box<Report>, Vec<String>),
}

/// The page.
#[derive(Template)]
#[template(path = "explain.html")]
pub struct ExplainPage {
    frame: PageFrame,
    fields: ExplainFields,
    namespaces: Vec<String>,
    problem: Option<String>,
    warnings: Vec<String>,
    /// Each image with its failure, those that fail first; `None`: nothing was asked.
    images: Option<Vec<ImageCard>>,
}

/// An image.
struct ImageCard {
    place: String,
    word: StateWord,
    image: ExplainedImage,
    matches: String,
    failure: Option<ExplainedFailure>,
    what: &'static str,
    secrets: Vec<SecretCard>,
}

/// A pull secret.
struct SecretCard {
    name: String,
    is_used: bool,
    why: Option<String>,
    generated_by: Option<String>,
    entries: Vec<(String, String, bool)>,
}

impl ExplainPage {
    /// `namespaces`: suggestions.
    pub fn new(frame: PageFrame, fields: ExplainFields, namespaces: Vec<String>, answer: ExplainAnswer) -> Self {
        let (mut problem, mut warnings, mut images) = (None, Vec::new(), None);
        match answer {
            ExplainAnswer::None => {}
            ExplainAnswer::Problem(why) => problem = Some(why),
            ExplainAnswer::Report(report, all) => {
                warnings = all;
                images = Some(cards(*report));
            }
        }
        Self {
            frame,
            fields,
            namespaces,
            problem,
            warnings,
            images,
        }
    }

    const TAB: &'static str = "Explain";
}

fn cards(report: Report) -> Vec<ImageCard> {
    let Report { failures, images } = report;
    let cards = images.into_iter().map(|image| {
        let failure = failures
            .iter()
            .find(|failure| failure.subject == image.subject)
            .cloned();
        ImageCard {
            place: place(&image.subject),
            word: match &failure {
                Some(_) => StateWord {
                    word: "Fails",
                    shape: "✕",
                    class: "bad",
                },
                None => StateWord {
                    word: "No failure",
                    shape: "✓",
                    class: "good",
                },
            },
            matches: matches(image.view.matching_entries),
            what: failure
                .as_ref()
                .map(|failure| about(failure.cause).what)
                .unwrap_or_default(),
            secrets: secrets(&image),
            failure,
            image,
        }
    });
    let mut cards: Vec<ImageCard> = cards.collect();
    cards.sort_by_key(|card| card.failure.is_none());
    cards
}

fn secrets(image: &ExplainedImage) -> Vec<SecretCard> {
    let secrets = image.view.secrets.iter().map(|secret| SecretCard {
        name: secret.name.clone(),
        is_used: secret.state == SecretState::Read,
        why: secret.why.clone(),
        generated_by: secret
            .generated_by_kind
            .zip(secret.generated_by.as_ref())
            .map(|(kind, name)| format!("{kind} {name}")),
        entries: secret
            .entries
            .iter()
            .map(|entry| {
                let is_used = entry.order.is_some() && entry.why.is_none();
                (
                    entry.key.clone(),
                    entry_use(entry, image.view.matching_entries),
                    is_used,
                )
            })
            .collect(),
    });
    secrets.collect()
}
