//! Where a login may be taken to get a token (domain.md C2 steps 3 and 6): the registry names the place.

use url::Url;

use crate::domain::verification::address::target;
use crate::domain::verification::probe::Probe;

/// The address to ask for a token for `account`, or for nobody. Err: why nothing is sent there.
pub fn token_url(
    base: &Url,
    realm: &str,
    service: Option<&str>,
    scope: Option<&Probe>,
    account: Option<&str>,
) -> Result<Url, String> {
    let mut url = match Url::parse(realm) {
        Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && base.scheme() == "http") => url,
        _ => {
            return Err(format!(
                "{} sends its users to the token server {realm:?}, which is no https address: nothing was sent there",
                target(base)
            ));
        }
    };
    if url.host().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err(format!(
            "{} names a token server with a login in its address: nothing was sent there",
            target(base)
        ));
    }
    {
        let mut query = url.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        if let Some(probe) = scope {
            query.append_pair("scope", &format!("repository:{}:pull", probe.repository));
        }
        if let Some(account) = account {
            query.append_pair("account", account);
        }
        query.append_pair("client_id", "docker-pull-secret-operator");
    }
    Ok(url)
}
