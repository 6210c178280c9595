//! The list.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::unfold;
use serde::Deserialize;

use crate::cli::ui::handlers::answer::{PageAnswer, cluster, page};
use crate::cli::ui::handlers::guard::is_live;
use crate::cli::ui::state::UiState;
use crate::domain::time::Timestamp;
use crate::page::list::{ListFilter, ListPage};

/// As in the address of the page.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct ListQuery {
    namespace: String,
    state: String,
    reason: String,
    search: String,
    page: String,
}

#[derive(Deserialize)]
pub(super) struct LiveQuery {
    /// The state that the page shows.
    #[serde(default)]
    seen: u64,
}

/// The resources. Rights may have changed since somebody opened the page before.
pub(super) async fn list(
    State(state): State<Arc<UiState>>,
    Path(context): Path<String>,
    Query(query): Query<ListQuery>,
    headers: HeaderMap,
) -> PageAnswer {
    let (live, frame) = cluster(&state, &context).await?;
    if !is_live(&headers) {
        live.ask_again();
    }
    let mut now = live.resources().await;
    let namespace = query.namespace.trim();
    if now.is_limited && !namespace.is_empty() {
        live.include(namespace);
        now = live.resources().await;
    }
    let filter = ListFilter {
        namespace: namespace.to_owned(),
        state: query.state,
        reason: query.reason,
        search: query.search,
        page: query.page.parse().unwrap_or_default(),
    };
    page(&ListPage::new(frame, filter, now, Timestamp::now()))
}

/// Tells of changes.
pub(super) async fn live(
    State(state): State<Arc<UiState>>,
    Path(context): Path<String>,
    Query(query): Query<LiveQuery>,
) -> PageAnswer {
    let (live, _) = cluster(&state, &context).await?;
    let events = unfold((live.changes(), query.seen), |(mut changes, seen)| async move {
        let seen = *changes.wait_for(|now| *now != seen).await.ok()?;
        // Browsers pass over an event without data.
        let event = Event::default().event("changed").data(seen.to_string());
        Some((Ok::<_, Infallible>(event), (changes, seen)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()).into_response())
}
