//! Requests to the API server whose answer may be that the user must not ask.

use std::fmt::Debug;

use kube::Api;
use kube::api::ListParams;
use serde::de::DeserializeOwned;

use crate::domain::doctor::seen::Seen;
use crate::kubernetes::request::{Error, call};

/// Largest number of objects in one answer.
const PAGE: u32 = 500;

/// What a request brings. `what` completes "you may not ..." and "cannot ...".
pub(super) async fn seen<T>(what: &str, request: impl Future<Output = kube::Result<T>>) -> Seen<T> {
    match call(|| format!("cannot {what}"), request).await {
        Ok(read) => Seen::Read(read),
        Err(error) if code(&error) == Some(403) => Seen::denied(what),
        Err(error) => Seen::Failed(error.to_string()),
    }
}

/// All objects of a list; `None` if the API server does not know their kind.
pub(super) async fn list<K>(what: &str, api: &Api<K>, labels: Option<&str>) -> Seen<Option<Vec<K>>>
where
    K: Clone + DeserializeOwned + Debug,
{
    let mut params = ListParams::default().limit(PAGE);
    if let Some(labels) = labels {
        params = params.labels(labels);
    }
    let mut found = Vec::new();
    loop {
        let mut page = match call(|| format!("cannot {what}"), api.list(&params)).await {
            Ok(page) => page,
            Err(error) => {
                return match code(&error) {
                    Some(404) => Seen::Read(None),
                    Some(403) => Seen::denied(what),
                    _ => Seen::Failed(error.to_string()),
                };
            }
        };
        found.append(&mut page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Seen::Read(Some(found)),
        }
    }
}

fn code(error: &Error) -> Option<u16> {
    error.answer().map(|status| status.code)
}
