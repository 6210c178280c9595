//! Observing, applying and publishing against a scripted API server in memory.

mod api_server;
mod watches;

use std::sync::Arc;

use http::Method;
use serde_json::{Value, json};

use self::api_server::ApiServer;
use crate::api::DockerPullSecret;
use crate::controller::context::{Context, Shared, now};
use crate::controller::lease::Leader;
use crate::controller::metrics::Metrics;
use crate::controller::minter::Minter;
use crate::controller::readiness::Readiness;
use crate::controller::reconcile::reconcile_current;
use crate::controller::store::stored_resource::Of;
use crate::controller::verification::Verifier;
use crate::controller::watches::drive::Watched as _;
use crate::controller::watches::resources::Resources;
use crate::domain::credentials::repetition::LEFT_OUT;
use crate::domain::minting::settings::MintSettings;
use crate::domain::names::{ObjectKey, Uid};
use crate::domain::pull_failures::pod::Pod;
use crate::domain::verification::address::Policy;
use crate::domain::verification::verdict::{Verdict, VerificationResult};

const RESOURCE: &str = "/apis/pullsecrets.dev/v1alpha1/namespaces/team/dockerpullsecrets/app";
const SOURCE: &str = "/api/v1/namespaces/team/secrets/login";
const TARGET: &str = "/api/v1/namespaces/team/secrets/app";
const PASSWORD: &str = "canary-password";

/// A controller beside the scripted API server.
struct World {
    server: ApiServer,
    watched: Resources<DockerPullSecret>,
    ctx: Arc<Context>,
}

impl World {
    fn new(spec: &Value) -> Self {
        let server = ApiServer::default();
        server.put(
            SOURCE,
            json!({"metadata": {"name": "login", "namespace": "team", "uid": "uid-login"}, "stringData": {},
                "data": {"username": base64("user"), "password": base64(PASSWORD)}}),
        );
        server.put(
            RESOURCE,
            json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret",
                "metadata": {"name": "app", "namespace": "team", "uid": "uid-app", "generation": 1}, "spec": spec}),
        );
        let metrics = Arc::new(Metrics::default());
        let leader = Arc::new(Leader::new(false));
        let verifier = Verifier::start(Policy::default(), 1, Arc::clone(&metrics), Arc::clone(&leader)).unwrap();
        let minter = Minter::new(MintSettings::default(), Policy::default(), Arc::clone(&metrics));
        let shared = Shared {
            minter: Arc::new(minter),
            readiness: Readiness::default(),
            metrics,
            verifier,
            leader,
            resource_metrics: true,
            attaches_to_accounts: false,
            attaches_to_pods: false,
            evicts_pods: false,
            clusters: None,
            scopes: std::sync::Mutex::default(),
            recoveries: std::sync::Mutex::default(),
        };
        let ctx = Arc::new(Context::new(server.client(), Arc::new(shared)));
        ctx.set_pods_listed();
        let mut world = Self {
            server,
            watched: Resources::new(Arc::clone(&ctx)),
            ctx,
        };
        world.watch();
        world
    }

    /// The watch brings the resource as it is stored now.
    fn watch(&mut self) {
        let object = self.server.state().objects[RESOURCE].clone();
        let object: Of<DockerPullSecret> = serde_json::from_str(&object.to_string()).unwrap();
        self.watched.applied(object);
    }

    async fn reconcile(&mut self) -> Result<(), String> {
        self.watch();
        self.reconcile_unseen().await
    }

    /// A reconcile before the watch brings anything.
    async fn reconcile_unseen(&self) -> Result<(), String> {
        let result = reconcile_current(&ObjectKey::new("team", "app"), &self.ctx).await;
        result.map_err(|error| error.to_string())
    }

    /// Status and reason of a condition.
    fn condition(&self, kind: &str) -> (String, String, String) {
        let resource = self.server.state().objects[RESOURCE].clone();
        let conditions = resource["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let condition = conditions
            .iter()
            .find(|condition| condition["type"] == kind)
            .cloned()
            .unwrap_or_default();
        let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        (text("status"), text("reason"), text("message"))
    }
}

fn base64(text: &str) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}

fn unverified() -> Value {
    json!({"type": "PrivateRegistry", "registryUrl": "registry.example.com", "credentialsRef": {"name": "login"},
        "verification": {"mode": "Disabled"}})
}

fn verified() -> Value {
    json!({"type": "PrivateRegistry", "registryUrl": "registry.example.com", "credentialsRef": {"name": "login"}})
}

#[tokio::test]
async fn a_new_resource_costs_two_writes_and_none_at_rest() {
    let mut world = World::new(&unverified());
    world.reconcile().await.unwrap();
    assert_eq!(
        world.server.writes(),
        [format!("PATCH {TARGET}"), format!("PATCH {RESOURCE}/status")]
    );
    assert_eq!(world.condition("Ready").1, "Ready");
    world.reconcile().await.unwrap();
    assert_eq!(world.server.writes(), [""; 0]);
}

#[tokio::test]
async fn a_status_is_not_written_again_before_the_watch_brings_it() {
    let mut world = World::new(&unverified());
    world.watch();
    world.reconcile_unseen().await.unwrap();
    world.server.writes();
    world.reconcile_unseen().await.unwrap();
    assert_eq!(world.server.writes(), [""; 0]);
}

#[tokio::test]
async fn a_refused_write_is_a_condition_without_the_password() {
    for code in [400, 403, 413, 422] {
        let mut world = World::new(&unverified());
        world.server.fail(
            Method::PATCH,
            TARGET,
            code,
            &format!("denied {}", PASSWORD.to_uppercase()),
        );
        world.reconcile().await.unwrap();
        let (status, reason, message) = world.condition("SecretSynced");
        assert_eq!((status.as_str(), reason.as_str()), ("False", "WriteRefused"), "{code}");
        assert!(message.ends_with(LEFT_OUT), "{message}");
        world.server.heal();
        world.reconcile().await.unwrap();
        assert_eq!(world.condition("Ready").1, "Ready", "{code}");
    }
}

#[tokio::test]
async fn a_conflict_or_an_outage_is_retried_and_reported_from_the_third_time() {
    for code in [409, 429, 500, 503] {
        let mut world = World::new(&unverified());
        world.server.fail(Method::PATCH, TARGET, code, "not now");
        for reported in [false, false, true] {
            world.reconcile().await.unwrap_err();
            let reason = world.condition("Ready").1;
            assert_eq!(reason == "RetryingAfterError", reported, "{code} {reason}");
        }
        world.server.heal();
        world.reconcile().await.unwrap();
        assert_eq!(world.condition("Ready").1, "Ready", "{code}");
        assert_eq!(world.ctx.memory(&Uid::new("uid-app")).consecutive_errors, 0);
    }
}

#[tokio::test]
async fn a_secret_that_changed_after_it_was_observed_is_not_overwritten() {
    let mut world = World::new(&unverified());
    world.reconcile().await.unwrap();
    let mut foreign = world.server.get(TARGET).unwrap();
    foreign["data"] = json!({".dockerconfigjson": base64("{}")});
    world.server.put(TARGET, foreign);
    world
        .server
        .fail(Method::PATCH, TARGET, 409, "the object has been modified");
    world.reconcile().await.unwrap_err();
    world.server.heal();
    world.reconcile().await.unwrap();
    let document = world.server.get(TARGET).unwrap()["data"][".dockerconfigjson"].clone();
    assert_ne!(document, json!(base64("{}")));
}

#[tokio::test]
async fn rejected_credentials_are_held_back_and_the_verdict_counts_as_unpublished_until_it_is_written() {
    let mut world = World::new(&verified());
    world.reconcile().await.unwrap();
    conclude(&world.ctx, VerificationResult::Accepted);
    world.reconcile().await.unwrap();
    assert_eq!(world.condition("CredentialsAccepted").1, "Accepted");
    let accepted = world.server.get(TARGET);

    world.server.put(
        SOURCE,
        json!({"metadata": {"name": "login", "namespace": "team", "uid": "uid-login"},
            "data": {"username": base64("user"), "password": base64("wrong")}}),
    );
    world.server.writes();
    world.reconcile().await.unwrap();
    assert_eq!(world.server.writes(), [""; 0], "waits for the verdict");
    conclude(&world.ctx, VerificationResult::Rejected);
    world
        .server
        .fail(Method::PATCH, &format!("{RESOURCE}/status"), 500, "not now");
    world.reconcile().await.unwrap_err();
    let uid = Uid::new("uid-app");
    assert_eq!(world.ctx.memories().with_unpublished_verdict(), [uid]);
    world.server.heal();
    world.reconcile().await.unwrap();
    assert!(world.ctx.memories().with_unpublished_verdict().is_empty());
    assert_eq!(world.condition("SecretSynced").1, "HeldBack");
    assert_eq!(world.server.get(TARGET), accepted);
}

/// Gives the attempt that the resource waits for its verdict, as the verifier does. The verifier itself makes none in a
/// test: no scope was listed, and that is waited for longer than a test lasts.
fn conclude(ctx: &Context, result: VerificationResult) {
    let waiters = {
        let mut state = ctx.shared.verifier.state();
        let request = state.queue.take_queued().pop().expect("an attempt is queued");
        state.conclude(&request, &Verdict::new(result, "what the registry said"), now())
    };
    for waiter in &waiters {
        ctx.verdict_reached(waiter);
    }
}

#[tokio::test]
async fn a_verdict_that_comes_while_an_older_status_is_written_stays_unpublished() {
    let mut world = World::new(&verified());
    let ctx = Arc::clone(&world.ctx);
    world.server.meanwhile(&format!("{RESOURCE}/status"), move || {
        conclude(&ctx, VerificationResult::Rejected);
    });
    world.reconcile().await.unwrap();
    assert_eq!(world.condition("CredentialsAccepted").1, "Pending");
    assert_eq!(world.ctx.memories().with_unpublished_verdict(), [Uid::new("uid-app")]);
    world.reconcile().await.unwrap();
    assert_eq!(world.condition("CredentialsAccepted").1, "Rejected");
    assert!(world.ctx.memories().with_unpublished_verdict().is_empty());
}

#[tokio::test]
async fn a_pull_secret_of_a_pod_that_cannot_be_read_does_not_keep_the_own_one_from_being_written() {
    let mut world = World::new(&unverified());
    let pod: Pod = serde_json::from_value(json!({
        "metadata": {"name": "web", "namespace": "team", "uid": "uid-web"},
        "spec": {"imagePullSecrets": [{"name": "other"}],
            "containers": [{"name": "web", "image": "registry.example.com/app"}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "web", "image": "registry.example.com/app",
            "state": {"waiting": {"reason": "ErrImagePull", "message": "401 Unauthorized"}}}]},
    }))
    .unwrap();
    world.ctx.failing_pods().observe(&pod, now());
    let other = "/api/v1/namespaces/team/secrets/other";
    world.server.fail(Method::GET, other, 500, "not now");
    for _ in 0..4 {
        world.reconcile().await.unwrap();
        assert_eq!(world.condition("Ready").1, "Ready");
        assert_eq!(world.condition("PullsHealthy").0, "Unknown");
    }
    assert_eq!(world.server.writes().len(), 2, "once each: the Secret and the status");
    // Somebody took the right to read Secrets away: that is worth a diagnosis all the same.
    world.server.fail(Method::GET, other, 403, "forbidden");
    world.reconcile().await.unwrap();
}

#[tokio::test]
async fn a_resource_deleted_meanwhile_is_no_error() {
    let mut world = World::new(&unverified());
    world
        .server
        .fail(Method::PATCH, &format!("{RESOURCE}/status"), 404, "not found");
    world.reconcile().await.unwrap();
}

#[tokio::test]
async fn a_suspended_resource_is_neither_read_nor_written() {
    let mut spec = unverified();
    spec["suspend"] = json!(true);
    let mut world = World::new(&spec);
    world.server.fail(Method::GET, SOURCE, 500, "must not be read");
    world.reconcile().await.unwrap();
    assert_eq!(world.server.writes(), [format!("PATCH {RESOURCE}/status")]);
}
