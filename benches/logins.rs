//! Checks of a thousand different logins at one real registry.

use std::path::Path;
use std::time::{Duration, Instant};

use dps::api::DockerPullSecret;
use futures::StreamExt as _;
use kube::api::{ListParams, PostParams};
use kube::{Api, Client};

use super::support::DEADLINE;
use super::support::objects::{condition_of, private_verified, resource, secret};
use super::support::operator::{Operator, counter};
use super::support::registries::registries;
use super::support::world::World;
use super::usage::Usage;
use super::{Measured, NAMESPACES, PASSWORD, POLLED, RESOURCES, ROUNDS, Rounds, bare, clear, create_namespace, head};

/// Leaves nothing.
pub(crate) async fn measure(world: &World, kubeconfig: &Path, client: &Client) {
    let (registry, ca) = (registries().get("basic"), registries().get("caFile"));
    println!(
        "\n{RESOURCES} logins of different users at one registry with TLS, one at a time, two requests each; before and\n\
         after each, both Secrets are read again and one status is written; median of {ROUNDS}\n"
    );
    head("logins/s");
    let variables = [("SSL_CERT_FILE", ca), (PASSWORD, registries().get("password"))];
    let (mut alone, mut bare, mut dps) = (Rounds::default(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        alone
            .0
            .extend(bare::measure(RESOURCES, &["bare-logins", registry], &variables));
        // In turns, since the control plane gets slower by itself.
        let order = if round % 2 == 0 {
            ["bare", "dps"]
        } else {
            ["dps", "bare"]
        };
        for who in order {
            let prefix = format!("{who}-logins-{round}");
            prepare(client, &prefix).await;
            if who == "bare" {
                let arguments = ["bare-logins", registry, kubeconfig.to_str().unwrap(), &prefix];
                bare.push(bare::measure(RESOURCES, &arguments, &variables));
            } else {
                let arguments = ["--allow-registry", registry, POLLED];
                let operator = Operator::start_in(world, kubeconfig, &arguments, &variables[..1]);
                dps.push(all_accepted(&operator).await);
                assert_accepted(client, &prefix).await;
            }
            clear(client, &prefix).await;
        }
    }
    let [bare_logins, bare_passes] = both(bare);
    let [logins, passes] = both(dps);
    alone.row("bare client, nothing but logins");
    bare_logins.row("bare client, until the last login");
    bare_passes.row("  and until the last status");
    logins.row("dps controller, until the last login");
    logins.against("    against nothing but logins", &alone);
    logins.against("    against the bare client", &bare_logins);
    passes.row("  and until all are Accepted");
    passes.against("    against the bare client", &bare_passes);
    println!();
}

/// Until the last login, and until everything is done.
fn both(rounds: Vec<Vec<Measured>>) -> [Rounds; 2] {
    let mut both = [Rounds::default(), Rounds::default()];
    for round in rounds {
        for (all, one) in both.iter_mut().zip(round) {
            all.0.push(one);
        }
    }
    both
}

/// Resources, each with a Secret and a part of the registry of its own.
async fn prepare(client: &Client, prefix: &str) {
    for index in 0..NAMESPACES {
        let namespace = format!("{prefix}-{index}");
        create_namespace(client, &namespace).await;
        let secrets = Api::namespaced(client.clone(), &namespace);
        let resources = Api::namespaced(client.clone(), &namespace);
        let share = RESOURCES / NAMESPACES;
        futures::stream::iter(index * share..(index + 1) * share)
            .for_each_concurrent(16, |number| {
                let (secrets, resources) = (&secrets, &resources);
                async move {
                    let (user, all) = (format!("user-{number}"), registries());
                    let data = [("username", user.as_str()), ("password", all.get("password"))];
                    let login = secret(&format!("login-{number}"), "Opaque", &data);
                    secrets.create(&PostParams::default(), &login).await.unwrap();
                    let url = format!("{}/team-{number:04}", all.get("basic"));
                    let resource = resource(&user, &private_verified(&url, &format!("login-{number}")));
                    resources.create(&PostParams::default(), &resource).await.unwrap();
                }
            })
            .await;
    }
}

/// From the first login on: until the last one, and until every status says so. No login comes before every resource
/// had its first pass, since the operator waits for what the statuses know.
async fn all_accepted(operator: &Operator) -> Vec<Measured> {
    let start = Instant::now();
    let (mut begin, mut asked) = (None, None);
    loop {
        assert!(start.elapsed() < DEADLINE, "{}", operator.get("/metrics").1);
        let metrics = operator.get("/metrics").1;
        let usage = || Usage::of(operator.pid());
        let checks = counter(&metrics, "dps_login_attempts_total{result=\"Accepted\"}");
        if checks > 0 && begin.is_none() {
            begin = Some((Instant::now(), usage()));
        }
        let measured = |begin: &(Instant, Usage)| {
            let now = usage();
            Measured {
                operations: RESOURCES,
                took: begin.0.elapsed(),
                usage: Usage {
                    cpu: now.cpu.saturating_sub(begin.1.cpu),
                    ..now
                },
            }
        };
        if checks >= RESOURCES && asked.is_none() {
            asked = begin.as_ref().map(measured);
        }
        // Each status was written when its resource was first reconciled, then before its login, and after that.
        let statuses = counter(&metrics, "dps_writes_total{kind=\"DockerPullSecretStatus\"}");
        if statuses >= 3 * RESOURCES {
            return asked.into_iter().chain(begin.as_ref().map(measured)).collect();
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn assert_accepted(client: &Client, prefix: &str) {
    let resources: Api<DockerPullSecret> = Api::all(client.clone());
    let resources = resources.list(&ListParams::default()).await.unwrap().items;
    let namespace = |one: &DockerPullSecret| one.metadata.namespace.clone().unwrap_or_default();
    let of_round = resources.iter().filter(|one| namespace(one).starts_with(prefix));
    let accepted = of_round.filter(|one| condition_of(one, "CredentialsAccepted").reason == "Accepted");
    assert_eq!(accepted.count(), RESOURCES);
}
