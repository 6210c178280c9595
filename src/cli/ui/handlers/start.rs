//! Begins the session.

use std::sync::Arc;

use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;

use crate::cli::ui::handlers::answer::{PageAnswer, page, refused};
use crate::cli::ui::handlers::guard::facts;
use crate::cli::ui::state::UiState;
use crate::page::assets;
use crate::page::frame::StartPage;
use crate::page::guard::{COOKIE, GuardRefusal};

#[derive(Deserialize)]
pub(super) struct StartQuery {
    #[serde(default)]
    token: String,
}

/// Takes the token that works once for a cookie. The page goes on by itself: a redirect would count as one of the site that the
/// browser comes from, and browsers do not send a strict cookie then.
pub(super) async fn start(
    State(state): State<Arc<UiState>>,
    Query(query): Query<StartQuery>,
    request: Request,
) -> PageAnswer {
    let facts = facts(request.method().as_str(), request.headers(), request.uri());
    state.session.guarded.check_start(&facts).map_err(refused)?;
    if !state.session.begin(&query.token) {
        return Err(refused(GuardRefusal::Session));
    }
    state.touch();
    let place = state.place(&state.first);
    let start = StartPage {
        path: place.path(&[]),
        icon: place.asset("icon.svg"),
    };
    let mut answer = page(&start)?;
    let (value, scope) = (&state.session.guarded.cookie, &state.session.scope);
    let cookie = format!("{COOKIE}={value}; Path=/{scope}/; HttpOnly; SameSite=Strict");
    answer
        .headers_mut()
        .extend(cookie.parse().map(|cookie| (SET_COOKIE, cookie)));
    Ok(answer)
}

/// A file that belongs to the pages.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match assets::asset(&name) {
        Some(asset) => ([(CONTENT_TYPE, asset.content_type)], asset.text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Any path outside of the session.
pub(super) async fn refuse(State(state): State<Arc<UiState>>, request: Request) -> Response {
    let facts = facts(request.method().as_str(), request.headers(), request.uri());
    let refusal = state.session.guarded.check(&facts).err();
    // A cookie does not help where it is not sent by the browser.
    refused(refusal.unwrap_or(GuardRefusal::Session))
}
