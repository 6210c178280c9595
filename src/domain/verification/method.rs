//! How credentials are verified. A response about one image says nothing about another.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::domain::registry::manifest::ManifestReference;
use crate::domain::verification::ca_bundle::CaBundle;

/// [`VerificationMethod::NotPossible`] in a status.
const NOT_POSSIBLE: &str = "not possible";

/// What version 0.1.0 wrote for it.
const NOT_POSSIBLE_0_1: &str = "cannot be asked";

/// Stands in front of the version of a CA bundle.
const CA_BUNDLE: &str = "with";

/// How credentials are verified. The text form is stored in `status.verification.credentialsVersion`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum VerificationMethod {
    /// By a login attempt.
    LoginAttempt(Box<LoginMethod>),
    /// No login attempt is possible, such as for a registry key with a wildcard.
    NotPossible,
}

/// Everything besides the credentials that the result of a login attempt depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LoginMethod {
    /// HTTP instead of HTTPS.
    pub plain_http: bool,
    /// Host of the registry.
    pub host: String,
    /// Port of the registry.
    pub port: u16,
    /// Repository and tag or digest of the image to read.
    pub image: Option<(String, String)>,
    /// [Version](CaBundle::version) of the CA bundle.
    pub ca_bundle: Option<String>,
}

impl VerificationMethod {
    /// The method for a registry's base URL. `None`: the URL has no host.
    pub fn new(base: &Url, image: Option<&ManifestReference>, ca_bundle: Option<&CaBundle>) -> Option<Self> {
        let image = image.map(|image| (image.repository.clone(), image.reference.clone()));
        let ca_bundle = ca_bundle.map(|bundle| bundle.version.clone());
        Self::from_parts(base, image, ca_bundle)
    }

    fn from_parts(base: &Url, image: Option<(String, String)>, ca_bundle: Option<String>) -> Option<Self> {
        Some(Self::LoginAttempt(Box::new(LoginMethod {
            plain_http: match base.scheme() {
                "http" => true,
                "https" => false,
                _ => return None,
            },
            host: base.host_str()?.to_owned(),
            port: base.port_or_known_default()?,
            image,
            ca_bundle,
        })))
    }

    /// The one in `status.verification.credentialsVersion`, where it stands behind the identity of the credentials.
    pub fn of_version(version: &str) -> Option<Self> {
        let mut blanks = version.match_indices(' ');
        blanks.find_map(|(blank, _)| version[blank + 1..].parse().ok())
    }

    /// Whether both methods are for the same registry: another host or port is another registry.
    pub fn is_same_registry(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::LoginAttempt(method), Self::LoginAttempt(other)) => {
                (&method.host, method.port) == (&other.host, other.port)
            }
            _ => false,
        }
    }
}

impl fmt::Display for VerificationMethod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::LoginAttempt(method) = self else {
            return formatter.write_str(NOT_POSSIBLE);
        };
        let (scheme, default_port) = if method.plain_http {
            ("http", 80)
        } else {
            ("https", 443)
        };
        write!(formatter, "{scheme}://{}", method.host)?;
        if method.port != default_port {
            write!(formatter, ":{}", method.port)?;
        }
        formatter.write_str("/v2/")?;
        if let Some((repository, reference)) = &method.image {
            write!(formatter, " {repository}:{reference}")?;
        }
        if let Some(version) = &method.ca_bundle {
            write!(formatter, " {CA_BUNDLE} {version}")?;
        }
        Ok(())
    }
}

/// The text is no method that this or an earlier version wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a verification method")]
pub struct UnknownMethod;

impl FromStr for VerificationMethod {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        if [NOT_POSSIBLE, NOT_POSSIBLE_0_1].contains(&text) {
            return Ok(Self::NotPossible);
        }
        let mut words = text.split(' ');
        let base = words
            .next()
            .and_then(|base| Url::parse(base).ok())
            .ok_or(UnknownMethod)?;
        let mut words = words.peekable();
        // A repository contains no colon; a digest does. "with" has no colon, so that it is no image.
        let image = words
            .next_if(|word| word.contains(':'))
            .and_then(|image| image.split_once(':'))
            .map(|(repository, reference)| (repository.to_owned(), reference.to_owned()));
        let ca_bundle = match words.next() {
            None => None,
            Some(CA_BUNDLE) => Some(words.next().ok_or(UnknownMethod)?.to_owned()),
            Some(_) => return Err(UnknownMethod),
        };
        let method = Self::from_parts(&base, image, ca_bundle).ok_or(UnknownMethod)?;
        // Also refuses what is left over, and a path that is not the one of a registry.
        if method.to_string() == text {
            Ok(method)
        } else {
            Err(UnknownMethod)
        }
    }
}
