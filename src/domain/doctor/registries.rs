//! The registries of resources: whether they can be reached from here, without credentials.

use std::collections::{BTreeMap, BTreeSet};

use url::Url;

use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::resources::ResourceView;
use crate::domain::doctor::seen::Seen;
use crate::domain::registry::dialect::Dialect;
use crate::domain::verification::address::target;
use crate::domain::verification::answer::RequestFailure;

/// Most registries that are contacted.
const CONTACTED: usize = 20;

/// A registry that resources name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryInUse {
    /// Its base URL.
    pub base: Url,
    /// How many resources name it.
    pub resources: usize,
    /// Whether one of them names certificates for it, which nobody reads here: they may be in a Secret.
    pub has_ca_bundle: bool,
}

/// The registries of some resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistriesInUse {
    /// Those to contact.
    pub contacted: Vec<RegistryInUse>,
    /// How many others there are.
    pub left_out: usize,
    /// How many resources there are for the registry of a cloud whose nodes could pull without pull secret, by the
    /// [provider](Dialect::node_provider) of these nodes.
    pub of_clouds: BTreeMap<&'static str, (Dialect, usize)>,
}

/// What came of `GET /v2/` without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegistryAnswer {
    /// A response with this status, and the host that it redirects to.
    Answered(u16, Option<String>),
    /// None.
    Failed(RequestFailure),
    /// This machine cannot send anything.
    Local(String),
}

/// What was seen of registries.
#[derive(Clone, Debug)]
pub struct RegistriesView {
    /// How many were left out.
    pub left_out: usize,
    /// The others.
    pub answers: Vec<(RegistryInUse, RegistryAnswer)>,
    /// [`RegistriesInUse::of_clouds`].
    pub of_clouds: BTreeMap<&'static str, (Dialect, usize)>,
    /// Providers of the cluster's nodes; only seen if there are resources for a cloud.
    pub node_providers: Seen<BTreeSet<String>>,
}

/// The registries of these resources. Those that most resources name are contacted.
pub fn registries_in_use<'a>(resources: impl IntoIterator<Item = &'a ResourceView>) -> RegistriesInUse {
    let mut in_use: BTreeMap<&Url, RegistryInUse> = BTreeMap::new();
    let mut of_clouds: BTreeMap<&'static str, (Dialect, usize)> = BTreeMap::new();
    for registry in resources.into_iter().filter_map(|resource| resource.registry.as_ref()) {
        let known = in_use.entry(&registry.base).or_insert_with(|| RegistryInUse {
            base: registry.base.clone(),
            resources: 0,
            has_ca_bundle: false,
        });
        known.resources += 1;
        known.has_ca_bundle |= registry.has_ca_bundle;
        if let Some(provider) = registry.dialect.node_provider() {
            of_clouds.entry(provider).or_insert((registry.dialect, 0)).1 += 1;
        }
    }
    let mut contacted: Vec<RegistryInUse> = in_use.into_values().collect();
    contacted.sort_by_key(|registry| std::cmp::Reverse(registry.resources));
    let left_out = contacted.len().saturating_sub(CONTACTED);
    contacted.truncate(CONTACTED);
    RegistriesInUse {
        contacted,
        left_out,
        of_clouds,
    }
}

pub(crate) fn check(view: &RegistriesView) -> Vec<Check> {
    let mut checks: Vec<Check> = view
        .answers
        .iter()
        .map(|(registry, answer)| check_registry(registry, answer))
        .collect();
    if view.left_out > 0 {
        let why = format!("only the {CONTACTED} that most resources name are contacted");
        let what = format!("{} more registries", view.left_out);
        checks.push(Check::skipped(Category::Registries, Page::Unreachable, &what, &why));
    }
    checks.extend(clouds(view));
    checks
}

fn check_registry(registry: &RegistryInUse, answer: &RegistryAnswer) -> Check {
    let name = target(&registry.base);
    let ok = |how: &str| Check::ok(Category::Registries, Page::Unreachable, format!("{name} {how}"));
    let warn = |page: Page, what: String| Check::warn(Category::Registries, page, format!("{name} {what}"));
    let address = "check spec.registryUrl of the resources that name it";
    let failure = match answer {
        RegistryAnswer::Answered(200..=299, _) => return ok("answers, also without credentials"),
        RegistryAnswer::Answered(401 | 403, _) => return ok("answers, and requires credentials"),
        RegistryAnswer::Answered(429, _) => return ok("answers, and limits requests from here for now"),
        RegistryAnswer::Answered(status @ 500..=599, _) => {
            return warn(Page::Unreachable, format!("has a problem: it returned {status}"))
                .hint("ask the registry's administrator, if it stays like this");
        }
        RegistryAnswer::Answered(300..=399, to) => {
            let to = to.as_deref().unwrap_or("another address");
            return warn(
                Page::NotARegistry,
                format!("redirects to {to}, where credentials are never sent"),
            )
            .hint(address);
        }
        RegistryAnswer::Answered(status, _) => {
            return warn(Page::NotARegistry, format!("returned {status}, which no registry does")).hint(address);
        }
        RegistryAnswer::Local(why) => {
            return Check::skipped(
                Category::Registries,
                Page::Unreachable,
                &name,
                &format!("this machine cannot connect: {why}"),
            );
        }
        RegistryAnswer::Failed(failure) => failure,
    };
    let network = "the operator and the nodes may reach it from their networks; check DNS, firewalls, NetworkPolicies and proxy variables";
    match failure {
        RequestFailure::Tls(_) if registry.has_ca_bundle => ok(
            "answers; its certificate is not checked here, since spec.verification.tls names an authority that is not read",
        ),
        RequestFailure::Unreachable(why) | RequestFailure::Unanswered(why) => {
            warn(Page::Unreachable, format!("cannot be reached from here: {why}")).hint(network)
        }
        RequestFailure::Withheld { .. } => warn(Page::Unreachable, "cannot be reached from here".to_owned()).hint(network),
        RequestFailure::Tls(why) | RequestFailure::Handshake(why) => {
            warn(Page::TlsFailure, format!("has no usable TLS: {why}")).hint(
                "reference the certificate of a private authority in spec.verification.tls.caBundleRef; nodes have to trust it as well",
            )
        }
        RequestFailure::Forbidden(why) => warn(Page::Network, format!("was not contacted: {why}"))
            .hint("the operator's administrator can allow this target with --allow-registry (verification.allowRegistries)"),
        RequestFailure::Malformed(why) => warn(Page::NotARegistry, format!("does not answer like a registry: {why}")).hint(address),
    }
}

/// Where nodes could pull without a pull secret.
fn clouds(view: &RegistriesView) -> Vec<Check> {
    let (category, page) = (Category::Registries, Page::Registries);
    if view.of_clouds.is_empty() {
        return Vec::new();
    }
    let Seen::Read(providers) = &view.node_providers else {
        return Check::unread(
            category,
            page,
            "credential providers of the nodes",
            &view.node_providers,
        )
        .into_iter()
        .collect();
    };
    let of_nodes = view
        .of_clouds
        .iter()
        .filter(|(provider, _)| providers.contains(**provider));
    of_nodes
        .filter_map(|(provider, (dialect, count))| {
            let grant = dialect.node_grant()?;
            let message = format!(
                "the nodes run on the same cloud ({provider}) as the registry of {count} resources, so they could do without a pull secret"
            );
            Some(Check::ok(category, page, message).hint(format!("grant {grant}, if you prefer that")))
        })
        .collect()
}
