//! Imports logins of a docker config.

use std::sync::{Arc, PoisonError};

use axum::extract::{Path, State};
use serde::Deserialize;

use crate::cli::destination::Destination;
use crate::cli::ui::handlers::answer::{PageAnswer, cluster, detached, page};
use crate::cli::ui::handlers::form::SubmittedForm;
use crate::cli::ui::live::LiveCluster;
use crate::cli::ui::state::UiState;
use crate::domain::names::is_object_name;
use crate::domain::verification::verdict::VerificationResult;
use crate::form::import::{Found, FoundLogin, ambiguous, docker_config};
use crate::form::objects::{Existing, Form, FurtherFields, Login, Scope};
use crate::page::frame::PageFrame;
use crate::page::import::{FoundRow, ImportPage, ImportStep, ImportedRow, without_helpers};

/// Asks for the config.
pub(super) async fn form(State(state): State<Arc<UiState>>, Path(context): Path<String>) -> PageAnswer {
    let (live, frame) = cluster(&state, &context).await?;
    paste(&live, frame, &live.cluster.namespace, None)
}

fn paste(live: &LiveCluster, frame: PageFrame, namespace: &str, problem: Option<String>) -> PageAnswer {
    page(&ImportPage::new(
        frame,
        namespace,
        live.namespaces(),
        problem,
        ImportStep::Paste,
    ))
}

/// Reads the config, and keeps its logins here until somebody chooses.
pub(super) async fn read(
    State(state): State<Arc<UiState>>,
    Path(context): Path<String>,
    form: SubmittedForm,
) -> PageAnswer {
    let (live, frame) = cluster(&state, &context).await?;
    let namespace = form.get("namespace").trim();
    let text = match form.get("file") {
        "" => form.get("config"),
        file => file,
    };
    let found = if !is_object_name(namespace) {
        Err(format!("{namespace:?} is no name of a namespace."))
    } else if text.trim().is_empty() {
        Err("Choose a file, or paste its text.".to_owned())
    } else {
        docker_config("The config", text.as_bytes(), &[], false)
    };
    let found = match found.map(without_helpers) {
        Ok(found) if found.is_empty() => {
            return paste(&live, frame, namespace, Some("The config has no logins.".to_owned()));
        }
        Ok(found) => found,
        Err(why) => return paste(&live, frame, namespace, Some(why)),
    };
    let rows = found.iter().map(FoundRow::of).collect();
    let mut imported = state.imported.lock().unwrap_or_else(PoisonError::into_inner);
    let id = imported.as_ref().map_or(0, |(id, _)| id + 1);
    *imported = Some((id, found));
    drop(imported);
    let step = ImportStep::Choose(id, rows);
    page(&ImportPage::new(frame, namespace, Vec::new(), None, step))
}

#[derive(Deserialize)]
pub(super) struct ImportPath {
    context: String,
    id: u64,
}

/// Logs in with what was chosen, and writes it.
pub(super) async fn write(
    State(state): State<Arc<UiState>>,
    Path(path): Path<ImportPath>,
    form: SubmittedForm,
) -> PageAnswer {
    let (live, frame) = cluster(&state, &path.context).await?;
    let namespace = form.get("namespace");
    let taken = {
        let mut imported = state.imported.lock().unwrap_or_else(PoisonError::into_inner);
        imported.take_if(|(id, _)| *id == path.id)
    };
    let Some((_, found)) = taken.filter(|_| is_object_name(namespace)) else {
        let why = "These logins are no longer kept: paste or upload the config again.";
        return paste(&live, frame, &live.cluster.namespace, Some(why.to_owned()));
    };
    let numbers: Vec<usize> = form.all("chosen").filter_map(|number| number.parse().ok()).collect();
    let found = found.into_iter().enumerate();
    let chosen: Vec<Found> = found
        .filter(|(index, _)| numbers.contains(index))
        .map(|(_, found)| found)
        .collect();
    let names: Vec<Option<String>> = chosen.iter().map(Found::name).collect();
    let destination = Arc::new(Destination::new(live.cluster.in_namespace(namespace), false));
    let mut rows = Vec::new();
    for (found, is_ambiguous) in chosen.iter().zip(ambiguous(&names)) {
        let written = if is_ambiguous {
            Err("another login that was chosen gets the same name: import one of them, and create the other".to_owned())
        } else {
            let work = {
                let (state, destination, found) = (Arc::clone(&state), Arc::clone(&destination), found.clone());
                let is_unverified = form.is_checked("unverified");
                async move { import_one(&state, &destination, &found, is_unverified).await }
            };
            detached(work).await
        };
        rows.push(match written {
            Ok((name, message)) => ImportedRow {
                key: found.key.clone(),
                is_imported: true,
                message,
                path: Some(frame.place.resource(Some(namespace), &name)),
            },
            Err(message) => ImportedRow {
                key: found.key.clone(),
                is_imported: false,
                message,
                path: None,
            },
        });
    }
    let problem = rows.is_empty().then(|| "Nothing was chosen.".to_owned());
    page(&ImportPage::new(
        frame,
        namespace,
        Vec::new(),
        problem,
        ImportStep::Done(rows),
    ))
}

/// The name of the resource, and what happened.
async fn import_one(
    state: &UiState,
    destination: &Destination,
    found: &Found,
    is_unverified: bool,
) -> Result<(String, String), String> {
    let registry = found.registry.clone().ok_or("it is no registry")?;
    let credentials = match &found.login {
        FoundLogin::Here(credentials) => credentials.clone(),
        FoundLogin::Unusable(why) => return Err(why.clone()),
        FoundLogin::Stored { .. } => return Err("it is no docker config".to_owned()),
        FoundLogin::Helper { name, .. } => return Err(format!("its login is in the credential helper {name}")),
    };
    let name = registry.name();
    let form = Form {
        name: name.clone(),
        scope: Scope::Namespace(Some(destination.cluster.namespace.clone())),
        registry,
        login: Login::New {
            secret: None,
            credentials: credentials.clone(),
        },
        email: found.email.clone(),
        options: FurtherFields::default(),
    };
    let objects = form.objects().map_err(|problem| problem.message)?;
    match destination.compare(&objects).await? {
        Existing::Same => return Ok((name.clone(), format!("DockerPullSecret {name} is up to date"))),
        Existing::Different => {
            return Err(format!(
                "DockerPullSecret {name} or its login already exists and differs"
            ));
        }
        Existing::Nothing => {}
    }
    destination.try_out(&objects).await?;
    let spec = objects.declaration.spec.clone().map_err(|problem| problem.message)?;
    let verdict = state.log_in(&spec, credentials).await?;
    let is_accepted = verdict.result == VerificationResult::Accepted;
    if !is_accepted && (verdict.result.is_refusal() || !is_unverified) {
        return Err(format!("{}: {}", verdict.result.as_str(), verdict.message));
    }
    destination.write(&objects).await?;
    Ok((name.clone(), format!("wrote DockerPullSecret {name}")))
}
