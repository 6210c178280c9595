//! The commands of `dps`.

mod crds;
pub(crate) mod explain;
pub(crate) mod manifests;
mod render;
mod verify;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use url::Url;

use crate::controller::run;
use crate::controller::telemetry::{self, LogFormat};
use crate::domain::verification::address::Policy;

/// Exit code for usage errors and unreadable input.
const USAGE: u8 = 2;

#[derive(Parser)]
#[command(name = "dps", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator: keep a pull secret for every DockerPullSecret.
    Controller(Controller),
    /// Print the CustomResourceDefinitions as YAML.
    Crds,
    /// Print the Secrets that the operator would write, without a cluster.
    ///
    /// Problems go to stderr, one line each. Exit code 0: all rendered; 1: a resource has a problem; 2: unreadable input.
    Render(Render),
    /// Log in to a registry as a pull would, and tell what it says. Nothing is stored.
    ///
    /// Exit code 0: accepted; 1: rejected or locked out; 2: usage; 3: no verdict.
    Verify(verify::Verify),
    /// Tell which login a pod or an image uses and why; and if its pull fails, the cause, who is to blame and what to do.
    ///
    /// Exit code 0: nothing fails; 1: something fails; 2: usage, or unreadable input.
    Explain(explain::Explain),
}

/// What a check of a login may talk to.
#[derive(Args)]
struct Targets {
    /// Network that no registry or token server may be in, beside loopback, link-local and metadata addresses; repeat it
    /// for several.
    #[arg(long, value_name = "CIDR", value_delimiter = ',', env = "DPS_DENY_CIDR")]
    deny_cidr: Vec<ipnet::IpNet>,
    /// Registry or token server that may be anywhere; repeat it for several.
    #[arg(long, value_name = "HOST:PORT", value_parser = host_port, value_delimiter = ',', env = "DPS_ALLOW_REGISTRY")]
    allow_registry: Vec<String>,
}

impl Targets {
    fn policy(&self) -> Policy {
        Policy {
            deny: self.deny_cidr.clone(),
            allow: self.allow_registry.clone(),
            loopback: false,
        }
    }
}

/// A target as [`Policy`] compares it. Anything else would match nothing, and nobody would hear of it.
fn host_port(text: &str) -> Result<String, String> {
    let exact = |text: &str| {
        let (name, port) = text.rsplit_once(':')?;
        let port: u16 = port.parse().ok().filter(|port| *port != 0)?;
        let url = Url::parse(&format!("https://{name}")).ok()?;
        let host = url.host_str().filter(|host| !host.contains('*'))?;
        // There is nothing but a host.
        (url.as_str() == format!("https://{host}/")).then(|| format!("{host}:{port}"))
    };
    exact(text).ok_or_else(|| {
        let port = if text.starts_with("http://") { 80 } else { 443 };
        let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
        let bare = bare.split('/').next().unwrap_or_default();
        let right = exact(bare).or_else(|| exact(&format!("{bare}:{port}")));
        let right = right.unwrap_or_else(|| "registry.example.com:443 or [2001:db8::1]:5000".to_owned());
        format!("it must be HOST:PORT, such as {right}")
    })
}

#[derive(Args)]
struct Controller {
    /// Namespace to work in; repeat it for several. All namespaces when absent.
    #[arg(
        long = "namespace",
        value_name = "NAMESPACE",
        env = "DPS_NAMESPACES",
        value_delimiter = ','
    )]
    namespaces: Vec<String>,
    /// Address of /livez, /readyz and /metrics. [::] is every address, of IPv4 too.
    #[arg(long, default_value = "[::]:8080", env = "DPS_HEALTH_ADDRESS")]
    health_address: SocketAddr,
    /// Shape of log lines on stderr. The level is in RUST_LOG, default info.
    #[arg(long, value_enum, default_value = "text", env = "DPS_LOG_FORMAT")]
    log_format: LogFormat,
    /// Most resources worked on at a time.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256), env = "DPS_CONCURRENCY")]
    concurrency: u16,
    #[command(flatten)]
    targets: Targets,
}

#[derive(Args)]
struct Render {
    /// File, folder (all .yaml, .yml and .json below it) or - for stdin, with DockerPullSecrets and the Secrets that they
    /// reference; repeat it for several.
    #[arg(short, long = "filename", required = true, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// Shape of the output: YAML documents, or one v1 List as JSON.
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Yaml,
    Json,
}

/// Shape of what is found out.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

/// The definition of the command line, for its reference page.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Controller(arguments) => run_controller(arguments),
        Command::Crds => crds::print(),
        Command::Render(arguments) => render::run(&arguments.filename, arguments.output),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
    }
}

fn run_controller(arguments: Controller) -> ExitCode {
    telemetry::init(arguments.log_format);
    let mut namespaces: Vec<String> = arguments
        .namespaces
        .into_iter()
        .filter(|namespace| !namespace.is_empty())
        .collect();
    namespaces.sort();
    namespaces.dedup();
    let options = run::Options {
        namespaces,
        health_address: arguments.health_address,
        policy: arguments.targets.policy(),
        concurrency: arguments.concurrency,
    };
    // One thread does for the passes: they wait for the API server most of the time, and each thread costs memory.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run::run(options)).map_err(|error| error.to_string()),
        Err(error) => Err(format!("cannot start the runtime: {error}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}
