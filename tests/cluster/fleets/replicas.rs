//! Two operators for many namespaces: one after the other with a Lease, both at once without.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{alone, clear, copies, has_password, start, written};
use crate::support::fleet::Fleet;
use crate::support::heavy;
use crate::support::helm::install_everywhere;
use crate::support::objects::{Space, condition};
use crate::support::operator::Operator;
use crate::support::release::TAKEOVER;
use crate::support::world::World;
use crate::support::{audit, within};
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::json;

/// The end of a namespace before which some hundred others are written: they are in the order of their names.
const MIDDLE: &str = "2";

/// Longest time that all namespaces may take, beside other tests.
const ALL: Duration = Duration::from_mins(3);

/// Most copies that are being written at a time.
const IN_FLIGHT: usize = 16;

/// Namespaces, and what lets operators change their ServiceAccounts.
async fn fleet(world: &World, purpose: &str, count: usize) -> Fleet {
    let templates = ["templates/rbac.yaml", "templates/admission-account-writes.yaml"];
    install_everywhere(world, "attaching", "rbac.attachServiceAccounts=true", &templates);
    let fleet = Fleet::new(world, purpose).await;
    fleet.login("user", "first").await;
    fleet.add_many(count).await;
    fleet
}

async fn create(fleet: &Fleet) -> String {
    let attach = json!({"attachTo": {"serviceAccounts": ["default"]}});
    fleet.create("login", attach).await
}

async fn until_it_leads(operator: &Operator) {
    within(TAKEOVER, "the Lease", || async {
        operator.leads().then_some(()).ok_or_else(|| operator.log())
    })
    .await;
}

/// Waits until all namespaces have the Secret with this password, and their ServiceAccounts list it once.
async fn complete(fleet: &Fleet, name: &str, count: usize, password: &str) {
    let all = format!("{count}/{count}");
    within(ALL, &format!("{password} in {all}"), || async {
        let copies = copies(fleet, name).await;
        let right = copies.iter().filter(|copy| has_password(password)(copy)).count();
        (right == count).then_some(()).ok_or_else(|| format!("{right}"))
    })
    .await;
    let status = fleet.stands_within(ALL, name, "Ready", &all).await;
    assert_eq!(condition(&status, "Attached").unwrap().reason, "Attached");
    for (namespace, listed) in listed(fleet).await {
        assert_eq!(listed, [name], "{namespace}");
    }
}

/// What the ServiceAccounts `default` of a fleet list, by namespace.
async fn listed(fleet: &Fleet) -> BTreeMap<String, Vec<String>> {
    let accounts = kube::Api::<k8s_openapi::api::core::v1::ServiceAccount>::all(fleet.client.clone());
    let default = ListParams::default().fields("metadata.name=default");
    let accounts = accounts.list(&default).await.unwrap().items.into_iter();
    let own = accounts.filter(|account| fleet.includes(account.metadata.namespace.as_deref()));
    own.map(|account| {
        let listed = account.image_pull_secrets.iter().flatten();
        let names = listed.map(|secret| secret.name.clone()).collect();
        (account.namespace().unwrap(), names)
    })
    .collect()
}

#[tokio::test]
async fn replicas_that_are_replaced_in_the_middle_write_nothing_twice() {
    const COUNT: usize = 500;
    let _heavy = heavy().await;
    let (_alone, world) = alone().await;
    let fleet = fleet(world, "handover", COUNT).await;
    let space = Space::new(world, "handover-lease").await;
    space.allow_lease(world);
    let lease = format!("{}/lease", space.name);
    let replica = || start(world, &["--attach-service-accounts", "--lease", &lease]);
    let first = replica();
    until_it_leads(&first).await;
    let second = replica();

    // Stopped while it hands out the first Secrets.
    let name = create(&fleet).await;
    fleet.has(MIDDLE, &name, has_password("first")).await;
    assert!(first.stop().1);
    let before = written(world, &fleet, "secrets").len();
    until_it_leads(&second).await;
    complete(&fleet, &name, COUNT, "first").await;
    let (secrets, accounts) = writes(world, &fleet);
    println!("stopped after {before} Secrets: {secrets} writes of Secrets, {accounts} of ServiceAccounts");
    assert!((1..COUNT).contains(&before), "{before} of {COUNT}");
    assert!(secrets <= COUNT + IN_FLIGHT, "{secrets}");
    assert_eq!(accounts, COUNT);
    assert_eq!(abandoned(world, &fleet), Vec::<String>::new());

    // Killed while it hands out others.
    let third = replica();
    fleet.login("user", "second").await;
    fleet.has(MIDDLE, &name, has_password("second")).await;
    drop(second);
    let killed = writes(world, &fleet).0 - secrets;
    until_it_leads(&third).await;
    complete(&fleet, &name, COUNT, "second").await;
    let (all, of_accounts) = writes(world, &fleet);
    println!("killed after {killed} Secrets: {} writes of Secrets", all - secrets);
    assert!((1..COUNT).contains(&killed), "{killed} of {COUNT}");
    assert!(all - secrets <= COUNT + IN_FLIGHT, "{}", all - secrets);
    assert_eq!(of_accounts, accounts, "nothing has changed for ServiceAccounts");
    clear(&fleet, &name).await;
    third.stop();
}

/// Namespaces of a fleet in which the operator hung up on a write: the API server answers it with a timeout that nobody reads.
fn abandoned(world: &World, fleet: &Fleet) -> Vec<String> {
    let all = audit::of_operator(world).into_iter();
    let abandoned = all.filter(|request| request.is_write() && request.response_status.code >= 500);
    let namespaces = abandoned.map(|request| request.object_ref.namespace);
    namespaces.filter(|namespace| fleet.includes(Some(namespace))).collect()
}

/// Writes of Secrets and of ServiceAccounts in a fleet.
fn writes(world: &World, fleet: &Fleet) -> (usize, usize) {
    let count = |resource: &str| written(world, fleet, resource).len();
    (count("secrets"), count("serviceaccounts"))
}

/// As with a wrong configuration, or while one is installed a second time.
#[tokio::test]
async fn two_operators_without_a_lease_do_not_fight_over_namespaces() {
    const COUNT: usize = 100;
    let _heavy = heavy().await;
    let (_alone, world) = alone().await;
    let fleet = fleet(world, "both", COUNT).await;
    let operators = [(); 2].map(|()| start(world, &["--attach-service-accounts"]));
    let name = create(&fleet).await;
    complete(&fleet, &name, COUNT, "first").await;
    fleet.login("user", "second").await;
    complete(&fleet, &name, COUNT, "second").await;
    let (secrets, accounts) = writes(world, &fleet);
    println!("{secrets} writes of Secrets, {accounts} of ServiceAccounts");
    let each = |resource: &str| {
        let mut counts = BTreeMap::<String, usize>::new();
        for namespace in written(world, &fleet, resource) {
            *counts.entry(namespace).or_default() += 1;
        }
        counts
    };
    // Each operator has written each of two passwords, at most. Of two changes of a ServiceAccount, one is refused.
    let (of_secrets, of_accounts) = (each("secrets"), each("serviceaccounts"));
    assert!(of_secrets.values().all(|count| *count <= 4), "{of_secrets:?}");
    assert_eq!(of_accounts.len(), COUNT);
    assert!(of_accounts.values().all(|count| *count == 1), "{of_accounts:?}");

    // At rest, neither writes anything while both look after other namespaces.
    let versions = async || -> Vec<(Option<String>, Option<String>)> {
        let copies = copies(&fleet, &name).await.into_iter();
        let old = copies.filter(|copy| of_secrets.contains_key(&copy.namespace().unwrap_or_default()));
        old.map(|copy| (copy.uid(), copy.resource_version())).collect()
    };
    let before = versions().await;
    for (number, end) in ["new", "newer"].into_iter().enumerate() {
        fleet.add(end, json!({})).await;
        fleet.has(end, &name, has_password("second")).await;
        let all = COUNT + number + 1;
        fleet.stands(&name, "Ready", &format!("{all}/{all}")).await;
    }
    assert_eq!(versions().await, before);
    assert_eq!(before.len(), COUNT);
    clear(&fleet, &name).await;
    for operator in operators {
        assert!(operator.stop().1);
    }
}
