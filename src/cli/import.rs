//! `dps import`: makes resources from logins that are somewhere already.

mod helper;
mod one;
mod sources;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::completion::names;
use crate::cli::connection::ConnectionArguments;
use crate::cli::create::DryRun;
use crate::cli::destination::Destination;
use crate::cli::exit::exit_code;
use crate::cli::import::one::{NOT_IMPORTED, import_one};
use crate::cli::login::ca_bundle;
use crate::cli::network::NetworkArguments;
use crate::cli::output::{self, report};
use crate::cli::runtime::block_on;
use crate::cli::terminal::{Stop, Terminal, interruptible};
use crate::domain::registry::key::RegistryKey;
use crate::domain::text::columns::ColumnWidths;
use crate::form::import::{Found, FoundLogin, ambiguous, chosen};

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Import {
    /// Docker config.json or podman auth.json, or - for stdin. Can be repeated. Default: the one of this user, where docker and
    /// podman look for it.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,
    /// File or folder with objects of other tools, or - for stdin: Secrets of rapyuta.io, ExternalSecrets whose template is a
    /// pull secret, ClusterPullSecrets of registry-creds, ImagePullSecrets of imps. Can be repeated.
    #[arg(short, long, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// All pull secrets of the namespace that the operator did not generate. A login that somebody else writes, such as an
    /// ExternalSecret, stays there, and is referred to.
    #[arg(long)]
    pull_secrets: bool,
    /// A pull secret of the namespace. Can be repeated.
    #[arg(long, value_name = "NAME", add = names::pull_secrets())]
    from_secret: Vec<String>,
    /// What other operators hand to many namespaces: ClusterPullSecrets of registry-creds, ImagePullSecrets of imps. They become
    /// ClusterDockerPullSecrets.
    #[arg(long)]
    other_operators: bool,
    /// Take over pull secrets with one entry in place: they keep their name and UID, and pods that list them need no change.
    #[arg(long)]
    adopt: bool,
    /// Import everything that can be imported, without asking.
    #[arg(long, conflicts_with = "registry")]
    all: bool,
    /// Import the login of this registry, without asking. Can be repeated.
    #[arg(long, value_name = "HOST")]
    registry: Vec<String>,
    /// Also import logins that expire within hours.
    #[arg(long)]
    allow_short_lived: bool,
    /// Namespace to write to, and of the pull secrets. Default: the namespace of the kubeconfig's context.
    #[arg(short, long, add = names::namespaces())]
    namespace: Option<String>,
    /// Do not log in before writing.
    #[arg(long)]
    no_verify: bool,
    /// Use plain HTTP to log in; credentials are sent unencrypted.
    #[arg(long)]
    plain_http: bool,
    /// PEM certificates to trust in addition to the system's, when logging in from here.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    targets: NetworkArguments,
    /// Change what exists and differs.
    #[arg(long, conflicts_with = "export")]
    replace: bool,
    /// Print the objects as YAML instead of writing them. The passwords are in it, so stdout must not be a terminal.
    #[arg(long, conflicts_with_all = ["dry_run", "adopt"])]
    export: bool,
    /// Only have the API server check the objects.
    #[arg(long, value_enum, value_name = "server")]
    dry_run: Option<DryRun>,
    #[command(flatten)]
    connection: ConnectionArguments,
}

impl Import {
    /// The name of the resource for a login.
    fn name_of(&self, found: &Found) -> Option<String> {
        let adopted = found.pull_secret.clone().filter(|_| self.adopt);
        adopted.or_else(|| found.name())
    }
}

pub(crate) fn run(arguments: &Import) -> ExitCode {
    let terminal = Terminal::open();
    let terminal = terminal.as_ref();
    let result = block_on(interruptible(terminal, import(arguments, terminal)));
    exit_code("import", result)
}

async fn import(arguments: &Import, terminal: Option<&Terminal>) -> Result<ExitCode, Stop> {
    if arguments.export {
        output::refuse_terminal()?;
    }
    let destination = if arguments.export {
        None
    } else {
        let namespace = arguments.namespace.as_deref();
        Some(Destination::connect(&arguments.connection, namespace, arguments.replace).await?)
    };
    let found = sources::find(arguments, destination.as_ref()).await?;
    let (usable, unusable): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|found| obstacle(found).is_none());
    show(&usable, &unusable, arguments);
    if usable.is_empty() {
        report("There is nothing to import.");
        return Ok(ExitCode::from(u8::from(!unusable.is_empty())));
    }
    let chosen = choose(usable, arguments, terminal).await?;
    let ca_bundle = ca_bundle(arguments.ca_file.as_deref())?;
    let mut code = 0;
    let names: Vec<_> = chosen.iter().map(|found| arguments.name_of(found)).collect();
    for (found, is_ambiguous) in chosen.iter().zip(ambiguous(&names)) {
        if is_ambiguous {
            let name = arguments.name_of(found).unwrap_or_default();
            report(&format!(
                "{} in {}: not imported: another login that was chosen gets the name {name} too: choose one of them, and use dps create for the other",
                found.key, found.place
            ));
            code = code.max(NOT_IMPORTED);
            continue;
        }
        match import_one(found, arguments, destination.as_ref(), ca_bundle.as_deref()).await {
            Ok(line) => report(&line),
            Err(failure) => {
                report(&format!("{}: not imported: {}", found.key, failure.why));
                code = code.max(failure.code);
            }
        }
    }
    Ok(ExitCode::from(code))
}

fn show(usable: &[Found], unusable: &[Found], arguments: &Import) {
    let headings = ["", "REGISTRY", "USER", "FOUND IN", "NAME"].map(str::to_owned);
    let rows = usable.iter().enumerate().map(|(index, found)| {
        let name = arguments.name_of(found).unwrap_or_default();
        let number = (index + 1).to_string();
        [number, found.key.clone(), found.user(), found.place.clone(), name]
    });
    if !usable.is_empty() {
        let rows: Vec<_> = [headings].into_iter().chain(rows).collect();
        let columns = ColumnWidths::of(rows.iter().map(<[String; 5]>::as_slice));
        for row in &rows {
            report(&columns.line(row));
        }
    }
    for found in unusable {
        if let Some(why) = obstacle(found) {
            report(&format!("{} in {}: {why}", found.key, found.place));
        }
        if let FoundLogin::ShortLived(_) = found.login {
            show_instead(found, arguments);
        }
    }
}

/// Shows what to write instead of a login that ends within hours.
fn show_instead(found: &Found, arguments: &Import) {
    let name = arguments.name_of(found).unwrap_or_default();
    if let Some(manifest) = found.instead(&name, arguments.namespace.as_deref()) {
        report("  Fill in what is in capital letters:");
        manifest.lines().for_each(|line| report(&format!("    {line}")));
    }
}

/// Why a login is not offered.
fn obstacle(found: &Found) -> Option<String> {
    match &found.login {
        FoundLogin::Unusable(why) => Some(why.clone()),
        FoundLogin::ShortLived(why) => Some(format!("{why}. --allow-short-lived imports it anyway")),
        FoundLogin::Here(_) | FoundLogin::Helper { .. } | FoundLogin::Stored { .. } => None,
    }
}

async fn choose(found: Vec<Found>, arguments: &Import, terminal: Option<&Terminal>) -> Result<Vec<Found>, Stop> {
    if arguments.all {
        return Ok(found);
    }
    if !arguments.registry.is_empty() {
        return Ok(of_registries(found, &arguments.registry)?);
    }
    let Some(terminal) = terminal else {
        let why = "choose with --registry HOST or --all. On a terminal, dps asks which to import";
        return Err(Stop::Error(why.to_owned()));
    };
    let numbers = terminal
        .ask("Import which (numbers such as 1,3, or all)? ", "The answer", |answer| {
            chosen(answer, found.len())
        })
        .await?;
    let found = found.into_iter().enumerate();
    Ok(found
        .filter(|(index, _)| numbers.contains(index))
        .map(|(_, found)| found)
        .collect())
}

fn of_registries(found: Vec<Found>, wanted: &[String]) -> Result<Vec<Found>, String> {
    let mut keys = Vec::new();
    for registry in wanted {
        let key =
            RegistryKey::of_config_entry(registry).ok_or_else(|| format!("--registry {registry}: no registry"))?;
        let is_there = |found: &Found| found.registry.as_ref().is_some_and(|one| one.key == key);
        if !found.iter().any(is_there) {
            return Err(format!(
                "--registry {registry}: no login for it was found that can be imported"
            ));
        }
        keys.push(key);
    }
    let is_wanted = |found: &Found| found.registry.as_ref().is_some_and(|one| keys.contains(&one.key));
    Ok(found.into_iter().filter(is_wanted).collect())
}
