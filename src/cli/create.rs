//! `dps create`: the form. Asks for what is missing, logs in, and writes the login and its resource.

mod ask;
mod check;
mod minting;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::api::{CredentialKeys, RegistryType};
use crate::cli::completion::names;
use crate::cli::connection::ConnectionArguments;
use crate::cli::create::ask::{ask, complete};
use crate::cli::create::check::check;
use crate::cli::create::minting::MintingArguments;
use crate::cli::destination::Destination;
use crate::cli::duration::duration;
use crate::cli::exit::exit_code;
use crate::cli::network::NetworkArguments;
use crate::cli::output::{self, report, write_lines};
use crate::cli::runtime::block_on;
use crate::cli::terminal::{Stop, Terminal, interruptible};
use crate::domain::registry::dialect::Dialect;
use crate::form::expiring::{expiring, expiry_warning};
use crate::form::objects::{Form, Login, Scope};

/// Where the chart installs the operator, which by default reads the logins of that namespace.
pub(crate) const OPERATOR_NAMESPACE: &str = "docker-pull-secret-operator";

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Create {
    /// Name of the resource, and of the Secret that it generates.
    #[arg(add = names::replaceable())]
    name: Option<String>,
    /// Namespace; with --namespace-selector, that of the login. Default: the namespace of the kubeconfig's context; with
    /// --namespace-selector, docker-pull-secret-operator.
    #[arg(short, long, add = names::namespaces())]
    namespace: Option<String>,
    /// Type of registry; by default --registry-url decides.
    #[arg(long = "type", value_enum, value_name = "TYPE", ignore_case = true)]
    registry_type: Option<TypeArgument>,
    /// Registry as image names begin with it, such as registry.example.com:5000. Not for Docker Hub.
    #[arg(long, value_name = "URL")]
    registry_url: Option<String>,
    /// User name. dps asks for the password.
    #[arg(long, value_name = "USER")]
    username: Option<String>,
    /// Read the password or access token from stdin.
    #[arg(long, conflicts_with = "password_file")]
    password_stdin: bool,
    /// Read the password or access token from this file. A final line break is no part of it.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// E-mail address to write with the credentials. No registry needs it.
    #[arg(long)]
    email: Option<String>,
    /// Name of the Secret with the login; by default the name of the resource with -login behind it.
    #[arg(long, value_name = "NAME", conflicts_with = "from_secret", add = names::logins())]
    login_secret: Option<String>,
    /// Use the login in this Secret, in any form that spec.credentialsRef reads, instead of writing one.
    #[arg(long, value_name = "NAME", group = "stored", conflicts_with_all = ["username", "password_stdin", "password_file"],
        add = names::logins())]
    from_secret: Option<String>,
    /// Key of --from-secret or --mint-with-key, where it differs from the default: username, password, email, auth,
    /// dockerConfigJson or dockerCfg; accessKeyId, secretAccessKey, sessionToken, clientSecret or serviceAccountKey; then its
    /// name, such as password=token. Can be repeated.
    #[arg(long, value_name = "WHAT=KEY", value_parser = key_value, requires = "stored")]
    key: Vec<(String, String)>,
    #[command(flatten)]
    minting: MintingArguments,
    /// Make a ClusterDockerPullSecret for the namespaces with these labels, as in kubectl -l; '' selects all.
    #[arg(long, value_name = "SELECTOR")]
    namespace_selector: Option<String>,
    /// Namespace that does not get the Secret although it is selected, with * for any text. Can be repeated.
    #[arg(long, value_name = "NAME", requires = "namespace_selector", add = names::namespaces())]
    exclude_namespace: Vec<String>,
    /// Name of the generated Secret; by default the name of the resource.
    #[arg(long, value_name = "NAME")]
    secret_name: Option<String>,
    /// Label to set on the generated Secret. Can be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_value)]
    label: Vec<(String, String)>,
    /// ServiceAccount that is to list the generated Secret, with * for any text. Can be repeated.
    #[arg(long, value_name = "NAME", add = names::service_accounts())]
    service_account: Vec<String>,
    /// Attach the generated Secret to new pods with an image that these credentials are for.
    #[arg(long)]
    attach_to_pods: bool,
    /// Evict pods that fail for want of the Secret, one by one, so that their successors pull.
    #[arg(long)]
    evict_pods: bool,
    /// Take over an existing Secret with the name of the generated one.
    #[arg(long)]
    adopt: bool,
    /// Image that the credentials must be able to read.
    #[arg(long)]
    image: Option<String>,
    /// Use plain HTTP to log in; credentials are sent unencrypted.
    #[arg(long)]
    plain_http: bool,
    /// PEM certificates to trust in addition to the system's, when logging in from here.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Do not log in before writing.
    #[arg(long)]
    no_verify: bool,
    #[command(flatten)]
    targets: NetworkArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
    /// Change the login and the resource if they exist. What is not named here stays as it is.
    #[arg(long, conflicts_with = "export")]
    replace: bool,
    /// Print the objects as YAML instead of writing them. The password is in it, so stdout must not be a terminal.
    #[arg(long, conflicts_with_all = ["dry_run", "wait"])]
    export: bool,
    /// Only have the API server check the objects.
    #[arg(long, value_enum, value_name = "server", conflicts_with = "wait")]
    dry_run: Option<DryRun>,
    /// Wait until the resource is Ready, at most this long.
    #[arg(long, value_name = "DURATION", value_parser = duration, num_args = 0..=1, require_equals = true, default_missing_value = "60s")]
    wait: Option<Duration>,
}

/// `spec.type` as a person may write it.
#[derive(Clone, Copy, ValueEnum)]
enum TypeArgument {
    #[value(name = "DockerHub", alias = "docker-hub")]
    DockerHub,
    #[value(name = "PrivateRegistry", alias = "private-registry")]
    PrivateRegistry,
}

impl From<TypeArgument> for RegistryType {
    fn from(argument: TypeArgument) -> Self {
        match argument {
            TypeArgument::DockerHub => Self::DockerHub,
            TypeArgument::PrivateRegistry => Self::PrivateRegistry,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DryRun {
    Server,
}

fn key_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

impl Create {
    /// Whether the login is to be typed, or read from where it was typed.
    fn is_typed(&self) -> bool {
        self.from_secret.is_none() && !self.minting.is_chosen()
    }

    /// `spec.credentialsRef.keys`.
    fn keys(&self) -> Result<CredentialKeys, String> {
        let mut keys = CredentialKeys::default();
        for (what, key) in &self.key {
            let field = match what.as_str() {
                "username" => &mut keys.username,
                "password" => &mut keys.password,
                "email" => &mut keys.email,
                "auth" => &mut keys.auth,
                "dockerConfigJson" => &mut keys.docker_config_json,
                "dockerCfg" => &mut keys.docker_cfg,
                _ => {
                    return Err(format!(
                        "--key {what}: write username, password, email, auth, dockerConfigJson or dockerCfg"
                    ));
                }
            };
            *field = Some(key.clone());
        }
        Ok(keys)
    }
}

pub(crate) fn run(arguments: &Create) -> ExitCode {
    let terminal = Terminal::open();
    let terminal = terminal.as_ref();
    let result = block_on(interruptible(terminal, create(arguments, terminal)));
    exit_code("create", result)
}

async fn create(arguments: &Create, terminal: Option<&Terminal>) -> Result<ExitCode, Stop> {
    if arguments.export {
        output::refuse_terminal()?;
    }
    if terminal.is_none() {
        complete(arguments)?;
    }
    let cluster = if arguments.export {
        None
    } else {
        let (namespace, is_lasting) = (arguments.namespace.as_deref(), arguments.wait.is_some());
        let cluster = arguments.connection.connect_lasting(namespace, is_lasting).await?;
        Some(Destination::new(cluster, arguments.replace))
    };
    let mut form = ask(arguments, terminal, cluster.as_ref()).await?;
    let objects = form.objects().map_err(|problem| Stop::Error(problem.message))?;
    for warning in objects.declaration.spec.iter().flat_map(|spec| &spec.warnings) {
        report(&format!("warning: {warning}"));
    }
    warn_of_expiry(&form);
    // Before anybody logs in: a refusal would have cost a login attempt.
    if let Some(cluster) = &cluster {
        cluster.try_out(&objects).await?;
    }
    if !arguments.no_verify {
        check(&mut form, arguments, terminal, cluster.as_ref()).await?;
    }
    let objects = form.objects().map_err(|problem| Stop::Error(problem.message))?;
    match cluster {
        None => output::write_objects(objects.login.iter().chain([&objects.resource]))?,
        Some(cluster) if arguments.dry_run.is_some() => {
            write_lines([cluster.summary("Would write", &form)])?;
        }
        Some(cluster) => {
            cluster.write(&objects).await?;
            write_lines([cluster.summary("Wrote", &form)])?;
            write_lines(how_to_use(&form))?;
            if let Some(wait) = arguments.wait {
                return Ok(cluster.wait(&objects, wait).await?);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Says if the login ends within hours, and what to write instead.
fn warn_of_expiry(form: &Form) {
    let (key, Login::New { credentials, .. }) = (&form.registry.key, &form.login) else {
        return;
    };
    let username = credentials.username();
    let (Some(cloud), Scope::Namespace(namespace)) = (expiring(key, username), &form.scope) else {
        return;
    };
    // Otherwise, the spec has this warning.
    if Dialect::of(key.host_port()).lifetime_advice().is_none() {
        report(&format!("warning: {}", expiry_warning(&cloud, username)));
    }
    report("  Fill in what is in capital letters:");
    let manifest = cloud.manifest(&form.name, namespace.as_deref());
    manifest.lines().for_each(|line| report(&format!("    {line}")));
}

/// What is left to do.
fn how_to_use(form: &Form) -> Vec<String> {
    let options = &form.options;
    let secret = form.pull_secret();
    let place = match form.scope {
        Scope::Namespace(_) => "",
        Scope::Selected { .. } => " of the selected namespaces",
    };
    let mut lines = Vec::new();
    if !options.service_accounts.is_empty() {
        let accounts = options.service_accounts.join(", ");
        lines.push(format!(
            "The ServiceAccounts {accounts}{place} will list Secret {secret}: new pods of theirs use it."
        ));
    }
    if options.attach_to_pods {
        lines.push(format!(
            "New pods{place} with such an image get Secret {secret} by themselves."
        ));
    }
    if lines.is_empty() {
        lines.push(format!("Pods{place} use it when their spec lists it:"));
        lines.push(format!("  imagePullSecrets: [{{name: {secret}}}]"));
    }
    match (&form.login, form.login_secret()) {
        (Login::New { .. }, Some(login)) => lines.push(format!(
            "To change the password later, change Secret {login}, or run this again with --replace."
        )),
        (Login::Minted(from), _) if from.service_account_ref.is_some() => {
            lines.push("dps doctor says whether the operator may use the ServiceAccount.".to_owned());
        }
        _ => {}
    }
    lines
}
