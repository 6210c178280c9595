//! Imports credentials of a docker config.

use std::sync::Arc;

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
use crate::page::address::PagePlace;
use crate::page::frame::PageFrame;
use crate::page::import::{FoundRow, ImportPage, ImportStep, ImportSurroundings, ImportedRow, without_helpers};

/// The box for credentials that expire within hours.
const SHORT_LIVED: &str = "short-lived";

/// Asks for the config.
pub(super) async fn form(State(state): State<Arc<UiState>>, Path(context): Path<String>) -> PageAnswer {
    let (live, frame) = cluster(&state, &context).await?;
    let around = around(&state, &frame, &live.cluster.namespace, false);
    paste(&live, frame, around, None)
}

/// What every step is shown with.
fn around(state: &UiState, frame: &PageFrame, namespace: &str, is_short_lived: bool) -> ImportSurroundings {
    ImportSurroundings {
        namespace: namespace.to_owned(),
        is_short_lived,
        flags: state.flags(&frame.place.context),
        ..ImportSurroundings::default()
    }
}

fn paste(live: &LiveCluster, frame: PageFrame, around: ImportSurroundings, problem: Option<String>) -> PageAnswer {
    let around = ImportSurroundings {
        namespaces: live.namespaces(),
        problem,
        ..around
    };
    page(&ImportPage::new(frame, around, ImportStep::Paste))
}

/// Reads the config, and keeps its credentials here until somebody chooses.
pub(super) async fn read(
    State(state): State<Arc<UiState>>,
    Path(context): Path<String>,
    form: SubmittedForm,
) -> PageAnswer {
    let (live, frame) = cluster(&state, &context).await?;
    let namespace = form.get("namespace").trim();
    let around = around(&state, &frame, namespace, form.is_checked(SHORT_LIVED));
    match found_in(&form, namespace, around.is_short_lived) {
        Ok(found) => {
            let rows = found.iter().map(FoundRow::of).collect();
            let number = state.kept().keep(found);
            page(&ImportPage::new(frame, around, ImportStep::Choose(number, rows)))
        }
        Err(why) => paste(&live, frame, around, Some(why)),
    }
}

/// The credentials of the config in a form; why there are none.
fn found_in(form: &SubmittedForm, namespace: &str, is_short_lived: bool) -> Result<Vec<Found>, String> {
    let text = match form.get("file") {
        "" => form.get("config"),
        file => file,
    };
    if !is_object_name(namespace) {
        return Err(format!("{namespace:?} is no name of a namespace."));
    }
    if form.is_unreadable("file") || form.is_unreadable("config") {
        return Err(
            "The file is not text in UTF-8, so it is no config.json. If a Windows shell has written it, save it as UTF-8."
                .to_owned(),
        );
    }
    if text.trim().is_empty() {
        return Err("Choose a file, or paste its text.".to_owned());
    }
    let found = without_helpers(docker_config("The config", text.as_bytes(), &[], is_short_lived)?);
    if found.is_empty() {
        return Err("The config has no credentials.".to_owned());
    }
    Ok(found)
}

#[derive(Deserialize)]
pub(super) struct ImportPath {
    context: String,
    id: u64,
}

/// Verifies what was chosen, and writes it. What was not chosen or not imported is kept for another try.
pub(super) async fn write(
    State(state): State<Arc<UiState>>,
    Path(path): Path<ImportPath>,
    form: SubmittedForm,
) -> PageAnswer {
    let (live, frame) = cluster(&state, &path.context).await?;
    let namespace = form.get("namespace").to_owned();
    let mut around = around(&state, &frame, &namespace, form.is_checked(SHORT_LIVED));
    let kept = is_object_name(&namespace).then(|| state.kept().take(path.id));
    let Some(found) = kept.flatten() else {
        let why = "These credentials are no longer kept: paste or upload the config again.";
        around.namespace.clone_from(&live.cluster.namespace);
        return paste(&live, frame, around, Some(why.to_owned()));
    };
    let numbers: Vec<usize> = form.all("chosen").filter_map(|number| number.parse().ok()).collect();
    let numbered = found.into_iter().enumerate();
    let (chosen, others): (Vec<_>, Vec<_>) = numbered.partition(|(number, _)| numbers.contains(number));
    let chosen: Vec<Found> = chosen.into_iter().map(|(_, found)| found).collect();
    let others = others.into_iter().map(|(_, found)| found);
    let others: Vec<Found> = others.filter(|found| FoundRow::of(found).name.is_some()).collect();
    let registries = chosen
        .iter()
        .filter_map(|found| Some(found.registry.as_ref()?.key.clone()));
    around.chosen = registries.collect();
    around.problem = chosen.is_empty().then(|| "Nothing was chosen.".to_owned());
    let is_unverified = form.is_checked("unverified");
    let work = {
        let (state, live, place) = (Arc::clone(&state), Arc::clone(&live), frame.place.clone());
        async move {
            let destination = Destination::new(live.cluster.in_namespace(&namespace), false);
            let (rows, failed) = import_all(&state, &destination, chosen, is_unverified, &place).await;
            let is_chosen = |is_chosen| {
                move |found: &Found| FoundRow {
                    is_chosen,
                    ..FoundRow::of(found)
                }
            };
            let rest = failed
                .iter()
                .map(is_chosen(true))
                .chain(others.iter().map(is_chosen(false)));
            let rest: Vec<FoundRow> = rest.collect();
            let number = state.kept().keep_rest(path.id, [failed, others].concat());
            Ok((rows, number.map(|number| (number, rest))))
        }
    };
    match detached(work).await {
        Ok((rows, rest)) => page(&ImportPage::new(frame, around, ImportStep::Done { rows, rest })),
        Err(why) => paste(&live, frame, around, Some(why)),
    }
}

/// Imports one after the other, whatever becomes of each. Returns what became of them, and those that were not imported.
async fn import_all(
    state: &UiState,
    destination: &Destination,
    chosen: Vec<Found>,
    is_unverified: bool,
    place: &PagePlace,
) -> (Vec<ImportedRow>, Vec<Found>) {
    let names: Vec<Option<String>> = chosen.iter().map(Found::name).collect();
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    for (found, is_ambiguous) in chosen.into_iter().zip(ambiguous(&names)) {
        let imported = if is_ambiguous {
            Err("others that were chosen get the same name: import one of them, and create the other".to_owned())
        } else {
            import_one(state, destination, &found, is_unverified).await
        };
        let key = found.key.clone();
        rows.push(match imported {
            Ok((name, message)) => ImportedRow {
                key,
                is_imported: true,
                message,
                path: Some(place.resource(Some(&destination.cluster.namespace), &name)),
            },
            Err(message) => {
                failed.push(found);
                ImportedRow {
                    key,
                    is_imported: false,
                    message,
                    path: None,
                }
            }
        });
    }
    (rows, failed)
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
        FoundLogin::ShortLived(why) | FoundLogin::Unusable(why) => return Err(why.clone()),
        FoundLogin::Stored { .. } => return Err("it is no docker config".to_owned()),
        FoundLogin::Helper { name, .. } => return Err(format!("its credentials are in the credential helper {name}")),
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
                "DockerPullSecret {name} or the Secret with its credentials already exists and differs"
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
