//! Which login attempt may start when.

mod announcing;
mod fairness;

use std::collections::hash_map::RandomState;
use std::time::Duration;

use dps::domain::credentials::RegistryCredentials;
use dps::domain::names::{ObjectKey, ResourceRef, Uid};
use dps::domain::registry::dialect::REJECTION_COOLDOWN;
use dps::domain::time::Timestamp;
use dps::domain::verification::attempt::{LoginAttempt, LoginTarget};
use dps::domain::verification::fingerprint::Fingerprinter;
use dps::domain::verification::ledger::Ledger;
use dps::domain::verification::queue::{LOCAL_PAUSE, Started, VerificationQueue, VerificationRequest};
use dps::domain::verification::state::VerificationState;
use dps::domain::verification::verdict::{Verdict, VerificationResult as R};

use crate::verification_inputs::at;

/// A state, and requests that are made for it.
struct World {
    state: VerificationState,
}

impl World {
    /// Before anything is listed; the process starts at second 0.
    fn closed(scopes: usize) -> Self {
        let fingerprinter = Fingerprinter::new([RandomState::new(), RandomState::new()]);
        Self {
            state: VerificationState {
                ledger: Ledger::new(fingerprinter),
                queue: VerificationQueue::new(scopes, at(0)),
            },
        }
    }

    /// Without any resource, so that attempts are possible from second 0 on.
    fn open() -> Self {
        let mut world = Self::closed(1);
        world.state.queue.scope_listed([], at(0));
        world
    }

    fn request(&self, host: &str, user: &str, password: &str) -> VerificationRequest {
        let target = LoginTarget {
            base: format!("https://{host}/v2/").parse().unwrap(),
            image: None,
        };
        let credentials = RegistryCredentials::new(user, password).unwrap();
        VerificationRequest {
            fingerprint: self.state.ledger.fingerprint(&target.base, &credentials),
            method: target.method(None),
            attempt: LoginAttempt { target, credentials },
            ca_bundle: None,
        }
    }

    /// Queues an attempt for a resource of its own. Returns the resource.
    fn submit_in(&mut self, namespace: &str, request: &VerificationRequest) -> ResourceRef {
        let name = format!("{:?}", request.fingerprint);
        let waiter = ResourceRef {
            key: ObjectKey::new(namespace, &name),
            ..resource(&name)
        };
        self.state.queue.submit(request.clone(), waiter.clone());
        waiter
    }

    fn submit(&mut self, request: &VerificationRequest, waiter: &str) {
        self.state.queue.submit(request.clone(), resource(waiter));
    }

    /// What starts now, once the statuses say so.
    fn started(&mut self, now: Timestamp) -> Started {
        let before = self.state.start(now);
        for resource in before.to_announce {
            let queue = &mut self.state.queue;
            let start = queue.announcement(&resource.uid).expect("it was asked to announce");
            queue.announced(&resource.uid, start);
        }
        let mut started = self.state.start(now);
        started.attempts.splice(0..0, before.attempts);
        started.informed.splice(0..0, before.informed);
        started
    }

    /// Users of the attempts that start now, sorted, and when to call again.
    fn start(&mut self, now: Timestamp) -> (Vec<String>, Option<Duration>) {
        let Started {
            attempts,
            to_announce: _,
            informed,
            next,
        } = self.started(now);
        assert_eq!(informed, []);
        let mut users: Vec<String> = attempts
            .iter()
            .map(|request| request.attempt.credentials.username().to_owned())
            .collect();
        users.sort_unstable();
        (users, next)
    }

    fn conclude(&mut self, request: &VerificationRequest, result: R, now: Timestamp) -> Vec<ResourceRef> {
        let verdict = Verdict::new(result, "");
        self.state.conclude(request, &verdict, now)
    }
}

fn resource(name: &str) -> ResourceRef {
    ResourceRef {
        kind: "DockerPullSecret",
        key: ObjectKey::new("team", name),
        uid: Uid::new(&format!("uid-{name}")),
    }
}

/// A process on standby watches, and makes no attempt when it begins to work before it has read every status.
#[test]
fn what_happened_on_standby_lets_no_attempt_start() {
    let mut world = World::closed(1);
    world.state.queue.forget(&resource("gone"), at(100));
    assert_eq!(world.start(at(100)), (vec![], None));
    world.state.queue.begin(at(200));
    let request = world.request("r.example.com", "alice", "word");
    world
        .state
        .queue
        .scope_listed([resource("a").uid, resource("b").uid], at(200));
    world.submit(&request, "a");
    assert!(!world.state.queue.reconciled(&resource("a").uid, at(200)));
    assert_eq!(world.start(at(201)), (vec![], Some(seconds(59))));
    assert!(world.state.queue.reconciled(&resource("b").uid, at(202)));
    assert_eq!(world.start(at(202)).0, ["alice"]);
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn users(users: &[&str]) -> Vec<String> {
    users.iter().map(|&user| user.to_owned()).collect()
}

#[test]
fn first_attempt_starts_at_once() {
    let mut world = World::open();
    let request = world.request("r.example.com", "robot", "word");
    assert!(!world.state.queue.is_in_flight(request.fingerprint, &request.method));
    world.submit(&request, "app");
    assert!(world.state.queue.is_in_flight(request.fingerprint, &request.method));
    assert_eq!(world.start(at(1)), (users(&["robot"]), None));
    assert_eq!(world.start(at(1)), (vec![], None), "only once");
    assert!(world.state.queue.is_in_flight(request.fingerprint, &request.method));
    assert_eq!(world.conclude(&request, R::Accepted, at(2)), [resource("app")]);
    assert!(!world.state.queue.is_in_flight(request.fingerprint, &request.method));
    let known = world.state.ledger.get(request.fingerprint, &request.method).unwrap();
    assert_eq!((known.result, known.verified_at), (R::Accepted, at(2)));
}

#[test]
fn identical_attempts_share_one() {
    let mut world = World::open();
    let request = world.request("r.example.com", "robot", "word");
    world.submit(&request, "first");
    world.submit(&request, "second");
    world.submit(&request, "second");
    assert_eq!(world.start(at(1)), (users(&["robot"]), None));
    world.submit(&request, "late");
    assert_eq!(world.start(at(1)), (vec![], None));
    let notified = world.conclude(&request, R::Accepted, at(2));
    assert_eq!(notified, [resource("first"), resource("second"), resource("late")]);
}

#[test]
fn one_attempt_is_in_flight_per_host_and_port() {
    let mut world = World::open();
    let first = world.request("r.example.com", "first", "word");
    for request in [
        first.clone(),
        world.request("r.example.com:443", "second", "word"),
        world.request("r.example.com:5000", "other-port", "word"),
        world.request("s.example.com", "other-host", "word"),
    ] {
        world.submit_in("team", &request);
    }
    assert_eq!(
        world.start(at(1)),
        (users(&["first", "other-host", "other-port"]), None)
    );
    world.conclude(&first, R::Accepted, at(2));
    assert_eq!(world.start(at(2)), (users(&["second"]), None));
}

#[test]
fn refusal_delays_attempts_of_the_same_user_at_the_same_host_only() {
    for (result, delays) in [
        (R::Rejected, true),
        (R::LockedOut, true),
        (R::Accepted, false),
        (R::Unreachable, false),
    ] {
        let mut world = World::open();
        let refused = world.request("r.example.com", "robot", "old");
        let new = world.request("r.example.com", "robot", "new");
        let other_user = world.request("r.example.com", "human", "word");
        let other_host = world.request("s.example.com", "robot", "word");
        world.submit_in("team", &refused);
        world.start(at(1));
        for request in [&new, &other_user, &other_host] {
            world.submit_in("team", request);
        }
        assert_eq!(world.start(at(1)).0, users(&["robot"]), "the other host");
        world.conclude(&refused, result, at(10));
        if !delays {
            assert_eq!(world.start(at(10)), (users(&["robot"]), None), "{result:?}");
            continue;
        }
        // Another user does not wait for the pause of this one.
        let next = Some(REJECTION_COOLDOWN);
        assert_eq!(world.start(at(10)), (users(&["human"]), next), "{result:?}");
        world.conclude(&other_user, R::Accepted, at(10));
        assert_eq!(world.start(at(10)), (vec![], Some(REJECTION_COOLDOWN)), "{result:?}");
        assert_eq!(world.start(at(11)), (vec![], Some(seconds(1))), "{result:?}");
        assert_eq!(world.start(at(12)), (users(&["robot"]), None), "{result:?}");
    }
}

#[test]
fn no_attempt_starts_before_every_resource_was_reconciled_once() {
    let mut world = World::closed(2);
    let request = world.request("r.example.com", "robot", "word");
    assert_eq!(world.start(at(0)), (vec![], None), "nothing is queued");
    world.submit(&request, "first");
    assert_eq!(world.start(at(1)), (vec![], Some(seconds(59))));
    let queue = &mut world.state.queue;
    queue.scope_listed([Uid::new("uid-first")], at(2));
    assert!(
        !queue.reconciled(&Uid::new("uid-first"), at(3)),
        "a scope is not listed yet"
    );
    queue.scope_listed([Uid::new("uid-second"), Uid::new("uid-third")], at(4));
    assert!(!queue.reconciled(&Uid::new("uid-second"), at(5)));
    assert_eq!(queue.open_for(at(6)), Duration::ZERO);
    assert_eq!(world.start(at(6)), (vec![], Some(seconds(54))));
    // The last one is deleted.
    world.state.queue.forget(&resource("third"), at(7));
    assert_eq!(world.state.queue.open_for(at(10)), seconds(3));
    assert_eq!(world.start(at(10)), (users(&["robot"]), None));
}

#[test]
fn startup_grace_ends_after_a_minute() {
    let mut world = World::closed(1);
    let request = world.request("r.example.com", "robot", "word");
    world.state.queue.scope_listed([Uid::new("uid-stuck")], at(1));
    world.submit(&request, "app");
    assert_eq!(world.start(at(59)), (vec![], Some(seconds(1))));
    assert_eq!(world.start(at(60)), (users(&["robot"]), None));
    assert_eq!(world.state.queue.open_for(at(70)), seconds(10));
    // What happens later does not close it again.
    world.state.queue.reconciled(&Uid::new("uid-stuck"), at(80));
    assert_eq!(world.state.queue.open_for(at(80)), seconds(20));
}

#[test]
fn attempt_that_failed_on_this_machine_is_made_again_after_a_pause() {
    let mut world = World::open();
    let requests = ["a", "b"].map(|name| world.request(&format!("{name}.example.com"), name, "word"));
    world.submit(&requests[0], "app");
    assert_eq!(world.start(at(1)), (users(&["a"]), None));
    let announcer = world.state.queue.postpone(&requests[0], at(2));
    assert_eq!(announcer, Some(resource("app")), "its status says that it has started");
    // What the process is short of, attempts at other registries need as well.
    world.submit(&requests[1], "web");
    assert_eq!(world.start(at(2)), (vec![], Some(LOCAL_PAUSE)));
    assert_eq!(world.start(at(11)), (vec![], Some(seconds(1))));
    assert_eq!(world.start(at(12)), (users(&["a", "b"]), None));
    let waiters = world.conclude(&requests[0], R::Accepted, at(13));
    assert_eq!(waiters, [resource("app")]);

    // The clock is set back.
    world.state.queue.postpone(&requests[1], at(100));
    assert_eq!(world.start(at(50)), (users(&["b"]), None));
}

#[test]
fn drain_starts_nothing_and_lets_attempts_in_flight_conclude() {
    let mut world = World::open();
    let first = world.request("r.example.com", "first", "word");
    let second = world.request("r.example.com", "second", "word");
    let third = world.request("r.example.com", "third", "word");
    world.submit(&first, "app");
    world.submit(&second, "other");
    world.start(at(1));
    assert_eq!(world.state.queue.drain(), [], "the second one has not left the queue");
    world.submit(&third, "third");
    assert_eq!(world.start(at(2)), (vec![], None));
    for (request, in_flight) in [(&first, true), (&second, false), (&third, false)] {
        let found = world.state.queue.is_in_flight(request.fingerprint, &request.method);
        assert_eq!(found, in_flight);
    }
    assert_eq!(world.conclude(&first, R::Accepted, at(3)), [resource("app")]);
    assert_eq!(world.start(at(4)), (vec![], None));
}

#[test]
fn forgotten_resource_is_not_told_and_its_queued_attempt_not_made() {
    let mut world = World::open();
    let in_flight = world.request("r.example.com", "in-flight", "word");
    let queued = world.request("r.example.com", "queued", "word");
    let shared = world.request("r.example.com", "shared", "word");
    world.submit(&in_flight, "first");
    world.submit(&queued, "second");
    world.submit(&shared, "gone");
    world.submit(&shared, "app");
    world.start(at(1));
    for gone in ["first", "second", "gone"] {
        world.state.queue.forget(&resource(gone), at(2));
    }
    // Of the same name, created later.
    let successor = ResourceRef {
        uid: Uid::new("uid-successor"),
        ..resource("gone")
    };
    world.state.queue.submit(shared.clone(), successor.clone());
    assert!(!world.state.queue.is_in_flight(queued.fingerprint, &queued.method));
    assert_eq!(world.conclude(&in_flight, R::Accepted, at(3)), []);
    assert_eq!(world.start(at(3)), (users(&["shared"]), None));
    assert_eq!(
        world.conclude(&shared, R::Accepted, at(4)),
        [resource("app"), successor]
    );
}

/// A refusal by one method makes the attempts by others needless that were queued meanwhile.
#[test]
fn queued_attempt_that_became_needless_is_not_made() {
    let mut world = World::open();
    let plain = world.request("r.example.com", "robot", "word");
    let mut with_image = plain.clone();
    with_image.method = "https://r.example.com/v2/ app:1".parse().unwrap();
    let other = world.request("r.example.com", "other", "word");
    world.submit(&plain, "plain");
    world.submit(&with_image, "image");
    world.submit(&other, "other");
    world.start(at(1));
    world.conclude(&plain, R::Rejected, at(2));
    // While its user has to wait, nothing is decided.
    assert_eq!(world.start(at(2)).0, users(&["other"]));
    world.conclude(&other, R::Accepted, at(3));
    let started = world.started(at(5));
    assert_eq!((started.attempts, started.informed), (vec![], vec![resource("image")]));
    assert!(
        !world
            .state
            .queue
            .is_in_flight(with_image.fingerprint, &with_image.method)
    );
}
