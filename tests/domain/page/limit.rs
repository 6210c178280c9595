//! How often a login is tried that a registry rejects.

use dps::domain::registry::key::RegistryKey;
use dps::domain::time::Timestamp;
use dps::domain::verification::verdict::VerificationResult::{Accepted, Rejected, Unreachable};
use dps::page::login_limit::LoginLimit;

fn at(minute: u64) -> Timestamp {
    format!("2026-01-01T00:{minute:02}:00Z").parse().unwrap()
}

#[test]
fn login_is_refused_after_three_rejections_for_five_minutes() {
    let registry = RegistryKey::docker_hub();
    let mut limit = LoginLimit::default();
    for minute in 0..3 {
        assert_eq!(limit.check(&registry, "robot", at(minute)), Ok(()));
        limit.observe(&registry, "robot", Rejected, at(minute));
    }
    let refused = limit.check(&registry, "robot", at(3)).unwrap_err();
    assert!(
        refused.contains("Docker Hub has rejected this user 3 times within 5 minutes"),
        "{refused}"
    );
    assert_eq!(limit.check(&registry, "other", at(3)), Ok(()));
    assert_eq!(
        limit.check(&registry, "robot", at(5)),
        Ok(()),
        "the first counts no more"
    );
    limit.observe(&registry, "robot", Accepted, at(5));
    for _ in 0..5 {
        limit.observe(&registry, "robot", Unreachable, at(6));
    }
    assert_eq!(limit.check(&registry, "robot", at(6)), Ok(()));
}
