//! `dps verify`: the controller's check of a login, from a terminal. Nothing is stored.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client, ResourceExt as _};
use serde::Serialize;
use url::{Host, Url};

use crate::api::{DockerPullSecret, RegistryType};
use crate::cli::manifests::Manifests;
use crate::cli::{Format, Targets, USAGE};
use crate::domain::credential_source::from_secret::resolve_document;
use crate::domain::credential_source::resolve;
use crate::domain::credentials::{InvalidCredentials, RegistryCredentials, trim_line_break};
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec, validate};
use crate::domain::verification::address::{Policy, target};
use crate::domain::verification::probe::Probe;
use crate::domain::verification::question::Question;
use crate::domain::verification::verdict::{Verdict, VerificationResult};
use crate::registry_client::http::verify;

/// Exit code when no check said yes or no.
const NO_VERDICT: u8 = 3;

#[derive(Args)]
pub(crate) struct Verify {
    /// DockerPullSecret in the cluster to check, by its credentials there.
    #[arg(value_name = "NAME", conflicts_with_all = ["registry", "filename"])]
    name: Option<String>,
    /// Namespace of that DockerPullSecret; the kubeconfig's when absent.
    #[arg(short, long, requires = "name")]
    namespace: Option<String>,
    /// Registry as images name it, such as registry.example.com:5000, or docker.io for Docker Hub.
    #[arg(long, conflicts_with = "filename", required_unless_present_any = ["name", "filename"])]
    registry: Option<String>,
    /// User name. The password is asked for, without showing it.
    #[arg(long, requires = "registry")]
    username: Option<String>,
    /// Read the password from stdin.
    #[arg(long, requires = "username")]
    password_stdin: bool,
    /// Take the login from a docker config file, such as ~/.docker/config.json.
    #[arg(long, value_name = "FILE", requires = "registry", conflicts_with = "username")]
    docker_config: Option<PathBuf>,
    /// File, folder or - for stdin with DockerPullSecrets and the Secrets that they reference; repeat it for several.
    #[arg(short, long, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// Certificates to trust beside the system's (PEM). Those of spec.verification.tls are not read here.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Talk http instead of https, also where spec.verification.plainHttp does not say so: the password can be read on the way.
    #[arg(long)]
    plain_http: bool,
    /// Image that the login has to be able to read, instead of spec.verification.image: the strongest evidence. Only its manifest is asked for, by HEAD.
    #[arg(long)]
    image: Option<String>,
    #[command(flatten)]
    targets: Targets,
    /// Shape of the output.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

/// A login to check, or why there is none.
struct Subject {
    name: String,
    registry: String,
    login: Result<(RegistryKey, RegistryCredentials), String>,
    /// What the resource says of the image and of http; flags add to it.
    image: Option<Probe>,
    plain_http: bool,
}

#[derive(Serialize)]
struct Line {
    name: String,
    registry: String,
    /// A verdict's word; absent when there was no login to check.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<&'static str>,
    message: String,
}

pub(crate) fn run(arguments: &Verify) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(verify_all(arguments)));
    result.unwrap_or_else(|what| {
        eprintln!("dps verify: {what}");
        ExitCode::from(USAGE)
    })
}

async fn verify_all(arguments: &Verify) -> Result<ExitCode, String> {
    let probe = arguments.image.as_deref().map(Probe::parse).transpose();
    let probe = probe.map_err(|what| format!("--image {what}"))?;
    let ca_bundle = arguments
        .ca_file
        .as_ref()
        .map(|file| std::fs::read(file).map_err(|error| format!("--ca-file {}: {error}", file.display())));
    let ca_bundle = ca_bundle.transpose()?;
    let subjects = subjects(arguments).await?;
    if subjects.is_empty() {
        return Err("there is no DockerPullSecret in what --filename names".to_owned());
    }
    let mut asked: Vec<(Question, Verdict)> = Vec::new();
    let mut lines = Vec::new();
    for subject in subjects {
        let probe = probe.clone().or(subject.image);
        let plain_http = arguments.plain_http || subject.plain_http;
        let question = subject
            .login
            .map(|(registry, login)| Question::new(&registry, login, probe, plain_http));
        let verdict = match question {
            Err(why) => Err(why),
            Ok(Err(verdict)) => Ok(verdict),
            // A wrong login that many resources share must not fail many times: accounts get locked.
            Ok(Ok(question)) => {
                let known = asked.iter().find(|(other, verdict)| {
                    let same_login = (&other.base, &other.login) == (&question.base, &question.login);
                    same_login && (other.probe == question.probe || verdict.refuses_login())
                });
                if let Some((_, verdict)) = known {
                    Ok(verdict.clone())
                } else {
                    let policy = Arc::new(policy(&question.base, &arguments.targets));
                    let verdict = verify(policy, ca_bundle.as_deref(), question.clone()).await?;
                    asked.push((question, verdict.clone()));
                    Ok(verdict)
                }
            }
        };
        lines.push((subject.name, subject.registry, verdict));
    }
    let refused = lines
        .iter()
        .any(|(.., verdict)| verdict.as_ref().is_ok_and(|verdict| verdict.result.refuses()));
    let accepted = lines.iter().all(|(.., verdict)| {
        verdict
            .as_ref()
            .is_ok_and(|verdict| verdict.result == VerificationResult::Accepted)
    });
    print(lines, arguments.output)?;
    Ok(match (refused, accepted) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(NO_VERDICT),
    })
}

/// A person may check what they name, and what is on their own machine if that is what they name.
fn policy(base: &Url, targets: &Targets) -> Policy {
    let loopback = match base.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    let mut policy = targets.policy();
    policy.allow.push(target(base));
    policy.loopback = loopback;
    policy
}

async fn subjects(arguments: &Verify) -> Result<Vec<Subject>, String> {
    if let Some(name) = &arguments.name {
        return Ok(vec![in_cluster(name, arguments.namespace.as_deref()).await?]);
    }
    if let Some(registry) = &arguments.registry {
        return Ok(vec![from_flags(registry, arguments)?]);
    }
    let manifests = Manifests::read(&arguments.filename)?;
    let subjects = manifests.resources.iter().map(|(key, resource)| {
        let name = format!("DockerPullSecret {}/{}", key.0, key.1);
        let found = resource.clone().and_then(|resource| {
            let spec = validate(&resource)?;
            let CredentialSource::Secret(reference) = &spec.source;
            let source = manifests.secret(&(key.0.clone(), reference.name.clone()))?;
            Ok((spec, source))
        });
        match found {
            Ok((spec, source)) => subject(name, &spec, source.as_ref()),
            Err(problem) => Subject {
                name,
                registry: String::new(),
                login: Err(format!("{}: {}", problem.reason.as_str(), problem.message)),
                image: None,
                plain_http: false,
            },
        }
    });
    Ok(subjects.collect())
}

fn subject(name: String, spec: &ValidatedSpec, source: Option<&Secret>) -> Subject {
    Subject {
        name,
        registry: spec.registry.as_str().to_owned(),
        login: match resolve(spec, source) {
            Ok(resolved) => Ok((spec.registry.clone(), resolved.credentials)),
            Err(problem) => Err(format!("{}: {}", problem.reason.as_str(), problem.message)),
        },
        image: spec.verification.image.clone(),
        plain_http: spec.verification.plain_http,
    }
}

fn from_flags(registry: &str, arguments: &Verify) -> Result<Subject, String> {
    let key = match RegistryKey::of_config_entry(registry) {
        Some(key) if key.is_docker_hub() => key,
        _ => RegistryKey::new(RegistryType::PrivateRegistry, Some(registry))
            .map_err(|problem| problem.message.replace("spec.registryUrl", "--registry"))?,
    };
    let login = if let Some(file) = &arguments.docker_config {
        let place = file.display().to_string();
        let document = std::fs::read(file).map_err(|error| format!("--docker-config {place}: {error}"))?;
        resolve_document(&place, &document, &key).map_err(|problem| problem.message)?
    } else {
        let username = arguments
            .username
            .as_deref()
            .ok_or("--username or --docker-config is needed: whose login is to be checked?")?;
        RegistryCredentials::new(username, trim_line_break(&password(arguments.password_stdin)?)).map_err(
            |refusal| match refusal {
                InvalidCredentials::Malformed(what) => format!("the login {what}"),
                InvalidCredentials::IdentityToken => {
                    "the user name <token> marks an identity token, which kubelets cannot use".to_owned()
                }
            },
        )?
    };
    Ok(Subject {
        name: registry.to_owned(),
        registry: key.as_str().to_owned(),
        login: Ok((key, login)),
        image: None,
        plain_http: false,
    })
}

fn password(from_stdin: bool) -> Result<String, String> {
    if !from_stdin {
        if !std::io::stdin().is_terminal() {
            return Err("stdin is no terminal to ask for the password at: pass it with --password-stdin".to_owned());
        }
        return rpassword::prompt_password("Password: ")
            .map_err(|error| format!("cannot ask for the password: {error}"));
    }
    let mut text = Vec::new();
    std::io::stdin()
        .read_to_end(&mut text)
        .map_err(|error| format!("stdin: {error}"))?;
    String::from_utf8(text).map_err(|_| "stdin: the password is not UTF-8 text".to_owned())
}

async fn in_cluster(name: &str, namespace: Option<&str>) -> Result<Subject, String> {
    let client = Client::try_default()
        .await
        .map_err(|error| format!("cannot reach a cluster: {error}"))?;
    let namespace = namespace.unwrap_or(client.default_namespace()).to_owned();
    let resource = Api::<DockerPullSecret>::namespaced(client.clone(), &namespace)
        .get(name)
        .await
        .map_err(|error| format!("reading DockerPullSecret {namespace}/{name}: {error}"))?;
    let place = format!("DockerPullSecret {namespace}/{}", resource.name_any());
    let spec = validate(&resource).map_err(|problem| format!("{place}: {}", problem.message))?;
    let CredentialSource::Secret(reference) = &spec.source;
    let source = Api::<Secret>::namespaced(client, &namespace)
        .get_opt(&reference.name)
        .await
        .map_err(|error| match error {
            kube::Error::Api(status) => format!("reading Secret {namespace}/{}: {}", reference.name, status.message),
            // Anything else could quote the Secret.
            _ => format!("reading Secret {namespace}/{} failed", reference.name),
        })?;
    Ok(subject(place, &spec, source.as_ref()))
}

fn print(lines: Vec<(String, String, Result<Verdict, String>)>, format: Format) -> Result<(), String> {
    let lines = lines.into_iter().map(|(name, registry, verdict)| match verdict {
        Ok(verdict) => Line {
            name,
            registry,
            result: Some(verdict.result.as_str()),
            message: verdict.message,
        },
        Err(message) => Line {
            name,
            registry,
            result: None,
            message,
        },
    });
    match format {
        Format::Text => {
            for line in lines {
                let result = line.result.map(|result| format!("{result}: ")).unwrap_or_default();
                println!("{}: {result}{}", line.name, line.message);
            }
        }
        Format::Json => {
            let document = serde_json::json!({"results": lines.collect::<Vec<_>>()});
            println!(
                "{}",
                serde_json::to_string_pretty(&document).map_err(|error| error.to_string())?
            );
        }
    }
    Ok(())
}
