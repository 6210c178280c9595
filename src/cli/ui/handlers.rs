//! Answers the requests of the page.
#![allow(
    clippy::result_large_err,
    reason = "the answer that says why there is no page is as large as a page"
)]

mod answer;
mod create;
mod doctor;
mod explain;
mod form;
mod guard;
mod import;
mod list;
mod resource;
mod rights;
mod start;

use std::sync::Arc;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::cli::ui::handlers::answer::not_found;
use crate::cli::ui::handlers::guard::{guard, set_headers};
use crate::cli::ui::state::UiState;

/// Everything that is served.
pub(super) fn router(state: Arc<UiState>) -> Router {
    let resource = Router::new()
        .route("/", get(resource::resource))
        .route("/verify", post(resource::verify))
        .route("/suspend", post(resource::suspend))
        .route("/resume", post(resource::resume))
        .route("/delete", get(resource::ask_to_delete).post(resource::delete));
    let context = Router::new()
        .route("/", get(list::list))
        .route("/live", get(list::live))
        .route("/explain", get(explain::explain))
        .route("/create", get(create::form).post(create::submit))
        .route("/check", get(create::check))
        .route("/command", get(create::command))
        .route("/import", get(import::form).post(import::read))
        .route("/import/{id}", post(import::write))
        .route("/doctor", get(doctor::doctor))
        .nest("/namespaces/{namespace}/{name}", resource.clone())
        .nest("/shared/{name}", resource);
    let session = Router::new()
        .route("/assets/{name}", get(start::asset))
        .nest("/at/{context}", context)
        .fallback(not_found)
        .layer(from_fn_with_state(Arc::clone(&state), guard));
    let scope = format!("/{}", state.session.scope);
    Router::new()
        .route("/start", get(start::start))
        .nest(&scope, session)
        // Whoever has no session learns nothing, not even what is missing.
        .fallback(start::refuse)
        .layer(from_fn(set_headers))
        .with_state(state)
}
