//! What has to be right in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use dps::api::{FIELD_MANAGER, MANAGED_BY_LABEL};
use futures::StreamExt as _;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::Value;

use super::super::support::GARBAGE_COLLECTION;
use super::super::support::dps::dps;
use super::super::support::objects::{condition, resource};
use super::registries::GOOD;
use super::replicas::Replicas;
use super::{NAMESPACES, PARALLEL, RESOURCES_OF_NAMESPACE, Soak, changes, name};

/// A login that a killed process may have made is not made again before.
const UNDECIDED: Duration = Duration::from_mins(15);

impl Soak {
    /// Waits until every resource is ready.
    pub(crate) async fn all_ready(&self, what: &str, deadline: Duration) {
        let begin = Instant::now();
        loop {
            let waiting = self.not_ready().await;
            if waiting.is_empty() {
                println!("{what} after {:.0} s", begin.elapsed().as_secs_f64());
                return;
            }
            assert!(begin.elapsed() < deadline, "{what}: not {waiting:?}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn not_ready(&self) -> BTreeSet<String> {
        let mut waiting = BTreeSet::new();
        for space in &self.spaces {
            for resource in space.resources.list(&ListParams::default()).await.unwrap() {
                let status = resource.status.unwrap_or_default();
                let ready = condition(&status, "Ready");
                let is_current = status.observed_generation == resource.metadata.generation;
                if !is_current || ready.is_none_or(|ready| ready.status != "True") {
                    let reason = ready.map_or("none", |ready| ready.reason.as_str());
                    waiting.insert(format!("{}/{}: {reason}", space.name, resource.metadata.name.unwrap()));
                }
            }
        }
        waiting
    }

    /// Makes everything as it should be, but for what the operator makes.
    async fn mend(&self) {
        futures::stream::iter(0..NAMESPACES * RESOURCES_OF_NAMESPACE)
            .for_each_concurrent(PARALLEL, |number| async move {
                let (space, index) = self.place(number);
                let password = format!("{GOOD}last-{number}");
                changes::set_password(self, number, &password).await.unwrap();
                let wanted = resource(&name(index), &self.registries.spec(number));
                match space.resources.create(&PostParams::default(), &wanted).await {
                    Err(kube::Error::Api(error)) if error.is_already_exists() => {}
                    other => drop(other.unwrap()),
                }
            })
            .await;
        for space in &self.spaces {
            let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(self.client.clone(), &space.name);
            let now = DeleteParams::default().grace_period(0);
            pods.delete_collection(&now, &ListParams::default()).await.unwrap();
        }
    }

    /// Everything of a kind, as kubectl prints it.
    fn all(&self, kinds: &str) -> Value {
        serde_json::from_str(&self.world.kubectl(&["get", kinds, "-A", "-o", "json"])).unwrap()
    }
}

pub(crate) async fn of(soak: &Soak, mut replicas: Replicas) -> ExitCode {
    println!("\nin the end");
    replicas.until_one_works(soak).await;
    soak.mend().await;
    soak.all_ready("  all resources are ready", UNDECIDED + Duration::from_mins(3))
        .await;
    let begin = Instant::now();
    let mut compared = Comparison::of(soak);
    while !compared.garbage.is_empty() && begin.elapsed() < GARBAGE_COLLECTION {
        tokio::time::sleep(Duration::from_secs(1)).await;
        compared = Comparison::of(soak);
    }
    let mut wrong = compared.print(begin.elapsed());
    wrong.extend(failed_too_often(soak));
    for problem in &wrong {
        println!("  WRONG: {problem}");
    }
    if wrong.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Content by namespace and name.
fn contents<'a>(secrets: impl Iterator<Item = &'a Value>) -> BTreeMap<String, &'a Value> {
    let keyed = secrets.map(|secret| {
        let place = &secret["metadata"];
        let text = |field: &str| place[field].as_str().unwrap().to_owned();
        (
            text("namespace") + "/" + &text("name"),
            &secret["data"][".dockerconfigjson"],
        )
    });
    keyed.collect()
}

/// What generated Secrets there are, beside what `dps render` makes.
struct Comparison {
    wanted: usize,
    /// Those that differ, or are there and should not be.
    differing: Vec<String>,
    /// Those whose resource was deleted: Kubernetes deletes them.
    garbage: Vec<String>,
    /// Those from which somebody has taken the label before `secretName` changed. They are not the operator's to delete,
    /// and go with their resource.
    unlabelled: usize,
}

impl Comparison {
    fn of(soak: &Soak) -> Self {
        let cluster = soak.all("dockerpullsecrets,secrets");
        let rendered = dps(&["render", "-f", "-", "-o", "json"], &cluster.to_string());
        assert_eq!(rendered.code, 0, "{}", rendered.stderr);
        let rendered: Value = serde_json::from_str(&rendered.stdout).unwrap();
        let wanted = contents(rendered["items"].as_array().unwrap().iter());
        let objects = || cluster["items"].as_array().unwrap().iter();
        let uids: BTreeSet<&str> = objects()
            .filter(|object| object["kind"] == "DockerPullSecret")
            .filter_map(|resource| resource["metadata"]["uid"].as_str())
            .collect();
        let has_owner = |secret: &&Value| {
            let owner = secret["metadata"]["ownerReferences"][0]["uid"].as_str();
            owner.is_some_and(|owner| uids.contains(owner))
        };
        let pull_secrets = objects().filter(|object| object["type"] == "kubernetes.io/dockerconfigjson");
        let (labelled, unlabelled): (Vec<_>, Vec<_>) =
            pull_secrets.partition(|secret| secret["metadata"]["labels"][MANAGED_BY_LABEL] == FIELD_MANAGER);
        let (owned, garbage): (Vec<_>, Vec<_>) = labelled.into_iter().partition(has_owner);
        let (found, garbage) = (contents(owned.into_iter()), contents(garbage.into_iter()));
        let places: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
        let differing = places
            .into_iter()
            .filter(|place| wanted.get(*place) != found.get(*place));
        Self {
            wanted: wanted.len(),
            differing: differing.cloned().collect(),
            garbage: garbage.into_keys().collect(),
            unlabelled: unlabelled.len(),
        }
    }

    /// Returns what is wrong.
    fn print(self, waited: Duration) -> Vec<String> {
        println!(
            "  {} Secrets are to be there, and are but for those named below",
            self.wanted
        );
        println!(
            "  Kubernetes had deleted those of deleted resources after {:.0} s",
            waited.as_secs_f64()
        );
        println!(
            "  {} had lost their label to others when secretName changed",
            self.unlabelled
        );
        let wrong = self.differing.into_iter().map(|place| format!("Secret {place}"));
        let garbage = self
            .garbage
            .into_iter()
            .map(|place| format!("Secret {place} of a resource that is gone"));
        wrong.chain(garbage).collect()
    }
}

/// One failed login, the next after 15 minutes, the next an hour later; but for what nobody can know any more: a resource
/// was deleted, and its status with it.
fn failed_too_often(soak: &Soak) -> Vec<String> {
    let (failed, deleted) = (soak.registries.failed(), soak.deleted.lock().unwrap());
    let count: usize = failed.values().map(Vec::len).sum();
    println!("  {count} failed logins with {} wrong passwords", failed.len());
    let is_forgotten = |login: &str, between: &[Instant]| {
        let user = login.split(':').next().unwrap_or_default();
        let mut of_user = deleted.iter().filter(|(other, _)| other == user);
        of_user.any(|(_, time)| (between[0]..between[1]).contains(time))
    };
    let too_often = failed.iter().filter(|(login, times)| {
        let allowed = [UNDECIDED, Duration::from_hours(1), Duration::from_hours(6)];
        let mut pauses = times.windows(2).zip(allowed);
        pauses.any(|(pair, least)| pair[1] - pair[0] < least && !is_forgotten(login, pair))
    });
    let describe = |(login, times): (&String, &Vec<Instant>)| {
        let pauses: Vec<u64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs()).collect();
        format!("failed logins with {login:?}, with pauses of {pauses:?} s")
    };
    too_often.map(describe).collect()
}
