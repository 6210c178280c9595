//! `spec.attachTo.pods`: which images pods get the Secret for, and what is said where nothing attaches it.

use dps::api::VerificationResult;
use serde_json::{Value, json};

use super::super::{private, with};
use super::Cluster;

const PATTERN: &str = r"^(?:registry\.example\.com/)";

fn attached() -> Value {
    with(
        private("registry.example.com"),
        json!({"attachTo": {"pods": "MatchingImages"}}),
    )
}

fn pattern(cluster: &Cluster) -> Option<&str> {
    cluster.status.as_ref()?.image_pattern.as_deref()
}

fn warnings(cluster: &Cluster) -> &[String] {
    &cluster.status.as_ref().unwrap().warnings
}

#[test]
fn the_status_says_for_which_images_pods_get_the_secret() {
    let mut cluster = Cluster::new(&attached(), "word");
    cluster.attaches_to_pods = true;
    cluster.reconcile();
    assert_eq!((pattern(&cluster), warnings(&cluster)), (Some(PATTERN), &[][..]));

    // Suspended, it stays as it is, like the Secret.
    cluster.change_spec(json!({"suspend": true}));
    cluster.reconcile();
    assert_eq!(pattern(&cluster), Some(PATTERN));

    cluster.change_spec(json!({"suspend": false, "attachTo": null}));
    cluster.reconcile();
    assert_eq!(pattern(&cluster), None);
}

#[test]
fn credentials_that_break_leave_the_secret_and_the_pattern() {
    let mut cluster = Cluster::new(&attached(), "word");
    cluster.attaches_to_pods = true;
    cluster.reconcile();
    cluster.verdict(VerificationResult::Accepted);
    cluster.source.data = None;
    cluster.reconcile();
    assert_eq!(cluster.condition("Ready"), ("False", "KeyMissing"));
    assert_eq!(pattern(&cluster), Some(PATTERN));
}

#[test]
fn without_a_secret_nothing_is_attached() {
    let mut cluster = Cluster::new(&attached(), "word");
    cluster.attaches_to_pods = true;
    cluster.oldest = "other";
    cluster.reconcile();
    assert_eq!(cluster.condition("Ready"), ("False", "OwnedByOther"));
    assert_eq!(pattern(&cluster), None);
}

#[test]
fn where_nothing_attaches_secrets_there_is_a_warning() {
    let mut cluster = Cluster::new(&attached(), "word");
    cluster.reconcile();
    assert_eq!(pattern(&cluster), None);
    let [warning] = warnings(&cluster) else {
        panic!("{:?}", warnings(&cluster));
    };
    assert!(warning.contains("admission.attachPods"), "{warning}");

    let mut unasked = Cluster::new(&private("registry.example.com"), "word");
    unasked.reconcile();
    assert_eq!(warnings(&unasked), &[] as &[String]);
}
