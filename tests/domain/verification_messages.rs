//! Every message of the verification of credentials, to be read as prose.

use std::fmt::Write as _;
use std::net::IpAddr;

use dps::api::{CaBundleKind, CaBundleRef, OnRejected, RegistryType};
use dps::domain::registry::key::RegistryKey;
use dps::domain::registry::manifest::ManifestReference;
use dps::domain::verification::address::Policy;
use dps::domain::verification::answer::RequestFailure;
use dps::domain::verification::attempt::{LoginAttempt, LoginTarget};
use dps::domain::verification::ca_bundle::{self, CaBundleSource};
use dps::domain::verification::record::VerificationRecord;
use dps::domain::verification::requester::Requester;
use dps::domain::verification::schedule::held_back;
use dps::domain::verification::verdict::{Verdict, VerificationResult as R};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use crate::verification::{accepted, image_rows, known_registries};
use crate::verification_inputs::{BASIC, BEARER, Response, at, attempt, method, says, talk_as};

/// Headings with messages below.
#[derive(Default)]
struct Messages(String);

impl Messages {
    fn section(&mut self, title: &str) {
        writeln!(self.0, "\n# {title}").unwrap();
    }

    fn add(&mut self, heading: &str, verdict: &Verdict) {
        writeln!(
            self.0,
            "\n## {heading}\n{}: {}",
            verdict.result.as_str(),
            verdict.message
        )
        .unwrap();
    }

    /// What the operator says, and what `dps verify` says if that is something else.
    fn conversation(&mut self, heading: &str, image: Option<&str>, responses: &[Response]) {
        let verdict = |requester| talk_as(requester, attempt(image), responses).1;
        let (operator, person) = (verdict(Requester::Operator), verdict(Requester::Person));
        self.add(heading, &operator);
        if person != operator {
            writeln!(self.0, "dps verify: {}", person.message).unwrap();
        }
    }
}

#[test]
fn conversation_messages_read_as_prose() {
    let mut messages = Messages::default();
    messages.section("Without an image");
    for row in known_registries() {
        messages.conversation(row.name, None, &row.responses);
    }
    for (heading, failure) in [
        (
            "no response",
            RequestFailure::Unanswered("no response in time".to_owned()),
        ),
        ("private address", RequestFailure::Withheld { sent: false }),
        (
            "not HTTP",
            RequestFailure::Malformed("the response is not valid HTTP: invalid header".to_owned()),
        ),
        (
            "refused address",
            RequestFailure::Forbidden("10.1.2.3 is in a network that --deny-cidr denies".to_owned()),
        ),
    ] {
        messages.conversation(heading, None, &[says(401, BASIC, ""), Err(failure)]);
    }
    let realm = r#"Bearer realm="https://user:word@auth.example.com/token""#;
    messages.conversation(
        "credentials in the token server's address",
        None,
        &[says(401, realm, "")],
    );
    let realm = r#"Bearer realm="https://auth.docker.io/token""#;
    messages.conversation("token server of another domain", None, &[says(401, realm, "")]);
    ecr(&mut messages);
    messages.section("Registry that accepts the credentials, with an image");
    for row in image_rows() {
        let responses: Vec<Response> = accepted().into_iter().chain(row.responses).collect();
        messages.conversation(row.name, Some("team/app:1"), &responses);
    }
    messages.section("Registry that requires no credentials, with an image");
    for (heading, responses) in [
        ("public image", vec![says(200, "", "")]),
        ("private image", vec![says(401, BASIC, ""), says(200, "", "")]),
        ("missing image", vec![says(401, BASIC, ""), says(404, "", "")]),
        ("refused credentials", vec![says(401, BASIC, ""), says(401, "", "")]),
        (
            "image without permission",
            vec![says(401, BASIC, ""), says(403, "", "")],
        ),
        (
            "token server over HTTP",
            vec![says(401, &BEARER.replace("https", "http"), "")],
        ),
    ] {
        let responses: Vec<Response> = [says(200, "", "")].into_iter().chain(responses).collect();
        messages.conversation(heading, Some("team/app:1"), &responses);
    }
    insta::assert_snapshot!(messages.0);
}

#[test]
fn other_messages_read_as_prose() {
    let mut messages = Messages::default();
    messages.section("Login attempts that are not possible");
    let private = |url| RegistryKey::new(RegistryType::PrivateRegistry, Some(url)).unwrap();
    for (heading, registry, image) in [
        ("wildcard", private("*.example.com"), None),
        (
            "image of another registry",
            private("r.example.com"),
            Some("quay.io/team/app:1"),
        ),
        (
            "image outside of the path",
            private("r.example.com/team"),
            Some("r.example.com/other/app:1"),
        ),
        (
            "image not of Docker Hub",
            RegistryKey::docker_hub(),
            Some("quay.io/team/app:1"),
        ),
    ] {
        let image = image.map(|image| ManifestReference::parse(image).unwrap());
        match LoginTarget::new(&registry, image.as_ref(), false) {
            Ok(target) => panic!("{heading}: {target:?}"),
            Err(verdict) => messages.add(heading, &verdict),
        }
    }
    messages.section("Images that are not possible");
    for image in ["Team/app", "app:a b"] {
        let problem = ManifestReference::parse(image).unwrap_err();
        writeln!(messages.0, "\n## {image}\nspec.verification.image {problem}").unwrap();
    }
    ca_bundles(&mut messages);
    addresses(&mut messages);
    messages.section("Held back");
    for result in [R::Rejected, R::LockedOut] {
        let record = VerificationRecord {
            result,
            message: String::new(),
            method: method("https://registry.example.com/v2/"),
            verified_at: at(0),
            retry_at: None,
            consecutive_rejections: 1,
            attempts: 0,
            backoff_enforced: true,
            image_denied: false,
            lost_at: None,
        };
        let problem = held_back(
            OnRejected::KeepLastAccepted,
            true,
            true,
            "put working credentials into the referenced Secret",
            Some(&record),
        )
        .unwrap();
        writeln!(messages.0, "\n## {}\n{}", result.as_str(), problem.message).unwrap();
    }
    insta::assert_snapshot!(messages.0);
}

fn ca_bundles(messages: &mut Messages) {
    messages.section("CA bundles that cannot be used");
    let map = |key: &str| ConfigMap {
        data: Some([(key.to_owned(), "no certificate".to_owned())].into()),
        ..ConfigMap::default()
    };
    for (heading, kind, source) in [
        ("no ConfigMap", CaBundleKind::ConfigMap, None),
        ("no Secret", CaBundleKind::Secret, None),
        (
            "no key",
            CaBundleKind::ConfigMap,
            Some(CaBundleSource::ConfigMap(map("other"))),
        ),
        (
            "no key in a Secret",
            CaBundleKind::Secret,
            Some(CaBundleSource::Secret(Secret::default())),
        ),
        (
            "no certificate",
            CaBundleKind::ConfigMap,
            Some(CaBundleSource::ConfigMap(map("ca.crt"))),
        ),
    ] {
        let reference = CaBundleRef {
            kind,
            name: "company-ca".to_owned(),
            key: None,
        };
        messages.add(heading, &ca_bundle::read(&reference, source).unwrap_err());
    }
}

fn addresses(messages: &mut Messages) {
    messages.section("Addresses that are refused");
    let policy = Policy {
        deny: vec!["10.0.0.0/8".parse().unwrap()],
        ..Policy::default()
    };
    for address in ["127.0.0.1", "169.254.169.254", "100.100.100.200", "0.0.0.0", "10.1.2.3"] {
        let why = policy.refuses(address.parse::<IpAddr>().unwrap()).unwrap();
        writeln!(
            messages.0,
            "\n## {address}\nregistry.example.com resolves to {address}, which {why}"
        )
        .unwrap();
    }
}

fn ecr(messages: &mut Messages) {
    let registry = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    let key = RegistryKey::new(RegistryType::PrivateRegistry, Some(registry)).unwrap();
    let expired = LoginAttempt {
        target: LoginTarget::new(&key, None, false).unwrap(),
        ..attempt(None)
    };
    let text = "Your authorization token has expired. Reauthenticate and try again.";
    let responses = [says(401, BASIC, ""), says(403, "", text)];
    let (_, verdict) = talk_as(Requester::Operator, expired, &responses);
    messages.add("Amazon ECR, expired", &verdict);
}
