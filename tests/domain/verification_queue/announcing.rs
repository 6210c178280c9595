//! An attempt is made once a status says that it starts.

use std::time::Duration;

use dps::domain::verification::queue::AT_ONE_RECEIVER;
use dps::domain::verification::verdict::VerificationResult as R;

use super::{World, resource, seconds, users};
use crate::verification_inputs::at;

impl World {
    fn announce(&mut self, waiter: &str, second: u64) {
        self.state.queue.announced(&resource(waiter).uid, at(second));
    }
}

#[test]
fn an_attempt_is_made_once_the_status_says_that_it_starts() {
    let mut world = World::open();
    let request = world.request("r.example.com", "robot", "word");
    let (app, key) = (resource("app"), (request.fingerprint, request.method.clone()));
    // The reconcile that queues it may announce it at once.
    let start = world.state.enter(&app, Some(&key), Some(request.clone()), at(1));
    assert_eq!(start, Some(at(1)));
    let started = world.state.start(at(2));
    assert_eq!((started.attempts, started.to_announce), (vec![], vec![]));
    assert_eq!(started.next, Some(seconds(14)));
    world.announce("app", 0);
    assert_eq!(world.state.start(at(2)).attempts, [], "an older announcement");
    world.announce("app", 1);
    assert_eq!(world.state.start(at(2)).attempts, std::slice::from_ref(&request));
    let start = world.state.enter(&app, Some(&key), Some(request.clone()), at(3));
    assert_eq!(start, Some(at(1)), "the status goes on to say so");
    world.conclude(&request, R::Accepted, at(4));
    assert_eq!(world.state.enter(&app, Some(&key), None, at(4)), None);
}

#[test]
fn an_attempt_that_nobody_announces_lets_others_go_first() {
    let mut world = World::open();
    let first = world.request("r.example.com", "first", "word");
    let second = world.request("r.example.com", "second", "word");
    world.submit(&first, "first");
    world.submit(&second, "second");
    assert_eq!(world.state.start(at(0)).to_announce, [resource("first")]);
    let late = world.state.start(at(15));
    assert_eq!((late.attempts, late.to_announce), (vec![], vec![resource("second")]));
    world.announce("first", 0);
    world.announce("second", 15);
    assert_eq!(world.state.start(at(15)).attempts, [second]);
}

#[test]
fn the_next_attempts_are_announced_while_one_is_made_if_the_registry_answers() {
    let mut world = World::open();
    let requests: Vec<_> = (0..12)
        .map(|index| world.request("r.example.com", &format!("user-{index}"), "word"))
        .collect();
    for (index, request) in requests.iter().enumerate() {
        world.submit(request, &format!("user-{index}"));
    }
    assert_eq!(world.state.start(at(0)).to_announce.len(), 1, "it may hang");
    world.announce("user-0", 0);
    assert_eq!(world.start(at(0)).0, users(&["user-0"]));
    world.conclude(&requests[0], R::Accepted, at(1));
    let announced = world.state.start(at(1)).to_announce;
    assert_eq!(announced.len(), AT_ONE_RECEIVER);
    for waiter in announced.iter().rev() {
        world.announce(waiter.key.name.as_str(), 1);
    }
    assert_eq!(
        world.start(at(1)).0,
        users(&["user-1"]),
        "in their order, one at a time"
    );
    // It hangs.
    world.conclude(&requests[1], R::Unreachable, at(60));
    assert_eq!(world.state.start(at(60)).to_announce, []);
}

#[test]
fn a_resource_that_wants_another_attempt_withdraws_the_first() {
    let mut world = World::open();
    let old = world.request("r.example.com", "robot", "old");
    let new = world.request("r.example.com", "robot", "new");
    world.submit(&old, "app");
    world.submit(&old, "other");
    assert_eq!(world.state.start(at(0)).to_announce, [resource("app")]);
    world.submit(&new, "app");
    // The old one is still wanted, and announced by whoever wants it.
    let started = world.state.start(at(0));
    assert_eq!(started.to_announce, [resource("other")]);
    world.submit(&new, "other");
    assert!(!world.state.queue.is_in_flight(old.fingerprint, &old.method));
    assert_eq!(world.state.start(at(0)).to_announce, [resource("app")]);
    world.announce("app", 0);
    assert_eq!(world.state.start(at(0)).attempts, [new]);
}

#[test]
fn a_stop_tells_whose_status_announces_an_attempt_that_is_not_made() {
    let mut world = World::open();
    for host in ["r.example.com", "s.example.com", "t.example.com"] {
        let request = world.request(host, "robot", "word");
        world.submit(&request, host);
    }
    world.state.start(at(0));
    world.announce("r.example.com", 0);
    assert_eq!(world.state.start(at(0)).attempts.len(), 1);
    world.announce("s.example.com", 0);
    let mut unmade = world.state.queue.drain();
    unmade.sort_by(|one, other| one.key.name.cmp(&other.key.name));
    assert_eq!(unmade, [resource("s.example.com"), resource("t.example.com")]);
    assert_eq!(world.state.queue.announcement(&unmade[0].uid), None);
    assert_eq!(world.state.start(at(1)).attempts, []);
}

#[test]
fn an_announced_attempt_whose_user_has_to_wait_goes_back() {
    let mut world = World::open();
    let first = world.request("r.example.com", "robot", "first");
    world.submit(&first, "first");
    world.state.start(at(0));
    world.announce("first", 0);
    world.state.start(at(0));
    let wrong: Vec<_> = (0..2)
        .map(|index| world.request("r.example.com", "robot", &format!("wrong-{index}")))
        .collect();
    world.submit(&wrong[0], "one");
    world.submit(&wrong[1], "two");
    world.conclude(&first, R::Accepted, at(1));
    assert_eq!(world.state.start(at(1)).to_announce, [resource("one"), resource("two")]);
    world.announce("one", 1);
    world.announce("two", 1);
    assert_eq!(world.state.start(at(1)).attempts, std::slice::from_ref(&wrong[0]));
    world.conclude(&wrong[0], R::Rejected, at(2));
    let started = world.state.start(at(2));
    assert_eq!((started.attempts, started.informed), (vec![], vec![resource("two")]));
    assert_eq!(world.state.queue.announcement(&resource("two").uid), None);
    assert_eq!(started.next, Some(Duration::from_secs(2)));
}
