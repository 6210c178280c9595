//! What an error of the client says about a registry.

use crate::domain::verification::answer::RequestFailure;
use crate::domain::verification::local_failure::causes;
use crate::registry_client::dns::LookupFailure;
use crate::registry_client::resolver::Refused;

/// What kind of failure this is. The text never has the URL: its query names the user.
pub(super) fn failure(error: &reqwest::Error) -> RequestFailure {
    let mut innermost = None;
    for cause in causes(error).skip(1) {
        if let Some(Refused(why)) = cause.downcast_ref() {
            return RequestFailure::Forbidden(why.clone());
        }
        if let Some(lookup) = cause.downcast_ref::<LookupFailure>() {
            return RequestFailure::Unreachable(lookup.to_string());
        }
        if let Some(error) = cause.downcast_ref() {
            return tls(error);
        }
        innermost = Some(cause);
    }
    let why = innermost.map_or_else(|| "the request failed".to_owned(), ToString::to_string);
    if error.is_connect() {
        let why = if error.is_timeout() {
            "no connection in time".to_owned()
        } else {
            why
        };
        RequestFailure::Unreachable(why)
    } else if error.is_timeout() {
        RequestFailure::Unanswered("no response in time".to_owned())
    } else {
        RequestFailure::Malformed(format!("the response is not valid HTTP: {why}"))
    }
}

fn tls(error: &rustls::Error) -> RequestFailure {
    match error {
        rustls::Error::InvalidMessage(_) => RequestFailure::Handshake("the server does not speak TLS".to_owned()),
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            RequestFailure::Tls("the certificate is signed by an authority that is not trusted".to_owned())
        }
        rustls::Error::InvalidCertificate(_) => RequestFailure::Tls(error.to_string()),
        other => RequestFailure::Handshake(other.to_string()),
    }
}
