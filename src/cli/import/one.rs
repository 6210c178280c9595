//! Imports one login.

use crate::api::CredentialKeys;
use crate::cli::destination::Destination;
use crate::cli::exit::USAGE;
use crate::cli::import::{Import, helper, show_instead};
use crate::cli::login::log_in_to;
use crate::cli::output::{self, report};
use crate::domain::credentials::RegistryCredentials;
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::declaration::Declaration;
use crate::domain::verification::verdict::VerificationResult;
use crate::form::expiring::{expiring, expiry_warning};
use crate::form::import::{Found, FoundLogin};
use crate::form::objects::{Existing, Form, FurtherFields, Login, Objects, Scope};

/// Exit code if a login is not imported, and it is not the cluster that refuses.
pub(super) const NOT_IMPORTED: u8 = 1;

/// Why a login is not imported, and what that is as an exit code.
pub(super) struct ImportFailure {
    pub(super) why: String,
    pub(super) code: u8,
}

impl From<String> for ImportFailure {
    fn from(why: String) -> Self {
        Self {
            why,
            code: NOT_IMPORTED,
        }
    }
}

/// The cluster refuses, or cannot be asked.
fn refused(why: String) -> ImportFailure {
    ImportFailure { why, code: USAGE }
}

/// Returns what happened.
pub(super) async fn import_one(
    found: &Found,
    arguments: &Import,
    destination: Option<&Destination>,
    ca_bundle: Option<&[u8]>,
) -> Result<String, ImportFailure> {
    let registry = found.registry.clone().ok_or_else(|| "it is no registry".to_owned())?;
    let credentials = match &found.login {
        FoundLogin::Here(credentials) => Some(credentials.clone()),
        FoundLogin::Helper { name, server } => Some(helper::get(name, server, &registry.key).await?),
        FoundLogin::Stored { credentials, .. } => credentials.clone(),
        FoundLogin::ShortLived(why) | FoundLogin::Unusable(why) => return Err(why.clone().into()),
    };
    if let (FoundLogin::Here(_) | FoundLogin::Helper { .. }, Some(credentials)) = (&found.login, &credentials) {
        // What a helper gives is known only now.
        if let Some(cloud) = expiring(&registry.key, credentials.username()) {
            let why = expiry_warning(&cloud, credentials.username());
            if !arguments.allow_short_lived {
                show_instead(found, arguments);
                return Err(format!("{why}. --allow-short-lived imports it anyway").into());
            }
            report(&format!("{}: warning: {why}", found.key));
        }
    }
    let objects = objects(found, credentials.as_ref(), arguments, destination)?;
    let Declaration { kind, key, .. } = &objects.declaration;
    let resource = format!("{kind} {}", key.name);
    if let Some(destination) = destination {
        match destination.compare(&objects).await.map_err(refused)? {
            Existing::Same => return Ok(format!("{}: {resource} is up to date", found.key)),
            Existing::Different if !arguments.replace => {
                let why = format!("{resource} or its login already exists and differs: use --replace to change it");
                return Err(why.into());
            }
            Existing::Different | Existing::Nothing => {}
        }
        destination.try_out(&objects).await.map_err(refused)?;
    }
    match credentials.filter(|_| !arguments.no_verify) {
        Some(credentials) => verify(&registry.key, credentials, arguments, ca_bundle).await?,
        None if arguments.no_verify => {}
        None => report(&format!(
            "{}: the login is not here, so the operator verifies it, and not dps",
            found.key
        )),
    }
    match destination {
        None => {
            output::write_objects(objects.login.iter().chain([&objects.resource]))?;
            Ok(format!("{}: {resource} printed", found.key))
        }
        Some(_) if arguments.dry_run.is_some() => Ok(format!("{}: would write {resource}", found.key)),
        Some(destination) => {
            destination.write(&objects).await.map_err(refused)?;
            Ok(match &found.shared {
                Some(shared) => format!(
                    "{}: wrote {resource}: delete {} next, since its Secrets have the names of the new ones",
                    found.key, shared.instead_of
                ),
                None => format!(
                    "{}: wrote {kind} {}/{}",
                    found.key, destination.cluster.namespace, key.name
                ),
            })
        }
    }
}

fn objects(
    found: &Found,
    credentials: Option<&RegistryCredentials>,
    arguments: &Import,
    destination: Option<&Destination>,
) -> Result<Objects, String> {
    let registry = found.registry.clone().ok_or("it is no registry")?;
    let namespace = destination.map(|destination| destination.cluster.namespace.clone());
    if arguments.adopt && found.pull_secret.is_none() {
        return Err(format!(
            "only a pull secret of the cluster that can be changed, is of type kubernetes.io/dockerconfigjson and has one entry can be taken over, and {} is not: import it without --adopt, and list the new Secret instead",
            found.place
        ));
    }
    let login = match (&found.login, credentials) {
        (FoundLogin::Stored { secret, .. }, _) => Login::Existing {
            secret: secret.clone(),
            keys: CredentialKeys::default(),
        },
        (_, Some(credentials)) => Login::New {
            secret: None,
            credentials: credentials.clone(),
        },
        (_, None) => return Err("it has no login".to_owned()),
    };
    let scope = match &found.shared {
        Some(shared) => Scope::Selected {
            login: shared.namespace.clone(),
            selector: shared.selector.clone(),
            excluded: shared.excluded.clone(),
        },
        None => Scope::Namespace(namespace.or_else(|| arguments.namespace.clone())),
    };
    let options = found.shared.as_ref().map(|shared| shared.options.clone());
    let form = Form {
        name: arguments.name_of(found).unwrap_or_default(),
        scope,
        registry,
        login,
        email: found.email.clone(),
        options: FurtherFields {
            adopt: arguments.adopt,
            plain_http: arguments.plain_http,
            ..options.unwrap_or_default()
        },
    };
    form.objects().map_err(|problem| problem.message)
}

async fn verify(
    key: &RegistryKey,
    credentials: RegistryCredentials,
    arguments: &Import,
    ca_bundle: Option<&[u8]>,
) -> Result<(), String> {
    let (targets, plain_http) = (&arguments.targets, arguments.plain_http);
    let verdict = log_in_to(key, None, plain_http, credentials, targets, ca_bundle).await?;
    if verdict.result == VerificationResult::Accepted {
        return Ok(());
    }
    let more = if verdict.result.is_refusal() {
        ""
    } else {
        "; --no-verify imports it anyway"
    };
    Err(format!("{}: {}{more}", verdict.result.as_str(), verdict.message))
}
