//! Name resolution as the system's files configure it, without getaddrinfo: that occupies a thread until it returns,
//! whoever waits for it, and names whose servers never answer would occupy all of them. Windows has no such files, and
//! those of macOS are incomplete; there the system is asked, which is enough for the one person that waits.

mod client;
mod configured;
mod failure;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails that way")]
mod tests;

use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::net::lookup_host;
use tokio::time::{Instant, timeout_at};

pub(crate) use crate::registry_client::dns::failure::LookupFailure;

use crate::domain::verification::local_failure::LocalFailure;
use crate::registry_client::dns::configured::Configured;

/// Longest time for a lookup, with all search domains.
pub(crate) const LOOKUP: Duration = Duration::from_secs(5);

/// Port of DNS servers.
const PORT: u16 = 53;

/// Looks up addresses. Clones share what is cached.
#[derive(Clone)]
pub(crate) struct Dns(Source);

/// Who knows addresses.
#[derive(Clone)]
enum Source {
    /// The servers and hosts in these files.
    Files(Arc<Files>),
    /// The system.
    System,
}

struct Files {
    resolv_conf: PathBuf,
    hosts: PathBuf,
    port: u16,
    current: Mutex<Option<Current>>,
}

struct Current {
    /// The files, when they were read.
    versions: [Version; 2],
    configured: Arc<Configured>,
}

/// Time and size of a file; nothing if there is none.
type Version = Option<(SystemTime, u64)>;

impl Dns {
    /// As this machine is configured. Its files are read for the first lookup.
    pub(crate) fn system() -> Self {
        if cfg!(any(windows, target_os = "macos")) {
            Self(Source::System)
        } else {
            Self::new(Path::new("/etc/resolv.conf"), Path::new("/etc/hosts"), PORT)
        }
    }

    fn new(resolv_conf: &Path, hosts: &Path, port: u16) -> Self {
        Self(Source::Files(Arc::new(Files {
            resolv_conf: resolv_conf.to_owned(),
            hosts: hosts.to_owned(),
            port,
            current: Mutex::default(),
        })))
    }

    /// All addresses of a name, at least one.
    pub(crate) async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, LookupFailure> {
        let until = Instant::now() + LOOKUP;
        match &self.0 {
            Source::Files(files) => files.configured(name)?.lookup(name, until).await,
            Source::System => ask_system(name, until).await,
        }
    }
}

/// Asks the system for all addresses of a name.
async fn ask_system(name: &str, until: Instant) -> Result<Vec<IpAddr>, LookupFailure> {
    match timeout_at(until, lookup_host((name, 0))).await {
        Err(_) => Err(LookupFailure::Late(name.to_owned())),
        Ok(Err(error)) => Err(LookupFailure::of_system(name, error)),
        Ok(Ok(found)) => {
            let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            if addresses.is_empty() {
                return Err(LookupFailure::NoAddress(name.to_owned()));
            }
            Ok(addresses)
        }
    }
}

impl Files {
    /// The configuration of now. As in glibc, each lookup looks at the times of the files: it costs two system calls, and
    /// an operator runs for months.
    fn configured(&self, name: &str) -> Result<Arc<Configured>, LookupFailure> {
        let paths = [&self.resolv_conf, &self.hosts];
        let versions = paths.map(|path| version(path));
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = current.as_ref().filter(|current| current.versions == versions) {
            return Ok(Arc::clone(&current.configured));
        }
        let [resolv_conf, hosts] = paths.map(|path| read(path));
        let configured = match (resolv_conf, hosts) {
            (Ok(resolv_conf), Ok(hosts)) => Configured::new(&resolv_conf, &hosts, self.port),
            (Err(error), _) | (_, Err(error)) => Err(LookupFailure::Broken(name.to_owned(), error)),
        }?;
        let configured = Arc::new(configured);
        *current = Some(Current {
            versions,
            configured: Arc::clone(&configured),
        });
        Ok(configured)
    }
}

fn version(path: &Path) -> Version {
    let metadata = path.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A file that cannot be read counts as empty, as in glibc; but it is not that when this process has no file left.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::read(path) {
        Err(error) if LocalFailure::find(&error, &[]).is_some() => Err(error),
        other => Ok(other.unwrap_or_default()),
    }
}
