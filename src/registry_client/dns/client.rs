//! Questions to DNS servers.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
    ServerOrderingStrategy,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::udp::UdpClientStream;
use hickory_resolver::net::xfer::DnsExchange;
use hickory_resolver::{ConnectionProvider, PoolContext, Resolver};

/// Longest time for which a server is asked before the next one is, or it is asked again: [`super::LOOKUP`] has to be
/// enough for both.
const LONGEST_TIMEOUT: u32 = 2;

/// Most servers, as in glibc.
const SERVERS: usize = 3;

/// Answers that are kept. An attempt asks for few names, each of them several times within a second.
const CACHE: u64 = 256;

/// How long an address is kept at most: a registry may move.
const KEPT: Duration = Duration::from_secs(30);

/// How long it is kept that there is none: somebody may be mending it right now.
const KEPT_MISSING: Duration = Duration::from_secs(5);

/// Who asks the servers.
pub(super) type Client = Resolver<OneSocket>;

/// A client for the servers in a resolv.conf.
pub(super) fn client(resolv_conf: &resolv_conf::Config, port: u16) -> Result<Client, NetError> {
    let named = resolv_conf.nameservers.iter().take(SERVERS).map(IpAddr::from);
    let mut servers: Vec<IpAddr> = named.collect();
    if servers.is_empty() {
        // As in glibc.
        servers.push(IpAddr::from([127, 0, 0, 1]));
    }
    let timeout = Duration::from_secs(resolv_conf.timeout.clamp(1, LONGEST_TIMEOUT).into());
    let mut options = ResolverOpts::default();
    // For all servers, one after another.
    options.timeout = timeout * u32::try_from(servers.len()).unwrap_or(1);
    // Retries: it counts the first attempt as none.
    options.attempts = usize::try_from(resolv_conf.attempts.clamp(1, 5)).unwrap_or(1) - 1;
    options.edns0 = resolv_conf.edns0;
    options.num_concurrent_reqs = 1;
    options.server_ordering_strategy = if resolv_conf.rotate {
        ServerOrderingStrategy::RoundRobin
    } else {
        ServerOrderingStrategy::UserProvidedOrder
    };
    // They are looked at before, by the name as it stands.
    options.use_hosts_file = ResolveHosts::Never;
    options.cache_size = CACHE;
    options.positive_max_ttl = Some(KEPT);
    options.negative_max_ttl = Some(KEPT_MISSING);
    options.max_active_requests = 1024;
    options.preserve_intermediates = false;
    let servers = servers.into_iter().map(|address| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].into_iter();
        let connections = connections.skip(usize::from(resolv_conf.use_vc)).map(|mut connection| {
            connection.port = port;
            connection
        });
        NameServerConfig::new(address, true, connections.collect())
    });
    let provider = OneSocket {
        runtime: TokioRuntimeProvider::default(),
        timeout,
    };
    let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
    Resolver::builder_with_config(config, provider)
        .with_options(options)
        .build()
}

/// Connections to DNS servers. By default, a question that is not answered at once is asked again from two more sockets,
/// and many names whose servers never answer would hold hundreds of them.
#[derive(Clone)]
pub(super) struct OneSocket {
    runtime: TokioRuntimeProvider,
    timeout: Duration,
}

impl ConnectionProvider for OneSocket {
    type Conn = DnsExchange<TokioRuntimeProvider>;
    type FutureConn = BoxFuture<'static, Result<Self::Conn, NetError>>;
    type RuntimeProvider = TokioRuntimeProvider;

    fn new_connection(
        &self,
        address: IpAddr,
        config: &ConnectionConfig,
        context: &PoolContext,
    ) -> Result<Self::FutureConn, NetError> {
        if !matches!(config.protocol, ProtocolConfig::Udp) {
            return self.runtime.new_connection(address, config, context);
        }
        let exchange = UdpClientStream::builder(SocketAddr::new(address, config.port), self.runtime.clone())
            .with_timeout(Some(self.timeout))
            .with_max_retries(1)
            .exchange();
        Ok(ready(Ok(exchange)).boxed())
    }

    fn runtime_provider(&self) -> &Self::RuntimeProvider {
        &self.runtime
    }
}
