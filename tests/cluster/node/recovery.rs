//! Pods that were created before their login was right, on a real node.

use std::collections::BTreeSet;
use std::fmt::Debug;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::node::case::{Case, RETRY};
use crate::support::canary::CANARY;
use crate::support::objects::{condition, condition_of, private_verified, uid, with};
use crate::support::world::World;
use crate::support::{audit, within};

/// Three kinds of pods that cannot pull: those of the Deployment `web` never ran; those of the set `held` run, and
/// then need another image, so that its budget counts; `bare` belongs to nothing.
pub(super) async fn pods_are_replaced_one_by_one(world: &'static World) {
    let case = Case::new(world, "recovery").await;
    let image = case.image("basic");
    hold(&case, &image).await;
    case.create::<PodDisruptionBudget>(budget("web", 2)).await;
    case.create::<Deployment>(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template("web", &image)},
    }))
    .await;
    case.pods.create("bare", &image, &[]).await;

    // A wrong password is no reason to replace anything.
    case.space.credentials("login", "robot", CANARY).await;
    let spec = with(
        private_verified(world.registry("basic"), "login"),
        json!({"attachTo": {"serviceAccounts": ["default"]}, "recovery": {"evictPods": "WhenFixed"}}),
    );
    case.space.create("app", spec).await;
    let rejected = within(RETRY, "the password is rejected, and all pods fail", || async {
        let resource = case.space.resources.get("app").await;
        let resource = resource.map_err(|error| error.to_string())?;
        let status = resource.status.clone().unwrap_or_default();
        let reason = |kind| condition(&status, kind).map(|condition| condition.reason.as_str());
        let is_told = reason("CredentialsAccepted") == Some("Rejected") && reason("Attached") == Some("Attached");
        (is_told && status.failing_pods == 6)
            .then_some(resource)
            .ok_or_else(|| format!("{} fail: {:?}", status.failing_pods, status.conditions))
    })
    .await;
    assert_eq!(condition_of(&rejected, "Ready").status, "False");
    assert_eq!(audit::evictions(world, &case.space.name), []);
    let before: BTreeSet<String> = case.all("").await.iter().map(uid).collect();
    let (bare, held) = (
        uid(&case.pods.api.get("bare").await.unwrap()),
        case.all("app=held").await,
    );

    let password = world.registry("password");
    case.space.credentials("login", "robot", password).await;
    let web = case.run("app=web", 3, &before).await;
    // The API server asks no budget about pods in phase Pending. About the others it does.
    within(RETRY, "the budget holds", || async {
        let evictions = audit::evictions(world, &case.space.name);
        let is_refused = |(pod, code): &&(String, u16)| pod.starts_with("held") && *code == 429;
        let refused = evictions.iter().find(is_refused).map(drop);
        refused.ok_or_else(|| format!("{evictions:?}"))
    })
    .await;
    let uids = |pods: &[Pod]| -> Vec<String> { pods.iter().map(uid).collect() };
    assert_eq!(uids(&case.all("app=held").await), uids(&held));

    let allow = Patch::Merge(json!({"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}));
    let budgets: Api<PodDisruptionBudget> = case.api();
    budgets.patch("held", &PatchParams::default(), &allow).await.unwrap();
    let held = case.run("app=held", 2, &before).await;
    one_by_one(&web);
    one_by_one(&held);

    let told = format!("nothing would replace pod {}/bare", case.space.name);
    let reported = within(RETRY, "only the pod without an owner fails", || async {
        let resource = case.space.resources.get("app").await;
        let resource = resource.map_err(|error| error.to_string())?;
        let status = resource.status.clone().unwrap_or_default();
        let is_told = status.warnings.iter().any(|warning| warning.contains(&told));
        (is_told && status.failing_pods == 1)
            .then_some(resource)
            .ok_or_else(|| format!("{:?}", status.warnings))
    })
    .await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    assert_eq!(condition_of(&reported, "PullsHealthy").reason, "CredentialsNotSent");
    let failures = reported.status.unwrap_or_default().pull_failures;
    assert_eq!((failures.len(), failures[0].pod.as_str()), (1, "bare"));
    let left = case.pods.api.get("bare").await.unwrap();
    assert_eq!((uid(&left), started(&left)), (bare, None));
    let evictions = audit::evictions(world, &case.space.name);
    let evicted: Vec<&str> = evictions
        .iter()
        .filter(|(_, code)| *code == 201)
        .map(|(pod, _)| pod.as_str())
        .collect();
    println!("evicted: {evicted:?}, of {} requests", evictions.len());
    assert_eq!(evicted.len(), 5, "{evictions:?}");
    assert!(!evictions.iter().any(|(pod, _)| pod == "bare"), "{evictions:?}");
}

/// Has pods run with an image that is for everybody, and changes it. What creates their successors knows the new one.
async fn hold(case: &Case, image: &str) {
    let open = template("held", &case.image("anonymous"));
    case.create::<StatefulSet>(json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "held"},
        "spec": {"replicas": 2, "serviceName": "held", "podManagementPolicy": "Parallel", "updateStrategy": {"type": "OnDelete"},
            "selector": {"matchLabels": {"app": "held"}}, "template": open},
    }))
    .await;
    case.create::<PodDisruptionBudget>(budget("held", 1)).await;
    within(RETRY, "the pods run", || async {
        let pods = case.all("app=held").await;
        let count = pods.iter().filter(|pod| started(pod).is_some()).count();
        (count == 2).then_some(()).ok_or_else(|| format!("{count} run"))
    })
    .await;
    let sets: Api<StatefulSet> = case.api();
    let patch = Patch::Strategic(json!({"spec": {"template": template("held", image)}}));
    sets.patch("held", &PatchParams::default(), &patch).await.unwrap();
    for pod in ["held-0", "held-1"] {
        case.pods.set_image(pod, image).await;
    }
}

fn template(app: &str, image: &str) -> Value {
    json!({"metadata": {"labels": {"app": app}}, "spec": {
        "automountServiceAccountToken": false, "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "app", "image": image, "imagePullPolicy": "Always"}],
    }})
}

fn budget(app: &str, available: u32) -> Value {
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app},
        "spec": {"minAvailable": available, "selector": {"matchLabels": {"app": app}}}})
}

impl Case {
    fn api<K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>>(&self) -> Api<K> {
        Api::namespaced(self.space.client.clone(), &self.space.name)
    }

    async fn create<K>(&self, object: Value)
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
    {
        let object: K = serde_json::from_value(object).unwrap();
        self.api().create(&PostParams::default(), &object).await.unwrap();
    }

    async fn all(&self, labels: &str) -> Vec<Pod> {
        let pods = self.pods.api.list(&ListParams::default().labels(labels)).await;
        pods.unwrap().items
    }

    /// Waits until so many pods with this label run, and list the Secret, and none of them is one of those before.
    async fn run(&self, label: &str, count: usize, before: &BTreeSet<String>) -> Vec<Pod> {
        within(RETRY, &format!("{count} successors with {label} run"), || async {
            let pods = self.all(label).await;
            let is_successor = |pod: &Pod| {
                let listed = pod.spec.as_ref().and_then(|spec| spec.image_pull_secrets.as_ref());
                let has_secret = listed.is_some_and(|listed| listed.iter().any(|secret| secret.name == "app"));
                has_secret && started(pod).is_some() && !before.contains(&uid(pod))
            };
            if pods.len() == count && pods.iter().all(is_successor) {
                Ok(pods)
            } else {
                let states = pods.iter().map(|pod| (pod.name_any(), started(pod)));
                Err(format!("{:?}", states.collect::<Vec<_>>()))
            }
        })
        .await
    }
}

/// When the container of a pod began to run, if it does.
fn started(pod: &Pod) -> Option<k8s_openapi::jiff::Timestamp> {
    let container = pod.status.as_ref()?.container_statuses.as_ref()?.first()?;
    let running = container.state.as_ref()?.running.as_ref()?;
    running.started_at.as_ref().map(|time| time.0)
}

/// Each successor ran before the next one was created.
fn one_by_one(successors: &[Pod]) {
    let times = successors.iter().map(|pod| {
        let created = pod.creation_timestamp().expect("created").0;
        (created, started(pod).expect("it runs"))
    });
    let mut times: Vec<_> = times.collect();
    times.sort();
    assert!(times.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{times:?}");
}
