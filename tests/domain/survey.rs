//! What a resource reports of the pods that fail around it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dps::api::{Cause, PullFailure, VerificationResult};
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::names::ObjectKey;
use dps::domain::pull_failures::diagnosis::Diagnosis;
use dps::domain::pull_failures::failing_pods::{FailingPod, FailingPods};
use dps::domain::pull_failures::pod::Pod;
use dps::domain::pull_failures::relevance::{Involvement, concerning};
use dps::domain::pull_failures::resource::Resource;
use dps::domain::pull_failures::summary::{DiagnosedContainer, PullSummary, have_same_cause, summarize};
use dps::domain::pull_failures::survey::{SurveyInput, SurveyResult, survey};
use dps::domain::time::Timestamp;
use serde_json::json;

use super::pods::{IMAGE, NOT_SENT, WRONG, find, ms, pod, resource, secret};

fn failing<'a>(
    pod: &'a str,
    image: &'a str,
    diagnosis: &Arc<Diagnosis>,
    involvement: Involvement,
    since: i64,
) -> DiagnosedContainer<'a> {
    DiagnosedContainer {
        namespace: "team",
        pod,
        template: None,
        account: "default",
        container: "app",
        image,
        since: ms(since),
        diagnosis: Arc::clone(diagnosis),
        involvement,
    }
}

fn rejected() -> Arc<Diagnosis> {
    let resources = [resource("app", "r.example.com", None)];
    Arc::new(find(WRONG, &[secret("app", "r.example.com")], &resources))
}

#[test]
fn failures_of_many_pods_are_grouped_ranked_and_cut() {
    use Involvement::{Attached, Fault};
    let (rejected, missing) = (rejected(), Arc::new(find("manifest unknown", &[], &[])));
    let images: Vec<String> = (0..12).map(|number| format!("r.example.com/app-{number}:1")).collect();
    let of_images = images
        .iter()
        .map(|image| failing("many", image, &missing, Attached, 5_000));
    let mut all: Vec<DiagnosedContainer<'_>> = of_images.collect();
    all.push(failing("b", IMAGE, &rejected, Fault, 9_000));
    all.push(failing("c", IMAGE, &rejected, Fault, 7_999));
    let summary = summarize(false, &all, &[]);
    assert_eq!(
        (summary.failing_pods, summary.failures.len(), summary.fault),
        (3, 10, true)
    );
    let first = &summary.failures[0];
    assert_eq!(
        (first.cause, first.count, first.pod.as_str()),
        (Cause::CredentialsRejected, 2, "b")
    );
    assert_eq!(first.first_seen.0.as_second(), 7);
    let problem = summary.problem.as_ref().unwrap();
    assert_eq!(problem.reason.as_str(), "CredentialsRejected");
    let expected = "the registry rejected the credentials; 2 pods cannot pull r.example.com/team/app:1, for example b. Correct the user name";
    assert!(problem.message.contains(expected), "{}", problem.message);
    assert!(
        problem.message.ends_with("(9 more in status.pullFailures)"),
        "{}",
        problem.message
    );

    // The pod and the time stay while the failure lasts.
    all.retain(|container| container.pod != "c");
    all.insert(0, failing("a", IMAGE, &rejected, Fault, 60_000));
    let later = summarize(false, &all, &summary.failures);
    let first = &later.failures[0];
    assert_eq!((first.pod.as_str(), first.first_seen.0.as_second()), ("b", 7));
    assert!(have_same_cause(&later.failures, &summary.failures));
    let none = summarize(false, &[], &summary.failures);
    assert_eq!((&none.problem, none.failing_pods), (&None, 0));
    assert!(!have_same_cause(&none.failures, &summary.failures));
}

#[test]
fn pods_that_list_the_secret_come_before_pods_that_should() {
    use Involvement::{Attached, Fault, NotAttached};
    let (rejected, not_found) = (rejected(), Arc::new(find("manifest unknown", &[], &[])));
    let not_sent = Arc::new(find(NOT_SENT, &[], &[resource("app", "r.example.com", None)]));
    let other = "r.example.com/team/other:1";
    let example = |containers: &[DiagnosedContainer<'_>], previous: &[PullFailure]| -> Vec<(String, Cause)> {
        let summary = summarize(false, containers, previous);
        assert_eq!(
            summary.problem.unwrap().reason.as_str(),
            summary.failures[0].cause.as_str()
        );
        let failures = summary.failures.iter();
        failures.map(|failure| (failure.pod.clone(), failure.cause)).collect()
    };
    // However many they are, and however bad.
    let crowd = [
        failing("a", IMAGE, &rejected, NotAttached, 0),
        failing("b", IMAGE, &rejected, NotAttached, 0),
        failing("own", other, &not_found, Attached, 9_000),
    ];
    let own_first = [
        ("own".to_owned(), Cause::ImageNotFound),
        ("a".to_owned(), Cause::CredentialsRejected),
    ];
    assert_eq!(example(&crowd, &[]), own_first);
    // What the resource is at fault for comes before that.
    let with_fault = [
        crowd[0].clone(),
        crowd[2].clone(),
        failing("bad", other, &rejected, Fault, 9_000),
    ];
    assert_eq!(example(&with_fault, &[])[0].0, "bad");

    // In one group, too: even if the other was listed before.
    let group = [
        failing("a", IMAGE, &not_sent, NotAttached, 0),
        failing("own", IMAGE, &not_sent, Attached, 9_000),
    ];
    let before = summarize(false, &group[..1], &[]).failures;
    assert_eq!(before[0].pod, "a");
    assert_eq!(
        example(&group, &before),
        [("own".to_owned(), Cause::CredentialsNotSent)]
    );
}

#[test]
fn summary_rebuilt_from_a_status_equals_the_first() {
    let (rejected, missing) = (rejected(), Arc::new(find("manifest unknown", &[], &[])));
    let images: Vec<String> = (0..12).map(|number| format!("r.example.com/app-{number}:1")).collect();
    let of_images = images
        .iter()
        .map(|image| failing("many", image, &missing, Involvement::Attached, 5_000));
    let mut all: Vec<DiagnosedContainer<'_>> = of_images.collect();
    all.push(failing("b", IMAGE, &rejected, Involvement::Fault, 9_000));
    for containers in [&all[..], &all[12..], &[]] {
        let summary = summarize(false, containers, &[]);
        let rebuilt = PullSummary::published(summary.failing_pods, &summary.failures, summary.fault);
        assert_eq!(rebuilt, summary);
    }
}

/// A namespace with resources and failing pods.
struct Namespace {
    own: Resource,
    others: Vec<Resource>,
    failing: Vec<(String, Arc<FailingPod>)>,
    pull_secrets: HashMap<String, PullSecret>,
    accounts: HashMap<String, Vec<String>>,
}

impl Namespace {
    fn new(own: Resource, secrets: &[PullSecret], pods: &[(Pod, i64)]) -> Self {
        let mut failing = FailingPods::default();
        for (pod, seen) in pods {
            failing.observe(pod, ms(*seen));
        }
        let secrets = secrets.iter();
        Self {
            failing: concerning(&own, failing.of_namespace("team")),
            own,
            others: Vec::new(),
            accounts: HashMap::new(),
            pull_secrets: secrets.map(|secret| (secret.name.clone(), secret.clone())).collect(),
        }
    }

    fn survey(&self, credentials_changed_at: Option<Timestamp>, now: Timestamp) -> SurveyResult {
        let input = SurveyInput {
            namespace: "team",
            own: &self.own,
            others: &self.others,
            elsewhere: &[],
            failing: &self.failing,
            pull_secrets: &self.pull_secrets,
            accounts: &self.accounts,
            credentials_changed_at,
        };
        survey(&[input], false, &[], now)
    }
}

/// Whether the Secret is the resource's own, what the pod and its ServiceAccount list, and whether a successor gets the Secret from
/// there; `None`: none is wanted.
type SuccessorRow = (bool, &'static [&'static str], &'static [&'static str], Option<bool>);

#[test]
fn successors_are_wanted_only_where_they_get_the_resources_own_secret() {
    let own = |owns| Resource {
        owns,
        ..resource("app", "r.example.com", Some(VerificationResult::Accepted))
    };
    let listing = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| json!({ "name": name })).collect();
        serde_json::from_value::<Pod>(json!({
            "metadata": {"name": "web", "namespace": "team", "uid": "uid-web"},
            "spec": {"containers": [{"name": "app", "image": IMAGE}], "imagePullSecrets": names},
            "status": {"startTime": "1970-01-01T00:00:05Z", "containerStatuses": [
                {"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": NOT_SENT}}}]},
        }))
        .unwrap()
    };
    let rows: [SuccessorRow; 7] = [
        (true, &[], &["app"], Some(true)),
        (true, &["other"], &["other", "app"], Some(true)),
        // A list of its own, which the API server does not add to.
        (true, &["other"], &["app"], Some(false)),
        (true, &[], &["other"], Some(false)),
        (true, &["app"], &[], Some(false)),
        (false, &[], &["app"], None),
        (false, &["app"], &["app"], None),
    ];
    for (owns, listed, account, wanted) in rows {
        let pods = [(listing(listed), 10_000)];
        let secrets = [secret("app", "r.example.com"), secret("other", "other.example.com")];
        let mut namespace = Namespace::new(own(owns), &secrets, &pods);
        let account = account.iter().map(|&name| name.to_owned()).collect();
        namespace.accounts.insert("default".to_owned(), account);
        let outdated = namespace.survey(Some(ms(11_000)), ms(90_000)).outdated;
        let gets: Vec<bool> = outdated.iter().map(|one| one.account_lists_secret).collect();
        assert_eq!(gets, wanted.into_iter().collect::<Vec<_>>(), "{owns} {listed:?}");
    }
}

/// A Job counts a pod that is gone as failed, and a mirror pod is the kubelet's own.
#[test]
fn owner_is_what_replaces_a_pod() {
    let rows = [
        ("apps/v1", "ReplicaSet", true),
        ("apps/v1", "StatefulSet", true),
        ("apps/v1", "DaemonSet", true),
        ("v1", "ReplicationController", true),
        ("batch/v1", "Job", false),
        ("v1", "Node", false),
        ("argoproj.io/v1alpha1", "Workflow", false),
        ("other.example.com/v1", "ReplicaSet", false),
    ];
    for (version, kind, replaces) in rows {
        let mut pod = pod("web", "ErrImagePull", WRONG);
        let owner = json!([{"apiVersion": version, "kind": kind, "name": "web", "uid": "1", "controller": true}]);
        pod.metadata.owner_references = serde_json::from_value(owner).unwrap();
        assert_eq!(pod.owner().is_some(), replaces, "{kind}");
    }
}

#[test]
fn attempt_with_earlier_credentials_is_reported_but_nobodys_fault() {
    let own = resource("app", "r.example.com", Some(VerificationResult::Rejected));
    // Two pods that fail alike.
    let pods = ["web", "other"].map(|name| (pod(name, "ErrImagePull", WRONG), 10_000));
    let namespace = Namespace::new(own, &[secret("app", "r.example.com")], &pods);
    for (changed_at, fault, action) in [
        (None, true, "Correct the user name and the password"),
        (Some(ms(9_000)), true, "Correct the user name and the password"),
        (Some(ms(11_000)), false, "has changed since"),
    ] {
        let found = namespace.survey(changed_at, ms(11_000));
        assert_eq!((found.summary.fault, found.next), (fault, None), "{changed_at:?}");
        let failure = &found.summary.failures[0];
        assert_eq!((failure.count, found.summary.failing_pods), (2, 2));
        assert!(failure.action.contains(action), "{}", failure.action);
    }
}

#[test]
fn refusal_of_what_a_pod_sent_is_told_with_its_time() {
    let not_sent = "no basic auth credentials";
    for (report, changed_at, refused_at) in [
        (WRONG, None, Some(ms(10_000))),
        (WRONG, Some(ms(9_000)), Some(ms(10_000))),
        // With the credentials before.
        (WRONG, Some(ms(11_000)), None),
        (not_sent, None, None),
        ("manifest unknown", None, None),
    ] {
        for verified in [None, Some(VerificationResult::Accepted)] {
            let own = resource("app", "r.example.com", verified);
            let pods = [(pod("web", "ErrImagePull", report), 10_000)];
            let namespace = Namespace::new(own, &[secret("app", "r.example.com")], &pods);
            let found = namespace.survey(changed_at, ms(11_000));
            assert_eq!(found.refused_at, refused_at, "{report} {changed_at:?} {verified:?}");
        }
    }
}

#[test]
fn failure_counts_once_it_has_lasted() {
    let own = resource("app", "r.example.com", None);
    let unreachable = "dial tcp 10.0.0.1:443: connect: connection refused";
    let pods = [
        (pod("web", "ErrImagePull", WRONG), 10_000),
        (pod("slow", "ErrImagePull", unreachable), 5_000),
    ];
    let namespace = Namespace::new(own, &[secret("app", "r.example.com")], &pods);
    for (now, counting, next) in [
        (10_000, 0, Some(1_000)),
        (10_999, 0, Some(1)),
        (11_000, 1, Some(24_000)),
        (35_000, 2, None),
    ] {
        let found = namespace.survey(None, ms(now));
        let next = next.map(Duration::from_millis);
        assert_eq!((found.summary.failing_pods, found.next), (counting, next), "{now}");
    }
}

#[test]
fn secret_that_was_not_read_proves_nothing() {
    let own = resource("app", "r.example.com", None);
    let namespace = Namespace::new(own, &[], &[(pod("web", "ErrImagePull", WRONG), 10_000)]);
    let found = namespace.survey(None, ms(60_000));
    assert_eq!(found.summary.failures[0].cause, Cause::AccessDenied);
    assert!(!found.summary.fault);
}

#[test]
fn only_pods_that_may_concern_the_resource_are_looked_at() {
    let mut list = FailingPods::default();
    let with = |name: &str, image: &str, secret: &str| -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": name, "namespace": "team", "uid": name},
            "spec": {"containers": [{"name": "app", "image": image}], "imagePullSecrets": [{"name": secret}]},
            "status": {"containerStatuses": [{"name": "app", "state": {"waiting": {"reason": "ErrImagePull", "message": WRONG}}}]},
        }))
        .unwrap()
    };
    for (name, image, secret) in [
        ("lists", "s.example.com/app:1", "app"),
        ("should", IMAGE, "other"),
        ("strange", "s.example.com/app:1", "other"),
    ] {
        list.observe(&with(name, image, secret), ms(0));
    }
    let mut elsewhere = with("elsewhere", IMAGE, "app");
    elsewhere.metadata.namespace = Some("team-b".to_owned());
    list.observe(&elsewhere, ms(0));
    assert_eq!(list.keys().count(), 4);
    let own = resource("app", "r.example.com", None);
    let found = concerning(&own, list.of_namespace("team"));
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["lists", "should"]);
    assert!(list.get(&ObjectKey::new("team-b", "elsewhere")).is_some());
}
