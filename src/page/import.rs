//! Imports credentials of a docker config that somebody pastes or uploads.

use askama::Template;

use crate::domain::registry::key::RegistryKey;
use crate::form::import::{Found, FoundLogin};
use crate::page::commands::import_command;
use crate::page::frame::PageFrame;

/// The page.
#[derive(Template)]
#[template(path = "import.html")]
pub struct ImportPage {
    frame: PageFrame,
    namespace: String,
    is_short_lived: bool,
    namespaces: Vec<String>,
    problem: Option<String>,
    step: ImportStep,
    /// Does the same.
    command: Option<String>,
}

/// What a step is shown with.
#[derive(Clone, Debug, Default)]
pub struct ImportSurroundings {
    /// The namespace to import to.
    pub namespace: String,
    /// Whether credentials that expire within hours are imported too.
    pub is_short_lived: bool,
    /// Suggestions for the namespace.
    pub namespaces: Vec<String>,
    /// Why the step before could not be done.
    pub problem: Option<String>,
    /// The registries that were chosen.
    pub chosen: Vec<RegistryKey>,
    /// Flags of `dps import` for the same cluster, if they can be written.
    pub flags: Option<String>,
}

/// How far it is.
pub enum ImportStep {
    /// Nothing was read.
    Paste,
    /// Credentials were found, which this number stands for.
    Choose(u64, Vec<FoundRow>),
    /// Some were chosen.
    Done {
        /// What became of each.
        rows: Vec<ImportedRow>,
        /// The others and those that were not imported, and the number that stands for them.
        rest: Option<(u64, Vec<FoundRow>)>,
    },
}

/// Credentials that were found.
pub struct FoundRow {
    /// The registry as it is written there.
    pub key: String,
    /// The user.
    pub user: String,
    /// The name of its resource; `None`: it cannot be imported.
    pub name: Option<String>,
    /// Why not.
    pub why: Option<String>,
    /// Whether it is chosen unless somebody changes that.
    pub is_chosen: bool,
}

/// What became of credentials.
pub struct ImportedRow {
    /// The registry as it was written.
    pub key: String,
    /// Whether they were imported.
    pub is_imported: bool,
    /// In words.
    pub message: String,
    /// The page of the resource.
    pub path: Option<String>,
}

/// Credentials of a config. A program on this machine is not run because of a text in a browser.
pub fn without_helpers(found: Vec<Found>) -> Vec<Found> {
    let found = found.into_iter().map(|mut found| {
        if let FoundLogin::Helper { name, .. } = &found.login {
            found.login = FoundLogin::Unusable(format!(
                "its credentials are in the credential helper {name} of the machine that the config is from: run dps import there"
            ));
        }
        found
    });
    found.collect()
}

impl FoundRow {
    /// Shows them.
    pub fn of(found: &Found) -> Self {
        let why = match &found.login {
            FoundLogin::Unusable(why) => Some(why.clone()),
            FoundLogin::ShortLived(why) => Some(format!(
                "{why}. To import them anyway, start again and choose to import credentials that expire within hours"
            )),
            _ => None,
        };
        Self {
            key: found.key.clone(),
            user: found.user(),
            name: found.name().filter(|_| why.is_none()),
            why,
            is_chosen: true,
        }
    }
}

impl ImportPage {
    /// A step.
    pub fn new(frame: PageFrame, around: ImportSurroundings, step: ImportStep) -> Self {
        let ImportSurroundings {
            namespace,
            is_short_lived,
            namespaces,
            problem,
            chosen,
            flags,
        } = around;
        let command = flags.and_then(|flags| import_command(&flags, &namespace, is_short_lived, &chosen));
        Self {
            frame,
            namespace,
            is_short_lived,
            namespaces,
            problem,
            step,
            command,
        }
    }

    const TAB: &'static str = "Import";

    /// Whether something was not done, which the title of the page says first.
    fn is_error(&self) -> bool {
        let is_failed = match &self.step {
            ImportStep::Done { rows, .. } => rows.iter().any(|row| !row.is_imported),
            ImportStep::Paste | ImportStep::Choose(..) => false,
        };
        is_failed || self.problem.is_some()
    }
}
