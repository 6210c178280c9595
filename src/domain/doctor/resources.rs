//! The `DockerPullSecrets`: how many are not ready, and why.

use std::collections::BTreeMap;

use serde_json::Value;
use strum::IntoEnumIterator as _;
use url::Url;

use crate::api::{ConditionType, DockerPullSecret, DockerPullSecretStatus, Reason};
use crate::domain::doctor::installation::place;
use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::seen::Seen;
use crate::domain::registry::dialect::Dialect;
use crate::domain::spec::validate::{ValidatedSpec, validate};
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
    /// Of an object as the API server has it: one that another version wrote hides no other.
    pub fn of(mut object: Value) -> Self {
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
        let resource = serde_json::from_value(metadata)
            .ok()
            .zip(serde_json::from_value(spec).ok());
        let resource = resource.map(|(metadata, spec)| DockerPullSecret {
            metadata,
            spec,
            status: None,
        });
        Self {
            // What is suspended is so because somebody wants it.
            not_ready: not_ready.filter(|_| !is_suspended),
            registry: resource.as_ref().and_then(RegistryTarget::of),
        }
    }
}

impl RegistryTarget {
    /// Where the credentials of a resource are verified, if they are.
    fn of(resource: &DockerPullSecret) -> Option<Self> {
        let ValidatedSpec {
            registry, verification, ..
        } = validate(resource).ok()?;
        let target = LoginTarget::new(&registry, verification.image.as_ref(), verification.plain_http).ok()?;
        verification.enabled.then(|| Self {
            dialect: Dialect::of(target.base.host_str().unwrap_or_default()),
            base: target.base,
            has_ca_bundle: verification.ca.is_some(),
        })
    }
}

pub(crate) fn check(resources: &Seen<Vec<ResourceView>>, namespaces: &[String]) -> Vec<Check> {
    let category = Category::Resources;
    let Seen::Read(resources) = resources else {
        return Check::unread(category, Page::Conditions, "DockerPullSecrets", resources)
            .into_iter()
            .collect();
    };
    let (count, place) = (resources.len(), place(namespaces));
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in resources.iter().filter_map(|resource| resource.not_ready.as_deref()) {
        *reasons.entry(reason).or_default() += 1;
    }
    let not_ready: usize = reasons.values().sum();
    if not_ready == 0 {
        let message = match count {
            0 if namespaces.is_empty() => "there are no DockerPullSecrets".to_owned(),
            0 => format!("there are no DockerPullSecrets in {place}"),
            1 => format!("the only DockerPullSecret in {place} is ready"),
            count => format!("all {count} DockerPullSecrets in {place} are ready"),
        };
        return vec![Check::ok(category, Page::Conditions, message)];
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
        "{not_ready} of {count} DockerPullSecrets in {place} {are} not ready: {}",
        named.collect::<Vec<_>>().join(", ")
    );
    let listed = match namespaces {
        [one] => format!("-n {one}"),
        _ => "-A".to_owned(),
    };
    let mut check = Check::warn(category, Page::Conditions, message).hint(format!(
        "kubectl get dps {listed}; kubectl describe dps NAME -n NAMESPACE says what to do"
    ));
    let known = Reason::iter().find(|reason| Some(reason.as_str()) == reasons.first().map(|(reason, _)| *reason));
    if let Some(reason) = known {
        check.docs = format!("docs/troubleshooting.md#{}", reason.as_str().to_lowercase());
    }
    vec![check]
}
