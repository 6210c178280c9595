//! One login for many namespaces: a Secret in each, listed by its default ServiceAccount.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use dps::api::{ClusterDockerPullSecret, FIELD_MANAGER};
use futures::StreamExt as _;
use futures::stream::BoxStream;
use k8s_openapi::api::core::v1::{Namespace, Secret, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use serde_json::json;

use super::support::eventually;
use super::support::fleet::Fleet;
use super::support::helm::install_everywhere;
use super::support::objects::secret;
use super::support::operator::{CLUSTER, Operator, counter};
use super::support::world::World;
use super::usage::Usage;
use super::{Measured, POLLED, Rounds, bare, head};

/// In turns with the bare client: how often, for so many namespaces. Thousands take minutes each time.
fn rounds(count: usize) -> usize {
    if count < 5000 { 3 } else { 1 }
}

/// Namespaces that come one by one.
const NEW: usize = 100;

/// Requests at a time, as the operator makes them.
const AT_A_TIME: usize = 16;

pub(crate) async fn measure(world: &World, kubeconfig: &Path, client: &Client, count: usize) {
    let rights = ["templates/rbac.yaml", "templates/admission-account-writes.yaml"];
    install_everywhere(world, "attaching", "rbac.attachServiceAccounts=true", &rights);
    let fleet = Fleet::new(world, "many").await;
    fleet.login("user", "first").await;
    let (begin, rounds) = (Instant::now(), rounds(count));
    create(&fleet, count).await;
    println!(
        "\n{count} namespaces (made in {:.0} s), one Secret and one change of a ServiceAccount each; median of {rounds}\n",
        begin.elapsed().as_secs_f64()
    );
    head("writes/s");
    let spec = || json!({"attachTo": {"serviceAccounts": ["default"]}});
    // What owns the bare client's Secrets: the policy on the operator's writes asks for it.
    fleet.create("owner", json!({"suspend": true})).await;
    let (mut bare_client, mut watching, mut dps) = (Rounds::default(), Rounds::default(), Rounds::default());
    let mut running = None;
    for round in 0..rounds {
        for (watches, client) in [("false", &mut bare_client), ("true", &mut watching)] {
            let arguments = ["bare-namespaces", kubeconfig.to_str().unwrap(), &fleet.name, watches];
            client.0.extend(bare::measure(2 * count, &arguments, &[]));
            clear(&fleet, "bare").await;
        }
        let name = fleet.create(&format!("login-{round}"), spec()).await;
        let arguments = [&CLUSTER[..], &["--attach-service-accounts", POLLED]].concat();
        let operator = Operator::start_with(world, kubeconfig, &arguments, "info");
        dps.0.push(written(&operator, 0, count, count).await);
        if round + 1 < rounds {
            drop(operator);
            fleet.delete(&name).await;
            clear(&fleet, &name).await;
        } else {
            running = Some((operator, name));
        }
    }
    bare_client.row("bare client");
    watching.row("bare client with three watches");
    dps.row("dps controller");
    dps.against("dps against the bare client", &bare_client);
    dps.against("dps against the one with watches", &watching);
    let (operator, name) = running.unwrap();
    fleet.stands(&name, "Ready", &format!("{count}/{count}")).await;
    rotation(&operator, &fleet, count).await;
    new_namespaces(&operator, client, &fleet, &name).await;
    at_rest(&operator).await;
}

/// With their ServiceAccounts: the controller manager would make 20 a second.
async fn create(fleet: &Fleet, count: usize) {
    futures::stream::iter(0..count)
        .for_each_concurrent(AT_A_TIME, |number| async move {
            let end = number.to_string();
            fleet.add(&end, json!({})).await;
            let account: ServiceAccount = serde_json::from_value(json!({"metadata": {"name": "default"}})).unwrap();
            let accounts = Api::namespaced(fleet.client.clone(), &fleet.namespace(&end));
            // The controller manager may have been faster.
            let _ = accounts.create(&PostParams::default(), &account).await;
        })
        .await;
}

/// The bare client itself: both requests for each namespace, and a resource version that makes the second one safe. `watches`: with
/// the three watches that an operator needs.
pub(crate) async fn bare(kubeconfig: &str, label: &str, watches: bool) {
    let client = super::support::world::World::client(Path::new(kubeconfig)).await;
    if watches {
        watch(Api::<PartialObjectMeta<Namespace>>::all(client.clone())).await;
        watch(Api::<PartialObjectMeta<Secret>>::all(client.clone())).await;
        watch(Api::<ServiceAccount>::all(client.clone())).await;
    }
    let accounts: Api<ServiceAccount> = Api::all(client.clone());
    let accounts = accounts.list(&ListParams::default()).await.unwrap().items;
    let accounts = accounts.into_iter().filter(|account| {
        account.name_any() == "default" && account.namespace().unwrap().starts_with(&format!("{label}-"))
    });
    let accounts: Vec<ServiceAccount> = accounts.collect();
    let owner: Api<ClusterDockerPullSecret> = Api::all(client.clone());
    let owner = owner.get(&format!("{label}-owner")).await.unwrap();
    let owner = &owner.controller_owner_ref(&()).unwrap();
    let begin = Instant::now();
    futures::stream::iter(accounts)
        .for_each_concurrent(AT_A_TIME, |account| {
            let client = client.clone();
            async move { one(&client, &account, owner).await }
        })
        .await;
    bare::tell(begin, Duration::ZERO);
}

/// What happens after all was listed.
async fn changes<K>(api: Api<K>, fields: &str) -> BoxStream<'static, watcher::Result<Event<K>>>
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let mut events = watcher(api, watcher::Config::default().fields(fields)).boxed();
    while !matches!(events.next().await, Some(Ok(Event::InitDone))) {}
    events
}

/// Watches as long as the process runs.
async fn watch<K>(api: Api<K>)
where
    K: kube::Resource + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    tokio::spawn(changes(api, "").await.for_each(|_| async {}));
}

async fn one(client: &Client, account: &ServiceAccount, owner: &OwnerReference) {
    let namespace = account.namespace().unwrap();
    let document =
        r#"{"auths":{"registry.example.com":{"username":"user","password":"first","auth":"dXNlcjpmaXJzdA=="}}}"#;
    let mut copy = secret(
        "bare",
        "kubernetes.io/dockerconfigjson",
        &[(".dockerconfigjson", document)],
    );
    copy.metadata.labels = Some([("app.kubernetes.io/managed-by".to_owned(), FIELD_MANAGER.to_owned())].into());
    copy.metadata.owner_references = Some(vec![owner.clone()]);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let params = PatchParams::apply("bare");
    secrets.patch("bare", &params, &Patch::Apply(&copy)).await.unwrap();
    let patch = json!([
        {"op": "test", "path": "/metadata/resourceVersion", "value": account.resource_version()},
        {"op": "add", "path": "/imagePullSecrets", "value": [{"name": "bare"}]},
        {"op": "add", "path": "/metadata/annotations", "value": {"pullsecrets.dev/attached": "bare"}},
    ]);
    let patch = Patch::<()>::Json(serde_json::from_value(patch).unwrap());
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
    accounts
        .patch("default", &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// Removes the Secrets of a name, and what lists them.
async fn clear(fleet: &Fleet, name: &str) {
    let accounts: Api<ServiceAccount> = Api::all(fleet.client.clone());
    let accounts = accounts.list(&ListParams::default()).await.unwrap().items;
    let accounts = accounts.into_iter().filter(|account| {
        account
            .image_pull_secrets
            .as_ref()
            .is_some_and(|listed| !listed.is_empty())
    });
    futures::stream::iter(accounts)
        .for_each_concurrent(AT_A_TIME, |account| async move {
            let namespace = account.namespace().unwrap();
            let secrets: Api<Secret> = Api::namespaced(fleet.client.clone(), &namespace);
            let _ = secrets.delete(name, &DeleteParams::default()).await;
            let patch = Patch::Merge(json!({"imagePullSecrets": null, "metadata": {"annotations": null}}));
            let accounts: Api<ServiceAccount> = Api::namespaced(fleet.client.clone(), &namespace);
            accounts
                .patch("default", &PatchParams::default(), &patch)
                .await
                .unwrap();
        })
        .await;
}

/// Waits until so many writes were made beyond those `before`; from the first one on.
async fn written(operator: &Operator, before: usize, secrets: usize, accounts: usize) -> Measured {
    let mut begin = None;
    let start = Instant::now();
    loop {
        let metrics = operator.get("/metrics").1;
        let written = counter(&metrics, "dps_writes_total{kind=\"Secret\"}") - before;
        let changed = counter(&metrics, "dps_writes_total{kind=\"ServiceAccount\"}");
        if written > 0 && begin.is_none() {
            begin = Some(Instant::now());
        }
        assert!(start.elapsed() < Duration::from_mins(5), "{metrics}");
        if written >= secrets && changed >= accounts {
            return Measured {
                operations: secrets + accounts,
                took: begin.map_or(Duration::ZERO, |begin| begin.elapsed()),
                usage: Usage::of(operator.pid()),
            };
        }
        // Each look costs the operator a scrape, which counts for what is measured.
        let is_far = written > 0 && 10 * (written + changed) < 9 * (secrets + accounts);
        tokio::time::sleep(Duration::from_millis(if is_far { 500 } else { 50 })).await;
    }
}

async fn rotation(operator: &Operator, fleet: &Fleet, count: usize) {
    let (before, cpu) = (
        counter(&operator.get("/metrics").1, "dps_writes_total{kind=\"Secret\"}"),
        Usage::of(operator.pid()).cpu,
    );
    let begin = Instant::now();
    fleet.login("user", "second").await;
    written(operator, before, count, 0).await;
    println!(
        "\nrotation in all: {:.2} s, {:.2} CPU seconds",
        begin.elapsed().as_secs_f64(),
        Usage::of(operator.pid()).cpu.saturating_sub(cpu).as_secs_f64()
    );
}

/// From the request that creates a namespace to the Secret, and to the ServiceAccount that lists it.
async fn new_namespaces(operator: &Operator, client: &Client, fleet: &Fleet, name: &str) {
    let secrets: Api<PartialObjectMeta<Secret>> = Api::all(client.clone());
    let accounts: Api<ServiceAccount> = Api::all(client.clone());
    let mut secrets = changes(secrets, &format!("metadata.name={name}")).await;
    let mut accounts = changes(accounts, "metadata.name=default").await;
    let mut times: HashMap<&str, Vec<Duration>> = HashMap::new();
    for number in 0..NEW {
        let end = format!("new-{number}");
        let namespace = fleet.namespace(&end);
        let begin = Instant::now();
        fleet.add(&end, json!({})).await;
        let (mut has_secret, mut is_listed) = (None, None);
        while has_secret.is_none() || is_listed.is_none() {
            tokio::select! {
                event = secrets.next() => if let Some(Ok(Event::Apply(one))) = event
                    && one.namespace().as_deref() == Some(&namespace) { has_secret.get_or_insert(begin.elapsed()); },
                event = accounts.next() => if let Some(Ok(Event::Apply(one))) = event
                    && one.namespace().as_deref() == Some(&namespace)
                    && one.image_pull_secrets.is_some_and(|listed| !listed.is_empty()) { is_listed.get_or_insert(begin.elapsed()); },
            }
        }
        times.entry("Secret").or_default().extend(has_secret);
        times.entry("listed").or_default().extend(is_listed);
        // Beside an idle API server.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (what, mut all) in times {
        all.sort();
        let of = |index: usize| all[index].as_secs_f64() * 1000.0;
        println!(
            "new namespace to {what}: median {:.1} ms, worst {:.1} ms of {NEW}",
            of(NEW / 2),
            of(NEW - 1)
        );
    }
    let all = |resource: Api<Namespace>| async move {
        resource
            .list_metadata(&ListParams::default())
            .await
            .unwrap()
            .items
            .len()
    };
    eventually("the last status", || async {
        let status = fleet
            .resources
            .get(name)
            .await
            .map_err(|error| error.to_string())?
            .status
            .unwrap_or_default();
        let namespaces = status.namespaces.unwrap_or_default();
        let is_attached = status
            .conditions
            .iter()
            .any(|condition| condition.type_ == "Attached" && condition.status == "True");
        (is_attached && namespaces.ready == namespaces.selected)
            .then_some(())
            .ok_or_else(|| namespaces.summary.clone())
    })
    .await;
    println!(
        "{} namespaces, peak {:.1} MiB",
        all(fleet.namespaces.clone()).await,
        Usage::of(operator.pid()).peak_mib
    );
}

async fn at_rest(operator: &Operator) {
    let (before, cpu) = (operator.count("dps_writes_total"), Usage::of(operator.pid()).cpu);
    tokio::time::sleep(Duration::from_mins(1)).await;
    println!(
        "at rest, in a minute: {} writes, {:.2} CPU seconds",
        operator.count("dps_writes_total") - before,
        Usage::of(operator.pid()).cpu.saturating_sub(cpu).as_secs_f64()
    );
}
