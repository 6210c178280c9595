//! Everything that needs no cluster and no Go: the core's rules as tables, and the command line.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails that way"
)]

mod api;
mod api_server_proxy;
mod architecture;
mod attachment;
mod canary;
mod cause_messages;
mod causes;
mod client_errors;
mod completion;
mod connection;
mod crafted_files;
mod create;
mod decide;
mod decode;
mod diagnosis;
mod distribution;
mod docker_hub;
mod docs;
mod doctor;
mod expiring;
mod explain;
mod explain_cases;
mod explain_messages;
mod explain_subject;
mod failing_pods;
mod figures;
mod fixes;
mod form;
mod fuzz;
mod hosts;
mod image_pattern;
mod images;
mod import;
mod index;
mod interruption;
mod kubelet_secret;
mod leadership;
mod ledger;
mod listing;
mod local_failure;
mod messages;
mod minting;
mod monitoring;
mod names;
mod ownership;
mod page;
mod parse;
mod patterns;
mod pods;
mod pulls;
mod reconcile;
mod recovery;
mod registry;
mod render;
mod repetition;
mod reports;
mod secret;
mod selection;
mod source;
mod spec;
mod status;
mod store;
#[path = "../support/mod.rs"]
mod support;
mod survey;
mod terminal;
mod tour;
mod verification;
mod verification_inputs;
mod verification_messages;
mod verification_method;
mod verification_queue;
mod verification_schedule;
mod verification_target;
mod verify;
mod workflows;

use std::collections::BTreeMap;

use dps::api::DockerPullSecret;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use support::objects::with;

/// A resource `team/app` as the API server has it.
fn resource(spec: &Value) -> DockerPullSecret {
    named("app", 100, spec)
}

/// A resource in namespace `team`, created at a second; its UID is `uid-NAME`.
fn named(name: &str, created: i64, spec: &Value) -> DockerPullSecret {
    let created = k8s_openapi::jiff::Timestamp::from_second(created).unwrap().to_string();
    serde_json::from_value(json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
        "metadata": {"name": name, "namespace": "team", "uid": format!("uid-{name}"), "creationTimestamp": created},
        "spec": spec,
    }))
    .unwrap()
}

fn private(url: &str) -> Value {
    json!({"type": "PrivateRegistry", "registryUrl": url, "credentialsRef": {"name": "login"}})
}

fn hub() -> Value {
    json!({"type": "DockerHub", "credentialsRef": {"name": "login"}})
}

fn secret(data: &[(&str, &str)]) -> Secret {
    let data = data
        .iter()
        .map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())));
    Secret {
        data: Some(data.collect::<BTreeMap<_, _>>()),
        ..Secret::default()
    }
}
