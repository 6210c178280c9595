//! Pods get the Secret that their image needs when they are created (`admission.attachPods` of the chart).

use std::collections::BTreeSet;

use dps::api::{DockerPullSecret, RegistryType};
use dps::domain::registry::image_pattern::image_pattern;
use dps::domain::registry::key::RegistryKey;
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use proptest::prelude::{Just, Strategy as _};
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::oracle::image_patterns::{image, url};
use crate::support::eventually;
use crate::support::helm::install_templates;
use crate::support::objects::{Space, private, with};
use crate::support::operator::Operator;
use crate::support::oracle::Oracle;
use crate::support::pods::Pods;
use crate::support::world::scoped_world;

/// A namespace in which the policy of the chart is in force.
struct Attaching {
    space: Space,
    pods: Api<Pod>,
}

impl Attaching {
    async fn new(purpose: &str) -> Self {
        let world = scoped_world();
        world.install();
        let space = Space::new(world, purpose).await;
        let pods = Pods::of(&space).await.api;
        let templates = ["templates/admission-attach-pods.yaml"];
        install_templates(world, &space.name, "admission.attachPods=true", &templates);
        let attaching = Self { space, pods };
        attaching.create("probe", "policy.example.com", "probe").await;
        attaching
            .attaches("the policy is in force", &["policy.example.com/app"], &["probe"])
            .await;
        attaching.space.delete("probe").await;
        attaching
    }

    /// A resource whose Secrets pods get.
    async fn create(&self, name: &str, registry: &str, secret: &str) {
        let spec = with(
            private(registry, "login"),
            json!({"secretName": secret, "attachTo": {"pods": "MatchingImages"}}),
        );
        self.space.create(name, spec).await;
    }

    /// Says in the status what the operator would.
    async fn publish(&self, name: &str, status: Value) {
        let patch = Patch::Merge(json!({ "status": status }));
        let params = PatchParams::default();
        let patched: kube::Result<DockerPullSecret> = self.space.resources.patch_status(name, &params, &patch).await;
        patched.unwrap();
    }

    /// What a new pod lists in imagePullSecrets.
    async fn attached(&self, spec: &Value) -> Vec<String> {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec});
        let params = PostParams {
            dry_run: true,
            ..PostParams::default()
        };
        let pod = self
            .pods
            .create(&params, &serde_json::from_value(pod).unwrap())
            .await
            .unwrap();
        let listed = pod.spec.unwrap().image_pull_secrets.unwrap_or_default();
        listed.into_iter().map(|secret| secret.name).collect()
    }

    /// Waits until new pods with these images get these Secrets, one after the other.
    async fn attaches(&self, what: &str, images: &[&str], expected: &[&str]) {
        eventually(what, || async {
            let mut listed = Vec::new();
            for image in images {
                listed.extend(self.attached_to(image).await);
            }
            if listed == expected {
                Ok(())
            } else {
                Err(format!("{listed:?}"))
            }
        })
        .await;
    }

    async fn attached_to(&self, image: &str) -> Vec<String> {
        self.attached(&json!({"containers": [{"name": "app", "image": image}]}))
            .await
    }
}

/// Registries, `None` for Docker Hub, and images: each pair of them is tried.
const REGISTRIES: [Option<&str>; 15] = [
    None,
    Some("registry.example.com"),
    Some("registry.example.com:5000"),
    Some("registry.example.com/team"),
    Some("registry.example.com/team/app"),
    Some("*.example.com"),
    Some("reg*.*.com:5000"),
    Some("*.io"),
    Some("*.io/li"),
    Some("d*r.io/library/ng"),
    Some("localhost"),
    Some("2*:5000"),
    Some("registry:5000"),
    Some("[2001:db8::1]:5000"),
    Some("quay.io/a.b-c"),
];
const IMAGES: [&str; 16] = [
    "nginx",
    "nginx:1.27",
    "acme/app",
    "docker.io/library/nginx:1",
    "docker.io/linux/app",
    "index.docker.io/nginx",
    "registry.example.com/team/app:1.0",
    "registry.example.com/teams",
    "registry.example.com:5000/team/app",
    "other.example.com/team/app",
    "ghcr.io/library/app",
    "localhost/app",
    "loCal/app",
    "registry:5000/app",
    "[2001:db8::1]:5000/app",
    "registry.example.com/team/app@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
];

impl Attaching {
    /// Creates a resource for each key, with Secrets `s0`, `s1` and so on, and waits until a pod with this image gets this one.
    async fn create_for(&self, keys: &[RegistryKey], image: &str, secret: usize) {
        for (index, key) in keys.iter().enumerate() {
            // The spec is another registry's: once there is a status, it alone counts.
            let name = format!("r{index}");
            self.create(&name, "unused.example.com", &name).await;
            let status =
                json!({"secretName": format!("s{index}"), "imagePattern": image_pattern(key), "failingPods": 0});
            self.publish(&name, status).await;
        }
        eventually("the policy knows the last of them", || async {
            let listed = self.attached_to(image).await;
            let is_known = listed.contains(&format!("s{secret}"));
            if is_known { Ok(()) } else { Err(format!("{listed:?}")) }
        })
        .await;
    }

    /// Compares what pods get with what the kubelet's own code says. Returns how many pairs of a key and an image are without
    /// and with use for the key.
    async fn compare(&self, oracle: &mut Oracle, keys: &[RegistryKey], images: &[&str]) -> [usize; 2] {
        let mut pairs = [0; 2];
        for image in images {
            let repository = oracle.repository(image).unwrap();
            let listed = self.attached_to(image).await;
            let distinct: BTreeSet<&String> = listed.iter().collect();
            assert_eq!(distinct.len(), listed.len(), "{image}: {listed:?}");
            for (index, key) in keys.iter().enumerate() {
                let used = !oracle.keys(&[key.as_str()], &repository).is_empty();
                let attached = distinct.contains(&format!("s{index}"));
                assert_eq!(attached, used, "{} for {image}: {listed:?}", key.as_str());
                pairs[usize::from(used)] += 1;
            }
        }
        pairs
    }
}

fn key(registry: Option<&str>) -> Option<RegistryKey> {
    let kind = registry.map_or(RegistryType::DockerHub, |_| RegistryType::PrivateRegistry);
    RegistryKey::new(kind, registry).ok()
}

#[tokio::test]
async fn a_pod_gets_exactly_the_secrets_that_the_kubelet_uses_for_its_images() {
    let attaching = Attaching::new("patterns").await;
    let keys = REGISTRIES.map(|registry| key(registry).unwrap());
    attaching
        .create_for(&keys, "[2001:db8::1]:5000/app", keys.len() - 2)
        .await;
    let pairs = attaching.compare(&mut Oracle::start(), &keys, &IMAGES).await;
    assert!(pairs[0] + pairs[1] >= 200 && pairs[1] >= 40, "{pairs:?}");
}

/// The keys and images of some generated pairs: first those without use for the key, then as many with.
fn generated(oracle: &mut Oracle, count: usize) -> (Vec<RegistryKey>, Vec<String>) {
    let mut runner = TestRunner::default();
    let pair = image().prop_flat_map(|image| (url(&image), Just(image)));
    let mut found = [Vec::new(), Vec::new()];
    while found.iter().any(|pairs| pairs.len() < count) {
        let (url, image) = pair.new_tree(&mut runner).unwrap().current();
        let (Some(key), Some(repository)) = (key(url.as_deref()), oracle.repository(&image)) else {
            continue;
        };
        let used = !oracle.keys(&[key.as_str()], &repository).is_empty();
        if found[usize::from(used)].len() < count && image_pattern(&key).is_some() {
            found[usize::from(used)].push((key, image));
        }
    }
    found.into_iter().flatten().unzip()
}

#[tokio::test]
async fn generated_registries_and_images_get_what_the_kubelet_uses() {
    const COUNT: usize = 12;
    let attaching = Attaching::new("generated").await;
    let mut oracle = Oracle::start();
    let (keys, images) = generated(&mut oracle, COUNT);
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    attaching.create_for(&keys, images[2 * COUNT - 1], 2 * COUNT - 1).await;
    let pairs = attaching.compare(&mut oracle, &keys, &images).await;
    assert!(pairs[0] >= COUNT && pairs[1] >= COUNT, "{pairs:?}");
    assert_eq!(pairs[0] + pairs[1], 4 * COUNT * COUNT);
}

#[tokio::test]
async fn all_images_of_a_pod_count_and_what_it_lists_stays() {
    let attaching = Attaching::new("lists").await;
    for name in ["one", "two"] {
        attaching.create(name, &format!("{name}.example.com"), name).await;
    }
    let image = |registry: &str| format!("{registry}.example.com/app");
    attaching
        .attaches(
            "the policy knows both",
            &[&image("one"), &image("two")],
            &["one", "two"],
        )
        .await;
    let plain = json!({"name": "app", "image": "nginx"});
    let init = json!({"containers": [plain], "initContainers": [{"name": "init", "image": image("one")}]});
    assert_eq!(attaching.attached(&init).await, ["one"]);
    let volume = json!([{"name": "data", "image": {"reference": image("two")}}]);
    let volumes = json!({"containers": [plain], "volumes": volume});
    assert_eq!(attaching.attached(&volumes).await, ["two"]);
    assert!(attaching.attached(&json!({"containers": [plain]})).await.is_empty());

    let listing = json!({
        "containers": [{"name": "app", "image": image("one")}, {"name": "side", "image": image("two")}],
        "imagePullSecrets": [{"name": "mine"}, {"name": "two"}],
    });
    assert_eq!(attaching.attached(&listing).await, ["mine", "two", "one"]);

    // The API server admits no mirror pod that names a Secret.
    let mirror = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "static", "annotations": {"kubernetes.io/config.mirror": "x"}},
        "spec": {"nodeName": "node", "containers": [{"name": "app", "image": image("one")}]},
    });
    let params = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let mirror = attaching
        .pods
        .create(&params, &serde_json::from_value(mirror).unwrap())
        .await;
    assert_eq!(mirror.unwrap().spec.unwrap().image_pull_secrets.unwrap_or_default(), []);

    // What the ServiceAccount lists is in the pod already.
    let accounts: Api<ServiceAccount> = Api::namespaced(attaching.space.client.clone(), &attaching.space.name);
    let patch = Patch::Merge(json!({"imagePullSecrets": [{"name": "from-account"}]}));
    accounts
        .patch("default", &PatchParams::default(), &patch)
        .await
        .unwrap();
    attaching
        .attaches(
            "the ServiceAccount is known",
            &[&image("one")],
            &["from-account", "one"],
        )
        .await;
}

#[tokio::test]
async fn a_resource_without_a_status_attaches_where_its_spec_says_enough() {
    let attaching = Attaching::new("new").await;
    let attach = json!({"attachTo": {"pods": "MatchingImages"}});
    let hub = json!({"type": "DockerHub", "credentialsRef": {"name": "login"}});
    attaching.space.create("hub", with(hub, attach.clone())).await;
    for (name, registry) in [
        ("plain", "registry.example.com:5000"),
        ("path", "path.example.com/team"),
        ("wild", "*.example.org"),
    ] {
        attaching
            .space
            .create(name, with(private(registry, "login"), attach.clone()))
            .await;
    }
    // Without the field, it attaches nothing.
    attaching
        .space
        .create("unasked", private("registry.example.com:5000", "login"))
        .await;
    attaching
        .attaches(
            "the policy knows them",
            &["registry.example.com:5000/app", "nginx"],
            &["plain", "hub"],
        )
        .await;
    for image in [
        "registryxexample.com:5000/app",
        "path.example.com/team/app",
        "a.example.org/app",
        "ghcr.io/app",
    ] {
        assert!(attaching.attached_to(image).await.is_empty(), "{image}");
    }
    assert_eq!(attaching.attached_to("index.docker.io/acme/app").await, ["hub"]);

    // A status without a pattern says that there is no Secret to attach.
    attaching.publish("plain", json!({"failingPods": 0})).await;
    attaching
        .attaches("the status counts", &["registry.example.com:5000/app"], &[])
        .await;
}

#[tokio::test]
async fn the_operator_says_which_images_pods_get_the_secret_for() {
    let attaching = Attaching::new("operator").await;
    let space = &attaching.space;
    space.credentials("login", "user", "word").await;
    attaching.create("app", "*.example.com", "pull").await;
    let world = scoped_world();
    let operator = Operator::start(world, &world.install(), &["--namespace", &space.name, "--attach-pods"]);
    let status = space.ready("app").await.status.unwrap();
    let expected = image_pattern(&key(Some("*.example.com")).unwrap());
    assert_eq!((status.image_pattern, status.warnings), (expected, Vec::new()));
    attaching
        .attaches("a pod gets it", &["a.example.com/team/app"], &["pull"])
        .await;
    space.change("app", json!({"attachTo": null})).await;
    space
        .until("app", "no pattern", |status| {
            status.image_pattern.is_none().then_some(())
        })
        .await;
    drop(operator);

    // Without the policy, as far as this operator knows.
    space
        .change("app", json!({"attachTo": {"pods": "MatchingImages"}}))
        .await;
    let _operator = Operator::start(world, &world.install(), &["--namespace", &space.name]);
    space
        .until("app", "a warning", |status| {
            status
                .warnings
                .iter()
                .find(|warning| warning.contains("spec.attachTo.pods has no effect"))
                .map(|_| ())
        })
        .await;
}
