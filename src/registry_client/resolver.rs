//! Name resolution for registries, token servers and proxies, limited to allowed addresses.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use crate::domain::proxy::with_scheme;
use crate::domain::verification::address::Policy;
use crate::registry_client::dns::Dns;

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
    dns: Dns,
    proxies: Arc<[String]>,
    is_strict: bool,
}

/// Why a name is not resolved.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

tokio::task_local! {
    /// Addresses of the target that the request of this task connects to.
    static TARGET: RefCell<Vec<IpAddr>>;
}

/// Makes a request, and returns also the addresses that names of registries and token servers resolved to meanwhile.
pub(crate) async fn with_addresses<T>(request: impl Future<Output = T>) -> (T, Vec<IpAddr>) {
    let both = async {
        let answer = request.await;
        (answer, TARGET.with(RefCell::take))
    };
    TARGET.scope(RefCell::default(), both).await
}

impl Resolver {
    /// Exempts the proxies that the environment names.
    pub(crate) fn new(policy: Arc<Policy>) -> Self {
        let named = VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        Self {
            policy,
            dns: Dns::system(),
            proxies: named.filter_map(|proxy| host(&proxy)).collect(),
            is_strict: true,
        }
    }

    /// The same, which refuses no address.
    pub(crate) fn open(&self) -> Self {
        Self {
            is_strict: false,
            ..self.clone()
        }
    }

    /// Why a registry or token server with the host name of a proxy is refused, if it is: [`Resolve`] cannot tell the two
    /// apart.
    pub(crate) async fn refuses_beside_proxy(&self, url: &Url) -> Option<String> {
        let host = url.host_str().filter(|host| self.is_proxy(host))?;
        let addresses = self.dns.lookup(host).await.ok()?;
        Some(self.check(host, &addresses).err()?.0)
    }

    fn check(&self, name: &str, addresses: &[IpAddr]) -> Result<(), Refused> {
        for address in addresses {
            if let Some(why) = self.policy.refuses(*address) {
                return Err(Refused(format!("{name} resolves to {address}, which {why}")));
            }
        }
        Ok(())
    }

    fn is_proxy(&self, host: &str) -> bool {
        self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(host))
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let name = name.as_str();
            let addresses = resolver.dns.lookup(name).await?;
            if !resolver.is_proxy(name) {
                // A connection that is made for nobody's request has nobody to tell.
                let _ = TARGET.try_with(|target| target.borrow_mut().extend(&addresses));
                if resolver.is_strict {
                    resolver.check(name, &addresses)?;
                }
            }
            let addresses = addresses.into_iter().map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(addresses) as Addrs)
        })
    }
}

/// The host of a proxy's address, whose scheme may be missing.
fn host(proxy: &str) -> Option<String> {
    Url::parse(&with_scheme(proxy)).ok()?.host_str().map(str::to_owned)
}
