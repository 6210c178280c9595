//! Logins that are somewhere already, and what can become of each.

pub mod foreign;

use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::domain::credential_source::problems::document_problem;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::docker_config::credential_helper::is_name;
use crate::domain::docker_config::user_document::{LookupError, UserDocument};
use crate::domain::registry::dialect::Dialect;
use crate::domain::registry::key::RegistryKey;
use crate::domain::secret::ownership::is_labelled;
use crate::domain::text::shown_key;
use crate::form::expiring::{CloudRegistry, expiring, expiry_warning};
use crate::form::field::ChosenRegistry;
use crate::form::helper::is_short_lived;
use crate::form::import::foreign::other_writer;
use crate::form::objects::FurtherFields;

/// Types of pull secrets.
pub const PULL_SECRETS: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

/// A login that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Where: a file, or a Secret.
    pub place: String,
    /// The registry as it is spelled there.
    pub key: String,
    /// The registry; `None` if it cannot be one.
    pub registry: Option<ChosenRegistry>,
    /// The login.
    pub login: FoundLogin,
    /// Its e-mail address.
    pub email: Option<String>,
    /// The pull secret that it is the only entry of, if that can be taken over.
    pub pull_secret: Option<String>,
    /// If it is for many namespaces: which, and what they get.
    pub shared: Option<SharedLogin>,
}

/// What becomes of a login that another operator hands to many namespaces.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedLogin {
    /// The object that it is instead of.
    pub instead_of: String,
    /// Name of the resource.
    pub name: String,
    /// Namespace of the login.
    pub namespace: String,
    /// Labels of the namespaces that get it.
    pub selector: LabelSelector,
    /// Namespaces that do not.
    pub excluded: Vec<String>,
    /// Whatever else the object says.
    pub options: FurtherFields,
}

/// A login that was found, or where it is.
#[derive(Clone, Debug, PartialEq)]
pub enum FoundLogin {
    /// It is there.
    Here(RegistryCredentials),
    /// A program on this machine has it.
    Helper {
        /// What comes behind `docker-credential-` in the name of the program.
        name: String,
        /// By which name it probably knows the login.
        server: String,
    },
    /// It stays in a Secret of the cluster, since somebody else writes that.
    Stored {
        /// Name of the Secret.
        secret: String,
        /// What it holds, if that is known.
        credentials: Option<RegistryCredentials>,
    },
    /// It ends within hours; why it should not be imported, and what to do instead.
    ShortLived(String),
    /// It cannot be imported; why, and what to do.
    Unusable(String),
}

impl Found {
    /// What to write instead of a login that ends within hours, where the operator can mint.
    pub fn instead(&self, name: &str, namespace: Option<&str>) -> Option<String> {
        let cloud = CloudRegistry::at(&self.registry.as_ref()?.key)?;
        Some(cloud.manifest(name, namespace))
    }

    /// A name for its resource.
    pub fn name(&self) -> Option<String> {
        if let Some(shared) = &self.shared {
            return Some(shared.name.clone());
        }
        let name = self.registry.as_ref().map(ChosenRegistry::name)?;
        Some(match &self.login {
            // The generated Secret has the name of the resource.
            FoundLogin::Stored { secret, .. } if *secret == name => format!("{name}-pull"),
            _ => name,
        })
    }

    /// Who logs in, as far as it is known.
    pub fn user(&self) -> String {
        match &self.login {
            FoundLogin::Here(credentials)
            | FoundLogin::Stored {
                credentials: Some(credentials),
                ..
            } => credentials.username().to_owned(),
            FoundLogin::Stored { secret, .. } => format!("(in Secret {secret})"),
            FoundLogin::Helper { name, .. } => format!("(in {name})"),
            FoundLogin::ShortLived(_) | FoundLogin::Unusable(_) => "-".to_owned(),
        }
    }
}

/// Most logins of one docker config: each is looked up among all.
const ENTRIES: usize = 1000;

/// The logins of a docker config, those of more keys for one registry once. `listed`: what its store knows beyond the document.
pub fn docker_config(place: &str, document: &[u8], listed: &[String], short_lived: bool) -> Result<Vec<Found>, String> {
    let document = UserDocument::read(document).map_err(|error| document_error(place, error))?;
    let mentioned = document.mentioned();
    let entries = mentioned.keys.len() + listed.len();
    if entries > ENTRIES {
        return Err(format!(
            "{place} has logins for {entries} registries, more than {ENTRIES}: remove what is not needed"
        ));
    }
    let mut found: Vec<Found> = Vec::new();
    for key in mentioned.keys.iter().chain(listed) {
        let registry = RegistryKey::of_config_entry(key).map(ChosenRegistry::of);
        if registry.is_some() && found.iter().any(|known| known.registry == registry) {
            continue;
        }
        let (login, email) = match &registry {
            None => (
                FoundLogin::Unusable("the kubelet never matches this key".to_owned()),
                None,
            ),
            Some(registry) => match document.find(&registry.key) {
                Ok(entry) => (FoundLogin::Here(entry.credentials), entry.email),
                Err(error) => (
                    elsewhere(place, key, &registry.key, mentioned.store.as_deref(), error),
                    None,
                ),
            },
        };
        found.push(Found {
            place: place.to_owned(),
            key: shown_key(key),
            login: if short_lived {
                login
            } else {
                lasting(login, registry.as_ref())
            },
            registry,
            email,
            pull_secret: None,
            shared: None,
        });
    }
    Ok(found)
}

fn document_error(place: &str, error: LookupError) -> String {
    document_problem(place, &RegistryKey::docker_hub(), error).message
}

/// A login that is not in the document.
fn elsewhere(place: &str, key: &str, registry: &RegistryKey, store: Option<&str>, error: LookupError) -> FoundLogin {
    let (name, server) = match (error, store) {
        (LookupError::CredentialStore { store, .. }, _) => (store, key),
        // The store has listed it.
        (LookupError::NoEntry(_), Some(store)) => (is_name(store).then(|| store.to_owned()), key),
        (error, _) => return FoundLogin::Unusable(document_problem(place, registry, error).message),
    };
    match name {
        Some(name) => FoundLogin::Helper {
            name,
            server: server.to_owned(),
        },
        None => FoundLogin::Unusable(format!("{place} names a credential helper that cannot be a program")),
    }
}

/// Refuses what ends within hours.
pub fn lasting(login: FoundLogin, registry: Option<&ChosenRegistry>) -> FoundLogin {
    let key = registry.map(|registry| &registry.key);
    if let (FoundLogin::Here(credentials), Some(key)) = (&login, key)
        && let Some(cloud) = expiring(key, credentials.username())
    {
        return FoundLogin::ShortLived(expiry_warning(&cloud, credentials.username()));
    }
    let helper = match &login {
        FoundLogin::Helper { name, .. } if is_short_lived(name) => Some(name.as_str()),
        _ => None,
    };
    let is_short_lived =
        key.is_some_and(|key| !key.is_docker_hub() && Dialect::of(key.host_port()).lifetime_advice().is_some());
    if helper.is_none() && !is_short_lived {
        return login;
    }
    let who = helper.map_or("this registry".to_owned(), |helper| {
        format!("docker-credential-{helper}")
    });
    FoundLogin::ShortLived(match key.and_then(CloudRegistry::at) {
        Some(cloud) => format!("logins of {who} expire after {}: {}", cloud.lifetime(), cloud.advice()),
        None => format!(
            "logins of {who} expire within hours: have the nodes log in by themselves (a kubelet credential provider), or renew a Secret with External Secrets"
        ),
    })
}

/// The logins of a pull secret in a cluster.
pub fn pull_secret(secret: &Secret, short_lived: bool) -> Result<Vec<Found>, String> {
    let name = secret.metadata.name.as_deref().unwrap_or_default();
    let place = format!("Secret {name}");
    if is_labelled(&secret.metadata) {
        return Ok(Vec::new());
    }
    if let Some(instead) = other_writer(&secret.metadata) {
        let mut found = entries(&place, secret, true)?;
        for one in &mut found {
            one.login = FoundLogin::Unusable(instead.clone());
        }
        return Ok(found);
    }
    let mut owners = secret.metadata.owner_references.iter().flatten();
    if owners.any(|owner| owner.controller == Some(true)) {
        return stored(&place, secret);
    }
    let mut found = entries(&place, secret, short_lived)?;
    let can_be_taken_over = secret.type_.as_deref() == Some(PULL_SECRETS[0]) && secret.immutable != Some(true);
    if let [only] = found.as_mut_slice() {
        only.pull_secret = can_be_taken_over.then(|| name.to_owned());
    }
    Ok(found)
}

/// The logins of a pull secret that somebody else writes: they stay there. Whoever writes it renews what expires.
fn stored(place: &str, secret: &Secret) -> Result<Vec<Found>, String> {
    let mut found = entries(place, secret, true)?;
    for one in &mut found {
        if let FoundLogin::Here(credentials) = &one.login {
            one.login = FoundLogin::Stored {
                secret: secret.metadata.name.clone().unwrap_or_default(),
                credentials: Some(credentials.clone()),
            };
            // It stays there too.
            one.email = None;
        }
    }
    Ok(found)
}

/// The logins of a Secret that holds a docker config.
fn entries(place: &str, secret: &Secret, short_lived: bool) -> Result<Vec<Found>, String> {
    let key = match secret.type_.as_deref() {
        Some("kubernetes.io/dockerconfigjson") => ".dockerconfigjson",
        Some("kubernetes.io/dockercfg") => ".dockercfg",
        other => {
            let other = other.unwrap_or("Opaque");
            return Err(format!("{place} is of type {other}: only pull secrets can be imported"));
        }
    };
    let document = secret.data.as_ref().and_then(|data| data.get(key));
    let document = document.ok_or_else(|| format!("{place} has no key {key}"))?;
    let mut found = docker_config(place, &document.0, &[], short_lived)?;
    for one in &mut found {
        // Whoever wrote the Secret has chosen the program and the registry: it would get the login of whoever imports it.
        if let FoundLogin::Helper { .. } = one.login {
            let why = "it names a credential helper of somebody's machine, and has no login itself: use dps create";
            one.login = FoundLogin::Unusable(why.to_owned());
        }
    }
    Ok(found)
}

/// Those of which others have the name too: one resource would replace another.
pub fn ambiguous(names: &[Option<String>]) -> Vec<bool> {
    let count = |name: &Option<String>| names.iter().filter(|other| *other == name).count();
    names.iter().map(|name| count(name) > 1).collect()
}

/// Which of so many, counted from 1: `all`, or numbers with commas between them.
pub fn chosen(answer: &str, count: usize) -> Result<Vec<usize>, String> {
    if answer.eq_ignore_ascii_case("all") {
        return Ok((0..count).collect());
    }
    let numbers = answer.split([',', ' ']).filter(|part| !part.is_empty());
    let numbers = numbers.map(|part| part.parse().ok().filter(|number| (1..=count).contains(number)));
    match numbers.collect::<Option<Vec<usize>>>() {
        Some(numbers) if !numbers.is_empty() => Ok(numbers.into_iter().map(|number| number - 1).collect()),
        _ => Err(format!(
            "must be all, or numbers from 1 to {count} with commas between them"
        )),
    }
}
