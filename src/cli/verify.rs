//! `dps verify`: verifies credentials as the operator does, from a terminal. Nothing is stored.

mod minted;
mod source;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::completion::names;
use crate::cli::connection::ConnectionArguments;
use crate::cli::exit::{self, NO_VERDICT};
use crate::cli::login::{ca_bundle, log_in};
use crate::cli::network::NetworkArguments;
use crate::cli::output::{Format, ProgressLine, to_json, write, write_lines};
use crate::cli::runtime::block_on;
use crate::cli::terminal::{Stop, Terminal, interruptible};
use crate::domain::registry::manifest::ManifestReference;
use crate::domain::verification::attempt::{LoginAttempt, LoginTarget};
use crate::domain::verification::verdict::{Verdict, VerificationResult};
use crate::registry_client::http::ClientError;

#[derive(Args)]
pub(crate) struct Verify {
    /// DockerPullSecret in the cluster whose credentials are verified, or clusterdockerpullsecret/NAME.
    #[arg(value_name = "NAME", conflicts_with_all = ["registry", "filename"], add = names::resources())]
    name: Option<String>,
    /// Namespace of the DockerPullSecret; default: the kubeconfig's.
    #[arg(short, long, requires = "name", add = names::namespaces())]
    namespace: Option<String>,
    /// Registry as image names spell it, such as registry.example.com:5000, or docker.io for Docker Hub.
    #[arg(long, conflicts_with = "filename", required_unless_present_any = ["name", "filename"])]
    registry: Option<String>,
    /// User name; dps prompts for the password.
    #[arg(long, requires = "registry")]
    username: Option<String>,
    /// Read the password from stdin.
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Docker config file to take the credentials from, such as ~/.docker/config.json.
    #[arg(long, value_name = "FILE", requires = "registry", conflicts_with = "username")]
    docker_config: Option<PathBuf>,
    /// File or folder with DockerPullSecrets, ClusterDockerPullSecrets and the Secrets they reference, or - for stdin; can be
    /// repeated.
    #[arg(short, long, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// PEM certificates to trust in addition to the system's; spec.verification.tls is ignored.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Use plain HTTP, also without spec.verification.plainHttp; credentials are sent unencrypted.
    #[arg(long)]
    plain_http: bool,
    /// Image that the credentials must be able to read, instead of spec.verification.image. Only a HEAD request for its manifest is sent.
    #[arg(long)]
    image: Option<String>,
    #[command(flatten)]
    targets: NetworkArguments,
    /// Output format.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
    #[command(flatten)]
    connection: ConnectionArguments,
}

#[derive(Serialize)]
struct ResultLine {
    name: String,
    registry: String,
    /// Result of the verification; absent without credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
    message: String,
}

impl fmt::Display for ResultLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.name)?;
        if let Some(result) = self.result {
            write!(formatter, "{result}: ")?;
        }
        formatter.write_str(&self.message)
    }
}

pub(crate) fn run(arguments: &Verify) -> ExitCode {
    let terminal = Terminal::open_for_hidden();
    let terminal = terminal.as_ref();
    let result = block_on(interruptible(terminal, verify_all(arguments, terminal)));
    exit::exit_code("verify", result)
}

async fn verify_all(arguments: &Verify, terminal: Option<&Terminal>) -> Result<ExitCode, Stop> {
    let image = arguments.image.as_deref().map(ManifestReference::parse).transpose();
    let image = image.map_err(|problem| format!("--image {problem}"))?;
    let ca_bundle = ca_bundle(arguments.ca_file.as_deref())?;
    let sources = source::read(arguments, terminal).await?;
    if sources.is_empty() {
        let why = "--filename contains no DockerPullSecret and no ClusterDockerPullSecret";
        return Err(Stop::Error(why.to_owned()));
    }
    let mut attempts = Attempts {
        arguments,
        ca_bundle,
        made: Vec::new(),
    };
    let (mut results, count) = (Vec::new(), sources.len());
    let mut progress = ProgressLine::new();
    for source in sources {
        progress.say(&format!("{} of {count} verified", results.len()));
        let image = image.as_ref().or(source.image.as_ref());
        let plain_http = arguments.plain_http || source.plain_http;
        let verdict = match source.credentials {
            Err(why) => Err(why),
            Ok((registry, credentials)) => match LoginTarget::new(&registry, image, plain_http) {
                Err(verdict) => Ok(verdict),
                Ok(target) => match attempts.verify(LoginAttempt { target, credentials }).await {
                    // What the others came to is worth printing all the same.
                    Err(failure @ ClientError::Local(_)) => Err(failure.to_string()),
                    other => Ok(other.map_err(|error| error.to_string())?),
                },
            },
        };
        results.push(SourceResult {
            name: source.name,
            registry: source.registry,
            verdict,
        });
    }
    drop(progress);
    let code = exit_code(&results);
    print(results, arguments.output)?;
    Ok(code)
}

/// What was found for one source.
struct SourceResult {
    name: String,
    registry: String,
    /// Err: why there are no credentials, or why this machine cannot verify them.
    verdict: Result<Verdict, String>,
}

/// The login attempts of this run. Wrong credentials that many resources share must not fail many times: registries lock
/// accounts.
struct Attempts<'a> {
    arguments: &'a Verify,
    ca_bundle: Option<Vec<u8>>,
    made: Vec<(LoginAttempt, Verdict)>,
}

impl Attempts<'_> {
    async fn verify(&mut self, attempt: LoginAttempt) -> Result<Verdict, ClientError> {
        let known = self.made.iter().find(|(other, verdict)| {
            let is_same_login =
                (&other.target.base, &other.credentials) == (&attempt.target.base, &attempt.credentials);
            is_same_login && (other.target.image == attempt.target.image || verdict.credentials_refused())
        });
        if let Some((_, verdict)) = known {
            return Ok(verdict.clone());
        }
        let (targets, ca_bundle) = (&self.arguments.targets, self.ca_bundle.as_deref());
        let verdict = log_in(attempt.clone(), targets, ca_bundle).await?;
        self.made.push((attempt, verdict.clone()));
        Ok(verdict)
    }
}

fn exit_code(results: &[SourceResult]) -> ExitCode {
    let verdicts = || results.iter().map(|result| result.verdict.as_ref().ok());
    let is_refused = |verdict: &Verdict| verdict.result.is_refusal();
    let is_accepted = |verdict: &Verdict| verdict.result == VerificationResult::Accepted;
    if verdicts().any(|verdict| verdict.is_some_and(is_refused)) {
        ExitCode::FAILURE
    } else if verdicts().all(|verdict| verdict.is_some_and(is_accepted)) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(NO_VERDICT)
    }
}

fn print(results: Vec<SourceResult>, format: Format) -> Result<(), String> {
    let lines = results.into_iter().map(|result| {
        let (word, message) = match result.verdict {
            Ok(verdict) => (Some(verdict.result.as_str()), verdict.message),
            Err(why) => (None, why),
        };
        ResultLine {
            name: result.name,
            registry: result.registry,
            result: word,
            message,
        }
    });
    match format {
        Format::Json => write(&to_json(&serde_json::json!({"results": lines.collect::<Vec<_>>()}))?),
        Format::Text => write_lines(lines.map(|line| line.to_string())),
    }
}
