//! What other operators have in a cluster becomes resources that take their place.

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use super::import;
use crate::support::canary::CANARY;
use crate::support::fleet::{Fleet, PLATFORM};
use crate::support::objects::{Space, document, password};
use crate::support::operator::operator;
use crate::support::world::world;

/// Applies objects, in a namespace.
fn apply(namespace: &str, objects: &[Value]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("objects.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
    std::fs::write(&file, list.to_string()).unwrap();
    world().kubectl(&["apply", "-n", namespace, "-f", file.to_str().unwrap()]);
}

/// A kind of another operator, as far as it matters.
fn define(group: &str, version: &str, kind: &str, scope: &str) {
    let plural = format!("{}s", kind.to_lowercase());
    let name = format!("{plural}.{group}");
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    apply(
        "default",
        &[json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": name},
            "spec": {"group": group, "scope": scope, "names": {"kind": kind, "plural": plural},
                "versions": [{"name": version, "served": true, "storage": true, "schema": schema}]},
        })],
    );
    let condition = "--for=condition=Established";
    world().kubectl(&["wait", condition, "--timeout=60s", &format!("crd/{name}")]);
}

/// A pull secret that an object controls, if one is named.
fn pull_secret(name: &str, registry: &str, password: &str, owner: Option<&str>) -> Value {
    let document = json!({"auths": {(registry): {"username": "robot", "password": password}}});
    let mut secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "kubernetes.io/dockerconfigjson",
        "stringData": {".dockerconfigjson": document.to_string()},
    });
    if let Some(owner) = owner {
        secret["metadata"]["ownerReferences"] = json!([serde_json::from_str::<Value>(owner).unwrap()]);
    }
    secret
}

/// A reference to the object as a controller.
fn owner(namespace: &str, resource: &str) -> String {
    let object = world().kubectl(&["get", "-n", namespace, resource, "-o", "json"]);
    let object: Value = serde_json::from_str(&object).unwrap();
    json!({
        "apiVersion": object["apiVersion"], "kind": object["kind"], "name": object["metadata"]["name"],
        "uid": object["metadata"]["uid"], "controller": true,
    })
    .to_string()
}

#[tokio::test]
async fn image_pull_secret_is_replaced_without_a_change_of_pods() {
    operator();
    define("images.cisco.com", "v1alpha1", "ImagePullSecret", "Cluster");
    let (fleet, space) = (Fleet::new(world(), "imps").await, Space::new(world(), "imps").await);
    fleet.add("a", json!({})).await;
    let (name, registry) = (fleet.name.clone(), format!("{}.invalid", fleet.name));
    let copy = format!("{name}-pull");
    apply(PLATFORM, &[pull_secret(&name, &registry, CANARY, None)]);
    apply(
        "default",
        &[json!({
            "apiVersion": "images.cisco.com/v1alpha1", "kind": "ImagePullSecret", "metadata": {"name": name},
            "spec": {"registry": {"credentials": [{"name": name, "namespace": PLATFORM}]},
                "target": {"secret": {"name": copy}, "namespaces": {"names": [fleet.namespace("a")]}}},
        })],
    );
    let owner = owner("default", &format!("imagepullsecrets.images.cisco.com/{name}"));
    apply(
        &fleet.namespace("a"),
        &[pull_secret(&copy, &registry, "of imps", Some(&owner))],
    );

    let arguments = ["--other-operators", "--registry", &registry, "--no-verify"];
    let imported = import(&space, &arguments, "");
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let line = format!("{registry}: wrote ClusterDockerPullSecret {name}: delete ImagePullSecret {name} next");
    assert!(imported.stderr.contains(&line), "{}", imported.stderr);
    // Theirs stays as long as they are there.
    fleet.stands(&name, "OwnedByOther", "0/1").await;
    fleet
        .has("a", &copy, |secret| password(secret).as_deref() == Some("of imps"))
        .await;
    world().kubectl(&["delete", &format!("imagepullsecrets.images.cisco.com/{name}")]);
    // What the garbage collector does once it has learned the kind, which takes up to a minute.
    let deleted = fleet
        .secrets("a")
        .delete(&copy, &kube::api::DeleteParams::default())
        .await;
    assert!(
        deleted.is_ok() || matches!(&deleted, Err(kube::Error::Api(status)) if status.is_not_found()),
        "{deleted:?}"
    );
    fleet
        .has("a", &copy, |secret| password(secret).as_deref() == Some(CANARY))
        .await;
    fleet.delete(&name).await;
}

#[tokio::test]
async fn cluster_pull_secret_would_become_a_resource_for_all_namespaces_that_do_not_opt_out() {
    define("ops.alexellis.io", "v1", "ClusterPullSecret", "Cluster");
    let (fleet, space) = (Fleet::new(world(), "creds").await, Space::new(world(), "creds").await);
    let out = json!({"annotations": {"alexellis.io/registry-creds.ignore": "1"}});
    fleet.add("out", out).await;
    let (name, registry) = (fleet.name.clone(), format!("{}.invalid", fleet.name));
    let object = json!({
        "apiVersion": "ops.alexellis.io/v1", "kind": "ClusterPullSecret", "metadata": {"name": name},
        "spec": {"secretRef": {"name": name, "namespace": PLATFORM}},
    });
    apply("default", std::slice::from_ref(&object));
    let arguments = [
        "--other-operators",
        "--registry",
        &registry,
        "--no-verify",
        "--dry-run=server",
    ];
    let missing = import(&space, &arguments, "");
    assert_eq!(missing.code, 1, "{}", missing.stderr);
    assert!(
        missing
            .stderr
            .contains(&format!("Secret {PLATFORM}/{name}, which it names, cannot be read")),
        "{}",
        missing.stderr
    );
    apply(PLATFORM, &[pull_secret(&name, &registry, CANARY, None)]);
    let tried = import(&space, &arguments, "");
    assert_eq!(tried.code, 0, "{}", tried.stderr);
    let line = format!("{registry}: would write ClusterDockerPullSecret {name}");
    assert!(tried.stderr.contains(&line), "{}", tried.stderr);
}

#[tokio::test]
async fn login_that_external_secrets_writes_stays_there_and_is_followed() {
    operator();
    define("external-secrets.io", "v1", "ExternalSecret", "Namespaced");
    let space = Space::new(world(), "eso").await;
    let object = json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "regcred"},
        "spec": {"target": {"template": {"type": "kubernetes.io/dockerconfigjson"}}},
    });
    apply(&space.name, &[object]);
    let owner = owner(&space.name, "externalsecrets.external-secrets.io/regcred");
    apply(
        &space.name,
        &[pull_secret("regcred", "registry.invalid", CANARY, Some(&owner))],
    );
    let imported = import(&space, &["--pull-secrets", "--all", "--no-verify"], "");
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let resource = space.ready("registry-invalid").await;
    assert_eq!(resource.spec.credentials_ref.unwrap().name, "regcred");
    let secrets: Api<Secret> = Api::namespaced(space.client.clone(), &space.name);
    assert!(secrets.get_opt("registry-invalid-login").await.unwrap().is_none());
    let untouched = secrets.get("regcred").await.unwrap();
    assert_eq!(untouched.owner_references()[0].kind, "ExternalSecret");

    let again = import(&space, &["--pull-secrets", "--all", "--no-verify"], "");
    let line = "registry.invalid: DockerPullSecret registry-invalid is up to date";
    assert!(again.code == 0 && again.stderr.contains(line), "{}", again.stderr);
    apply(
        &space.name,
        &[pull_secret("regcred", "registry.invalid", "renewed", Some(&owner))],
    );
    let is_renewed = |secret: &Secret| document(secret)["auths"]["registry.invalid"]["password"] == "renewed";
    space
        .secret_until("registry-invalid", "the login is renewed", is_renewed)
        .await;
}
