//! How often a login is tried that a registry rejects.

use dps::domain::registry::key::RegistryKey;
use dps::domain::time::Timestamp;
use dps::domain::verification::verdict::Verdict;
use dps::domain::verification::verdict::VerificationResult::{self, Accepted, Rejected, Unreachable};
use dps::page::login_limit::LoginLimit;

fn at(minute: u64) -> Timestamp {
    format!("2026-01-01T00:{minute:02}:00Z").parse().unwrap()
}

fn verdict(result: VerificationResult, unanswered: bool) -> Verdict {
    Verdict {
        unanswered,
        ..Verdict::new(result, "")
    }
}

#[test]
fn login_is_refused_after_three_rejections_for_five_minutes() {
    let registry = RegistryKey::of_config_entry("registry.example.com/a").unwrap();
    let same_account = RegistryKey::of_config_entry("registry.example.com/b").unwrap();
    let mut limit = LoginLimit::default();
    for minute in 0..3 {
        assert_eq!(limit.begin(&registry, "robot", at(minute)), Ok(()));
        limit.end(&registry, "robot", &verdict(Rejected, false));
    }
    let refused = limit.begin(&same_account, "robot", at(3)).unwrap_err();
    assert!(
        refused.contains("has rejected this user 3 times within 5 minutes"),
        "{refused}"
    );
    assert_eq!(limit.begin(&registry, "other", at(3)), Ok(()));
    assert_eq!(
        limit.begin(&registry, "robot", at(5)),
        Ok(()),
        "the first counts no more"
    );
    limit.end(&registry, "robot", &verdict(Accepted, false));
    for _ in 0..5 {
        assert_eq!(limit.begin(&registry, "robot", at(6)), Ok(()));
        limit.end(&registry, "robot", &verdict(Unreachable, false));
    }
}

#[test]
fn attempt_counts_before_it_has_an_answer_and_if_it_gets_none() {
    let (registry, mut limit) = (RegistryKey::docker_hub(), LoginLimit::default());
    for _ in 0..2 {
        assert_eq!(limit.begin(&registry, "robot", at(0)), Ok(()));
        limit.end(&registry, "robot", &verdict(Unreachable, true));
    }
    assert_eq!(limit.begin(&registry, "robot", at(0)), Ok(()));
    assert!(limit.begin(&registry, "robot", at(0)).is_err());
}
