//! Fills in the form: from the arguments, and what they leave open from the terminal.

use crate::api::RegistryType;
use crate::cli::create::{Create, OPERATOR_NAMESPACE};
use crate::cli::destination::{Destination, Taken};
use crate::cli::output::report;
use crate::cli::password;
use crate::cli::terminal::{Stop, Terminal, in_thread};
use crate::domain::credentials::RegistryCredentials;
use crate::form::field::{self, ChosenRegistry, login_name};
use crate::form::objects::{Form, FurtherFields, Login, Scope};
use crate::form::selector;

pub(super) async fn ask(
    arguments: &Create,
    terminal: Option<&Terminal>,
    cluster: Option<&Destination>,
) -> Result<Form, Stop> {
    let name = name(arguments, terminal).await?;
    let mut scope = scope(arguments, cluster)?;
    let mut login_secret = arguments.login_secret.clone();
    if let Some(cluster) = cluster {
        if let Some(existing) = cluster.replaced(scope.kind(), &name).await? {
            // The login stays where it is.
            let stored = |field: &str| existing["credentialsRef"][field].as_str().map(str::to_owned);
            login_secret = login_secret.or(stored("name"));
            if let (Scope::Selected { login, .. }, None) = (&mut scope, &arguments.namespace) {
                *login = stored("namespace").unwrap_or_else(|| login.clone());
            }
        }
        let login = login_secret.clone().unwrap_or_else(|| login_name(&name));
        let login = arguments.is_typed().then_some(login);
        let pull_secret = arguments.secret_name.as_ref().unwrap_or(&name);
        let pull_secret = (!arguments.adopt).then_some(pull_secret.as_str());
        let taken = cluster.look(&name, login.as_deref(), pull_secret, &scope).await?;
        taken.map_or(Ok(()), |taken| Err(way_out(&taken)))?;
    }
    let registry = registry(arguments, terminal).await?;
    if terminal.is_some() {
        report(&format!("  {}", registry.images()));
    }
    let minted = arguments.minting.source(&registry.key, &arguments.key)?;
    let login = match (minted, &arguments.from_secret) {
        (Some(from), _) => Login::Minted(Box::new(from)),
        (None, Some(secret)) => Login::Existing {
            secret: secret.clone(),
            keys: arguments.keys()?,
        },
        (None, None) => Login::New {
            secret: login_secret,
            credentials: credentials(arguments, terminal).await?,
        },
    };
    Ok(Form {
        name,
        scope,
        registry,
        email: email(arguments, terminal).await?,
        login,
        options: options(arguments),
    })
}

/// What to do about a name that cannot be used.
fn way_out(taken: &Taken) -> String {
    let way = match taken {
        Taken::ByObject(_) => "use --replace to change it",
        Taken::BySecret(_) => "choose another name, or take it over with --adopt",
    };
    format!("{}: {way}", taken.problem())
}

/// Says all that is missing at once.
pub(super) fn complete(arguments: &Create) -> Result<(), String> {
    let is_new = arguments.is_typed();
    let has_password = arguments.password_stdin || arguments.password_file.is_some();
    let needs_url = !matches!(
        arguments.registry_type.map(RegistryType::from),
        Some(RegistryType::DockerHub)
    );
    let missing = [
        (arguments.name.is_none(), "NAME"),
        (
            needs_url && arguments.registry_url.is_none(),
            "--registry-url (or --type DockerHub)",
        ),
        (
            is_new && arguments.username.is_none(),
            "--username (or --from-secret, --mint-as)",
        ),
        (is_new && !has_password, "--password-stdin or --password-file"),
    ];
    let missing: Vec<&str> = missing
        .iter()
        .filter(|(is_missing, _)| *is_missing)
        .map(|(_, what)| *what)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "missing: {}. On a terminal, dps asks for what is missing",
        missing.join(", ")
    ))
}

/// Every call has been preceded by a look at what is missing.
fn answering(terminal: Option<&Terminal>) -> Result<&Terminal, Stop> {
    terminal.ok_or_else(|| Stop::Error("there is no terminal to ask".to_owned()))
}

async fn name(arguments: &Create, terminal: Option<&Terminal>) -> Result<String, Stop> {
    match &arguments.name {
        Some(name) => Ok(field::name(name).map_err(|problem| format!("NAME {name:?} {problem}"))?),
        None => answering(terminal)?.ask("Name: ", "The name", field::name).await,
    }
}

fn scope(arguments: &Create, cluster: Option<&Destination>) -> Result<Scope, String> {
    let Some(selector) = &arguments.namespace_selector else {
        let namespace = cluster.map(|cluster| cluster.cluster.namespace.clone());
        return Ok(Scope::Namespace(namespace.or_else(|| arguments.namespace.clone())));
    };
    let selector = selector::parse(selector).map_err(|problem| format!("--namespace-selector {problem}"))?;
    let login = arguments.namespace.clone();
    Ok(Scope::Selected {
        login: login.unwrap_or_else(|| OPERATOR_NAMESPACE.to_owned()),
        selector,
        excluded: arguments.exclude_namespace.clone(),
    })
}

async fn registry(arguments: &Create, terminal: Option<&Terminal>) -> Result<ChosenRegistry, Stop> {
    let named = arguments.registry_type.map(RegistryType::from);
    let url = arguments.registry_url.as_deref();
    let registry_type = match (named, url) {
        (None, None) => answering(terminal)?
            .ask(
                "Type (1 = Docker Hub, 2 = private registry): ",
                "The type",
                registry_type,
            )
            .await
            .map(Some)?,
        _ => named,
    };
    if registry_type == Some(RegistryType::PrivateRegistry) && url.is_none() {
        // Who says Docker Hub here means it.
        let check = |url: &str| ChosenRegistry::new(None, Some(url));
        let question = "Registry URL, as images begin with it (registry.example.com:5000): ";
        return answering(terminal)?.ask(question, "The registry URL", check).await;
    }
    Ok(ChosenRegistry::new(registry_type, url).map_err(|problem| format!("--registry-url {problem}"))?)
}

fn registry_type(answer: &str) -> Result<RegistryType, String> {
    match answer.to_ascii_lowercase().replace([' ', '-'], "").as_str() {
        "1" | "dockerhub" => Ok(RegistryType::DockerHub),
        "2" | "privateregistry" | "private" => Ok(RegistryType::PrivateRegistry),
        _ => Err("must be 1 or 2".to_owned()),
    }
}

pub(super) async fn credentials(arguments: &Create, terminal: Option<&Terminal>) -> Result<RegistryCredentials, Stop> {
    let username = match &arguments.username {
        Some(username) => field::username(username).map_err(|problem| format!("--username {problem}"))?,
        None => {
            answering(terminal)?
                .ask("User name: ", "The input", field::username)
                .await?
        }
    };
    let read = match arguments.password_file.clone() {
        Some(file) => Some(in_thread(move || password::from_file(&file)).await??),
        None if arguments.password_stdin && terminal.is_some() => {
            let why = "--password-stdin needs a pipe or a file as stdin: omit it, and dps prompts for the password";
            return Err(Stop::Error(why.to_owned()));
        }
        None if arguments.password_stdin => Some(in_thread(password::from_stdin).await??),
        None => None,
    };
    match read {
        Some(password) => {
            Ok(field::password(&username, &password).map_err(|problem| format!("the password {problem}"))?)
        }
        None => ask_password(&username, answering(terminal)?).await,
    }
}

pub(super) async fn ask_password(username: &str, terminal: &Terminal) -> Result<RegistryCredentials, Stop> {
    let check = |text: &str| field::password(username, text);
    terminal
        .ask_hidden("Password or access token: ", "The input", check)
        .await
}

async fn email(arguments: &Create, terminal: Option<&Terminal>) -> Result<Option<String>, Stop> {
    match (&arguments.email, terminal) {
        (Some(email), _) => Ok(field::email(email).map_err(|problem| format!("--email {problem}"))?),
        // Whoever answers no other question is asked none that has a default.
        (None, Some(terminal)) if arguments.username.is_none() && arguments.is_typed() => {
            terminal.ask("Email (optional): ", "The address", field::email).await
        }
        _ => Ok(None),
    }
}

fn options(arguments: &Create) -> FurtherFields {
    FurtherFields {
        secret_name: arguments.secret_name.clone(),
        labels: arguments.label.iter().cloned().collect(),
        service_accounts: arguments.service_account.clone(),
        attach_to_pods: arguments.attach_to_pods,
        evict_pods: arguments.evict_pods,
        image: arguments.image.clone(),
        plain_http: arguments.plain_http,
        adopt: arguments.adopt,
    }
}

impl Form {
    /// The same with other credentials.
    pub(super) fn log_in_with(&mut self, new: RegistryCredentials) {
        if let Login::New { credentials, .. } = &mut self.login {
            *credentials = new;
        }
    }
}
