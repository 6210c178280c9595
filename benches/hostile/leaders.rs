//! Replicas that die, hang, or lose the API server, at any moment around a login.

use std::time::{Duration, Instant};

use super::super::support::objects::Space;
use super::super::support::operator::Operator;
use super::super::support::within;
use super::super::support::world::{World, world};
use super::figures::{Bound, Figure, Table, UNKNOWN};
use super::servers::{self, Answer, HANDED_OVER};
use super::tenants::{self, plain};

const KILLS: usize = 20;

/// How long the registry takes for each answer.
const DELAY: Duration = Duration::from_secs(1);

/// A login without an answer, or a rejected one, may be repeated after this time.
const REPEATED: Duration = Duration::from_mins(15);

/// A crashed leader is replaced 30 s after its last renewal; a silent API server takes longer.
const TAKEOVER: Duration = Duration::from_mins(2);

struct Replicas<'a> {
    world: &'a World,
    space: &'a Space,
    lease: String,
    running: Vec<Operator>,
}

impl Replicas<'_> {
    fn start(&mut self) {
        let arguments = ["--namespace", &self.space.name, "--lease", &self.lease];
        let replica = Operator::start_isolated(self.world, &self.world.install(), &arguments);
        self.running.push(replica);
    }

    /// The leader. One that lost the Lease has ended, and is started again.
    async fn leader(&mut self) -> usize {
        let begin = Instant::now();
        loop {
            for index in (0..self.running.len()).rev() {
                if self.running[index].ended().is_some() {
                    self.running.remove(index);
                    self.start();
                }
            }
            if let Some(leader) = self.running.iter().position(Operator::leads) {
                return leader;
            }
            assert!(begin.elapsed() < TAKEOVER, "there is no leader");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

pub(crate) async fn measure(table: &mut Table) {
    let logins = servers::serve(HANDED_OVER, |login| Answer::After(DELAY, servers::registry(login)));
    let world = world();
    world.install();
    let space = Space::new(world, "leaders").await;
    space.allow_lease(world);
    space.credentials("login", "user", "wrong").await;
    let mut replicas = Replicas {
        world,
        space: &space,
        lease: format!("{}/lease", space.name),
        running: Vec::new(),
    };
    replicas.start();
    replicas.start();
    replicas.leader().await;
    space
        .create("app", plain(&format!("198.18.0.7:{HANDED_OVER}/team"), "login"))
        .await;
    let begin = Instant::now();
    for _ in 0..KILLS {
        let moment = Duration::from_millis(fastrand::u64(0..2500));
        tokio::time::sleep(moment).await;
        let leader = replicas.leader().await;
        let victim = if fastrand::bool() { leader } else { 1 - leader };
        // SIGKILL.
        drop(replicas.running.remove(victim));
        replicas.start();
    }
    let leader = replicas.leader().await;
    replicas.running[leader].signal("-STOP");
    tokio::time::sleep(Duration::from_secs(40)).await;
    replicas.running[leader].signal("-CONT");
    replicas.leader().await;
    world.api_server("stop");
    tokio::time::sleep(Duration::from_mins(1)).await;
    world.api_server("start");
    replicas.leader().await;
    within(TAKEOVER, "the login was tried", || async {
        if logins.of("user") > 0 {
            Ok(())
        } else {
            Err("never".to_owned())
        }
    })
    .await;
    tokio::time::sleep(5 * DELAY).await;
    let took = begin.elapsed();
    assert!(took < REPEATED, "it took {took:?}, so that a second login is right");
    let leader = replicas.leader().await;
    let stop = Instant::now();
    assert!(replicas.running.remove(leader).stop().1);
    replicas.leader().await;
    table.add(
        "time until the standby leads, after a stop of the leader",
        Figure::Time(stop.elapsed()),
        Bound::AtMost(Figure::Time(Duration::from_secs(5))),
        UNKNOWN,
    );
    drop(replicas);
    tenants::clear(&space).await;
    let minutes = took.as_secs().div_ceil(60);
    table.add(
        &format!("failed logins over {KILLS} kills of leader or standby, a halt, no API server, in {minutes} minutes"),
        Figure::Count(logins.of("user")),
        Bound::AtMost(Figure::Count(1)),
        UNKNOWN,
    );
}
