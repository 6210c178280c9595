//! What a resource wants, validated: the core repeats the API server's rules, because `render` has no API server and
//! an object may be older than a rule.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::{
    CaBundleRef, CredentialKeys, DockerPullSecret, EvictPods, OnRejected, Reason, RegistryType, Verification,
    VerificationMode,
};
use crate::domain::minting::source::MintSource;
use crate::domain::names::is_object_name;
use crate::domain::problem::Problem;
use crate::domain::registry::dialect::Dialect;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::manifest::ManifestReference;
use crate::domain::spec::template;

/// A spec that breaks no rule.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatedSpec {
    /// Key to write.
    pub registry: RegistryKey,
    /// Where the credentials come from.
    pub source: CredentialSource,
    /// E-mail address that wins over that of the source.
    pub email: Option<String>,
    /// What to generate.
    pub targets: Targets,
    /// How the credentials are verified.
    pub verification: VerificationSettings,
    /// What works, but probably not as expected.
    pub warnings: Vec<String>,
}

impl ValidatedSpec {
    /// The same, with its credentials in a namespace that is not the one of the resource.
    #[must_use]
    pub(crate) fn in_namespace(mut self, namespace: &str) -> Self {
        if let CredentialSource::Secret(source) = &mut self.source {
            source.namespace = Some(namespace.to_owned());
        }
        self
    }
}

/// Where credentials come from.
#[derive(Clone, Debug, PartialEq)]
pub enum CredentialSource {
    /// A Secret in the namespace of the resource.
    Secret(SecretSource),
    /// A cloud, which is asked for them.
    Minted(Box<MintSource>),
}

impl CredentialSource {
    /// Name of the Secret that has to be read for it; `None` if it is no Secret.
    pub fn secret_name(&self) -> Option<&str> {
        match self {
            Self::Secret(source) => Some(&source.name),
            Self::Minted(source) => source.key_secret(),
        }
    }
}

/// A Secret that holds credentials.
#[derive(Clone, Debug, PartialEq)]
pub struct SecretSource {
    /// Its namespace, if that is not the one of the resource.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its keys, where they differ from the defaults.
    pub keys: CredentialKeys,
}

impl SecretSource {
    /// Where it is, if not in the namespace of the resource, to put behind its name.
    pub(crate) fn elsewhere(&self) -> String {
        let namespace = self.namespace.as_ref();
        namespace.map_or_else(String::new, |namespace| format!(" in namespace {namespace:?}"))
    }
}

/// The Secret to generate, in the namespace of the resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Targets {
    /// Its name.
    pub secret_name: String,
    /// Labels from the template.
    pub labels: BTreeMap<String, String>,
    /// Annotations from the template.
    pub annotations: BTreeMap<String, String>,
    /// Whether a Secret without a controller may be taken over.
    pub adopt: bool,
    /// Whether pods get it for the images that the credentials are for.
    pub attached_to_pods: bool,
    /// Whether pods are evicted that would pull if they were new.
    pub evicts_pods: bool,
}

/// How credentials are verified.
#[derive(Clone, Debug, PartialEq)]
pub struct VerificationSettings {
    /// Whether they are verified at all.
    pub enabled: bool,
    /// Time between two verifications of accepted credentials; `None` if they are verified once.
    pub interval: Option<Duration>,
    /// Image that the credentials must be able to read.
    pub image: Option<ManifestReference>,
    /// What to do with rejected credentials.
    pub on_rejected: OnRejected,
    /// Certificates to trust.
    pub ca: Option<CaBundleRef>,
    /// HTTP instead of HTTPS.
    pub plain_http: bool,
}

/// Name of the Secret that a resource wants to generate, valid or not.
pub fn target_of(resource: &DockerPullSecret) -> String {
    let name = || resource.metadata.name.clone().unwrap_or_default();
    resource.spec.secret_name.clone().unwrap_or_else(name)
}

/// Checks every rule of a [`DockerPullSecret`]; the first broken one is the answer.
pub fn validate(resource: &DockerPullSecret) -> Result<ValidatedSpec, Problem> {
    let validated = validate_shared(resource)?;
    let target = &validated.targets.secret_name;
    if validated.source.secret_name() == Some(target) {
        return Err(invalid(format!(
            "{} is also the name of the Secret to generate ({target:?}): set another name in spec.secretName",
            match &validated.source {
                CredentialSource::Secret(_) => "spec.credentialsRef.name",
                CredentialSource::Minted(_) => "spec.credentialsFrom.staticKeyRef.name",
            }
        )));
    }
    Ok(validated)
}

/// Checks the rules of both kinds.
pub(crate) fn validate_shared(resource: &DockerPullSecret) -> Result<ValidatedSpec, Problem> {
    let spec = &resource.spec;
    check_name("metadata.name", resource.metadata.name.as_deref().unwrap_or_default())?;
    let registry = RegistryKey::new(spec.registry_type, spec.registry_url.as_deref())?;
    let secret_name = target_of(resource);
    check_name("spec.secretName", &secret_name)?;
    let source = check_source(resource)?;
    if let Some(email) = &spec.email
        && (email.is_empty() || email.chars().any(|c| c.is_whitespace() || c.is_control()))
    {
        return Err(invalid(
            "spec.email must not be empty and must not contain whitespace or control characters",
        ));
    }
    let template = spec.secret_template.clone().unwrap_or_default();
    template::validate(&template)?;
    check_service_accounts(attached_accounts(resource))?;
    let verification = check_verification(spec.verification.as_ref())?;
    if matches!(source, CredentialSource::Minted(_)) && (verification.plain_http || verification.ca.is_some()) {
        return Err(invalid(
            "spec.verification.plainHttp and spec.verification.tls are not for spec.credentialsFrom: clouds have certificates that everybody trusts",
        ));
    }
    let mut warnings = registry.warnings();
    // Minted ones are renewed.
    if matches!(source, CredentialSource::Secret(_)) {
        let advice = Dialect::of(registry.host_port()).lifetime_advice();
        warnings.extend(advice.map(str::to_owned));
    }
    let (labels, annotations) = template::without_tracking(template, &mut warnings);
    Ok(ValidatedSpec {
        registry,
        source,
        email: spec.email.clone(),
        targets: Targets {
            secret_name,
            labels,
            annotations,
            adopt: spec.adopt,
            evicts_pods: spec
                .recovery
                .as_ref()
                .is_some_and(|recovery| recovery.evict_pods == EvictPods::WhenFixed),
            attached_to_pods: spec.attach_to.as_ref().is_some_and(|attach| attach.pods.is_some()),
        },
        verification,
        warnings,
    })
}

fn check_source(resource: &DockerPullSecret) -> Result<CredentialSource, Problem> {
    let spec = &resource.spec;
    let reference = match (&spec.credentials_ref, &spec.credentials_from) {
        (Some(reference), None) => reference,
        (None, Some(_)) if spec.registry_type == RegistryType::DockerHub => {
            return Err(invalid(
                "spec.credentialsFrom is not for type DockerHub, which mints no credentials: name a Secret in spec.credentialsRef",
            ));
        }
        (None, Some(from)) => return Ok(CredentialSource::Minted(Box::new(MintSource::new(from)?))),
        _ => {
            return Err(invalid(
                "spec must have exactly one of credentialsRef and credentialsFrom: the Secret with the credentials, or how they are minted",
            ));
        }
    };
    if reference.name.is_empty() {
        return Err(invalid(
            "spec.credentialsRef.name is empty: name the Secret that holds the credentials",
        ));
    }
    check_reference("spec.credentialsRef.name", &reference.name)?;
    let keys = reference.keys.clone().unwrap_or_default();
    check_keys(&keys)?;
    Ok(CredentialSource::Secret(SecretSource {
        namespace: None,
        name: reference.name.clone(),
        keys,
    }))
}

/// The namespace of credentials for many namespaces, or of who asks for them.
pub(crate) fn check_namespace(field: &str, name: &str) -> Result<(), Problem> {
    if name.len() <= 63 && is_object_name(name) && !name.contains('.') {
        return Ok(());
    }
    Err(invalid(format!(
        "{field} {name:?} is not the name of a namespace: write 1 to 63 lower-case letters, digits and '-'"
    )))
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(Reason::InvalidSpec, message)
}

fn check_name(field: &str, name: &str) -> Result<(), Problem> {
    if is_object_name(name) && !name.contains('.') {
        return Ok(());
    }
    Err(invalid(format!(
        "{field} {name:?} must be 1 to 253 lower-case letters, digits and '-', must begin and end with a letter or digit, and must not contain dots"
    )))
}

/// The name of an object that the operator did not create.
fn check_reference(field: &str, name: &str) -> Result<(), Problem> {
    if is_object_name(name) {
        return Ok(());
    }
    Err(invalid(format!(
        "{field} {name:?} is not a valid object name: write 1 to 253 lower-case letters, digits, '-' and '.'; each part between dots begins and ends with a letter or digit"
    )))
}

/// Names of ServiceAccounts that are to list the Secret, valid or not; with `*` for any text.
pub(crate) fn attached_accounts(resource: &DockerPullSecret) -> &[String] {
    let attach = resource.spec.attach_to.as_ref();
    attach.map_or(&[], |attach| &attach.service_accounts)
}

fn check_service_accounts(names: &[String]) -> Result<(), Problem> {
    let is_name = |name: &str| is_object_name(&name.replace('*', "0"));
    match names.iter().find(|name| !is_name(name)) {
        None => Ok(()),
        Some(name) => Err(invalid(format!(
            "spec.attachTo.serviceAccounts {name:?} must be the name of a ServiceAccount: write lower-case letters, digits, '-' and '.', and '*' for any text"
        ))),
    }
}

fn check_keys(keys: &CredentialKeys) -> Result<(), Problem> {
    let named = [
        ("username", &keys.username),
        ("password", &keys.password),
        ("email", &keys.email),
        ("auth", &keys.auth),
        ("dockerConfigJson", &keys.docker_config_json),
        ("dockerCfg", &keys.docker_cfg),
    ];
    for (field, key) in named {
        let Some(key) = key else { continue };
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if key.is_empty() || key.len() > 253 || !key.chars().all(inside) {
            return Err(invalid(format!(
                "spec.credentialsRef.keys.{field} {key:?} is not a valid key of a Secret: write letters, digits, '-', '_' and '.'"
            )));
        }
    }
    let is_named = keys.username.is_some() || keys.password.is_some();
    let username = keys.username.as_deref().unwrap_or("username");
    // A value that is both is no pair of credentials, but anything else that the Secret holds.
    if is_named && username == keys.password.as_deref().unwrap_or("password") {
        return Err(invalid(format!(
            "spec.credentialsRef.keys reads the user name and the password from the same key {username:?}: name two keys"
        )));
    }
    Ok(())
}

/// Registries lock accounts after too many login attempts.
const SHORTEST_INTERVAL: Duration = Duration::from_hours(1);

const DEFAULT_INTERVAL: Duration = Duration::from_hours(12);

fn check_verification(spec: Option<&Verification>) -> Result<VerificationSettings, Problem> {
    let spec = spec.cloned().unwrap_or_default();
    let periodic = spec.mode == VerificationMode::Periodic;
    let interval = match &spec.interval {
        None => periodic.then_some(DEFAULT_INTERVAL),
        Some(_) if !periodic => {
            return Err(invalid(
                "spec.verification.interval is only for mode Periodic: set spec.verification.mode to Periodic, or leave interval out",
            ));
        }
        Some(text) => {
            let interval: Option<kube::core::Duration> = text.parse().ok();
            let interval = interval.filter(|interval| !interval.is_negative()).map(Duration::from);
            Some(interval.filter(|interval| *interval >= SHORTEST_INTERVAL).ok_or_else(|| {
                invalid(format!("spec.verification.interval {text:?} must be a duration such as 12h or 1h30m, at least 1h: registries lock accounts after too many login attempts"))
            })?)
        }
    };
    let image = spec.image.as_deref().map(ManifestReference::parse).transpose();
    let ca = spec.tls.and_then(|tls| tls.ca_bundle_ref);
    if let Some(ca) = &ca {
        check_reference("spec.verification.tls.caBundleRef.name", &ca.name)?;
    }
    Ok(VerificationSettings {
        enabled: spec.mode != VerificationMode::Disabled,
        interval,
        image: image.map_err(|what| invalid(format!("spec.verification.image {what}")))?,
        on_rejected: spec.on_rejected,
        ca,
        plain_http: spec.plain_http,
    })
}
