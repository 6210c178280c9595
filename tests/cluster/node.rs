//! Pods on a real node that cannot pull: the controller says why, and what it says to do makes them run.
#![allow(clippy::similar_names, reason = "a case has a cause")]

use std::time::Duration;

use crate::support::canary::CANARY;
use crate::support::fleet::Fleet;
use crate::support::objects::{Space, condition, condition_of, private_verified, secret, with};
use crate::support::pods::Pods;
use crate::support::release::Release;
use crate::support::world::{OPERATOR, World, node_world};
use crate::support::{eventually, within};
use dps::api::{DockerPullSecret, PullFailure};
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event, Pod};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;

/// Longest time until a kubelet has tried again: its pauses double from 10 s on.
const RETRY: Duration = Duration::from_mins(4);

/// A namespace with the resource `app`, whose credentials are in the Secret `login`.
struct Case {
    world: &'static World,
    space: Space,
    pods: Pods,
}

impl Case {
    async fn new(world: &'static World, purpose: &str) -> Self {
        let space = Space::new(world, purpose).await;
        let pods = Pods::of(&space).await;
        Self { world, space, pods }
    }

    /// With a resource for a registry and credentials that are written at once.
    async fn with(world: &'static World, purpose: &str, registry: &str, user: &str, password: &str) -> Self {
        let case = Self::new(world, purpose).await;
        case.space.credentials("login", user, password).await;
        case.space.create("app", private_verified(registry, "login")).await;
        case.space
            .until("app", "a Secret", |status| status.secret_name.as_ref().map(|_| ()))
            .await;
        case
    }

    async fn good(world: &'static World, purpose: &str, registry: &str) -> Self {
        let case = Self::with(world, purpose, registry, "robot", world.registry("password")).await;
        case.space.ready("app").await;
        case
    }

    /// Waits until the resource names this cause, and returns it with its only failure.
    async fn fails(&self, cause: &str) -> (DockerPullSecret, PullFailure) {
        let what = format!("{} names {cause}", self.space.name);
        let reported = within(RETRY, &what, || async {
            let resource = self
                .space
                .resources
                .get("app")
                .await
                .map_err(|error| error.to_string())?;
            let status = resource.status.clone().unwrap_or_default();
            let named =
                condition(&status, "PullsHealthy").is_some_and(|one| one.reason == cause && one.status == "False");
            if named {
                Ok(resource)
            } else {
                Err(format!("{:?} {:?}", status.conditions, status.pull_failures))
            }
        })
        .await;
        let failures = &reported.status.as_ref().unwrap().pull_failures;
        assert_eq!(failures.len(), 1, "{failures:?}");
        let message = &condition_of(&reported, "PullsHealthy").message;
        assert!(message.starts_with(failures[0].code.as_str()), "{message}");
        let failure = failures[0].clone();
        (reported, failure)
    }

    /// Waits until the pods run and the resource is well again, by themselves.
    async fn heals(&self) {
        let what = format!("{} heals", self.space.name);
        within(RETRY, &what, || async {
            let resource = self
                .space
                .resources
                .get("app")
                .await
                .map_err(|error| error.to_string())?;
            let status = resource.status.unwrap_or_default();
            let is = |kind| condition(&status, kind).is_some_and(|condition| condition.status == "True");
            let pods = self
                .pods
                .api
                .list(&kube::api::ListParams::default())
                .await
                .map_err(|error| error.to_string())?;
            let phases: Vec<_> = pods
                .items
                .iter()
                .map(|pod| pod.status.as_ref().and_then(|status| status.phase.clone()))
                .collect();
            let run = phases.iter().all(|phase| phase.as_deref() == Some("Running"));
            if is("PullsHealthy") && is("Ready") && run {
                Ok(())
            } else {
                Err(format!("{phases:?} {:?}", status.conditions))
            }
        })
        .await;
    }

    /// The image team/app:1.0 at a registry.
    fn image(&self, registry: &str) -> String {
        format!("{}/team/app:1.0", self.world.registry(registry))
    }
}

fn says(failure: &PullFailure, part: &str) {
    assert!(failure.action.contains(part), "{failure:?}");
    assert!(!format!("{failure:?}").contains(CANARY));
}

async fn wrong_password(world: &'static World, kind: &'static str) {
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
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}

async fn no_permission(world: &'static World) {
    let case = Case::with(
        world,
        "denied",
        world.registry("bearer"),
        "stranger",
        world.registry("password"),
    )
    .await;
    case.pods.create("web", &case.image("bearer"), &["app"]).await;
    let (reported, failure) = case.fails("AccessDenied").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "permission to pull bearer.world.test");
    // Somebody with that right.
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}

async fn missing_attachment(world: &'static World) {
    let case = Case::good(world, "attachment", world.registry("basic")).await;
    case.pods.create("web", &case.image("basic"), &[]).await;
    let (reported, failure) = case.fails("CredentialsNotSent").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "Add imagePullSecrets: [{name: app}] to the pod's spec");
    case.pods.delete("web").await;
    case.pods.create("again", &case.image("basic"), &["app"]).await;
    case.heals().await;
}

/// Pods that list no Secret pull all the same: one that is as new as its resource once there is a Secret, a later one at
/// its first attempt.
async fn attached_at_creation(world: &'static World) {
    let case = Case::new(world, "attached").await;
    let registry = world.registry("basic");
    let spec = with(
        private_verified(registry, "login"),
        json!({"attachTo": {"pods": "MatchingImages"}}),
    );
    case.space.create("app", spec).await;
    let container = json!({"name": "app", "image": case.image("basic"), "imagePullPolicy": "Always"});
    let pod = json!({"containers": [container]});
    // The API server may not know the resource yet.
    eventually("a pod gets the Secret", || async {
        let _ = case
            .pods
            .api
            .delete("early", &DeleteParams::default().grace_period(0))
            .await;
        let created = case
            .pods
            .try_create("early", pod.clone())
            .await
            .map_err(|error| error.to_string())?;
        let listed = created
            .spec
            .and_then(|spec| spec.image_pull_secrets)
            .unwrap_or_default();
        if listed.iter().any(|secret| secret.name == "app") {
            Ok(())
        } else {
            Err(format!("{listed:?}"))
        }
    })
    .await;
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.space.ready("app").await;
    // The API server's policy learns of a status a moment after it was written.
    let dry_run = PostParams {
        dry_run: true,
        ..PostParams::default()
    };
    let late: Pod = serde_json::from_value(json!({"metadata": {"name": "late"}, "spec": pod})).unwrap();
    eventually("a new pod would get the Secret", || async {
        let created = case.pods.api.create(&dry_run, &late).await;
        let spec = created.map_err(|error| error.to_string())?.spec.unwrap_or_default();
        let listed = spec.image_pull_secrets.unwrap_or_default();
        let is_listed = listed.iter().any(|secret| secret.name == "app");
        is_listed.then_some(()).ok_or_else(|| format!("{listed:?}"))
    })
    .await;
    case.pods.create_with("late", pod, &[]).await;
    case.heals().await;
    let events: Api<Event> = Api::namespaced(case.space.client.clone(), &case.space.name);
    let of_late = ListParams::default().fields("involvedObject.name=late,type=Warning");
    let warnings = events.list(&of_late).await.unwrap().items;
    assert!(warnings.is_empty(), "{warnings:?}");
}

async fn other_key(world: &'static World, purpose: &'static str, registry: String) {
    let case = Case::with(world, purpose, &registry, "robot", world.registry("password")).await;
    case.pods.create("web", &case.image("basic"), &["app"]).await;
    let (_, failure) = case.fails("CredentialsNotSent").await;
    let right = world.registry("basic");
    says(
        &failure,
        &format!("Set spec.registryUrl of DockerPullSecret \"app\" to {right}"),
    );
    case.space.change("app", json!({"registryUrl": right})).await;
    case.heals().await;
}

async fn absent_secret(world: &'static World) {
    let case = Case::good(world, "absent", world.registry("basic")).await;
    case.pods.create("web", &case.image("basic"), &["ap"]).await;
    let (reported, failure) = case.fails("PullSecretMissing").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "Use \"app\" in the pod's imagePullSecrets instead");
    case.pods.delete("web").await;
    case.pods.create("again", &case.image("basic"), &["app"]).await;
    case.heals().await;
}

async fn credentials_come_late(world: &'static World) {
    let case = Case::new(world, "late").await;
    case.space
        .create("app", private_verified(world.registry("basic"), "login"))
        .await;
    case.pods.create("web", &case.image("basic"), &["app"]).await;
    let (reported, failure) = case.fails("PullSecretMissing").await;
    assert_eq!(condition_of(&reported, "Ready").reason, "SecretNotFound");
    says(&failure, "has not created Secret");
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}

async fn malformed_secret(world: &'static World) {
    let case = Case::good(world, "malformed", world.registry("basic")).await;
    let broken = |auth: &str| format!(r#"{{"auths":{{"other.example":{{"auth":"{auth}"}}}}}}"#);
    let write = async |auth: &str| {
        let document = broken(auth);
        let data = [(".dockerconfigjson", document.as_str())];
        case.space
            .secret("broken", "kubernetes.io/dockerconfigjson", &data)
            .await;
    };
    write("!!!").await;
    case.pods.create("web", &case.image("basic"), &["app", "broken"]).await;
    let (reported, failure) = case.fails("PullSecretMalformed").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, "Secret \"broken\" holds an entry");
    write("dTpw").await;
    case.heals().await;
}

async fn wrong_image(
    world: &'static World,
    purpose: &'static str,
    image: String,
    cause: &'static str,
    part: &'static str,
) {
    let case = Case::good(world, purpose, world.registry("basic")).await;
    case.pods.create("web", &image, &["app"]).await;
    let (reported, failure) = case.fails(cause).await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, part);
    case.pods.set_image("web", &case.image("basic")).await;
    case.heals().await;
}

/// A registry that the node cannot use; `cure` is a command of the world.
async fn unusable(world: &'static World, registry: &'static str, cause: &'static str, cure: &'static str) {
    let case = Case::with(
        world,
        registry,
        world.registry(registry),
        "robot",
        world.registry("password"),
    )
    .await;
    case.pods.create("web", &case.image(registry), &["app"]).await;
    let (reported, _) = case.fails(cause).await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    world.tell(cure);
    case.heals().await;
}

/// Another host than the registry refuses: no pull secret is to blame, and the action names that host. The pod goes away.
async fn another_host(
    world: &'static World,
    purpose: &'static str,
    registry: String,
    repository: &'static str,
    cause: &'static str,
    part: &'static str,
) {
    let case = Case::with(world, purpose, &registry, "robot", world.registry("password")).await;
    let image = format!("{registry}/{repository}:1.0");
    case.pods.create("web", &image, &["app"]).await;
    let (reported, failure) = case.fails(cause).await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    says(&failure, part);
    assert!(!failure.action.contains("Secret"), "{failure:?}");
    case.pods.delete("web").await;
    case.heals().await;
}

/// An image that is mounted needs credentials like any other.
async fn image_volume(world: &'static World) {
    let case = Case::good(world, "volume", world.registry("bearer")).await;
    let volume = json!({"name": "data", "image": {"reference": case.image("bearer"), "pullPolicy": "Always"}});
    let mount = json!({"name": "data", "mountPath": "/data"});
    let container = json!({"name": "app", "image": case.image("anonymous"), "volumeMounts": [mount]});
    let spec = json!({"volumes": [volume], "containers": [container]});
    case.pods.create_with("web", spec.clone(), &[]).await;
    let (reported, failure) = case.fails("CredentialsNotSent").await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    assert_eq!(failure.image, case.image("bearer"));
    says(&failure, "Add imagePullSecrets: [{name: app}] to the pod's spec");
    case.pods.delete("web").await;
    case.pods.create_with("again", spec, &["app"]).await;
    case.heals().await;
}

/// What nobody can cure here: the pod goes away.
async fn hopeless(world: &'static World, purpose: &'static str, registry: String, image: String, cause: &'static str) {
    let case = Case::with(world, purpose, &registry, "robot", "any").await;
    case.pods.create("web", &image, &["app"]).await;
    let (reported, _) = case.fails(cause).await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    case.pods.delete("web").await;
    case.heals().await;
}

async fn never_pull(world: &'static World) {
    let case = Case::good(world, "never", world.registry("basic")).await;
    let image = format!("{}/other/app:1.0", world.registry("basic"));
    let spec = |policy: &str| json!({"containers": [{"name": "app", "image": image, "imagePullPolicy": policy}]});
    case.pods.create_with("web", spec("Never"), &["app"]).await;
    let (_, failure) = case.fails("NeverPull").await;
    assert_eq!(failure.code.as_str(), "DEP_E353");
    says(&failure, "Set imagePullPolicy to IfNotPresent");
    case.pods.delete("web").await;
    case.pods.create_with("again", spec("IfNotPresent"), &["app"]).await;
    case.heals().await;
}

async fn init_container(world: &'static World) {
    let case = Case::with(world, "init", world.registry("basic"), "robot", CANARY).await;
    let open = case.image("anonymous");
    let init = json!({"name": "init", "image": case.image("basic"), "restartPolicy": "Always"});
    let spec = json!({"initContainers": [init], "containers": [{"name": "app", "image": open}]});
    case.pods.create_with("web", spec, &["app"]).await;
    let (_, failure) = case.fails("CredentialsRejected").await;
    assert_eq!(failure.container, "init");
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}

async fn deployment(world: &'static World) {
    let case = Case::with(world, "deployment", world.registry("basic"), "robot", CANARY).await;
    let deployment: Deployment = serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"imagePullSecrets": [{"name": "app"}], "containers": [{"name": "app", "image": case.image("basic")}]},
        }},
    }))
    .unwrap();
    let deployments: Api<Deployment> = Api::namespaced(case.space.client.clone(), &case.space.name);
    deployments.create(&PostParams::default(), &deployment).await.unwrap();
    case.fails("CredentialsRejected").await;
    let reported = case
        .space
        .until("app", "3 pods", |status| (status.failing_pods == 3).then_some(()))
        .await;
    let failures = reported.status.unwrap().pull_failures;
    assert_eq!((failures.len(), failures[0].count), (1, 3));
    case.space
        .credentials("login", "robot", world.registry("password"))
        .await;
    case.heals().await;
}

#[tokio::test]
#[allow(clippy::too_many_lines, reason = "a table")]
async fn every_failure_is_diagnosed_and_its_action_heals() {
    let Some(world) = node_world() else { return };
    let release = Release::install(world).await;
    release.leader().await;
    let checked = release.test();
    assert!(checked.contains(" 0 FAIL, "), "{checked}");
    let at = |registry: &str| world.registry(registry).to_owned();
    let of = |registry: &str, image: &str| format!("{}/{image}", world.registry(registry));
    let cases: Vec<BoxFuture<'static, ()>> = vec![
        wrong_password(world, "basic").boxed(),
        wrong_password(world, "bearer").boxed(),
        no_permission(world).boxed(),
        missing_attachment(world).boxed(),
        attached_at_creation(world).boxed(),
        other_key(world, "port", "basic.world.test".to_owned()).boxed(),
        other_key(world, "path", of("basic", "nope")).boxed(),
        absent_secret(world).boxed(),
        credentials_come_late(world).boxed(),
        malformed_secret(world).boxed(),
        wrong_image(
            world,
            "tag",
            of("basic", "team/app:nope"),
            "ImageNotFound",
            "Correct the repository, tag or digest",
        )
        .boxed(),
        wrong_image(
            world,
            "name",
            of("basic", "Team/App:1.0"),
            "InvalidImage",
            "must have its repository in lower case",
        )
        .boxed(),
        wrong_image(
            world,
            "platform",
            of("basic", "team/arm:1.0"),
            "PlatformMismatch",
            "Build the image for the node's operating system",
        )
        .boxed(),
        unusable(world, "gone", "RegistryUnreachable", "start gone").boxed(),
        unusable(world, "untrusted", "TLSVerification", "trust untrusted").boxed(),
        hopeless(
            world,
            "names",
            "nowhere.world.test".to_owned(),
            "nowhere.world.test/team/app:1.0".to_owned(),
            "DNSFailure",
        )
        .boxed(),
        hopeless(
            world,
            "limit",
            at("failing"),
            of("failing", "429/app:1.0"),
            "RateLimited",
        )
        .boxed(),
        hopeless(
            world,
            "http",
            at("plain"),
            of("plain", "team/app:1.0"),
            "PlainHTTPRegistry",
        )
        .boxed(),
        another_host(
            world,
            "storage",
            at("failing"),
            "moved/app",
            "StorageRefused",
            "storage.world.test:",
        )
        .boxed(),
        another_host(
            world,
            "mirror",
            at("mirrored"),
            "401/app",
            "MirrorRefused",
            "failing.world.test:",
        )
        .boxed(),
        another_host(
            world,
            "mirror-lacks",
            at("mirrored"),
            "404/app",
            "ImageNotFound",
            // containerd does not say who lacks it.
            "Correct the repository, tag or digest",
        )
        .boxed(),
        another_host(world, "proxy", at("proxied"), "team/app", "ProxyRefused", "HTTP proxy").boxed(),
        image_volume(world).boxed(),
        never_pull(world).boxed(),
        init_container(world).boxed(),
        deployment(world).boxed(),
    ];
    join_all(cases).await;
    let shown = world.kubectl(&["get", "dockerpullsecrets,events", "-A", "-o", "json"]);
    for (place, text) in [("operator", release.words().await), ("cluster", shown)] {
        for password in [CANARY, world.registry("password")] {
            assert!(!text.contains(password), "the {place} shows a password");
        }
    }
    a_hundred_namespaces_pull_at_their_first_attempt(world).await;
    replicas_are_replaced_without_a_gap(world, &release).await;
}

/// Namespaces that are created at once, each with a Deployment that lists no Secret.
async fn a_hundred_namespaces_pull_at_their_first_attempt(world: &'static World) {
    const COUNT: usize = 100;
    let fleet = Fleet::new(world, "hundred").await;
    let login = secret(
        &fleet.name,
        "Opaque",
        &[("username", "robot"), ("password", world.registry("password"))],
    );
    let secrets = Api::namespaced(fleet.client.clone(), OPERATOR);
    secrets.create(&PostParams::default(), &login).await.unwrap();
    let name = fleet
        .create(
            "login",
            json!({"registryUrl": world.registry("basic"), "attachTo": {"pods": "MatchingImages"},
                "credentialsRef": {"namespace": OPERATOR, "name": fleet.name}, "verification": {"mode": "OnChange"}}),
        )
        .await;
    // The API server knows the resource once a first namespace is ready.
    fleet.add("first", json!({})).await;
    fleet.stands(&name, "Ready", "1/1").await;
    let deployment: Deployment = serde_json::from_value(json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"terminationGracePeriodSeconds": 0, "containers": [
                {"name": "app", "image": format!("{}/team/app:1.0", world.registry("basic")), "imagePullPolicy": "Always"}]},
        }},
    }))
    .unwrap();
    let one = |number: usize| {
        let (fleet, deployment) = (&fleet, &deployment);
        async move {
            let end = number.to_string();
            fleet.add(&end, json!({})).await;
            let deployments: Api<Deployment> = Api::namespaced(fleet.client.clone(), &fleet.namespace(&end));
            deployments.create(&PostParams::default(), deployment).await.unwrap();
        }
    };
    join_all((0..COUNT).map(one)).await;
    let pods: Api<Pod> = Api::all(fleet.client.clone());
    let is_ours = |namespace: Option<String>| namespace.is_some_and(|name| name.starts_with(&fleet.name));
    within(RETRY, "all pods run", || async {
        let pods = pods
            .list(&ListParams::default())
            .await
            .map_err(|error| error.to_string())?;
        let pods = pods.items.into_iter().filter(|pod| is_ours(pod.namespace()));
        let run = pods.filter(|pod| {
            pod.status
                .as_ref()
                .is_some_and(|status| status.phase.as_deref() == Some("Running"))
        });
        let count = run.count();
        (count == COUNT).then_some(()).ok_or_else(|| format!("{count} run"))
    })
    .await;
    let events: Api<Event> = Api::all(fleet.client.clone());
    let failed = events
        .list(&ListParams::default().fields("reason=Failed"))
        .await
        .unwrap()
        .items;
    let failed: Vec<Event> = failed.into_iter().filter(|event| is_ours(event.namespace())).collect();
    assert!(
        failed.is_empty(),
        "{} failed pulls: {:?}",
        failed.len(),
        failed[0].message
    );
    fleet.stands(&name, "Ready", "101/101").await;
    // The node has other things to do.
    let delete = |number: usize| {
        let namespace = fleet.namespace(&number.to_string());
        let namespaces = &fleet.namespaces;
        async move { namespaces.delete(&namespace, &DeleteParams::default()).await.map(drop) }
    };
    join_all((0..COUNT).map(delete)).await;
    within(RETRY, "their pods are gone", || async {
        let pods = pods
            .list(&ListParams::default())
            .await
            .map_err(|error| error.to_string())?;
        let left = pods.items.into_iter().filter(|pod| is_ours(pod.namespace())).count();
        (left == 0).then_some(()).ok_or_else(|| format!("{left} left"))
    })
    .await;
}

/// An upgrade that replaces both pods, and a crash: what is created meanwhile gets its Secret.
async fn replicas_are_replaced_without_a_gap(world: &'static World, release: &Release) {
    let space = Space::new(world, "rolling").await;
    space.credentials("login", "robot", world.registry("password")).await;
    let create = async |name: &str| {
        space
            .create(name, private_verified(world.registry("basic"), "login"))
            .await;
        space.ready(name).await;
    };
    let before = release.replicas().await;
    let first = release.leader().await;
    let upgrade = tokio::task::spawn_blocking({
        let release = release.clone();
        move || release.helm("upgrade", &["--reuse-values", "--set", "podAnnotations.test=new"])
    });
    let mut count = 0;
    while !upgrade.is_finished() {
        create(&format!("during-{count}")).await;
        count += 1;
    }
    upgrade.await.expect("upgraded");
    let after = release.replicas().await;
    assert!(
        after.iter().all(|(name, _)| before.iter().all(|(old, _)| old != name)),
        "{before:?} {after:?}"
    );
    let second = release.leader().await;
    assert_ne!(first, second);

    release.crash(&second);
    create("after-a-crash").await;
    // Of either pod: the one whose program was killed runs again long before the Lease expires.
    release.leader().await;
}
