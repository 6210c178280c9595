//! The centre: what is decided about one resource, reconcile after reconcile, without a cluster.
//!
//! [`Cluster`] plays the API server and the registry: it keeps what a decision writes, and hands it back.

mod attached;
mod contested;
mod failing_pods;
mod held_back;
mod two_processes;

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::sync::Arc;
use std::time::Duration;

use dps::api::{DockerPullSecret, DockerPullSecretStatus, VerificationResult};
use dps::domain::credentials::RegistryCredentials;
use dps::domain::index::IndexView;
use dps::domain::pull_failures::failing_pods::FailingPod;
use dps::domain::reconcile::change::Change;
use dps::domain::reconcile::decide::copies::Distribute;
use dps::domain::reconcile::decide::{Decision, Subject, decide};
use dps::domain::reconcile::memory::ResourceMemory;
use dps::domain::reconcile::observed::{Observed, ObservedPods, PodsOfNamespace};
use dps::domain::reconcile::refusal::{WriteRefusal, refusal};
use dps::domain::spec::declaration::Declaration;
use dps::domain::status::build::build_status;
use dps::domain::time::{Timestamp, after};
use dps::domain::verification::fingerprint::Fingerprinter;
use dps::domain::verification::ledger::Ledger;
use dps::domain::verification::queue::{VerificationQueue, VerificationRequest};
use dps::domain::verification::state::VerificationState;
use dps::domain::verification::verdict::Verdict;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::{named, private, secret, with};

/// One resource, the Secrets around it, and what the process remembers.
struct Cluster {
    resource: DockerPullSecret,
    source: Secret,
    /// Generated Secrets, by name.
    generated: BTreeMap<String, Secret>,
    status: Option<DockerPullSecretStatus>,
    memory: ResourceMemory,
    verification: VerificationState,
    request: Option<VerificationRequest>,
    refusal: Option<WriteRefusal>,
    oldest: &'static str,
    attaches_to_pods: bool,
    without_namespaces: Option<String>,
    owner_wants: Option<bool>,
    /// Failing pods of the namespace.
    pods: Vec<(String, Arc<FailingPod>)>,
    now: Timestamp,
    version: u32,
}

impl Cluster {
    /// A resource that was just created, with these credentials.
    fn new(spec: &Value, password: &str) -> Self {
        let now = Timestamp::from_second(1_000_000).unwrap();
        let mut cluster = Self {
            resource: named("app", 100, spec),
            source: Secret::default(),
            generated: BTreeMap::new(),
            status: None,
            memory: ResourceMemory::default(),
            verification: state(now),
            request: None,
            refusal: None,
            oldest: "app",
            attaches_to_pods: false,
            without_namespaces: None,
            owner_wants: None,
            pods: Vec::new(),
            now,
            version: 0,
        };
        cluster.change_password(password);
        cluster
    }

    /// A resource whose Secret holds accepted credentials.
    fn with_accepted(spec: &Value) -> Self {
        let mut cluster = Self::new(spec, "accepted");
        cluster.reconcile();
        cluster.verdict(VerificationResult::Accepted);
        cluster.reconcile();
        assert_eq!(cluster.condition("Ready"), ("True", "Ready"));
        cluster
    }

    fn change_password(&mut self, password: &str) {
        self.version += 1;
        self.source = secret(&[("username", "user"), ("password", password)]);
        self.source.metadata.name = Some("login".to_owned());
        self.source.metadata.uid = Some("uid-login".to_owned());
        self.source.metadata.resource_version = Some(self.version.to_string());
    }

    fn change_spec(&mut self, fields: Value) {
        let spec = serde_json::to_value(&self.resource.spec).unwrap();
        self.resource = named("app", 100, &with(spec, fields));
    }

    fn wait(&mut self, time: Duration) {
        self.now = after(self.now, time);
    }

    /// The process ends, and another one begins with what is stored.
    fn restart(&mut self) {
        self.memory = ResourceMemory::default();
        self.verification = state(self.now);
        self.request = None;
    }

    /// One reconcile: observes, decides, and keeps what is written.
    fn reconcile(&mut self) -> Decision {
        let declaration = Declaration::from(&self.resource);
        let reference = declaration.reference().unwrap();
        let target = declaration.target.clone();
        let retained = self.generated.keys().next().cloned();
        let previous = self.status.clone();
        let subject = Subject {
            reference: &reference,
            declaration: &declaration,
            previous: previous.as_ref(),
        };
        let observed = Observed {
            source: Some(self.source.clone()),
            target: self.generated.get(&target).cloned(),
            without_namespaces: self.without_namespaces.clone(),
            retained: retained.as_ref().and_then(|name| self.generated.get(name)).cloned(),
            index: IndexView {
                oldest_claimant: Some(self.oldest.to_owned()),
                owner_wants_target: self.owner_wants,
                retained_secret: self.generated.get(&target).map(|_| target.clone()).or(retained),
                ..IndexView::default()
            },
            pods: Some(ObservedPods {
                incomplete: false,
                places: vec![PodsOfNamespace {
                    namespace: "team".to_owned(),
                    has_secret: true,
                    failing: self.pods.clone(),
                    ..PodsOfNamespace::default()
                }],
            }),
            attaches_to_pods: self.attaches_to_pods,
            refusal: self.refusal.clone(),
            ..Observed::default()
        };
        let decision = decide(&subject, &observed, &self.memory, &mut self.verification, self.now);
        self.memory.decided = decision.memory.clone();
        for change in &decision.changes {
            if let Change::ApplySecret(change) = change {
                let mut secret = change.desired.secret();
                secret.metadata.uid = Some(format!("uid-{}", change.desired.key().name));
                self.generated.insert(change.desired.key().name.clone(), secret);
            }
        }
        self.status = Some(build_status(self.status.as_ref(), Some(1), &decision.finding, self.now));
        if let Some(start) = decision.announces {
            self.verification.queue.announced(&reference.uid, start);
        }
        self.request = self.verification.start(self.now).attempts.pop().or(self.request.take());
        decision
    }

    /// The registry answers the last login attempt. After a refusal its user is left alone for some time.
    fn verdict(&mut self, result: VerificationResult) {
        let request = self.request.take().expect("a login attempt was requested");
        let verdict = Verdict::new(result, "what the registry said");
        self.verification.conclude(&request, &verdict, self.now);
        if result.is_refusal() {
            self.wait(Duration::from_mins(3));
        }
    }

    /// The password in a generated Secret.
    fn password(&self, name: &str) -> Option<String> {
        let secret = self.generated.get(name)?;
        let document: Value = serde_json::from_slice(&secret.data.as_ref()?[".dockerconfigjson"].0).unwrap();
        let entry = document["auths"].as_object().unwrap().values().next().unwrap();
        entry["password"].as_str().map(str::to_owned)
    }

    /// Status and reason of a condition.
    fn condition(&self, kind: &str) -> (&str, &str) {
        let conditions = &self.status.as_ref().expect("a status").conditions;
        let condition = conditions.iter().find(|condition| condition.type_ == kind).unwrap();
        (&condition.status, &condition.reason)
    }
}

/// A verifier that may make attempts since long ago.
fn state(now: Timestamp) -> VerificationState {
    let started = after(now, Duration::ZERO);
    let mut queue = VerificationQueue::new(1, Timestamp::from_second(started.as_second() - 3600).unwrap());
    queue.scope_listed([], started);
    VerificationState {
        ledger: Ledger::new(Fingerprinter::new([RandomState::new(), RandomState::new()])),
        queue,
    }
}

fn spec() -> Value {
    private("registry.example.com")
}

#[test]
fn first_credentials_are_written_at_once() {
    let mut cluster = Cluster::new(&spec(), "first");
    let decision = cluster.reconcile();
    assert_eq!(decision.changes.len(), 1);
    assert!(cluster.request.is_some());
    assert_eq!(cluster.password("app").as_deref(), Some("first"));
    assert!(cluster.reconcile().changes.is_empty(), "written once");
}

#[test]
fn on_rejected_write_anyway_waits_for_nothing() {
    let anyway = json!({"verification": {"onRejected": "WriteAnyway"}});
    let mut cluster = Cluster::with_accepted(&with(spec(), anyway));
    cluster.change_password("wrong");
    cluster.reconcile();
    assert_eq!(cluster.password("app").as_deref(), Some("wrong"));
}

/// What the API server answers to a write, and whether the write is tried again soon.
struct Answer {
    code: u16,
    message: &'static str,
    is_tried_again: bool,
}

#[test]
fn refused_write_is_reported_and_tried_again_within_66_s_if_it_may_pass_then() {
    let answers = [
        Answer {
            code: 403,
            message: "secrets \"app\" is forbidden: exceeded quota: count",
            is_tried_again: true,
        },
        Answer {
            code: 400,
            message: "admission webhook \"w\" denied the request: no",
            is_tried_again: true,
        },
        Answer {
            code: 422,
            message: "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
            is_tried_again: true,
        },
        Answer {
            code: 422,
            message: "data: Too long: may not be more than 1048576 bytes",
            is_tried_again: false,
        },
        Answer {
            code: 413,
            message: "Request entity too large: limit is 3145728",
            is_tried_again: false,
        },
    ];
    for Answer {
        code,
        message,
        is_tried_again,
    } in answers
    {
        let mut cluster = Cluster::new(&spec(), "first");
        let credentials = RegistryCredentials::new("user", "first").unwrap();
        cluster.refusal = refusal(code, message, "app", &credentials);
        let decision = cluster.reconcile();
        assert!(decision.changes.is_empty());
        let soon = decision.next.is_some_and(|next| next <= Duration::from_secs(66));
        assert_eq!(soon, is_tried_again, "{message}");
        assert_eq!(cluster.condition("SecretSynced"), ("False", "WriteRefused"));
        assert_eq!(cluster.status.as_ref().unwrap().secret_name, None);
    }
}

#[test]
fn a_suspended_resource_is_left_as_it_is() {
    let mut cluster = Cluster::with_accepted(&spec());
    cluster.change_password("other");
    cluster.change_spec(json!({"suspend": true}));
    let decision = cluster.reconcile();
    assert!(decision.changes.is_empty() && cluster.request.is_none() && decision.next.is_none());
    assert_eq!(cluster.condition("Ready"), ("Unknown", "Suspended"));
    assert_eq!(cluster.password("app").as_deref(), Some("accepted"));
}

#[test]
fn before_namespaces_are_listed_the_status_says_so_and_stays() {
    let mut cluster = Cluster::with_accepted(&spec());
    let before = cluster.status.clone().unwrap();
    cluster.change_password("other");
    cluster.without_namespaces = Some("not listed yet: forbidden".to_owned());
    let decision = cluster.reconcile();
    assert!(decision.changes.is_empty() && decision.announces.is_none() && cluster.request.is_none());
    assert_eq!(decision.distribute, Distribute::Keep);
    assert_eq!(cluster.condition("Ready"), ("Unknown", "RetryingAfterError"));
    assert_eq!(cluster.condition("Reconciling").0, "True");
    for kind in ["SecretSynced", "PullsHealthy"] {
        let after = cluster.condition(kind);
        let same = before
            .conditions
            .iter()
            .find(|condition| condition.type_ == kind)
            .unwrap();
        assert_eq!(after, (same.status.as_str(), same.reason.as_str()), "{kind}");
    }
    cluster.without_namespaces = None;
    cluster.reconcile();
    assert!(cluster.request.is_some());

    let mut new = Cluster::new(&spec(), "first");
    new.without_namespaces = Some("not listed yet".to_owned());
    assert!(new.reconcile().changes.is_empty());
    assert_eq!(new.condition("SecretSynced"), ("Unknown", "RetryingAfterError"));
}

#[test]
fn credentials_that_vanish_leave_the_last_good_secret() {
    let mut cluster = Cluster::with_accepted(&spec());
    cluster.source = secret(&[("username", "user")]);
    let decision = cluster.reconcile();
    assert!(decision.changes.is_empty() && cluster.request.is_none());
    assert_eq!(cluster.condition("SecretSynced"), ("False", "Stale"));
    assert_eq!(cluster.condition("CredentialsResolved"), ("False", "KeyMissing"));
    assert_eq!(cluster.password("app").as_deref(), Some("accepted"));
}
