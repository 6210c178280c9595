//! What the API server saw, from its audit log.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::eventually;
use super::world::{OPERATOR, World};

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub stage: String,
    pub verb: String,
    pub user: User,
    #[serde(default)]
    pub object_ref: Object,
    #[serde(default)]
    pub response_status: Response,
    #[serde(default)]
    pub response_object: Value,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// Empty where a token was refused: nobody is known to have asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct User {
    pub username: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Object {
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub subresource: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Response {
    pub code: u16,
}

impl Request {
    /// Whether the policy on the operator's writes has refused it.
    pub fn is_fenced(&self) -> bool {
        self.annotations
            .contains_key("validation.policy.admission.k8s.io/validation_failure")
    }

    pub fn is_write(&self) -> bool {
        matches!(
            self.verb.as_str(),
            "create" | "update" | "patch" | "delete" | "deletecollection"
        )
    }
}

/// Finished requests of the operator, oldest first.
pub fn of_operator(world: &World) -> Vec<Request> {
    let user = format!("system:serviceaccount:{OPERATOR}:{OPERATOR}");
    of_user(world, &user)
}

/// Finished requests of a user, oldest first.
pub fn of_user(world: &World, user: &str) -> Vec<Request> {
    all(world.audit_log())
        .into_iter()
        .filter(|request| request.user.username == user)
        .collect()
}

/// Writes of the operator in one namespace, as "patch secrets/name".
pub fn writes_in(world: &World, namespace: &str) -> Vec<String> {
    described(of_operator(world), namespace)
}

/// Evictions that the operator has asked for in namespaces whose names begin so: the pod, and the status code of the answer.
pub fn evictions(world: &World, namespaces: &str) -> Vec<(String, u16)> {
    let all = of_operator(world).into_iter();
    let evictions = all.filter(|request| request.object_ref.subresource == "eviction");
    let there = evictions.filter(|request| request.object_ref.namespace.starts_with(namespaces));
    there
        .map(|request| (request.object_ref.name, request.response_status.code))
        .collect()
}

/// Waits until a write of anybody's is logged. Its effect is seen before that.
pub async fn logged(log: &Path, namespace: &str, write: &str) {
    eventually(&format!("{write} in {namespace} is logged"), || async {
        let writes = described(all(log), namespace);
        if writes.iter().any(|other| other == write) {
            Ok(())
        } else {
            Err(format!("{writes:?}"))
        }
    })
    .await;
}

fn described(requests: Vec<Request>, namespace: &str) -> Vec<String> {
    requests
        .into_iter()
        .filter(|request| request.is_write() && request.object_ref.namespace == namespace)
        .map(|request| {
            let object = request.object_ref;
            let separator = if object.subresource.is_empty() { "" } else { "/" };
            format!(
                "{} {}/{}{separator}{}",
                request.verb, object.resource, object.name, object.subresource
            )
        })
        .collect()
}

fn all(log: &Path) -> Vec<Request> {
    let text = std::fs::read_to_string(log).expect("readable");
    // The last line may be half written.
    let complete = text.rfind('\n').map_or("", |end| &text[..end]);
    let requests = complete
        .lines()
        .map(|line| serde_json::from_str(line).expect("an audit event"));
    requests
        .filter(|request: &Request| request.stage == "ResponseComplete")
        .collect()
}
