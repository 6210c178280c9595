//! `dps mint`: tries to mint credentials as the operator does. Nothing is written to the cluster.

pub(crate) mod attempt;
pub(crate) mod subject;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use crate::cli::clouds::CloudArguments;
use crate::cli::completion::names;
use crate::cli::connection::ConnectionArguments;
use crate::cli::exit::{self, NO_VERDICT};
use crate::cli::mint::attempt::{Attempter, TrialEnd};
use crate::cli::network::AddressArguments;
use crate::cli::output::{Format, report, to_json, write, write_lines, write_objects};
use crate::cli::runtime::block_on;
use crate::cli::terminal::{Stop, interruptible};
use crate::domain::minting::trial::MintTrial;

#[derive(Args)]
pub(crate) struct Mint {
    /// DockerPullSecret in the cluster whose credentials are minted, or clusterdockerpullsecret/NAME.
    #[arg(value_name = "NAME", conflicts_with = "filename", required_unless_present = "filename", add = names::resources())]
    name: Option<String>,
    /// Namespace of the DockerPullSecret; default: the kubeconfig's. With --filename, that of resources which name none.
    #[arg(short, long, add = names::namespaces())]
    namespace: Option<String>,
    /// File or folder with DockerPullSecrets and ClusterDockerPullSecrets, or - for stdin; can be repeated. Their ServiceAccounts have
    /// to be in the cluster; Secrets with static keys may be in the input.
    #[arg(short, long, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// Print the Secrets that the operator would write, as YAML, with a mask instead of each password.
    #[arg(long, conflicts_with = "output")]
    export: bool,
    #[command(flatten)]
    clouds: CloudArguments,
    #[command(flatten)]
    addresses: AddressArguments,
    /// Output format.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// What came of one resource.
#[derive(Serialize)]
struct MintLine {
    name: String,
    registry: String,
    result: &'static str,
    message: String,
    #[serde(flatten)]
    minted: Option<MintTrial>,
    /// What an administrator runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    commands: Vec<String>,
}

pub(crate) fn run(arguments: &Mint) -> ExitCode {
    exit::exit_code("mint", block_on(interruptible(None, mint_all(arguments))))
}

async fn mint_all(arguments: &Mint) -> Result<ExitCode, Stop> {
    let cluster = arguments.connection.connect(arguments.namespace.as_deref()).await?;
    let subjects = subject::read(arguments, &cluster).await?;
    let attempter = Attempter::new(&cluster, arguments.clouds.settings(), arguments.addresses.policy())?;
    let (mut lines, mut secrets, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for subject in &subjects {
        let end = Box::pin(attempter.attempt(subject)).await?;
        let (line, secret) = describe(&subject.name, &subject.registry(), &end);
        lines.push(line);
        secrets.extend(secret);
        ends.push(end);
    }
    print(&lines, &secrets, arguments)?;
    if ends.iter().any(|end| matches!(end, TrialEnd::Minted { .. })) {
        report("Nothing was written. dps doctor says whether the operator may do the same.");
    }
    Ok(exit_code(&ends))
}

fn describe(name: &str, registry: &str, end: &TrialEnd) -> (MintLine, Option<Value>) {
    let line = |result: &'static str, message: String| MintLine {
        name: name.to_owned(),
        registry: registry.to_owned(),
        result,
        message,
        minted: None,
        commands: Vec::new(),
    };
    match end {
        TrialEnd::Minted { trial, secret, .. } => {
            let line = MintLine {
                minted: Some(trial.clone()),
                ..line("Minted", trial.sentence(registry))
            };
            (line, Some(secret.clone()))
        }
        TrialEnd::NothingToMint(why) => (line("NothingToMint", why.clone()), None),
        TrialEnd::Failed { failure, commands } => {
            let problem = &failure.problem;
            let line = MintLine {
                commands: commands.clone(),
                ..line(problem.reason.as_str(), problem.message.clone())
            };
            (line, None)
        }
    }
}

fn exit_code(ends: &[TrialEnd]) -> ExitCode {
    let is_refused = |end: &TrialEnd| matches!(end, TrialEnd::Failed { failure, .. } if !failure.is_transient());
    let is_unanswered = |end: &TrialEnd| matches!(end, TrialEnd::Failed { .. });
    let is_minted = |end: &TrialEnd| matches!(end, TrialEnd::Minted { .. });
    if ends.iter().any(is_refused) {
        ExitCode::FAILURE
    } else if ends.iter().any(is_unanswered) || !ends.iter().any(is_minted) {
        ExitCode::from(NO_VERDICT)
    } else {
        ExitCode::SUCCESS
    }
}

fn print(lines: &[MintLine], secrets: &[Value], arguments: &Mint) -> Result<(), String> {
    if arguments.output == Format::Json {
        return write(&to_json(&json!({ "results": lines }))?);
    }
    let texts = lines.iter().flat_map(|line| {
        let MintLine {
            name,
            result,
            message,
            commands,
            ..
        } = line;
        let commands = commands.iter().map(|command| format!("  {command}"));
        [format!("{name}: {result}: {message}")].into_iter().chain(commands)
    });
    if !arguments.export {
        return write_lines(texts);
    }
    // Stdout has objects only.
    texts.for_each(|text| report(&text));
    write_objects(secrets)
}
