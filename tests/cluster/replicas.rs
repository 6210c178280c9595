//! Several replicas: one leads, and a standby takes over.

use std::path::Path;
use std::time::Instant;

use crate::support::objects::{Space, condition, private_verified, with};
use crate::support::operator::{Operator, counter};
use crate::support::registries::{Scripted, answer};
use crate::support::release::TAKEOVER;
use crate::support::world::scoped_world;
use crate::support::{eventually, within};
use serde_json::{Value, json};

struct Replicas<'a> {
    space: &'a Space,
    kubeconfig: &'a Path,
    registries: String,
}

impl Replicas<'_> {
    fn start(&self) -> Operator {
        let lease = format!("{}/lease", self.space.name);
        let arguments = [
            "--namespace",
            &self.space.name,
            "--lease",
            &lease,
            "--allow-registry",
            &self.registries,
        ];
        let replica = Operator::start(scoped_world(), self.kubeconfig, &arguments);
        // Also on standby.
        replica.wait_until_ready();
        replica
    }
}

fn leads(operator: &Operator) -> bool {
    counter(&operator.get("/metrics").1, "dps_leader ") == 1
}

async fn until_it_leads(operator: &Operator) {
    let begin = Instant::now();
    within(TAKEOVER, "the Lease", || async {
        leads(operator).then_some(()).ok_or_else(|| operator.log())
    })
    .await;
    println!("took over after {:.1} s", begin.elapsed().as_secs_f64());
}

/// A registry that accepts every password but this, which it does not answer.
fn registry() -> Scripted {
    let (never, answers) = std::sync::mpsc::channel::<()>();
    let answers = std::sync::Mutex::new((never, answers));
    Scripted::start(move |head, _| {
        let head = head.to_lowercase();
        if head.contains(BAD) {
            // Ends with the test.
            let _ = answers.lock().unwrap().1.recv();
        }
        let status = if head.contains("authorization:") {
            "200 OK"
        } else {
            "401 Unauthorized"
        };
        answer(status, &["WWW-Authenticate: Basic realm=\"x\""], "")
    })
}

/// `Basic`, and `robot:bad` in base64, in lower case.
const BAD: &str = "cm9ib3q6ymfk";

fn bad_logins(registry: &Scripted) -> usize {
    let requests = registry.requests();
    requests.iter().filter(|head| head.to_lowercase().contains(BAD)).count()
}

fn plain(registry: &Scripted, login: &str) -> Value {
    with(
        private_verified(&registry.address, login),
        json!({"verification": {"plainHttp": true}}),
    )
}

async fn accepted(space: &Space, registry: &Scripted, name: &str) {
    let login = format!("{name}-login");
    space.credentials(&login, "robot", name).await;
    space.create(name, plain(registry, &login)).await;
    space
        .until(name, "accepted", |status| {
            (condition(status, "CredentialsAccepted")?.reason == "Accepted").then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_replica_that_is_stopped_hands_over() {
    let kubeconfig = scoped_world().install();
    let space = Space::new(scoped_world(), "handover").await;
    space.allow_lease(scoped_world());
    let registry = registry();
    let replicas = Replicas {
        space: &space,
        kubeconfig: &kubeconfig,
        registries: registry.address.clone(),
    };
    let first = replicas.start();
    until_it_leads(&first).await;
    let second = replicas.start();
    accepted(&space, &registry, "app").await;
    let works = |operator: &Operator| counter(&operator.get("/metrics").1, "dps_writes_total");
    assert!(works(&first) > 0 && works(&second) == 0 && !leads(&second));
    assert!(first.stop().1);
    until_it_leads(&second).await;
    accepted(&space, &registry, "other").await;
    // What the first one did is not done again.
    assert_eq!(counter(&second.get("/metrics").1, "dps_login_attempts_total"), 1);
}

/// Counted at the registry: a login without an answer is made once, whichever replica leads.
#[tokio::test]
async fn a_replica_that_hangs_or_is_killed_is_replaced_without_a_second_login() {
    let kubeconfig = scoped_world().install();
    let space = Space::new(scoped_world(), "takeover").await;
    space.allow_lease(scoped_world());
    let (bad, good) = (registry(), registry());
    let replicas = Replicas {
        space: &space,
        kubeconfig: &kubeconfig,
        registries: format!("{},{}", bad.address, good.address),
    };
    let mut first = replicas.start();
    until_it_leads(&first).await;
    space.credentials("bad-login", "robot", "bad").await;
    space.create("bad", plain(&bad, "bad-login")).await;
    eventually("a login", || async {
        (bad_logins(&bad) == 1).then_some(()).ok_or_else(|| "none".to_owned())
    })
    .await;

    let second = replicas.start();
    first.signal("-STOP");
    until_it_leads(&second).await;
    accepted(&space, &good, "by-second").await;
    first.signal("-CONT");
    assert!(first.ends().await, "it ends by itself, so that it starts anew");

    let third = replicas.start();
    drop(second);
    until_it_leads(&third).await;
    accepted(&space, &good, "by-third").await;
    assert_eq!(bad_logins(&bad), 1);
}
