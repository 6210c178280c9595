//! Secrets of the wanted name that somebody else made or wants.

use dps::domain::reconcile::change::Change;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::{Cluster, spec};
use crate::with;

/// A Secret of the wanted name that this resource did not make, and what becomes of it.
struct Found {
    case: &'static str,
    /// Kind, name and UID of its controller.
    controller: Option<(&'static str, &'static str, &'static str)>,
    secret_type: &'static str,
    immutable: bool,
    deleting: bool,
    adopt: bool,
    /// The oldest resource that wants the Secret.
    oldest: &'static str,
    /// Whether the controller wants the Secret too, if it is a resource that exists.
    owner_wants: Option<bool>,
    /// The reason of `SecretSynced`; `Synced`: it is written.
    reason: &'static str,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            case: "",
            controller: None,
            secret_type: "kubernetes.io/dockerconfigjson",
            immutable: false,
            deleting: false,
            adopt: false,
            oldest: "app",
            owner_wants: None,
            reason: "",
        }
    }
}

fn rows() -> [Found; 11] {
    let resource = |name, uid| Some(("DockerPullSecret", name, uid));
    [
        Found {
            case: "nobody controls it",
            reason: "NameConflict",
            ..Found::default()
        },
        Found {
            case: "nobody controls it, adopt",
            adopt: true,
            reason: "Synced",
            ..Found::default()
        },
        Found {
            case: "another type, adopt",
            secret_type: "Opaque",
            adopt: true,
            reason: "WrongSecretType",
            ..Found::default()
        },
        Found {
            case: "immutable, adopt",
            immutable: true,
            adopt: true,
            reason: "SecretImmutable",
            ..Found::default()
        },
        Found {
            case: "another kind controls it, adopt",
            controller: Some(("ExternalSecret", "app", "uid-es")),
            adopt: true,
            reason: "OwnedByOther",
            ..Found::default()
        },
        Found {
            case: "being deleted",
            deleting: true,
            reason: "SecretBeingDeleted",
            ..Found::default()
        },
        Found {
            case: "an older resource wants it",
            oldest: "older",
            reason: "OwnedByOther",
            ..Found::default()
        },
        Found {
            case: "a younger resource has it and wants it",
            controller: resource("younger", "uid-younger"),
            owner_wants: Some(true),
            reason: "Synced",
            ..Found::default()
        },
        Found {
            case: "another resource has it and reads it",
            controller: resource("other", "uid-other"),
            owner_wants: Some(false),
            reason: "OwnedByOther",
            ..Found::default()
        },
        Found {
            case: "a resource that is gone had it",
            controller: resource("gone", "uid-gone"),
            reason: "SecretBeingDeleted",
            ..Found::default()
        },
        Found {
            case: "the predecessor of this name had it",
            controller: resource("app", "uid-before"),
            reason: "Synced",
            ..Found::default()
        },
    ]
}

#[test]
fn a_secret_of_somebody_else_is_left_alone() {
    for row in rows() {
        let mut cluster = Cluster::new(&with(spec(), json!({"adopt": row.adopt})), "password");
        let owners: Vec<Value> = row
            .controller
            .map(|(kind, name, uid)| {
                let group = if kind == "DockerPullSecret" {
                    "pullsecrets.dev/v1alpha1"
                } else {
                    "other.example.com/v1"
                };
                json!({"apiVersion": group, "kind": kind, "name": name, "uid": uid, "controller": true})
            })
            .into_iter()
            .collect();
        let mut found: Secret = serde_json::from_value(json!({
            "type": row.secret_type, "immutable": row.immutable,
            "metadata": {"name": "app", "namespace": "team", "uid": "uid-found", "resourceVersion": "5",
                "ownerReferences": owners},
        }))
        .unwrap();
        if row.deleting {
            found.metadata.deletion_timestamp = Some(Time(cluster.now));
        }
        cluster.generated.insert("app".to_owned(), found);
        cluster.oldest = row.oldest;
        cluster.owner_wants = row.owner_wants;
        let decision = cluster.reconcile();
        assert_eq!(cluster.condition("SecretSynced").1, row.reason, "{}", row.case);
        let replaces = decision.changes.iter().find_map(|change| match change {
            Change::ApplySecret(change) => change.replaces.clone(),
            Change::DeleteSecret { .. } => None,
        });
        let uid = replaces.and_then(|replaces| replaces.uid);
        let written = (row.reason == "Synced").then_some("uid-found");
        assert_eq!(
            uid.as_deref(),
            written,
            "{}: written only over what was observed",
            row.case
        );
    }
}
