//! The resources: how many are not ready, and why.

use std::collections::BTreeMap;

use serde_json::Value;
use strum::IntoEnumIterator as _;
use url::Url;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, ConditionType, DOCKER_PULL_SECRET, DockerPullSecretStatus, Reason};
use crate::domain::doctor::installation::{Installation, place};
use crate::domain::doctor::issuer::MintingView;
use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::seen::Seen;
use crate::domain::minting::source::Asker;
use crate::domain::names::ObjectKey;
use crate::domain::registry::dialect::Dialect;
use crate::domain::spec::declaration::Declaration;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};
use crate::domain::status::conditions::condition;
use crate::domain::verification::attempt::LoginTarget;

/// Most reasons that a message names.
const NAMED_REASONS: usize = 3;

/// What counts of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceView {
    /// The reason of `Ready`, if that is not True; empty if nobody has looked at the resource yet.
    pub not_ready: Option<String>,
    /// Its registry, if there is one to connect to.
    pub registry: Option<RegistryTarget>,
    /// The ServiceAccount that its credentials are minted with, if they are, and if that is wanted.
    pub asker: Option<ObjectKey>,
    /// How its credentials are minted, under the same conditions.
    pub minting: Option<MintingView>,
}

/// Where a login attempt for a resource begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryTarget {
    /// Base URL of the registry.
    pub base: Url,
    /// What is special about the registry.
    pub dialect: Dialect,
    /// Whether the resource names certificates for it.
    pub has_ca_bundle: bool,
}

impl ResourceView {
    /// Of an object of a kind as the API server has it: one that another version wrote hides no other.
    pub fn of(kind: &str, mut object: Value) -> Self {
        let mut take = |field: &str| object.get_mut(field).map(Value::take).unwrap_or_default();
        let (metadata, spec, status) = (take("metadata"), take("spec"), take("status"));
        let is_suspended = spec["suspend"] == true;
        let status: Option<DockerPullSecretStatus> = serde_json::from_value(status).ok();
        let ready = status
            .as_ref()
            .and_then(|status| condition(status, ConditionType::Ready));
        let not_ready = match ready {
            None => Some(String::new()),
            Some(ready) => (ready.status != "True").then(|| ready.reason.clone()),
        };
        let declaration = serde_json::from_value(metadata)
            .and_then(|metadata| Declaration::read(kind, metadata, spec))
            .ok();
        Self {
            // What is suspended is so because somebody wants it.
            not_ready: not_ready.filter(|_| !is_suspended),
            minting: declaration
                .as_ref()
                .filter(|_| !is_suspended)
                .and_then(|declaration| minting(declaration, status.as_ref())),
            asker: declaration.as_ref().filter(|_| !is_suspended).and_then(asker),
            registry: declaration.and_then(RegistryTarget::of),
        }
    }
}

/// The ServiceAccount whose tokens are exchanged for the credentials of a resource.
fn asker(declaration: &Declaration) -> Option<ObjectKey> {
    let CredentialSource::Minted(source) = &declaration.spec.as_ref().ok()?.source else {
        return None;
    };
    match &source.asker {
        Asker::ServiceAccount(name) => Some(ObjectKey::new(declaration.source_namespace(), name)),
        Asker::StaticKey { .. } => None,
    }
}

/// How the credentials of a resource are minted.
fn minting(declaration: &Declaration, status: Option<&DockerPullSecretStatus>) -> Option<MintingView> {
    let CredentialSource::Minted(source) = &declaration.spec.as_ref().ok()?.source else {
        return None;
    };
    let resolved = status.and_then(|status| condition(status, ConditionType::CredentialsResolved));
    let refused = resolved.filter(|resolved| resolved.status == "False");
    Some(MintingView {
        kind: declaration.kind,
        resource: declaration.key.clone(),
        provider: source.request.provider(),
        audience: source.audience.clone(),
        refusal: refused.map(|refused| (refused.reason.clone(), refused.message.clone())),
    })
}

impl RegistryTarget {
    /// Where the credentials of a resource are verified, if they are.
    fn of(declaration: Declaration) -> Option<Self> {
        let ValidatedSpec {
            registry, verification, ..
        } = declaration.spec.ok()?;
        let target = LoginTarget::new(&registry, verification.image.as_ref(), verification.plain_http).ok()?;
        verification.enabled.then(|| Self {
            dialect: Dialect::of(target.base.host_str().unwrap_or_default()),
            base: target.base,
            has_ca_bundle: verification.ca.is_some(),
        })
    }
}

pub(crate) fn check(resources: &Seen<Vec<ResourceView>>, namespaces: &[String]) -> Vec<Check> {
    let listed = match namespaces {
        [one] => format!("-n {one}"),
        _ => "-A".to_owned(),
    };
    let hint = format!("kubectl get dps {listed}; kubectl describe dps NAME -n NAMESPACE says what to do");
    let place = format!(" in {}", place(namespaces));
    let Seen::Read(resources) = resources else {
        return unread(DOCKER_PULL_SECRET, resources);
    };
    if resources.is_empty() {
        let place = if namespaces.is_empty() { "" } else { &place };
        let message = format!("there are no DockerPullSecrets{place}");
        return vec![Check::ok(Category::Resources, Page::Conditions, message)];
    }
    vec![readiness(DOCKER_PULL_SECRET, resources, &place, hint)]
}

/// `installations`: whether an operator reconciles them.
pub(crate) fn check_cluster(
    resources: &Seen<Vec<ResourceView>>,
    installations: &Seen<Vec<Installation>>,
) -> Vec<Check> {
    let category = Category::Resources;
    let reconciled = installations
        .read()
        .map(|all| all.iter().any(Installation::reconciles_cluster_resources));
    match (resources, reconciled) {
        (Seen::Read(resources), _) if resources.is_empty() => Vec::new(),
        (Seen::Read(resources), Some(false)) => {
            let message = match resources.len() {
                1 => "there is a ClusterDockerPullSecret, and no operator reconciles it".to_owned(),
                count => format!("there are {count} ClusterDockerPullSecrets, and no operator reconciles them"),
            };
            let hint =
                "set clusterResources.enabled to true in the chart, without watchNamespaces (--cluster-resources)";
            vec![Check::warn(category, Page::Namespaces, message).hint(hint)]
        }
        (Seen::Read(resources), _) => {
            let hint = "kubectl get cdps; kubectl describe cdps NAME says what to do".to_owned();
            vec![readiness(CLUSTER_DOCKER_PULL_SECRET, resources, "", hint)]
        }
        (Seen::Skipped(_), Some(false) | None) => Vec::new(),
        (unseen, _) => unread(CLUSTER_DOCKER_PULL_SECRET, unseen),
    }
}

fn unread(kind: &str, resources: &Seen<Vec<ResourceView>>) -> Vec<Check> {
    let unread = Check::unread(Category::Resources, Page::Conditions, &format!("{kind}s"), resources);
    unread.into_iter().collect()
}

/// Of at least one resource. `place`: where they are, with a blank before it, or nothing.
fn readiness(kind: &str, resources: &[ResourceView], place: &str, hint: String) -> Check {
    let (category, count) = (Category::Resources, resources.len());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in resources.iter().filter_map(|resource| resource.not_ready.as_deref()) {
        *reasons.entry(reason).or_default() += 1;
    }
    let not_ready: usize = reasons.values().sum();
    if not_ready == 0 {
        let message = match count {
            1 => format!("the only {kind}{place} is ready"),
            count => format!("all {count} {kind}s{place} are ready"),
        };
        return Check::ok(category, Page::Conditions, message);
    }
    let mut reasons: Vec<(&str, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let others: usize = reasons.iter().skip(NAMED_REASONS).map(|(_, count)| count).sum();
    let named = reasons.iter().take(NAMED_REASONS).map(|(reason, count)| {
        let reason = if reason.is_empty() { "no status yet" } else { reason };
        format!("{count} {reason}")
    });
    let named = named.chain((others > 0).then(|| format!("{others} for other reasons")));
    let are = if not_ready == 1 { "is" } else { "are" };
    let message = format!(
        "{not_ready} of {count} {kind}s{place} {are} not ready: {}",
        named.collect::<Vec<_>>().join(", ")
    );
    let mut check = Check::warn(category, Page::Conditions, message).hint(hint);
    let known = Reason::iter().find(|reason| Some(reason.as_str()) == reasons.first().map(|(reason, _)| *reason));
    if let Some(reason) = known {
        check.docs = format!("docs/troubleshooting.md#{}", reason.as_str().to_lowercase());
    }
    check
}
