//! What a registry asks for: the `WWW-Authenticate` headers of an answer (RFC 9110 section 11.6.1, domain.md C1).

use http_auth::{ChallengeParser, ChallengeRef};

/// A way to log in that this operator knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// Ask a token server.
    Bearer {
        /// Address of the token server, as the registry wrote it.
        realm: String,
        /// Name of the registry at the token server.
        service: Option<String>,
    },
    /// Send user name and password.
    Basic,
}

/// What the headers of one answer ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The best known way: Bearer before Basic.
    VerificationRecord(Challenge),
    /// Only ways that are not known here; their names.
    Unknown(Vec<String>),
    /// Nothing readable.
    Nothing,
}

/// Reads several headers with several challenges each. What follows a syntax error in one header is lost, no more.
pub fn parse(headers: &[String]) -> Asked {
    let all: Vec<ChallengeRef<'_>> = headers
        .iter()
        .flat_map(|header| ChallengeParser::new(header).map_while(Result::ok))
        .collect();
    let bearer = all
        .iter()
        .filter(|one| one.scheme.eq_ignore_ascii_case("bearer"))
        .find_map(|one| {
            Some(Challenge::Bearer {
                realm: parameter(one, "realm").filter(|realm| !realm.is_empty())?,
                service: parameter(one, "service"),
            })
        });
    let basic = || {
        let basic = all.iter().any(|one| one.scheme.eq_ignore_ascii_case("basic"));
        basic.then_some(Challenge::Basic)
    };
    match bearer.or_else(basic) {
        Some(challenge) => Asked::VerificationRecord(challenge),
        None if all.is_empty() => Asked::Nothing,
        None => Asked::Unknown(all.iter().map(|one| one.scheme.to_owned()).collect()),
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let (_, value) = challenge
        .params
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped())
}
