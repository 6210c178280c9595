//! `dps controller` as a process.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use super::DEADLINE;
use super::fleet::PLATFORM;
use super::world::{World, world};

pub struct Operator {
    child: Child,
    log: PathBuf,
    health: String,
}

/// The operator of [`world`]: for all namespaces, and as long as the test binary runs.
pub fn operator() -> &'static Operator {
    static OPERATOR: OnceLock<Operator> = OnceLock::new();
    OPERATOR.get_or_init(|| {
        let world = world();
        let operator = Operator::start(world, &world.install(), &CLUSTER);
        operator.wait_until_ready();
        operator
    })
}

/// Resources for many namespaces, with credentials in one of them.
pub const CLUSTER: [&str; 3] = ["--cluster-resources", "--credentials-namespace", PLATFORM];

/// No test logs in anywhere but at its own registries.
const NOWHERE_ELSE: [&str; 2] = ["--deny-cidr", "0.0.0.0/0,::/0"];

impl Operator {
    /// Starts the binary with `kubeconfig`; returns as soon as it serves health checks.
    pub fn start(world: &World, kubeconfig: &Path, args: &[&str]) -> Self {
        Self::start_with(world, kubeconfig, args, "info,dps=debug")
    }

    pub fn start_with(world: &World, kubeconfig: &Path, args: &[&str], log_filter: &str) -> Self {
        Self::start_in(world, kubeconfig, args, &[("RUST_LOG", log_filter)])
    }

    /// Starts it with more environment variables.
    pub fn start_in(world: &World, kubeconfig: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::start_as(&[], world, kubeconfig, &[&NOWHERE_ELSE, args].concat(), variables)
    }

    /// Starts it in a network that leads nowhere: no address is denied. It may open as few files as under some container
    /// runtimes, as long as it does not ask for more.
    pub fn start_isolated(world: &World, kubeconfig: &Path, args: &[&str]) -> Self {
        let within = ["prlimit", "--nofile=1024:"];
        Self::start_as(&within, world, kubeconfig, args, &[("RUST_LOG", "info")])
    }

    fn start_as(within: &[&str], world: &World, kubeconfig: &Path, args: &[&str], variables: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let log = world
            .state()
            .join(format!("operator-{}.log", COUNT.fetch_add(1, Ordering::Relaxed)));
        let file = File::create(&log).expect("writable");
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL"])
            .args(within)
            .arg(binary())
            .args(["controller", "--log-format", "json"])
            .args(args)
            .env("KUBECONFIG", kubeconfig)
            .env("RUST_BACKTRACE", "full")
            .env("DPS_HEALTH_ADDRESS", "127.0.0.1:0")
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a file"))
            .stderr(file);
        let mut operator = Self {
            child: spawn(command),
            log,
            health: String::new(),
        };
        let begin = Instant::now();
        while operator.health.is_empty() {
            assert!(
                begin.elapsed() < DEADLINE,
                "the operator serves nothing:\n{}",
                operator.log()
            );
            if let Some(status) = operator.child.try_wait().expect("our child") {
                panic!("the operator ended with {status}:\n{}", operator.log());
            }
            let line = operator
                .log()
                .lines()
                .find_map(|line| Some(line.split_once("\"address\":\"")?.1.to_owned()));
            operator.health = line
                .and_then(|line| Some(line.split_once('"')?.0.to_owned()))
                .unwrap_or_default();
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        operator
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it printed so far.
    pub fn log(&self) -> String {
        let mut bytes = Vec::new();
        File::open(&self.log)
            .and_then(|mut file| file.read_to_end(&mut bytes))
            .expect("readable");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Address of /livez, /readyz and /metrics.
    pub fn health(&self) -> &str {
        &self.health
    }

    /// Status code and body of a health path.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(&self.health, path)
    }

    /// [`Self::get`], by another name of this host.
    pub fn get_at(&self, host: &str, path: &str) -> (u16, String) {
        let (_, port) = self.health.rsplit_once(':').expect("an address");
        get(&format!("{host}:{port}"), path)
    }

    /// [`counter`], now.
    pub fn count(&self, name: &str) -> usize {
        counter(&self.get("/metrics").1, name)
    }

    pub fn wait_until_ready(&self) {
        let begin = Instant::now();
        loop {
            let (code, body) = self.get("/readyz");
            if code == 200 {
                return;
            }
            assert!(begin.elapsed() < DEADLINE, "not ready: {body}\n{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    pub fn log_file(&self) -> PathBuf {
        self.log.clone()
    }

    /// Whether it is the leader. One that does not answer is not.
    pub fn leads(&self) -> bool {
        try_get(self.health(), "/metrics").is_ok_and(|(_, metrics)| counter(&metrics, "dps_leader ") == 1)
    }

    /// Whether it ended well, if it has ended by itself.
    pub fn ended(&mut self) -> Option<bool> {
        let status = self.child.try_wait().expect("our child");
        status.map(|status| status.success())
    }

    /// Waits until it ends by itself. Returns whether it ended well.
    pub async fn ends(&mut self) -> bool {
        let begin = Instant::now();
        loop {
            if let Some(well) = self.ended() {
                return well;
            }
            assert!(begin.elapsed() < DEADLINE, "does not end:\n{}", self.log());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Sends a signal, such as "-STOP".
    pub fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill exists").success());
    }

    /// Sends SIGTERM and returns how long it took to end, and whether it ended well.
    pub fn stop(mut self) -> (std::time::Duration, bool) {
        let begin = Instant::now();
        self.signal("-TERM");
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return (begin.elapsed(), status.success());
            }
            assert!(begin.elapsed() < DEADLINE, "does not stop:\n{}", self.log());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a child that ends with this process. The kernel binds it to the *thread* that starts it, so that is one that
/// lives as long as the process, not that of a test.
pub(super) fn spawn(command: Command) -> Child {
    type Job = (Command, Sender<std::io::Result<Child>>);
    static SPAWNER: OnceLock<Mutex<Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = channel::<Job>();
        std::thread::spawn(move || {
            for (mut command, reply) in jobs {
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (reply, child) = channel();
    spawner
        .lock()
        .expect("no test died here")
        .send((command, reply))
        .expect("the spawner lives");
    child.recv().expect("an answer").expect("setpriv can be started")
}

/// Status code and body of a path of an operator's health server.
pub fn get(address: &str, path: &str) -> (u16, String) {
    try_get(address, path).expect("the operator listens")
}

/// [`get`], of an operator that may have ended.
pub fn try_get(address: &str, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    Ok((code.ok_or(std::io::ErrorKind::UnexpectedEof)?, body.unwrap_or_default()))
}

/// Sum of the counters in an operator's metrics whose lines begin so; 0 while there is none.
pub fn counter(metrics: &str, name: &str) -> usize {
    let lines = metrics.lines().filter(|line| line.starts_with(name));
    lines
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<usize>().ok())
        .sum()
}

/// The binary under test; benchmarks are examples, which cargo puts one folder below it.
pub fn binary() -> PathBuf {
    option_env!("CARGO_BIN_EXE_dps").map_or_else(
        || {
            let this = std::env::current_exe().expect("a path");
            this.ancestors().nth(2).expect("a target folder").join("dps")
        },
        PathBuf::from,
    )
}
