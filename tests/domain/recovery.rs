//! Pods that are replaced: one of each owner first, and only as long as that helps.

use std::time::Duration;

use dps::domain::names::{ObjectKey, ResourceRef, Uid};
use dps::domain::pull_failures::pod::Pod;
use dps::domain::recovery::{Due, PodToReplace, Recoveries};
use dps::domain::time::Timestamp;
use serde_json::{Value, json};

fn resource(name: &str) -> ResourceRef {
    ResourceRef {
        kind: "DockerPullSecret",
        key: ObjectKey::new("team", name),
        uid: Uid::new(name),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn old(owner: &str, number: usize) -> PodToReplace {
    PodToReplace {
        pod: ObjectKey::new("team", format!("{owner}-{number}")),
        uid: Uid::new(&format!("{owner}-{number}")),
        owner: Uid::new(owner),
    }
}

/// A pod of an owner, created at this second.
fn pod(owner: &str, uid: &str, created: i64, status: &Value) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": uid, "namespace": "team", "uid": uid, "creationTimestamp": at(created).to_string(),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner, "uid": owner, "controller": true}]},
        "spec": {"containers": [{"name": "app", "image": "r.example.com/app"}]},
        "status": status,
    }))
    .unwrap()
}

fn failing() -> Value {
    json!({"phase": "Pending", "containerStatuses": [{"name": "app", "image": "r.example.com/app",
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": ""}}}]})
}

fn names(due: &Due) -> Vec<&str> {
    due.evictions.iter().map(|one| one.pod.name.as_str()).collect()
}

/// One old pod of each of these owners.
fn each(owners: std::ops::Range<usize>) -> Vec<PodToReplace> {
    owners.map(|owner| old(&format!("o{owner}"), 0)).collect()
}

fn keys<const N: usize>(names: [&str; N]) -> [ObjectKey; N] {
    names.map(|name| ObjectKey::new("team", name))
}

/// The successor of an owner's pod runs.
fn runs(recoveries: &mut Recoveries, owner: &str, second: i64) -> Vec<ObjectKey> {
    let successor = pod(owner, &format!("{owner}-new"), second, &json!({"phase": "Running"}));
    recoveries.observe(&successor, at(second))
}

/// The successor of an owner's pod cannot pull.
fn fails(recoveries: &mut Recoveries, owner: &str, second: i64) -> Vec<ObjectKey> {
    let successor = pod(owner, &format!("{owner}-new"), second, &failing());
    recoveries.observe(&successor, at(second))
}

#[test]
fn the_next_pod_of_an_owner_goes_when_the_successor_of_the_last_one_runs() {
    let (mut recoveries, app) = (Recoveries::default(), resource("app"));
    let pods = [old("a", 0), old("a", 1), old("a", 2), old("b", 0)];
    assert_eq!(names(&recoveries.next(&app, &pods, at(10))), ["a-0", "b-0"]);
    assert!(names(&recoveries.next(&app, &pods, at(11))).is_empty(), "both wait");
    for (what, other) in [
        (
            "the evicted one itself",
            pod("a", "a-0", 10, &json!({"phase": "Running"})),
        ),
        ("one of before", pod("a", "a-1", 9, &json!({"phase": "Running"}))),
        (
            "a successor that waits",
            pod("a", "a-new", 10, &json!({"phase": "Pending"})),
        ),
        ("somebody else's", pod("c", "c-new", 10, &json!({"phase": "Running"}))),
    ] {
        assert_eq!(recoveries.observe(&other, at(12)), [], "{what}");
    }
    assert_eq!(runs(&mut recoveries, "a", 12), keys(["app"]));
    assert_eq!(names(&recoveries.next(&app, &pods[1..], at(12))), ["a-1"]);
    // A successor that fails ends it for its owner.
    assert_eq!(fails(&mut recoveries, "a", 12), keys(["app"]));
    assert!(names(&recoveries.next(&app, &pods[2..], at(13))).is_empty());
    // Once none of its pods is to be replaced, it is forgotten.
    assert!(names(&recoveries.next(&app, &[], at(14))).is_empty());
    assert_eq!(names(&recoveries.next(&app, &pods[2..3], at(15))), ["a-2"]);
}

#[test]
fn at_most_five_owners_wait_at_a_time() {
    let mut recoveries = Recoveries::default();
    assert_eq!(recoveries.next(&resource("app"), &each(0..4), at(0)).evictions.len(), 4);
    assert_eq!(
        names(&recoveries.next(&resource("other"), &each(4..8), at(0))),
        ["o4-0"]
    );
    assert!(names(&recoveries.next(&resource("third"), &each(8..9), at(0))).is_empty());
}

#[test]
fn a_place_that_frees_is_handed_on_to_the_resource_that_has_waited_longest() {
    let mut recoveries = Recoveries::default();
    let pods = [each(0..5), vec![old("o0", 1)]].concat();
    recoveries.next(&resource("app"), &pods, at(0));
    for waiting in ["b", "c"] {
        recoveries.next(&resource(waiting), &[old(waiting, 0), old(waiting, 1)], at(1));
    }
    assert_eq!(runs(&mut recoveries, "o0", 2), keys(["app", "b"]));
    // It is kept for it, whoever comes first.
    assert!(names(&recoveries.next(&resource("app"), &pods[5..], at(2))).is_empty());
    assert!(names(&recoveries.next(&resource("c"), &[old("c", 0)], at(2))).is_empty());
    assert_eq!(names(&recoveries.next(&resource("b"), &[old("b", 0)], at(2))), ["b-0"]);
    // One that has nothing to replace any more gives its turn to the next.
    assert_eq!(fails(&mut recoveries, "o1", 3), keys(["app", "app"]));
    let due = recoveries.next(&resource("app"), &[], at(3));
    assert!(names(&due).is_empty());
    assert_eq!(due.others, keys(["c"]));
    // So does one that does not come, and one that is deleted.
    recoveries.next(&resource("d"), &[old("d", 0)], at(4));
    assert_eq!(recoveries.hand_on(at(32)), []);
    assert_eq!(recoveries.hand_on(at(33)), keys(["d"]));
    recoveries.next(&resource("e"), &[old("e", 0)], at(34));
    assert_eq!(recoveries.forget(&Uid::new("d"), at(34)), keys(["e"]));
}

#[test]
fn a_successor_that_never_comes_makes_room_for_others() {
    let mut recoveries = Recoveries::default();
    let (app, other) = (resource("app"), resource("other"));
    recoveries.next(&app, &each(0..5), at(0));
    recoveries.next(&other, &each(5..6), at(1));
    assert_eq!(recoveries.hand_on(at(599)), []);
    let mut next = recoveries.hand_on(at(600));
    next.dedup();
    assert_eq!(next, keys(["app", "other"]));
    assert_eq!(names(&recoveries.next(&other, &each(5..6), at(600))), ["o5-0"]);
    assert!(
        names(&recoveries.next(&app, &each(0..5), at(601))).is_empty(),
        "it ended for them"
    );
}

#[test]
fn a_refused_eviction_is_tried_again_after_a_minute() {
    let (mut recoveries, app) = (Recoveries::default(), resource("app"));
    let pods = [old("a", 0), old("a", 1)];
    recoveries.next(&app, &pods, at(0));
    assert_eq!(recoveries.refused(&Uid::new("a"), at(10)), keys(["app"]));
    let due = recoveries.next(&app, &pods, at(10));
    assert_eq!((names(&due), due.again), (vec![], Some(Duration::from_mins(1))));
    assert_eq!(names(&recoveries.next(&app, &pods, at(70))), ["a-0"]);
    runs(&mut recoveries, "a", 70);
    assert_eq!(names(&recoveries.next(&app, &pods[1..], at(71))), ["a-1"]);
}

#[test]
fn owners_whose_budget_never_allows_it_keep_nobody_waiting() {
    let (mut recoveries, app) = (Recoveries::default(), resource("app"));
    let pods = each(0..7);
    let first = recoveries.next(&app, &pods, at(0)).evictions;
    assert_eq!(first, pods[..5]);
    for pod in &first {
        recoveries.refused(&pod.owner, at(10));
    }
    assert_eq!(names(&recoveries.next(&app, &pods, at(10))), ["o5-0", "o6-0"]);
    // Nor those of later: who was refused comes last.
    let pods = each(0..10);
    assert_eq!(names(&recoveries.next(&app, &pods, at(70))), ["o7-0", "o8-0", "o9-0"]);
}

#[test]
fn a_resource_that_was_created_again_begins_anew() {
    let (mut recoveries, before) = (Recoveries::default(), resource("app"));
    let again = ResourceRef {
        uid: Uid::new("again"),
        ..before.clone()
    };
    let pods = [old("a", 1), old("b", 1)];
    recoveries.next(&before, &pods, at(0));
    fails(&mut recoveries, "a", 1);
    recoveries.next(&before, &pods, at(1));
    assert_eq!(recoveries.forget(&before.uid, at(2)), []);
    // The successor of the other one is waited for all the same.
    assert_eq!(names(&recoveries.next(&again, &pods, at(3))), ["a-1"]);
    assert_eq!(fails(&mut recoveries, "b", 4), keys(["app"]));
    assert_eq!(names(&recoveries.next(&again, &pods, at(5))), ["b-1"]);
}

#[test]
fn what_one_resource_gave_up_another_may_try() {
    let mut recoveries = Recoveries::default();
    let pods = [old("a", 0)];
    recoveries.next(&resource("app"), &pods, at(0));
    fails(&mut recoveries, "a", 1);
    assert_eq!(names(&recoveries.next(&resource("other"), &pods, at(2))), ["a-0"]);
    fails(&mut recoveries, "a", 3);
    for name in ["app", "other"] {
        assert!(
            names(&recoveries.next(&resource(name), &pods, at(4))).is_empty(),
            "{name}"
        );
    }
}
