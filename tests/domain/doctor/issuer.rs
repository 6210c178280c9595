//! The issuer of the cluster's tokens, and what clouds refuse.

use dps::domain::doctor::issuer::{Discovery, IssuerView, is_private};
use dps::domain::doctor::report::CheckResult::{self, Fail, Ok as Good, Warn};
use dps::domain::doctor::report::{Category, Check};
use dps::domain::doctor::resources::ResourceView;
use dps::domain::doctor::seen::Seen;
use dps::domain::doctor::{Observations, examine};
use serde_json::{Value, json};

use super::good;

const ISSUER: &str = "https://oidc.example.com/cluster";

#[allow(clippy::needless_pass_by_value, reason = "what json! makes")]
fn minted(registry: &str, provider: &str, fields: Value, reason: &str) -> ResourceView {
    let (status, message) = if reason.is_empty() {
        ("True", "")
    } else {
        ("False", "issuer a, subject b, audience c")
    };
    let resolved = json!({"type": "CredentialsResolved", "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"});
    ResourceView::of(
        "DockerPullSecret",
        json!({
            "metadata": {"name": "app", "namespace": "team"},
            "spec": {"type": "PrivateRegistry", "registryUrl": registry,
                "credentialsFrom": {"serviceAccountRef": {"name": "puller"}, provider: fields}},
            "status": {"conditions": [
                {"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"},
                resolved,
            ]},
        }),
    )
}

fn aws(fields: Value, reason: &str) -> ResourceView {
    minted("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "aws", fields, reason)
}

fn google() -> ResourceView {
    minted("europe-docker.pkg.dev", "google", json!({}), "")
}

/// The checks of how credentials are minted.
fn checks(issuer: Option<Seen<IssuerView>>, resources: Vec<ResourceView>) -> Vec<Check> {
    let observed = Observations {
        issuer,
        resources: Seen::Read(resources),
        ..good()
    };
    let of_minting = |check: &Check| check.category == Category::Minting;
    examine(&observed).checks.into_iter().filter(of_minting).collect()
}

fn seen(issuer: &str, discovery: Discovery) -> Seen<IssuerView> {
    let issuer = issuer.to_owned();
    Seen::Read(IssuerView { issuer, discovery })
}

#[test]
fn issuers_that_no_cloud_can_reach_are_known_by_their_url() {
    for (issuer, expected) in [
        (ISSUER, false),
        ("https://oidc.eks.eu-west-1.amazonaws.com/id/ABC", false),
        ("https://203.0.114.1/", false),
        ("http://oidc.example.com", true),
        ("https://kubernetes.default.svc", true),
        ("https://kubernetes.default.svc.cluster.local", true),
        ("https://kubernetes.default", true),
        ("https://kubernetes", true),
        ("https://localhost:6443", true),
        ("https://127.0.0.1:6443", true),
        ("https://10.0.0.1", true),
        ("https://[fd00::1]", true),
        ("kubernetes/serviceaccount", true),
    ] {
        assert_eq!(is_private(issuer).is_some(), expected, "{issuer}");
    }
}

#[test]
fn issuer_is_judged_by_who_has_to_reach_it() {
    let rows: [(Option<Seen<IssuerView>>, ResourceView, CheckResult, &str); 8] = [
        (
            Some(seen(ISSUER, Discovery::Good)),
            aws(json!({}), ""),
            Good,
            "serves its keys",
        ),
        (
            Some(seen("https://kubernetes.default.svc", Discovery::NotTried)),
            aws(json!({}), ""),
            Warn,
            "AWS, Entra and Quay cannot fetch its keys",
        ),
        (
            Some(seen("https://kubernetes.default.svc", Discovery::NotTried)),
            google(),
            Good,
            "Google needs its keys uploaded",
        ),
        (
            Some(seen(ISSUER, Discovery::OtherIssuer(format!("{ISSUER}/")))),
            aws(json!({}), ""),
            Warn,
            "names another one",
        ),
        (
            Some(seen(ISSUER, Discovery::Failed("GET x answered 404".to_owned()))),
            aws(json!({}), ""),
            Warn,
            "could not be fetched from this machine",
        ),
        (
            Some(Seen::denied("get it")),
            aws(json!({}), ""),
            CheckResult::Skipped,
            "you may not get it",
        ),
        (
            Some(seen(ISSUER, Discovery::Good)),
            aws(json!({"audience": format!("{ISSUER}/")}), ""),
            Fail,
            "would be a login to the cluster",
        ),
        (
            Some(seen(ISSUER, Discovery::Good)),
            aws(json!({}), "TrustRefused"),
            Warn,
            "team/app: TrustRefused: issuer a, subject b, audience c",
        ),
    ];
    for (issuer, resource, result, words) in rows {
        let found = checks(issuer, vec![resource]);
        let last = found.last().unwrap();
        assert_eq!(last.result, result, "{}", last.message);
        assert!(last.message.contains(words), "{words:?} in {}", last.message);
    }
}

#[test]
fn many_refusals_are_not_all_repeated_and_without_minting_nothing_is_said() {
    let many = vec![aws(json!({}), "AudienceRefused"); 7];
    let found = checks(None, many);
    assert_eq!(found.len(), 6);
    assert!(found[5].message.contains("2 more resources"), "{}", found[5].message);
    assert_eq!(checks(None, Vec::new()), []);
}
