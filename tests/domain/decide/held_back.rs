//! Rejected credentials never replace accepted ones.

use std::time::Duration;

use dps::api::VerificationResult;
use dps::domain::spec::validate::target_of;
use dps::domain::time::Timestamp;
use serde_json::json;

use super::{Cluster, spec};

/// What happens between the change of the password to a wrong one and the verdict, and what is held at the end.
struct Row {
    case: &'static str,
    between: fn(&mut Cluster),
    /// Name of the Secret that pods use.
    secret: &'static str,
    password: &'static str,
    /// `SecretSynced`.
    reason: &'static str,
}

#[test]
fn rejected_credentials_never_replace_accepted_ones() {
    let none = |_: &mut Cluster| {};
    let rows = [
        Row {
            case: "changed once",
            between: none,
            secret: "app",
            password: "accepted",
            reason: "HeldBack",
        },
        Row {
            case: "changed again to another wrong one",
            between: |cluster| {
                cluster.verdict(VerificationResult::Rejected);
                cluster.reconcile();
                cluster.change_password("also-wrong");
                cluster.reconcile();
            },
            secret: "app",
            password: "accepted",
            reason: "HeldBack",
        },
        Row {
            case: "secretName changed meanwhile",
            between: |cluster| {
                cluster.change_spec(json!({"secretName": "renamed"}));
                cluster.reconcile();
            },
            secret: "app",
            password: "accepted",
            reason: "HeldBack",
        },
        Row {
            case: "operator restarted meanwhile",
            between: |cluster| {
                cluster.restart();
                cluster.reconcile();
                cluster.wait(Duration::from_mins(15));
                cluster.reconcile();
            },
            secret: "app",
            password: "accepted",
            reason: "HeldBack",
        },
        Row {
            case: "suspended and resumed meanwhile",
            between: |cluster| {
                cluster.change_spec(json!({"suspend": true}));
                let suspended = cluster.reconcile();
                assert!(suspended.changes.is_empty());
                cluster.wait(Duration::from_mins(10));
                cluster.change_spec(json!({"suspend": false}));
                cluster.reconcile();
            },
            secret: "app",
            password: "accepted",
            reason: "HeldBack",
        },
    ];
    for row in rows {
        let mut cluster = Cluster::with_accepted(&spec());
        cluster.change_password("wrong");
        let waiting = cluster.reconcile();
        assert!(waiting.changes.is_empty(), "{}", row.case);
        assert!(
            waiting.next.is_some_and(|next| next <= Duration::from_secs(20)),
            "{}",
            row.case
        );
        (row.between)(&mut cluster);
        cluster.verdict(VerificationResult::Rejected);
        cluster.reconcile();
        assert_eq!(
            cluster.password(row.secret).as_deref(),
            Some(row.password),
            "{}",
            row.case
        );
        assert_eq!(cluster.condition("SecretSynced"), ("False", row.reason), "{}", row.case);
        assert_eq!(cluster.generated.len(), 1, "{}", row.case);

        // Nothing is written for it any more, and working credentials end it.
        let status = cluster.status.clone();
        assert!(cluster.reconcile().changes.is_empty(), "{}", row.case);
        assert_eq!(cluster.status, status, "{}: at rest", row.case);
        cluster.change_password("accepted-too");
        cluster.reconcile();
        cluster.verdict(VerificationResult::Accepted);
        cluster.reconcile();
        let target = target_of(&cluster.resource);
        assert_eq!(
            cluster.password(&target).as_deref(),
            Some("accepted-too"),
            "{}",
            row.case
        );
    }
}

#[test]
fn changed_credentials_without_a_verdict_within_20_s_are_written() {
    let mut cluster = Cluster::with_accepted(&spec());
    cluster.change_password("unknown");
    cluster.reconcile();
    cluster.wait(Duration::from_secs(19));
    let waiting = cluster.reconcile();
    assert_eq!(waiting.next, Some(Duration::from_secs(1)));
    assert_eq!(cluster.password("app").as_deref(), Some("accepted"));
    cluster.wait(Duration::from_secs(1));
    cluster.reconcile();
    assert_eq!(cluster.password("app").as_deref(), Some("unknown"));
    assert_eq!(cluster.condition("CredentialsAccepted"), ("Unknown", "Pending"));
    // The old ones are gone: there is nothing to go back to.
    cluster.verdict(VerificationResult::Rejected);
    cluster.reconcile();
    assert_eq!(cluster.password("app").as_deref(), Some("unknown"));
    assert_eq!(cluster.condition("Ready"), ("False", "Rejected"));
}

#[test]
fn a_clock_that_is_set_back_does_not_make_the_wait_longer_than_another_20_s() {
    let mut cluster = Cluster::with_accepted(&spec());
    cluster.change_password("unknown");
    cluster.reconcile();
    cluster.now = Timestamp::from_second(cluster.now.as_second() - 10 * 3600).unwrap();
    cluster.reconcile();
    cluster.wait(Duration::from_secs(20));
    cluster.reconcile();
    assert_eq!(cluster.password("app").as_deref(), Some("unknown"));
}

#[test]
fn another_change_while_a_verdict_is_awaited_begins_a_new_wait() {
    let mut cluster = Cluster::with_accepted(&spec());
    cluster.change_password("first");
    cluster.reconcile();
    cluster.wait(Duration::from_secs(15));
    cluster.change_password("second");
    assert_eq!(cluster.reconcile().next, Some(Duration::from_secs(20)));
}
