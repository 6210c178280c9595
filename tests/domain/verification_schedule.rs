//! Whether the credentials of a resource are verified now, and what is published.

use std::collections::hash_map::RandomState;
use std::time::Duration;

use dps::api::{OnRejected, RegistryType, UnansweredAttempt, VerificationResult as R, VerificationStatus};
use dps::domain::credentials::RegistryCredentials;
use dps::domain::names::{ObjectKey, ResourceRef, Uid};
use dps::domain::registry::key::RegistryKey;
use dps::domain::registry::manifest::ManifestReference;
use dps::domain::spec::validate::VerificationSettings;
use dps::domain::time::{Timestamp, after};
use dps::domain::verification::ca_bundle::CaBundle;
use dps::domain::verification::finding::{PublishedVerification, VerificationFinding};
use dps::domain::verification::fingerprint::Fingerprinter;
use dps::domain::verification::ledger::Ledger;
use dps::domain::verification::method::VerificationMethod;
use dps::domain::verification::queue::VerificationQueue;
use dps::domain::verification::record::VerificationRecord;
use dps::domain::verification::schedule::{ScheduleInput, VerificationView, held_back, remember, schedule};
use dps::domain::verification::state::VerificationState;
use dps::domain::verification::verdict::Verdict;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

use crate::verification_inputs::{at, credentials, method, minutes};

const PLAIN: &str = "https://registry.example.com/v2/";
const DAY: Duration = Duration::from_hours(24);

/// One resource, and what the process remembers.
struct World {
    credentials: RegistryCredentials,
    identity: &'static str,
    registry: RegistryKey,
    settings: VerificationSettings,
    ca_bundle: Result<Option<CaBundle>, Verdict>,
    status: Option<VerificationStatus>,
    fallback_message: Option<&'static str>,
    interval: Option<Duration>,
    requested: Option<&'static str>,
    submitted: Option<String>,
    announced: Option<Timestamp>,
    refused_at: Option<Timestamp>,
    state: VerificationState,
}

impl World {
    fn new() -> Self {
        Self {
            credentials: credentials("word"),
            identity: "uid/1 registry.example.com",
            registry: RegistryKey::new(RegistryType::PrivateRegistry, Some("registry.example.com")).unwrap(),
            settings: VerificationSettings {
                enabled: true,
                interval: None,
                image: None,
                on_rejected: OnRejected::KeepLastAccepted,
                ca: None,
                plain_http: false,
            },
            ca_bundle: Ok(None),
            status: None,
            fallback_message: None,
            interval: None,
            requested: None,
            submitted: None,
            announced: None,
            refused_at: None,
            state: state(),
        }
    }

    fn image(mut self, image: &str) -> Self {
        self.settings.image = Some(ManifestReference::parse(image).unwrap());
        self
    }

    fn registry(mut self, registry: &str) -> Self {
        self.registry = RegistryKey::new(RegistryType::PrivateRegistry, Some(registry)).unwrap();
        self
    }

    /// What a reconcile decides. As the controller does, it queues the attempt, and publishes and remembers the rest.
    fn reconcile(&mut self, now: Timestamp) -> VerificationView {
        let view = self.look(now);
        self.submitted.clone_from(&view.submitted);
        let start = self
            .state
            .enter(&resource(), view.key.as_ref(), view.request.clone(), now);
        let own = start.map(|start| UnansweredAttempt {
            start_time: Time(start),
            credentials_version: format!("{} {}", self.identity, view.key.as_ref().unwrap().1),
        });
        self.announced = start.or(self.announced);
        let secret_verified = self.status.as_ref().is_some_and(|status| status.secret_verified);
        let status = match &view.finding {
            VerificationFinding::Done(status) => Some(*status.clone()),
            _ => self.status.clone(),
        };
        let attempt = own.or(view.attempt.clone());
        if status.is_some() || attempt.is_some() {
            self.status = Some(VerificationStatus {
                secret_verified,
                attempt,
                ..status.unwrap_or_default()
            });
        }
        view
    }

    fn look(&mut self, now: Timestamp) -> VerificationView {
        let input = ScheduleInput {
            credentials: &self.credentials,
            identity: self.identity,
            is_minted: false,
            registry: &self.registry,
            settings: &self.settings,
            ca_bundle: self.ca_bundle.as_ref().map(Option::as_ref),
            previous: self.status.as_ref().map(|status| PublishedVerification {
                status,
                fallback_message: self.fallback_message,
            }),
            interval: self.interval,
            requested: self.requested,
            submitted: self.submitted.as_deref(),
            announced: self.announced,
            refused_at: self.refused_at,
        };
        remember(&input, &mut self.state, now);
        schedule(&input, &self.state, now)
    }

    /// The queued attempts are made.
    fn answer(&mut self, verdict: &Verdict, now: Timestamp) {
        if let Some(start) = self.state.queue.announcement(&resource().uid) {
            self.state.queue.announced(&resource().uid, start);
        }
        let started = self.state.start(now);
        assert!(!started.attempts.is_empty(), "nothing is queued");
        for request in started.attempts {
            assert_eq!(self.state.conclude(&request, verdict, now), [resource()]);
        }
    }

    /// Records a verdict about the credentials of this resource.
    fn know(&mut self, verdict: &Verdict, method: &VerificationMethod, now: Timestamp) {
        let fingerprint = self
            .state
            .ledger
            .fingerprint(&PLAIN.parse().unwrap(), &self.credentials);
        self.state.ledger.record(fingerprint, verdict, method, now);
    }

    /// A new process: only the status is left.
    fn restart(&mut self) {
        self.state = state();
        self.submitted = None;
        self.announced = None;
    }
}

fn state() -> VerificationState {
    let mut queue = VerificationQueue::new(1, at(0));
    queue.scope_listed([], at(0));
    VerificationState {
        ledger: Ledger::new(Fingerprinter::new([RandomState::new(), RandomState::new()])),
        queue,
    }
}

fn resource() -> ResourceRef {
    ResourceRef {
        kind: "DockerPullSecret",
        key: ObjectKey::new("team", "app"),
        uid: Uid::new("uid-app"),
    }
}

fn verdict(result: R) -> Verdict {
    Verdict::new(result, format!("the registry said {}", result.as_str()))
}

fn image_denied() -> Verdict {
    Verdict {
        image_denied: true,
        ..verdict(R::Rejected)
    }
}

fn status_of(view: &VerificationView) -> &VerificationStatus {
    match &view.finding {
        VerificationFinding::Done(status) => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn new_credentials_are_verified_once() {
    let mut world = World::new();
    let view = world.reconcile(at(1));
    let request = view.request.as_ref().unwrap();
    assert_eq!(view.finding, VerificationFinding::Pending);
    assert_eq!(view.awaited, Some(request.fingerprint));
    assert_eq!((view.next, &view.submitted, &view.record), (None, &None, &None));
    assert_eq!(request.method, method(PLAIN));
    assert_eq!(request.attempt.credentials, world.credentials);

    world.answer(&verdict(R::Accepted), at(2));
    let view = world.reconcile(at(3));
    let published = status_of(&view);
    assert_eq!((view.request.is_some(), view.awaited, view.next), (false, None, None));
    assert_eq!(published.result, Some(R::Accepted));
    assert_eq!(published.message.as_deref(), Some("the registry said Accepted"));
    assert_eq!(published.last_verified_time, Some(Time(at(2))));
    assert_eq!(
        published.credentials_version.as_deref(),
        Some("uid/1 registry.example.com https://registry.example.com/v2/")
    );
    assert_eq!(published.next_verification_time, None);
}

#[test]
fn disabled_verification_is_published_as_such() {
    let mut world = World::new();
    world.settings.enabled = false;
    let view = world.reconcile(at(1));
    assert_eq!(view.finding, VerificationFinding::Disabled);
    assert_eq!((view.request, view.record), (None, None));
}

#[test]
fn ca_bundle_is_trusted_and_a_new_version_is_a_new_method() {
    let bundle = |version: &str| CaBundle {
        pem: version.as_bytes().to_vec(),
        version: version.to_owned(),
    };
    let mut world = World::new();
    world.ca_bundle = Ok(Some(bundle("one")));
    assert_eq!(
        world.reconcile(at(1)).request.unwrap().ca_bundle.as_deref(),
        Some(&b"one"[..])
    );
    world.answer(&verdict(R::TlsFailure), at(2));
    assert_eq!(world.reconcile(at(3)).request, None);
    world.ca_bundle = Ok(Some(bundle("two")));
    assert_eq!(
        world.reconcile(at(4)).request.unwrap().ca_bundle.as_deref(),
        Some(&b"two"[..])
    );
}

/// What a new process makes of a status.
struct RestartRow {
    name: &'static str,
    verdict: Verdict,
    /// What changes while the process is down.
    change: fn(World) -> World,
    /// What is published.
    result: Option<R>,
    is_attempted: bool,
}

fn restart_rows() -> [RestartRow; 13] {
    let row = |name, verdict, change, result, is_attempted| RestartRow {
        name,
        verdict,
        change,
        result,
        is_attempted,
    };
    let same: fn(World) -> World = |world| world;
    let other_image: fn(World) -> World = |world| world.image("team/app:1");
    let new_credentials: fn(World) -> World = |world| World {
        identity: "uid/2 registry.example.com",
        credentials: credentials("new"),
        ..world
    };
    let shorter_identity: fn(World) -> World = |world| World {
        identity: "uid/1",
        credentials: credentials("new"),
        ..world
    };
    let other_registry: fn(World) -> World = |world| world.registry("other.example.com");
    let other_port: fn(World) -> World = |world| world.registry("registry.example.com:5000");
    let without_ca: fn(World) -> World = |world| World {
        ca_bundle: Err(Verdict::new(R::TlsFailure, "no CA bundle")),
        ..world
    };
    let (accepted, rejected) = (|| verdict(R::Accepted), || verdict(R::Rejected));
    let (is_accepted, is_rejected) = (Some(R::Accepted), Some(R::Rejected));
    [
        row("accepted", accepted(), same, is_accepted, false),
        row("rejected", rejected(), same, is_rejected, false),
        row(
            "unreachable",
            verdict(R::Unreachable),
            same,
            Some(R::Unreachable),
            false,
        ),
        row("new credentials", rejected(), new_credentials, None, true),
        row(
            "identity with the same beginning",
            rejected(),
            shorter_identity,
            None,
            true,
        ),
        row("rejected, other image", rejected(), other_image, is_rejected, false),
        row("accepted, other image", accepted(), other_image, None, true),
        row("image denied, other image", image_denied(), other_image, None, true),
        row("rejected, other host", rejected(), other_registry, None, true),
        row("rejected, other port", rejected(), other_port, None, true),
        row(
            "rejected, no attempt possible",
            rejected(),
            without_ca,
            is_rejected,
            false,
        ),
        row(
            "image denied, no attempt possible",
            image_denied(),
            without_ca,
            is_rejected,
            false,
        ),
        row(
            "accepted, no attempt possible",
            accepted(),
            without_ca,
            Some(R::TlsFailure),
            false,
        ),
    ]
}

#[test]
fn status_is_believed_after_a_restart() {
    for row in restart_rows() {
        let mut world = World::new();
        world.reconcile(at(1));
        world.answer(&row.verdict, at(1));
        let before = world.reconcile(at(2));
        world.restart();
        let mut world = (row.change)(world);
        let view = world.reconcile(at(30));
        assert_eq!(view.request.is_some(), row.is_attempted, "{}", row.name);
        let found = match &view.finding {
            VerificationFinding::Done(status) => status.result,
            _ => None,
        };
        assert_eq!(found, row.result, "{}", row.name);
        if row.result == status_of(&before).result {
            let (before, now) = (status_of(&before), status_of(&view));
            assert_eq!(now.message, before.message, "{}", row.name);
            assert_eq!(now.last_verified_time, before.last_verified_time, "{}", row.name);
            assert_eq!(
                now.consecutive_rejections, before.consecutive_rejections,
                "{}",
                row.name
            );
        }
    }
}

/// Version 0.1.0 wrote `credentialsVersion` as it is written now, but no `message`. Its other names of `secretVerified`,
/// `consecutiveRejections` and `imageDenied` are no fields any more.
#[test]
fn status_of_an_earlier_version_causes_no_attempt() {
    struct Row {
        status: serde_json::Value,
        /// When the next attempt is due, if one is.
        due: Option<u64>,
    }
    for row in [
        Row {
            status: json!({"result": "Rejected", "consecutiveRejections": 1, "nextVerificationTime": "2026-01-01T00:15:00Z"}),
            due: Some(900),
        },
        Row {
            status: json!({"result": "Rejected", "nextVerificationTime": "2026-01-01T00:15:00Z"}),
            due: Some(900),
        },
        Row {
            status: json!({"result": "Rejected"}),
            due: None,
        },
        Row {
            status: json!({"result": "Accepted"}),
            due: None,
        },
        Row {
            status: json!({"result": "NotVerifiable"}),
            due: None,
        },
        Row {
            status: json!({"result": "Unreachable", "nextVerificationTime": "2026-01-01T00:01:00Z"}),
            due: Some(60),
        },
    ] {
        let name = row.status.to_string();
        let version =
            "uid/1 registry.example.com https://registry.example.com/v2/ team/app:1.0 with 2jmj7l5rSw0yVb/vlWAYkA==";
        let mut status = row.status;
        status["lastVerifiedTime"] = json!("2026-01-01T00:00:00Z");
        status["credentialsVersion"] = json!(version);
        let mut world = World::new().image("team/app:1.0");
        world.ca_bundle = Ok(Some(CaBundle {
            pem: Vec::new(),
            version: "2jmj7l5rSw0yVb/vlWAYkA==".to_owned(),
        }));
        world.status = Some(serde_json::from_value(status).unwrap());
        world.fallback_message = Some("the message of the condition");
        let view = world.reconcile(at(50));
        assert_eq!(view.request, None, "{name}");
        assert_eq!(view.next, row.due.map(|due| Duration::from_secs(due - 50)), "{name}");
        let message = status_of(&view).message.as_deref();
        assert_eq!(message, Some("the message of the condition"), "{name}");
        let later = world.reconcile(at(row.due.unwrap_or(1_000_000)));
        assert_eq!(later.request.is_some(), row.due.is_some(), "{name}");
    }
}

#[test]
fn stored_time_of_the_next_verification_counts_only_without_a_verdict() {
    for (result, next) in [(R::Accepted, None), (R::Unreachable, Some(minutes(1)))] {
        let mut world = World::new();
        world.interval = Some(DAY);
        world.reconcile(at(0));
        world.answer(&verdict(result), at(0));
        assert!(status_of(&world.reconcile(at(0))).next_verification_time.is_some());
        world.restart();
        // The interval of a resource is its own, and has changed.
        world.interval = None;
        assert_eq!(world.reconcile(at(0)).next, next, "{result:?}");
    }
}

/// Credentials that were accepted once may have been revoked since.
#[test]
fn old_acceptance_lets_no_changed_credentials_replace_accepted_ones() {
    struct Row {
        secret_verified: bool,
        identity: &'static str,
        age: u64,
        is_attempted: bool,
    }
    let row = Row {
        secret_verified: true,
        identity: "uid/0 registry.example.com",
        age: 3600,
        is_attempted: true,
    };
    for row in [
        Row {
            age: 3599,
            is_attempted: false,
            ..row
        },
        Row {
            secret_verified: false,
            is_attempted: false,
            ..row
        },
        Row {
            identity: "uid/1 registry.example.com",
            is_attempted: false,
            ..row
        },
        row,
    ] {
        let mut world = World::new();
        world.know(&verdict(R::Accepted), &method(PLAIN), at(0));
        world.status = Some(VerificationStatus {
            secret_verified: row.secret_verified,
            credentials_version: Some(format!("{} {PLAIN}", row.identity)),
            result: Some(R::Accepted),
            ..VerificationStatus::default()
        });
        let view = world.reconcile(at(row.age));
        let name = format!("{} {} {}", row.secret_verified, row.identity, row.age);
        assert_eq!(view.request.is_some(), row.is_attempted, "{name}");
        assert_eq!(view.awaited.is_some(), row.is_attempted, "{name}");
    }
}

#[test]
fn accepted_credentials_are_verified_again_after_the_interval_or_on_request() {
    struct Row {
        interval: Option<Duration>,
        requested: Option<&'static str>,
        after: Duration,
        is_attempted: bool,
        next: Option<Duration>,
    }
    let second = Duration::from_secs(1);
    let row = Row {
        interval: None,
        requested: None,
        after: 90 * DAY,
        is_attempted: false,
        next: None,
    };
    for row in [
        Row {
            interval: Some(DAY),
            after: Duration::from_secs(86_399),
            next: Some(second),
            ..row
        },
        Row {
            interval: Some(DAY),
            after: DAY,
            is_attempted: true,
            ..row
        },
        Row {
            requested: Some("now"),
            after: Duration::ZERO,
            is_attempted: true,
            ..row
        },
        row,
    ] {
        let mut world = World::new();
        world.know(&verdict(R::Accepted), &method(PLAIN), at(0));
        world.interval = row.interval;
        world.requested = row.requested;
        // Wanted hourly, so that it is not forgotten.
        let view = world.reconcile(after(at(0), row.after));
        let name = format!("{:?} {:?} {:?}", row.interval, row.requested, row.after);
        assert_eq!(
            (view.request.is_some(), view.next),
            (row.is_attempted, row.next),
            "{name}"
        );
        // What is known until then stays published.
        assert_eq!(status_of(&view).result, Some(R::Accepted), "{name}");
        assert_eq!(view.awaited, None, "{name}");
    }
}

#[test]
fn refused_pull_casts_doubt_on_accepted_credentials_at_most_each_15_minutes() {
    let mut world = World::new();
    world.reconcile(at(0));
    world.answer(&verdict(R::Accepted), at(1));
    world.reconcile(at(2));
    // Seconds at which a pod was refused and the resource is looked at, and whether the registry is asked.
    for (refused, now, asked) in [(0, 3000, false), (5, 10, false), (5, 1000, true), (2000, 2000, true)] {
        world.refused_at = Some(at(refused));
        let view = world.look(at(now));
        assert_eq!(view.request.is_some(), asked, "{refused} {now}");
    }
    world.refused_at = Some(at(5));
    assert_eq!(world.look(at(10)).next, Some(Duration::from_secs(891)));
    // The registry accepts them still: what was refused before is explained.
    world.reconcile(at(1000));
    world.answer(&verdict(R::Accepted), at(1001));
    assert!(world.reconcile(at(2000)).request.is_none());
    // It does not: its own pauses count.
    world.refused_at = Some(at(2100));
    world.reconcile(at(2200));
    world.answer(&verdict(R::Rejected), at(2201));
    assert!(world.reconcile(at(2202)).request.is_none());
}

#[test]
fn request_leads_to_an_attempt_within_the_backoff() {
    struct Row {
        /// Results in a row, each when the one before allows it.
        results: &'static [R],
        /// Seconds after the last one.
        after: u64,
        is_attempted: bool,
    }
    let row = |results, after, is_attempted| Row {
        results,
        after,
        is_attempted,
    };
    for row in [
        row(&[R::Accepted], 0, true),
        row(&[R::Unreachable], 0, true),
        row(&[R::NotVerifiable], 0, true),
        row(&[R::RateLimited], 899, false),
        row(&[R::RateLimited], 900, true),
        // The verdict is still the old one, and the registry requested a pause.
        row(&[R::Accepted, R::RateLimited], 899, false),
        row(&[R::Rejected], 899, false),
        row(&[R::Rejected; 2], 3599, false),
        // The credentials were given up, and a person may know better.
        row(&[R::Rejected; 4], 899, false),
        row(&[R::Rejected; 4], 900, true),
        row(&[R::Rejected; 5], 899, false),
        row(&[R::Rejected; 5], 900, true),
    ] {
        let (mut world, mut now) = (World::new(), at(0));
        for result in row.results {
            let fingerprint = world
                .state
                .ledger
                .fingerprint(&PLAIN.parse().unwrap(), &world.credentials);
            let known = world.state.ledger.get(fingerprint, &method(PLAIN));
            now = known.and_then(|known| known.due(None, true)).unwrap_or(now);
            world.know(&verdict(*result), &method(PLAIN), now);
        }
        now = after(now, Duration::from_secs(row.after));
        let name = format!("{:?} {}", row.results, row.after);
        world.reconcile(now);
        world.requested = Some("new");
        let view = world.reconcile(now);
        assert_eq!(view.request.is_some(), row.is_attempted, "{name}");
        // It is acknowledged when the attempt has been made, not before.
        assert_eq!(status_of(&view).handled_request, None, "{name}");
        assert_eq!(view.submitted.as_deref(), row.is_attempted.then_some("new"), "{name}");
    }
}

#[test]
fn request_is_acknowledged_once_its_attempt_has_ended() {
    let mut world = World::new();
    world.reconcile(at(0));
    world.answer(&verdict(R::Accepted), at(1));
    world.reconcile(at(1));

    world.requested = Some("a");
    let view = world.reconcile(at(10));
    assert!(view.request.is_some());
    assert_eq!(status_of(&view).handled_request, None);
    // In flight: neither another attempt nor an acknowledgment.
    let view = world.reconcile(at(11));
    assert_eq!(
        (view.request.is_some(), &status_of(&view).handled_request),
        (false, &None)
    );
    world.answer(&verdict(R::Accepted), at(12));
    let view = world.reconcile(at(13));
    assert_eq!(view.request, None);
    assert_eq!(status_of(&view).handled_request.as_deref(), Some("a"));
    assert_eq!(status_of(&view).last_verified_time, Some(Time(at(12))));
    // Nor again after a restart.
    world.restart();
    assert_eq!(world.reconcile(at(20)).request, None);

    // Another value is another request, also while the one before is in flight.
    world.requested = Some("b");
    assert!(world.reconcile(at(30)).request.is_some());
    world.requested = Some("c");
    let view = world.reconcile(at(31));
    assert!(view.request.is_some(), "it joins the attempt in flight");
    assert_eq!(view.submitted.as_deref(), Some("c"));
    world.answer(&verdict(R::Accepted), at(32));
    assert_eq!(
        status_of(&world.reconcile(at(33))).handled_request.as_deref(),
        Some("c")
    );
}

#[test]
fn same_request_set_again_after_its_removal_is_a_new_one() {
    let mut world = World::new();
    world.reconcile(at(0));
    world.answer(&verdict(R::Accepted), at(0));
    for round in 1..=2 {
        world.requested = Some("now");
        let view = world.reconcile(at(100 * round));
        assert!(view.request.is_some(), "{round}");
        world.answer(&verdict(R::Accepted), at(100 * round));
        assert_eq!(
            status_of(&world.reconcile(at(100 * round))).handled_request.as_deref(),
            Some("now")
        );
        world.requested = None;
        let view = world.reconcile(at(100 * round + 1));
        assert_eq!((view.request, &view.submitted), (None, &None), "{round}");
    }
}

#[test]
fn attempt_without_verdict_publishes_the_refusal_until_the_next_verdict() {
    let mut world = World::new();
    world.know(&verdict(R::Rejected), &method(PLAIN), at(0));
    let mut world = world.image("team/app:1");
    let view = world.reconcile(at(900));
    assert!(view.request.is_some());
    assert_eq!(view.awaited, None);
    assert!(view.record.is_some_and(|record| record.credentials_refused()));
    world.answer(&verdict(R::Unreachable), at(901));
    let view = world.reconcile(at(902));
    assert_eq!(status_of(&view).result, Some(R::Rejected));
    assert_eq!(view.next, Some(Duration::from_secs(59)));
}

#[test]
fn impossible_attempt_is_published_with_the_time_since_when_it_is_so() {
    struct Row {
        name: &'static str,
        ca_bundle: Result<Option<CaBundle>, Verdict>,
        registry: &'static str,
        result: R,
        message: &'static str,
    }
    for row in [
        Row {
            name: "CA bundle",
            ca_bundle: Err(Verdict::new(R::TlsFailure, "no CA bundle")),
            registry: "registry.example.com",
            result: R::TlsFailure,
            message: "no CA bundle",
        },
        Row {
            name: "wildcard",
            ca_bundle: Ok(None),
            registry: "*.example.com",
            result: R::NotVerifiable,
            message: "wildcard",
        },
    ] {
        let mut world = World::new();
        world.ca_bundle = row.ca_bundle;
        world = world.registry(row.registry);
        world.requested = Some("now");
        for second in [10, 20] {
            let view = world.reconcile(at(second));
            let published = status_of(&view);
            assert_eq!(
                (&view.request, &view.record, view.next),
                (&None, &None, None),
                "{}",
                row.name
            );
            assert_eq!(published.result, Some(row.result), "{}", row.name);
            assert!(
                published.message.as_ref().unwrap().contains(row.message),
                "{}",
                row.name
            );
            assert!(
                published
                    .credentials_version
                    .as_ref()
                    .unwrap()
                    .ends_with(" not possible")
            );
            assert_eq!(published.last_verified_time, Some(Time(at(10))), "{}", row.name);
            world.restart();
        }
    }
}

#[test]
fn impossible_attempt_with_another_message_keeps_the_time() {
    let mut world = World::new();
    for (second, message) in [(10, "no ConfigMap"), (20, "no key")] {
        world.ca_bundle = Err(Verdict::new(R::TlsFailure, message));
        let view = world.reconcile(at(second));
        assert_eq!(status_of(&view).message.as_deref(), Some(message));
        assert_eq!(status_of(&view).last_verified_time, Some(Time(at(10))));
    }
}

#[test]
fn message_is_cut_to_what_the_schema_allows() {
    let mut world = World::new();
    let long = Verdict::new(R::Accepted, "ä".repeat(5000));
    world.know(&long, &method(PLAIN), at(0));
    let view = world.reconcile(at(1));
    assert_eq!(status_of(&view).message.as_ref().unwrap().chars().count(), 1024);
}

#[test]
fn credentials_are_held_back_only_if_refused_while_accepted_ones_stand() {
    struct Row {
        result: Option<R>,
        policy: OnRejected,
        accepted_stands: bool,
        is_held_back: bool,
    }
    let row = |result, policy, accepted_stands, is_held_back| Row {
        result,
        policy,
        accepted_stands,
        is_held_back,
    };
    for row in [
        row(Some(R::Rejected), OnRejected::KeepLastAccepted, true, true),
        row(Some(R::LockedOut), OnRejected::KeepLastAccepted, true, true),
        row(Some(R::Rejected), OnRejected::KeepLastAccepted, false, false),
        row(Some(R::Rejected), OnRejected::WriteAnyway, true, false),
        row(Some(R::Unreachable), OnRejected::KeepLastAccepted, true, false),
        row(Some(R::Accepted), OnRejected::KeepLastAccepted, true, false),
        row(None, OnRejected::KeepLastAccepted, true, false),
    ] {
        let record = row.result.map(|result| VerificationRecord {
            result,
            message: String::new(),
            method: method(PLAIN),
            verified_at: at(0),
            retry_at: None,
            consecutive_rejections: 0,
            attempts: 0,
            backoff_enforced: false,
            image_denied: false,
            lost_at: None,
        });
        let problem = held_back(row.policy, row.accepted_stands, true, "", record.as_ref());
        assert_eq!(problem.is_some(), row.is_held_back, "{:?} {:?}", row.result, row.policy);
    }
}

/// A status that was written under a clock that ran ahead.
#[test]
fn verification_in_the_future_counts_as_one_made_now() {
    let mut world = World::new();
    let ahead = after(at(0), 25 * DAY);
    world.reconcile(ahead);
    world.answer(&verdict(R::Unreachable), ahead);
    world.reconcile(after(ahead, Duration::from_secs(1)));
    world.restart();
    let view = world.reconcile(at(100));
    assert_eq!((view.request, view.next), (None, Some(Duration::from_mins(1))));
    let view = world.reconcile(at(130));
    assert_eq!(view.next, Some(Duration::from_secs(30)), "it is moved once");
    assert!(world.reconcile(at(160)).request.is_some());
}

/// The process ends during an attempt: `kill -9`.
#[test]
fn an_attempt_of_a_process_that_ended_is_not_repeated_for_15_minutes() {
    let accepted_before = |world: &mut World| {
        world.reconcile(at(0));
        world.answer(&verdict(R::Accepted), at(0));
        world.reconcile(at(0));
        world.interval = Some(Duration::from_secs(50));
    };
    let nothing_before: fn(&mut World) = |_| {};
    for (before, result) in [(nothing_before, None), (accepted_before, Some(R::Accepted))] {
        let mut world = World::new();
        before(&mut world);
        assert!(world.reconcile(at(100)).request.is_some());
        for end in [101, 189, 190, 500, 999] {
            world.restart();
            let view = world.reconcile(at(end));
            assert!(view.request.is_none(), "{end}");
            assert_eq!(view.finding == VerificationFinding::Underway, end < 190, "{end}");
            let status = world.status.clone().unwrap();
            assert_eq!(status.attempt.unwrap().start_time, Time(at(100)), "{end}");
            let shown = if end < 190 {
                result
            } else {
                Some(result.unwrap_or(R::Unreachable))
            };
            assert_eq!(status.result, shown, "{end}");
        }
        world.restart();
        let view = world.reconcile(at(1000));
        assert!(view.request.is_some());
        world.answer(&verdict(R::Rejected), at(1001));
        world.reconcile(at(1001));
        let status = world.status.clone().unwrap();
        assert_eq!((status.result, status.attempt), (Some(R::Rejected), None));
    }
}

#[test]
fn other_credentials_and_another_registry_do_not_wait_for_a_lost_attempt() {
    let changes: [fn(&mut World); 2] = [
        |world| {
            world.credentials = credentials("other");
            world.identity = "uid/2 registry.example.com";
        },
        |world| {
            world.registry = RegistryKey::new(RegistryType::PrivateRegistry, Some("other.example.com")).unwrap();
            world.identity = "uid/1 other.example.com";
        },
    ];
    for change in changes {
        let mut world = World::new();
        world.reconcile(at(100));
        world.restart();
        change(&mut world);
        assert!(world.reconcile(at(101)).request.is_some());
    }
}

/// Two operators without leader election: the second one leaves the status as the first one writes it.
#[test]
fn a_second_process_leaves_the_attempt_of_the_first_alone() {
    let (mut first, mut second) = (World::new(), World::new());
    first.reconcile(at(100));
    second.status.clone_from(&first.status);
    assert_eq!(second.reconcile(at(101)).finding, VerificationFinding::Underway);
    assert_eq!(second.status, first.status);
    first.answer(&verdict(R::Accepted), at(102));
    first.reconcile(at(102));
    second.status.clone_from(&first.status);
    second.reconcile(at(103));
    assert_eq!(second.status, first.status);
}
