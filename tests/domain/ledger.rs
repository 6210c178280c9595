//! What is known of logins, and when a registry is asked again.

use std::time::Duration;

use dps::api::{OnRejected, VerificationResult, VerificationStatus};
use dps::domain::status::build::Check;
use dps::domain::verification::ledger::{Ledger, VerificationRecord};
use dps::domain::verification::schedule::{self, Asking, CANNOT_BE_ASKED, VerificationDecision};
use dps::domain::verification::verdict::Verdict;

fn verdict(result: VerificationResult) -> Verdict {
    Verdict::new(result, result.as_str())
}

#[test]
fn when_a_login_is_tried_again() {
    use VerificationResult as R;
    let (minute, hour) = (60, 3600);
    // Results in a row, and the pause after each.
    let table: &[&[(R, Option<i64>)]] = &[
        &[
            (R::Rejected, Some(15 * minute)),
            (R::LockedOut, Some(hour)),
            (R::Rejected, Some(6 * hour)),
            (R::Rejected, None),
        ],
        // A failure to ask does not make a rejected login worth another try.
        &[
            (R::Rejected, Some(15 * minute)),
            (R::Unreachable, Some(minute)),
            (R::Rejected, Some(hour)),
        ],
        &[
            (R::Rejected, Some(15 * minute)),
            (R::Accepted, None),
            (R::Rejected, Some(15 * minute)),
        ],
        &[
            (R::Accepted, None),
            (R::Unreachable, Some(minute)),
            (R::TlsFailure, Some(2 * minute)),
            (R::Accepted, None),
        ],
        &[(R::NotVerifiable, None)],
        &[(R::RateLimited, Some(15 * minute))],
        &[
            (R::Unreachable, Some(minute)),
            (R::NotARegistry, Some(2 * minute)),
            (R::Unreachable, Some(4 * minute)),
            (R::Unreachable, Some(8 * minute)),
            (R::Unreachable, Some(16 * minute)),
            (R::Unreachable, Some(32 * minute)),
            (R::Unreachable, Some(hour)),
            (R::Unreachable, Some(hour)),
        ],
    ];
    for row in table {
        let (mut ledger, mut now) = (Ledger::default(), 1_000_000);
        for (result, pause) in *row {
            ledger.record(1, &verdict(*result), "how", now);
            let known = ledger.get(1, "how").unwrap();
            assert_eq!(known.next.map(|next| next - now), *pause, "{row:?}");
            if let Some(pause) = pause {
                assert!(known.stands("how", known.due(None, false), now + pause - 1));
                assert!(!known.stands("how", known.due(None, false), now + pause));
            }
            // Nobody can make a rejected login be tried early.
            let bound = known.rejections > 0 || *result == R::RateLimited;
            assert_eq!(known.stands("how", known.due(None, true), now), bound, "{row:?}");
            now += pause.unwrap_or(1);
        }
    }
}

#[test]
fn a_login_that_was_sent_without_an_answer_may_have_failed() {
    use VerificationResult as R;
    let (minute, hour) = (60, 3600);
    let asked = |result, unanswered, retry_after: Option<u64>| Verdict {
        unanswered,
        retry_after: retry_after.map(Duration::from_secs),
        ..verdict(result)
    };
    let rejected = || asked(R::Rejected, false, None);
    for (verdicts, pause) in [
        (vec![asked(R::Unreachable, true, None)], 15 * minute),
        (vec![rejected(), asked(R::Unreachable, true, None)], hour),
        (
            vec![rejected(), rejected(), rejected(), asked(R::NotARegistry, true, None)],
            6 * hour,
        ),
        // Seven times without an answer: the longest pause.
        (vec![asked(R::Unreachable, true, None); 8], hour),
        (vec![asked(R::Unreachable, false, Some(7200))], 2 * hour),
        (vec![asked(R::LockedOut, false, Some(7200))], 2 * hour),
        (vec![asked(R::RateLimited, false, Some(7200))], 2 * hour),
        // A second is no pause.
        (vec![asked(R::RateLimited, false, Some(1))], minute),
        (vec![asked(R::RateLimited, false, Some(1)); 3], 4 * minute),
    ] {
        let mut ledger = Ledger::default();
        for verdict in &verdicts {
            ledger.record(1, verdict, "how", 1_000_000);
        }
        let known = ledger.get(1, "how").unwrap();
        assert_eq!(known.next, Some(1_000_000 + pause), "{verdicts:?}");
        let in_between = known.stands("how", known.due(None, true), 1_000_000 + pause - 1);
        assert_eq!(in_between, known.bound, "{verdicts:?}");
        let unbound = verdicts
            .iter()
            .all(|one| one.result == R::Unreachable && !one.unanswered);
        assert_eq!(known.bound, !unbound, "{verdicts:?}");
    }
}

#[test]
fn a_login_that_nobody_wants_for_a_day_is_forgotten() {
    use VerificationResult as R;
    let (begin, hour) = (1_000_000, 3600);
    let year = 365 * 24;
    // Result, how it is wanted, hours at which it is wanted, hour at which another login is, whether it is known then.
    let hourly: Vec<i64> = (1..=year).collect();
    let table: &[(R, &str, &[i64], i64, bool)] = &[
        (R::Accepted, "how", &[], 24, true),
        (R::Accepted, "how", &[], 25, false),
        (R::Accepted, "how", &[20], 44, true),
        (R::Accepted, "how", &[20], 45, false),
        (R::Accepted, "how", &hourly, year, true),
        (R::Rejected, "how", &[], 24, true),
        (R::Rejected, "how", &[], 25, false),
        (R::Rejected, "how", &hourly, year, true),
        // A login that is refused as such stays refused for who wants it in another way.
        (R::Rejected, "with image", &hourly, year, true),
        (R::Accepted, "with image", &hourly, year, false),
    ];
    for (result, how, wanted, end, there) in table {
        let mut ledger = Ledger::default();
        ledger.record(1, &verdict(*result), "how", begin);
        for at in *wanted {
            ledger.want(1, how, begin + at * hour);
        }
        ledger.want(2, "how", begin + end * hour);
        let row = format!("{result:?} {how} {} {end}", wanted.len());
        assert_eq!(ledger.get(1, "how").is_some(), *there, "{row}");
    }

    // The longest pause that there is, is over before its login is forgotten.
    let mut ledger = Ledger::default();
    let limited = Verdict {
        retry_after: Some(Duration::from_hours(24)),
        ..verdict(R::Rejected)
    };
    ledger.record(1, &limited, "how", begin);
    let next = ledger.get(1, "how").unwrap().next.unwrap();
    ledger.want(2, "how", next - 1);
    assert!(ledger.get(1, "how").is_some());
}

#[test]
fn no_verdict_leaves_the_last_one() {
    use VerificationResult as R;
    let mut ledger = Ledger::default();
    ledger.record(1, &verdict(R::Rejected), "how", 10);
    ledger.record(1, &verdict(R::Unreachable), "how", 1000);
    let known = ledger.get(1, "how").unwrap();
    assert_eq!((known.result, known.checked, known.next), (R::Rejected, 10, Some(1060)));
    ledger.record(2, &verdict(R::Accepted), "how", 10);
    ledger.record(2, &verdict(R::RateLimited), "how", 1000);
    assert_eq!(ledger.get(2, "how").unwrap().result, R::Accepted);
}

#[test]
fn a_refused_login_is_refused_however_it_is_checked_and_an_image_is_not_a_login() {
    use VerificationResult as R;
    let mut ledger = Ledger::default();
    ledger.record(1, &verdict(R::Rejected), "plain", 10);
    let known = ledger.get(1, "with image").unwrap();
    assert!(known.stands("with image", known.due(None, true), 20));

    ledger.record(2, &verdict(R::Accepted), "plain", 10);
    let no_right = Verdict {
        image_denied: true,
        ..verdict(R::Rejected)
    };
    ledger.record(2, &no_right, "with image", 20);
    assert_eq!(ledger.get(2, "plain").unwrap().result, R::Accepted);
    assert_eq!(ledger.get(2, "with image").unwrap().result, R::Rejected);
    assert_eq!(ledger.get(2, "with another image"), None);
}

#[test]
fn a_status_is_believed_for_the_login_that_it_speaks_of() {
    use VerificationResult as R;
    let mut ledger = Ledger::default();
    ledger.record(1, &verdict(R::Rejected), "how", 1_000_000);
    let known = ledger.get(1, "how").unwrap().clone();
    let asking = |login| Asking {
        login,
        message: "Rejected",
        ..nothing()
    };
    let Check::Done(written, message) = asking("v1").published(&known, known.due(None, false), Some("a")) else {
        panic!()
    };
    assert_eq!(message, "Rejected");
    assert_eq!(written.handled_request.as_deref(), Some("a"));
    let asking = |login| Asking {
        status: Some(&written),
        ..asking(login)
    };
    // After a restart nothing else is known.
    assert_eq!(
        asking("v1").advise(None, 1_000_001),
        VerificationDecision::Stands(known.clone())
    );
    assert_eq!(
        asking("v1").advise(None, 1_000_000 + 900),
        VerificationDecision::Check(Some(known))
    );
    assert_eq!(asking("v2").advise(None, 1_000_001), VerificationDecision::Check(None));
    let mut restarted = Ledger::default();
    restarted.seed(1, asking("v1").own().unwrap(), 1_000_001);
    assert!(
        restarted.get(1, "with image").is_some(),
        "a login that was refused as such"
    );
    let image_denied = VerificationStatus {
        image_denied: true,
        ..*written.clone()
    };
    let asking = Asking {
        status: Some(&image_denied),
        ..nothing()
    };
    let mut restarted = Ledger::default();
    restarted.seed(1, asking.own().unwrap(), 1_000_001);
    assert_eq!(restarted.get(1, "with image"), None);
    // In another way, only what was said of the login still counts, unless nobody can be asked.
    for (how, status, counts) in [
        ("how with CA", &*written, true),
        ("how with CA", &image_denied, false),
        ("https://another.example.com", &*written, false),
        (CANNOT_BE_ASKED, &*written, true),
        (CANNOT_BE_ASKED, &image_denied, true),
    ] {
        let asking = Asking {
            how,
            status: Some(status),
            ..nothing()
        };
        let own = asking.own();
        assert_eq!(own.is_some(), counts, "{how}");
        assert!(own.is_none_or(|own| own.how == "how" && own.rejections == 1));
    }
    // Nor is the login another one whose identity begins in the same way.
    let longer = Asking { login: "v", ..asking };
    assert_eq!(longer.own(), None);
}

/// The interval of a resource is its own, and may have changed.
#[test]
fn when_an_accepted_login_is_due_is_not_read_from_a_status() {
    use VerificationResult as R;
    let mut ledger = Ledger::default();
    for (login, result, kept) in [(1, R::Accepted, false), (2, R::Unreachable, true)] {
        ledger.record(login, &verdict(result), "how", 1_000_000);
        let known = ledger.get(login, "how").unwrap();
        let day = Some(Duration::from_hours(24));
        let Check::Done(written, _) = nothing().published(known, known.due(day, false), None) else {
            panic!()
        };
        assert!(written.next_verification_time.is_some());
        let asking = Asking {
            status: Some(&written),
            ..nothing()
        };
        assert_eq!(asking.own().unwrap().next.is_some(), kept, "{result:?}");
    }
}

#[test]
fn no_refusal_counts_that_is_older_than_an_acceptance() {
    use VerificationResult as R;
    let known = |result, how: &str, checked, rejections| VerificationRecord {
        result,
        message: String::new(),
        how: how.to_owned(),
        checked,
        next: None,
        rejections,
        attempts: 0,
        bound: rejections > 0,
        image_denied: false,
    };
    let (here, there) = ("here", "there");
    // As it happens.
    let mut ledger = Ledger::default();
    ledger.record(1, &verdict(R::Rejected), there, 10);
    ledger.record(1, &verdict(R::Accepted), here, 20);
    for result in [R::Unreachable, R::RateLimited] {
        ledger.record(1, &verdict(result), there, 20);
        assert_eq!(ledger.get(1, here).unwrap().result, R::Accepted, "{result:?}");
        assert_ne!(ledger.get(1, "elsewhere").map(|known| known.result), Some(R::Rejected));
    }
    // A new one does.
    ledger.record(1, &verdict(R::Rejected), there, 30);
    assert_eq!(ledger.get(1, here).unwrap().result, R::Rejected);

    // Also when the status that says so is of the same second.
    ledger.seed(1, known(R::Accepted, here, 30, 0), 30);
    ledger.seed(1, known(R::Accepted, there, 30, 0), 30);
    assert_eq!(ledger.get(1, "elsewhere").unwrap().result, R::Rejected);

    // As a new process reads it, in either order.
    let accepted = || known(R::Accepted, here, 20, 0);
    let refused = || known(R::Rejected, there, 10, 4);
    for seeds in [[accepted(), refused()], [refused(), accepted()]] {
        let mut ledger = Ledger::default();
        for seed in seeds {
            ledger.seed(1, seed, 100);
        }
        assert_eq!(ledger.get(1, here).unwrap().result, R::Accepted);
        assert_eq!(ledger.get(1, "elsewhere"), None);
        // Who was refused asks again, although it was given up.
        let stale = ledger.get(1, there).unwrap();
        assert!(!stale.stands(there, stale.due(None, false), 100), "{stale:?}");
        // Once: it has a pace of its own then, whatever passes of others read again.
        ledger.record(1, &verdict(R::Unreachable), there, 100);
        ledger.seed(1, accepted(), 101);
        let waits = ledger.get(1, there).unwrap();
        assert!(waits.stands(there, waits.due(None, false), 101), "{waits:?}");
    }

    // A status that is read late, after a check that began without it.
    for result in [R::Unreachable, R::RateLimited, R::Rejected] {
        let mut ledger = Ledger::default();
        ledger.record(1, &verdict(result), here, 50);
        let late = VerificationRecord {
            next: Some(60),
            ..known(R::Rejected, here, 10, 3)
        };
        ledger.seed(1, late, 51);
        let found = ledger.get(1, here).unwrap();
        assert_eq!((found.result, found.rejections), (R::Rejected, 3), "{result:?}");
        assert!(found.next.unwrap() > 60, "{result:?}");
    }
}

/// A login that once was accepted may have been revoked since.
#[test]
fn an_old_word_lets_no_changed_login_replace_an_accepted_one() {
    use VerificationResult as R;
    let mut ledger = Ledger::default();
    ledger.record(1, &verdict(R::Accepted), "how", 1_000_000);
    for (accepted, version, age, stands) in [
        (true, "another login how", 3599, true),
        (true, "another login how", 3600, false),
        // Nothing to lose, or the same login.
        (false, "another login how", 3600, true),
        (true, "v1 how", 3600, true),
    ] {
        let status = VerificationStatus {
            secret_verified: accepted,
            credentials_version: Some(version.to_owned()),
            result: Some(R::Accepted),
            ..VerificationStatus::default()
        };
        let asking = Asking {
            status: Some(&status),
            ..nothing()
        };
        let advice = asking.advise(ledger.get(1, "how"), 1_000_000 + age);
        let row = format!("{accepted} {version} {age}");
        assert_eq!(matches!(advice, VerificationDecision::Stands(_)), stands, "{row}");
        assert_eq!(matches!(advice, VerificationDecision::Check(None)), !stands, "{row}");
    }
}

#[test]
fn what_is_known_of_a_login_counts_however_it_is_checked() {
    use VerificationResult as R;
    let unanswered = Verdict {
        unanswered: true,
        ..verdict(R::Unreachable)
    };
    let no_right = Verdict {
        image_denied: true,
        ..verdict(R::Rejected)
    };
    let (plain, image) = ("plain", "with image");
    // What was found in which way, and what is then known of the login with an image, and whether that has to wait.
    for (verdicts, known) in [
        // A refused login is refused, whatever happens when it is asked for in another way.
        (
            vec![(plain, verdict(R::Rejected)), (image, verdict(R::Unreachable))],
            Some((R::Rejected, true)),
        ),
        (
            vec![(plain, verdict(R::Rejected)), (image, verdict(R::RateLimited))],
            Some((R::Rejected, true)),
        ),
        // Until it is accepted: then nobody else has to wait.
        (
            vec![(image, verdict(R::Rejected)), (plain, verdict(R::Accepted))],
            Some((R::Rejected, false)),
        ),
        (vec![(plain, verdict(R::Rejected)), (plain, no_right.clone())], None),
        // A pause is one for the login.
        (vec![(plain, verdict(R::RateLimited))], Some((R::RateLimited, true))),
        (vec![(plain, unanswered)], Some((R::Unreachable, true))),
        (vec![(plain, verdict(R::Unreachable))], None),
        (
            vec![(image, verdict(R::Accepted)), (plain, verdict(R::RateLimited))],
            Some((R::Accepted, false)),
        ),
        (vec![(plain, no_right)], None),
    ] {
        let (mut ledger, mut now) = (Ledger::default(), 1_000_000);
        for (how, verdict) in &verdicts {
            now += 10;
            ledger.record(1, verdict, how, now);
        }
        let found = ledger.get(1, image);
        let found = found.map(|known| {
            let due = known.due(None, false);
            (known.result, known.bound && known.stands(image, due, now))
        });
        assert_eq!(found, known, "{verdicts:?}");
    }
}

fn nothing() -> Asking<'static> {
    Asking {
        login: "v1",
        how: "how",
        status: None,
        message: "",
        interval: None,
        request: None,
        submitted: None,
    }
}

#[test]
fn an_accepted_login_is_checked_once_or_periodically_or_when_somebody_asks() {
    use VerificationResult as R;
    let mut ledger = Ledger::default();
    ledger.record(2, &verdict(R::Accepted), "how", 1_000_000);
    let known = ledger.get(2, "how").unwrap();
    let day = Duration::from_hours(24);
    for (interval, request, now, stands) in [
        (None, None, 9_000_000, true),
        (Some(day), None, 1_086_399, true),
        (Some(day), None, 1_086_400, false),
        (None, Some("now"), 1_000_000, false),
    ] {
        let asking = Asking {
            interval,
            request,
            ..nothing()
        };
        let advice = asking.advise(Some(known), now);
        assert_eq!(
            matches!(advice, VerificationDecision::Stands(_)),
            stands,
            "{interval:?} {request:?} {now}"
        );
        assert_eq!(matches!(advice, VerificationDecision::Check(Some(_))), !stands);
    }
}

#[test]
fn a_request_is_obeyed_once_and_within_the_bounds() {
    use VerificationResult as R;
    let begin = 1_000_000;
    // Results in a row, each when the one before allows it, the seconds after the last one, and whether a request that
    // nothing was done for leads to a check.
    let table: &[(&[R], i64, bool)] = &[
        (&[R::Accepted], 0, true),
        (&[R::Unreachable], 0, true),
        (&[R::NotVerifiable], 0, true),
        (&[R::RateLimited], 899, false),
        (&[R::RateLimited], 900, true),
        // The verdict is still the old one, and the registry asked for a pause.
        (&[R::Accepted, R::RateLimited], 899, false),
        (&[R::Rejected], 899, false),
        (&[R::Rejected; 2], 3599, false),
        // It was given up, and a person may know better.
        (&[R::Rejected; 4], 899, false),
        (&[R::Rejected; 4], 900, true),
        (&[R::Rejected; 5], 899, false),
        (&[R::Rejected; 5], 900, true),
    ];
    for (results, after, checks) in table {
        let (mut ledger, mut now) = (Ledger::default(), begin);
        for result in *results {
            let next = ledger.get(1, "how").and_then(|known| known.due(None, true));
            now = next.unwrap_or(now);
            ledger.record(1, &verdict(*result), "how", now);
        }
        let known = ledger.get(1, "how").unwrap();
        let status = |handled: Option<&str>| VerificationStatus {
            handled_request: handled.map(str::to_owned),
            ..VerificationStatus::default()
        };
        for (handled, submitted, asked) in [
            (None, None, true),
            (Some("old"), Some("old"), true),
            (Some("new"), None, false),
            (Some("old"), Some("new"), false),
            (None, Some("new"), false),
        ] {
            let status = status(handled);
            let asking = Asking {
                status: Some(&status),
                request: Some("new"),
                submitted,
                ..nothing()
            };
            let row = format!("{results:?} {after} {handled:?} {submitted:?}");
            assert_eq!(asking.asked(), asked, "{row}");
            assert_eq!(asking.obeyed(), if asked { handled } else { Some("new") }, "{row}");
            let stands = matches!(asking.advise(Some(known), now + after), VerificationDecision::Stands(_));
            let due = known.due(None, false).is_some_and(|due| due <= now + after);
            assert_eq!(!stands, asked && *checks || due, "{row}");
        }
    }
}

#[test]
fn a_refusal_is_known_until_the_next_verdict_however_the_login_is_checked() {
    use VerificationResult as R;
    let mut ledger = Ledger::default();
    ledger.record(1, &verdict(R::Rejected), "how", 1_000_000);
    let other = Asking {
        how: "with image",
        ..nothing()
    };
    let known = ledger.get(1, "with image");
    assert_eq!(
        other.advise(known, 1_000_900),
        VerificationDecision::Check(known.cloned())
    );
}

#[test]
fn what_is_held_back() {
    use VerificationResult as R;
    let mut ledger = Ledger::default();
    for (login, result, policy, stands, held) in [
        (1, R::Rejected, OnRejected::KeepLastAccepted, true, true),
        (2, R::LockedOut, OnRejected::KeepLastAccepted, true, true),
        (3, R::Rejected, OnRejected::KeepLastAccepted, false, false),
        (4, R::Rejected, OnRejected::WriteAnyway, true, false),
        (5, R::Unreachable, OnRejected::KeepLastAccepted, true, false),
        (6, R::Accepted, OnRejected::KeepLastAccepted, true, false),
    ] {
        ledger.record(login, &verdict(result), "how", 1);
        let problem = schedule::held_back(policy, stands, ledger.get(login, "how"));
        assert_eq!(problem.is_some(), held, "{login}");
    }
    assert_eq!(schedule::held_back(OnRejected::KeepLastAccepted, true, None), None);
}
