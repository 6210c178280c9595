//! How a registry wants to be logged in to: the `WWW-Authenticate` headers of a response (RFC 9110 section 11.6.1).

use http_auth::{ChallengeParser, ChallengeRef};

/// A way to log in that is supported here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Get a token from a token server.
    Bearer {
        /// Address of the token server, as the registry wrote it.
        realm: String,
        /// Name of the registry at the token server.
        service: Option<String>,
    },
    /// Send user name and password.
    Basic,
}

/// What the headers of one response offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginOffer {
    /// The best supported way: Bearer before Basic.
    Supported(Challenge),
    /// Only ways that are not supported here; their names.
    Unsupported(Vec<String>),
    /// Nothing readable.
    Missing,
}

/// Reads several headers with several challenges each. What follows a syntax error in one header is lost, no more.
pub fn parse(headers: &[String]) -> LoginOffer {
    let all: Vec<ChallengeRef<'_>> = headers
        .iter()
        .flat_map(|header| ChallengeParser::new(header).map_while(Result::ok))
        .collect();
    let mut bearers = all
        .iter()
        .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("bearer"));
    let bearer = bearers.find_map(|challenge| {
        Some(Challenge::Bearer {
            realm: parameter(challenge, "realm").filter(|realm| !realm.is_empty())?,
            service: parameter(challenge, "service"),
        })
    });
    let offers_basic = || {
        all.iter()
            .any(|challenge| challenge.scheme.eq_ignore_ascii_case("basic"))
    };
    match bearer.or_else(|| offers_basic().then_some(Challenge::Basic)) {
        Some(challenge) => LoginOffer::Supported(challenge),
        None if all.is_empty() => LoginOffer::Missing,
        None => LoginOffer::Unsupported(all.iter().map(|challenge| challenge.scheme.to_owned()).collect()),
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let mut parameters = challenge.params.iter();
    let (_, value) = parameters.find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped())
}
