//! Failures that are this machine's and never a verdict on a registry.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;

use dps::domain::verification::local_failure::LocalFailure;

/// An error that has another one as its cause.
#[derive(Debug)]
struct Wrapped(io::Error);

impl fmt::Display for Wrapped {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the request failed")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn shortage_of_this_machine_is_a_local_failure() {
    let (v4, v6) = (&["192.0.2.1"][..], &["192.0.2.1", "2001:db8::1"][..]);
    let of_kind = io::Error::from;
    let of_code = io::Error::from_raw_os_error;
    for (error, addresses, expected) in [
        (of_code(24), v4, Some(LocalFailure::Files)),
        (of_code(23), v6, Some(LocalFailure::Files)),
        (of_code(24), &[], Some(LocalFailure::Files)),
        (of_code(12), v4, Some(LocalFailure::Memory)),
        (of_kind(io::ErrorKind::AddrNotAvailable), v4, Some(LocalFailure::Ports)),
        // No IPv6 here.
        (of_kind(io::ErrorKind::AddrNotAvailable), v6, None),
        (of_kind(io::ErrorKind::AddrNotAvailable), &[], None),
        (of_kind(io::ErrorKind::ConnectionRefused), v4, None),
        (of_kind(io::ErrorKind::HostUnreachable), v4, None),
        (of_kind(io::ErrorKind::TimedOut), v4, None),
        (of_kind(io::ErrorKind::PermissionDenied), v4, None),
        (io::Error::other("Too many open files"), v4, None),
        (io::Error::other(Wrapped(of_code(24))), v4, Some(LocalFailure::Files)),
    ] {
        let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let row = format!("{error:?} {addresses:?}");
        assert_eq!(LocalFailure::find(&Wrapped(error), &addresses), expected, "{row}");
    }
}
