//! Forms that were submitted.

use std::collections::HashMap;
use std::sync::Arc;

use axum::RequestExt as _;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Path, Request};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use futures::StreamExt as _;
use percent_encoding::percent_decode;
use url::form_urlencoded;

use crate::cli::ui::handlers::answer::{problem, refused};
use crate::cli::ui::state::UiState;

/// Most bytes of a form: a docker config is much smaller.
const LONGEST: usize = 1 << 20;

/// Most bytes that are taken off a connection: browsers read an answer only when they have sent their request.
const DRAINED: usize = 64 << 20;

/// The fields of a form that belongs to this session. They may be secret, so it has no `Debug`.
#[derive(Default)]
pub(super) struct SubmittedForm {
    fields: Vec<(String, String)>,
    /// Fields that hold no text in UTF-8.
    unreadable: Vec<String>,
}

/// Why a form is not taken.
struct FormRefusal(StatusCode, &'static str);

const TOO_LONG: FormRefusal = FormRefusal(
    StatusCode::PAYLOAD_TOO_LARGE,
    "It has more than 1 MiB. A config.json is much smaller: make sure that you have chosen the right file.",
);
const BROKEN: FormRefusal = FormRefusal(StatusCode::BAD_REQUEST, "It did not arrive as a form: submit it again.");
const NO_TEXT: FormRefusal = FormRefusal(StatusCode::BAD_REQUEST, "A field is not text in UTF-8.");
const NO_FORM: FormRefusal = FormRefusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, "This is not the type of a form.");

impl FromRequest<Arc<UiState>> for SubmittedForm {
    type Rejection = Response;

    async fn from_request(mut request: Request, state: &Arc<UiState>) -> Result<Self, Response> {
        let path = request.extract_parts::<Path<HashMap<String, String>>>().await;
        let context = path.ok().and_then(|Path(mut names)| names.remove("context"));
        let context = context.and_then(|segment| state.context(&segment));
        let form = read(request).await.map_err(|FormRefusal(code, why)| {
            let frame = state.frame(context.as_deref().unwrap_or(&state.first), "");
            problem(code, frame, "The form was not taken", why)
        })?;
        state.session.guarded.check_form(form.get("token")).map_err(refused)?;
        Ok(form)
    }
}

async fn read(request: Request) -> Result<SubmittedForm, FormRefusal> {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let bytes = read_body(body).await?;
    match content_type.as_str() {
        "application/x-www-form-urlencoded" => urlencoded(&bytes),
        "multipart/form-data" => multipart(Request::from_parts(parts, Body::from(bytes))).await,
        _ => Err(NO_FORM),
    }
}

async fn read_body(body: Body) -> Result<Vec<u8>, FormRefusal> {
    let (mut pieces, mut bytes, mut length) = (body.into_data_stream(), Vec::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| BROKEN)?;
        length += piece.len();
        if length <= LONGEST {
            bytes.extend_from_slice(&piece);
        } else if length > DRAINED {
            break;
        }
    }
    if length > LONGEST { Err(TOO_LONG) } else { Ok(bytes) }
}

fn urlencoded(body: &[u8]) -> Result<SubmittedForm, FormRefusal> {
    if percent_decode(body).decode_utf8().is_err() {
        return Err(NO_TEXT);
    }
    Ok(SubmittedForm::of(form_urlencoded::parse(body).into_owned().collect()))
}

async fn multipart(request: Request) -> Result<SubmittedForm, FormRefusal> {
    let mut multipart = Multipart::from_request(request, &()).await.map_err(|_| BROKEN)?;
    let mut form = SubmittedForm::default();
    while let Some(field) = multipart.next_field().await.map_err(|_| BROKEN)? {
        let name = field.name().unwrap_or_default().to_owned();
        let bytes = field.bytes().await.map_err(|_| BROKEN)?;
        match String::from_utf8(bytes.into()) {
            Ok(text) => form.fields.push((name, text)),
            Err(_) => form.unreadable.push(name),
        }
    }
    Ok(form)
}

impl SubmittedForm {
    /// What has these fields.
    pub(super) fn of(fields: Vec<(String, String)>) -> Self {
        Self {
            fields,
            unreadable: Vec::new(),
        }
    }

    /// A field; empty if it is absent. A browser that sends a text of several lines breaks them with CR LF.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Every field of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let fields = self.fields.iter().filter(move |(known, _)| known == name);
        fields.map(|(_, value)| value.as_str())
    }

    /// Whether a box is checked.
    pub(super) fn is_checked(&self, name: &str) -> bool {
        self.fields.iter().any(|(known, _)| known == name)
    }

    /// Whether a field is there and is no text in UTF-8.
    pub(super) fn is_unreadable(&self, name: &str) -> bool {
        self.unreadable.iter().any(|known| known == name)
    }
}
