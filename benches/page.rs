//! `dps ui` beside many resources: how long a page takes, and how much memory it needs.

use std::path::Path;
use std::time::Instant;

use kube::Client;

use super::median;
use super::pulls::{RESOURCES, prepare, restarted};
use super::support::page::ServedPage;
use super::support::world::World;
use super::usage::Usage;

/// Times that a page is asked for.
const REQUESTS: usize = 50;

pub(crate) async fn measure(world: &World, kubeconfig: &Path, client: &Client) {
    println!("\n{RESOURCES} resources, shown by dps ui\n");
    prepare(client).await;
    drop(restarted(world, kubeconfig).await);

    let begun = Instant::now();
    let page = ServedPage::open(world.kubeconfig(), &[]);
    let started = begun.elapsed();
    let begun = Instant::now();
    assert_eq!(page.get(&page.list).code, 200);
    let first = begun.elapsed();
    page.read(&page.list);
    let all = begun.elapsed();
    println!(
        "{:44} {:>7.0} ms",
        "started, session begun",
        started.as_secs_f64() * 1000.0
    );
    println!("{:44} {:>7.0} ms", "first page", first.as_secs_f64() * 1000.0);
    println!(
        "{:44} {:>7.0} ms",
        "page with all resources",
        all.as_secs_f64() * 1000.0
    );
    for (what, query) in [
        ("the list", ""),
        ("its last page", "?page=49"),
        ("a search", "?search=app-99"),
    ] {
        let path = format!("{}{query}", page.list);
        let times = (0..REQUESTS).map(|_| {
            let begun = Instant::now();
            assert_eq!(page.get(&path).code, 200);
            begun.elapsed().as_secs_f64() * 1000.0
        });
        println!("{what:44} {:>7.1} ms, median of {REQUESTS}", median(times));
    }
    let usage = Usage::of(page.pid());
    println!(
        "{:44} {:>7.1} MiB, {:.2} s of CPU",
        "peak memory",
        usage.peak_mib,
        usage.cpu.as_secs_f64()
    );
}
