//! When credentials are renewed, and what is said when they are not.

use std::time::Duration;

use dps::api::Reason;
use dps::domain::credentials::RegistryCredentials;
use dps::domain::minting::exchange::Minted;
use dps::domain::minting::failure::MintFailure;
use dps::domain::minting::judgement::{MintJudgement, Minting};
use dps::domain::minting::ledger::{MintKey, MintLedger, MintRecord};
use dps::domain::minting::life::{pause, renewal};
use dps::domain::minting::minted::MintedCredentials;
use dps::domain::names::{ObjectKey, ResourceRef, Uid};
use dps::domain::time::{Clocks, Timestamp, after, since};
use serde_json::json;

use crate::minting::{account, identity, noon};
use crate::support::canary::CANARY;

fn credentials(issued_at: Timestamp, life: u64) -> MintedCredentials {
    MintedCredentials {
        credentials: RegistryCredentials::new("AWS", CANARY).unwrap(),
        issued_at,
        expires_at: after(issued_at, Duration::from_secs(life)),
    }
}

fn minting(record: MintRecord, stored: Option<MintedCredentials>) -> Minting {
    let identity = identity("quay.io", account("quay", json!({"robot": "acme+puller"})), &[]).unwrap();
    let mut record = record;
    record.minted = record.minted.or(stored);
    Minting {
        key: MintKey::new("team", &identity, "uid"),
        identity,
        latest: Timestamp::MIN,
        record,
    }
}

fn later(seconds: u64) -> Timestamp {
    after(noon(), Duration::from_secs(seconds))
}

fn clocks(seconds: u64) -> Clocks {
    Clocks {
        now: later(seconds),
        uptime: Duration::from_secs(seconds),
    }
}

const OUTAGE: &str = "Amazon ECR answered 503";

fn outage() -> MintFailure {
    MintFailure::new(Reason::ExchangeUnreachable, OUTAGE)
}

#[test]
fn renewal_is_between_three_fifths_and_seven_tenths_of_a_life_and_leaves_ten_minutes() {
    let mut spread = std::collections::BTreeSet::new();
    for number in 0..1000 {
        let seed = format!("{number:08x}-0000");
        for life in [30_u32, 900, 3600, 3 * 3600, 12 * 3600] {
            let part = since(noon(), renewal(&credentials(noon(), life.into()), &seed)).as_secs_f64() / f64::from(life);
            assert!((0.6..=0.7).contains(&part), "{part} of {life}");
        }
        spread.insert(renewal(&credentials(noon(), 12 * 3600), &seed));
    }
    assert!(spread.len() > 300, "{}", spread.len());
    let thirty_minutes = renewal(&credentials(noon(), 1800), "a");
    assert!(since(thirty_minutes, later(1800)) >= Duration::from_secs(599));
}

/// Credentials with so many seconds to live, in all and from now on.
fn living(life: u64, left: u64) -> MintedCredentials {
    let expires_at = later(left);
    MintedCredentials {
        issued_at: expires_at.checked_sub(Duration::from_secs(life)).unwrap(),
        expires_at,
        ..credentials(noon(), life)
    }
}

#[test]
fn pauses_grow_and_leave_time_before_the_end() {
    let seconds = |failures, failure: &MintFailure, left: Option<u64>| {
        let minted = left.map(|left| living(12 * 3600, left));
        pause(failures, failure, minted.as_ref(), noon()).as_secs()
    };
    let transient = outage();
    assert_eq!(
        [1, 2, 3, 6, 60].map(|failures| seconds(failures, &transient, None)),
        [30, 60, 120, 900, 900]
    );
    let short = |life| pause(6, &transient, Some(&living(life, 0)), noon()).as_secs();
    assert_eq!([10, 40, 7200].map(short), [30, 40, 900], "at most a life");
    assert_eq!(seconds(6, &transient, Some(600)), 60);
    assert_eq!(seconds(6, &transient, Some(10)), 5);
    let limited = MintFailure {
        retry_after: Some(Duration::from_mins(5)),
        ..MintFailure::new(Reason::ExchangeRateLimited, "429")
    };
    assert_eq!(seconds(1, &limited, Some(600)), 300);
    let refused = MintFailure::new(Reason::TrustRefused, "no");
    assert_eq!(
        [1, 2, 3, 4, 50].map(|failures| seconds(failures, &refused, None)),
        [60, 300, 900, 1800, 1800]
    );
}

#[test]
fn credentials_in_the_secret_are_used_until_they_are_due() {
    let stored = Some(credentials(noon(), 3600));
    let judged = minting(MintRecord::default(), stored.clone()).judge("a", None, later(60));
    assert_eq!(judged.credentials.as_ref().ok(), stored.as_ref());
    assert!(!judged.is_due && judged.next.unwrap() <= later(2520));
    assert_eq!(judged.status.expires_at.unwrap().0, later(3600));
    let judged = minting(MintRecord::default(), stored).judge("a", None, later(2600));
    assert!(judged.is_due && judged.credentials.is_ok() && judged.warnings.is_empty());
}

#[test]
fn last_good_credentials_stay_until_their_end_and_the_words_say_so() {
    let record = |failures, at| MintRecord {
        failure: Some(outage()),
        failures,
        last_attempt: Some(at),
        retry_at: Some(after(at, Duration::from_secs(30))),
        ..MintRecord::default()
    };
    let stored = Some(credentials(noon(), 3600));
    let failing = minting(record(1, later(2600)), stored.clone()).judge("a", None, later(2610));
    assert!(failing.credentials.is_ok() && !failing.is_due);
    assert_eq!(failing.next, Some(later(2630)));
    assert!(failing.warnings[0].starts_with("RefreshFailing: ") && failing.warnings[0].contains(OUTAGE));
    let again = minting(record(1, later(2600)), stored.clone()).judge("a", None, later(2630));
    assert!(again.is_due);

    let expired = minting(record(9, later(3700)), stored).judge("a", None, later(3701));
    let problem = expired.credentials.unwrap_err();
    assert_eq!(problem.reason, Reason::Expired);
    assert!(
        problem.message.contains("2026-11-27T13:00:00Z") && problem.message.contains(OUTAGE),
        "{}",
        problem.message
    );
    assert!(expired.warnings.is_empty());

    let never = minting(record(1, noon()), None).judge("a", None, later(1));
    assert_eq!(never.credentials.unwrap_err().reason, Reason::ExchangeUnreachable);
    let first = minting(MintRecord::default(), None).judge("a", None, noon());
    assert!(first.is_due);
    assert_eq!(first.credentials.unwrap_err().reason, Reason::Pending);
}

#[test]
fn rejected_credentials_are_minted_anew_once_and_then_seldom() {
    let minted = |record: MintRecord, rejected: u64, now: u64| {
        minting(record, Some(credentials(noon(), 12 * 3600))).judge("a", Some(later(rejected)), later(now))
    };
    // Long after they were minted: at once.
    assert!(minted(MintRecord::default(), 3600, 3601).is_due);
    // Moments after they were minted: others would be refused too.
    assert!(!minted(MintRecord::default(), 10, 11).is_due);
    assert_eq!(minted(MintRecord::default(), 10, 11).next, Some(later(900)));
    // The registry has rejected what was there before these.
    let record = MintRecord {
        minted: Some(credentials(later(3605), 12 * 3600)),
        last_attempt: Some(later(3605)),
        ..MintRecord::default()
    };
    assert!(!minted(record, 3600, 3700).is_due);
}

#[test]
fn nothing_is_minted_in_a_loop() {
    // An answer whose credentials live a second, as a clock that is wrong would make it.
    let mut ledger = MintLedger::default();
    let resource = resource("a");
    let key = minting(MintRecord::default(), None).key;
    let mut attempts = 0;
    for second in 0..600 {
        let record = ledger.consult(&resource, &key, None, clocks(second));
        if minting(record, None).judge("a", None, later(second)).is_due && ledger.start(&key) {
            attempts += 1;
            let minted = Minted {
                credentials: credentials(later(second), 1),
                skew: None,
            };
            ledger.conclude(&key, Ok(minted), clocks(second));
        }
    }
    assert!((100..=121).contains(&attempts), "{attempts}");
}

fn resource(name: &str) -> ResourceRef {
    ResourceRef {
        kind: "DockerPullSecret",
        key: ObjectKey::new("team", name),
        uid: Uid::new(name),
    }
}

#[test]
fn resources_with_one_identity_share_an_attempt_and_forget_it_together() {
    let mut ledger = MintLedger::default();
    let key = minting(MintRecord::default(), None).key;
    let other = MintKey {
        namespace: "other".to_owned(),
        ..key.clone()
    };
    for name in ["a", "b"] {
        ledger.consult(&resource(name), &key, None, clocks(0));
    }
    ledger.consult(&resource("c"), &other, None, clocks(0));
    assert!(ledger.start(&key) && !ledger.start(&key), "one at a time");
    let minted = Minted {
        credentials: credentials(noon(), 3600),
        skew: None,
    };
    let mut waiting = ledger.conclude(&key, Ok(minted), clocks(0));
    waiting.sort();
    assert_eq!(waiting, [ObjectKey::new("team", "a"), ObjectKey::new("team", "b")]);
    assert!(ledger.consult(&resource("b"), &key, None, clocks(0)).minted.is_some());
    assert_eq!(
        ledger.consult(&resource("c"), &other, None, clocks(0)),
        MintRecord::default(),
        "never across namespaces"
    );
    ledger.forget(&Uid::new("a"));
    assert!(ledger.consult(&resource("b"), &key, None, clocks(0)).minted.is_some());
    ledger.forget(&Uid::new("b"));
    assert_eq!(
        ledger.consult(&resource("d"), &key, None, clocks(0)),
        MintRecord::default()
    );
    assert!(!ledger.start(&MintKey {
        namespace: "nobody".to_owned(),
        ..key
    }));
}

#[test]
fn clock_that_is_set_back_gives_no_longer_life() {
    let mut ledger = MintLedger::default();
    let key = minting(MintRecord::default(), None).key;
    ledger.consult(&resource("a"), &key, Some(&credentials(noon(), 3600)), clocks(0));
    for (uptime, time_of_day, alive) in [
        (3599, 3599, true),
        (3599, 0, true),
        (3600, 0, false),
        // A machine that has slept.
        (10, 3600, false),
    ] {
        let clocks = Clocks {
            now: later(time_of_day),
            uptime: Duration::from_secs(uptime),
        };
        let record = ledger.consult(&resource("a"), &key, None, clocks);
        let latest = record.latest(clocks);
        let judged = Minting {
            latest,
            ..minting(record, None)
        }
        .judge("a", None, clocks.now);
        assert_eq!(judged.credentials.is_ok(), alive, "{uptime} {time_of_day}");
        assert!(judged.is_due, "renewed by either clock: {uptime} {time_of_day}");
    }
}

#[test]
fn last_part_of_a_life_without_renewal_is_a_warning_of_its_own() {
    let failing = |failed, now| {
        let record = MintRecord {
            failure: Some(outage()).filter(|_| failed),
            retry_at: Some(later(7200)),
            ..MintRecord::default()
        };
        minting(record, Some(credentials(noon(), 3600))).judge("a", None, later(now))
    };
    let is_told = |judged: &MintJudgement| {
        judged
            .warnings
            .iter()
            .any(|warning| warning.starts_with("ExpiresSoon: "))
    };
    let early = failing(true, 2700);
    assert!(!is_told(&early));
    assert_eq!(early.next, Some(later(3060)), "15 % are left then");
    assert!(is_told(&failing(true, 3060)));
    assert!(!is_told(&failing(false, 3060)), "it is being renewed");
    assert!(!is_told(&failing(true, 3600)), "Expired says it");
}
