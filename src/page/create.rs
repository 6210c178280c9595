//! The form.

pub mod fields;

use askama::Template;

use crate::domain::verification::verdict::Verdict;
use crate::page::create::fields::{CreateFields, FieldProblems};
use crate::page::frame::PageFrame;
use crate::page::rights::PageRight;

/// What became of a form.
#[derive(Clone, Debug, Default)]
pub enum CreateOutcome {
    /// It was not submitted.
    #[default]
    Empty,
    /// A field is wrong.
    Invalid(FieldProblems),
    /// It cannot be written, and why.
    Refused(String),
    /// The registry did not accept the login.
    NotAccepted(Verdict),
    /// The login works, and nothing was to be written.
    Accepted(String),
    /// The resource for Git, and the command that makes the Secret with the login, which does not belong there.
    Yaml {
        /// The resource.
        yaml: String,
        /// Makes the Secret; `None` if a flag for the context of the page cannot be written.
        command: Option<String>,
    },
    /// Writing began and failed: why, and what remained.
    Interrupted(String),
    /// It is written, and this is the path of its page.
    Written(String),
}

/// The page.
#[derive(Template)]
#[template(path = "create.html")]
pub struct CreatePage {
    frame: PageFrame,
    fields: CreateFields,
    problems: FieldProblems,
    outcome: CreateOutcome,
    key: String,
    namespaces: Vec<String>,
    right: PageRight,
}

impl CreatePage {
    /// `namespaces`: suggestions. `right`: whether the person may create such a resource.
    pub fn new(
        frame: PageFrame,
        fields: CreateFields,
        outcome: CreateOutcome,
        namespaces: Vec<String>,
        right: PageRight,
    ) -> Self {
        let problems = match &outcome {
            CreateOutcome::Invalid(problems) => problems.clone(),
            _ => FieldProblems::default(),
        };
        Self {
            key: fields.registry_hint().unwrap_or_default(),
            frame,
            fields,
            problems,
            outcome,
            namespaces,
            right,
        }
    }

    const TAB: &'static str = "Create";

    fn problem(&self, field: &str) -> Option<&str> {
        self.problems.get(field)
    }

    /// A login that the registry did not accept, in words, and whether it is doubtful.
    fn refusal(&self) -> Option<(&'static str, &str, bool)> {
        match &self.outcome {
            CreateOutcome::NotAccepted(verdict) => {
                // Unless the registry refuses it, nobody knows whether the login works.
                Some((verdict.result.as_str(), &verdict.message, !verdict.result.is_refusal()))
            }
            _ => None,
        }
    }
}
