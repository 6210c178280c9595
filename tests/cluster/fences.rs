//! The admission policies of `deploy/`: what the operator's own token may write, and who may name what.

mod authors;
mod minting;
mod tokens;
mod types;

use std::collections::BTreeMap;
use std::fmt::Debug;

use dps::api::{API_VERSION, FIELD_MANAGER, MANAGED_BY_LABEL};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, ServiceAccount};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::objects::{Space, private, secret, uid, with};
use crate::support::world::{OPERATOR, World, scoped_world};
use crate::support::{audit, eventually};

const PULL_SECRET: &str = "kubernetes.io/dockerconfigjson";

/// A request that somebody tries to make.
enum Attempt {
    Create(Value),
    Patch(&'static str, Value),
    Delete(&'static str),
}

impl Attempt {
    async fn make(&self, secrets: &Api<Secret>) -> kube::Result<()> {
        match self {
            Self::Create(object) => {
                let object = serde_json::from_value(object.clone()).expect("a Secret");
                secrets.create(&PostParams::default(), &object).await.map(drop)
            }
            Self::Patch(name, patch) => {
                let (params, patch) = (PatchParams::default(), Patch::Merge(patch));
                secrets.patch(name, &params, &patch).await.map(drop)
            }
            Self::Delete(name) => secrets.delete(name, &DeleteParams::default()).await.map(drop),
        }
    }
}

/// The code and the message of a refusal.
fn refusal<T: Debug>(what: &str, answer: kube::Result<T>) -> (u16, String) {
    match answer {
        Err(kube::Error::Api(status)) => (status.code, status.message),
        other => panic!("{what}: {other:?}"),
    }
}

fn owner(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true})
}

/// A Secret as the operator generates it, with other metadata merged into that.
fn generated(name: &str, owner: &Value, metadata: Value) -> Value {
    let own = json!({"name": name, "labels": {MANAGED_BY_LABEL: FIELD_MANAGER}, "ownerReferences": [owner]});
    json!({"type": PULL_SECRET, "metadata": with(own, metadata), "stringData": {".dockerconfigjson": r#"{"auths":{}}"#}})
}

/// The Secrets of a namespace that the token must not touch, and what owns the operator's own.
struct Fixture {
    space: Space,
    /// With the operator's own token.
    secrets: Api<Secret>,
    owner: Value,
    other_owner: Value,
}

impl Fixture {
    async fn new(world: &World) -> Self {
        let kubeconfig = world.install();
        let client = World::client(&kubeconfig).await;
        let space = Space::new(world, "fence").await;
        let resource = space.create("app", private("registry.example.com", "login")).await;
        let config_map = ConfigMap {
            metadata: kube::core::ObjectMeta {
                name: Some("other".to_owned()),
                ..Default::default()
            },
            ..ConfigMap::default()
        };
        let config_maps = Api::<ConfigMap>::namespaced(space.client.clone(), &space.name);
        let other = config_maps.create(&PostParams::default(), &config_map).await.unwrap();
        let owner_of = |api_version, kind, object: &str, uid: &str| owner(api_version, kind, object, uid);
        let fixture = Self {
            owner: owner_of(API_VERSION, "DockerPullSecret", "app", &uid(&resource)),
            other_owner: owner_of("v1", "ConfigMap", "other", &uid(&other)),
            secrets: Api::namespaced(client, &space.name),
            space,
        };
        fixture.fill().await;
        fixture.wait_until_in_force().await;
        fixture
    }

    /// What others have in the namespace.
    async fn fill(&self) {
        let empty = [(".dockerconfigjson", r#"{"auths":{}}"#)];
        self.space.credentials("foreign", "user", "word").await;
        self.space.secret("loose", PULL_SECRET, &empty).await;
        for object in [
            generated("controlled", &self.other_owner, json!({})),
            generated("unlabelled", &self.owner, json!({"labels": {}})),
            with(generated("opaque", &self.owner, json!({})), json!({"type": "Opaque"})),
        ] {
            Attempt::Create(object).make(&self.space.secrets).await.unwrap();
        }
    }

    async fn wait_until_in_force(&self) {
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let foreign = secret("dry", "Opaque", &[]);
        eventually("the policy is in force", || async {
            match self.secrets.create(&params, &foreign).await {
                Err(kube::Error::Api(status)) if status.code == 403 => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    }

    async fn versions(&self) -> BTreeMap<String, Option<String>> {
        let secrets = self.space.secrets.list(&ListParams::default()).await.unwrap();
        let versions = secrets.items.into_iter();
        versions
            .map(|secret| (secret.name_any(), secret.resource_version()))
            .collect()
    }
}

/// Writes that the operator never makes, and what refuses them.
fn refused(fixture: &Fixture) -> Vec<(Attempt, &'static str)> {
    const TYPE: &str = "only Secrets of type kubernetes.io/dockerconfigjson";
    const LABEL: &str = "only Secrets with the label";
    const OWNER: &str = "only Secrets that a DockerPullSecret or ClusterDockerPullSecret controls";
    const IMMUTABLE: &str = "field is immutable";
    let own = |metadata| generated("new", &fixture.owner, metadata);
    let owned_by = |owner: Value| own(json!({"ownerReferences": [owner]}));
    let not_controller = with(fixture.owner.clone(), json!({"controller": false}));
    let other_group = with(fixture.owner.clone(), json!({"apiVersion": "example.com/v1"}));
    let taken = json!({"metadata": {"labels": {MANAGED_BY_LABEL: FIELD_MANAGER}, "ownerReferences": [fixture.owner]}});
    vec![
        (Attempt::Create(with(own(json!({})), json!({"type": "Opaque"}))), TYPE),
        (Attempt::Create(own(json!({"labels": {}}))), LABEL),
        (
            Attempt::Create(own(json!({"labels": {MANAGED_BY_LABEL: "helm"}}))),
            LABEL,
        ),
        (Attempt::Create(own(json!({"ownerReferences": []}))), OWNER),
        (Attempt::Create(owned_by(not_controller)), OWNER),
        (Attempt::Create(owned_by(other_group)), OWNER),
        (Attempt::Create(owned_by(fixture.other_owner.clone())), OWNER),
        (
            Attempt::Patch("foreign", json!({"stringData": {"password": "x"}})),
            TYPE,
        ),
        (Attempt::Patch("foreign", taken.clone()), TYPE),
        (
            Attempt::Patch("foreign", with(taken.clone(), json!({"type": PULL_SECRET}))),
            IMMUTABLE,
        ),
        (Attempt::Patch("loose", json!({"immutable": true})), LABEL),
        (Attempt::Patch("controlled", json!({"immutable": true})), OWNER),
        (Attempt::Patch("controlled", taken), "that another object controls"),
        (
            Attempt::Patch("own", json!({"metadata": {"labels": {MANAGED_BY_LABEL: null}}})),
            LABEL,
        ),
        (
            Attempt::Patch("own", json!({"metadata": {"ownerReferences": null}})),
            OWNER,
        ),
        (Attempt::Patch("own", json!({"type": "Opaque"})), IMMUTABLE),
        (Attempt::Delete("foreign"), TYPE),
        (Attempt::Delete("opaque"), TYPE),
        (Attempt::Delete("loose"), LABEL),
        (Attempt::Delete("unlabelled"), LABEL),
        (Attempt::Delete("controlled"), OWNER),
    ]
}

#[tokio::test]
async fn the_operators_own_token_writes_nothing_but_what_the_operator_generates() {
    let world = scoped_world();
    let fixture = Fixture::new(world).await;
    let secrets = &fixture.secrets;
    let own = generated("own", &fixture.owner, json!({}));
    Attempt::Create(own).make(secrets).await.unwrap();

    let before = fixture.versions().await;
    for (attempt, words) in refused(&fixture) {
        let (code, message) = refusal(words, attempt.make(secrets).await);
        assert!(message.contains(words), "{words}: {message}");
        assert_eq!(code, if words.contains("immutable") { 422 } else { 403 }, "{message}");
    }
    assert_eq!(fixture.versions().await, before);
    let user = format!("system:serviceaccount:{OPERATOR}:{OPERATOR}");
    let reported = |request: &audit::Request| request.object_ref.namespace == fixture.space.name && request.is_fenced();
    assert!(
        audit::of_user(world, &user).iter().any(reported),
        "the audit log has refused writes"
    );

    // What it does every day.
    let data = json!({"stringData": {".dockerconfigjson": r#"{"auths":{"a.example":{}}}"#}});
    Attempt::Patch("own", data).make(secrets).await.unwrap();
    Attempt::Patch(
        "unlabelled",
        json!({"metadata": {"labels": {MANAGED_BY_LABEL: FIELD_MANAGER}}}),
    )
    .make(secrets)
    .await
    .unwrap();
    let adopt = json!({"metadata": {"labels": {MANAGED_BY_LABEL: FIELD_MANAGER}, "ownerReferences": [fixture.owner]}});
    Attempt::Patch("loose", adopt).make(secrets).await.unwrap();
    for own in ["own", "unlabelled", "loose"] {
        Attempt::Delete(own).make(secrets).await.unwrap();
    }
}

#[tokio::test]
async fn the_operators_own_token_has_no_right_on_service_accounts() {
    let world = scoped_world();
    let client = World::client(&world.install()).await;
    let space = Space::new(world, "fence-accounts").await;
    let accounts = Api::<ServiceAccount>::namespaced(client, &space.name);
    let patch = Patch::Merge(json!({"imagePullSecrets": [{"name": "x"}]}));
    let answer = accounts.patch("default", &PatchParams::default(), &patch).await;
    let (code, message) = refusal("a ServiceAccount", answer);
    assert_eq!(
        (code, message.contains("cannot patch resource")),
        (403, true),
        "{message}"
    );
}
