//! An API server in memory: it stores what is written, and fails as it is told.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};

use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// Objects by their path, answers that fail, and what was asked.
#[derive(Default)]
pub(super) struct StoredObjects {
    pub(super) objects: HashMap<String, Value>,
    version: u64,
    failures: HashMap<(Method, String), (u16, String)>,
    writes: Vec<(Method, String)>,
    /// By path: what happens while a request is on its way.
    meanwhile: HashMap<String, Box<dyn FnOnce() + Send>>,
}

#[derive(Clone, Default)]
pub(super) struct ApiServer(pub(super) Arc<Mutex<StoredObjects>>);

impl ApiServer {
    pub(super) fn state(&self) -> MutexGuard<'_, StoredObjects> {
        self.0.lock().unwrap()
    }

    pub(super) fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Client::new(service, "team")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let meanwhile = self.state().meanwhile.remove(&path);
        if let Some(meanwhile) = meanwhile {
            meanwhile();
        }
        let mut state = self.state();
        if method != Method::GET {
            state.writes.push((method.clone(), path.clone()));
        }
        if let Some((code, message)) = state.failures.get(&(method.clone(), path.clone())) {
            return failure(*code, message);
        }
        match method {
            Method::GET => match state.objects.get(&path) {
                Some(object) => success(object),
                None => failure(404, "not found"),
            },
            Method::PATCH => state.patch(&path, &serde_json::from_slice(&body).unwrap()),
            Method::POST => success(&serde_json::from_slice(&body).unwrap()),
            _ => failure(405, "not allowed"),
        }
    }

    /// Stores an object.
    pub(super) fn put(&self, path: &str, mut object: Value) {
        let mut state = self.state();
        state.version += 1;
        object["metadata"]["resourceVersion"] = json!(state.version.to_string());
        state.objects.insert(path.to_owned(), object);
    }

    /// Answers these requests with a failure from now on.
    pub(super) fn fail(&self, method: Method, path: &str, code: u16, message: &str) {
        let answer = (code, message.to_owned());
        self.state().failures.insert((method, path.to_owned()), answer);
    }

    /// Lets something happen while the next request of this path is on its way.
    pub(super) fn meanwhile(&self, path: &str, happens: impl FnOnce() + Send + 'static) {
        self.state().meanwhile.insert(path.to_owned(), Box::new(happens));
    }

    /// Fails nothing any more.
    pub(super) fn heal(&self) {
        self.state().failures.clear();
    }

    /// Writes since the last call.
    pub(super) fn writes(&self) -> Vec<String> {
        let writes = std::mem::take(&mut self.state().writes);
        writes
            .into_iter()
            .map(|(method, path)| format!("{method} {path}"))
            .collect()
    }

    /// A stored object.
    pub(super) fn get(&self, path: &str) -> Option<Value> {
        self.state().objects.get(path).cloned()
    }
}

impl StoredObjects {
    pub(super) fn patch(&mut self, path: &str, fields: &Value) -> Response<Body> {
        let path = path.strip_suffix("/status").unwrap_or(path);
        let stored = self.objects.get(path);
        let wanted = &fields["metadata"]["resourceVersion"];
        if !wanted.is_null() && stored.is_some_and(|stored| stored["metadata"]["resourceVersion"] != *wanted) {
            return failure(409, "the object has been modified");
        }
        let mut object = stored
            .cloned()
            .unwrap_or_else(|| json!({"metadata": {"uid": "uid-of-secret"}}));
        for (field, value) in fields.as_object().unwrap() {
            if field == "metadata" {
                object["metadata"]
                    .as_object_mut()
                    .unwrap()
                    .extend(value.as_object().unwrap().clone());
            } else {
                object[field] = value.clone();
            }
        }
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.objects.insert(path.to_owned(), object.clone());
        success(&object)
    }
}

fn success(object: &Value) -> Response<Body> {
    Response::new(Body::from(object.to_string().into_bytes()))
}

fn failure(code: u16, message: &str) -> Response<Body> {
    let reason = match code {
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        _ => "Other",
    };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code});
    let mut response = success(&status);
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}
