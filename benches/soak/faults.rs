//! What breaks, one thing after the other.

use std::time::{Duration, Instant};

use super::replicas::Replicas;
use super::{Counts, Soak};

/// Between two faults, in seconds.
const PAUSE: std::ops::Range<u64> = 5..25;

pub(crate) struct Faults<'a> {
    soak: &'a Soak,
    replicas: &'a mut Replicas,
    random: fastrand::Rng,
    happened: Counts,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(soak: &'a Soak, replicas: &'a mut Replicas, seed: u64) -> Self {
        Self {
            soak,
            replicas,
            random: fastrand::Rng::with_seed(seed.wrapping_add(1)),
            happened: Counts::default(),
        }
    }

    pub(crate) async fn until(mut self, end: Instant) -> Counts {
        loop {
            let pause = Instant::now() + Duration::from_secs(self.random.u64(PAUSE));
            while Instant::now() < pause.min(end) {
                self.replicas.note_memory(self.soak);
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            if Instant::now() >= end {
                return self.happened;
            }
            let what = self.fault().await;
            println!(
                "  {:>5.0} s left: {what}",
                end.saturating_duration_since(Instant::now()).as_secs_f64()
            );
            self.happened.add(what);
        }
    }

    async fn fault(&mut self) -> &'static str {
        match self.random.u32(0..10) {
            0..2 => self.crash_leader().await,
            2..4 => self.crash_standby().await,
            4 => self.stop_leader().await,
            5 => self.halt_leader().await,
            6 => {
                self.away("stop apiserver", "start apiserver", 5..60, "API server away")
                    .await
            }
            7 => {
                self.away("pause apiserver", "resume apiserver", 5..40, "API server silent")
                    .await
            }
            8 => self.away("stop etcd", "start etcd", 2..10, "etcd away").await,
            _ => self.registries_out().await,
        }
    }

    async fn crash_leader(&mut self) -> &'static str {
        let (leader, _) = self.replicas.until_one_works(self.soak).await;
        // SIGKILL.
        drop(self.replicas.running.remove(leader));
        let (_, took) = self.replicas.until_one_works(self.soak).await;
        self.replicas.takeovers.push(took);
        self.replicas.add(self.soak);
        "kill -9 of the leader"
    }

    async fn crash_standby(&mut self) -> &'static str {
        let (leader, _) = self.replicas.until_one_works(self.soak).await;
        drop(self.replicas.running.remove(1 - leader));
        self.replicas.add(self.soak);
        "kill -9 of the standby"
    }

    async fn stop_leader(&mut self) -> &'static str {
        let (leader, _) = self.replicas.until_one_works(self.soak).await;
        let (_, well) = self.replicas.running.remove(leader).stop();
        assert!(well);
        let (_, took) = self.replicas.until_one_works(self.soak).await;
        self.replicas.handovers.push(took);
        self.replicas.add(self.soak);
        "stop of the leader"
    }

    /// It loses the Lease, and ends by itself.
    async fn halt_leader(&mut self) -> &'static str {
        let (leader, _) = self.replicas.until_one_works(self.soak).await;
        let mut halted = self.replicas.running.remove(leader);
        halted.signal("-STOP");
        let (_, took) = self.replicas.until_one_works(self.soak).await;
        self.replicas.takeovers.push(took);
        tokio::time::sleep(Duration::from_secs(40).saturating_sub(took)).await;
        halted.signal("-CONT");
        assert!(halted.ends().await);
        self.replicas.add(self.soak);
        "SIGSTOP of the leader, 40 s or more"
    }

    async fn away(
        &mut self,
        begin: &str,
        end: &str,
        seconds: std::ops::Range<u64>,
        what: &'static str,
    ) -> &'static str {
        self.soak.world.tell(begin);
        tokio::time::sleep(Duration::from_secs(self.random.u64(seconds))).await;
        self.soak.world.tell(end);
        what
    }

    async fn registries_out(&mut self) -> &'static str {
        self.soak.registries.set_out(true);
        tokio::time::sleep(Duration::from_secs(self.random.u64(5..40))).await;
        self.soak.registries.set_out(false);
        "all registries out"
    }
}
