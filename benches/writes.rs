//! First reconciles of resources whose credentials are not verified, and the operator at rest after that.

use std::path::Path;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::api::PostParams;
use kube::{Api, Client};

use super::support::eventually;
use super::support::objects::{private, resource, secret};
use super::support::operator::{Operator, counter};
use super::support::world::{LEASE, World};
use super::usage::Usage;
use super::{Measured, NAMESPACES, POLLED, RESOURCES, ROUNDS, Rounds, bare, clear, create_namespace, head};

/// Leaves the resources of the last round.
pub(crate) async fn measure(world: &World, kubeconfig: &Path, client: &Client) {
    println!(
        "\n{RESOURCES} resources in {NAMESPACES} namespaces, one Secret write and one status write each; median of {ROUNDS}\n"
    );
    head("writes/s");

    // In turns, since the control plane gets slower and faster by itself.
    let (mut bare, mut watching) = (Rounds::default(), Rounds::default());
    let (mut dps, mut leading, mut standing_by) = (Rounds::default(), Rounds::default(), Rounds::default());
    let mut last: Option<(Pair, String)> = None;
    for round in 0..ROUNDS {
        if let Some((pair, prefix)) = last.take() {
            pair.stop();
            clear(client, &prefix).await;
        }
        for (name, watches, measured) in [("bare", false, &mut bare), ("watching", true, &mut watching)] {
            let prefix = format!("{name}-{round}");
            prepare(client, &prefix).await;
            let arguments = [
                "bare-writes",
                kubeconfig.to_str().unwrap(),
                &prefix,
                &watches.to_string(),
            ];
            measured.0.extend(bare::measure(2 * RESOURCES, &arguments, &[]));
            clear(client, &prefix).await;
        }

        let prefix = format!("dps-{round}");
        prepare(client, &prefix).await;
        let operator = Operator::start_with(world, kubeconfig, &[POLLED], "info");
        dps.0.push(all_written(&operator).await);
        drop(operator);
        clear(client, &prefix).await;

        let prefix = format!("two-{round}");
        prepare(client, &prefix).await;
        let pair = Pair::start(world, kubeconfig).await;
        let written = all_written(&pair.leader).await;
        standing_by.0.push(Measured {
            operations: 0,
            took: written.took,
            usage: Usage::of(pair.standby.pid()),
        });
        leading.0.push(written);
        last = Some((pair, prefix));
    }
    let pair = last.expect("a round").0;
    bare.row("bare client, without watches");
    watching.row("bare client, with both watches");
    dps.row("dps controller");
    leading.row("dps controller, with a standby");
    standing_by.row("  the standby meanwhile");
    dps.against("dps against the one without", &bare);
    dps.against("dps against the one with", &watching);
    leading.against("with a standby against alone", &dps);
    pair.at_rest().await;
    pair.stop();
}

/// Two replicas with one Lease.
struct Pair {
    leader: Operator,
    standby: Operator,
}

impl Pair {
    async fn start(world: &World, kubeconfig: &Path) -> Self {
        let args = [POLLED, "--lease", LEASE];
        let leader = Operator::start_with(world, kubeconfig, &args, "info");
        eventually("it leads", || async {
            (leader.count("dps_leader ") == 1)
                .then_some(())
                .ok_or_else(|| leader.log())
        })
        .await;
        let standby = Operator::start_with(world, kubeconfig, &args, "info");
        Self { leader, standby }
    }

    /// The Lease is free at once.
    fn stop(self) {
        drop(self.standby);
        assert!(self.leader.stop().1);
    }

    async fn at_rest(&self) {
        let writes = || self.leader.count("dps_writes_total");
        let (before, written) = ([&self.leader, &self.standby].map(|one| Usage::of(one.pid())), writes());
        tokio::time::sleep(Duration::from_mins(1)).await;
        let after = [&self.leader, &self.standby].map(|one| Usage::of(one.pid()));
        println!("\nat rest, in a minute: {} writes beside the Lease", writes() - written);
        for (name, before, after) in [("leader", &before[0], &after[0]), ("standby", &before[1], &after[1])] {
            let cpu = after.cpu.saturating_sub(before.cpu);
            println!("  {name:8} {:>5.2} CPU seconds", cpu.as_secs_f64());
        }
    }
}

/// Resources and the Secrets that they reference.
async fn prepare(client: &Client, prefix: &str) {
    for index in 0..NAMESPACES {
        let name = format!("{prefix}-{index}");
        create_namespace(client, &name).await;
        let login = secret("login", "Opaque", &[("username", "user"), ("password", "word")]);
        Api::namespaced(client.clone(), &name)
            .create(&PostParams::default(), &login)
            .await
            .unwrap();
        let api = Api::namespaced(client.clone(), &name);
        futures::stream::iter(0..RESOURCES / NAMESPACES)
            .for_each_concurrent(16, |index| {
                let api = &api;
                async move {
                    let resource = resource(
                        &format!("app-{index}"),
                        &private(&format!("r{index}.example.com"), "login"),
                    );
                    api.create(&PostParams::default(), &resource).await.unwrap();
                }
            })
            .await;
    }
}

/// Waits until the operator has made all writes; from its first one on.
async fn all_written(operator: &Operator) -> Measured {
    let mut begin = None;
    let start = Instant::now();
    loop {
        let metrics = operator.get("/metrics").1;
        let secrets = counter(&metrics, "dps_writes_total{kind=\"Secret\"}");
        let statuses = counter(&metrics, "dps_writes_total{kind=\"DockerPullSecretStatus\"}");
        if secrets > 0 && begin.is_none() {
            begin = Some(Instant::now());
        }
        // A write whose answer is lost counts as none, however it ended.
        assert!(start.elapsed() < Duration::from_mins(5), "{metrics}");
        if secrets >= RESOURCES && statuses >= RESOURCES {
            return Measured {
                operations: 2 * RESOURCES,
                took: begin.map_or(Duration::ZERO, |begin| begin.elapsed()),
                usage: Usage::of(operator.pid()),
            };
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
