//! What is known about credentials, and when the next login attempt may be made.

use std::collections::hash_map::RandomState;
use std::time::Duration;

use dps::api::VerificationResult as R;
use dps::domain::time::{Timestamp, after, since};
use dps::domain::verification::fingerprint::{Fingerprint, Fingerprinter};
use dps::domain::verification::ledger::Ledger;
use dps::domain::verification::method::VerificationMethod;
use dps::domain::verification::record::VerificationRecord;
use dps::domain::verification::verdict::Verdict;

use crate::verification_inputs::{at, credentials, method, minutes, second_before};

const HOUR: Duration = Duration::from_hours(1);

fn ledger() -> Ledger {
    Ledger::new(Fingerprinter::new([RandomState::new(), RandomState::new()]))
}

/// A fingerprint of credentials with this number.
fn fingerprint(ledger: &Ledger, number: usize) -> Fingerprint {
    let registry = "https://registry.example.com/v2/".parse().unwrap();
    ledger.fingerprint(&registry, &credentials(&format!("password-{number}")))
}

fn verdict(result: R) -> Verdict {
    Verdict::new(result, result.as_str())
}

fn plain() -> VerificationMethod {
    method("https://registry.example.com/v2/")
}

fn with_image() -> VerificationMethod {
    method("https://registry.example.com/v2/ team/app:1.0")
}

fn with_other_image() -> VerificationMethod {
    method("https://registry.example.com/v2/ team/other:1.0")
}

#[test]
fn fingerprint_differs_by_registry_port_user_and_password_only() {
    let ledger = ledger();
    let fingerprint = |url: &str, password: &str| ledger.fingerprint(&url.parse().unwrap(), &credentials(password));
    let first = fingerprint("https://r.example.com/v2/", "one");
    assert_eq!(first, fingerprint("https://r.example.com:443/v2/", "one"));
    assert_ne!(first, fingerprint("https://r.example.com/v2/", "two"));
    assert_ne!(first, fingerprint("https://r.example.com:444/v2/", "one"));
    assert_ne!(first, fingerprint("https://s.example.com/v2/", "one"));
    assert_ne!(
        first,
        self::ledger().fingerprint(&"https://r.example.com/v2/".parse().unwrap(), &credentials("one"))
    );
}

#[test]
fn retry_pause_grows_with_each_attempt() {
    /// Results in a row, and the pause after each.
    struct Row {
        name: &'static str,
        attempts: &'static [(R, Option<u64>)],
    }
    for Row { name, attempts } in [
        Row {
            name: "rejections end",
            attempts: &[
                (R::Rejected, Some(15)),
                (R::LockedOut, Some(60)),
                (R::Rejected, Some(360)),
                (R::Rejected, None),
            ],
        },
        Row {
            name: "an attempt without a verdict does not make rejected credentials worth another try",
            attempts: &[
                (R::Rejected, Some(15)),
                (R::Unreachable, Some(1)),
                (R::Rejected, Some(60)),
            ],
        },
        Row {
            name: "an acceptance resets the count",
            attempts: &[(R::Rejected, Some(15)), (R::Accepted, None), (R::Rejected, Some(15))],
        },
        Row {
            name: "accepted",
            attempts: &[
                (R::Accepted, None),
                (R::Unreachable, Some(1)),
                (R::TlsFailure, Some(2)),
                (R::Accepted, None),
            ],
        },
        Row {
            name: "not verifiable",
            attempts: &[(R::NotVerifiable, None)],
        },
        Row {
            name: "rate limited",
            attempts: &[(R::RateLimited, Some(15))],
        },
        Row {
            name: "no verdict",
            attempts: &[
                (R::Unreachable, Some(1)),
                (R::NotARegistry, Some(2)),
                (R::Unreachable, Some(4)),
                (R::Unreachable, Some(8)),
                (R::Unreachable, Some(16)),
                (R::Unreachable, Some(32)),
                (R::Unreachable, Some(60)),
                (R::Unreachable, Some(60)),
            ],
        },
    ] {
        let (mut ledger, mut now) = (ledger(), at(0));
        let stored = fingerprint(&ledger, 1);
        for (result, pause) in attempts {
            ledger.record(stored, &verdict(*result), &plain(), now);
            let known = ledger.get(stored, &plain()).unwrap();
            let pause = pause.map(minutes);
            assert_eq!(known.retry_at.map(|retry_at| since(now, retry_at)), pause, "{name}");
            if let Some(pause) = pause {
                let due = known.due(None, false);
                assert!(known.stands(&plain(), due, second_before(after(now, pause))), "{name}");
                assert!(!known.stands(&plain(), due, after(now, pause)), "{name}");
            }
            // No request makes rejected credentials be tried early.
            let enforced = known.consecutive_rejections > 0 || *result == R::RateLimited;
            assert_eq!(known.backoff_enforced, enforced, "{name}");
            assert_eq!(known.stands(&plain(), known.due(None, true), now), enforced, "{name}");
            now = after(now, pause.unwrap_or(Duration::from_secs(1)));
        }
    }
}

#[test]
fn retry_pause_covers_unanswered_passwords_and_wanted_pauses() {
    struct Row {
        name: &'static str,
        verdicts: Vec<Verdict>,
        pause: Duration,
        enforced: bool,
    }
    let unanswered = |result| Verdict {
        unanswered: true,
        ..verdict(result)
    };
    let wanted = |result, seconds| Verdict {
        retry_after: Some(Duration::from_secs(seconds)),
        ..verdict(result)
    };
    for row in [
        Row {
            name: "a password without a response may have failed",
            verdicts: vec![unanswered(R::Unreachable)],
            pause: minutes(15),
            enforced: true,
        },
        Row {
            name: "as one rejection more",
            verdicts: vec![verdict(R::Rejected), unanswered(R::Unreachable)],
            pause: HOUR,
            enforced: true,
        },
        Row {
            name: "but never given up",
            verdicts: vec![
                verdict(R::Rejected),
                verdict(R::Rejected),
                verdict(R::Rejected),
                unanswered(R::NotARegistry),
            ],
            pause: 6 * HOUR,
            enforced: true,
        },
        Row {
            name: "often without a response",
            verdicts: vec![unanswered(R::Unreachable); 8],
            pause: HOUR,
            enforced: true,
        },
        Row {
            name: "unreachable, wanted pause",
            verdicts: vec![wanted(R::Unreachable, 7200)],
            pause: 2 * HOUR,
            enforced: false,
        },
        Row {
            name: "locked out, wanted pause",
            verdicts: vec![wanted(R::LockedOut, 7200)],
            pause: 2 * HOUR,
            enforced: true,
        },
        Row {
            name: "rate limited, wanted pause",
            verdicts: vec![wanted(R::RateLimited, 7200)],
            pause: 2 * HOUR,
            enforced: true,
        },
        Row {
            name: "a second is not a pause",
            verdicts: vec![wanted(R::RateLimited, 1)],
            pause: minutes(1),
            enforced: true,
        },
        Row {
            name: "a second is not a pause, again",
            verdicts: vec![wanted(R::RateLimited, 1); 3],
            pause: minutes(4),
            enforced: true,
        },
    ] {
        let mut ledger = ledger();
        let stored = fingerprint(&ledger, 1);
        for verdict in &row.verdicts {
            ledger.record(stored, verdict, &plain(), at(0));
        }
        let known = ledger.get(stored, &plain()).unwrap();
        assert_eq!(known.retry_at, Some(after(at(0), row.pause)), "{}", row.name);
        assert_eq!(known.backoff_enforced, row.enforced, "{}", row.name);
        let just_before = second_before(after(at(0), row.pause));
        let stands = known.stands(&plain(), known.due(None, true), just_before);
        assert_eq!(stands, row.enforced, "{}", row.name);
    }
}

#[test]
fn credentials_unwanted_for_a_day_are_forgotten() {
    struct Row {
        result: R,
        method: VerificationMethod,
        /// Hours at which they are wanted.
        wanted: Vec<u64>,
        /// Hour at which other credentials are wanted.
        end: u64,
        known: bool,
    }
    const YEAR: u64 = 365 * 24;
    let hour = |hours: u64| after(at(0), Duration::from_hours(hours));
    let row = |result, wanted: &[u64], end, known| Row {
        result,
        method: plain(),
        wanted: wanted.to_vec(),
        end,
        known,
    };
    let hourly: Vec<u64> = (1..=YEAR).collect();
    for row in [
        row(R::Accepted, &[], 24, true),
        row(R::Accepted, &[], 25, false),
        row(R::Accepted, &[20], 44, true),
        row(R::Accepted, &[20], 45, false),
        row(R::Accepted, &hourly, YEAR, true),
        row(R::Rejected, &[], 24, true),
        row(R::Rejected, &[], 25, false),
        row(R::Rejected, &hourly, YEAR, true),
        // Credentials that were refused as such stay refused by any other method.
        Row {
            method: with_image(),
            ..row(R::Rejected, &hourly, YEAR, true)
        },
        Row {
            method: with_image(),
            ..row(R::Accepted, &hourly, YEAR, false)
        },
    ] {
        let mut ledger = ledger();
        let (stored, other) = (fingerprint(&ledger, 1), fingerprint(&ledger, 2));
        ledger.record(stored, &verdict(row.result), &plain(), hour(0));
        for wanted in &row.wanted {
            ledger.want(stored, &row.method, hour(*wanted));
        }
        ledger.want(other, &plain(), hour(row.end));
        let name = format!(
            "{:?} by {}, {} times, {} h",
            row.result,
            row.method,
            row.wanted.len(),
            row.end
        );
        assert_eq!(ledger.get(stored, &plain()).is_some(), row.known, "{name}");
    }
}

#[test]
fn longest_pause_ends_before_credentials_are_forgotten() {
    let mut ledger = ledger();
    let (stored, other) = (fingerprint(&ledger, 1), fingerprint(&ledger, 2));
    let limited = Verdict {
        retry_after: Some(Duration::from_hours(24)),
        ..verdict(R::Rejected)
    };
    ledger.record(stored, &limited, &plain(), at(0));
    let retry_at = ledger.get(stored, &plain()).unwrap().retry_at.unwrap();
    ledger.want(other, &plain(), second_before(retry_at));
    assert!(ledger.get(stored, &plain()).is_some());
}

#[test]
fn attempt_without_verdict_keeps_the_last_verdict() {
    let mut ledger = ledger();
    let (rejected, accepted) = (fingerprint(&ledger, 1), fingerprint(&ledger, 2));
    ledger.record(rejected, &verdict(R::Rejected), &plain(), at(10));
    ledger.record(rejected, &verdict(R::Unreachable), &plain(), at(1000));
    let known = ledger.get(rejected, &plain()).unwrap();
    assert_eq!(
        (known.result, known.verified_at, known.retry_at),
        (R::Rejected, at(10), Some(at(1060)))
    );
    ledger.record(accepted, &verdict(R::Accepted), &plain(), at(10));
    ledger.record(accepted, &verdict(R::RateLimited), &plain(), at(1000));
    assert_eq!(ledger.get(accepted, &plain()).unwrap().result, R::Accepted);
}

#[test]
fn refusal_of_credentials_counts_for_every_method_and_of_an_image_for_one() {
    let mut ledger = ledger();
    let (refused, accepted) = (fingerprint(&ledger, 1), fingerprint(&ledger, 2));
    ledger.record(refused, &verdict(R::Rejected), &plain(), at(10));
    let known = ledger.get(refused, &with_image()).unwrap();
    assert!(known.stands(&with_image(), known.due(None, true), at(20)));

    ledger.record(accepted, &verdict(R::Accepted), &plain(), at(10));
    let image_denied = Verdict {
        image_denied: true,
        ..verdict(R::Rejected)
    };
    ledger.record(accepted, &image_denied, &with_image(), at(20));
    assert_eq!(ledger.get(accepted, &plain()).unwrap().result, R::Accepted);
    assert_eq!(ledger.get(accepted, &with_image()).unwrap().result, R::Rejected);
    assert_eq!(ledger.get(accepted, &with_other_image()), None);
}

fn record(result: R, method: VerificationMethod, verified_at: Timestamp, rejections: u32) -> VerificationRecord {
    VerificationRecord {
        result,
        message: String::new(),
        method,
        verified_at,
        retry_at: None,
        consecutive_rejections: rejections,
        attempts: 0,
        backoff_enforced: rejections > 0,
        image_denied: false,
        lost_at: None,
    }
}

#[test]
fn refusal_older_than_an_acceptance_does_not_count() {
    let (without_image, of_image, of_other_image) = (plain(), with_image(), with_other_image());
    let mut ledger = ledger();
    let stored = fingerprint(&ledger, 1);
    ledger.record(stored, &verdict(R::Rejected), &of_image, at(10));
    ledger.record(stored, &verdict(R::Accepted), &without_image, at(20));
    for result in [R::Unreachable, R::RateLimited] {
        ledger.record(stored, &verdict(result), &of_image, at(20));
        assert_eq!(
            ledger.get(stored, &without_image).unwrap().result,
            R::Accepted,
            "{result:?}"
        );
        assert_ne!(
            ledger.get(stored, &of_other_image).map(|known| known.result),
            Some(R::Rejected)
        );
    }
    // A new one does.
    ledger.record(stored, &verdict(R::Rejected), &of_image, at(30));
    assert_eq!(ledger.get(stored, &without_image).unwrap().result, R::Rejected);

    // Also when the status with the acceptance is of the same second.
    ledger.seed(stored, record(R::Accepted, without_image, at(30), 0), at(30));
    ledger.seed(stored, record(R::Accepted, of_image, at(30), 0), at(30));
    assert_eq!(ledger.get(stored, &of_other_image).unwrap().result, R::Rejected);
}

#[test]
fn refusal_older_than_an_acceptance_does_not_count_after_a_restart() {
    let (without_image, of_image, of_other_image) = (plain(), with_image(), with_other_image());
    let accepted = || record(R::Accepted, without_image.clone(), at(20), 0);
    let refused = || record(R::Rejected, of_image.clone(), at(10), 4);
    for seeds in [[accepted(), refused()], [refused(), accepted()]] {
        let mut ledger = ledger();
        let stored = fingerprint(&ledger, 1);
        for seed in seeds {
            ledger.seed(stored, seed, at(100));
        }
        assert_eq!(ledger.get(stored, &without_image).unwrap().result, R::Accepted);
        assert_eq!(ledger.get(stored, &of_other_image), None);
        // The credentials that were given up are tried again.
        let stale = ledger.get(stored, &of_image).unwrap();
        assert!(!stale.stands(&of_image, stale.due(None, false), at(100)), "{stale:?}");
        // Once: they have a pace of their own then, whatever is read again from other statuses.
        ledger.record(stored, &verdict(R::Unreachable), &of_image, at(100));
        ledger.seed(stored, accepted(), at(101));
        let waits = ledger.get(stored, &of_image).unwrap();
        assert!(waits.stands(&of_image, waits.due(None, false), at(101)), "{waits:?}");
    }
}

#[test]
fn status_read_after_an_attempt_keeps_its_refusal() {
    for result in [R::Unreachable, R::RateLimited, R::Rejected] {
        let mut ledger = ledger();
        let stored = fingerprint(&ledger, 1);
        ledger.record(stored, &verdict(result), &plain(), at(50));
        let late = VerificationRecord {
            retry_at: Some(at(60)),
            ..record(R::Rejected, plain(), at(10), 3)
        };
        ledger.seed(stored, late, at(51));
        let found = ledger.get(stored, &plain()).unwrap();
        assert_eq!(
            (found.result, found.consecutive_rejections),
            (R::Rejected, 3),
            "{result:?}"
        );
        assert!(found.retry_at.unwrap() > at(60), "{result:?}");
    }
}

/// Otherwise two operators would overwrite each other's status without end.
#[test]
fn statuses_of_the_same_second_agree_on_the_later_attempt() {
    for (first, second) in [(60, 120), (120, 60)] {
        let mut ledger = ledger();
        let stored = fingerprint(&ledger, 1);
        for retry_at in [first, second] {
            let status = VerificationRecord {
                retry_at: Some(at(retry_at)),
                ..record(R::Unreachable, plain(), at(50), 0)
            };
            ledger.seed(stored, status, at(51));
        }
        assert_eq!(ledger.get(stored, &plain()).unwrap().retry_at, Some(at(120)));
    }
}

#[test]
fn record_for_another_method_counts_as_far_as_it_is_about_the_credentials() {
    struct Row {
        name: &'static str,
        verdicts: Vec<(VerificationMethod, Verdict)>,
        /// What is then known with an image, and whether an attempt has to wait.
        known: Option<(R, bool)>,
    }
    let unanswered = Verdict {
        unanswered: true,
        ..verdict(R::Unreachable)
    };
    let image_denied = Verdict {
        image_denied: true,
        ..verdict(R::Rejected)
    };
    for row in [
        Row {
            name: "refused, then unreachable by another method",
            verdicts: vec![(plain(), verdict(R::Rejected)), (with_image(), verdict(R::Unreachable))],
            known: Some((R::Rejected, true)),
        },
        Row {
            name: "refused, then rate limited by another method",
            verdicts: vec![(plain(), verdict(R::Rejected)), (with_image(), verdict(R::RateLimited))],
            known: Some((R::Rejected, true)),
        },
        Row {
            name: "refused, then accepted by another method: nobody has to wait",
            verdicts: vec![(with_image(), verdict(R::Rejected)), (plain(), verdict(R::Accepted))],
            known: Some((R::Rejected, false)),
        },
        Row {
            name: "refused, then known",
            verdicts: vec![(plain(), verdict(R::Rejected)), (plain(), image_denied.clone())],
            known: None,
        },
        Row {
            name: "a pause is one for the credentials",
            verdicts: vec![(plain(), verdict(R::RateLimited))],
            known: Some((R::RateLimited, true)),
        },
        Row {
            name: "so is the pause after an unanswered password",
            verdicts: vec![(plain(), unanswered)],
            known: Some((R::Unreachable, true)),
        },
        Row {
            name: "unreachable says nothing about the credentials",
            verdicts: vec![(plain(), verdict(R::Unreachable))],
            known: None,
        },
        Row {
            name: "accepted by this method",
            verdicts: vec![(with_image(), verdict(R::Accepted)), (plain(), verdict(R::RateLimited))],
            known: Some((R::Accepted, false)),
        },
        Row {
            name: "another image denied",
            verdicts: vec![(plain(), image_denied)],
            known: None,
        },
    ] {
        let (mut ledger, mut now) = (ledger(), at(0));
        let stored = fingerprint(&ledger, 1);
        for (method, verdict) in &row.verdicts {
            now = after(now, Duration::from_secs(10));
            ledger.record(stored, verdict, method, now);
        }
        let found = ledger.get(stored, &with_image()).map(|known| {
            let stands = known.stands(&with_image(), known.due(None, false), now);
            (known.result, known.backoff_enforced && stands)
        });
        assert_eq!(found, row.known, "{}", row.name);
    }
}
