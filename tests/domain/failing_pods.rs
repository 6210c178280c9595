//! Pods that cannot pull: what is remembered of them, and from when on a failure counts.

use dps::api::Cause;
use dps::domain::names::ObjectKey;
use dps::domain::pull_failures::error_class::ErrorClass;
use dps::domain::pull_failures::failing_pods::{FailingContainer, FailingPods, PodChange};
use serde_json::json;

use super::pods::{IMAGE, WRONG, ms, pod, pod_with};

fn class(container: &FailingContainer) -> Option<&'static ErrorClass> {
    container.classification.as_ref().map(|report| report.class)
}

fn paused(report: &str) -> String {
    format!("Back-off pulling image \"{IMAGE}\": ErrImagePull: {report}")
}

#[test]
fn cause_of_an_attempt_is_remembered_during_back_off() {
    let mut list = FailingPods::default();
    let key = ObjectKey::new("team", "web");
    assert_eq!(
        list.observe(&pod("web", "ContainerCreating", ""), ms(10_000)),
        PodChange::None
    );
    assert_eq!(
        list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000)),
        PodChange::Fails
    );
    // Before 1.32 the pause says nothing.
    let silent = format!("Back-off pulling image \"{IMAGE}\"");
    assert_eq!(
        list.observe(&pod("web", "ImagePullBackOff", &silent), ms(11_000)),
        PodChange::None
    );
    let failing = list.get(&key).unwrap().containers[0].clone();
    assert_eq!(
        (class(&failing), failing.since),
        (Some(&ErrorClass::UNAUTHORIZED), ms(10_000))
    );
    assert_eq!(list.get(&key).unwrap().pull_secrets, ["app"]);
    // The second attempt proves it; from then on attempts are no news.
    assert_eq!(
        list.observe(&pod("web", "ErrImagePull", WRONG), ms(30_000)),
        PodChange::Fails
    );
    assert_eq!(
        list.observe(&pod("web", "ImagePullBackOff", &paused(WRONG)), ms(31_000)),
        PodChange::None
    );
    assert_eq!(
        list.observe(&pod("web", "ErrImagePull", WRONG), ms(60_000)),
        PodChange::Again(ms(30_000))
    );
    assert_eq!(
        list.observe(&pod("web", "ErrImagePull", "x509: expired"), ms(90_000)),
        PodChange::Fails
    );
    let ended = list.observe(&pod_with("web", &json!({"running": {}})), ms(91_000));
    assert!(matches!(ended, PodChange::Ended(_)));
    assert_eq!(
        list.observe(&pod_with("web", &json!({"running": {}})), ms(92_000)),
        PodChange::None
    );
    assert_eq!(list.keys().count(), 0);
}

#[test]
fn pod_that_is_deleted_or_replaced_is_forgotten() {
    let mut list = FailingPods::default();
    let key = ObjectKey::new("team", "web");
    list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000));
    assert!(matches!(list.forget(&key), PodChange::Ended(_)));
    assert_eq!(list.forget(&key), PodChange::None);
    list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000));
    let mut going = pod("web", "ErrImagePull", WRONG);
    going.metadata.deletion_timestamp = Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
        k8s_openapi::jiff::Timestamp::UNIX_EPOCH,
    ));
    assert!(matches!(list.observe(&going, ms(11_000)), PodChange::Ended(_)));
    list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000));
    let mut new = pod("web", "ErrImagePull", WRONG);
    new.metadata.uid = Some("another".to_owned());
    assert_eq!(list.observe(&new, ms(50_000)), PodChange::Fails);
    assert_eq!(list.get(&key).unwrap().containers[0].since, ms(50_000));
}

#[test]
fn failure_counts_after_a_delay_and_a_second_attempt_at_once() {
    let seen = |attempts: u32| {
        let mut list = FailingPods::default();
        for attempt in 0..attempts {
            list.observe(&pod("web", "ErrImagePull", WRONG), ms(10_000 + i64::from(attempt)));
            list.observe(&pod("web", "ImagePullBackOff", &paused(WRONG)), ms(10_001));
        }
        list.get(&ObjectKey::new("team", "web")).unwrap().containers[0].clone()
    };
    for (attempts, cause, may_succeed_next, from) in [
        (1, Cause::CredentialsRejected, false, ms(11_000)),
        (1, Cause::ImageNotFound, false, ms(11_000)),
        (1, Cause::CredentialsNotSent, false, ms(11_000)),
        (1, Cause::CredentialsNotSent, true, ms(40_000)),
        (1, Cause::RegistryUnreachable, false, ms(40_000)),
        (1, Cause::DnsFailure, false, ms(40_000)),
        (1, Cause::Unknown, false, ms(40_000)),
        (2, Cause::RegistryUnreachable, false, ms(10_000)),
        (2, Cause::CredentialsNotSent, true, ms(10_000)),
    ] {
        assert_eq!(
            seen(attempts).counts_from(cause, may_succeed_next),
            from,
            "{attempts} {cause:?} {may_succeed_next}"
        );
    }
    // A pause that is seen first comes after an attempt; the pod began at second 5.
    let mut list = FailingPods::default();
    list.observe(&pod("web", "ImagePullBackOff", &paused(WRONG)), ms(10_000));
    assert_eq!(
        list.get(&ObjectKey::new("team", "web")).unwrap().containers[0].since,
        ms(5_000)
    );
}

#[test]
fn event_adds_the_report_that_the_status_lacks() {
    let mut list = FailingPods::default();
    let key = ObjectKey::new("team", "web");
    let silent = format!("Back-off pulling image \"{IMAGE}\"");
    list.observe(&pod("web", "ImagePullBackOff", &silent), ms(10_000));
    assert_eq!(class(&list.get(&key).unwrap().containers[0]), None);
    list.learn(&key, "r.example.com/other:1", WRONG);
    assert_eq!(class(&list.get(&key).unwrap().containers[0]), None);
    list.learn(&key, IMAGE, WRONG);
    assert_eq!(
        class(&list.get(&key).unwrap().containers[0]),
        Some(&ErrorClass::UNAUTHORIZED)
    );
}
