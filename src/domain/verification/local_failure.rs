//! Failures of this process or its machine, which say nothing about a registry.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;

/// What this process has run out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalFailure {
    /// Open files, its own or the machine's.
    Files,
    /// Memory.
    Memory,
    /// Local ports for connections.
    Ports,
}

/// ENFILE and EMFILE. They are the same on Linux, macOS and the BSDs, and [`io::ErrorKind`] does not have them.
const TOO_MANY_FILES: [i32; 2] = [23, 24];

impl LocalFailure {
    /// The local failure that a connection to `addresses` failed for, if it is one.
    pub fn find(error: &(dyn Error + 'static), addresses: &[IpAddr]) -> Option<Self> {
        causes(error).find_map(|cause| Self::of(cause.downcast_ref()?, addresses))
    }

    fn of(error: &io::Error, addresses: &[IpAddr]) -> Option<Self> {
        // A machine without IPv6 has no local address for an IPv6 connection.
        let is_only_ipv4 = !addresses.is_empty() && addresses.iter().all(IpAddr::is_ipv4);
        if error.raw_os_error().is_some_and(|code| TOO_MANY_FILES.contains(&code)) {
            return Some(Self::Files);
        }
        match error.kind() {
            io::ErrorKind::OutOfMemory => Some(Self::Memory),
            io::ErrorKind::AddrNotAvailable if is_only_ipv4 => Some(Self::Ports),
            _ => None,
        }
    }
}

impl fmt::Display for LocalFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Files => "too many files and connections are open; raise the limit (ulimit -n), or close some",
            Self::Memory => "there is not enough memory",
            Self::Ports => "all local ports are in use; wait until connections have ended",
        })
    }
}

/// An error and what it was caused by.
pub(crate) fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>() {
        // `io::Error::source` returns the source of the inner error, and so skips the inner error itself.
        Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}
