//! The form.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use kube::core::ApiResource;
use serde::Deserialize;

use crate::api::{ClusterDockerPullSecret, DockerPullSecret};
use crate::cli::cluster::Cluster;
use crate::cli::destination::Destination;
use crate::cli::output::to_yaml;
use crate::cli::ui::handlers::answer::{PageAnswer, cluster, detached, page, see_other};
use crate::cli::ui::handlers::form::SubmittedForm;
use crate::cli::ui::handlers::rights::right;
use crate::cli::ui::live::LiveCluster;
use crate::cli::ui::state::UiState;
use crate::domain::text::invisible::escaped;
use crate::domain::verification::verdict::VerificationResult;
use crate::form::field;
use crate::form::objects::{Existing, Form, Login, Scope};
use crate::page::commands::{create_command, login_command};
use crate::page::create::fields::CreateFields;
use crate::page::create::selected::{selected, with_warning};
use crate::page::create::{CreateOutcome, CreatePage, CreateSurroundings};
use crate::page::frame::PageFrame;

/// The empty form.
pub(super) async fn form(State(state): State<Arc<UiState>>, Path(context): Path<String>) -> PageAnswer {
    let (live, frame) = cluster(&state, &context).await?;
    let fields = CreateFields {
        registry_type: "DockerHub".to_owned(),
        namespace: live.cluster.namespace.clone(),
        ..CreateFields::default()
    };
    show(&state, &live, frame, fields, CreateOutcome::Empty).await
}

async fn show(
    state: &UiState,
    live: &LiveCluster,
    frame: PageFrame,
    fields: CreateFields,
    outcome: CreateOutcome,
) -> PageAnswer {
    let resource = if fields.is_shared {
        ApiResource::erase::<ClusterDockerPullSecret>(&())
    } else {
        ApiResource::erase::<DockerPullSecret>(&())
    };
    let namespace = (!fields.is_shared).then_some(fields.namespace.as_str());
    // What is wrong with the selector stands beside it already.
    let selected = match outcome {
        CreateOutcome::Selected(_) => None,
        _ if fields.is_shared => selected_in(&live.cluster, &fields).await.ok(),
        _ => None,
    };
    let around = CreateSurroundings {
        namespaces: live.namespaces(),
        right: right(&live.cluster, "create", &resource, namespace, None).await,
        selected,
        flags: state.flags(&frame.place.context),
    };
    page(&CreatePage::new(frame, fields, outcome, around))
}

/// The form with what was typed.
pub(super) async fn submit(
    State(state): State<Arc<UiState>>,
    Path(context): Path<String>,
    submitted: SubmittedForm,
) -> PageAnswer {
    let (live, frame) = cluster(&state, &context).await?;
    let fields = fields(&submitted);
    if submitted.get("do") == "select" {
        let selected = selected_in(&live.cluster, &fields).await;
        let outcome = CreateOutcome::Selected(selected.unwrap_or_else(|why| format!("{why}.")));
        return show(&state, &live, frame, fields, outcome).await;
    }
    let form = match fields.form(submitted.get("password")) {
        Ok(form) => form,
        Err(problems) => return show(&state, &live, frame, fields, CreateOutcome::Invalid(problems)).await,
    };
    let work = {
        let (state, live, frame) = (Arc::clone(&state), Arc::clone(&live), frame.clone());
        let (action, is_unverified) = (submitted.get("do").to_owned(), fields.is_unverified);
        async move { outcome(&state, &live, &frame, &form, &action, is_unverified).await }
    };
    match detached(work).await.unwrap_or_else(CreateOutcome::Refused) {
        CreateOutcome::Written(path) => Ok(see_other(path)),
        outcome => show(&state, &live, frame, fields, outcome).await,
    }
}

/// What becomes of a form.
async fn outcome(
    state: &UiState,
    live: &LiveCluster,
    frame: &PageFrame,
    form: &Form,
    action: &str,
    is_unverified: bool,
) -> Result<CreateOutcome, String> {
    let objects = form.objects().map_err(|problem| problem.message)?;
    let spec = objects.declaration.spec.clone().map_err(|problem| problem.message)?;
    let cluster = match &form.scope {
        Scope::Namespace(Some(namespace)) => live.cluster.in_namespace(namespace),
        _ => live.cluster.in_namespace(&live.cluster.namespace),
    };
    let destination = Destination::new(cluster, false);
    if action == "apply" {
        // Before anybody logs in: a refusal would have cost a login attempt.
        let (login, secret) = (form.login_secret(), form.pull_secret());
        let taken = destination
            .look(&form.name, login.as_deref(), Some(secret), &form.scope)
            .await?;
        if let Some(taken) = taken {
            // A form that was submitted twice is no mistake.
            let is_same =
                matches!(form.scope, Scope::Namespace(_)) && destination.compare(&objects).await? == Existing::Same;
            return if is_same {
                Ok(CreateOutcome::Written(path_of(form, frame)))
            } else {
                Err(format!("{}: choose another name", taken.problem()))
            };
        }
        destination.try_out(&objects).await?;
    }
    let Login::New { credentials, .. } = &form.login else {
        return Err("there are no credentials".to_owned());
    };
    let verdict = state.log_in(&spec, credentials.clone()).await?;
    let is_accepted = verdict.result == VerificationResult::Accepted;
    let goes_on = is_accepted || is_unverified && action != "verify" && !verdict.result.is_refusal();
    if !goes_on {
        return Ok(CreateOutcome::NotAccepted(verdict));
    }
    match action {
        "verify" => Ok(CreateOutcome::Accepted(verdict.message)),
        "apply" => Ok(match destination.write(&objects).await {
            Ok(()) => CreateOutcome::Written(path_of(form, frame)),
            Err(why) => CreateOutcome::Interrupted(why),
        }),
        _ => {
            let flags = state.connection(&frame.place.context).flags();
            Ok(CreateOutcome::Yaml {
                yaml: to_yaml(&objects.resource)?,
                command: flags.and_then(|flags| login_command(form, &flags)),
            })
        }
    }
}

/// The page of the resource that a form makes.
fn path_of(form: &Form, frame: &PageFrame) -> String {
    let namespace = match &form.scope {
        Scope::Namespace(namespace) => Some(namespace.as_deref().unwrap_or_default()),
        Scope::Selected { .. } => None,
    };
    frame.place.resource(namespace, &form.name)
}

fn fields(form: &SubmittedForm) -> CreateFields {
    let text = |name: &str| form.get(name).trim().to_owned();
    CreateFields {
        registry_type: text("type"),
        name: text("name"),
        registry_url: text("registry-url"),
        username: text("username"),
        email: text("email"),
        namespace: text("namespace"),
        is_shared: form.is_checked("shared"),
        selector: text("selector"),
        excluded: text("excluded"),
        service_accounts: text("service-accounts"),
        attach_to_pods: form.is_checked("attach-to-pods"),
        is_unverified: form.is_checked("unverified"),
    }
}

/// A field while it is typed.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct CheckQuery {
    field: String,
    value: String,
    excluded: String,
}

/// What to say of a field: `ok`, `bad`, then a blank and the text. No password comes here.
pub(super) async fn check(
    State(state): State<Arc<UiState>>,
    Path(context): Path<String>,
    Query(query): Query<CheckQuery>,
) -> Result<String, Response> {
    let (live, _) = cluster(&state, &context).await?;
    let text = query.value.as_str();
    let fields = CreateFields {
        registry_url: query.value.clone(),
        selector: query.value.clone(),
        excluded: query.excluded,
        ..CreateFields::default()
    };
    if query.field == "selector" {
        let said = selected_in(&live.cluster, &fields).await;
        let said = said.map_or_else(|problem| format!("bad {problem}."), |hint| format!("ok {hint}"));
        return Ok(escaped(&said));
    }
    let said = match query.field.as_str() {
        "name" => field::name(text).map(|name| format!("Pods list imagePullSecrets: [{{name: {name}}}].")),
        "registry-url" => fields.registry().map(|registry| registry.images()),
        "username" => field::username(text).map(|_| String::new()),
        "email" => field::email(text).map(|_| String::new()),
        _ => Ok(String::new()),
    };
    Ok(escaped(&match said {
        Ok(hint) => format!("ok {hint}"),
        Err(problem) => format!("bad It {problem}."),
    }))
}

/// Which namespaces a form selects.
async fn selected_in(cluster: &Cluster, fields: &CreateFields) -> Result<String, String> {
    fields.selection()?;
    let namespaces = Api::<Namespace>::all(cluster.client.clone());
    match cluster.list(&namespaces, &ListParams::default()).await {
        Ok(namespaces) => {
            let namespaces: Vec<ObjectMeta> = namespaces.into_iter().map(|namespace| namespace.metadata).collect();
            selected(fields, &namespaces)
        }
        Err(error) => {
            let why = cluster.failed("Which namespaces are selected is not known: listing them", &error);
            Ok(with_warning(fields, &why))
        }
    }
}

/// `dps create` with what is filled in now. No password comes here.
pub(super) async fn command(
    State(state): State<Arc<UiState>>,
    Path(context): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<String, Response> {
    let (_, frame) = cluster(&state, &context).await?;
    let fields = fields(&SubmittedForm::of(query));
    let command = state
        .flags(&frame.place.context)
        .and_then(|flags| create_command(&fields, &flags));
    Ok(command.unwrap_or_default())
}
