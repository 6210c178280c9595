//! ServiceAccounts of many namespaces list the Secret.

use std::time::Instant;

use super::{alone, clear, fleet, has_password, start, written};
use crate::support::audit;
use crate::support::eventually;
use crate::support::fleet::Fleet;
use crate::support::helm::install_everywhere;
use crate::support::objects::condition;
use crate::support::world::World;
use dps::api::{ATTACHED_ANNOTATION, DockerPullSecretStatus};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::ResourceExt as _;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// Lets operators change ServiceAccounts, within the limits of the chart's policy.
fn allow(world: &World) {
    let templates = ["templates/rbac.yaml", "templates/admission-account-writes.yaml"];
    install_everywhere(world, "attaching", "rbac.attachServiceAccounts=true", &templates);
}

fn names(account: &ServiceAccount) -> Vec<&str> {
    let listed = account.image_pull_secrets.iter().flatten();
    listed.map(|secret| secret.name.as_str()).collect()
}

/// Waits until a ServiceAccount lists these Secrets.
async fn lists(fleet: &Fleet, end: &str, account: &str, expected: &[&str]) {
    let accounts = fleet.accounts(end);
    eventually(&format!("{account} in {end} lists {expected:?}"), || async {
        let account = accounts.get(account).await.map_err(|error| error.to_string())?;
        let own = account.annotations().get(ATTACHED_ANNOTATION);
        (names(&account) == expected)
            .then_some(())
            .ok_or_else(|| format!("{:?} {own:?}", names(&account)))
    })
    .await;
}

#[tokio::test]
async fn service_accounts_of_all_namespaces_list_the_secret_as_long_as_it_is_wanted() {
    let (_alone, world) = alone().await;
    allow(world);
    let operator = start(world, &["--attach-service-accounts"]);
    let fleet = fleet(world, "accounts", 3).await;
    let lists = async |end: &str, expected: &[&str]| lists(&fleet, end, "default", expected).await;
    let name = fleet
        .create("login", json!({"attachTo": {"serviceAccounts": ["default"]}}))
        .await;
    for end in ["0", "1", "2"] {
        lists(end, &[&name]).await;
    }
    let status = fleet.stands(&name, "Ready", "3/3").await;
    assert_eq!(condition(&status, "Attached").unwrap().reason, "Attached");

    fleet.add("new", json!({})).await;
    lists("new", &[&name]).await;
    // Deselected, renamed, and away meanwhile.
    fleet.label("0", Value::Null).await;
    lists("0", &[]).await;
    let renamed = format!("{name}-x");
    fleet.change(&name, json!({"secretName": renamed})).await;
    lists("1", &[&renamed]).await;
    operator.stop();
    fleet.label("2", Value::Null).await;
    fleet.add("newer", json!({})).await;
    let operator = start(world, &["--attach-service-accounts"]);
    lists("2", &[]).await;
    lists("newer", &[&renamed]).await;
    fleet.stands(&name, "Ready", "3/3").await;
    operator.stop();
    fleet.delete(&name).await;
    fleet.lacks("1", &renamed).await;
    let operator = start(world, &["--attach-service-accounts"]);
    lists("1", &[]).await;
    operator.stop();
}

/// Selects these namespaces by their names.
fn selecting(fleet: &Fleet, ends: &[&str]) -> Value {
    let names: Vec<String> = ends.iter().map(|end| fleet.namespace(end)).collect();
    json!({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": names}]})
}

/// Has a ServiceAccount list a Secret of somebody else.
async fn list_theirs(fleet: &Fleet, end: &str) {
    lists(fleet, end, "default", &[]).await;
    let (accounts, params) = (fleet.accounts(end), PatchParams::default());
    let theirs = Patch::Merge(json!({"imagePullSecrets": [{"name": "theirs"}]}));
    accounts.patch("default", &params, &theirs).await.unwrap();
}

#[tokio::test]
async fn another_selector_takes_secrets_and_entries_from_some_namespaces_and_gives_them_to_others() {
    let (_alone, world) = alone().await;
    allow(world);
    let operator = start(world, &["--attach-service-accounts"]);
    let fleet = fleet(world, "selector", 4).await;
    let lists = async |end: &str, expected: &[&str]| lists(&fleet, end, "default", expected).await;
    list_theirs(&fleet, "0").await;
    let attach = json!({"serviceAccounts": ["default"]});
    let name = fleet
        .create(
            "login",
            json!({"attachTo": attach, "namespaceSelector": selecting(&fleet, &["0", "1"])}),
        )
        .await;
    lists("0", &["theirs", &name]).await;
    lists("1", &[&name]).await;
    fleet.stands(&name, "Ready", "2/2").await;
    let stays = fleet.secrets("1").get(&name).await.unwrap();

    let select = async |ends: &[&str]| {
        let selector = json!({"namespaceSelector": selecting(&fleet, ends)});
        fleet.change(&name, selector).await;
    };
    select(&["1", "2", "3"]).await;
    for end in ["2", "3"] {
        lists(end, &[&name]).await;
        fleet.has(end, &name, has_password("first")).await;
    }
    lists("0", &["theirs"]).await;
    fleet.lacks("0", &name).await;
    let status = fleet.stands(&name, "Ready", "3/3").await;
    assert_eq!(condition(&status, "Attached").unwrap().reason, "Attached");
    let account = fleet.accounts("0").get("default").await.unwrap();
    assert_eq!(account.annotations().get(ATTACHED_ANNOTATION), None);

    // While no operator runs.
    operator.stop();
    select(&["0", "1"]).await;
    let operator = start(world, &["--attach-service-accounts"]);
    lists("0", &["theirs", &name]).await;
    fleet.has("0", &name, has_password("first")).await;
    for end in ["2", "3"] {
        lists(end, &[]).await;
        fleet.lacks(end, &name).await;
    }
    fleet.stands(&name, "Ready", "2/2").await;
    // Nothing has changed for who was selected all the time.
    assert_eq!(fleet.secrets("1").get(&name).await.unwrap(), stays);
    let of_it = |kind: &str| {
        written(world, &fleet, kind)
            .into_iter()
            .filter(|place| *place == fleet.namespace("1"))
            .count()
    };
    assert_eq!(["secrets", "serviceaccounts"].map(of_it), [1, 1]);
    clear(&fleet, &name).await;
    operator.stop();
}

/// Waits until everything that was written for another resource, created now, is logged: whatever was to do before is done.
async fn settle(world: &World, fleet: &Fleet) {
    fleet.login("user", "first").await;
    fleet.add("only", json!({})).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "1/1").await;
    let last = format!("patch clusterdockerpullsecrets/{name}/status");
    audit::logged(world.audit_log(), "", &last).await;
}

#[tokio::test]
async fn namespaces_and_their_accounts_cost_one_write_each_and_nothing_at_rest() {
    const COUNT: usize = 100;
    let (_alone, world) = alone().await;
    allow(world);
    let operator = start(world, &["--attach-service-accounts"]);
    let fleet = Fleet::new(world, "both-cost").await;
    fleet.login("user", "first").await;
    fleet.add_many(COUNT).await;
    let begin = Instant::now();
    let name = fleet
        .create("login", json!({"attachTo": {"serviceAccounts": ["default"]}}))
        .await;
    fleet.stands(&name, "Ready", &format!("{COUNT}/{COUNT}")).await;
    let took = begin.elapsed();
    settle(world, &Fleet::new(world, "rest").await).await;
    let writes =
        || ["secrets", "serviceaccounts", "clusterdockerpullsecrets"].map(|kind| written(world, &fleet, kind).len());
    let [secrets, accounts, statuses] = writes();
    assert_eq!((secrets, accounts), (COUNT, COUNT));
    // One every 2 seconds, one at once, and one at the end.
    assert!(statuses as u64 <= took.as_secs() / 2 + 2, "{statuses} in {took:?}");

    operator.stop();
    let operator = start(world, &["--attach-service-accounts"]);
    settle(world, &Fleet::new(world, "rest").await).await;
    assert_eq!(writes(), [secrets, accounts, statuses]);
    operator.stop();
}

/// A tool that takes the entry out of one ServiceAccount, whenever it is there.
struct Tool<'a> {
    world: &'a World,
    fleet: &'a Fleet,
}

impl Tool<'_> {
    /// An empty list, as a GitOps tool applies it.
    async fn apply_empty(&self) {
        let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}, "imagePullSecrets": []});
        let params = PatchParams::apply("gitops-tool").force();
        let accounts = self.fleet.accounts("1");
        accounts
            .patch("default", &params, &Patch::Apply(account))
            .await
            .unwrap();
    }

    /// Changes of ServiceAccounts of a namespace by the operator: the answers.
    fn patches(&self, end: &str, account: &str) -> Vec<u16> {
        let requests = audit::of_operator(self.world).into_iter().filter(|request| {
            let object = &request.object_ref;
            let is_account = object.resource == "serviceaccounts" && object.name == account;
            is_account && object.namespace == self.fleet.namespace(end) && request.is_write()
        });
        requests.map(|request| request.response_status.code).collect()
    }
}

async fn attached(fleet: &Fleet, name: &str, reason: &str) -> DockerPullSecretStatus {
    fleet
        .until(name, &format!("Attached is {reason}"), |status| {
            condition(status, "Attached").is_some_and(|attached| attached.reason == reason)
        })
        .await
}

#[tokio::test]
async fn a_fight_over_one_namespace_ends_in_contested_and_takes_no_entry_of_a_user() {
    let (_alone, world) = alone().await;
    allow(world);
    let operator = start(world, &["--attach-service-accounts"]);
    let fleet = fleet(world, "contested", 3).await;
    let tool = Tool { world, fleet: &fleet };
    // Somebody lists a Secret of that name before there is one.
    let name = fleet.namespace("login");
    let theirs = json!({"metadata": {"name": "theirs"}, "imagePullSecrets": [{"name": name}]});
    let theirs: ServiceAccount = serde_json::from_value(theirs).unwrap();
    fleet
        .accounts("1")
        .create(&PostParams::default(), &theirs)
        .await
        .unwrap();
    fleet
        .create("login", json!({"attachTo": {"serviceAccounts": ["default", "their*"]}}))
        .await;
    for _ in 0..3 {
        lists(&fleet, "1", "default", &[&name]).await;
        tool.apply_empty().await;
    }
    let status = attached(&fleet, &name, "Contested").await;
    let message = &condition(&status, "Attached").unwrap().message;
    let account = format!("ServiceAccount \"{}/default\"", fleet.namespace("1"));
    assert!(
        message.contains(&account) && message.contains("probably by the field manager \"gitops-tool\""),
        "{message}"
    );
    assert_eq!(condition(&status, "Ready").unwrap().reason, "Contested");
    assert_eq!(status.namespaces.unwrap().summary, "3/3");
    // It goes on elsewhere, and nothing is written where it gave in, whatever the tool does.
    tool.apply_empty().await;
    fleet.add("new", json!({})).await;
    for end in ["0", "2", "new"] {
        lists(&fleet, end, "default", &[&name]).await;
    }
    fleet.stands(&name, "Contested", "4/4").await;
    lists(&fleet, "1", "default", &[]).await;
    assert_eq!(tool.patches("1", "default"), [200; 4]);

    // Who lists it now keeps it, as does who did before.
    let listed = Patch::Merge(json!({"imagePullSecrets": [{"name": name}]}));
    let accounts = fleet.accounts("1");
    accounts
        .patch("default", &PatchParams::default(), &listed)
        .await
        .unwrap();
    attached(&fleet, &name, "Attached").await;
    fleet.stands(&name, "Ready", "4/4").await;
    fleet.label("1", Value::Null).await;
    fleet.lacks("1", &name).await;
    fleet.delete(&name).await;
    for end in ["0", "2", "new"] {
        lists(&fleet, end, "default", &[]).await;
    }
    for account in ["default", "theirs"] {
        lists(&fleet, "1", account, &[&name]).await;
    }
    assert_eq!(tool.patches("1", "default"), [200; 4]);
    assert!(tool.patches("1", "theirs").is_empty());
    operator.stop();
}
