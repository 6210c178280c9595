//! The form.

pub mod fields;
pub mod selected;

use askama::Template;

use crate::domain::verification::verdict::Verdict;
use crate::page::commands::create_command;
use crate::page::create::fields::{CreateFields, FieldProblems};
use crate::page::frame::PageFrame;
use crate::page::rights::PageRight;

/// What became of a form.
#[derive(Clone, Debug, Default)]
pub enum CreateOutcome {
    /// It was not submitted.
    #[default]
    Empty,
    /// Somebody wants to know which namespaces are selected now.
    Selected(String),
    /// A field is wrong.
    Invalid(FieldProblems),
    /// It cannot be written, and why.
    Refused(String),
    /// The registry did not accept the credentials.
    NotAccepted(Verdict),
    /// The credentials work, and nothing was to be written.
    Accepted(String),
    /// The resource for Git, and the command that makes the Secret with the credentials, which does not belong there.
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
    /// Which namespaces are selected now.
    selected: Option<String>,
    /// Does the same.
    command: Option<String>,
    right: PageRight,
}

/// What a form is shown with.
#[derive(Clone, Debug)]
pub struct CreateSurroundings {
    /// Suggestions for the namespace.
    pub namespaces: Vec<String>,
    /// Whether the person may create such a resource.
    pub right: PageRight,
    /// Which namespaces are selected now, if somebody wants to know.
    pub selected: Option<String>,
    /// Flags of `dps create` for the same cluster, if they can be written.
    pub flags: Option<String>,
}

impl CreatePage {
    /// The form as it was filled in.
    pub fn new(frame: PageFrame, fields: CreateFields, outcome: CreateOutcome, around: CreateSurroundings) -> Self {
        let (problems, selected) = match &outcome {
            CreateOutcome::Invalid(problems) => (problems.clone(), around.selected),
            CreateOutcome::Selected(selected) => (FieldProblems::default(), Some(selected.clone())),
            _ => (FieldProblems::default(), around.selected),
        };
        Self {
            key: fields.registry_hint().unwrap_or_default(),
            command: around.flags.and_then(|flags| create_command(&fields, &flags)),
            frame,
            fields,
            problems,
            outcome,
            namespaces: around.namespaces,
            selected,
            right: around.right,
        }
    }

    const TAB: &'static str = "Create";

    fn problem(&self, field: &str) -> Option<&str> {
        self.problems.get(field)
    }

    /// Whether somebody goes on at a field, and not at what became of the form.
    fn has_focus(&self, field: &str) -> bool {
        field == "selector" && matches!(self.outcome, CreateOutcome::Selected(_))
    }

    /// What to know about a field that is not wrong.
    fn hint<'a>(&'a self, field: &str, otherwise: &'a str) -> &'a str {
        match (field, &self.selected) {
            ("registry-url", _) if !self.key.is_empty() => &self.key,
            ("selector", Some(selected)) => selected,
            _ => otherwise,
        }
    }

    /// Whether the form was submitted and nothing came of it, which the title of the page says first.
    fn is_error(&self) -> bool {
        match self.outcome {
            CreateOutcome::Invalid(_)
            | CreateOutcome::Refused(_)
            | CreateOutcome::NotAccepted(_)
            | CreateOutcome::Interrupted(_) => true,
            CreateOutcome::Empty
            | CreateOutcome::Selected(_)
            | CreateOutcome::Accepted(_)
            | CreateOutcome::Yaml { .. }
            | CreateOutcome::Written(_) => false,
        }
    }

    /// Credentials that the registry did not accept, in words, and whether that is doubtful.
    fn refusal(&self) -> Option<(&'static str, &str, bool)> {
        match &self.outcome {
            CreateOutcome::NotAccepted(verdict) => {
                // Unless the registry refuses them, nobody knows whether they work.
                Some((verdict.result.as_str(), &verdict.message, !verdict.result.is_refusal()))
            }
            _ => None,
        }
    }
}
