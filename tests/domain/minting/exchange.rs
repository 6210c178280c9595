//! From a proof of an identity to credentials: what is sent where, and what is made of the answers.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dps::api::Reason;
use dps::domain::minting::exchange::{CloudRequest, CloudResponse, Exchange, ExchangeStep, Minted};
use dps::domain::minting::failure::MintFailure;
use dps::domain::minting::identity::MintIdentity;
use dps::domain::minting::static_key::{AwsKeys, Proof};
use dps::domain::time::{Timestamp, after};
use proptest::prelude::*;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::minting::{account, account_token, identity, noon, token};
use crate::support::canary::CANARY;
use crate::support::google_key;

pub(super) const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
pub(super) const ROLE: &str = "arn:aws:iam::123456789012:role/pull";
const ID: &str = "11111111-2222-3333-4444-555555555555";
const POOL: &str = "projects/123/locations/global/workloadIdentityPools/pool/providers/cluster";

pub(super) const STS_ANSWER: &str = r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><Audience>sts.amazonaws.com</Audience><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>c2VjcmV0LWtleQ-canary</SecretAccessKey><SessionToken>session-token-canary</SessionToken><Expiration>2026-11-27T12:15:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>"#;

pub(super) fn good(body: impl Into<Vec<u8>>) -> CloudResponse {
    CloudResponse {
        status: 200,
        date: Some(noon()),
        retry_after: None,
        body: body.into(),
    }
}

fn later(seconds: u64) -> Timestamp {
    after(noon(), Duration::from_secs(seconds))
}

pub(super) fn ecr_answer(is_public: bool, expires_at: impl Into<Value>) -> Value {
    let expires_at = expires_at.into();
    let one = json!({"authorizationToken": STANDARD.encode(format!("AWS:{CANARY}")), "expiresAt": expires_at, "proxyEndpoint": "https://x"});
    json!({"authorizationData": if is_public { one } else { json!([one]) }})
}

/// What was sent, and how it ended.
pub(super) struct Told {
    pub(super) requests: Vec<CloudRequest>,
    pub(super) end: Result<Minted, MintFailure>,
}

/// Tells a whole exchange with these answers.
pub(super) fn tell(identity: MintIdentity, proof: Proof, answers: &[CloudResponse], now: Timestamp) -> Told {
    let mut requests = Vec::new();
    let (mut exchange, request) = match Exchange::begin(identity, proof, now) {
        Ok(begun) => begun,
        Err(failure) => {
            return Told {
                requests,
                end: Err(failure),
            };
        }
    };
    requests.push(request);
    for answer in answers {
        match exchange.answer(answer, now) {
            Ok(ExchangeStep::Send(request)) => requests.push(request),
            Ok(ExchangeStep::Done(minted)) => {
                return Told {
                    requests,
                    end: Ok(minted),
                };
            }
            Err(failure) => {
                return Told {
                    requests,
                    end: Err(failure),
                };
            }
        }
    }
    panic!("more answers are needed: {requests:?}");
}

pub(super) fn proof(audience: &str) -> Proof {
    Proof::Token(account_token(audience).into())
}

fn body(request: &CloudRequest) -> String {
    let body = request.body.as_ref().map(|body| body.expose_secret().to_owned());
    percent_encoding::percent_decode_str(&body.unwrap_or_default())
        .decode_utf8()
        .unwrap()
        .replace('+', " ")
}

fn header(request: &CloudRequest, name: &str) -> String {
    let found = request.headers.iter().find(|(one, _)| *one == name);
    found
        .map(|(_, value)| value.expose_secret().to_owned())
        .unwrap_or_default()
}

#[test]
fn role_of_amazon_gives_a_session_that_may_only_pull_and_then_credentials() {
    let end: Value = serde_json::from_str(&format!("{}.123", later(43200).as_second())).unwrap();
    for (host, service, is_public) in [(ECR, "ecr", false), ("public.ecr.aws", "ecr-public", true)] {
        let identity = identity(host, account("aws", json!({"roleArn": ROLE})), &[]).unwrap();
        let answers = [good(STS_ANSWER), good(ecr_answer(is_public, end.clone()).to_string())];
        let told = tell(identity, proof("sts.amazonaws.com"), &answers, noon());
        let minted = told.end.unwrap();
        assert_eq!(minted.credentials.credentials.username(), "AWS");
        assert_eq!(minted.credentials.credentials.password(), CANARY);
        assert_eq!(minted.credentials.expires_at, later(43200));
        assert_eq!(minted.skew, None);

        let [session, authorization] = &told.requests[..] else {
            panic!()
        };
        let sent = body(session);
        for part in [
            "Action=AssumeRoleWithWebIdentity",
            &format!("RoleArn={ROLE}"),
            "RoleSessionName=team.puller",
            "DurationSeconds=900",
            "ecr:BatchGetImage",
        ] {
            assert!(sent.contains(part), "{part} in {sent}");
        }
        assert!(!sent.contains("ecr:Put") && header(session, "authorization").is_empty());
        assert_eq!(body(authorization), "{}");
        assert_eq!(header(authorization, "x-amz-security-token"), "session-token-canary");
        let signature = header(authorization, "authorization");
        let region = if is_public { "us-east-1" } else { "eu-west-1" };
        assert!(signature.starts_with(&format!("AWS4-HMAC-SHA256 Credential=ASIAEXAMPLE/20261127/{region}/{service}/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=")), "{signature}");
    }
}

#[test]
fn key_of_amazon_asks_for_credentials_itself_or_assumes_a_role() {
    let keys = || {
        Proof::Aws(AwsKeys {
            id: "AKIAEXAMPLE".to_owned(),
            secret: "secret-key-canary".into(),
            session: None,
        })
    };
    let from = |aws: Value| json!({"staticKeyRef": {"name": "key"}, "aws": aws});
    let answer = good(ecr_answer(false, later(43200).as_second()).to_string());
    let told = tell(
        identity(ECR, from(json!({})), &[]).unwrap(),
        keys(),
        std::slice::from_ref(&answer),
        noon(),
    );
    assert!(told.end.is_ok() && told.requests.len() == 1);

    let session = STS_ANSWER.replace("AssumeRoleWithWebIdentity", "AssumeRole");
    let told = tell(
        identity(ECR, from(json!({"roleArn": ROLE})), &[]).unwrap(),
        keys(),
        &[good(session), answer],
        noon(),
    );
    assert!(told.end.is_ok());
    assert!(header(&told.requests[0], "authorization").contains("/eu-west-1/sts/aws4_request"));
    assert!(header(&told.requests[1], "authorization").contains("Credential=ASIAEXAMPLE/"));
}

#[test]
fn clock_that_is_wrong_costs_one_more_request_and_a_warning() {
    let from = json!({"staticKeyRef": {"name": "key"}, "aws": {}});
    let identity = identity(ECR, from, &[]).unwrap();
    let keys = Proof::Aws(AwsKeys {
        id: "AKIAEXAMPLE".to_owned(),
        secret: "secret-key-canary".into(),
        session: None,
    });
    let refusal = CloudResponse {
        status: 400,
        body: json!({"__type": "InvalidSignatureException", "message": "Signature expired: 20261127T113000Z is now earlier than 20261127T114500Z (20261127T120000Z - 15 min.)"}).to_string().into(),
        ..good("")
    };
    let answer = good(ecr_answer(false, later(43200).as_second()).to_string());
    for wrong in [-1200, 1200] {
        let now = Timestamp::from_second(noon().as_second() + wrong).unwrap();
        let told = tell(identity.clone(), keys.clone(), &[refusal.clone(), answer.clone()], now);
        let minted = told.end.unwrap();
        assert!(header(&told.requests[1], "x-amz-date").starts_with("20261127T1200"));
        assert!(minted.skew.unwrap().contains("20 minutes"));
        // Under the operator's clock they live as long as under that of the cloud.
        assert_eq!(minted.credentials.issued_at, now);
        assert_eq!(minted.credentials.expires_at.as_second() - now.as_second(), 43200);
        let told = tell(identity.clone(), keys.clone(), &[refusal.clone(), refusal.clone()], now);
        assert_eq!(told.end.unwrap_err().problem.reason, Reason::ClockSkew);
    }
}

#[test]
fn identity_of_azure_gives_a_token_of_the_registry_or_of_some_repositories() {
    let registry_token =
        |kind: &str| token(&json!({"exp": later(10800).as_second(), "grant_type": kind, "aud": "example.azurecr.io"}));
    let refresh = registry_token("refresh_token");
    let from = account("azure", json!({"clientId": ID, "tenantId": ID}));
    let entra =
        good(json!({"token_type": "Bearer", "expires_in": 3599, "access_token": "entra-token-canary"}).to_string());
    let exchange = good(json!({"refresh_token": refresh}).to_string());
    let told = tell(
        identity("example.azurecr.io", from, &[]).unwrap(),
        proof("api://AzureADTokenExchange"),
        &[entra.clone(), exchange.clone()],
        noon(),
    );
    let minted = told.end.unwrap().credentials;
    assert_eq!(minted.credentials.username(), "00000000-0000-0000-0000-000000000000");
    assert_eq!(minted.credentials.password(), refresh);
    assert_eq!(minted.expires_at, later(10800));
    assert_eq!(
        told.requests[0].url.as_str(),
        format!("https://login.microsoftonline.com/{ID}/oauth2/v2.0/token")
    );
    assert!(body(&told.requests[0]).contains("scope=https://containerregistry.azure.net/.default"));
    assert_eq!(
        told.requests[1].url.as_str(),
        "https://example.azurecr.io/oauth2/exchange"
    );
    assert!(body(&told.requests[1]).contains("service=example.azurecr.io"));

    let access = registry_token("access_token");
    let from = account(
        "azure",
        json!({"clientId": ID, "tenantId": ID, "repositories": ["team/app", "base"]}),
    );
    let last = good(json!({"access_token": access}).to_string());
    let told = tell(
        identity("example.azurecr.io", from, &[]).unwrap(),
        proof("api://AzureADTokenExchange"),
        &[entra.clone(), exchange.clone(), last],
        noon(),
    );
    assert_eq!(told.end.unwrap().credentials.credentials.password(), access);
    assert!(body(&told.requests[2]).contains("scope=repository:team/app:pull&scope=repository:base:pull"));

    let from = json!({"staticKeyRef": {"name": "key"}, "azure": {"clientId": ID, "tenantId": ID}});
    let secret = Proof::ClientSecret("client-secret-canary".into());
    let told = tell(
        identity("example.azurecr.us", from, &[]).unwrap(),
        secret,
        &[entra, exchange],
        noon(),
    );
    assert!(told.end.is_ok());
    assert_eq!(told.requests[0].url.host_str(), Some("login.microsoftonline.us"));
    assert!(body(&told.requests[0]).contains("client_secret=client-secret-canary"));
}

#[test]
fn subject_of_google_gets_a_token_itself_or_that_of_a_service_account() {
    let audience = format!("//iam.googleapis.com/{POOL}");
    let subject = |seconds: Option<u64>| {
        let mut answer = json!({"access_token": "ya29.d.canary", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token", "token_type": "Bearer"});
        if let Some(seconds) = seconds {
            answer["expires_in"] = json!(seconds);
        }
        good(answer.to_string())
    };
    let from = account("google", json!({"workloadIdentityProvider": POOL}));
    for (answer, end) in [(subject(Some(3599)), 3599), (subject(None), 600)] {
        let told = tell(
            identity("europe-docker.pkg.dev", from.clone(), &[]).unwrap(),
            proof(&audience),
            &[answer],
            noon(),
        );
        let minted = told.end.unwrap().credentials;
        assert_eq!(
            (minted.credentials.username(), minted.credentials.password()),
            ("oauth2accesstoken", "ya29.d.canary")
        );
        assert_eq!(minted.expires_at, later(end));
        assert!(body(&told.requests[0]).contains("scope=https://www.googleapis.com/auth/cloud-platform.read-only"));
        assert!(header(&told.requests[0], "authorization").is_empty());
    }
    let email = "pull@acme.iam.gserviceaccount.com";
    let from = account(
        "google",
        json!({"workloadIdentityProvider": POOL, "serviceAccountEmail": email}),
    );
    let answer = good(json!({"accessToken": "ya29.c.canary", "expireTime": "2026-11-27T13:00:00Z"}).to_string());
    let told = tell(
        identity("gcr.io", from, &[]).unwrap(),
        proof(&audience),
        &[subject(Some(600)), answer],
        noon(),
    );
    let minted = told.end.unwrap().credentials;
    assert_eq!(
        (minted.credentials.password(), minted.expires_at),
        ("ya29.c.canary", later(3600))
    );
    assert_eq!(
        told.requests[1].url.as_str(),
        format!("https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/{email}:generateAccessToken")
    );
    assert_eq!(header(&told.requests[1], "authorization"), "Bearer ya29.d.canary");
}

#[test]
fn robot_of_quay_gets_a_token() {
    let robot_token = token(&json!({"exp": later(3600).as_second()}));
    let from = account("quay", json!({"robot": "acme+puller"}));
    let answer = good(json!({"token": robot_token}).to_string());
    let told = tell(
        identity("quay.example.com:8443", from, &[]).unwrap(),
        proof("quay.example.com:8443"),
        &[answer],
        noon(),
    );
    let minted = told.end.unwrap().credentials;
    assert_eq!(
        (minted.credentials.username(), minted.credentials.password()),
        ("acme+puller", robot_token.as_str())
    );
    assert_eq!(
        told.requests[0].url.as_str(),
        "https://quay.example.com:8443/oauth2/federation/robot/token"
    );
    let sent = STANDARD
        .decode(header(&told.requests[0], "authorization").trim_start_matches("Basic "))
        .unwrap();
    assert!(sent.starts_with(b"acme+puller:"));
}

#[test]
fn token_for_anybody_else_is_not_sent() {
    let from = account("aws", json!({"roleArn": ROLE}));
    let identity_of = |from: &Value| identity(ECR, from.clone(), &[]).unwrap();
    let two = token(&json!({"iss": "https://issuer.example.com", "sub": "s", "aud": ["sts.amazonaws.com", "other"]}));
    let none = token(&json!({"iss": "https://issuer.example.com", "sub": "s", "aud": []}));
    let absent = token(&json!({"iss": "https://issuer.example.com", "sub": "s"}));
    for wrong in [
        two,
        none,
        absent,
        account_token("https://issuer.example.com"),
        "no token".to_owned(),
    ] {
        let told = tell(identity_of(&from), Proof::Token(wrong.into()), &[], noon());
        assert_eq!(told.end.unwrap_err().problem.reason, Reason::AudienceRefused);
        assert!(told.requests.is_empty());
    }
    // The cluster's own issuer is the audience of its API server.
    let own = account(
        "aws",
        json!({"roleArn": ROLE, "audience": "https://issuer.example.com"}),
    );
    let told = tell(identity_of(&own), proof("https://issuer.example.com"), &[], noon());
    let failure = told.end.unwrap_err().problem;
    assert!(
        failure.message.contains("would be a login to this cluster"),
        "{}",
        failure.message
    );
    assert!(told.requests.is_empty());
}

#[test]
fn credentials_that_have_expired_already_are_none() {
    // moto, an emulator of AWS, answers with the year 2015.
    let identity = identity(ECR, account("aws", json!({"roleArn": ROLE})), &[]).unwrap();
    let answers = [good(STS_ANSWER), good(ecr_answer(false, 1_420_070_400.0).to_string())];
    let failure = tell(identity, proof("sts.amazonaws.com"), &answers, noon())
        .end
        .unwrap_err();
    assert!(failure.is_transient() && failure.problem.message.contains("expired already"));
}

/// A key that signs requests to Google.
fn google_key() -> Proof {
    Proof::GoogleKey(google_key::file().into())
}

/// The claims that such a request is signed for.
fn signed_claims(request: &CloudRequest) -> Value {
    let sent = body(request);
    let (_, assertion) = sent.split_once("assertion=").unwrap();
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&claims).unwrap()
}

#[test]
fn key_file_of_google_gets_a_token_and_signs_again_if_the_clock_was_wrong() {
    let identity = identity("gcr.io", json!({"staticKeyRef": {"name": "key"}, "google": {}}), &[]).unwrap();
    let answer = good(json!({"access_token": "ya29.c.canary", "expires_in": 3599}).to_string());
    let told = tell(identity.clone(), google_key(), std::slice::from_ref(&answer), noon());
    let minted = told.end.unwrap();
    assert_eq!(minted.credentials.credentials.password(), "ya29.c.canary");
    assert_eq!((minted.credentials.expires_at, minted.skew), (later(3599), None));
    assert_eq!(told.requests[0].url.as_str(), "https://oauth2.googleapis.com/token");
    let claims = signed_claims(&told.requests[0]);
    assert_eq!(
        (&claims["iss"], &claims["iat"], &claims["aud"]),
        (
            &json!(google_key::EMAIL),
            &json!(noon().as_second()),
            &json!("https://oauth2.googleapis.com/token")
        )
    );

    let text = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
    let refusal = CloudResponse {
        status: 400,
        ..good(json!({"error": "invalid_grant", "error_description": text}).to_string())
    };
    let now = later(1200);
    let told = tell(identity.clone(), google_key(), &[refusal.clone(), answer], now);
    assert!(told.end.unwrap().skew.unwrap().contains("20 minutes ahead of"));
    let times: Vec<Value> = told
        .requests
        .iter()
        .map(|request| signed_claims(request)["iat"].clone())
        .collect();
    assert_eq!(times, [json!(now.as_second()), json!(noon().as_second())]);
    let told = tell(identity.clone(), google_key(), &[refusal.clone(), refusal.clone()], now);
    assert_eq!(told.end.unwrap_err().problem.reason, Reason::ClockSkew);
    // Without a difference to correct there is nothing to sign again.
    let told = tell(identity, google_key(), &[refusal], noon());
    assert_eq!(told.end.unwrap_err().problem.reason, Reason::ClockSkew);
}

#[test]
fn pause_of_years_is_not_kept() {
    let identity = identity(ECR, account("aws", json!({"roleArn": ROLE})), &[]).unwrap();
    for (asked, kept) in [(90, 90), (u64::MAX, 24 * 3600)] {
        let limited = CloudResponse {
            status: 429,
            retry_after: Some(Duration::from_secs(asked)),
            ..good("")
        };
        let failure = tell(identity.clone(), proof("sts.amazonaws.com"), &[limited], noon())
            .end
            .unwrap_err();
        assert_eq!(failure.retry_after, Some(Duration::from_secs(kept)));
    }
}

#[test]
fn nothing_shows_a_secret() {
    let identity = identity(ECR, account("aws", json!({"roleArn": ROLE})), &[]).unwrap();
    let (mut exchange, request) = Exchange::begin(identity, proof("sts.amazonaws.com"), noon()).unwrap();
    let token = account_token("sts.amazonaws.com");
    assert!(!format!("{request:?} {exchange:?}").contains(&token));
    let next = exchange.answer(&good(STS_ANSWER), noon()).unwrap();
    let shown = format!("{next:?} {exchange:?} {:?}", good(STS_ANSWER));
    assert!(!shown.contains("canary"), "{shown}");
}

proptest! {
    #[test]
    fn no_answer_breaks_an_exchange(status in prop::sample::select(vec![200u16, 201, 204, 301, 400, 401, 403, 404, 429, 500, 503]), body in prop::collection::vec(any::<u8>(), 0..200), text in "[ -~]{0,100}", is_text in any::<bool>()) {
        let rows = [
            (ECR, account("aws", json!({"roleArn": ROLE})), "sts.amazonaws.com".to_owned()),
            ("example.azurecr.io", account("azure", json!({"clientId": ID, "tenantId": ID})), "api://AzureADTokenExchange".to_owned()),
            ("gcr.io", account("google", json!({"workloadIdentityProvider": POOL})), format!("//iam.googleapis.com/{POOL}")),
            ("quay.io", account("quay", json!({"robot": "acme+puller"})), "quay.io".to_owned()),
        ];
        for (host, from, audience) in rows {
            let identity = identity(host, from, &[]).unwrap();
            let answer = CloudResponse { status, body: if is_text { text.clone().into_bytes() } else { body.clone() }, ..good("") };
            let (mut exchange, _) = Exchange::begin(identity, proof(&audience), noon()).unwrap();
            if let Err(failure) = exchange.answer(&answer, noon()) {
                prop_assert!(!failure.problem.message.is_empty() && failure.problem.message.len() < 1024);
            }
        }
    }
}
