//! A network that leads nowhere, and names of its own.

use std::fmt::Write as _;
use std::net::UdpSocket;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use super::super::support::world::CONTROL_PLANE;
use super::super::support::{run, tools};

/// All addresses in it are this machine's: the one for benchmarks (RFC 2544), which no policy of the operator denies.
const NETWORK: &str = "198.18.0.0/15";

/// Asked for every name that [`hosts`] does not have, and silent.
const NAME_SERVER: &str = "198.18.0.53";

/// Where servers with a name listen; each has a port of its own.
const SERVERS: &str = "198.18.0.1";

/// Registries of the tenant that means harm.
pub(crate) const REALMS: usize = 60;

/// Runs this program again in namespaces of its own. Returns only if it cannot, and says why.
pub(crate) fn enter(arguments: &[&str]) -> String {
    // Here, because they are built with what the network has.
    tools(&CONTROL_PLANE);
    // Who is not root is root in a user namespace.
    let who = Command::new("id").arg("-u").output();
    let is_root = who.is_ok_and(|output| output.stdout.trim_ascii() == b"0");
    let mut namespaces = vec!["--net", "--mount"];
    namespaces.extend((!is_root).then_some("--map-root-user"));
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(&namespaces);
        command
    };
    let attempt = unshare().args(["ip", "link", "set", "lo", "up"]).output();
    let problem = match attempt {
        Ok(output) if output.status.success() => {
            let program = std::env::current_exe().expect("a path");
            unshare()
                .arg(program)
                .arg("hostile-isolated")
                .args(arguments)
                .exec()
                .to_string()
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    format!("no network namespace with unshare (util-linux) and ip (iproute2): {problem}")
}

/// Sets up the network. The socket has to be kept: a port that nobody listens at is an answer.
pub(crate) fn prepare() -> UdpSocket {
    run(Command::new("ip").args(["link", "set", "lo", "up"]));
    run(Command::new("ip").args(["route", "add", "local", NETWORK, "dev", "lo"]));
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in [
        ("hosts", hosts()),
        ("resolv.conf", format!("nameserver {NAME_SERVER}\n")),
    ] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("writable");
        run(Command::new("mount")
            .arg("--bind")
            .arg(path)
            .arg(format!("/etc/{name}")));
    }
    UdpSocket::bind((NAME_SERVER, 53)).expect("a free port")
}

fn hosts() -> String {
    let mut hosts = "127.0.0.1 localhost\n".to_owned();
    let realms = (0..REALMS).map(|index| format!("realm{index}.tenant.test"));
    let others = ["token.victim.test", "registry.shared.test"];
    for name in realms.chain(others.map(str::to_owned)) {
        let _ = writeln!(hosts, "{SERVERS} {name}");
    }
    hosts
}
