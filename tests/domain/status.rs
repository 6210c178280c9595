//! What is published.

use dps::api::{Cause, DockerPullSecretStatus, Reason, VerificationResult, VerificationStatus};
use dps::domain::names::{ObjectKey, ResourceRef, Uid, is_object_name};
use dps::domain::problem::{Problem, unparsable};
use dps::domain::pull_failures::summary::PullSummary;
use dps::domain::status::build::build_status;
use dps::domain::status::equal::is_up_to_date;
use dps::domain::status::event::events;
use dps::domain::status::leftovers::without_leftovers;
use dps::domain::status::outcome::{Finding, Outcome};
use dps::domain::time::Timestamp;
use dps::domain::verification::finding::VerificationFinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn good() -> Outcome {
    Outcome {
        is_written: true,
        census: None,
        credentials: Ok("read".to_owned()),
        secret: Ok("written".to_owned()),
        replaced: false,
        attempt: None,
        verification: VerificationFinding::Disabled,
        pulls: Some(Box::default()),
        secret_name: Some("app".to_owned()),
        registry_key: Some("r.example.com".to_owned()),
        image_pattern: None,
        attached: None,
        minted: None,
        warnings: Vec::new(),
    }
}

fn decided(outcome: Outcome) -> Finding {
    Finding::Decided(Box::new(outcome))
}

fn bad(reason: Reason, retained: Option<&str>) -> Finding {
    let outcome = Outcome::without_credentials(
        Problem::new(reason, "why"),
        retained.map(str::to_owned),
        good().registry_key,
    );
    decided(Outcome {
        pulls: Some(Box::default()),
        ..outcome
    })
}

/// What stood before, what a reconcile finds, and whether accepted credentials stand after it.
#[allow(clippy::struct_excessive_bools, reason = "columns of a table")]
struct Standing {
    stood: bool,
    result: Option<VerificationResult>,
    image_denied: bool,
    /// Why the Secret is not written, if it is not.
    obstacle: Option<Reason>,
    replaced: bool,
    stands: bool,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            stood: true,
            result: None,
            image_denied: false,
            obstacle: None,
            replaced: false,
            stands: true,
        }
    }
}

fn standings() -> [Standing; 14] {
    use VerificationResult as R;
    let row = Standing::default;
    [
        Standing {
            stood: false,
            result: Some(R::Accepted),
            replaced: true,
            ..row()
        },
        Standing {
            stood: false,
            replaced: true,
            stands: false,
            ..row()
        },
        row(),
        Standing {
            replaced: true,
            stands: false,
            ..row()
        },
        Standing {
            result: Some(R::Unreachable),
            ..row()
        },
        Standing {
            result: Some(R::Unreachable),
            replaced: true,
            stands: false,
            ..row()
        },
        Standing {
            result: Some(R::TlsFailure),
            ..row()
        },
        Standing {
            result: Some(R::Rejected),
            stands: false,
            ..row()
        },
        Standing {
            result: Some(R::Rejected),
            obstacle: Some(Reason::HeldBack),
            ..row()
        },
        Standing {
            obstacle: Some(Reason::HeldBack),
            ..row()
        },
        Standing {
            obstacle: Some(Reason::WriteRefused),
            ..row()
        },
        Standing {
            stood: false,
            result: Some(R::Accepted),
            obstacle: Some(Reason::WriteRefused),
            stands: false,
            ..row()
        },
        // The credentials are accepted, and only the image is kept from them.
        Standing {
            stood: false,
            result: Some(R::Rejected),
            image_denied: true,
            replaced: true,
            ..row()
        },
        Standing {
            result: Some(R::Rejected),
            image_denied: true,
            obstacle: Some(Reason::HeldBack),
            ..row()
        },
    ]
}

#[test]
fn accepted_credentials_stand_until_the_secret_holds_others_or_they_are_rejected() {
    for (index, row) in standings().into_iter().enumerate() {
        let previous = DockerPullSecretStatus {
            verification: Some(VerificationStatus {
                secret_verified: row.stood,
                handled_request: Some("request".to_owned()),
                ..VerificationStatus::default()
            }),
            ..DockerPullSecretStatus::default()
        };
        let done = |result| {
            VerificationFinding::Done(Box::new(VerificationStatus {
                result: Some(result),
                image_denied: row.image_denied,
                ..VerificationStatus::default()
            }))
        };
        let finding = decided(Outcome {
            secret: row
                .obstacle
                .map_or_else(|| Ok("written".to_owned()), |reason| Err(Problem::new(reason, "why"))),
            is_written: row.obstacle.is_none(),
            replaced: row.replaced,
            verification: row.result.map_or(VerificationFinding::Pending, done),
            ..good()
        });
        let status = build_status(Some(&previous), None, &finding, at(1))
            .verification
            .unwrap();
        assert_eq!(status.secret_verified, row.stands, "row {index}");
        // A request that was handled is not handled again for other credentials.
        assert_eq!(status.handled_request.is_some(), row.result.is_none(), "row {index}");
    }
}

/// Type, status and reason of each condition.
fn shown(status: &DockerPullSecretStatus) -> Vec<(&str, &str, &str)> {
    status
        .conditions
        .iter()
        .map(|c| (c.type_.as_str(), c.status.as_str(), c.reason.as_str()))
        .collect()
}

fn condition<'a>(status: &'a DockerPullSecretStatus, kind: &str) -> &'a Condition {
    status
        .conditions
        .iter()
        .find(|condition| condition.type_ == kind)
        .unwrap()
}

#[test]
fn each_finding_has_its_conditions() {
    let good = decided(good());
    let ready = build_status(None, Some(3), &good, at(1));
    assert_eq!(
        shown(&ready),
        [
            ("CredentialsResolved", "True", "Resolved"),
            ("SecretSynced", "True", "Synced"),
            ("CredentialsAccepted", "Unknown", "Disabled"),
            ("PullsHealthy", "True", "Healthy"),
            ("Ready", "True", "Ready")
        ]
    );
    assert!(
        ready
            .conditions
            .iter()
            .all(|condition| condition.observed_generation == Some(3))
    );
    assert_eq!(
        (ready.observed_generation, ready.secret_name.as_deref()),
        (Some(3), Some("app"))
    );

    let stalled = build_status(None, Some(1), &bad(Reason::KeyMissing, None), at(1));
    assert_eq!(
        shown(&stalled),
        [
            ("CredentialsResolved", "False", "KeyMissing"),
            ("SecretSynced", "False", "CredentialsNotResolved"),
            ("CredentialsAccepted", "Unknown", "Pending"),
            ("PullsHealthy", "True", "Healthy"),
            ("Ready", "False", "KeyMissing"),
            ("Stalled", "True", "KeyMissing")
        ]
    );
    let waiting = build_status(None, Some(1), &bad(Reason::SecretNotFound, Some("app")), at(1));
    assert_eq!(
        shown(&waiting)[1..],
        [
            ("SecretSynced", "False", "Stale"),
            ("CredentialsAccepted", "Unknown", "Pending"),
            ("PullsHealthy", "True", "Healthy"),
            ("Ready", "False", "SecretNotFound"),
            ("Reconciling", "True", "SecretNotFound")
        ]
    );

    // A suspended resource keeps what was known; one that was never looked at knows nothing.
    let suspended = build_status(Some(&ready), Some(4), &Finding::Suspended, at(2));
    assert_eq!(
        shown(&suspended),
        [
            ("CredentialsResolved", "True", "Resolved"),
            ("SecretSynced", "True", "Synced"),
            ("CredentialsAccepted", "Unknown", "Disabled"),
            ("PullsHealthy", "True", "Healthy"),
            ("Ready", "Unknown", "Suspended")
        ]
    );
    assert_eq!(
        (suspended.observed_generation, suspended.secret_name.as_deref()),
        (Some(4), Some("app"))
    );
    let new = build_status(None, Some(1), &Finding::Suspended, at(1));
    assert_eq!(shown(&new)[0], ("CredentialsResolved", "Unknown", "Suspended"));

    let failing = build_status(Some(&ready), Some(4), &Finding::Failing("no answer".to_owned()), at(2));
    assert_eq!(
        shown(&failing)[3..],
        [
            ("PullsHealthy", "True", "Healthy"),
            ("Ready", "Unknown", "RetryingAfterError"),
            ("Reconciling", "True", "RetryingAfterError")
        ]
    );
    assert_eq!(
        failing.observed_generation,
        Some(3),
        "the new generation was not looked at"
    );
    assert_eq!(
        shown(&build_status(Some(&failing), Some(4), &good, at(3))),
        shown(&ready)
    );
}

fn with_pulls(pulls: Option<PullSummary>) -> Finding {
    let pulls = pulls.map(Box::new);
    decided(Outcome { pulls, ..good() })
}

fn fails(cause: Cause, message: &str, fault: bool) -> PullSummary {
    PullSummary {
        failing_pods: 2,
        failures: Vec::new(),
        problem: Some(Problem::new(Reason::PullFailure(cause), message)),
        fault,
    }
}

#[test]
fn pods_make_a_resource_not_ready_only_if_it_is_at_fault() {
    let unseen = build_status(None, Some(1), &with_pulls(None), at(1));
    assert_eq!(
        shown(&unseen)[3..],
        [("PullsHealthy", "Unknown", "Pending"), ("Ready", "True", "Ready")]
    );
    let innocent = build_status(
        Some(&unseen),
        Some(1),
        &with_pulls(Some(fails(Cause::ImageNotFound, "why", false))),
        at(2),
    );
    assert_eq!(
        shown(&innocent)[3..],
        [("PullsHealthy", "False", "ImageNotFound"), ("Ready", "True", "Ready")]
    );
    let fault = build_status(
        Some(&innocent),
        Some(1),
        &with_pulls(Some(fails(Cause::CredentialsRejected, "why", true))),
        at(3),
    );
    assert_eq!(
        shown(&fault)[3..],
        [
            ("PullsHealthy", "False", "CredentialsRejected"),
            ("Ready", "False", "CredentialsRejected"),
            ("Stalled", "True", "CredentialsRejected")
        ]
    );
    assert_eq!(condition(&fault, "PullsHealthy").last_transition_time.0, at(2));
    assert_eq!(fault.failing_pods, 2);
    // What is known stays while nobody looks.
    let kept = build_status(Some(&fault), Some(1), &with_pulls(None), at(5));
    assert_eq!(shown(&kept)[3], ("PullsHealthy", "False", "CredentialsRejected"));
}

#[test]
fn an_event_is_worth_another_cause_and_the_end() {
    let status = |pulls| build_status(None, Some(1), &with_pulls(pulls), at(1));
    let none = status(None);
    let well = status(Some(PullSummary::default()));
    let rejected = status(Some(fails(Cause::CredentialsRejected, &"ä".repeat(800), true)));
    let other = status(Some(fails(Cause::CredentialsRejected, "other words", true)));
    let denied = status(Some(fails(Cause::AccessDenied, "why", false)));
    let reason = |old: Option<&DockerPullSecretStatus>, new: &DockerPullSecretStatus| {
        events(old, new).pop().map(|event| (event.healthy, event.reason))
    };
    let bad = |word: &str| Some((false, word.to_owned()));
    for (old, new, told) in [
        (None, &well, None),
        (None, &rejected, bad("CredentialsRejected")),
        (Some(&none), &well, None),
        (Some(&well), &well, None),
        (Some(&well), &rejected, bad("CredentialsRejected")),
        (Some(&rejected), &other, None),
        (Some(&rejected), &denied, bad("AccessDenied")),
        (Some(&denied), &well, Some((true, "Healthy".to_owned()))),
        (Some(&denied), &none, None),
    ] {
        assert_eq!(reason(old, new), told);
    }
    let event = events(None, &rejected).pop().unwrap();
    assert!(event.note.len() <= 1024);
    for cut in ["a".repeat(253), format!("{}.-a{}", "a".repeat(198), "a".repeat(50))] {
        let resource = ResourceRef {
            kind: "DockerPullSecret",
            key: ObjectKey::new("team", cut),
            uid: Uid::new("uid"),
        };
        let name = event.name(&resource);
        assert!(is_object_name(&name), "{name}");
    }
}

#[test]
fn transition_times_move_with_the_status_only() {
    let ready = build_status(None, Some(1), &decided(good()), at(1));
    let again = build_status(Some(&ready), Some(2), &decided(good()), at(2));
    assert_eq!(condition(&again, "Ready").last_transition_time.0, at(1));
    let missing = build_status(Some(&again), Some(2), &bad(Reason::KeyMissing, None), at(3));
    assert_eq!(condition(&missing, "Ready").last_transition_time.0, at(3));
    let other = build_status(Some(&missing), Some(2), &bad(Reason::Malformed, None), at(4));
    assert_eq!(
        condition(&other, "Ready").last_transition_time.0,
        at(3),
        "another reason, the same status"
    );
}

#[test]
fn an_equal_status_needs_no_write() {
    let ready = build_status(None, Some(1), &decided(good()), at(1));
    let again = build_status(Some(&ready), Some(1), &decided(good()), at(9));
    assert!(is_up_to_date(Some(&ready), &again));
    assert!(!is_up_to_date(None, &again));
    assert!(!is_up_to_date(
        Some(&ready),
        &build_status(Some(&ready), Some(2), &decided(good()), at(9))
    ));
    // Other tools may have conditions of their own.
    let mut foreign = ready.clone();
    let other = Condition {
        type_: "PolicyChecked".to_owned(),
        ..ready.conditions[0].clone()
    };
    foreign.conditions.insert(0, other);
    assert!(is_up_to_date(Some(&foreign), &again));
    let mut leftover = ready.clone();
    leftover.conditions.push(Condition {
        type_: "Stalled".to_owned(),
        ..ready.conditions[0].clone()
    });
    assert!(!is_up_to_date(Some(&leftover), &again));
}

#[test]
fn long_texts_are_cut() {
    let outcome = Outcome {
        secret: Err(Problem::new(Reason::WriteRefused, "ü".repeat(5000))),
        warnings: vec!["w".repeat(5000); 50],
        ..good()
    };
    let status = build_status(None, Some(1), &decided(outcome), at(1));
    assert_eq!(condition(&status, "Ready").message.chars().count(), 1025);
    assert_eq!(
        (status.warnings.len(), status.warnings[0].len()),
        (11, 1024 + '…'.len_utf8())
    );
    assert_eq!(status.warnings[10], "and 40 more");
}

#[test]
fn a_parsers_words_are_repeated_without_values() {
    for (error, shown) in [
        ("missing field `credentialsRef`", "missing field `credentialsRef`"),
        (
            "invalid type: string \"hunter2\", expected struct CredentialsRef",
            "invalid type: string …, expected an object",
        ),
        (
            "unknown variant `hunter2`, expected `DockerHub` or `PrivateRegistry`",
            "unknown value …, expected `DockerHub` or `PrivateRegistry`",
        ),
    ] {
        let problem = unparsable(error);
        assert!(problem.message.ends_with(shown), "{}", problem.message);
    }
}

#[test]
fn held_back_credentials_say_since_when() {
    let with = |secret: Result<String, Problem>| decided(Outcome { secret, ..good() });
    let synced = with(Ok("written".to_owned()));
    let held = with(Err(Problem::new(Reason::HeldBack, "the Secret keeps it")));
    let stale = bad(Reason::SecretNotFound, Some("app"));
    let (first, later) = ("since 1970-01-01T00:00:10Z", "since 1970-01-01T00:00:30Z");
    // What passes find at the seconds 10, 20, 30, and what the last one says.
    let table: &[([&Finding; 3], &str)] = &[
        ([&held, &held, &held], first),
        ([&synced, &synced, &held], later),
        // Another wrong login does not make the Secret any newer, nor do credentials that went away before.
        ([&stale, &held, &held], first),
        ([&held, &Finding::Suspended, &held], first),
        ([&held, &Finding::Failing("no answer".to_owned()), &held], first),
        ([&held, &synced, &held], later),
    ];
    for (row, (findings, since)) in table.iter().enumerate() {
        let mut status = None;
        for (second, finding) in [10, 20, 30].into_iter().zip(findings) {
            status = Some(build_status(status.as_ref(), Some(1), finding, at(second)));
        }
        let status = status.unwrap();
        for kind in ["SecretSynced", "Ready", "Stalled"] {
            let message = &condition(&status, kind).message;
            assert_eq!(*message, format!("{since}: the Secret keeps it"), "{row} {kind}");
        }
        // The next retry writes nothing.
        assert!(
            is_up_to_date(Some(&status), &build_status(Some(&status), Some(1), &held, at(40))),
            "{row}"
        );
    }
}

#[test]
fn leftovers_of_others_are_taken_out_but_for_their_conditions() {
    let wanted =
        json!({"observedGeneration": 2, "verification": {"result": "Rejected"}, "conditions": [{"type": "Ready"}]});
    for (stored, patch) in [
        (wanted.clone(), None),
        (json!({"observedGeneration": 1}), None),
        (
            json!({"secretName": "app", "conditions": [{"type": "Theirs"}]}),
            Some(json!({"secretName": null})),
        ),
        (
            json!({"verification": {"result": "Accepted", "lastVerifiedTime": "9999-12-31T23:59:59Z"}}),
            Some(json!({"verification": {"lastVerifiedTime": null}})),
        ),
        (
            json!({"failingPods": 3, "pullFailures": []}),
            Some(json!({"failingPods": null, "pullFailures": null})),
        ),
    ] {
        assert_eq!(without_leftovers(&stored, &wanted), patch, "{stored}");
    }
}
