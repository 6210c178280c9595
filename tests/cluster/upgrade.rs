//! An upgrade from 0.1.0: resources and statuses that it wrote, under its CRD, on a real API server.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::api::{DockerPullSecretStatus, FIELD_MANAGER};
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use kube::core::ApiResource;
use serde_json::{Value, json};

use crate::support::objects::Space;
use crate::support::operator::Operator;
use crate::support::registries::{Scripted, answer};
use crate::support::world::exclusive_world;
use crate::support::{eventually, repository};

/// A resource as 0.1.0 left it. All hold accepted credentials in their Secret.
struct Old {
    name: &'static str,
    /// Beside what the others have too.
    spec: Value,
    /// How it was verified, behind the registry's address.
    method: &'static str,
    /// `status.verification`, in the names of 0.1.0.
    verification: Value,
    /// Status and reason of `SecretSynced` and of `CredentialsAccepted`.
    conditions: [(&'static str, &'static str); 2],
    /// Fields of `status.verification` after the upgrade.
    upgraded: Value,
}

fn table() -> [Old; 3] {
    [
        Old {
            name: "accepted",
            spec: json!({}),
            method: "",
            verification: json!({"result": "Accepted", "secretAccepted": true}),
            conditions: [("True", "Synced"), ("True", "Accepted")],
            upgraded: json!({"result": "Accepted", "secretVerified": true}),
        },
        Old {
            name: "held-back",
            spec: json!({}),
            method: "",
            verification: json!({"result": "Rejected", "secretAccepted": true, "failures": 3}),
            conditions: [("False", "HeldBack"), ("False", "Rejected")],
            upgraded: json!({"result": "Rejected", "secretVerified": true, "consecutiveRejections": 3}),
        },
        Old {
            name: "image-denied",
            spec: json!({"image": "team/app:1"}),
            method: " team/app:1",
            verification: json!({"result": "Rejected", "ofImage": true, "secretAccepted": true, "failures": 4}),
            conditions: [("True", "Synced"), ("False", "Rejected")],
            upgraded: json!({"result": "Rejected", "secretVerified": true, "imageDenied": true, "consecutiveRejections": 4}),
        },
    ]
}

#[tokio::test]
async fn objects_of_an_older_version_cost_no_write_to_a_secret_and_no_login() {
    let (_alone, world) = exclusive_world().await;
    let kubeconfig = world.install();
    let old_crd = repository().join("tests/cluster/upgrade/crd-0.1.0.yaml");
    apply(world, &old_crd.display().to_string());
    let registry = Scripted::start(|_, _| answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"r\""], "no"));
    let space = Space::new(world, "upgrade").await;
    let mut versions = Vec::new();
    for old in table() {
        store(&space, &registry.address, &old).await;
        let secret = space.secrets.get(old.name).await.unwrap();
        versions.push(secret.metadata.resource_version.clone());
    }

    let new_crd = repository().join("deploy/crds.yaml");
    apply(world, &new_crd.display().to_string());
    let args = ["--namespace", &space.name, "--allow-registry", &registry.address];
    let operator = Operator::start(world, &kubeconfig, &args);
    operator.wait_until_ready();
    for (old, version) in table().into_iter().zip(versions) {
        let upgraded = |status: &DockerPullSecretStatus| {
            let verification = serde_json::to_value(status.verification.as_ref()?).ok()?;
            let has = |(field, value): (&String, &Value)| verification[field] == *value;
            old.upgraded.as_object()?.iter().all(has).then_some(())
        };
        eventually("stored under the new names", || async {
            let stored = raw(&space).get(old.name).await.unwrap().data["status"]["verification"].clone();
            let is_old = ["ofImage", "failures", "secretAccepted"]
                .iter()
                .any(|field| !stored[field].is_null());
            if is_old {
                Err(format!("{}: {stored}", old.name))
            } else {
                Ok(())
            }
        })
        .await;
        space.until(old.name, "with the values that it had", upgraded).await;
        let secret = space.secrets.get(old.name).await.unwrap();
        assert_eq!(
            secret.metadata.resource_version, version,
            "{}: its Secret was written",
            old.name
        );
    }
    assert_eq!(
        registry.requests(),
        [""; 0],
        "credentials that are known were sent again"
    );
}

fn apply(world: &crate::support::world::World, path: &str) {
    world.kubectl(&["apply", "--server-side", "--force-conflicts", "-f", path]);
    world.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/dockerpullsecrets.pullsecrets.dev",
    ]);
}

fn raw(space: &Space) -> Api<DynamicObject> {
    let kind = kube::core::GroupVersionKind::gvk("pullsecrets.dev", "v1alpha1", "DockerPullSecret");
    Api::namespaced_with(space.client.clone(), &space.name, &ApiResource::from_gvk(&kind))
}

/// Stores the three objects that belong to a resource, as 0.1.0 wrote them.
async fn store(space: &Space, registry: &str, old: &Old) {
    let login = format!("{}-login", old.name);
    let source = space
        .secret(
            &login,
            "Opaque",
            &[("username", "user"), ("password", &format!("{}-now", old.name))],
        )
        .await;
    let mut verification = json!({"plainHttp": true});
    verification
        .as_object_mut()
        .unwrap()
        .extend(old.spec.as_object().unwrap().clone());
    let resource = space
        .create(
            old.name,
            json!({"type": "PrivateRegistry", "registryUrl": registry,
                "credentialsRef": {"name": login}, "verification": verification}),
        )
        .await;
    let uid = resource.metadata.uid.clone().unwrap();
    let is_held = old.conditions[0].1 == "HeldBack";
    let password = format!("{}-{}", old.name, if is_held { "before" } else { "now" });
    let auth = STANDARD.encode(format!("user:{password}"));
    let document =
        format!(r#"{{"auths":{{"{registry}":{{"username":"user","password":"{password}","auth":"{auth}"}}}}}}"#);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": {"name": old.name, "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER},
            "ownerReferences": [{"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
                "name": old.name, "uid": uid, "controller": true}]},
        "data": {".dockerconfigjson": STANDARD.encode(document)}});
    let params = PatchParams::apply(FIELD_MANAGER).force();
    space
        .secrets
        .patch(old.name, &params, &Patch::Apply(&secret))
        .await
        .unwrap();

    let (source_uid, version) = (source.metadata.uid.unwrap(), source.metadata.resource_version.unwrap());
    let mut verification = old.verification.clone();
    verification["lastVerifiedTime"] = json!("2026-01-01T00:00:00Z");
    verification["credentialsVersion"] = json!(format!(
        "{source_uid}/{version} {registry} http://{registry}/v2/{}",
        old.method
    ));
    let condition = |kind: &str, (status, reason): (&str, &str)| {
        json!({"type": kind, "status": status, "reason": reason, "message": "as 0.1.0 said",
            "observedGeneration": 1, "lastTransitionTime": "2026-01-01T00:00:00Z"})
    };
    let status = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
        "metadata": {"name": old.name}, "status": {
            "observedGeneration": 1, "secretName": old.name, "registryKey": registry, "failingPods": 0,
            "verification": verification, "conditions": [
                condition("SecretSynced", old.conditions[0]),
                condition("CredentialsAccepted", old.conditions[1])]}});
    raw(space)
        .patch_status(old.name, &params, &Patch::Apply(&status))
        .await
        .unwrap();
}
