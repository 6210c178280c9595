//! An author of DockerPullSecrets may name only what they may read themselves.

use std::sync::atomic::{AtomicU32, Ordering};

use dps::api::{ClusterDockerPullSecret, DockerPullSecret};
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::refusal;
use crate::support::objects::{Space, private, resource, with};
use crate::support::world::{World, scoped_world};
use crate::support::{GARBAGE_COLLECTION, eventually, within};

/// Somebody with rights on DockerPullSecrets, and with those that a test gives them.
pub(super) struct Author<'a> {
    name: &'static str,
    space: &'a Space,
    pub(super) resources: Api<DockerPullSecret>,
}

impl<'a> Author<'a> {
    pub(super) async fn new(space: &'a Space, name: &'static str) -> Self {
        let world = scoped_world();
        world.kubectl(&["create", "serviceaccount", name, "-n", &space.name]);
        let kubeconfig = world.state().join(format!("{}-{name}.kubeconfig", space.name));
        world.write_kubeconfig(&kubeconfig, &space.name, name);
        let client = World::client(&kubeconfig).await;
        let resources = Api::namespaced(client, &space.name);
        let author = Self { name, space, resources };
        author.grant(
            "get,create,update,patch,delete",
            "dockerpullsecrets.pullsecrets.dev",
            &[],
        );
        author
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    /// Gives a right, on the objects of these names only.
    pub(super) fn grant(&self, verbs: &str, kind: &str, names: &[&str]) {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let role = format!("{}-{}", self.name, COUNT.fetch_add(1, Ordering::Relaxed));
        let (verbs, kind) = (format!("--verb={verbs}"), format!("--resource={kind}"));
        let names: Vec<String> = names.iter().map(|name| format!("--resource-name={name}")).collect();
        let mut arguments = vec!["create", "role", &role, "-n", &self.space.name, &verbs, &kind];
        arguments.extend(names.iter().map(String::as_str));
        scoped_world().kubectl(&arguments);
        let (role_ref, account) = (
            format!("--role={role}"),
            format!("--serviceaccount={}:{}", self.space.name, self.name),
        );
        scoped_world().kubectl(&[
            "create",
            "rolebinding",
            &role,
            "-n",
            &self.space.name,
            &role_ref,
            &account,
        ]);
    }

    pub(super) async fn create(&self, name: &str, spec: &Value) -> kube::Result<()> {
        let object = resource(name, spec);
        self.resources.create(&PostParams::default(), &object).await.map(drop)
    }

    pub(super) async fn patch(&self, name: &str, patch: Value) -> kube::Result<()> {
        let patch = Patch::Merge(patch);
        self.resources
            .patch(name, &PatchParams::default(), &patch)
            .await
            .map(drop)
    }

    pub(super) async fn change(&self, name: &str, spec: Value) -> kube::Result<()> {
        self.patch(name, json!({ "spec": spec })).await
    }

    /// A right that was just given is in force after a moment.
    pub(super) async fn may_soon_change(&self, name: &str, spec: Value) {
        eventually(&format!("{} may set {spec}", self.name), || async {
            self.change(name, spec.clone()).await.map_err(|error| error.to_string())
        })
        .await;
    }
}

pub(super) fn is_refused(answer: kube::Result<()>, words: &str) {
    let (code, message) = refusal(words, answer);
    assert!(
        code == 403 && message.contains("denied request") && message.contains(words),
        "{words}: {code} {message}"
    );
}

fn ca_bundle(kind: &str) -> Value {
    json!({"verification": {"mode": "Disabled", "tls": {"caBundleRef": {"kind": kind, "name": "ca"}}}})
}

async fn space(purpose: &str) -> Space {
    scoped_world().install();
    let space = Space::new(scoped_world(), purpose).await;
    for name in ["login", "other"] {
        space.credentials(name, "user", "word").await;
    }
    space
}

pub(super) async fn until_refused(author: &Author<'_>, spec: &Value, words: &str) {
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let object = resource("dry", spec);
    eventually("the policy and the rights are in force", || async {
        match author.resources.create(&params, &object).await {
            Err(kube::Error::Api(status)) if status.message.contains(words) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn an_author_who_may_not_read_a_secret_cannot_have_it_sent_anywhere() {
    let space = space("authors").await;
    let (alice, bob) = (Author::new(&space, "alice").await, Author::new(&space, "bob").await);
    let spec = private("registry.example.com", "login");
    until_refused(&alice, &spec, "you must be allowed to get Secret").await;
    is_refused(
        alice.create("app", &spec).await,
        "you must be allowed to get Secret login",
    );

    bob.grant("get", "secrets", &["login"]);
    eventually("bob may create it", || async {
        bob.create("app", &spec).await.map_err(|error| error.to_string())
    })
    .await;
    is_refused(
        bob.change("app", json!({"credentialsRef": {"name": "other"}})).await,
        "spec.credentialsRef: you must be allowed to get Secret other",
    );
    bob.change("app", json!({"email": "ci@example.com"})).await.unwrap();

    is_refused(
        bob.change("app", json!({"attachTo": {"serviceAccounts": ["default"]}}))
            .await,
        "you must be allowed to update ServiceAccounts",
    );
    bob.grant("update", "serviceaccounts", &[]);
    bob.may_soon_change("app", json!({"attachTo": {"serviceAccounts": ["default"]}}))
        .await;

    // Alice may not point what is there elsewhere, in whatever way.
    for spec in [
        json!({"registryUrl": "evil.example.com"}),
        json!({"type": "DockerHub", "registryUrl": null}),
        json!({"credentialsRef": {"keys": {"password": "username"}}}),
        json!({"verification": {"plainHttp": true}}),
        json!({"secretTemplate": {"annotations": {"replicate": "everywhere"}}}),
    ] {
        is_refused(
            alice.change("app", spec).await,
            "you must be allowed to get Secret login",
        );
    }
    // She may label it and delete it, and the garbage collector takes its finalizer off.
    alice
        .patch("app", json!({"metadata": {"labels": {"team": "a"}}}))
        .await
        .unwrap();
    alice
        .resources
        .delete("app", &DeleteParams::foreground())
        .await
        .unwrap();
    within(GARBAGE_COLLECTION, "the resource is gone", || async {
        match space.resources.get_opt("app").await {
            Ok(None) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

#[tokio::test]
async fn certificates_and_the_secret_to_take_over_need_rights_as_well() {
    let space = space("authors-more").await;
    let carol = Author::new(&space, "carol").await;
    let spec = with(
        private("registry.example.com", "login"),
        json!({"secretName": null, "verification": null}),
    );
    until_refused(&carol, &spec, "you must be allowed to get Secret").await;
    carol.grant("get", "secrets", &["login"]);
    eventually("fields that are null", || async {
        carol.create("app", &spec).await.map_err(|error| error.to_string())
    })
    .await;

    for (kind, resource) in [("ConfigMap", "configmaps"), ("Secret", "secrets")] {
        let words = format!("spec.verification.tls.caBundleRef: you must be allowed to get {kind} ca");
        is_refused(carol.change("app", ca_bundle(kind)).await, &words);
        carol.grant("get", resource, &["ca"]);
        carol.may_soon_change("app", ca_bundle(kind)).await;
    }

    let adopt = json!({"adopt": true});
    is_refused(
        carol.change("app", adopt.clone()).await,
        "spec.adopt: you must be allowed to update Secret app",
    );
    let elsewhere = json!({"adopt": true, "secretName": "elsewhere"});
    is_refused(
        carol.change("app", elsewhere).await,
        "spec.adopt: you must be allowed to update Secret elsewhere",
    );
    carol.grant("update", "secrets", &["app"]);
    carol.may_soon_change("app", adopt).await;
}

/// Whoever writes a ClusterDockerPullSecret has a login read, and writes in all namespaces.
#[tokio::test]
async fn an_author_for_many_namespaces_needs_the_login_and_the_rights_of_a_cluster_admin() {
    let world = scoped_world();
    world.install();
    let space = Space::new(world, "cluster-author").await;
    space.credentials("login", "user", "word").await;
    let author = Author::new(&space, "carol").await;
    let everywhere = |verb: &str, kind: &str| {
        let role = format!("{}-{verb}-{}", space.name, kind.replace(['.', '/'], "-"));
        let (verb, kind) = (format!("--verb={verb}"), format!("--resource={kind}"));
        world.kubectl(&["create", "clusterrole", &role, &verb, &kind]);
        let account = format!("--serviceaccount={}:carol", space.name);
        let role_ref = format!("--clusterrole={role}");
        world.kubectl(&["create", "clusterrolebinding", &role, &role_ref, &account]);
    };
    everywhere("create", "clusterdockerpullsecrets.pullsecrets.dev");
    let kubeconfig = world.state().join(format!("{}-carol.kubeconfig", space.name));
    let resources: Api<ClusterDockerPullSecret> = Api::all(World::client(&kubeconfig).await);
    let create = async |more: Value| {
        let mut spec = json!({"type": "PrivateRegistry", "registryUrl": "registry.example.com",
            "credentialsRef": {"namespace": space.name, "name": "login"},
            "namespaceSelector": {"matchLabels": {"nobody": "has this"}}});
        for (field, value) in more.as_object().into_iter().flatten() {
            spec[field] = value.clone();
        }
        let resource = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "ClusterDockerPullSecret",
            "metadata": {"name": space.name}, "spec": spec});
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let resource = serde_json::from_value(resource).unwrap();
        resources.create(&params, &resource).await
    };
    let refused = async |more: Value, words: &str| {
        // A right that was just given is known a moment later.
        eventually(words, || async {
            match create(more.clone()).await {
                Err(kube::Error::Api(answer)) if answer.message.contains(words) => Ok(()),
                other => Err(format!("{:?}", other.map(|_| ()))),
            }
        })
        .await;
    };
    let none = json!({});
    refused(none.clone(), "you must be allowed to get Secret login").await;
    author.grant("get", "secrets", &["login"]);
    refused(none.clone(), "create Secrets in all namespaces").await;
    everywhere("create", "secrets");
    eventually("it is created", || async {
        create(none.clone()).await.map(drop).map_err(|error| error.to_string())
    })
    .await;
    for (more, words) in [
        (json!({"adopt": true}), "update Secrets in all namespaces"),
        (
            json!({"attachTo": {"serviceAccounts": ["default"]}}),
            "update ServiceAccounts in all namespaces",
        ),
        (
            json!({"recovery": {"evictPods": "WhenFixed"}}),
            "evict pods in all namespaces",
        ),
    ] {
        refused(more, words).await;
    }
}
