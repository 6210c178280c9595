//! Causes, blame and advice for reports that speak of hosts other than the registry, or of rules that no credentials change.

use dps::api::Cause;
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::cause::about;
use dps::domain::registry::image::Image;
use serde::Deserialize;
use strum::IntoEnumIterator as _;

use super::pulls::{diagnosis, pull_secret_for};

/// A line of `corpus/hosts-and-rules.jsonl`.
#[derive(Deserialize)]
struct Case {
    id: String,
    /// `sent`, `none` or `any`: whether the pod has credentials for the image.
    credentials: String,
    image: String,
    message: String,
    cause: String,
    /// Whether the pod's Secret is at fault, or may be, when it was sent.
    blamed: bool,
    /// A part of the advice.
    says: String,
}

#[test]
fn reports_of_other_hosts_and_policies_blame_no_secret() {
    let cases = include_str!("corpus/hosts-and-rules.jsonl").lines();
    let cases: Vec<Case> = cases.map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut wrong = Vec::new();
    for case in &cases {
        let key = Image::parse(&case.image).unwrap().host().to_owned();
        let sent = [PullSecret::new("login", Some(&pull_secret_for(&key)))];
        let contexts: &[&[PullSecret]] = match case.credentials.as_str() {
            "sent" => &[&sent],
            "none" => &[&[]],
            _ => &[&sent, &[]],
        };
        for secrets in contexts {
            let found = diagnosis("ErrImagePull", &case.message, &case.image, secrets);
            if found.cause.as_str() != case.cause
                || found.blame.is_some() != case.blamed
                || !found.action.contains(&case.says)
            {
                wrong.push(format!(
                    "{} with {} secrets: {} instead of {}, blames {:?}: {}",
                    case.id,
                    secrets.len(),
                    found.cause.as_str(),
                    case.cause,
                    found.blame,
                    found.action
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cases.len() >= 60);
}

#[test]
fn refusals_of_another_host_recommend_no_pull_secret() {
    for image in ["quay.io/acme/tool:3", "docker.io/acme/tool:3"] {
        let registry = Image::parse(image).unwrap().host().to_owned();
        let message = format!(
            "failed to resolve image: unexpected status from HEAD request to https://mirror.example/v2/acme/tool/manifests/3?ns={registry}: 401 Unauthorized"
        );
        let found = diagnosis("ErrImagePull", &message, image, &[]);
        assert_eq!(found.cause, Cause::MirrorRefused);
        assert!(
            !found.lacks_credentials() && !found.action.contains("DockerPullSecret"),
            "{found:?}"
        );
    }
}

#[test]
fn every_cause_has_a_clause_and_an_action() {
    for cause in Cause::iter() {
        let about = about(cause);
        assert!(about.what.starts_with(char::is_lowercase), "{cause:?}: {}", about.what);
        assert!(
            about.action.starts_with(char::is_uppercase),
            "{cause:?}: {}",
            about.action
        );
        for text in [about.what, about.action] {
            assert!(!text.ends_with('.'), "{cause:?}: {text}");
        }
    }
}
