//! Forms that were submitted.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use crate::cli::ui::handlers::answer::refused;
use crate::cli::ui::state::UiState;

/// The fields of a form that belongs to this session. They may be secret, so it has no `Debug`.
pub(super) struct SubmittedForm(Vec<(String, String)>);

impl FromRequest<Arc<UiState>> for SubmittedForm {
    type Rejection = Response;

    async fn from_request(request: Request, state: &Arc<UiState>) -> Result<Self, Response> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let form = match content_type.unwrap_or_default().split(';').next().unwrap_or_default() {
            "application/x-www-form-urlencoded" => urlencoded(request).await?,
            "multipart/form-data" => multipart(request).await?,
            _ => return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response()),
        };
        state.session.guarded.check_form(form.get("token")).map_err(refused)?;
        Ok(form)
    }
}

async fn urlencoded(request: Request) -> Result<SubmittedForm, Response> {
    let body = Bytes::from_request(request, &()).await;
    let body = body.map_err(IntoResponse::into_response)?;
    Ok(SubmittedForm(form_urlencoded::parse(&body).into_owned().collect()))
}

async fn multipart(request: Request) -> Result<SubmittedForm, Response> {
    let multipart = Multipart::from_request(request, &()).await;
    let mut multipart = multipart.map_err(IntoResponse::into_response)?;
    let mut fields = Vec::new();
    while let Some(field) = multipart
        .next_field()
        .await
        .map_err(|error| error.status().into_response())?
    {
        let name = field.name().unwrap_or_default().to_owned();
        let text = field.bytes().await.map_err(|error| error.status().into_response())?;
        fields.push((name, String::from_utf8_lossy(&text).into_owned()));
    }
    Ok(SubmittedForm(fields))
}

impl SubmittedForm {
    /// A field; empty if it is absent. A browser that sends a text of several lines breaks them with CR LF.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Every field of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// Whether a box is checked.
    pub(super) fn is_checked(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known == name)
    }
}
