//! Answers.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{Html, IntoResponse as _, Response};

use crate::cli::ui::live::LiveCluster;
use crate::cli::ui::state::UiState;
use crate::page::frame::{PageFrame, ProblemPage, RefusalPage};
use crate::page::guard::GuardRefusal;

/// An answer, or one that says why there is none.
pub(super) type PageAnswer = Result<Response, Response>;

/// A page.
pub(super) fn page(page: &impl Template) -> PageAnswer {
    with_code(StatusCode::OK, page)
}

fn with_code(code: StatusCode, page: &impl Template) -> PageAnswer {
    match page.render() {
        Ok(text) => Ok((code, Html(text)).into_response()),
        Err(_) => Err(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    }
}

/// Goes on to another page.
pub(super) fn see_other(path: String) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response()
}

/// Does work that goes on when the browser lets go: an attempt counts at the registry, and two objects belong together.
pub(super) async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, String>> + Send + 'static,
) -> Result<T, String> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|_| Err("dps ui failed here: see its terminal".to_owned()))
}

/// Says what could not be done, and why.
pub(super) fn problem(code: StatusCode, frame: PageFrame, title: &str, message: impl Into<String>) -> Response {
    let page = ProblemPage {
        frame,
        title: title.to_owned(),
        message: message.into(),
    };
    with_code(code, &page).unwrap_or_else(|error| error)
}

/// Says why a request is not answered.
pub(super) fn refused(refusal: GuardRefusal) -> Response {
    let code = StatusCode::from_u16(refusal.code()).unwrap_or(StatusCode::FORBIDDEN);
    let page = RefusalPage {
        message: refusal.message(),
    };
    with_code(code, &page).unwrap_or_else(|error| error)
}

/// There is no such page.
pub(super) async fn not_found(State(state): State<Arc<UiState>>) -> Response {
    not_found_in(state.frame(&state.first, ""))
}

/// The same in a context.
pub(super) fn not_found_in(frame: PageFrame) -> Response {
    problem(
        StatusCode::NOT_FOUND,
        frame,
        "There is no such page",
        "Choose one of the pages above.",
    )
}

/// The cluster of a path, and what stands around its pages.
pub(super) async fn cluster(state: &UiState, context: &str) -> Result<(Arc<LiveCluster>, PageFrame), Response> {
    let first = || state.frame(&state.first, "");
    let Some(context) = state.context(context) else {
        let message = "The kubeconfig has no such context.";
        return Err(problem(
            StatusCode::NOT_FOUND,
            first(),
            "There is no such context",
            message,
        ));
    };
    match state.cluster(&context).await {
        Ok(live) => {
            let frame = state.frame(&context, &live.cluster.server);
            Ok((live, frame))
        }
        Err(why) => {
            let frame = state.frame(&context, "");
            Err(problem(
                StatusCode::BAD_GATEWAY,
                frame,
                "There is no connection to the cluster",
                why,
            ))
        }
    }
}
