//! Why a name has no addresses, in plain words.

use std::io;

use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;

/// Why a lookup gives no address. Each names the name that was looked up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookupFailure {
    /// NXDOMAIN.
    #[error("the name {0} does not exist")]
    Missing(String),
    /// The name exists, without addresses.
    #[error("the name {0} has no address")]
    NoAddress(String),
    /// An error of the server.
    #[error("the DNS server has no answer for {0} ({1})")]
    Refused(String, &'static str),
    /// What came is not an answer.
    #[error("the DNS server's answer for {0} is invalid")]
    Invalid(String),
    /// No answer.
    #[error("no DNS server answered in time for {0}")]
    Late(String),
    /// No question was sent.
    #[error("cannot query a DNS server for {0}")]
    Broken(String, #[source] io::Error),
    /// The system does not say more.
    #[error("the system cannot resolve the name {0}: {1}")]
    Unknown(String, #[source] io::Error),
}

/// `WSAHOST_NOT_FOUND` of Windows.
const HOST_NOT_FOUND: i32 = 11001;

impl LookupFailure {
    pub(super) fn new(name: &str, error: &NetError) -> Self {
        let name = name.to_owned();
        match error {
            NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
                ResponseCode::NXDomain => Self::Missing(name),
                ResponseCode::NoError => Self::NoAddress(name),
                code => Self::Refused(name, words(code)),
            },
            NetError::Dns(DnsError::ResponseCode(code)) => Self::Refused(name, words(*code)),
            NetError::Timeout => Self::Late(name),
            NetError::Io(error) => Self::Broken(name, copy(error)),
            NetError::NoConnections | NetError::Busy => {
                Self::Broken(name, io::Error::from(io::ErrorKind::NotConnected))
            }
            _ => Self::Invalid(name),
        }
    }

    /// Why the system has no address.
    pub(super) fn of_system(name: &str, error: io::Error) -> Self {
        let name = name.to_owned();
        if error.raw_os_error() == Some(HOST_NOT_FOUND) {
            Self::Missing(name)
        } else {
            Self::Unknown(name, error)
        }
    }

    /// Whether a server said so. Then the next search domain is tried, as in glibc.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Missing(_) | Self::NoAddress(_) | Self::Refused(..))
    }

    /// The one that says more, of the failures for IPv4 and IPv6.
    pub(super) fn or(self, other: Self) -> Self {
        let rank = |failure: &Self| match failure {
            Self::Missing(_) => 0,
            Self::NoAddress(_) => 1,
            Self::Refused(..) | Self::Invalid(_) => 2,
            Self::Late(_) => 3,
            Self::Broken(..) | Self::Unknown(..) => 4,
        };
        if rank(&other) > rank(&self) { other } else { self }
    }
}

fn words(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::NotImp => "NOTIMP",
        _ => "an error",
    }
}

/// Whoever looks for the error among the causes finds no error behind an [`std::sync::Arc`].
fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::from(error.kind()),
    }
}
