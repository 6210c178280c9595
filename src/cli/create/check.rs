//! Logs in before anything is written.

use std::process::ExitCode;

use crate::cli::create::Create;
use crate::cli::create::ask::ask_password;
use crate::cli::create::minting::mint;
use crate::cli::destination::Destination;
use crate::cli::exit::NO_VERDICT;
use crate::cli::login::{ca_bundle, log_in_to};
use crate::cli::output::report;
use crate::cli::terminal::{Stop, Terminal};
use crate::domain::credential_source::resolve;
use crate::domain::verification::verdict::VerificationResult;
use crate::form::field;
use crate::form::objects::{Form, Login};

/// Most logins with what somebody types: registries lock accounts.
const ATTEMPTS: usize = 3;

/// Logs in until the registry accepts, asking again for what it rejects. `Err`: nothing is to be written.
pub(super) async fn check(
    form: &mut Form,
    arguments: &Create,
    terminal: Option<&Terminal>,
    cluster: Option<&Destination>,
) -> Result<(), Stop> {
    let objects = form.objects().map_err(|problem| Stop::Error(problem.message))?;
    let declaration = match cluster {
        // What stays of the resource counts too, such as the image that has to be readable.
        Some(cluster) => cluster.merged(&objects).await?,
        None => objects.declaration,
    };
    let spec = declaration
        .spec
        .clone()
        .map_err(|problem| Stop::Error(problem.message))?;
    let ca_bundle = ca_bundle(arguments.ca_file.as_deref())?;
    let is_typed = !arguments.password_stdin && arguments.password_file.is_none();
    let asks_again = terminal.filter(|_| is_typed && matches!(form.login, Login::New { .. }));
    for attempt in 1.. {
        let credentials = match (&form.login, cluster) {
            (Login::New { credentials, .. }, _) => credentials.clone(),
            (_, None) => {
                report("--export does not read the cluster, so the credentials are not verified.");
                return Ok(());
            }
            (Login::Existing { secret, .. }, Some(cluster)) => {
                let secret = cluster.login(secret, &form.scope).await?;
                let resolved = resolve(&spec, secret.as_ref());
                resolved.map_err(|problem| Stop::Error(problem.message))?.credentials
            }
            (Login::Minted(_), Some(cluster)) => match mint(declaration.clone(), arguments, terminal, cluster).await? {
                Some(credentials) => credentials,
                None => return Ok(()),
            },
        };
        report(&format!("Logging in to {} ...", form.registry.key.display_name()));
        let (image, plain_http) = (spec.verification.image.as_ref(), spec.verification.plain_http);
        let (targets, ca_bundle) = (&arguments.targets, ca_bundle.as_deref());
        let verdict = log_in_to(&spec.registry, image, plain_http, credentials, targets, ca_bundle).await?;
        report(&format!("  {}: {}", verdict.result.as_str(), verdict.message));
        match (verdict.result, asks_again) {
            (VerificationResult::Accepted, _) => return Ok(()),
            (VerificationResult::Rejected, Some(terminal)) if attempt < ATTEMPTS && !verdict.image_denied => {
                let username = terminal.ask("User name: ", "The input", field::username).await?;
                form.log_in_with(ask_password(&username, terminal).await?);
            }
            (result, _) if result.is_refusal() => return Err(nothing_written(ExitCode::FAILURE)),
            _ => return without_verdict(terminal).await,
        }
    }
    Ok(())
}

/// Nobody knows whether the credentials are right: asks whether they are to be written.
pub(super) async fn without_verdict(terminal: Option<&Terminal>) -> Result<(), Stop> {
    let Some(terminal) = terminal else {
        report("Use --no-verify to write without logging in.");
        return Err(nothing_written(ExitCode::from(NO_VERDICT)));
    };
    if terminal.confirm("Write it anyway?").await? {
        Ok(())
    } else {
        Err(nothing_written(ExitCode::from(NO_VERDICT)))
    }
}

pub(super) fn nothing_written(code: ExitCode) -> Stop {
    report("Nothing was written.");
    Stop::Done(code)
}
