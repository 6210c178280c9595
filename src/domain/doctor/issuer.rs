//! The issuer of the cluster's tokens: clouds that trust ServiceAccounts have to know it, and most fetch its keys from the internet.

use std::net::IpAddr;

use serde_json::Value;
use url::{Host, Url};

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, Reason};
use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::resources::ResourceView;
use crate::domain::doctor::seen::Seen;
use crate::domain::minting::settings::Provider;
use crate::domain::names::ObjectKey;
use crate::domain::verification::address::is_internal;

/// Most resources whose refusal is repeated.
const NAMED: usize = 5;

/// What counts of a resource whose credentials are minted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintingView {
    /// Its kind.
    pub kind: &'static str,
    /// Which resource.
    pub resource: ObjectKey,
    /// Which cloud is asked.
    pub provider: Provider,
    /// The audience that its spec names.
    pub audience: Option<String>,
    /// Reason and message of `CredentialsResolved`, if that is False: they name issuer, subject, audience and the remedy.
    pub refusal: Option<(String, String)>,
}

impl MintingView {
    /// What messages call it.
    fn name(&self) -> String {
        format!("{} {}", self.kind, self.resource)
    }

    /// What a command line calls it.
    fn argument(&self) -> String {
        let ObjectKey { name, namespace } = &self.resource;
        if self.kind == CLUSTER_DOCKER_PULL_SECRET {
            format!("cdps/{name}")
        } else {
            format!("dps/{name} -n {namespace}")
        }
    }
}

/// The issuer, and whether its keys can be had where it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerView {
    /// As the API server says it.
    pub issuer: String,
    /// What came of its documents.
    pub discovery: Discovery,
}

/// What came of the documents of an issuer over the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// Nobody tried: the address is private.
    NotTried,
    /// One of them cannot be had: which, and why.
    Failed(String),
    /// It says that it is of somebody else.
    OtherIssuer(String),
    /// They are there.
    Good,
}

/// The reasons that somebody outside of the cluster has to mend.
const REFUSALS: [Reason; 5] = [
    Reason::TrustRefused,
    Reason::AudienceRefused,
    Reason::IssuerUnreachable,
    Reason::IdentityMissing,
    Reason::ServiceAccountNotAllowed,
];

/// The issuer in a discovery document of OpenID Connect, and where its keys are.
pub fn read_discovery(document: &[u8]) -> Option<(String, String)> {
    let document: Value = serde_json::from_slice(document).ok()?;
    let text = |field: &str| document[field].as_str().map(str::to_owned);
    Some((text("issuer")?, text("jwks_uri").unwrap_or_default()))
}

/// Whether a document has keys (RFC 7517).
pub fn has_keys(document: &[u8]) -> bool {
    let document: Value = serde_json::from_slice(document).unwrap_or_default();
    document["keys"].as_array().is_some_and(|keys| !keys.is_empty())
}

/// Why a cloud cannot fetch the keys of an issuer, as far as its URL says it: completes "the issuer ...".
pub fn is_private(issuer: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(issuer) else {
        return Some("is not a URL");
    };
    if url.scheme() != "https" {
        return Some("is not an https URL");
    }
    let is_inside = match url.host() {
        None => true,
        Some(Host::Ipv4(address)) => is_internal(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_internal(IpAddr::V6(address)),
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            let ends = [".svc", ".cluster.local", ".local", ".internal", ".localhost"];
            !name.contains('.') || name == "kubernetes.default" || ends.iter().any(|end| name.ends_with(end))
        }
    };
    is_inside.then_some("can be reached only from inside the cluster")
}

/// `minting`: the resources whose credentials are minted.
pub(crate) fn check<'a>(
    issuer: Option<&Seen<IssuerView>>,
    resources: impl IntoIterator<Item = &'a ResourceView>,
) -> Vec<Check> {
    let minting: Vec<&MintingView> = resources.into_iter().filter_map(|one| one.minting.as_ref()).collect();
    let mut checks = Vec::new();
    match issuer {
        Some(Seen::Read(view)) => {
            checks.push(check_issuer(view, &minting));
            checks.extend(own_audiences(&view.issuer, &minting));
        }
        Some(unseen) => {
            let what = "the issuer of the cluster's tokens";
            checks.extend(Check::unread(Category::Minting, Page::ShortLived, what, unseen));
        }
        None => {}
    }
    checks.extend(refusals(&minting));
    checks
}

fn check_issuer(view: &IssuerView, minting: &[&MintingView]) -> Check {
    let (category, page, issuer) = (Category::Minting, Page::ShortLived, &view.issuer);
    let upload = "give the API server a public https URL as --service-account-issuer, and serve its discovery document and keys there; to Google, you can upload the keys instead: kubectl get --raw /openid/v1/jwks";
    if let Some(why) = is_private(issuer) {
        let message = format!("the issuer of the cluster's tokens, {issuer}, {why}");
        if minting.iter().all(|one| one.provider == Provider::Google) {
            let message = format!("{message}: Google needs its keys uploaded");
            return Check::ok(category, page, message).hint(upload);
        }
        let message = format!("{message}: AWS, Entra and Quay cannot fetch its keys, so they trust no ServiceAccount");
        return Check::warn(category, page, message).hint(upload);
    }
    match &view.discovery {
        Discovery::Good => {
            let message = format!("the issuer of the cluster's tokens, {issuer}, serves its keys");
            Check::ok(category, page, message)
        }
        Discovery::NotTried => {
            let what = format!("the keys of the issuer {issuer}");
            Check::skipped(category, page, &what, "they were not fetched")
        }
        Discovery::OtherIssuer(other) => {
            let message = format!(
                "the discovery document at the issuer {issuer} names another one, {other}: clouds refuse the cluster's tokens"
            );
            Check::warn(category, page, message).hint("the two have to match exactly, including a trailing /")
        }
        Discovery::Failed(why) => {
            let message = format!("the keys of the issuer {issuer} could not be fetched from this machine: {why}");
            Check::warn(category, page, message).hint(format!(
                "AWS, Entra and Quay have to reach it from the internet; if they cannot, {upload}"
            ))
        }
    }
}

/// A token for the API server would be a login to this cluster.
fn own_audiences(issuer: &str, minting: &[&MintingView]) -> Vec<Check> {
    let is_same = |audience: &String| audience.trim_end_matches('/') == issuer.trim_end_matches('/');
    let wrong = minting.iter().filter(|one| one.audience.as_ref().is_some_and(is_same));
    wrong
        .take(NAMED)
        .map(|one| {
            let message = format!(
                "{} names the audience of this cluster's API server, {issuer}: a token for it would be a login to the cluster, so the operator sends it nowhere",
                one.name()
            );
            Check::fail(Category::Minting, Page::ShortLived, message).hint("name the audience that the cloud expects")
        })
        .collect()
}

/// What clouds refuse, in the words of the status.
fn refusals(minting: &[&MintingView]) -> Vec<Check> {
    let is_known = |reason: &str| REFUSALS.iter().any(|known| known.as_str() == reason);
    let refused: Vec<_> = minting
        .iter()
        .filter_map(|one| one.refusal.as_ref().map(|refusal| (one, refusal)))
        .filter(|(_, (reason, _))| is_known(reason))
        .collect();
    let named = refused.iter().take(NAMED).map(|(one, (reason, message))| {
        let message = format!("{}: {reason}: {message}", one.name());
        let hint = format!("dps mint {} tries it step by step", one.argument());
        let mut check = Check::warn(Category::Minting, Page::ShortLived, message).hint(hint);
        check.docs = format!("docs/troubleshooting.md#{}", reason.to_lowercase());
        check
    });
    let mut checks: Vec<Check> = named.collect();
    let left_out = refused.len().saturating_sub(NAMED);
    if left_out > 0 {
        let what = format!("{left_out} more resources that clouds refuse");
        let why = format!("only {NAMED} are named; name a namespace with --namespace");
        checks.push(Check::skipped(Category::Minting, Page::ShortLived, &what, &why));
    }
    checks
}
