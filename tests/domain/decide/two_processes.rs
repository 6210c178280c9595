//! Two operators for the same resource, without a Lease: they must not write against each other.

use std::time::Duration;

use dps::api::DockerPullSecretStatus;
use dps::domain::verification::verdict::VerificationResult;

use super::{Cluster, spec};

/// Both reconcile until neither changes the status any more. Returns how many writes that took.
fn settle(processes: &mut [Cluster; 2], status: &mut Option<DockerPullSecretStatus>) -> usize {
    for writes in 0..20 {
        let mut is_settled = true;
        for process in processes.iter_mut() {
            process.status.clone_from(status);
            process.reconcile();
            is_settled &= process.status == *status;
            status.clone_from(&process.status);
        }
        if is_settled {
            return writes;
        }
    }
    panic!("they never agree: {status:?}");
}

#[test]
fn two_processes_agree_whatever_they_find_and_whoever_is_later() {
    for apart in [0, 1, 3] {
        for result in [
            VerificationResult::Unreachable,
            VerificationResult::Accepted,
            VerificationResult::Rejected,
        ] {
            let mut processes = [Cluster::new(&spec(), "word"), Cluster::new(&spec(), "word")];
            // They decide at the same time, and do not know of each other.
            processes[0].reconcile();
            for process in &mut processes {
                process.wait(Duration::from_secs(apart));
            }
            processes[1].reconcile();
            let mut status = processes[1].status.clone();
            assert!(settle(&mut processes, &mut status) <= 1, "{apart} {result:?}");
            for process in &mut processes {
                if process.request.is_some() {
                    process.verdict(result);
                }
            }
            let writes = settle(&mut processes, &mut status);
            assert!(writes <= 3, "{apart} {result:?}: {writes}");
            let verification = status.unwrap().verification.unwrap();
            assert_eq!(
                (verification.result, verification.attempt),
                (Some(result), None),
                "{apart}"
            );
        }
    }
}
