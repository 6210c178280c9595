//! Imports logins of a docker config that somebody pastes or uploads.

use askama::Template;

use crate::form::import::{Found, FoundLogin};
use crate::page::frame::PageFrame;

/// The page.
#[derive(Template)]
#[template(path = "import.html")]
pub struct ImportPage {
    frame: PageFrame,
    namespace: String,
    namespaces: Vec<String>,
    problem: Option<String>,
    step: ImportStep,
}

/// How far it is.
pub enum ImportStep {
    /// Nothing was read.
    Paste,
    /// Logins were found, which this number stands for.
    Choose(u64, Vec<FoundRow>),
    /// What became of each that was chosen.
    Done(Vec<ImportedRow>),
}

/// A login that was found.
pub struct FoundRow {
    /// The registry as it is written there.
    pub key: String,
    /// The user.
    pub user: String,
    /// The name of its resource; `None`: it cannot be imported.
    pub name: Option<String>,
    /// Why not.
    pub why: Option<String>,
}

/// What became of a login.
pub struct ImportedRow {
    /// The registry as it was written.
    pub key: String,
    /// Whether it was imported.
    pub is_imported: bool,
    /// In words.
    pub message: String,
    /// The page of its resource.
    pub path: Option<String>,
}

/// Logins of a config. A program on this machine is not run because of a text in a browser.
pub fn without_helpers(found: Vec<Found>) -> Vec<Found> {
    let found = found.into_iter().map(|mut found| {
        if let FoundLogin::Helper { name, .. } = &found.login {
            found.login = FoundLogin::Unusable(format!(
                "its login is in the credential helper {name} of the machine that the config is from: run dps import there"
            ));
        }
        found
    });
    found.collect()
}

impl FoundRow {
    /// Shows one.
    pub fn of(found: &Found) -> Self {
        let why = match &found.login {
            FoundLogin::Unusable(why) => Some(why.clone()),
            _ => None,
        };
        Self {
            key: found.key.clone(),
            user: found.user(),
            name: found.name().filter(|_| why.is_none()),
            why,
        }
    }
}

impl ImportPage {
    /// `namespaces`: suggestions. `problem`: why the step before could not be done.
    pub fn new(
        frame: PageFrame,
        namespace: &str,
        namespaces: Vec<String>,
        problem: Option<String>,
        step: ImportStep,
    ) -> Self {
        Self {
            frame,
            namespace: namespace.to_owned(),
            namespaces,
            problem,
            step,
        }
    }

    const TAB: &'static str = "Import";
}
