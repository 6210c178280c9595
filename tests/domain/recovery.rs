//! Pods that are replaced: one of each owner first, and only as long as that helps.

use dps::domain::names::{ObjectKey, ResourceRef, Uid};
use dps::domain::pull_failures::pod::Pod;
use dps::domain::recovery::{PodToReplace, Recoveries};
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

fn names(pods: &[PodToReplace]) -> Vec<&str> {
    pods.iter().map(|one| one.pod.name.as_str()).collect()
}

#[test]
fn the_next_pod_of_an_owner_goes_when_the_successor_of_the_last_one_runs() {
    let (mut recoveries, app) = (Recoveries::default(), resource("app"));
    let pods = [old("a", 0), old("a", 1), old("a", 2), old("b", 0)];
    assert_eq!(names(&recoveries.next(&app, &pods, at(10))), ["a-0", "b-0"]);
    assert!(recoveries.next(&app, &pods, at(11)).is_empty(), "both wait");
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
        assert_eq!(recoveries.observe(&other), None, "{what}");
    }
    let successor = pod("a", "a-new", 10, &json!({"phase": "Running"}));
    assert_eq!(recoveries.observe(&successor), Some(ObjectKey::new("team", "app")));
    assert_eq!(names(&recoveries.next(&app, &pods[1..], at(12))), ["a-1"]);
    // A successor that fails ends it for its owner.
    let fails = pod("a", "a-newer", 12, &failing());
    assert_eq!(recoveries.observe(&fails), Some(ObjectKey::new("team", "app")));
    assert!(recoveries.next(&app, &pods[2..], at(13)).is_empty());
    // Once none of its pods is to be replaced, it is forgotten.
    assert!(recoveries.next(&app, &[], at(14)).is_empty());
    assert_eq!(names(&recoveries.next(&app, &pods[2..3], at(15))), ["a-2"]);
}

#[test]
fn at_most_five_owners_wait_at_a_time_in_the_cluster() {
    let mut recoveries = Recoveries::default();
    let pods: Vec<PodToReplace> = (0..4).map(|owner| old(&format!("o{owner}"), 0)).collect();
    let others: Vec<PodToReplace> = (4..8).map(|owner| old(&format!("o{owner}"), 0)).collect();
    assert_eq!(recoveries.next(&resource("app"), &pods, at(0)).len(), 4);
    assert_eq!(names(&recoveries.next(&resource("other"), &others, at(0))), ["o4-0"]);
    assert!(recoveries.lacks_room_for(&others));
    assert!(!recoveries.lacks_room_for(&others[..1]), "it waits itself");
    // One whose successor never comes makes room for others.
    assert_eq!(recoveries.next(&resource("other"), &others, at(700)).len(), 3);
    assert!(!recoveries.lacks_room_for(&others));
}

#[test]
fn a_refused_eviction_is_tried_again() {
    let (mut recoveries, app) = (Recoveries::default(), resource("app"));
    let pods = [old("a", 0), old("a", 1)];
    recoveries.next(&app, &pods, at(0));
    recoveries.refused(&Uid::new("a"));
    assert_eq!(names(&recoveries.next(&app, &pods, at(10))), ["a-0"]);
    recoveries.observe(&pod("a", "new", 10, &json!({"phase": "Running"})));
    assert_eq!(names(&recoveries.next(&app, &pods[1..], at(11))), ["a-1"]);
    recoveries.refused(&Uid::new("a"));
    assert_eq!(names(&recoveries.next(&app, &pods[1..], at(21))), ["a-1"]);
}
