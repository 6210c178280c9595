//! What `dps explain` is asked about.

use dps::explain::subject::ExplainSubject::{self, AllPods, Image, Pod, Workload};
use dps::explain::subject::WorkloadKind::{CronJob, DaemonSet, Deployment, Job, ReplicaSet, StatefulSet};

#[test]
fn subject_is_read_as_kubectl_reads_kinds_and_names() {
    let name = || "web".to_owned();
    for (line, expected) in [
        ("", Some(AllPods)),
        ("pod web", Some(Pod(name()))),
        ("pod/web", Some(Pod(name()))),
        ("po/web", Some(Pod(name()))),
        ("PODS web", Some(Pod(name()))),
        (
            "image r.example.com/app:1",
            Some(Image("r.example.com/app:1".to_owned())),
        ),
        ("deployment/web", Some(Workload(Deployment, name()))),
        ("deployments.apps/web", Some(Workload(Deployment, name()))),
        ("deploy web", Some(Workload(Deployment, name()))),
        ("rs/web", Some(Workload(ReplicaSet, name()))),
        ("sts/web", Some(Workload(StatefulSet, name()))),
        ("ds/web", Some(Workload(DaemonSet, name()))),
        ("jobs.batch/web", Some(Workload(Job, name()))),
        ("cronjob/web", Some(Workload(CronJob, name()))),
        ("web", None),
        ("pod/", None),
        ("service/web", None),
        ("pod web more", None),
    ] {
        let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
        assert_eq!(ExplainSubject::of(&words).ok(), expected, "{line}");
    }
}
