//! Reads what `dps explain` needs from files.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::cli::manifests::Manifests;
use crate::domain::docker_config::kubelet_secret::is_redacted;
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::pod::Pod;
use crate::explain::bundle::{Bundle, key_of};
use crate::explain::pod_event::{PodEvent, text};

/// The objects of an input. The error says which object has an unexpected shape.
pub(crate) fn read(manifests: &Manifests) -> Result<Bundle, String> {
    let mut bundle = Bundle::default();
    bundle.warnings.clone_from(&manifests.skipped);
    read_resources(&mut bundle, manifests);
    for (place, object) in &manifests.others {
        read_object(&mut bundle, place, object)?;
    }
    // If several objects have the same name, the last counts.
    let mut seen = HashSet::new();
    bundle.pods.reverse();
    bundle.pods.retain(|pod| seen.insert(key_of(pod)));
    bundle.pods.reverse();
    bundle.add_events(manifests.others.iter().filter_map(|(_, object)| PodEvent::of(object)));
    read_secrets(&mut bundle, manifests);
    Ok(bundle)
}

fn read_resources(bundle: &mut Bundle, manifests: &Manifests) {
    for meta in manifests.namespaces.values() {
        bundle.add_namespace(meta);
    }
    for written in &manifests.resources {
        let status = written.read.as_ref().ok().and_then(|(_, status)| status.as_ref());
        let added = match written.placed() {
            Ok(declaration) => bundle.add_resource(&declaration, status).map_err(str::to_owned),
            Err(problem) => Err(problem.message),
        };
        if let Err(why) = added {
            let warning = format!("{} is ignored: {why}", written.name());
            bundle.warnings.push(warning);
        }
    }
}

fn read_object(bundle: &mut Bundle, place: &str, object: &Value) -> Result<(), String> {
    let name = text(object, "/metadata/name");
    match text(object, "/kind") {
        "Pod" => {
            let pod: Pod = serde_json::from_value(without_nulls(object))
                .map_err(|_| format!("{place}: Pod {name:?} does not have the shape of a Pod"))?;
            bundle.pods.push(pod);
        }
        "ServiceAccount" => {
            let namespace = match text(object, "/metadata/namespace") {
                "" => "default",
                namespace => namespace,
            };
            let secrets = object["imagePullSecrets"].as_array().into_iter().flatten();
            let names = secrets.map(|secret| text(secret, "/name").to_owned());
            let names = names.filter(|name| !name.is_empty()).collect();
            bundle.service_accounts.insert(ObjectKey::new(namespace, name), names);
        }
        _ => {}
    }
    Ok(())
}

/// Reads only the Secrets that pods and ServiceAccounts list: the input may have others.
fn read_secrets(bundle: &mut Bundle, manifests: &Manifests) {
    let mut listed = BTreeSet::new();
    for pod in &bundle.pods {
        let namespace = key_of(pod).namespace;
        listed.extend(pod.pull_secrets().map(|name| ObjectKey::new(namespace.as_str(), name)));
    }
    for (account, names) in &bundle.service_accounts {
        let namespace = account.namespace.as_str();
        listed.extend(names.iter().map(|name| ObjectKey::new(namespace, name)));
    }
    for key in &listed {
        for login in bundle.logins(&key.namespace, |secret| secret == key.name) {
            let found = manifests.secret(&login).ok().flatten();
            bundle.secrets.extend(found.map(|secret| (login, secret)));
        }
    }
    for key in listed {
        if manifests.knows_secrets_of(&key.namespace) {
            bundle.complete_namespaces.insert(key.namespace.clone());
        }
        match manifests.secret(&key) {
            Ok(None) => {}
            // Support bundles often leave out the content of Secrets.
            Ok(Some(secret)) if is_redacted(&secret) => {
                let warning = format!("the input does not have the content of Secret {key}");
                bundle.warnings.push(warning);
                bundle.unreadable_secrets.insert(key);
            }
            Ok(Some(secret)) => _ = bundle.secrets.insert(key, secret),
            Err(problem) => {
                bundle.warnings.push(problem.message);
                bundle.unreadable_secrets.insert(key);
            }
        }
    }
}

/// An object without its empty fields, which tools may write as null.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().filter(|(_, value)| !value.is_null());
            members
                .map(|(name, value)| (name.clone(), without_nulls(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
