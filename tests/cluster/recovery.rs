//! Pods that were created before their login was there (`recovery.enabled` of the chart).

mod many;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use crate::support::eventually;
use crate::support::helm::install_templates;
use crate::support::objects::{Space, private_verified, with};
use crate::support::operator::Operator;
use crate::support::pods::{Pods, not_sent};
use crate::support::registries::{Scripted, answer};
use crate::support::world::{World, scoped_world};

/// The pods of Deployments that have no node: the test says what a kubelet would.
struct Web {
    pods: Pods,
    image: String,
}

impl Web {
    /// Deployments of these names, each with so many pods.
    async fn create(space: &Space, image: &str, names: &[&str], replicas: u32) -> Self {
        for name in names {
            let deployment: Deployment = serde_json::from_value(json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
                "spec": {"replicas": replicas, "selector": {"matchLabels": {"of": name}}, "template": {
                    "metadata": {"labels": {"app": "web", "of": name}},
                    "spec": {"automountServiceAccountToken": false, "containers": [{"name": "app", "image": image}]},
                }},
            }))
            .unwrap();
            let deployments: Api<Deployment> = Api::namespaced(space.client.clone(), &space.name);
            deployments.create(&PostParams::default(), &deployment).await.unwrap();
        }
        Self {
            pods: Pods::of(space).await,
            image: image.to_owned(),
        }
    }

    /// Names of the pods without the Secret, and of those with it.
    async fn sorts(&self) -> (Vec<String>, Vec<String>) {
        let pods = self
            .pods
            .api
            .list(&ListParams::default().labels("app=web"))
            .await
            .unwrap();
        let pods = pods
            .items
            .into_iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none());
        let has_secret = |pod: &Pod| {
            let listed = pod.spec.as_ref().and_then(|spec| spec.image_pull_secrets.as_ref());
            listed.is_some_and(|listed| listed.iter().any(|secret| secret.name == "app"))
        };
        let (new, old): (Vec<Pod>, Vec<Pod>) = pods.partition(has_secret);
        let names = |pods: Vec<Pod>| pods.iter().map(ResourceExt::name_any).collect();
        (names(old), names(new))
    }

    async fn are(&self, old: usize, new: usize) -> (Vec<String>, Vec<String>) {
        eventually(&format!("{old} pods without and {new} with the Secret"), || async {
            let sorts = self.sorts().await;
            ((sorts.0.len(), sorts.1.len()) == (old, new))
                .then_some(sorts.clone())
                .ok_or_else(|| format!("{sorts:?}"))
        })
        .await
    }

    async fn says(&self, pod: &str, phase: &str, state: Value) {
        let status = json!({"status": {"phase": phase, "containerStatuses": [{"name": "app", "image": self.image,
            "imageID": "", "ready": false, "restartCount": 0, "state": state}]}});
        let params = PatchParams::default();
        self.pods
            .api
            .patch_status(pod, &params, &Patch::Strategic(status))
            .await
            .unwrap();
    }

    /// As after a restart on a node that has lost its images: the API server asks no budget about a pod in phase Pending.
    async fn fails(&self, pod: &str) {
        let state = json!({"waiting": {"reason": "ErrImagePull", "message": not_sent(&self.image)}});
        self.says(pod, "Running", state).await;
    }

    async fn runs(&self, pod: &str) {
        self.says(
            pod,
            "Running",
            json!({"running": {"startedAt": "2026-01-01T00:00:00Z"}}),
        )
        .await;
    }
}

/// A namespace where the operator may attach Secrets and evict pods.
async fn recovering(world: &World, purpose: &str) -> Space {
    world.install();
    let space = Space::new(world, purpose).await;
    let values = "rbac.attachServiceAccounts=true,recovery.enabled=true,admission.authors=false";
    install_templates(world, &space.name, values, &["templates/rbac.yaml"]);
    space
}

/// A registry that accepts all credentials.
fn registry() -> Scripted {
    Scripted::start(|head, _| {
        if head.contains(": Basic ") {
            answer("200 OK", &[], "")
        } else {
            answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "")
        }
    })
}

fn operator(world: &World, namespaces: &str, registry: &Scripted) -> Operator {
    let arguments = [
        "--namespace",
        namespaces,
        "--attach-service-accounts",
        "--evict-pods",
        "--allow-registry",
        &registry.address,
    ];
    let operator = Operator::start(world, &world.install(), &arguments);
    operator.wait_until_ready();
    operator
}

/// The login that the pods need, and a resource that replaces them.
async fn fix(space: &Space, registry: &Scripted) {
    space.credentials("login", "user", "good").await;
    let spec = with(
        private_verified(&registry.address, "login"),
        json!({"attachTo": {"serviceAccounts": ["default"]}, "recovery": {"evictPods": "WhenFixed"},
            "verification": {"plainHttp": true}}),
    );
    space.create("app", spec).await;
}

#[tokio::test]
async fn pods_are_replaced_one_by_one_and_only_as_long_as_that_helps() {
    let world = scoped_world();
    let space = recovering(world, "recovery").await;
    let registry = registry();
    let web = Web::create(&space, &format!("{}/app:1", registry.address), &["web"], 3).await;
    web.pods.create("bare", &web.image, &[]).await;
    for pod in web.are(3, 0).await.0 {
        web.fails(&pod).await;
    }
    web.fails("bare").await;
    let budget: PodDisruptionBudget = serde_json::from_value(json!({
        "metadata": {"name": "web"}, "spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}},
    }))
    .unwrap();
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(space.client.clone(), &space.name);
    budgets.create(&PostParams::default(), &budget).await.unwrap();
    eventually("the budget counts", || async {
        let budget = budgets.get("web").await.map_err(|error| error.to_string())?;
        budget
            .status
            .filter(|status| status.expected_pods == 3)
            .map(drop)
            .ok_or_else(|| "not yet".to_owned())
    })
    .await;

    let operator = operator(world, &space.name, &registry);
    fix(&space, &registry).await;
    // The budget holds.
    eventually("a refused eviction", || async {
        let log = operator.log();
        log.contains("PodDisruptionBudget").then_some(()).ok_or(log)
    })
    .await;
    web.are(3, 0).await;
    budgets.delete("web", &DeleteParams::default()).await.unwrap();

    let (_, first) = web.are(2, 1).await;
    // Its successor has to run before the next one is replaced.
    space.settle().await;
    web.are(2, 1).await;
    web.runs(&first[0]).await;
    let (_, both) = web.are(1, 2).await;
    let second = both.iter().find(|pod| **pod != first[0]).unwrap();
    // It does not help the second one: the last one is left alone.
    web.fails(second).await;
    space.settle().await;
    web.are(1, 2).await;

    let bare = web.pods.api.get("bare").await.unwrap();
    assert!(bare.metadata.deletion_timestamp.is_none());
    space
        .until("app", "a warning", |status| {
            let warned = |warning: &String| warning.contains(&format!("nothing would replace pod {}/bare", space.name));
            status.warnings.iter().any(warned).then_some(())
        })
        .await;
    assert_eq!(operator.count("dps_writes_total{kind=\"Eviction\"}"), 2);
}
