//! What deleting a resource does, before it is done.

use askama::Template;
use serde_json::Value;

use crate::api::CLUSTER_DOCKER_PULL_SECRET;
use crate::domain::listing::ListedResource;
use crate::page::commands::ResourceCommands;
use crate::page::frame::PageFrame;
use crate::page::list::path_of;

/// The page.
#[derive(Template)]
#[template(path = "delete.html")]
pub struct DeletePage {
    frame: PageFrame,
    path: String,
    name: String,
    /// What is shown is deleted, and nothing that has the name later.
    uid: String,
    consequences: Vec<String>,
    command: Option<String>,
}

impl DeletePage {
    /// `flags`: those for the context of the page, if they can be written.
    pub fn new(frame: PageFrame, kind: &'static str, object: &Value, flags: Option<&str>) -> Self {
        let resource = ListedResource::of(kind, object);
        Self {
            path: path_of(&resource, &frame.place),
            name: resource.key.name.clone(),
            uid: object["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            consequences: consequences(&resource, object),
            command: flags.map(|flags| ResourceCommands::of(&resource, flags).delete),
            frame,
        }
    }

    const TAB: &'static str = "Pull secrets";
}

fn consequences(resource: &ListedResource, object: &Value) -> Vec<String> {
    let secret = &resource.secret;
    let first = match (secret.as_str(), resource.kind) {
        ("", _) => "It has generated no Secret, so nothing else is deleted.".to_owned(),
        (_, CLUSTER_DOCKER_PULL_SECRET) => {
            let count = object.pointer("/status/namespaces/ready").and_then(Value::as_u64);
            format!(
                "Secret {secret} is deleted in {} namespaces.",
                count.map_or_else(|| "all selected".to_owned(), |count| count.to_string())
            )
        }
        (_, _) => format!("Secret {secret} is deleted with it."),
    };
    let pods = "Pods that run go on running. New pods, and pods that are restarted on a node without the image, no longer pull with it.";
    let login = object
        .pointer("/spec/credentialsRef/name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let login = match login {
        "" => "The ServiceAccount or key that its credentials are minted with stays.".to_owned(),
        login => format!("Secret {login} with the credentials stays."),
    };
    [first, pods.to_owned(), login].into()
}
