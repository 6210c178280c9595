//! Where credentials may be sent to get a token: the registry names the token server.

use url::Url;

use crate::domain::registry::manifest::ManifestReference;
use crate::domain::verification::address::target;

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
