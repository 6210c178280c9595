//! What the tables of verification are made of.

use std::time::Duration;

use dps::api::RegistryType;
use dps::domain::credentials::RegistryCredentials;
use dps::domain::registry::key::RegistryKey;
use dps::domain::registry::manifest::ManifestReference;
use dps::domain::time::{Timestamp, after};
use dps::domain::verification::answer::{Authorization, RegistryResponse, RequestFailure};
use dps::domain::verification::attempt::{LoginAttempt, LoginTarget};
use dps::domain::verification::conversation::{Conversation, Step};
use dps::domain::verification::method::VerificationMethod;
use dps::domain::verification::requester::Requester;
use dps::domain::verification::verdict::Verdict;

/// `seconds` after a point in time that is as good as any.
pub(crate) fn at(seconds: u64) -> Timestamp {
    after("2026-01-01T00:00:00Z".parse().unwrap(), Duration::from_secs(seconds))
}

pub(crate) fn second_before(time: Timestamp) -> Timestamp {
    time - Duration::from_secs(1)
}

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_mins(minutes)
}

pub(crate) fn credentials(password: &str) -> RegistryCredentials {
    RegistryCredentials::new("robot", password).unwrap()
}

pub(crate) fn method(text: &str) -> VerificationMethod {
    text.parse().unwrap()
}

pub(crate) const BEARER: &str = r#"Bearer realm="https://auth.example.com/token",service="registry.example.com""#;
pub(crate) const BASIC: &str = r#"Basic realm="x""#;
pub(crate) const TOKEN: &str = r#"{"token":"t0ken"}"#;

pub(crate) fn attempt(image: Option<&str>) -> LoginAttempt {
    let registry = RegistryKey::new(RegistryType::PrivateRegistry, Some("registry.example.com/team")).unwrap();
    let image = image.map(|image| ManifestReference::parse(image).unwrap());
    LoginAttempt {
        target: LoginTarget::new(&registry, image.as_ref(), false).unwrap(),
        credentials: RegistryCredentials::new("robot", "pa55 word").unwrap(),
    }
}

/// What the registry or its token server sends.
pub(crate) type Response = Result<RegistryResponse, RequestFailure>;

#[allow(clippy::unnecessary_wraps, reason = "the other half of a table's rows are failures")]
pub(crate) fn says(status: u16, challenge: &str, body: &str) -> Response {
    Ok(RegistryResponse {
        status,
        challenges: (!challenge.is_empty())
            .then(|| challenge.to_owned())
            .into_iter()
            .collect(),
        body: body.as_bytes().to_vec(),
        ..RegistryResponse::default()
    })
}

/// The requests, each as "GET path credentials", and the verdict.
pub(crate) fn talk(attempt: LoginAttempt, responses: &[Response]) -> (Vec<String>, Verdict) {
    talk_as(Requester::Operator, attempt, responses)
}

/// The same for somebody.
pub(crate) fn talk_as(requester: Requester, attempt: LoginAttempt, responses: &[Response]) -> (Vec<String>, Verdict) {
    let mut conversation = Conversation::new(attempt, requester);
    let mut requests = Vec::new();
    for response in responses {
        let request = conversation.request();
        let method = if request.head { "HEAD" } else { "GET" };
        let mut url = request.url.to_string();
        url = url.replace("https://registry.example.com", "");
        requests.push(format!("{method} {url} {:?}", request.authorization));
        assert_eq!(
            conversation.authorization().is_none(),
            request.authorization == Authorization::None
        );
        if let Step::Done(verdict) = conversation.next(response.clone()) {
            return (requests, verdict);
        }
    }
    panic!("no verdict after {requests:?}");
}
