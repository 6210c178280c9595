//! Explains an image, a pod or the pods of a workload.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use crate::cli::cluster::Cluster;
use crate::cli::connection::ConnectionArguments;
use crate::cli::explain::{ExplainQuestion, explain_cluster};
use crate::cli::ui::handlers::answer::{PageAnswer, cluster, page};
use crate::cli::ui::state::UiState;
use crate::domain::names::is_object_name;
use crate::explain::subject::ExplainSubject;
use crate::page::explain::{ExplainAnswer, ExplainFields, ExplainPage};

/// As in the address of the page.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct ExplainQuery {
    namespace: String,
    image: String,
    service_account: String,
    subject: Option<String>,
}

/// The form, and what was found out.
pub(super) async fn explain(
    State(state): State<Arc<UiState>>,
    Path(context): Path<String>,
    Query(query): Query<ExplainQuery>,
) -> PageAnswer {
    let (live, frame) = cluster(&state, &context).await?;
    let is_asked = query.subject.is_some() || !query.image.is_empty();
    let mut fields = ExplainFields {
        namespace: query.namespace.trim().to_owned(),
        image: query.image.trim().to_owned(),
        service_account: query.service_account.trim().to_owned(),
        subject: query.subject.unwrap_or_default().trim().to_owned(),
    };
    if fields.namespace.is_empty() {
        fields.namespace = live.cluster.namespace.clone();
    }
    let answer = if is_asked {
        let connection = state.connection(&frame.place.context);
        match Box::pin(answer(&live.cluster, &connection, &fields)).await {
            Ok(answer) => answer,
            Err(why) => ExplainAnswer::Problem(why),
        }
    } else {
        ExplainAnswer::None
    };
    page(&ExplainPage::new(frame, fields, live.namespaces(), answer))
}

async fn answer(
    cluster: &Cluster,
    connection: &ConnectionArguments,
    fields: &ExplainFields,
) -> Result<ExplainAnswer, String> {
    let service_account = match fields.service_account.as_str() {
        "" => "default",
        name => name,
    };
    let subject = if fields.image.is_empty() {
        let words: Vec<&str> = fields.subject.split_whitespace().collect();
        ExplainSubject::of(&words)?
    } else {
        ExplainSubject::Image(fields.image.clone())
    };
    let name = match &subject {
        ExplainSubject::Pod(name) | ExplainSubject::Workload(_, name) => Some(name.as_str()),
        _ => None,
    };
    // They get into the paths of requests.
    for name in [&*fields.namespace, service_account].into_iter().chain(name) {
        if !is_object_name(name) {
            return Err(format!("{name:?} is not a name in Kubernetes."));
        }
    }
    let question = ExplainQuestion {
        subject,
        service_account: service_account.to_owned(),
        all_namespaces: false,
        selector: None,
    };
    let cluster = cluster.in_namespace(&fields.namespace);
    let explained = explain_cluster(&cluster, connection, &question).await?;
    Ok(ExplainAnswer::Report(Box::new(explained.report), explained.warnings))
}
