//! The controller joins pods that cannot pull to the resources that have to do with them.

use crate::support::canary::CANARY;
use crate::support::objects::{Space, condition, condition_of, docker_hub, password, private};
use crate::support::operator::operator;
use crate::support::pods::{Pods, back_off, not_sent, unauthorized};
use crate::support::world::world;
use crate::support::{audit, eventually};
use dps::api::{Cause, DockerPullSecret, DockerPullSecretStatus};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

async fn space(purpose: &str) -> (Space, Pods) {
    operator();
    let space = Space::new(world(), purpose).await;
    let pods = Pods::of(&space).await;
    (space, pods)
}

fn failing(status: &DockerPullSecretStatus, reason: &str, count: u32) -> Option<()> {
    let condition = condition(status, "PullsHealthy")?;
    (condition.reason == reason && condition.status == "False" && status.failing_pods == count).then_some(())
}

fn healthy(status: &DockerPullSecretStatus) -> Option<()> {
    (condition(status, "PullsHealthy")?.status == "True" && status.failing_pods == 0).then_some(())
}

/// Events on a resource: reason, note and how often.
async fn events(space: &Space, name: &str) -> Vec<(String, String, i32)> {
    let events: Api<Event> = Api::namespaced(space.client.clone(), &space.name);
    let all = events.list(&ListParams::default()).await.unwrap().items;
    let of = |event: &Event| {
        event
            .regarding
            .as_ref()
            .is_some_and(|object| object.name.as_deref() == Some(name))
    };
    all.into_iter()
        .filter(of)
        .map(|event| {
            let count = event.series.map_or(1, |series| series.count);
            (event.reason.unwrap_or_default(), event.note.unwrap_or_default(), count)
        })
        .collect()
}

async fn ready(space: &Space, name: &str, registry: &str) -> DockerPullSecret {
    space.credentials(&format!("{name}-login"), "user", CANARY).await;
    space.create(name, private(registry, &format!("{name}-login"))).await;
    let resource = space.ready(name).await;
    assert_eq!(condition_of(&resource, "PullsHealthy").status, "True");
    resource
}

#[tokio::test]
async fn rejected_credentials_are_reported_until_the_pod_runs() {
    let (space, pods) = space("joined").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";
    pods.create("web", image, &["app"]).await;
    let report = unauthorized(image) + " for user " + CANARY;
    pods.fails("web", image, &report).await;

    let failed = space.reason("app", "CredentialsRejected").await;
    let status = failed.status.as_ref().unwrap();
    assert_eq!(failing(status, "CredentialsRejected", 1), Some(()));
    assert_eq!(condition_of(&failed, "Stalled").status, "True");
    // A spec that breaks a rule changes nothing of that: the Secret is still there.
    let broken = json!({"verification": {"mode": "Disabled", "image": "Team/App"}});
    space.change("app", broken).await;
    let invalid = space.reason("app", "InvalidSpec").await;
    assert_eq!(
        invalid.status.as_ref().unwrap().pull_failures,
        failed.status.as_ref().unwrap().pull_failures
    );
    space.change("app", json!({"verification": {"image": null}})).await;
    space.reason("app", "CredentialsRejected").await;
    let message = &condition_of(&failed, "Ready").message;
    for part in [
        "DEP_E153 (the image could not be pulled): the registry rejected the credentials",
        "pod web cannot pull r.example.com/team/app:1",
        "Correct the user name and the password or access token in Secret \"app-login\", which DockerPullSecret \"app\" reads",
    ] {
        assert!(message.contains(part), "{message}");
    }
    let failure = &status.pull_failures[0];
    assert_eq!(
        (
            failure.cause,
            failure.code.as_str(),
            failure.count,
            failure.pod.as_str()
        ),
        (Cause::CredentialsRejected, "DEP_E153", 1, "web")
    );
    // The report has the password in it.
    assert_eq!(failure.message, "the text is left out: it repeats the credentials");
    let text = serde_json::to_string(&failed.status).unwrap();
    assert!(!text.contains(CANARY) && !text.contains("ns=hidden"), "{text}");
    let shown = world().kubectl(&["get", "dps", "app", "-n", &space.name]);
    assert!(shown.contains("FAILING"), "{shown}");

    // The kubelet goes on trying; nothing is written for that.
    space.settle().await;
    let writes = audit::writes_in(world(), &space.name).len();
    for _ in 0..3 {
        pods.fails("web", image, &report).await;
    }
    space.settle().await;
    let more = audit::writes_in(world(), &space.name);
    let more: Vec<&String> = more[writes..].iter().filter(|write| write.contains("/app")).collect();
    assert!(more.is_empty(), "{more:?}");

    pods.runs("web").await;
    let healed = space.ready("app").await;
    assert_eq!(healed.status.as_ref().and_then(healthy), Some(()));
    assert!(healed.status.unwrap().pull_failures.is_empty());
    both_events(&space, 1).await;

    // What happens again is counted.
    pods.fails("web", image, &report).await;
    space
        .until("app", "failing", |status| failing(status, "CredentialsRejected", 1))
        .await;
    pods.runs("web").await;
    space.until("app", "healthy", healthy).await;
    both_events(&space, 2).await;
}

async fn both_events(space: &Space, times: i32) {
    eventually("both Events", || async {
        let mut all = events(space, "app").await;
        all.sort_unstable();
        assert!(all.iter().all(|(_, note, _)| !note.contains(CANARY)));
        let shown: Vec<(&str, i32)> = all.iter().map(|(reason, _, count)| (reason.as_str(), *count)).collect();
        if shown == [("CredentialsRejected", times), ("Healthy", times)] {
            Ok(())
        } else {
            Err(format!("{all:?}"))
        }
    })
    .await;
}

/// The API server takes any name in `imagePullSecrets`, also what no path of a request can hold.
#[tokio::test]
async fn pod_with_an_invalid_secret_name_does_not_stop_a_reconcile() {
    let (space, pods) = space("names").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";
    for (pod, pull_secrets) in [
        ("blank", ["my login", "app"]),
        ("query", ["?", "app"]),
        ("path", ["../../default/secrets/x", "app"]),
    ] {
        pods.create(pod, image, &pull_secrets).await;
        pods.fails(pod, image, &unauthorized(image)).await;
    }
    space
        .until("app", "3 pods", |status| failing(status, "CredentialsRejected", 3))
        .await;
}

#[tokio::test]
async fn foreign_secret_with_wrong_credentials_is_not_the_fault_of_a_resource_of_its_name() {
    let (space, pods) = space("conflict").await;
    let document = json!({"auths": {"r.example.com": {"username": "hand", "password": CANARY}}}).to_string();
    let kind = "kubernetes.io/dockerconfigjson";
    space.secret("app", kind, &[(".dockerconfigjson", &document)]).await;
    space.credentials("login", "user", CANARY).await;
    let image = "r.example.com/team/app:1";
    pods.create("web", image, &["app"]).await;
    pods.fails("web", image, &unauthorized(image)).await;
    space.create("app", private("r.example.com", "login")).await;
    space.reason("app", "NameConflict").await;
    // A resource at fault is reported within the same time.
    ready(&space, "own", "own.example.com").await;
    let image = "own.example.com/team/app:1";
    pods.create("own", image, &["own"]).await;
    pods.fails("own", image, &unauthorized(image)).await;
    space.reason("own", "CredentialsRejected").await;
    space.settle().await;
    let resource = space.resources.get("app").await.unwrap();
    let status = resource.status.as_ref().unwrap();
    assert_eq!(healthy(status), Some(()), "{status:?}");
}

#[tokio::test]
async fn pods_of_a_deployment_are_reported_as_one_failure() {
    let (space, pods) = space("deployment").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";
    for name in ["web-a", "web-b", "web-c"] {
        pods.create(name, image, &["app"]).await;
        pods.fails(name, image, &unauthorized(image)).await;
    }
    let failed = space
        .until("app", "3 pods", |status| failing(status, "CredentialsRejected", 3))
        .await;
    let failures = failed.status.unwrap().pull_failures;
    assert_eq!((failures.len(), failures[0].count), (1, 3));
    for name in ["web-a", "web-b"] {
        pods.runs(name).await;
    }
    space
        .until("app", "1 pod", |status| failing(status, "CredentialsRejected", 1))
        .await;
    pods.delete("web-c").await;
    space.until("app", "none", healthy).await;
}

#[tokio::test]
async fn pod_that_does_not_list_the_secret_it_needs_is_reported_without_blame() {
    let (space, pods) = space("unused").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";
    pods.create("web", image, &[]).await;
    pods.fails("web", image, &not_sent(image)).await;
    let reported = space
        .until("app", "a report", |status| failing(status, "CredentialsNotSent", 1))
        .await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    let action = &reported.status.unwrap().pull_failures[0].action;
    assert!(action.contains("Add imagePullSecrets: [{name: app}]"), "{action}");
    pods.delete("web").await;
    space.until("app", "none", healthy).await;

    // The Secret is there, but its key is for another port.
    let image = "r.example.com:5000/team/app:1";
    pods.create("port", image, &["app"]).await;
    pods.fails("port", image, &not_sent(image)).await;
    let reported = space
        .until("app", "a report about the port", |status| {
            failing(status, "CredentialsNotSent", 1)
        })
        .await;
    let action = &reported.status.unwrap().pull_failures[0].action;
    assert!(
        action.contains("Set spec.registryUrl of DockerPullSecret \"app\" to r.example.com:5000"),
        "{action}"
    );

    // Pods that have nothing to do with it are no news.
    pods.create("other", "s.example.com/app:1", &[]).await;
    pods.fails("other", "s.example.com/app:1", &not_sent("s.example.com/app:1"))
        .await;
    pods.delete("port").await;
    space.until("app", "none", healthy).await;
}

#[tokio::test]
async fn failures_without_fault_of_the_secret_leave_the_resource_ready() {
    let (space, pods) = space("others").await;
    ready(&space, "app", "r.example.com").await;
    for (name, reason, image, report, cause) in [
        (
            "tag",
            "ErrImagePull",
            "r.example.com/app:nope",
            "rpc error: code = NotFound desc = failed to pull and unpack image \"r.example.com/app:nope\": failed to resolve image: r.example.com/app:nope: not found",
            "ImageNotFound",
        ),
        (
            "denied",
            "ErrImagePull",
            "r.example.com/app:1",
            "pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
            "AccessDenied",
        ),
        (
            "name",
            "InvalidImageName",
            "r.example.com/App:1",
            "Failed to apply default image tag \"r.example.com/App:1\": couldn't parse image name",
            "InvalidImage",
        ),
        (
            "never",
            "ErrImageNeverPull",
            "r.example.com/app:1",
            "Container image \"r.example.com/app:1\" is not present with pull policy of Never",
            "NeverPull",
        ),
        (
            "limit",
            "ErrImagePull",
            "r.example.com/app:1",
            "unexpected status from HEAD request to https://r.example.com/v2/app/manifests/1: 429 Too Many Requests",
            "RateLimited",
        ),
    ] {
        pods.create(name, image, &["app"]).await;
        pods.waits(name, reason, report).await;
        if name == "denied" {
            // These words could come from an attempt without the credentials: the second one proves it.
            pods.fails(name, image, report).await;
            pods.fails(name, image, report).await;
        }
        let reported = space.until("app", cause, |status| failing(status, cause, 1)).await;
        assert_eq!(condition_of(&reported, "Ready").status, "True", "{cause}");
        pods.delete(name).await;
        space.until("app", "none", healthy).await;
    }
}

#[tokio::test]
async fn single_transient_failure_is_not_reported() {
    let (space, pods) = space("odd").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";
    // As a kubelet reports that could not read the Secret yet.
    pods.create("web", image, &["app"]).await;
    pods.fails("web", image, &not_sent(image)).await;
    // A connection that failed once.
    pods.create("net", image, &["app"]).await;
    pods.fails(
        "net",
        image,
        "failed to do request: dial tcp 10.0.0.1:443: connect: connection refused",
    )
    .await;
    // Something that counts comes after both.
    pods.create("last", image, &["app"]).await;
    pods.fails("last", image, &unauthorized(image)).await;
    space
        .until("app", "only the last", |status| {
            failing(status, "CredentialsRejected", 1)
        })
        .await;
    pods.delete("last").await;
    space.until("app", "none", healthy).await;
    // Twice is no accident.
    pods.fails(
        "net",
        image,
        "failed to do request: dial tcp 10.0.0.1:443: connect: connection refused",
    )
    .await;
    let reported = space
        .until("app", "unreachable", |status| failing(status, "RegistryUnreachable", 1))
        .await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
}

#[tokio::test]
async fn failure_of_any_kind_of_container_is_reported() {
    let (space, pods) = space("kinds").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";
    let main = json!({"name": "main", "image": "public.example/ok:1"});
    let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": unauthorized(image)}});

    let init = json!({"initContainers": [{"name": "init", "image": image}], "containers": [main]});
    pods.create_with("init", init, &["app"]).await;
    pods.status("init", "initContainerStatuses", "init", &waiting).await;
    let reported = space.reason("app", "CredentialsRejected").await;
    assert_eq!(reported.status.unwrap().pull_failures[0].container, "init");
    pods.delete("init").await;
    space.ready("app").await;

    // Into a pod that runs.
    pods.create_with("debug", json!({"containers": [main]}), &["app"]).await;
    pods.status("debug", "containerStatuses", "main", &json!({"running": {}}))
        .await;
    let debugger = json!({"spec": {"ephemeralContainers": [{"name": "shell", "image": image}]}});
    let params = kube::api::PatchParams::default();
    pods.api
        .patch_ephemeral_containers("debug", &params, &kube::api::Patch::Strategic(debugger))
        .await
        .unwrap();
    let waiting = json!({"status": {"phase": "Running", "ephemeralContainerStatuses": [{
        "name": "shell", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": waiting}]}});
    pods.api
        .patch_status("debug", &params, &kube::api::Patch::Merge(waiting))
        .await
        .unwrap();
    let reported = space.reason("app", "CredentialsRejected").await;
    assert_eq!(reported.status.unwrap().pull_failures[0].container, "shell");
}

/// API servers before 1.35 drop it from a pod, unless their gate `ImageVolume` is on.
#[tokio::test]
async fn failure_of_an_image_volume_is_reported() {
    let (space, pods) = space("volume").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";
    let volume = json!({
        "containers": [{"name": "main", "image": "public.example/ok:1", "volumeMounts": [{"name": "model", "mountPath": "/model"}]}],
        "volumes": [{"name": "model", "image": {"reference": image}}],
    });
    pods.create_with("volume", volume, &["app"]).await;
    let waiting = json!({"waiting": {"reason": "ErrImagePull", "message": unauthorized(image)}});
    pods.status("volume", "containerStatuses", "main", &waiting).await;
    let reported = space.reason("app", "CredentialsRejected").await;
    assert_eq!(reported.status.unwrap().pull_failures[0].image, image);
}

#[tokio::test]
async fn missing_and_malformed_secrets_are_reported() {
    let (space, pods) = space("secrets").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";

    // The pod names a Secret that does not exist, instead of the existing one.
    pods.create("typo", image, &["ap"]).await;
    pods.fails("typo", image, &not_sent(image)).await;
    let reported = space
        .until("app", "missing", |status| failing(status, "PullSecretMissing", 1))
        .await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    let action = &reported.status.unwrap().pull_failures[0].action;
    assert!(
        action.contains("Use \"app\" in the pod's imagePullSecrets instead"),
        "{action}"
    );
    pods.delete("typo").await;

    // One of another owner spoils all of them.
    let broken = r#"{"auths":{"s.example.com":{"auth":"!!!"}}}"#;
    space
        .secret(
            "broken",
            "kubernetes.io/dockerconfigjson",
            &[(".dockerconfigjson", broken)],
        )
        .await;
    pods.create("spoilt", image, &["app", "broken"]).await;
    let text = "illegal base64 data at input byte 0";
    pods.waits("spoilt", text, text).await;
    let reported = space
        .until("app", "malformed", |status| failing(status, "PullSecretMalformed", 1))
        .await;
    assert_eq!(condition_of(&reported, "Ready").status, "True");
    let action = &reported.status.unwrap().pull_failures[0].action;
    assert!(
        action.contains("Secret \"broken\" holds an entry \"s.example.com\" whose \"auth\""),
        "{action}"
    );
    pods.delete("spoilt").await;
    space.until("app", "none", healthy).await;

    // The resource itself cannot make its Secret.
    space.create("late", private("t.example.com", "late-login")).await;
    space.reason("late", "SecretNotFound").await;
    let image = "t.example.com/app:1";
    pods.create("waiting", image, &["late"]).await;
    pods.fails("waiting", image, &not_sent(image)).await;
    let reported = space
        .until("late", "missing", |status| failing(status, "PullSecretMissing", 1))
        .await;
    assert_eq!(condition_of(&reported, "Ready").reason, "SecretNotFound");
}

#[tokio::test]
async fn new_password_removes_the_blame_before_the_node_tries_again() {
    let (space, pods) = space("rotated").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";
    pods.create("web", image, &["app"]).await;
    pods.fails("web", image, &unauthorized(image)).await;
    space.reason("app", "CredentialsRejected").await;
    space.credentials("app-login", "user", "better").await;
    space
        .secret_until("app", "new", |secret| password(secret).as_deref() == Some("better"))
        .await;
    let reported = space.ready("app").await;
    let status = reported.status.unwrap();
    assert_eq!(failing(&status, "CredentialsRejected", 1), Some(()));
    assert!(
        status.pull_failures[0].action.contains("has changed since"),
        "{status:?}"
    );
    // It is no better.
    pods.fails("web", image, &unauthorized(image)).await;
    space.reason("app", "CredentialsRejected").await;
}

#[tokio::test]
async fn report_that_an_old_kubelet_writes_only_in_events_is_found() {
    let (space, pods) = space("events").await;
    space.credentials("hub-login", "user", CANARY).await;
    space.create("hub", docker_hub("hub-login")).await;
    space.ready("hub").await;
    let image = "acme/app:1";
    pods.create("web", image, &["hub"]).await;
    let pod = pods.api.get("web").await.unwrap();
    let message = format!(
        "Failed to pull image \"{image}\": rpc error: code = Unknown desc = Error response from daemon: Head \"https://registry-1.docker.io/v2/acme/app/manifests/1\": unauthorized: incorrect username or password"
    );
    let event = json!({
        "apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.1"}, "type": "Warning", "reason": "Failed", "message": message,
        "involvedObject": {"apiVersion": "v1", "kind": "Pod", "namespace": space.name, "name": "web", "uid": pod.metadata.uid},
    });
    let events: Api<k8s_openapi::api::core::v1::Event> = Api::namespaced(space.client.clone(), &space.name);
    events
        .create(
            &kube::api::PostParams::default(),
            &serde_json::from_value(event).unwrap(),
        )
        .await
        .unwrap();
    pods.waits(
        "web",
        "ImagePullBackOff",
        &format!("Back-off pulling image \"{image}\""),
    )
    .await;
    let reported = space.reason("hub", "CredentialsRejected").await;
    assert!(
        reported.status.unwrap().pull_failures[0]
            .message
            .contains("incorrect username")
    );
}

#[tokio::test]
async fn many_pods_failing_at_once_cause_few_writes() {
    let (space, pods) = space("many").await;
    ready(&space, "app", "r.example.com").await;
    let image = "r.example.com/team/app:1";
    let of = || {
        let writes = audit::writes_in(world(), &space.name);
        writes
            .iter()
            .filter(|write| *write == "patch dockerpullsecrets/app/status")
            .count()
    };
    let before = of();
    for number in 0..100 {
        let name = format!("web-{number}");
        pods.create(&name, image, &["app"]).await;
        let report = back_off(image, &unauthorized(image));
        pods.waits(&name, "ImagePullBackOff", &report).await;
    }
    space
        .until("app", "all", |status| failing(status, "CredentialsRejected", 100))
        .await;
    let writes = of() - before;
    assert!(writes <= 10, "{writes}");
}
