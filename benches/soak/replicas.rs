//! Two replicas of the operator, which are killed and started again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::super::support::operator::Operator;
use super::super::usage::resident_mib;
use super::Soak;

/// A crashed replica is replaced 30 s after its last renewal.
const TAKEOVER: Duration = Duration::from_mins(2);

pub(crate) struct Replicas {
    pub(crate) running: Vec<Operator>,
    kubeconfig: PathBuf,
    args: Vec<String>,
    soak_began: Instant,
    /// When, and the resident memory of the leader.
    memory: Vec<(Duration, f64)>,
    /// How long it took until another one worked, after a stop and after a crash.
    pub(crate) handovers: Vec<Duration>,
    pub(crate) takeovers: Vec<Duration>,
    /// How many lost the Lease and ended.
    ended: u32,
}

impl Replicas {
    pub(crate) async fn start(soak: &Soak) -> Self {
        let kubeconfig = soak.world.install();
        soak.spaces[0].allow_lease(soak.world);
        let lease = format!("{}/lease", soak.spaces[0].name);
        let args = ["--lease", &lease, "--allow-registry", &soak.registries.addresses()].map(str::to_owned);
        let mut replicas = Self {
            running: Vec::new(),
            kubeconfig,
            args: args.to_vec(),
            soak_began: Instant::now(),
            memory: Vec::new(),
            handovers: Vec::new(),
            takeovers: Vec::new(),
            ended: 0,
        };
        for _ in 0..2 {
            replicas.add(soak);
        }
        replicas.until_one_works(soak).await;
        replicas
    }

    /// Starts one more.
    pub(crate) fn add(&mut self, soak: &Soak) {
        let args: Vec<&str> = self.args.iter().map(String::as_str).collect();
        let replica = Operator::start_with(soak.world, &self.kubeconfig, &args, "info");
        self.running.push(replica);
    }

    /// The leader, if there is one. A replica that lost the Lease ends by itself, and is started again.
    pub(crate) fn leader(&mut self, soak: &Soak) -> Option<usize> {
        for index in (0..self.running.len()).rev() {
            if let Some(well) = self.running[index].ended() {
                assert!(well, "{}", self.running[index].log());
                self.running.remove(index);
                self.ended += 1;
                self.add(soak);
            }
        }
        self.running.iter().position(Operator::leads)
    }

    /// Returns which one, and how long it took.
    pub(crate) async fn until_one_works(&mut self, soak: &Soak) -> (usize, Duration) {
        let begin = Instant::now();
        loop {
            if let Some(leader) = self.leader(soak) {
                return (leader, begin.elapsed());
            }
            assert!(
                begin.elapsed() < TAKEOVER,
                "there is no leader: {}",
                self.running[0].log()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    pub(crate) fn note_memory(&mut self, soak: &Soak) {
        if let Some(leader) = self.leader(soak) {
            let memory = resident_mib(self.running[leader].pid());
            self.memory.push((self.soak_began.elapsed(), memory));
        }
    }

    pub(crate) fn print_memory(&self) {
        let third = self.memory.len() / 3;
        let mean = |part: &[(Duration, f64)]| {
            let sum: f64 = part.iter().map(|(_, memory)| memory).sum();
            sum / f64::from(u32::try_from(part.len().max(1)).unwrap())
        };
        let most = self.memory.iter().map(|(_, memory)| *memory).fold(0.0, f64::max);
        println!("\nresident memory of the leader");
        println!("  {:>6.1}  MiB in the first third, mean", mean(&self.memory[..third]));
        println!(
            "  {:>6.1}  MiB in the last third, mean",
            mean(&self.memory[2 * third..])
        );
        println!("  {most:>6.1}  MiB at most");
        println!(
            "\nreplicas\n  {:>6}  lost the Lease, and ended by themselves",
            self.ended
        );
        for (what, times) in [
            ("after a stop", &self.handovers),
            ("after a crash or a halt", &self.takeovers),
        ] {
            let most = times.iter().max().copied().unwrap_or_default();
            println!(
                "  {:>6.1}  s at most until another one worked {what}, of {}",
                most.as_secs_f64(),
                times.len()
            );
        }
    }
}
