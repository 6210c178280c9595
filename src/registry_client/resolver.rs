//! Name resolution for registries, token servers and proxies, limited to allowed addresses.

use std::net::SocketAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::domain::verification::address::Policy;

/// The variables that name a proxy, here and in curl.
const VARIABLES: [&str; 6] = [
    "HTTP_PROXY",
    "http_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
];

/// Resolves names as the system does, and refuses a name if any of its addresses is refused.
///
/// Proxies are exempt: the operator's administrator names them, and they often have addresses that registries may not
/// have.
#[derive(Clone)]
pub(crate) struct Resolver {
    /// Which addresses are allowed.
    pub(crate) policy: Arc<Policy>,
    proxies: Arc<[String]>,
}

/// Why a name is not resolved.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

impl Resolver {
    /// Exempts the proxies that the environment names.
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        let named = VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        Self {
            policy,
            proxies: named.filter_map(|proxy| host(&proxy)).collect(),
        }
    }

    /// Why a registry or token server with the host name of a proxy is refused, if it is: [`Resolve`] cannot tell the two
    /// apart.
    pub(crate) async fn refuses_beside_proxy(&self, url: &Url) -> Option<String> {
        let host = url.host_str().filter(|host| self.is_proxy(host))?;
        let error = lookup(host, Some(&self.policy)).await.err()?;
        Some(error.downcast::<Refused>().ok()?.0)
    }

    fn is_proxy(&self, host: &str) -> bool {
        self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(host))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = (!self.is_proxy(name.as_str())).then(|| Arc::clone(&self.policy));
        Box::pin(async move {
            let addresses = lookup(name.as_str(), policy.as_deref()).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

async fn lookup(name: &str, policy: Option<&Policy>) -> Result<Vec<SocketAddr>, AnyError> {
    let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name, 0)).await?.collect();
    for address in &addresses {
        if let Some(why) = policy.and_then(|policy| policy.refuses(address.ip())) {
            return Err(Refused(format!("{name} resolves to {}, which {why}", address.ip())).into());
        }
    }
    Ok(addresses)
}

/// The host of a proxy's address, whose scheme may be missing.
fn host(proxy: &str) -> Option<String> {
    let with_scheme = if proxy.contains("://") {
        proxy.to_owned()
    } else {
        format!("http://{proxy}")
    };
    Url::parse(&with_scheme).ok()?.host_str().map(str::to_owned)
}
