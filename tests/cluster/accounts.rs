//! ServiceAccounts list generated Secrets (`rbac.attachServiceAccounts` of the chart).

use std::time::Instant;

use dps::api::{ATTACHED_ANNOTATION, DockerPullSecret};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::helm::install_templates;
use crate::support::objects::{Space, condition_of, password as password_of, private, with};
use crate::support::operator::Operator;
use crate::support::pods::Pods;
use crate::support::world::{World, scoped_world};
use crate::support::{audit, eventually};

/// A namespace in which the operator may change ServiceAccounts, and its policy is installed.
struct Place {
    world: &'static World,
    space: Space,
    accounts: Api<ServiceAccount>,
}

impl Place {
    async fn new(purpose: &str) -> Self {
        let world = scoped_world();
        world.install();
        let space = Space::new(world, purpose).await;
        Pods::of(&space).await;
        let values = "rbac.attachServiceAccounts=true,admission.authors=false";
        let templates = ["templates/rbac.yaml", "templates/admission-account-writes.yaml"];
        install_templates(world, &space.name, values, &templates);
        let accounts = Api::namespaced(space.client.clone(), &space.name);
        space.credentials("login", "user", "word").await;
        Self { world, space, accounts }
    }

    fn operator(&self) -> Operator {
        let arguments = ["--namespace", &self.space.name, "--attach-service-accounts"];
        Operator::start(self.world, &self.world.install(), &arguments)
    }

    async fn create(&self, accounts: &[&str]) {
        let attach = json!({"attachTo": {"serviceAccounts": accounts}});
        self.space
            .create("app", with(private("registry.example.com", "login"), attach))
            .await;
    }

    async fn add_account(&self, name: &str, listed: &[&str]) {
        let listed: Vec<Value> = listed.iter().map(|name| json!({ "name": name })).collect();
        let account = json!({"metadata": {"name": name}, "imagePullSecrets": listed});
        let account = serde_json::from_value(account).unwrap();
        self.accounts.create(&PostParams::default(), &account).await.unwrap();
    }

    async fn listed(&self, account: &str) -> Vec<String> {
        let account = self.accounts.get(account).await.unwrap();
        let listed = account.image_pull_secrets.unwrap_or_default();
        listed.into_iter().map(|secret| secret.name).collect()
    }

    async fn lists(&self, account: &str, expected: &[&str]) {
        eventually(&format!("{account} lists {expected:?}"), || async {
            let listed = self.listed(account).await;
            if listed == expected {
                Ok(())
            } else {
                Err(format!("{listed:?}"))
            }
        })
        .await;
    }

    /// Another list, without the operator's annotation.
    async fn replace(&self, account: &str, listed: &[&str]) {
        let listed: Vec<Value> = listed.iter().map(|name| json!({ "name": name })).collect();
        let metadata = json!({"annotations": {ATTACHED_ANNOTATION: null}});
        let patch = Patch::Merge(json!({"metadata": metadata, "imagePullSecrets": listed}));
        self.accounts
            .patch(account, &PatchParams::default(), &patch)
            .await
            .unwrap();
    }

    /// An empty list, as a GitOps tool applies it. The API server tells the manager of what was applied once.
    async fn apply_empty(&self, account: &str, manager: &str) {
        let applied = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}, "imagePullSecrets": []});
        let params = PatchParams::apply(manager).force();
        self.accounts
            .patch(account, &params, &Patch::Apply(applied))
            .await
            .unwrap();
    }

    async fn attached(&self, reason: &str) -> DockerPullSecret {
        let state = if reason == "Attached" { "True" } else { "False" };
        eventually(&format!("Attached is {reason}"), || async {
            let resource = self.space.resources.get("app").await.unwrap();
            let status = resource
                .status
                .as_ref()
                .map(|status| status.conditions.clone())
                .unwrap_or_default();
            let is = |one: &&k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition| {
                one.type_ == "Attached" && one.reason == reason && one.status == state
            };
            if status.iter().any(|one| is(&one)) {
                Ok(resource)
            } else {
                Err(format!("{status:?}"))
            }
        })
        .await
    }
}

#[tokio::test]
async fn accounts_list_the_secret_as_long_as_it_is_wanted() {
    let place = Place::new("accounts").await;
    place.add_account("build-a", &["mine"]).await;
    place.add_account("theirs", &["app"]).await;
    let _operator = place.operator();
    place.create(&["default", "build-*", "theirs"]).await;
    place.lists("default", &["app"]).await;
    place.lists("build-a", &["mine", "app"]).await;
    let resource = place.attached("Attached").await;
    assert_eq!(condition_of(&resource, "Ready").status, "True");

    // Created later, and replaced by somebody.
    place.add_account("build-b", &[]).await;
    place.lists("build-b", &["app"]).await;
    place.replace("build-a", &["other", "mine"]).await;
    place.lists("build-a", &["other", "mine", "app"]).await;

    place.space.change("app", json!({"secretName": "renamed"})).await;
    place.lists("build-a", &["other", "mine", "renamed"]).await;
    // Whoever listed it before keeps it.
    place.lists("theirs", &["app", "renamed"]).await;

    place
        .space
        .change("app", json!({"attachTo": {"serviceAccounts": ["default", "missing"]}}))
        .await;
    place.lists("build-a", &["other", "mine"]).await;
    place.lists("default", &["renamed"]).await;
    let resource = place.attached("ServiceAccountNotFound").await;
    assert_eq!(condition_of(&resource, "Ready").reason, "ServiceAccountNotFound");
    place.add_account("missing", &[]).await;
    place.attached("Attached").await;

    place.space.delete("app").await;
    for account in ["default", "missing", "build-b"] {
        place.lists(account, &[]).await;
    }
    let account = place.accounts.get("default").await.unwrap();
    assert_eq!(account.annotations().get(ATTACHED_ANNOTATION), None);
    // A patch for each change, and no more.
    place.space.settle().await;
    assert_eq!(place.patches("default"), [200; 3]);
}

impl Place {
    /// Changes of a ServiceAccount by the operator: the answers.
    fn patches(&self, account: &str) -> Vec<u16> {
        let requests = audit::of_operator(self.world).into_iter();
        let own = requests.filter(|request| request.object_ref.namespace == self.space.name && request.is_write());
        let own = own
            .filter(|request| request.object_ref.resource == "serviceaccounts" && request.object_ref.name == account);
        own.map(|request| request.response_status.code).collect()
    }
}

#[tokio::test]
async fn what_was_deleted_while_no_operator_ran_is_taken_out() {
    let place = Place::new("absent").await;
    let operator = place.operator();
    place.create(&["default"]).await;
    place.lists("default", &["app"]).await;
    assert!(operator.stop().1);
    place.space.delete("app").await;
    place.space.gone("app").await;
    assert_eq!(place.listed("default").await, ["app"]);
    let _operator = place.operator();
    place.lists("default", &[]).await;
}

#[tokio::test]
async fn a_fight_over_an_entry_ends_in_contested() {
    let place = Place::new("contested").await;
    let _operator = place.operator();
    place.create(&["default"]).await;
    for _ in 0..3 {
        place.lists("default", &["app"]).await;
        place.apply_empty("default", "gitops-tool").await;
    }
    let resource = place.attached("Contested").await;
    let message = &condition_of(&resource, "Attached").message;
    assert!(
        message.contains("probably by the field manager \"gitops-tool\""),
        "{message}"
    );
    assert_eq!(condition_of(&resource, "Ready").reason, "Contested");
    place.space.settle().await;
    assert_eq!(
        (place.listed("default").await, place.patches("default")),
        (Vec::new(), vec![200; 4])
    );
    // A change of the spec is a reason to try again.
    place
        .space
        .change("app", json!({"attachTo": {"serviceAccounts": ["def*"]}}))
        .await;
    place.lists("default", &["app"]).await;
    place.attached("Attached").await;
}

#[tokio::test]
async fn a_refused_change_is_told_and_not_repeated_for_each_event() {
    let place = Place::new("refused").await;
    // Without a reason, it is answered like an invalid object.
    let validation = json!({"expression": "!has(object.imagePullSecrets)", "message": "no pull secrets here"});
    let name = &place.space.name;
    place.world.restrict(name, "serviceaccounts", "UPDATE", &validation);
    eventually("the policy is in force", || async {
        let patch = Patch::Merge(json!({"imagePullSecrets": [{"name": "x"}]}));
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        match place.accounts.patch("default", &params, &patch).await {
            Err(error) if error.to_string().contains("no pull secrets here") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let begin = Instant::now();
    let _operator = place.operator();
    place.create(&["default"]).await;
    let resource = place.attached("NotAllowed").await;
    let message = &condition_of(&resource, "Attached").message;
    assert!(message.contains("no pull secrets here"), "{message}");
    for password in ["one", "two", "three"] {
        place.space.credentials("login", "user", password).await;
        let holds = |secret: &Secret| password_of(secret).as_deref() == Some(password);
        place.space.secret_until("app", password, holds).await;
    }
    place.space.settle().await;
    // One a minute.
    let most = 1 + begin.elapsed().as_secs() / 60;
    let patches = place.patches("default");
    assert!(
        patches.len() as u64 <= most && patches.iter().all(|code| *code == 422),
        "{patches:?}"
    );
}

#[tokio::test]
async fn without_the_right_the_condition_says_what_to_set() {
    let world = scoped_world();
    world.install();
    let space = Space::new(world, "no-right").await;
    space.credentials("login", "user", "word").await;
    let attach = json!({"attachTo": {"serviceAccounts": ["default"]}});
    space
        .create("app", with(private("registry.example.com", "login"), attach))
        .await;
    let _operator = Operator::start(world, &world.install(), &["--namespace", &space.name]);
    let resource = space.reason("app", "NotAllowed").await;
    let message = &condition_of(&resource, "Attached").message;
    assert!(message.contains("rbac.attachServiceAccounts"), "{message}");
    assert!(
        space.secrets.get("app").await.is_ok(),
        "the Secret is there all the same"
    );
}

#[tokio::test]
async fn the_operators_token_changes_only_entries_of_its_own() {
    let place = Place::new("account-fence").await;
    place.add_account("robot", &["mine", "ours"]).await;
    let patch = Patch::Merge(
        json!({"metadata": {"annotations": {ATTACHED_ANNOTATION: "ours", "note": "n"}, "labels": {"a": "b"}}}),
    );
    place
        .accounts
        .patch("robot", &PatchParams::default(), &patch)
        .await
        .unwrap();
    let operator = World::client(&place.world.install()).await;
    let own: Api<ServiceAccount> = Api::namespaced(operator, &place.space.name);
    let attempt_on = async |account: &str, patch: Value| {
        let params = PatchParams {
            dry_run: true,
            ..PatchParams::default()
        };
        own.patch(account, &params, &Patch::Merge(patch))
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    };
    let attempt = async |patch: Value| attempt_on("robot", patch).await;
    let list = |names: &[&str]| names.iter().map(|name| json!({ "name": name })).collect::<Vec<_>>();
    let annotate = |own: &str| json!({"annotations": {ATTACHED_ANNOTATION: own}});
    eventually("the policy is in force", || async {
        match attempt(json!({"metadata": {"labels": {"x": "y"}}})).await {
            Err(message) if message.contains("denied request") => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    for (what, patch) in [
        (
            "an entry of somebody else goes",
            json!({"imagePullSecrets": list(&["ours"])}),
        ),
        ("an entry is claimed", json!({"metadata": annotate("ours,mine")})),
        (
            "it is claimed and goes",
            json!({"metadata": annotate("ours,mine"), "imagePullSecrets": list(&["ours"])}),
        ),
        (
            "the order changes",
            json!({"metadata": annotate("ours,new"), "imagePullSecrets": list(&["new", "mine", "other"])}),
        ),
        (
            "another annotation",
            json!({"metadata": {"annotations": {"note": "x"}}}),
        ),
        (
            "an annotation goes",
            json!({"metadata": {"annotations": {"note": null}}}),
        ),
        ("a label", json!({"metadata": {"labels": {"a": null}}})),
        ("the token is mounted", json!({"automountServiceAccountToken": true})),
        ("a token Secret", json!({"secrets": [{"name": "x"}]})),
        ("a finalizer", json!({"metadata": {"finalizers": ["example.com/x"]}})),
    ] {
        let refused = attempt(patch).await;
        assert!(
            refused
                .as_ref()
                .is_err_and(|message| message.contains("denied request")),
            "{what}: {refused:?}"
        );
    }
    for (what, patch) in [
        (
            "one more",
            json!({"metadata": annotate("ours,new"), "imagePullSecrets": list(&["mine", "ours", "new"])}),
        ),
        (
            "its own goes",
            json!({"metadata": annotate(""), "imagePullSecrets": list(&["mine"])}),
        ),
    ] {
        assert_eq!(attempt(patch).await, Ok(()), "{what}");
    }
    // The API server admits entries without a name. They are nobody's.
    place.add_account("nameless", &[""]).await;
    let listed = |names: &[&str]| json!({"metadata": annotate("new"), "imagePullSecrets": list(names)});
    assert_eq!(attempt_on("nameless", listed(&["", "new"])).await, Ok(()));
    let refused = attempt_on("nameless", listed(&["new"])).await;
    assert!(
        refused.is_err_and(|message| message.contains("denied request")),
        "an entry without a name goes"
    );
    let deleted = own.delete("robot", &DeleteParams::default()).await;
    assert!(deleted.is_err_and(|error| error.to_string().contains("forbidden")));
}
