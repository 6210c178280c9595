//! What one tenant does costs no other tenant, and no user is locked out by many registries.

use dps::domain::verification::queue::{IN_FLIGHT, IN_FLIGHT_OF_NAMESPACE, KEPT_FREE, VerificationRequest};
use dps::domain::verification::state::Admission;
use dps::domain::verification::verdict::VerificationResult as R;

use super::World;
use crate::verification_inputs::at;

const TOKEN_SERVER: &str = "token.example.com:443";

impl World {
    /// Starts attempts, which all log in at `receiver`, and answers them in the same second. Returns those that sent a password.
    fn run(&mut self, receiver: Option<&str>, result: R, second: u64) -> Vec<VerificationRequest> {
        let mut sent = Vec::new();
        for request in self.started(at(second)).attempts {
            let receiver = receiver.map_or_else(|| request.target(), str::to_owned);
            if self.state.admit(&request, &receiver, at(second)) == Admission::Admitted {
                self.conclude(&request, result, at(second));
                sent.push(request);
            }
        }
        sent
    }
}

#[test]
fn many_registries_with_one_token_server_make_few_failed_logins_of_a_user() {
    let mut world = World::open();
    for index in 0..60 {
        let request = world.request(&format!("r{index}.example.com"), "admin", &format!("guess-{index}"));
        world.submit_in("tenant", &request);
    }
    let logins = (0..60).map(|second| world.run(Some(TOKEN_SERVER), R::Rejected, second).len());
    let at: Vec<usize> = logins
        .enumerate()
        .filter(|(_, logins)| *logins > 0)
        .map(|(second, _)| second)
        .collect();
    assert_eq!(at, [0, 2, 32]);
}

#[test]
fn one_wrong_password_is_sent_once_whatever_the_registry_is_called() {
    let mut world = World::open();
    let requests: Vec<_> = (0..5)
        .map(|index| world.request(&format!("r{index}.example.com"), "admin", "wrong"))
        .collect();
    for request in &requests {
        world.submit_in("tenant", request);
    }
    let logins: usize = (0..10)
        .map(|second| world.run(Some(TOKEN_SERVER), R::Rejected, second).len())
        .sum();
    assert_eq!(logins, 1);
    for request in requests {
        let known = world.state.ledger.get(request.fingerprint, &request.method).unwrap();
        assert_eq!(known.result, R::Rejected);
    }
}

#[test]
fn one_login_is_in_flight_at_a_token_server() {
    let mut world = World::open();
    let first = world.request("a.example.com", "alice", "word");
    let second = world.request("b.example.com", "bob", "word");
    world.submit_in("tenant", &first);
    let bob = world.submit_in("tenant", &second);
    assert_eq!(world.started(at(1)).attempts.len(), 2, "nobody knows yet");
    assert_eq!(world.state.admit(&first, TOKEN_SERVER, at(1)), Admission::Admitted);
    let later = world.state.admit(&second, TOKEN_SERVER, at(1));
    assert_eq!(later, Admission::Later(Some(bob)));
    assert_eq!(world.started(at(2)).attempts, [], "it is known now");
    world.conclude(&first, R::Accepted, at(3));
    assert_eq!(world.started(at(3)).attempts, std::slice::from_ref(&second));
    assert_eq!(world.state.admit(&second, TOKEN_SERVER, at(3)), Admission::Admitted);
}

#[test]
fn what_was_found_out_about_a_registry_is_forgotten_with_its_last_attempt() {
    let mut world = World::open();
    let (first, second) = (
        world.request("a.example.com", "alice", "word"),
        world.request("b.example.com", "bob", "word"),
    );
    world.submit_in("tenant", &first);
    let bob = world.submit_in("tenant", &second);
    assert_eq!(world.started(at(1)).attempts.len(), 2);
    assert_eq!(world.state.admit(&first, TOKEN_SERVER, at(1)), Admission::Admitted);
    let later = world.state.admit(&second, TOKEN_SERVER, at(1));
    assert_eq!(later, Admission::Later(Some(bob.clone())));
    world.state.queue.forget(&bob, at(2));
    world.submit_in("tenant", &second);
    assert_eq!(world.started(at(3)).attempts, [second], "nobody knows any more");
}

#[test]
fn what_comes_and_what_leaves_a_place_is_worth_a_look_and_nothing_else() {
    let mut world = World::open();
    let request = world.request("r.example.com", "alice", "word");
    let alice = world.submit_in("tenant", &request);
    assert!(world.state.queue.take_changed());
    world.state.queue.submit(request.clone(), alice.clone());
    assert!(!world.state.queue.take_changed(), "it waits already");
    world.state.start(at(0));
    world.state.queue.keep_only(&alice, None);
    assert!(world.state.queue.take_changed());
    world.state.queue.keep_only(&alice, None);
    assert!(!world.state.queue.take_changed());
}

#[test]
fn wrong_passwords_of_one_tenant_do_not_delay_another_tenant() {
    let mut world = World::open();
    for index in 0..20 {
        let request = world.request("r.example.com", "mallory", &format!("wrong-{index}"));
        world.submit_in("tenant", &request);
    }
    world.run(None, R::Rejected, 0);
    world.run(None, R::Rejected, 1);
    let bob = world.request("r.example.com", "bob", "right");
    world.submit_in("other", &bob);
    let is_sent = |second: u64| world.run(None, R::Rejected, second).contains(&bob);
    assert!((2..5).any(is_sent), "within 3 s");
}

#[test]
fn namespaces_take_turns_and_have_a_share_of_what_is_in_flight() {
    let mut world = World::open();
    for namespace in 0..12 {
        for index in 0..20 {
            let request = world.request(&format!("r{index}.n{namespace}.example.com"), "robot", "word");
            world.submit_in(&format!("n{namespace}"), &request);
        }
    }
    let started = world.started(at(0)).attempts;
    assert_eq!(started.len(), IN_FLIGHT - KEPT_FREE);
    let of = |namespace: usize| {
        let host = format!(".n{namespace}.example.com:443");
        started
            .iter()
            .filter(|request| request.target().ends_with(&host))
            .count()
    };
    assert!((0..12).all(|namespace| of(namespace) == 4));

    // Nothing answers, and others come: each finds a place.
    for index in 0..=KEPT_FREE {
        let request = world.request(&format!("late-{index}.example.com"), "robot", "word");
        world.submit_in(&format!("late-{index}"), &request);
        assert_eq!(world.started(at(1)).attempts.len(), usize::from(index < KEPT_FREE));
    }

    let mut world = World::open();
    for index in 0..20 {
        let request = world.request(&format!("r{index}.example.com"), "robot", "word");
        world.submit_in("many", &request);
    }
    assert_eq!(world.started(at(0)).attempts.len(), IN_FLIGHT_OF_NAMESPACE);
}

#[test]
fn credentials_that_were_accepted_go_first_and_wait_for_no_wrong_ones() {
    let mut world = World::open();
    let good = world.request("r.example.com", "robot", "right");
    world.submit_in("tenant", &good);
    assert_eq!(world.run(None, R::Accepted, 0), std::slice::from_ref(&good));
    for second in [10, 12] {
        let wrong = world.request("r.example.com", "robot", &format!("wrong-{second}"));
        world.submit_in("tenant", &wrong);
        assert_eq!(world.run(None, R::Rejected, second), [wrong]);
    }
    let guess = world.request("r.example.com", "robot", "guess");
    world.submit_in("tenant", &guess);
    world.submit_in("tenant", &good);
    assert_eq!(
        world.run(None, R::Accepted, 13),
        [],
        "a registry may reject every password for a moment"
    );
    assert_eq!(world.run(None, R::Accepted, 14), [good]);
    // The acceptance shows that the user is not locked out.
    assert_eq!(world.run(None, R::Rejected, 15), [guess]);
}

#[test]
fn a_user_is_left_alone_ever_longer_and_starts_anew_after_an_hour() {
    let mut world = World::open();
    let mut guesses = 0..;
    let mut tried = Vec::new();
    for second in [0, 1, 2, 31, 32, 151, 152, 1051, 1052, 1952, 5552, 5554] {
        let guess = world.request("r.example.com", "robot", &format!("guess-{}", guesses.next().unwrap()));
        let tenant = world.submit_in("tenant", &guess);
        if !world.run(None, R::Rejected, second).is_empty() {
            tried.push(second);
        }
        world.state.queue.forget(&tenant, at(second));
    }
    assert_eq!(tried, [0, 2, 32, 152, 1052, 1952, 5552, 5554]);
}
