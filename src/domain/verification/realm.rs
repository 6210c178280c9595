//! Where credentials may be sent to get a token: the registry names the token server.

use url::{Host, Url};

use crate::domain::registry::dialect::Dialect;
use crate::domain::registry::manifest::ManifestReference;
use crate::domain::verification::address::target;

/// Whether credentials for a registry may be sent to this token server: one of the same domain, the one that the registry
/// is known to have, or one that the administrator `allowed` by its host. Anybody can run a registry that names any
/// token server, and would choose which passwords are tried there.
pub fn is_trusted(registry: &Url, token_server: &Url, allowed: &[String]) -> bool {
    let (Some(own), Some(named)) = (registry.host_str(), token_server.host_str()) else {
        return false;
    };
    own == named
        || Dialect::of(own).token_server(own) == Some(named)
        || allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(named))
        || matches!((registrable(registry), registrable(token_server)), (Some(own), Some(named)) if own == named)
}

/// The part of a name that somebody has registered, by the public suffix list. Addresses and names of one label have none.
fn registrable(url: &Url) -> Option<&str> {
    match url.host()? {
        Host::Domain(name) => psl::domain_str(name),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

/// The address of a token for `account`, or without one. The error: why nothing is sent there.
pub fn token_url(
    base: &Url,
    realm: &str,
    service: Option<&str>,
    scope: Option<&ManifestReference>,
    account: Option<&str>,
) -> Result<Url, String> {
    let mut url = match Url::parse(realm) {
        Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && base.scheme() == "http") => url,
        _ => {
            return Err(format!(
                "{} names the token server {realm:?}, which is not an HTTPS address; nothing was sent there",
                target(base)
            ));
        }
    };
    if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{} names a token server with credentials in its address; nothing was sent there",
            target(base)
        ));
    }
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        if let Some(image) = scope {
            query.append_pair("scope", &format!("repository:{}:pull", image.repository));
        }
        if let Some(account) = account {
            query.append_pair("account", account);
        }
        query.append_pair("client_id", "docker-pull-secret-operator");
    }
    Ok(url)
}
