//! The small rules around a decision: what is remembered, which answers are the user's, how often, and when again.

use std::time::Duration;

use dps::api::DockerPullSecretStatus;
use dps::domain::credentials::RegistryCredentials;
use dps::domain::names::{ObjectKey, Uid};
use dps::domain::reconcile::fair_queue::{Begun, FairQueue};
use dps::domain::reconcile::memory::{PublishedStatus, ResourceMemories, ResourceMemory};
use dps::domain::reconcile::own_writes::OwnWrites;
use dps::domain::reconcile::refusal::refusal;
use dps::domain::reconcile::retry::{is_reported, pause, spread};
use dps::domain::reconcile::throttle::StatusThrottle;
use dps::domain::reconcile::timers::Timers;
use dps::domain::reconcile::trigger::metadata_calls;
use dps::domain::reconcile::work_set::WorkSet;
use dps::domain::time::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn memory_of_a_resource_that_is_gone_cannot_be_brought_back() {
    let (uid, mut memories) = (Uid::new("uid"), ResourceMemories::default());
    assert_eq!(memories.update(&uid, |memory| memory.consecutive_errors = 1), None);
    memories.insert(uid.clone());
    memories.update(&uid, |memory| memory.consecutive_errors = 1);
    memories.insert(uid.clone());
    assert_eq!(memories.get(&uid).consecutive_errors, 1, "seen again");
    memories.remove(&uid);
    memories.update(&uid, |memory| memory.unpublished_verdicts += 1);
    assert_eq!(memories.get(&uid), ResourceMemory::default());
    assert!(memories.with_unpublished_verdict().is_empty());
}

#[test]
fn a_verdict_is_unpublished_until_a_status_was_written() {
    let (uid, mut memories) = (Uid::new("uid"), ResourceMemories::default());
    memories.insert(uid.clone());
    memories.update(&uid, |memory| memory.unpublished_verdicts += 1);
    // Reading it changes nothing.
    for _ in 0..2 {
        assert_eq!(memories.with_unpublished_verdict(), std::slice::from_ref(&uid));
    }
}

/// Resource versions of what was published and of what the watch brought, and whether the former still counts.
struct Row {
    published: Option<&'static str>,
    watched: &'static str,
    counts: bool,
}

#[test]
fn the_published_status_counts_until_the_watch_brings_it_or_a_newer_one() {
    let status = |name: &str| DockerPullSecretStatus {
        secret_name: Some(name.to_owned()),
        ..DockerPullSecretStatus::default()
    };
    for Row {
        published,
        watched,
        counts,
    } in [
        Row {
            published: Some("10"),
            watched: "9",
            counts: true,
        },
        Row {
            published: Some("10"),
            watched: "10",
            counts: false,
        },
        Row {
            published: Some("9"),
            watched: "10",
            counts: false,
        },
        // The request has not been answered yet.
        Row {
            published: None,
            watched: "10",
            counts: true,
        },
    ] {
        let mut memory = ResourceMemory {
            published: Some(PublishedStatus {
                resource_version: published.map(str::to_owned),
                status: status("published"),
            }),
            ..ResourceMemory::default()
        };
        memory.acknowledge(Some(watched));
        let previous = memory.previous_status(Some(status("stored"))).unwrap();
        let expected = if counts { "published" } else { "stored" };
        assert_eq!(previous, status(expected), "{published:?} {watched}");
    }
}

#[test]
fn own_writes_are_consumed_once() {
    let (secret, mut writes) = (ObjectKey::new("team", "app"), OwnWrites::default());
    writes.expect(secret.clone(), "7".to_owned());
    assert!(!writes.consume(&secret, Some("6")), "somebody else's");
    assert!(!writes.consume(&secret, None));
    assert!(writes.consume(&secret, Some("7")));
    assert!(!writes.consume(&secret, Some("7")));
    writes.expect(secret.clone(), "8".to_owned());
    writes.forget(&secret);
    assert!(!writes.consume(&secret, Some("8")));
}

#[test]
fn refusals_are_the_users_to_solve_and_show_no_password() {
    let credentials = RegistryCredentials::new("user", "canary-password").unwrap();
    for (code, is_refusal) in [
        (400, true),
        (401, false),
        (403, true),
        (404, false),
        (409, false),
        (413, true),
        (422, true),
        (429, false),
        (500, false),
        (503, false),
    ] {
        let refused = refusal(code, "denied: canary-password", "app", &credentials);
        assert_eq!(refused.is_some(), is_refusal, "{code}");
        let shown = refused.map(|refusal| refusal.problem.message).unwrap_or_default();
        assert!(!shown.contains("canary-password"), "{shown}");
    }
}

#[test]
fn numbers_alone_are_reported_at_a_slowing_pace() {
    let mut throttle = StatusThrottle::default();
    assert_eq!(throttle.pause_of_cause(at(0)), None);
    let pauses: Vec<Option<u64>> = [1, 2, 3, 6, 7, 200, 230, 260]
        .map(|second| throttle.pause(at(second)).map(|pause| pause.as_secs()))
        .into();
    assert_eq!(pauses, [Some(1), None, Some(3), None, Some(7), None, None, Some(2)]);
    throttle.reset();
    assert_eq!(throttle, StatusThrottle::default());
}

const NOW: Duration = Duration::ZERO;

fn key(key: &str) -> ObjectKey {
    let (namespace, name) = key.split_once('/').unwrap();
    ObjectKey::new(namespace, name)
}

#[test]
fn namespaces_take_turns() {
    let mut queue = FairQueue::default();
    for each in ["many/a", "many/b", "many/a", "many/c", "few/x"] {
        queue.push(&key(each), NOW);
    }
    assert_eq!(queue.take(), Some(key("many/a")));
    // The controller starts in no order what it was handed: of two, one could wait until no other comes.
    assert_eq!(queue.take(), None, "one is handed out");
    queue.push(&key("many/a"), NOW);
    assert!(queue.begun(&key("many/a"), NOW).may_take);
    assert_eq!(queue.take(), Some(key("few/x")));
    assert!(queue.begun(&key("few/x"), NOW).may_take);
    // A resource that is gone: its reconcile ends as it begins.
    assert!(!queue.ended(&key("few/x")));
    assert_eq!(queue.take(), Some(key("many/b")));
    assert!(queue.begun(&key("many/b"), NOW).may_take);

    // Only what changed after a reconcile had begun has to be reconciled again, when it has ended.
    assert!(!queue.ended(&key("many/a")));
    for each in ["many/b", "few/x", "many/b"] {
        queue.push(&key(each), NOW);
    }
    assert_eq!(queue.take(), Some(key("many/c")));
    assert!(queue.begun(&key("many/c"), NOW).may_take);
    assert_eq!(queue.take(), Some(key("few/x")));
    assert!(queue.begun(&key("few/x"), NOW).may_take);
    assert_eq!(queue.take(), None);
    assert!(!queue.ended(&key("few/x")) && queue.ended(&key("many/b")));
    assert_eq!(queue.take(), Some(key("many/b")));
    assert!(queue.begun(&key("many/b"), NOW).may_take);
    assert_eq!(queue.take(), None);
    assert!(queue.is_empty());
}

#[test]
fn a_resource_is_due_once_at_the_time_that_was_set_last() {
    let (a, b, c) = (
        ObjectKey::new("team", "a"),
        ObjectKey::new("team", "b"),
        ObjectKey::new("team", "c"),
    );
    let at = Duration::from_secs;
    let mut timers = Timers::default();
    for (key, time) in [(&a, 10), (&b, 5), (&c, 5), (&a, 7)] {
        timers.set(key, Some(at(time)));
    }
    timers.set(&c, None);
    assert_eq!((timers.take_due(at(4)), timers.next()), (None, Some(at(5))));
    assert_eq!(timers.take_due(at(8)), Some(b));
    assert_eq!(timers.take_due(at(8)), Some(a));
    assert_eq!((timers.take_due(at(20)), timers.next()), (None, None));
}

#[test]
fn wait_begins_with_the_first_change_that_no_reconcile_has_seen() {
    let second = Duration::from_secs;
    let begun = |may_take, waited: Option<u64>| Begun {
        may_take,
        waited: waited.map(second),
    };
    let (app, web) = (key("team/app"), key("team/web"));
    let mut queue = FairQueue::default();
    queue.push(&app, second(1));
    queue.push(&web, second(2));
    queue.push(&app, second(3));
    assert_eq!(queue.take(), Some(app.clone()));
    queue.push(&app, second(4));
    assert_eq!(queue.begun(&app, second(5)), begun(true, Some(4)));
    assert_eq!(queue.take(), Some(web.clone()));
    assert_eq!(queue.begun(&web, second(6)), begun(true, Some(4)));
    // It changes twice while it is being reconciled.
    queue.push(&app, second(10));
    queue.push(&app, second(11));
    assert!(queue.ended(&app));
    assert_eq!(queue.take(), Some(app.clone()));
    assert_eq!(queue.begun(&app, second(13)), begun(true, Some(3)));
    assert!(!queue.ended(&app));
    // Nothing has changed: the process stops.
    assert_eq!(queue.begun(&app, second(20)), begun(false, None));
}

#[test]
fn third_cause_within_a_minute_is_reported_at_a_slowing_pace() {
    let mut throttle = StatusThrottle::default();
    let mut reported = |seconds: std::ops::Range<i64>| -> Vec<i64> {
        seconds
            .filter(|second| throttle.pause_of_cause(at(*second)).is_none())
            .collect()
    };
    assert_eq!(reported(0..60), [0, 1, 3, 7, 15, 31], "another cause each second");
    assert_eq!(reported(300..303), [300, 301], "after a rest");
}

#[test]
fn retries_slow_down_to_a_minute_and_are_reported_from_the_third() {
    let seconds: Vec<u64> = (0..9).map(|errors| pause(errors).as_secs()).collect();
    assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
    assert_eq!([1, 2, 3, 4].map(is_reported), [false, false, true, true]);
    let (one, other) = (Uid::new("uid-one"), Uid::new("uid-other"));
    let base = Duration::from_secs(100);
    assert_eq!(spread(base, &one), spread(base, &one), "the same each time");
    assert_ne!(spread(base, &one), spread(base, &other));
    for uid in [one, other] {
        assert!((90..=110).contains(&spread(base, &uid).as_secs()));
    }
}

#[test]
fn only_what_a_decision_depends_on_calls_for_a_reconcile() {
    let meta = |fields: Value| serde_json::from_value::<ObjectMeta>(fields).unwrap();
    let before = meta(json!({"uid": "uid", "generation": 1, "resourceVersion": "1"}));
    for (after, calls) in [
        (json!({"uid": "uid", "generation": 1, "resourceVersion": "2"}), false),
        (json!({"uid": "uid", "generation": 1, "labels": {"a": "b"}}), false),
        (
            json!({"uid": "uid", "generation": 1, "annotations": {"other": "1"}}),
            false,
        ),
        (json!({"uid": "uid", "generation": 2}), true),
        (json!({"uid": "other", "generation": 1}), true),
        (
            json!({"uid": "uid", "generation": 1, "annotations": {"pullsecrets.dev/verify": "1"}}),
            true,
        ),
        (
            json!({"uid": "uid", "generation": 1, "deletionTimestamp": "2026-01-01T00:00:00Z"}),
            true,
        ),
    ] {
        assert_eq!(metadata_calls(&before, &meta(after.clone())), calls, "{after}");
    }
}

#[test]
fn work_is_done_by_one_at_a_time_and_again_if_somebody_calls_meanwhile() {
    let mut work = WorkSet::default();
    work.call(key("a/x"));
    work.call(key("a/x"));
    assert_eq!(work.take(), Some(key("a/x")));
    work.call(key("a/x"));
    assert_eq!(work.take(), None);
    assert!(work.is_busy_in("a") && work.is_busy_with("x") && !work.is_busy_in("b"));
    // Who called while it failed wants it to be tried at once.
    work.done(&key("a/x"), true);
    assert_eq!(work.take(), Some(key("a/x")));
    work.done(&key("a/x"), true);
    work.call(key("a/x"));
    assert_eq!(work.take(), None, "it is left alone");
    assert!(!work.is_busy_in("a") && !work.is_busy_with("x"));
    work.resume(&key("a/x"));
    assert_eq!(work.take(), Some(key("a/x")));
    work.done(&key("a/x"), false);
    assert!(!work.is_busy_with("x"));
}

#[test]
fn pause_that_somebody_ended_does_not_end_the_next_one() {
    let mut work = WorkSet::default();
    let fail = |work: &mut WorkSet| {
        assert_eq!(work.take(), Some(key("a/x")));
        work.done(&key("a/x"), true).unwrap()
    };
    work.call(key("a/x"));
    let first = fail(&mut work);
    work.resume(&key("a/x"));
    let second = fail(&mut work);
    work.end(&key("a/x"), first);
    assert_eq!(work.take(), None, "the second pause goes on");
    work.end(&key("a/x"), second);
    assert_eq!(work.take(), Some(key("a/x")));
    // Who called meanwhile had it tried at once: there is no pause that could end.
    work.call(key("a/x"));
    assert_eq!(work.done(&key("a/x"), true), None);
}
