//! How soon failing pods are reported.

use std::sync::Arc;
use std::time::Duration;

use dps::domain::pull_failures::failing_pods::FailingPods;
use dps::domain::pull_failures::pod::Pod;
use dps::domain::time::Timestamp;
use serde_json::json;

use super::{Cluster, spec};
use crate::with;

#[test]
fn failing_pods_are_reported_at_once_and_other_numbers_later() {
    let mut cluster = Cluster::new(&with(spec(), json!({"verification": {"mode": "Disabled"}})), "password");
    cluster.reconcile();
    let failing = |pods: std::ops::Range<u32>, now: Timestamp| {
        let mut all = FailingPods::default();
        for pod in pods {
            let pod = pod_that_fails(&format!("web-{pod}"));
            all.observe(&pod, Timestamp::from_second(now.as_second() - 60).unwrap());
        }
        let pods = all.of_namespace("team");
        pods.map(|(name, pod)| (name.to_owned(), Arc::clone(pod)))
            .collect::<Vec<_>>()
    };
    // Seconds between two reconciles, pods that fail, and the number that the status says after it.
    for (wait, pods, reported, next) in [
        (0, 1, 1, None),
        (1, 5, 1, Some(1)),
        (1, 5, 5, None),
        (1, 9, 5, Some(3)),
        (3, 9, 9, None),
        (1, 0, 0, None),
        (0, 2, 2, None),
    ] {
        cluster.wait(Duration::from_secs(wait));
        cluster.pods = failing(0..pods, cluster.now);
        let decision = cluster.reconcile();
        let status = cluster.status.as_ref().unwrap();
        assert_eq!(status.failing_pods, reported, "{pods} pods");
        assert_eq!(decision.next.map(|next| next.as_secs()), next, "{pods} pods");
    }
}

/// The kubelet tried with the old ones: that says nothing about those that are written now.
#[test]
fn credentials_that_are_replaced_are_not_blamed_any_more() {
    let mut cluster = Cluster::new(&with(spec(), json!({"verification": {"mode": "Disabled"}})), "wrong");
    cluster.reconcile();
    let mut failing = FailingPods::default();
    failing.observe(&pod_that_fails("web"), cluster.now);
    cluster.pods = failing
        .of_namespace("team")
        .map(|(name, pod)| (name.to_owned(), Arc::clone(pod)))
        .collect();
    cluster.wait(Duration::from_secs(10));
    cluster.reconcile();
    assert_eq!(cluster.condition("Ready"), ("False", "CredentialsRejected"));
    cluster.change_password("right");
    cluster.reconcile();
    assert_eq!(cluster.condition("Ready"), ("True", "Ready"));
    assert_eq!(
        cluster.condition("PullsHealthy").0,
        "False",
        "the pod has not pulled yet"
    );
}

/// A pod that lists the Secret and was refused, long ago.
fn pod_that_fails(name: &str) -> Pod {
    let image = "registry.example.com/team/app:1";
    let message = format!(
        "failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": unexpected status from \
         HEAD request to https://registry.example.com/v2/team/app/manifests/1: 401 Unauthorized"
    );
    serde_json::from_value(json!({
        "metadata": {"name": name, "namespace": "team", "uid": format!("uid-{name}")},
        "spec": {"imagePullSecrets": [{"name": "app"}], "containers": [{"name": "app", "image": image}]},
        "status": {"phase": "Pending", "containerStatuses": [{"name": "app", "image": image,
            "state": {"waiting": {"reason": "ErrImagePull", "message": message}}}]},
    }))
    .unwrap()
}
