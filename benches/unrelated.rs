//! Memory with Secrets that are none of the operator's business.

use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use kube::api::PostParams;
use kube::{Api, Client};

use super::support::objects::secret;
use super::support::operator::{Operator, counter};
use super::support::world::World;
use super::usage::Usage;
use super::{RESOURCES, create_namespace};

pub(crate) async fn measure(world: &World, kubeconfig: &Path, client: &Client) {
    let alone = restarted(world, kubeconfig).await;
    println!("peak RSS after a restart with {RESOURCES} resources and no other Secrets: {alone:.1} MiB");
    create_namespace(client, "unrelated").await;
    let mut there = 0;
    for count in [5_000, 20_000] {
        create(client, there..count).await;
        there = count;
        let peak = restarted(world, kubeconfig).await;
        println!(
            "  with {count} unrelated Secrets of 20 KiB: {peak:.1} MiB ({:+.1})",
            peak - alone
        );
    }
}

/// Peak memory of an operator that starts when everything is there already.
async fn restarted(world: &World, kubeconfig: &Path) -> f64 {
    let operator = Operator::start(world, kubeconfig, &[]);
    operator.wait_until_ready();
    loop {
        if counter(
            &operator.get("/metrics").1,
            "dps_reconciliations_total{result=\"Ready\"}",
        ) >= RESOURCES
        {
            return Usage::of(operator.pid()).peak_mib;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) async fn create(client: &Client, numbers: std::ops::Range<usize>) {
    let api = Api::namespaced(client.clone(), "unrelated");
    let content = "x".repeat(20 * 1024);
    futures::stream::iter(numbers)
        .for_each_concurrent(32, |number| {
            let (api, content) = (&api, &content);
            async move {
                let secret = secret(&format!("unrelated-{number}"), "Opaque", &[("content", content)]);
                api.create(&PostParams::default(), &secret).await.unwrap();
            }
        })
        .await;
}
