//! Commands that a status and `dps explain` offer are run as they are, and change what they are meant to change.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::api::DockerPullSecret;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, PodSpec, Secret, ServiceAccount};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::support::copied::{login, run_copied};
use crate::support::eventually;
use crate::support::explain;
use crate::support::fleet::Fleet;
use crate::support::objects::{Space, password as secret_password, private, with};
use crate::support::operator::{CLUSTER, Operator, operator};
use crate::support::pods::{Pods, not_sent, unauthorized};
use crate::support::registries::{Scripted, answer};
use crate::support::world::{exclusive_world, world};

/// What somebody types. No registry is there to ask.
const FIRST: [(&str, &str); 4] = typed("first");
const SECOND: [(&str, &str); 4] = typed("second");

const fn typed(password: &str) -> [(&str, &str); 4] {
    let [user, password, email] = login("u", password);
    [user, password, email, ("Write it anyway? [y/N] ", "y")]
}

/// A namespace with an image that no other test has.
struct Place {
    space: Space,
    pods: Pods,
    host: String,
    image: String,
}

impl Place {
    async fn new(purpose: &str) -> Self {
        operator();
        let space = Space::new(world(), purpose).await;
        let host = format!("{}.example.com", space.name);
        Self {
            pods: Pods::of(&space).await,
            image: format!("{host}/team/app:1"),
            host,
            space,
        }
    }

    /// A resource that is ready.
    async fn resource(&self, name: &str, registry: &str) {
        let login = format!("{name}-login");
        self.space.credentials(&login, "u", "w").await;
        self.space.create(name, private(registry, &login)).await;
        self.space.ready(name).await;
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = kube::core::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.space.client.clone(), &self.space.name)
    }

    /// A Deployment or StatefulSet with one pod, and the name of that pod.
    async fn workload(&self, kind: &str, name: &str, listed: &[&str]) -> String {
        let listed: Vec<Value> = listed.iter().map(|name| json!({"name": name})).collect();
        let object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {
            "replicas": 1, "serviceName": name, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {
                "automountServiceAccountToken": false, "imagePullSecrets": listed,
                "containers": [{"name": "app", "image": self.image_of(name)}]}}}});
        let params = PostParams::default();
        if kind == "Deployment" {
            let object = serde_json::from_value(object).unwrap();
            self.api::<Deployment>().create(&params, &object).await.unwrap();
        } else {
            let object = serde_json::from_value(object).unwrap();
            self.api::<StatefulSet>().create(&params, &object).await.unwrap();
        }
        self.pod(name, |_| true).await.name_any()
    }

    /// The image of a workload: pods that fail alike are one failure in a status.
    fn image_of(&self, workload: &str) -> String {
        format!("{}/team/{workload}:1", self.host)
    }

    /// A pod of a workload.
    async fn pod(&self, workload: &str, fits: impl Fn(&Pod) -> bool) -> Pod {
        let label = ListParams::default().labels(&format!("app={workload}"));
        eventually(&format!("a pod of {workload}"), || async {
            let pods = self.pods.api.list(&label).await.map_err(|error| error.to_string())?;
            let mut living = pods
                .items
                .into_iter()
                .filter(|pod| pod.metadata.deletion_timestamp.is_none());
            living.find(|pod| fits(pod)).ok_or_else(|| "none".to_owned())
        })
        .await
    }

    /// Nobody sends credentials for the image of a pod.
    async fn fails(&self, pod: &str) {
        let spec = self.pods.api.get(pod).await.unwrap().spec.unwrap();
        let image = spec.containers[0].image.clone().unwrap();
        self.pods.fails(pod, &image, &not_sent(&image)).await;
    }

    /// The command in the status of a resource, for a pod.
    async fn fix_in_status(&self, resource: &str, pod: &str) -> String {
        eventually(&format!("a fix for {pod} in {resource}"), || async {
            let resource = self.space.resources.get(resource).await;
            let status = resource.map_err(|error| error.to_string())?.status.unwrap_or_default();
            let mut failures = status.pull_failures.iter();
            let found = failures
                .find(|failure| failure.pod == pod)
                .and_then(|one| one.fix.clone());
            found.ok_or_else(|| format!("{:?}", status.pull_failures))
        })
        .await
    }

    /// The command that `dps explain` prints, which is the same in both formats.
    fn explained(&self, pod: &str) -> String {
        let kubeconfig = Some(world().kubeconfig());
        let args = ["pod", pod, "-n", &self.space.name];
        let (_, text, stderr) = explain::run(&args, "", kubeconfig);
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix("  fix       "));
        let line = line.unwrap_or_else(|| panic!("{text}{stderr}")).to_owned();
        let (_, report, _) = explain::run(&[&args[..], &["-o", "json"]].concat(), "", kubeconfig);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["failures"][0]["fix"], json!(line));
        line
    }

    /// Runs a command as it is, and answers what it asks.
    async fn try_run(&self, command: &str, answers: &'static [(&str, &str)]) -> (i32, String) {
        let command = command.to_owned();
        let run = tokio::task::spawn_blocking(move || run_copied(world(), &command, answers));
        run.await.unwrap()
    }

    async fn run(&self, command: &str) {
        self.answer(command, &[]).await;
    }

    async fn answer(&self, command: &str, answers: &'static [(&str, &str)]) {
        let (code, screen) = self.try_run(command, answers).await;
        assert_eq!(code, 0, "{command}: {screen}");
    }

    async fn account_lists(&self) -> Vec<String> {
        let account = self.api::<ServiceAccount>().get("default").await.unwrap();
        let listed = account.image_pull_secrets.into_iter().flatten();
        listed.map(|secret| secret.name).collect()
    }
}

fn listed(spec: Option<&PodSpec>) -> Vec<String> {
    let listed = spec.and_then(|spec| spec.image_pull_secrets.as_ref());
    let listed = listed.into_iter().flatten();
    let mut listed: Vec<String> = listed.map(|secret| secret.name.clone()).collect();
    listed.sort();
    listed
}

#[tokio::test]
async fn fix_in_a_status_gives_new_pods_the_secret() {
    let place = Place::new("fix-status").await;
    place.resource("app", &place.host).await;
    place.resource("other", "s.example.com").await;

    let pod = place.workload("Deployment", "web", &[]).await;
    place.fails(&pod).await;
    let fix = place.fix_in_status("app", &pod).await;
    assert_eq!(fix, place.explained(&pod));
    place.run(&fix).await;
    let successor = place
        .pod("web", |pod| listed(pod.spec.as_ref()).contains(&"app".to_owned()))
        .await;
    assert_eq!(listed(successor.spec.as_ref()), ["app"]);

    // What is listed stays; a pod of a StatefulSet is not replaced as long as it fails.
    let pod = place.workload("StatefulSet", "db", &["other"]).await;
    let before = place.pods.api.get(&pod).await.unwrap().uid();
    place.fails(&pod).await;
    place.run(&place.fix_in_status("app", &pod).await).await;
    let successor = place.pod("db", |pod| pod.uid() != before).await;
    assert_eq!(listed(successor.spec.as_ref()), ["app", "other"]);

    // A name that no Secret has.
    let pod = place.workload("Deployment", "typo", &["ap", "other"]).await;
    place.fails(&pod).await;
    place.run(&place.fix_in_status("app", &pod).await).await;
    let deployment = place.api::<Deployment>().get("typo").await.unwrap();
    let template = deployment.spec.unwrap().template.spec;
    assert_eq!(listed(template.as_ref()), ["app", "other"]);
}

#[tokio::test]
async fn fix_for_a_pod_without_an_owner_adds_to_its_service_account_and_takes_nothing_away() {
    let place = Place::new("fix-account").await;
    place.resource("app", &place.host).await;
    let deployed = place.workload("Deployment", "web", &[]).await;
    for name in ["bare", "late"] {
        place.pods.create(name, &place.image, &[]).await;
        place.fails(name).await;
    }
    place.fails(&deployed).await;
    let fix = place.explained("bare");
    assert_eq!(place.account_lists().await, Vec::<String>::new());
    place.run(&fix).await;
    assert_eq!(place.account_lists().await, ["app"]);

    // A list that is there by now is not replaced.
    let accounts = place.api::<ServiceAccount>();
    let others = Patch::Merge(json!({"imagePullSecrets": [{"name": "hand"}, {"name": "hub"}]}));
    let params = PatchParams::default();
    accounts.patch("default", &params, &others).await.unwrap();
    assert_ne!(place.try_run(&fix, &[]).await.0, 0);
    assert_eq!(place.account_lists().await, ["hand", "hub"]);
    // What merges into lists elsewhere replaces this one.
    let merged = Patch::Strategic(json!({"imagePullSecrets": [{"name": "app"}]}));
    accounts.patch("default", &params, &merged).await.unwrap();
    assert_eq!(place.account_lists().await, ["app"]);
    accounts.patch("default", &params, &others).await.unwrap();
    place.run(&place.explained("late")).await;
    assert_eq!(place.account_lists().await, ["hand", "hub", "app"]);

    // New pods get it by now.
    let fix = place.explained(&deployed);
    assert!(fix.contains("rollout restart"), "{fix}");
    place.run(&fix).await;
    let successor = place.pod("web", |pod| pod.name_any() != deployed).await;
    assert_eq!(listed(successor.spec.as_ref()), ["app", "hand", "hub"]);
}

#[tokio::test]
async fn fix_corrects_the_registry_of_a_resource() {
    let place = Place::new("fix-registry").await;
    place.resource("app", &format!("{}:5000", place.host)).await;
    place.pods.create("web", &place.image, &["app"]).await;
    place.fails("web").await;
    let fix = place.fix_in_status("app", "web").await;
    assert_eq!(fix, place.explained("web"));
    place.run(&fix).await;
    let secret = place.space.secret_until("app", "for the image", |secret| {
        let document = crate::support::objects::document(secret);
        document["auths"].get(&place.host).is_some()
    });
    secret.await;

    // The form for Docker Hub, where a URL is not allowed. No resource that the API server takes today needs it.
    let patch = json!({"spec": {"type": "DockerHub", "registryUrl": null}}).to_string();
    let namespace = &place.space.name;
    let fix = format!("kubectl -n {namespace} patch dockerpullsecret app --type merge --patch '{patch}'");
    place.run(&fix).await;
    place.space.ready("app").await;
}

#[tokio::test]
async fn fix_lets_a_secret_into_a_namespace() {
    let place = Place::new("fix-namespace").await;
    let fleet = Fleet::new(world(), "fix-fleet").await;
    fleet.login("u", "w").await;
    let shared = fleet.create("login", json!({"registryUrl": place.host})).await;
    fleet.until(&shared, "observed", |_| true).await;
    place.pods.create("web", &place.image, &["hand"]).await;
    place.fails("web").await;
    let has_secret = || async {
        let what = "copied";
        place.space.secret_until(&shared, what, |_| true).await;
    };
    let namespaces = fleet.namespaces.clone();
    let change = async |metadata: Value| {
        let patch = Patch::Merge(json!({"metadata": metadata}));
        namespaces
            .patch(&place.space.name, &PatchParams::default(), &patch)
            .await
            .unwrap();
    };

    let fix = place.explained("web");
    let label = format!("kubectl label namespace {} fleet={}", place.space.name, fleet.name);
    assert!(fix.starts_with(&label), "{fix}");
    place.run(&fix).await;
    has_secret().await;

    change(json!({"annotations": {"pullsecrets.dev/exclude": "true"}})).await;
    place.space.gone(&shared).await;
    let fix = place.explained("web");
    assert!(fix.contains("annotate"), "{fix}");
    place.run(&fix).await;
    has_secret().await;

    let excluded = json!(["kube-*", place.space.name, "other"]);
    fleet.change(&shared, json!({"excludeNamespaces": excluded})).await;
    place.space.gone(&shared).await;
    let fix = place.explained("web");
    assert!(fix.contains("/spec/excludeNamespaces/1"), "{fix}");
    place.run(&fix).await;
    has_secret().await;
    let spec = fleet.resources.get(&shared).await.unwrap().spec;
    assert_eq!(spec.exclude_namespaces, ["kube-*", "other"]);
    fleet.delete(&shared).await;
}

#[tokio::test]
async fn fix_for_a_login_creates_or_replaces_it_with_what_somebody_types() {
    let place = Place::new("fix-create").await;
    let namespace = place.space.name.as_str();
    let pod = place.workload("Deployment", "web", &[]).await;
    place.fails(&pod).await;
    let name = place.host.replace('.', "-");
    let fix = place.explained(&pod);
    let create = format!("dps create {name} -n {namespace} --registry-url {}", place.host);
    assert!(fix.starts_with(&format!("{create} && kubectl ")), "{fix}");
    place.answer(&fix, &FIRST).await;
    let has = |password: &'static str| move |secret: &Secret| secret_password(secret).as_deref() == Some(password);
    place
        .space
        .secret_until(&name, "the login that was typed", has("first"))
        .await;
    let successor = place.pod("web", |pod| listed(pod.spec.as_ref()).contains(&name)).await;
    assert_eq!(listed(successor.spec.as_ref()), [name]);

    let place = Place::new("fix-replace").await;
    let namespace = place.space.name.as_str();
    place.resource("app", &place.host).await;
    place.pods.create("rejected", &place.image, &["app"]).await;
    place
        .pods
        .fails("rejected", &place.image, &unauthorized(&place.image))
        .await;
    let fix = place.fix_in_status("app", "rejected").await;
    assert_eq!(fix, place.explained("rejected"));
    assert_eq!(
        fix,
        format!("dps create app -n {namespace} --registry-url {} --replace", place.host)
    );
    place.answer(&fix, &SECOND).await;
    place
        .space
        .secret_until("app", "the login that was typed", has("second"))
        .await;

    // A login that nobody can type.
    let config = json!({"auths": {&place.host: {"username": "u", "password": "w"}}}).to_string();
    place
        .space
        .secret(
            "app-login",
            "Opaque",
            &[("config.json", &config), ("username", "u"), ("password", "w")],
        )
        .await;
    let has_fix = |resource: DockerPullSecret| {
        let failures = resource.status.unwrap_or_default().pull_failures;
        let first = failures.into_iter().find(|failure| failure.pod == "rejected");
        first.is_some_and(|failure| failure.fix.is_some())
    };
    eventually("no fix", || async {
        let resource = place.space.resources.get("app").await;
        let resource = resource.map_err(|error| error.to_string())?;
        let is_failing = resource.status.as_ref().is_some_and(|status| status.failing_pods > 0);
        (is_failing && !has_fix(resource))
            .then_some(())
            .ok_or_else(|| "a fix".to_owned())
    })
    .await;
}

#[tokio::test]
async fn status_names_good_credentials_that_are_kept_out_where_those_of_the_namespace_are_rejected() {
    let (_alone, world) = exclusive_world().await;
    let kubeconfig = world.install();
    let good = STANDARD.encode("user:good");
    let registry = Scripted::start(move |head, _| {
        if head.contains(&good) {
            answer("200 OK", &[], "")
        } else {
            answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "")
        }
    });
    let allowed = ["--allow-registry", registry.address.as_str()];
    let operator = Operator::start(world, &kubeconfig, &[&CLUSTER[..], &allowed].concat());
    operator.wait_until_ready();
    let plain = json!({"registryUrl": registry.address, "verification": {"plainHttp": true}});
    let fleet = Fleet::new(world, "kept-out").await;
    fleet.login("user", "good").await;
    fleet.add("selected", json!({})).await;
    let shared = fleet.create("login", plain.clone()).await;
    fleet.stands(&shared, "Ready", "1/1").await;

    let space = Space::new(world, "kept-out").await;
    let pods = Pods::of(&space).await;
    space.credentials("login", "other", "wrong").await;
    space
        .create("app", with(private(&registry.address, "login"), plain))
        .await;
    space.reason("app", "Rejected").await;
    let image = format!("{}/team/app:1", registry.address);
    pods.create("web", &image, &[]).await;
    pods.fails("web", &image, &not_sent(&image)).await;
    let words =
        format!("ClusterDockerPullSecret {shared:?} has credentials for this registry, but does not put Secret");
    let label = format!("kubectl label namespace {} fleet={} && ", space.name, fleet.name);
    let status = space.until("app", "names the other", |status| {
        let failure = status.pull_failures.first()?;
        let fix = failure.fix.as_deref()?;
        (failure.action.starts_with(&words) && fix.starts_with(&label)).then_some(())
    });
    status.await;
    fleet.delete(&shared).await;
    operator.stop();
}
