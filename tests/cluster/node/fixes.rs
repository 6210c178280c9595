//! What `dps explain` prints is run as it is, until the pods run and the resource is well.

use dps::api::PullFailure;
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::node::case::{Case, RETRY, says};
use crate::support::canary::CANARY;
use crate::support::copied::{login, run_copied};
use crate::support::objects::condition_of;
use crate::support::world::World;
use crate::support::{explain, within};

impl Case {
    /// A Deployment `web` with one pod, which lists these Secrets.
    pub(super) async fn deploy(&self, mut spec: Value, pull_secrets: &[&str]) {
        let listed: Vec<Value> = pull_secrets.iter().map(|name| json!({"name": name})).collect();
        spec["imagePullSecrets"] = json!(listed);
        spec["automountServiceAccountToken"] = json!(false);
        let deployment: Deployment = serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "web"}},
                "template": {"metadata": {"labels": {"app": "web"}}, "spec": spec}},
        }))
        .unwrap();
        let deployments: Api<Deployment> = Api::namespaced(self.space.client.clone(), &self.space.name);
        deployments.create(&PostParams::default(), &deployment).await.unwrap();
    }

    /// One container with an image that needs credentials.
    pub(super) fn container(&self, registry: &str) -> Value {
        json!({"containers": [{"name": "app", "image": self.image(registry)}]})
    }

    /// Runs what is printed for a failing pod, which is also what the status says.
    pub(super) async fn mend(&self, failure: &PullFailure) {
        let fix = self.printed_fix(&failure.pod).await;
        assert_eq!(failure.fix.as_deref(), Some(fix.as_str()));
        self.run_fix(fix).await;
    }

    /// The command that is printed for a pod, once its failure is known.
    async fn printed_fix(&self, pod: &str) -> String {
        let what = format!("{} has a fix for {pod}", self.space.name);
        within(RETRY, &what, || async {
            let (world, namespace, pod) = (self.world, self.space.name.clone(), pod.to_owned());
            let explained = tokio::task::spawn_blocking(move || {
                explain::run(&["pod", &pod, "-n", &namespace], "", Some(world.kubeconfig()))
            });
            let (_, text, stderr) = explained.await.unwrap();
            let fix = text.lines().find_map(|line| line.strip_prefix("  fix       "));
            fix.map(str::to_owned).ok_or(text + &stderr)
        })
        .await
    }

    /// A login is typed if one is asked for: the right one.
    async fn run_fix(&self, fix: String) {
        let world = self.world;
        let run = tokio::task::spawn_blocking(move || {
            let typed = login("robot", world.registry("password"));
            let answers = if fix.starts_with("dps create ") {
                &typed[..]
            } else {
                &[]
            };
            let (code, screen) = run_copied(world, &fix, answers);
            assert_eq!(code, 0, "{fix}: {screen}");
            assert!(answers.is_empty() || screen.contains("Accepted: "), "{fix}: {screen}");
        });
        run.await.unwrap();
    }
}

/// Nothing was done for the image yet.
pub(super) async fn no_login(world: &'static World) {
    let case = Case::new(world, "nothing").await;
    case.deploy(case.container("basic"), &[]).await;
    let pods = ListParams::default().labels("app=web");
    let pod = within(RETRY, "a pod of the Deployment", || async {
        let pods = case.pods.api.list(&pods).await.map_err(|error| error.to_string())?;
        let first = pods.items.into_iter().next().and_then(|pod| pod.metadata.name);
        first.ok_or_else(|| "none".to_owned())
    })
    .await;
    let fix = case.printed_fix(&pod).await;
    let name = world.registry("basic").replace(['.', ':'], "-");
    assert!(fix.starts_with(&format!("dps create {name} ")), "{fix}");
    case.run_fix(fix).await;
    case.heals_with(&name).await;
}

/// The Secret is there, and its ServiceAccount does not list it. New pods get it.
pub(super) async fn missing_attachment(world: &'static World) {
    let case = Case::good(world, "attachment", world.registry("basic")).await;
    case.pods.create("web", &case.image("basic"), &[]).await;
    let (reported, failure) = case.fails("CredentialsNotSent").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "Add imagePullSecrets: [{name: app}] to the pod's spec");
    case.mend(&failure).await;
    case.pods.delete("web").await;
    case.pods.try_create("again", case.container("basic")).await.unwrap();
    case.heals().await;
}

/// A Deployment that does not list it.
pub(super) async fn missing_in_a_template(world: &'static World) {
    let case = Case::good(world, "template", world.registry("basic")).await;
    case.deploy(case.container("basic"), &[]).await;
    let (_, failure) = case.fails("CredentialsNotSent").await;
    case.mend(&failure).await;
    case.heals().await;
}

/// A password that the registry rejects, also for an init container.
pub(super) async fn rejected_login(world: &'static World) {
    let case = Case::with(world, "init", world.registry("basic"), "robot", CANARY).await;
    let init = json!({"name": "init", "image": case.image("basic"), "restartPolicy": "Always"});
    let spec = json!({"initContainers": [init], "containers": [{"name": "app", "image": case.image("anonymous")}]});
    case.pods.create_with("web", spec, &["app"]).await;
    let (_, failure) = case.fails("CredentialsRejected").await;
    assert_eq!(failure.container, "init");
    case.mend(&failure).await;
    case.heals().await;
}

pub(super) async fn absent_secret(world: &'static World) {
    let case = Case::good(world, "absent", world.registry("basic")).await;
    case.deploy(case.container("basic"), &["ap"]).await;
    let (reported, failure) = case.fails("PullSecretMissing").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "Use \"app\" in the pod's imagePullSecrets instead");
    case.mend(&failure).await;
    case.heals().await;
}

pub(super) async fn malformed_secret(world: &'static World) {
    let case = Case::good(world, "malformed", world.registry("basic")).await;
    let write = async |auth: &str| {
        let document = format!(r#"{{"auths":{{"other.example":{{"auth":"{auth}"}}}}}}"#);
        let data = [(".dockerconfigjson", document.as_str())];
        case.space
            .secret("broken", "kubernetes.io/dockerconfigjson", &data)
            .await;
    };
    write("!!!").await;
    case.deploy(case.container("basic"), &["app", "broken"]).await;
    let (reported, failure) = case.fails("PullSecretMalformed").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "Secret \"broken\" holds an entry");
    case.mend(&failure).await;
    case.heals().await;
    // What the action says helps too, and a bare pod has nothing else.
    case.pods.create("bare", &case.image("basic"), &["app", "broken"]).await;
    let (_, failure) = case.fails("PullSecretMalformed").await;
    assert_eq!(failure.fix, None);
    write("dTpw").await;
    case.heals().await;
}

/// An image that is mounted needs credentials like any other.
pub(super) async fn image_volume(world: &'static World) {
    let case = Case::good(world, "volume", world.registry("bearer")).await;
    let volume = json!({"name": "data", "image": {"reference": case.image("bearer"), "pullPolicy": "Always"}});
    let mount = json!({"name": "data", "mountPath": "/data"});
    let container = json!({"name": "app", "image": case.image("anonymous"), "volumeMounts": [mount]});
    case.deploy(json!({"volumes": [volume], "containers": [container]}), &[])
        .await;
    let (reported, failure) = case.fails("CredentialsNotSent").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    assert_eq!(failure.image, case.image("bearer"));
    says(&failure, "Add imagePullSecrets: [{name: app}] to the pod's spec");
    case.mend(&failure).await;
    case.heals().await;
}

/// The resource is for another registry.
pub(super) async fn other_key(world: &'static World, purpose: &'static str, registry: String) {
    let case = Case::with(world, purpose, &registry, "robot", world.registry("password")).await;
    case.pods.create("web", &case.image("basic"), &["app"]).await;
    let (_, failure) = case.fails("CredentialsNotSent").await;
    let right = world.registry("basic");
    let action = format!("Set spec.registryUrl of DockerPullSecret \"app\" to {right}");
    says(&failure, &action);
    case.mend(&failure).await;
    case.heals().await;
}

/// Three pods of a Deployment with a wrong password.
pub(super) async fn deployment(world: &'static World) {
    let case = Case::with(world, "deployment", world.registry("basic"), "robot", CANARY).await;
    case.deploy(case.container("basic"), &["app"]).await;
    let deployments: Api<Deployment> = Api::namespaced(case.space.client.clone(), &case.space.name);
    let three = Patch::Merge(json!({"spec": {"replicas": 3}}));
    deployments.patch("web", &PatchParams::default(), &three).await.unwrap();
    case.fails("CredentialsRejected").await;
    let reported = case
        .space
        .until("app", "3 pods", |status| (status.failing_pods == 3).then_some(()))
        .await;
    let failures = reported.status.unwrap().pull_failures;
    assert_eq!((failures.len(), failures[0].count), (1, 3));
    case.mend(&failures[0]).await;
    case.heals().await;
}

/// A password that the registry rejects.
pub(super) async fn wrong_password(world: &'static World, kind: &'static str) {
    let case = Case::with(world, kind, world.registry(kind), "robot", CANARY).await;
    case.pods.create("web", &case.image(kind), &["app"]).await;
    let (reported, failure) = case.fails("CredentialsRejected").await;
    assert_eq!(
        (condition_of(&reported, "Ready").status.as_str(), failure.code.as_str()),
        ("False", "DEP_E153")
    );
    says(
        &failure,
        "Correct the user name and the password or access token in Secret \"login\"",
    );
    case.mend(&failure).await;
    case.heals().await;
}
