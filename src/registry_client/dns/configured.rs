//! A lookup by the rules of resolv.conf(5) and hosts(5).

use std::net::IpAddr;

use hickory_resolver::Hosts;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::time::{Instant, timeout_at};

use crate::registry_client::dns::client::{Client, client};
use crate::registry_client::dns::failure::LookupFailure;

/// What the files of the system say.
pub(super) struct Configured {
    hosts: Hosts,
    search: Vec<Name>,
    /// Names with as many dots are asked for as they stand before any search domain is appended.
    ndots: usize,
    has_ipv6: bool,
    client: Client,
}

impl Configured {
    /// Lines that are not valid are skipped: a mistake in them must not stop everything else.
    pub(super) fn new(resolv_conf: &[u8], hosts: &[u8], port: u16) -> Result<Self, LookupFailure> {
        let (resolv_conf, _) = resolv_conf::Config::parse_with_errors(resolv_conf);
        let mut known = Hosts::default();
        // A line that is not UTF-8 ends it.
        let _ = known.read_hosts_conf(hosts);
        let search = resolv_conf.get_last_search_or_domain();
        Ok(Self {
            hosts: known,
            search: search.filter_map(|domain| fully_qualified(domain)).collect(),
            ndots: usize::try_from(resolv_conf.ndots).unwrap_or(usize::MAX),
            has_ipv6: !resolv_conf.no_aaaa,
            client: client(&resolv_conf, port).map_err(|error| LookupFailure::new("any name", &error))?,
        })
    }

    /// All addresses of a name.
    pub(super) async fn lookup(&self, name: &str, until: Instant) -> Result<Vec<IpAddr>, LookupFailure> {
        let Some(absolute) = fully_qualified(name) else {
            return Err(LookupFailure::Missing(name.to_owned()));
        };
        let known = self.in_hosts(&absolute);
        if !known.is_empty() {
            return Ok(known);
        }
        let mut told = None;
        for candidate in self.candidates(name, &absolute) {
            match self.ask(name, &candidate, until).await {
                Ok(addresses) => return Ok(addresses),
                // Whether it exists is not known: the name with a search domain may be another host.
                Err(failure) if !failure.is_answer() => return Err(failure),
                Err(failure) if told.is_none() || candidate == absolute => told = Some(failure),
                Err(_) => {}
            }
        }
        Err(told.unwrap_or_else(|| LookupFailure::Missing(name.to_owned())))
    }

    fn in_hosts(&self, name: &Name) -> Vec<IpAddr> {
        let types = [RecordType::A, RecordType::AAAA].into_iter();
        let found = types.filter_map(|kind| self.hosts.lookup_static_host(&Query::query(name.clone(), kind)));
        found.flat_map(|lookup| addresses(&lookup)).collect()
    }

    /// The names to ask for, in this order.
    fn candidates(&self, name: &str, absolute: &Name) -> Vec<Name> {
        // Not for DNS (RFC 6761): the client answers it.
        if name.ends_with('.') || absolute.is_localhost() {
            return vec![absolute.clone()];
        }
        let searched = self.search.iter().filter_map(|domain| {
            let mut relative = absolute.clone();
            relative.set_fqdn(false);
            relative.append_domain(domain).ok()
        });
        let mut names: Vec<Name> = searched.collect();
        let is_first = name.matches('.').count() >= self.ndots;
        names.insert(if is_first { 0 } else { names.len() }, absolute.clone());
        names
    }

    /// Asks for both kinds of addresses at once. When the time is over, those of one kind will do.
    async fn ask(&self, name: &str, candidate: &Name, until: Instant) -> Result<Vec<IpAddr>, LookupFailure> {
        let ask = async |kind| match timeout_at(until, self.client.lookup(candidate.clone(), kind)).await {
            Err(_) => Err(LookupFailure::Late(name.to_owned())),
            Ok(Err(error)) => Err(LookupFailure::new(name, &error)),
            Ok(Ok(lookup)) => Ok(addresses(&lookup)),
        };
        let ipv6 = async {
            if self.has_ipv6 {
                ask(RecordType::AAAA).await
            } else {
                Ok(Vec::new())
            }
        };
        let (found, failure) = match tokio::join!(ask(RecordType::A), ipv6) {
            (Ok(mut v4), Ok(v6)) => {
                v4.extend(v6);
                (v4, None)
            }
            (Ok(found), Err(failure)) | (Err(failure), Ok(found)) => (found, Some(failure)),
            (Err(v4), Err(v6)) => (Vec::new(), Some(v4.or(v6))),
        };
        if found.is_empty() {
            return Err(failure.unwrap_or_else(|| LookupFailure::NoAddress(name.to_owned())));
        }
        Ok(found)
    }
}

fn addresses(lookup: &hickory_resolver::lookup::Lookup) -> Vec<IpAddr> {
    let records = lookup.answers().iter();
    records.filter_map(|record| record.data.ip_addr()).collect()
}

fn fully_qualified(name: &str) -> Option<Name> {
    let mut name = Name::from_ascii(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}
