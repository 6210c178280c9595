//! `dps doctor`: whether an installation can do its work.

mod issuer;
mod observe;
mod print;
mod registries;
mod requests;
pub(crate) mod rights;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use tokio::time::{Instant, sleep};

use crate::cli::cluster::Cluster;
use crate::cli::completion::names;
use crate::cli::connection::ConnectionArguments;
use crate::cli::doctor::issuer::look_at_issuer;
use crate::cli::doctor::observe::observe;
use crate::cli::doctor::registries::look_at_registries;
use crate::cli::duration::duration;
use crate::cli::exit::exit_code;
use crate::cli::network::AddressArguments;
use crate::cli::output::{self, Format, to_json};
use crate::cli::runtime::block_on;
use crate::domain::doctor::report::{CheckResult, DoctorReport};
use crate::domain::doctor::{Observations, examine, without_access};
use crate::domain::names::ObjectKey;

/// Time between two looks while waiting.
const INTERVAL: Duration = Duration::from_secs(2);

#[derive(Args)]
pub(crate) struct Doctor {
    /// Namespace to check; all namespaces by default. Can be repeated.
    #[arg(short, long = "namespace", value_name = "NAMESPACE", value_delimiter = ',', add = names::namespaces())]
    namespaces: Vec<String>,
    /// Lease of the operator, if its Deployment cannot be found or read.
    #[arg(long, value_name = "NAMESPACE/NAME")]
    lease: Option<ObjectKey>,
    /// Repeat the checks until none fails, for at most this long, such as 90s or 5m.
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    wait: Option<Duration>,
    #[command(flatten)]
    addresses: AddressArguments,
    /// Output format.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(crate) fn run(arguments: &Doctor) -> ExitCode {
    exit_code("doctor", block_on(check_and_print(arguments)))
}

async fn check_and_print(arguments: &Doctor) -> Result<ExitCode, String> {
    let is_lasting = arguments.wait.is_some();
    let cluster = arguments.connection.connect_lasting(None, is_lasting).await?;
    let report = check_until_end(arguments, &cluster).await;
    match arguments.output {
        Format::Json => output::write(&to_json(&report)?)?,
        Format::Text => output::write_lines(print::readable(&report))?,
    }
    Ok(if report.has_failures() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

impl Doctor {
    /// Checks everything once.
    pub(crate) fn of_everything(connection: ConnectionArguments, addresses: AddressArguments) -> Self {
        Self {
            namespaces: Vec::new(),
            lease: None,
            wait: None,
            addresses,
            output: Format::Text,
            connection,
        }
    }
}

/// Registries cannot fail a check, so they are contacted once, at the end.
pub(crate) async fn check_until_end(arguments: &Doctor, cluster: &Cluster) -> DoctorReport {
    let end = arguments.wait.map(|wait| Instant::now() + wait);
    loop {
        let (report, observed) = check(arguments, cluster).await;
        let may_repeat = end.is_some_and(|end| Instant::now() + INTERVAL <= end);
        if !report.has_failures() || !may_repeat {
            return match observed {
                Some(observed) => {
                    let observed = Box::pin(look_at_issuer(arguments, cluster, observed)).await;
                    examine(&look_at_registries(arguments, cluster, observed).await)
                }
                None => report,
            };
        }
        let first = report.checks.iter().find(|check| check.result == CheckResult::Fail);
        if let Some(first) = first {
            output::report(&format!("dps doctor: waiting: {}", first.message));
        }
        sleep(INTERVAL).await;
    }
}

async fn check(arguments: &Doctor, cluster: &Cluster) -> (DoctorReport, Option<Observations>) {
    match Box::pin(observe(arguments, cluster)).await {
        Ok(observed) => (examine(&observed), Some(observed)),
        Err(obstacle) => (without_access(&cluster.server, &obstacle), None),
    }
}
