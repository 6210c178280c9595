//! Checks the installation.

use std::sync::Arc;

use axum::extract::{Path, State};

use crate::cli::doctor::{Doctor, check_until_end};
use crate::cli::ui::handlers::answer::{PageAnswer, cluster, page};
use crate::cli::ui::state::UiState;
use crate::page::doctor::DoctorPage;

/// The checks, done now.
pub(super) async fn doctor(State(state): State<Arc<UiState>>, Path(context): Path<String>) -> PageAnswer {
    let (live, frame) = cluster(&state, &context).await?;
    let connection = state.connection(&frame.place.context);
    let doctor = Doctor::of_everything(connection, state.arguments.targets.addresses());
    let report = Box::pin(check_until_end(&doctor, &live.cluster)).await;
    page(&DoctorPage::new(frame, report))
}
