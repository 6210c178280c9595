//! Where `dps verify` takes credentials from: flags, manifests, or a resource in the cluster.

use crate::api::RegistryType;
use crate::cli::cluster::Cluster;
use crate::cli::declared::{declared, kind_and_name};
use crate::cli::manifests::Manifests;
use crate::cli::password;
use crate::cli::terminal::{Stop, Terminal, in_thread};
use crate::cli::verify::Verify;
use crate::cli::verify::minted::in_generated;
use crate::domain::credential_source::from_secret::resolve_document;
use crate::domain::credential_source::resolve;
use crate::domain::credentials::{InvalidCredentials, RegistryCredentials, trim_line_break};
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::manifest::ManifestReference;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};

/// Credentials to verify, or why there are none.
pub(super) struct CredentialsToVerify {
    /// What they are called in the output.
    pub(super) name: String,
    /// Their registry key; empty if it is not known.
    pub(super) registry: String,
    /// Err: why there are none.
    pub(super) credentials: Result<(RegistryKey, RegistryCredentials), String>,
    /// `spec.verification.image`.
    pub(super) image: Option<ManifestReference>,
    /// `spec.verification.plainHttp`.
    pub(super) plain_http: bool,
}

/// The credentials that the arguments name.
pub(super) async fn read(arguments: &Verify, terminal: Option<&Terminal>) -> Result<Vec<CredentialsToVerify>, Stop> {
    if let Some(name) = &arguments.name {
        let (kind, name) = kind_and_name(name)?;
        let cluster = arguments.connection.connect(arguments.namespace.as_deref());
        return Ok(vec![in_cluster(kind, name, &cluster.await?).await?]);
    }
    if let Some(registry) = &arguments.registry {
        return Ok(vec![from_flags(registry, arguments, terminal).await?]);
    }
    let files = arguments.filename.clone();
    let manifests = in_thread(move || Manifests::read(&files)).await??;
    let sources = manifests.resources.iter().map(|resource| {
        let found = resource.placed().and_then(|declaration| {
            let namespace = declaration.source_namespace().to_owned();
            let spec = declaration.spec?;
            let source = manifests.source(&spec, &namespace)?;
            Ok((spec, source))
        });
        let name = resource.name();
        match found {
            Ok((spec, source)) => {
                let credentials = resolve(&spec, source.as_ref()).map(|resolved| resolved.credentials);
                of_resource(name, &spec, credentials)
            }
            Err(problem) => CredentialsToVerify {
                name,
                registry: String::new(),
                credentials: Err(told(&problem)),
                image: None,
                plain_http: false,
            },
        }
    });
    Ok(sources.collect())
}

fn of_resource(
    name: String,
    spec: &ValidatedSpec,
    credentials: Result<RegistryCredentials, Problem>,
) -> CredentialsToVerify {
    CredentialsToVerify {
        name,
        registry: spec.registry.as_str().to_owned(),
        credentials: credentials
            .map(|credentials| (spec.registry.clone(), credentials))
            .map_err(|problem| told(&problem)),
        image: spec.verification.image.clone(),
        plain_http: spec.verification.plain_http,
    }
}

fn told(problem: &Problem) -> String {
    format!("{}: {}", problem.reason.as_str(), problem.message)
}

async fn from_flags(
    registry: &str,
    arguments: &Verify,
    terminal: Option<&Terminal>,
) -> Result<CredentialsToVerify, Stop> {
    let key = match RegistryKey::of_config_entry(registry) {
        Some(key) if key.is_docker_hub() => key,
        _ => RegistryKey::new(RegistryType::PrivateRegistry, Some(registry))
            .map_err(|problem| problem.message.replace("spec.registryUrl", "--registry"))?,
    };
    let credentials = if let Some(file) = arguments.docker_config.clone() {
        let place = file.display().to_string();
        let document = in_thread(move || std::fs::read(&file)).await?;
        let document = document.map_err(|error| format!("--docker-config {place}: {error}"))?;
        resolve_document(&place, &document, &key).map_err(|problem| problem.message)?
    } else {
        let username = arguments
            .username
            .as_deref()
            .ok_or_else(|| "no credentials: use --username or --docker-config".to_owned())?;
        let password = read_password(arguments.password_stdin, terminal).await?;
        RegistryCredentials::new(username, trim_line_break(&password)).map_err(refused)?
    };
    Ok(CredentialsToVerify {
        name: registry.to_owned(),
        registry: key.as_str().to_owned(),
        credentials: Ok((key, credentials)),
        image: None,
        plain_http: false,
    })
}

/// What is wrong with credentials from flags.
fn refused(invalid: InvalidCredentials) -> String {
    match invalid {
        InvalidCredentials::Malformed(problem) => format!("the input {problem}"),
        InvalidCredentials::IdentityToken => {
            "the user name <token> marks an identity token, which the kubelet cannot use".to_owned()
        }
    }
}

async fn read_password(from_stdin: bool, terminal: Option<&Terminal>) -> Result<String, Stop> {
    if from_stdin {
        return Ok(in_thread(password::from_stdin).await??);
    }
    let none = || "cannot prompt for the password because stdin is not a terminal; use --password-stdin".to_owned();
    terminal.ok_or_else(none)?.read_hidden("Password: ").await
}

async fn in_cluster(kind: &str, name: &str, cluster: &Cluster) -> Result<CredentialsToVerify, String> {
    let (place, declaration, status) = declared(kind, name, cluster).await?;
    let namespace = declaration.source_namespace();
    let spec = declaration.spec.as_ref();
    let spec = spec.map_err(|problem| format!("{place}: {}", problem.message))?;
    if matches!(spec.source, CredentialSource::Minted(_)) {
        let credentials = in_generated(&declaration, spec, status.as_ref(), cluster).await?;
        return Ok(of_resource(place, spec, credentials));
    }
    let secret = match spec.source.secret_name() {
        Some(name) => cluster.secret(namespace, name).await?,
        None => None,
    };
    let credentials = resolve(spec, secret.as_ref()).map(|resolved| resolved.credentials);
    Ok(of_resource(place, spec, credentials))
}
