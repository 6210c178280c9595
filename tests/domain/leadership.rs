//! Which replica is the leader.

use std::time::Duration;

use dps::domain::leadership::{LEASE_DURATION, Leadership, LeaseStep, ObservedLease};

fn lease(holder: &str, version: u32) -> ObservedLease {
    ObservedLease {
        holder: holder.to_owned(),
        version: version.to_string(),
        duration: LEASE_DURATION,
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn process(name: &str) -> Leadership {
    Leadership::new(name.to_owned())
}

#[test]
fn the_first_process_creates_the_lease_and_renews_it() {
    let mut first = process("a");
    assert_eq!(first.step(None, at(0)), LeaseStep::Create);
    assert_eq!(first.left(at(0)), at(0), "not before the API server has it");
    first.written(at(0));
    assert_eq!(first.left(at(10)), at(20));
    assert_eq!(first.step(Some(&lease("a", 1)), at(4)), LeaseStep::Wait);
    assert_eq!(first.step(Some(&lease("a", 1)), at(5)), LeaseStep::Renew);
    first.written(at(5));
    assert_eq!(first.left(at(35)), at(0));
}

#[test]
fn another_process_takes_a_lease_that_was_given_back_or_is_not_renewed() {
    let mut second = process("b");
    assert_eq!(second.step(Some(&lease("a", 1)), at(100)), LeaseStep::Wait);
    assert_eq!(second.step(Some(&lease("a", 1)), at(129)), LeaseStep::Wait);
    // It was renewed in the last moment.
    assert_eq!(second.step(Some(&lease("a", 2)), at(130)), LeaseStep::Wait);
    assert_eq!(second.step(Some(&lease("a", 2)), at(159)), LeaseStep::Wait);
    assert_eq!(second.step(Some(&lease("a", 2)), at(160)), LeaseStep::Take);
    assert_eq!(second.left(at(160)), at(0), "somebody else may have been faster");
    assert_eq!(second.step(Some(&lease("c", 3)), at(161)), LeaseStep::Wait);
    assert_eq!(second.step(Some(&lease("", 4)), at(162)), LeaseStep::Take);
    assert_eq!(
        second.step(Some(&lease("b", 5)), at(163)),
        LeaseStep::Take,
        "its write was accepted without an answer"
    );
    second.written(at(162));
    assert_eq!(second.left(at(162)), LEASE_DURATION);
}

#[test]
fn nothing_begins_while_the_lease_is_given_back() {
    let mut first = process("a");
    first.written(at(0));
    first.give_back();
    assert_eq!(first.left(at(1)), at(0));
    assert!(first.holds(&lease("a", 1)) && !first.holds(&lease("b", 2)));
}

#[test]
fn a_process_ends_when_another_one_has_taken_over() {
    let mut first = process("a");
    first.written(at(0));
    assert_eq!(first.left(at(40)), at(0), "it was cut off");
    // Nobody has taken the Lease meanwhile: it goes on.
    assert_eq!(first.step(Some(&lease("a", 1)), at(100)), LeaseStep::Renew);
    assert_eq!(first.step(Some(&lease("b", 2)), at(101)), LeaseStep::Lost);
    // Somebody held it meanwhile, and what this process remembers may be wrong.
    assert_eq!(first.step(Some(&lease("", 3)), at(101)), LeaseStep::Lost);
    assert_eq!(first.step(None, at(101)), LeaseStep::Lost);
}
