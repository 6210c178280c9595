//! What to do, with the names that matter.

pub(crate) mod not_sent;

use crate::api::{Cause, VerificationResult};
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret};
use crate::domain::pull_failures::advice::not_sent::{attach_serving, not_sent, other_key};
use crate::domain::pull_failures::cause::{Advice, about};
use crate::domain::pull_failures::context::DiagnosisInput;
use crate::domain::pull_failures::docker_hub::docker_hub_name;
use crate::domain::pull_failures::elsewhere::{Serving, bring_in};
use crate::domain::pull_failures::error_class::ErrorClass;
use crate::domain::pull_failures::fix::FixStep;
use crate::domain::pull_failures::fix::steps;
use crate::domain::pull_failures::remedy::{remedy, with_host};
use crate::domain::registry::dialect::Dialect;
use crate::domain::registry::image::Image;

/// How repositories begin that Docker itself publishes.
const DOCKER_LIBRARY: &str = "docker.io/library/";

/// What to do.
#[derive(Clone, Debug)]
pub(crate) struct Advised {
    /// In words.
    pub(crate) action: String,
    /// What of it a command can do.
    pub(crate) steps: Vec<FixStep>,
    /// Whether it is about credentials of a resource that keeps them out of the namespace.
    pub(crate) names_elsewhere: bool,
}

impl Advised {
    /// Something that steps mend, if there are any.
    fn mended(action: String, steps: Vec<FixStep>) -> Self {
        Self {
            action,
            steps,
            names_elsewhere: false,
        }
    }
}

/// Something that only people can do.
impl From<String> for Advised {
    fn from(action: String) -> Self {
        Self::mended(action, Vec::new())
    }
}

/// What to do about a cause.
pub(crate) fn advise(cause: Cause, input: &DiagnosisInput<'_>) -> Advised {
    let from_report = || {
        let report = input.classification?;
        remedy(report, cause, input.image).map(Advised::from)
    };
    let advised = from_report()
        .or_else(|| from_secrets(cause, input))
        .unwrap_or_else(|| about(cause).action.to_owned().into());
    // Images that Docker publishes itself are public: a name that it refuses is wrong.
    let is_published = || {
        let image = input.parsed.as_ref();
        cause == Cause::CredentialsNotSent && image.is_some_and(|image| image.repository.starts_with(DOCKER_LIBRARY))
    };
    let steps = if input.is_about_another_host() || is_published() {
        Vec::new()
    } else {
        advised.steps
    };
    let action = match input.classification {
        Some(report) => with_host(advised.action, report, input.image),
        None => advised.action,
    };
    Advised {
        action,
        steps,
        names_elsewhere: advised.names_elsewhere,
    }
}

/// What to do, from what the pod's Secrets hold.
fn from_secrets(cause: Cause, input: &DiagnosisInput<'_>) -> Option<Advised> {
    match about(cause).advice {
        Advice::General => None,
        Advice::CorrectCredentials if is_unreadable_key(input) => Some(credentials(input, |place| {
            format!(
                "The registry cannot parse the password as a JSON key. Store the whole key file of the service account as the password in {place}"
            )
        })),
        Advice::CorrectCredentials => Some(credentials(input, |place| {
            format!(
                "Correct the user name and the password or access token in {place}{}",
                or_grant(input)
            )
        }))
        .map(|advised| Advised::mended(advised.action, steps::replace_login(input))),
        Advice::RenewCredentials => Some(credentials(input, |place| {
            let host = input.parsed.as_ref().map_or("", Image::host);
            let lifetime = Dialect::of(host).lifetime_advice();
            let lifetime = lifetime.map(|advice| format!(". {advice}")).unwrap_or_default();
            format!("Store new credentials in {place}{lifetime}")
        }))
        .map(|advised| Advised::mended(advised.action, steps::replace_login(input))),
        Advice::UnlockUser => Some(credentials(input, |place| {
            format!(
                "Correct the password in {place}. Find whatever else still uses the old one. Then wait at least 15 minutes or ask the registry's administrator to unlock the user"
            )
        })),
        Advice::SendCredentials => not_sent(input),
        Advice::CreateSecret => missing(input),
        Advice::RepairSecret => malformed(input),
        Advice::GrantPermission => denied(input),
        Advice::AttachSecret => docker_hub_name(input)
            .or_else(|| other_key(input))
            .or_else(|| attach_serving(input))
            .or_else(|| {
                let steps = steps::create(input.parsed.as_ref()?, input);
                Some(Advised::mended(about(cause).action.to_owned(), steps))
            }),
        Advice::CorrectImageName => Image::parse(input.image)
            .err()
            .map(|what| format!("Correct the image name: it {what}").into()),
    }
}

fn is_unreadable_key(input: &DiagnosisInput<'_>) -> bool {
    input
        .classification
        .is_some_and(|report| *report.class == ErrorClass::KEY_UNREADABLE)
}

/// Where the credentials of a Secret come from.
fn place(secret: &PullSecret, input: &DiagnosisInput<'_>) -> String {
    match input.generator(&secret.name) {
        Some(resource) => match (&resource.source, &resource.source_namespace) {
            (Some(source), None) => format!("Secret {source:?}, which {resource} reads"),
            (Some(source), Some(namespace)) => {
                format!("Secret {source:?} in namespace {namespace:?}, which {resource} reads")
            }
            (None, _) => format!("the source of {resource}"),
        },
        None => format!("Secret {:?}", secret.name),
    }
}

fn credentials(input: &DiagnosisInput<'_>, sentence: impl Fn(&str) -> String) -> Advised {
    let action = match input.blamed {
        Some(secret) => sentence(&place(secret, input)),
        None => format!(
            "No pull secret of the pod has credentials for this image, so the node used its own. Correct them on the node, or add a Secret with valid credentials to the pod's imagePullSecrets{}",
            or_grant(input)
        ),
    };
    action.into()
}

/// How the node gets access without the pod's pull secrets, if the registry has a way. Kubelets try both.
fn or_grant(input: &DiagnosisInput<'_>) -> String {
    let host = input.parsed.as_ref().map_or("", Image::host);
    let grant = Dialect::of(host).node_grant();
    grant.map_or_else(String::new, |grant| {
        format!(". Or grant {grant}: nodes then pull without a pull secret")
    })
}

fn denied(input: &DiagnosisInput<'_>) -> Option<Advised> {
    let secret = input.blamed?;
    let image = input.parsed.as_ref()?;
    let verified = input.generator(&secret.name).and_then(|resource| resource.verified);
    let known = match verified {
        Some(VerificationResult::Accepted) => "The registry accepts the credentials. ",
        _ => "",
    };
    let action = format!(
        "{known}Grant permission to pull {} to the user in {}, or correct the image name: many registries deny access to images that do not exist{}",
        image.repository,
        place(secret, input),
        or_grant(input)
    );
    Some(action.into())
}

fn missing(input: &DiagnosisInput<'_>) -> Option<Advised> {
    let name = &input.blamed?.name;
    let namespace = input.context.namespace;
    if let Some(resource) = input.generator(name) {
        let action = format!("{resource} has not created Secret {name:?} yet. See its conditions");
        return Some(action.into());
    }
    let instead = |secret: &str, why: &str| {
        format!(
            "Secret {name:?} does not exist in namespace {namespace:?}. Use {secret:?} in the pod's imagePullSecrets instead: {why}"
        )
    };
    let image = input.parsed.as_ref();
    // Of several, another one may be meant for this registry, and each may be there later.
    let replaced = (!input.lacks_several()).then_some(name.as_str());
    match image.and_then(|image| input.best_serving(image)) {
        Some(Serving::Here(resource)) => {
            let why = format!("{resource} generates it for this registry");
            let steps = if resource.is_refused() {
                Vec::new()
            } else {
                steps::list(&resource.secret, replaced)
            };
            Some(Advised::mended(instead(&resource.secret, &why), steps))
        }
        Some(Serving::Elsewhere(one)) => Some(bring_in(one, replaced, input)),
        None => {
            let action = format!(
                "Create Secret {name:?} in namespace {namespace:?}, for example with a DockerPullSecret of that name, or correct the name in the pod's imagePullSecrets"
            );
            Some(Advised::mended(action, steps::create_missing(name, input)))
        }
    }
}

fn malformed(input: &DiagnosisInput<'_>) -> Option<Advised> {
    let secret = input.blamed?;
    let Content::Malformed(what) = &secret.content else {
        return None;
    };
    let action = format!(
        "Secret {:?} {what}, so the kubelet uses no pull secret of the pod. Recreate it, for example with a DockerPullSecret, or remove it from the pod's imagePullSecrets",
        secret.name
    );
    Some(Advised::mended(action, steps::without(&secret.name, input)))
}
