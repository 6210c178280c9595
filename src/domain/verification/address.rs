//! Which addresses a login attempt may connect to: users name the registry, and the registry names its token server.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

/// What the operator's administrator allows.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Networks that are refused in addition to those that always are.
    pub deny: Vec<IpNet>,
    /// `host:port` of targets that are allowed whatever they resolve to.
    pub allow: Vec<String>,
    /// Hosts of token servers that are allowed whatever the domain of the registry.
    pub token_servers: Arc<[String]>,
    /// Whether loopback addresses are allowed: for a person who verifies a registry of their own machine.
    pub loopback: bool,
}

/// Metadata services of clouds that are not link-local: AWS (instances and EKS Pod Identity), Google Cloud, Scaleway and
/// Oracle Cloud over IPv6, Alibaba Cloud, the host agent of Azure, and the old address of Oracle Cloud.
const METADATA: [&str; 8] = [
    "fd00:ec2::254/128",
    "fd00:ec2::23/128",
    "fd20:ce::254/128",
    "fd00:42::42/128",
    "fd00:c1::a9fe:a9fe/128",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "192.0.0.192/32",
];

/// NAT64 prefixes of one's own network (RFC 8215). Where in the address the IPv4 address is, depends on the length of the
/// prefix (RFC 6052), which only that network knows.
const LOCAL_TRANSLATION: &str = "64:ff9b:1::/48";

/// Networks that are not reached from everywhere, beside those that [`IpAddr`] knows: shared addresses (RFC 6598),
/// protocol assignments (RFC 6890), benchmarks (RFC 2544), and site-local addresses (RFC 3879).
const INTERNAL: [&str; 4] = ["100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "fec0::/10"];

impl Policy {
    /// Why an address is refused, if it is.
    pub fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        if in_network(address, LOCAL_TRANSLATION) {
            return Some("is translated by the network to an address that nobody can tell from it (RFC 8215)");
        }
        let address = reached(address);
        let link_local = match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        let multicast = address.is_multicast() || matches!(address, IpAddr::V4(address) if address.is_broadcast());
        if address.is_loopback() && !self.loopback {
            Some("is a loopback address")
        } else if link_local {
            Some("is a link-local address, like those of metadata services")
        } else if METADATA.iter().any(|net| in_network(address, net)) {
            Some("is the address of a metadata service")
        } else if is_this_network(address) || multicast {
            Some("is not the address of a host")
        } else if self.deny.iter().any(|net| net.contains(&address)) {
            Some("is in a network that --deny-cidr denies")
        } else {
            None
        }
    }

    /// Whether a target is allowed whatever it resolves to.
    pub fn exempts(&self, url: &Url) -> bool {
        let target = target(url);
        self.allow.iter().any(|allowed| allowed.eq_ignore_ascii_case(&target))
    }

    /// Why a URL is refused without resolving any name, if it is.
    pub fn refuses_literal(&self, url: &Url) -> Option<String> {
        if self.exempts(url) {
            return None;
        }
        let address = literal(url)?;
        self.refuses(address).map(|why| format!("{address} {why}"))
    }
}

/// The address that packets reach: `::ffff:127.0.0.1` reaches 127.0.0.1, and so do others where a network translates them.
fn reached(address: IpAddr) -> IpAddr {
    let IpAddr::V6(address) = address.to_canonical() else {
        return address.to_canonical();
    };
    let inside = |high: u16, low: u16| IpAddr::from(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)));
    match address.segments() {
        // RFC 6052; translated addresses (RFC 2765); 6to4 (RFC 3056).
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0, 0, 0, 0, 0xffff, 0, high, low] | [0x2002, high, low, ..] => {
            inside(high, low)
        }
        // Compatible addresses (RFC 4291 2.5.5.1), but not `::` and `::1`.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => inside(high, low),
        // Teredo (RFC 4380) has the address inverted.
        [0x2001, 0, .., high, low] => inside(!high, !low),
        _ => address.into(),
    }
}

/// Whether an address belongs to a network of somebody's own: what a connection there says is not for everybody.
pub fn is_internal(address: IpAddr) -> bool {
    let reached = reached(address);
    let is_own = match reached {
        IpAddr::V4(address) => address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_unicast_link_local(),
    };
    let is_translated = in_network(address, LOCAL_TRANSLATION);
    is_own || is_translated || reached.is_loopback() || INTERNAL.iter().any(|net| in_network(reached, net))
}

fn in_network(address: IpAddr, network: &str) -> bool {
    network.parse::<IpNet>().is_ok_and(|network| network.contains(&address))
}

/// `0.0.0.0/8` and `::`: a connection to them reaches this host.
fn is_this_network(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets()[0] == 0,
        IpAddr::V6(address) => address.is_unspecified(),
    }
}

/// The address that a URL has instead of a name.
pub fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// `host:port` of a URL.
pub fn target(url: &Url) -> String {
    format!(
        "{}:{}",
        url.host_str().unwrap_or_default(),
        url.port_or_known_default().unwrap_or_default()
    )
}
