//! An author of DockerPullSecrets may have credentials minted only with a ServiceAccount that they may use themselves.

use dps::api::ClusterDockerPullSecret;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::authors::{Author, is_refused, until_refused};
use super::refusal;
use crate::support::eventually;
use crate::support::objects::{Space, with};
use crate::support::world::{World, scoped_world};

/// Credentials of a robot account, for whoever has tokens of this ServiceAccount.
pub(super) fn minted(account: &str) -> Value {
    json!({"type": "PrivateRegistry", "registryUrl": "quay.example.com", "verification": {"mode": "Disabled"},
        "credentialsFrom": {"serviceAccountRef": {"name": account}, "quay": {"robot": "acme+pull"}}})
}

/// A namespace with ServiceAccounts.
async fn space(purpose: &str) -> Space {
    scoped_world().install();
    let space = Space::new(scoped_world(), purpose).await;
    for name in ["puller", "other"] {
        scoped_world().kubectl(&["create", "serviceaccount", name, "-n", &space.name]);
    }
    space
}

async fn may_soon_create(author: &Author<'_>, name: &str, spec: &Value) {
    eventually(&format!("{name} may be created"), || async {
        author.create(name, spec).await.map_err(|error| error.to_string())
    })
    .await;
}

/// `kubectl create role` knows no resource without an API.
async fn grant_use(space: &Space, user: &str, account: &str) {
    let (name, params) = (format!("use-{account}"), PostParams::default());
    let role = json!({"metadata": {"name": name}, "rules": [
        {"apiGroups": ["pullsecrets.dev"], "resources": ["serviceaccounts"], "resourceNames": [account], "verbs": ["usefor"]},
    ]});
    let binding = json!({"metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": name},
        "subjects": [{"kind": "ServiceAccount", "name": user, "namespace": space.name}]});
    let roles = Api::<Role>::namespaced(space.client.clone(), &space.name);
    roles
        .create(&params, &serde_json::from_value(role).unwrap())
        .await
        .unwrap();
    let bindings = Api::<RoleBinding>::namespaced(space.client.clone(), &space.name);
    bindings
        .create(&params, &serde_json::from_value(binding).unwrap())
        .await
        .unwrap();
}

const NEEDED: &str =
    "spec.credentialsFrom.serviceAccountRef: you must be allowed to create serviceaccounts/token of ServiceAccount";

#[tokio::test]
async fn an_author_has_credentials_minted_only_with_service_accounts_that_they_may_use() {
    let space = space("minting-authors").await;
    let (alice, bob) = (Author::new(&space, "alice").await, Author::new(&space, "bob").await);
    let spec = minted("puller");
    until_refused(&alice, &spec, &format!("{NEEDED} puller, or to usefor it")).await;
    is_refused(alice.create("app", &spec).await, NEEDED);

    bob.grant("create", "serviceaccounts/token", &["puller"]);
    may_soon_create(&bob, "app", &spec).await;
    is_refused(bob.create("more", &minted("other")).await, &format!("{NEEDED} other"));
    let swap = json!({"credentialsFrom": {"serviceAccountRef": {"name": "other"}}});
    is_refused(bob.change("app", swap).await, &format!("{NEEDED} other"));
    bob.change("app", json!({"email": "ci@example.com"})).await.unwrap();

    // Alice may not have the tokens sent elsewhere, in whatever way, and she may label it.
    for change in [
        json!({"registryUrl": "evil.example.com"}),
        json!({"credentialsFrom": {"quay": {"robot": "evil+pull"}}}),
        json!({"credentialsFrom": {"quay": {"audience": "quay.io"}}}),
        json!({"secretTemplate": {"annotations": {"replicate": "everywhere"}}}),
    ] {
        is_refused(alice.change("app", change).await, &format!("{NEEDED} puller"));
    }
    let label = json!({"metadata": {"labels": {"team": "a"}}});
    alice.patch("app", label).await.unwrap();

    // Whoever administers the cluster may use every ServiceAccount.
    space.create("by-an-admin", minted("other")).await;
}

#[tokio::test]
async fn a_right_that_gives_no_token_lets_an_author_use_a_service_account() {
    let space = space("minting-usefor").await;
    let carol = Author::new(&space, "carol").await;
    let spec = minted("puller");
    until_refused(&carol, &spec, NEEDED).await;
    grant_use(&space, "carol", "puller").await;
    may_soon_create(&carol, "app", &spec).await;
    is_refused(carol.create("more", &minted("other")).await, &format!("{NEEDED} other"));
    let who = format!("--as=system:serviceaccount:{}:carol", space.name);
    let may = scoped_world()
        .kubectl_command()
        .args([
            "auth",
            "can-i",
            "create",
            "serviceaccounts/token",
            &who,
            "-n",
            &space.name,
        ])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&may.stdout).trim(), "no");
}

#[tokio::test]
async fn a_long_lived_key_is_used_only_for_authors_who_may_read_it() {
    let space = space("minting-keys").await;
    let dave = Author::new(&space, "dave").await;
    let key = |name: &str| {
        with(
            minted("puller"),
            json!({"registryUrl": "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "credentialsFrom": {"staticKeyRef": {"name": name}, "aws": {}}}),
        )
    };
    let words = "spec.credentialsFrom.staticKeyRef: you must be allowed to get Secret";
    until_refused(&dave, &key("aws-key"), &format!("{words} aws-key")).await;
    dave.grant("get", "secrets", &["aws-key"]);
    may_soon_create(&dave, "app", &key("aws-key")).await;
    let swap = json!({"credentialsFrom": {"staticKeyRef": {"name": "other-key"}}});
    is_refused(dave.change("app", swap).await, &format!("{words} other-key"));
    // From a key to a ServiceAccount.
    let swap = json!({"credentialsFrom": {"staticKeyRef": null, "serviceAccountRef": {"name": "puller"},
        "aws": {"roleArn": "arn:aws:iam::123456789012:role/pull"}}});
    let (code, message) = refusal("a swap", dave.change("app", swap).await);
    assert!(
        code == 403 && message.contains(&format!("{NEEDED} puller")),
        "{code} {message}"
    );
}

/// Somebody who may write ClusterDockerPullSecrets, and Secrets in all namespaces.
struct FleetAuthor {
    name: String,
    resources: Api<ClusterDockerPullSecret>,
}

impl FleetAuthor {
    async fn new(author: &Author<'_>, space: &Space) -> Self {
        let world = scoped_world();
        let name = space.name.clone();
        for (end, verb, kind) in [
            ("resources", "create,patch", "clusterdockerpullsecrets.pullsecrets.dev"),
            ("secrets", "create", "secrets"),
        ] {
            let (role, verb, kind) = (
                format!("{name}-{end}"),
                format!("--verb={verb}"),
                format!("--resource={kind}"),
            );
            world.kubectl(&["create", "clusterrole", &role, &verb, &kind]);
            let account = format!("--serviceaccount={name}:{}", author.name());
            world.kubectl(&[
                "create",
                "clusterrolebinding",
                &role,
                &format!("--clusterrole={role}"),
                &account,
            ]);
        }
        let kubeconfig = world.state().join(format!("{name}-{}.kubeconfig", author.name()));
        let resources = Api::all(World::client(&kubeconfig).await);
        Self { name, resources }
    }

    /// Of minted credentials. Nobody is selected.
    async fn create(&self, from: Value) -> kube::Result<()> {
        let registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let spec = json!({"type": "PrivateRegistry", "registryUrl": registry, "credentialsFrom": from,
            "namespaceSelector": {"matchLabels": {"nobody": "has this"}}});
        let resource = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "ClusterDockerPullSecret",
            "metadata": {"name": self.name}, "spec": spec});
        let resource = serde_json::from_value(resource).unwrap();
        self.resources.create(&PostParams::default(), &resource).await.map(drop)
    }

    async fn change(&self, spec: Value) -> kube::Result<()> {
        let patch = Patch::Merge(json!({ "spec": spec }));
        self.resources
            .patch(&self.name, &PatchParams::default(), &patch)
            .await
            .map(drop)
    }
}

#[tokio::test]
async fn an_author_for_many_namespaces_needs_the_service_account_or_the_key_in_its_namespace() {
    let space = space("minting-fleet").await;
    let erin = Author::new(&space, "erin").await;
    let fleet = FleetAuthor::new(&erin, &space).await;
    let from = |field: &str, name: &str| json!({"namespace": space.name, field: {"name": name}, "aws": {}});
    let refused = async |field: &str, name: &str, words: String| {
        eventually(&words, || async {
            match fleet.create(from(field, name)).await {
                Err(kube::Error::Api(status)) if status.message.contains(&words) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        })
        .await;
    };
    let place = format!("in namespace {}", space.name);
    let key = "spec.credentialsFrom.staticKeyRef: you must be allowed to get Secret";
    refused("staticKeyRef", "aws-key", format!("{key} aws-key {place}")).await;
    refused("serviceAccountRef", "puller", format!("{NEEDED} puller {place}")).await;

    erin.grant("create", "serviceaccounts/token", &["puller"]);
    eventually("erin may use the ServiceAccount", || async {
        fleet
            .create(from("serviceAccountRef", "puller"))
            .await
            .map_err(|error| error.to_string())
    })
    .await;
    // Another ServiceAccount, the same name in another namespace, and a key.
    for (swap, words) in [
        (
            json!({"serviceAccountRef": {"name": "other"}}),
            format!("{NEEDED} other {place}"),
        ),
        (
            json!({"namespace": "kube-system"}),
            format!("{NEEDED} puller in namespace kube-system"),
        ),
        (
            json!({"serviceAccountRef": null, "staticKeyRef": {"name": "aws-key"}}),
            format!("{key} aws-key {place}"),
        ),
    ] {
        is_refused(fleet.change(json!({"credentialsFrom": swap})).await, &words);
    }
    fleet.change(json!({"email": "ci@example.com"})).await.unwrap();
    let all: Api<ClusterDockerPullSecret> = Api::all(space.client.clone());
    all.delete(&fleet.name, &DeleteParams::default()).await.unwrap();
}
