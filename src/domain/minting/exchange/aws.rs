//! Amazon: a session of STS, then credentials of ECR. The shapes are those of the service models of botocore 1.44.

mod refusal;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::api::Reason;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::minting::claims::seconds;
use crate::domain::minting::exchange::http::{CloudRequest, CloudResponse, https};
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::host::EcrRegistry;
use crate::domain::minting::minted::version;
use crate::domain::minting::static_key::AwsKeys;
use crate::domain::time::Timestamp;

pub(super) use crate::domain::minting::exchange::aws::refusal::AwsRefusal;

/// Lifetime of a session in seconds, the shortest: it is used at once.
const SESSION: &str = "900";

/// What a session may do at most, whatever its role may do: pull.
const PULL_ONLY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ecr:GetAuthorizationToken","ecr:BatchCheckLayerAvailability","ecr:BatchGetImage","ecr:GetDownloadUrlForLayer","ecr:BatchImportUpstreamImage","ecr-public:GetAuthorizationToken","sts:GetServiceBearerToken"],"Resource":"*"}]}"#;

/// Longest name of a session.
const SESSION_NAME: usize = 64;

/// For a session of a role, with the token of a ServiceAccount.
pub(super) fn web_identity(
    registry: &EcrRegistry,
    role: &str,
    subject: &str,
    token: &SecretString,
) -> Result<CloudRequest, MintFailure> {
    CloudRequest::form(
        &registry.sts,
        "/",
        &[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", &session_name(subject)),
            ("DurationSeconds", SESSION),
            ("Policy", PULL_ONLY),
            ("WebIdentityToken", token.expose_secret()),
        ],
    )
}

/// Names who pulls in AWS's audit log: `NAMESPACE.NAME`, if that is not too long.
fn session_name(subject: &str) -> String {
    let name = subject.trim_start_matches("system:serviceaccount:").replace(':', ".");
    if (2..=SESSION_NAME).contains(&name.len()) {
        name
    } else {
        version(subject)
    }
}

/// For a session of a role, with a long-lived key.
pub(super) fn assume_role(
    registry: &EcrRegistry,
    role: &str,
    keys: &AwsKeys,
    time: Timestamp,
) -> Result<CloudRequest, MintFailure> {
    let request = CloudRequest::form(
        &registry.sts,
        "/",
        &[
            ("Action", "AssumeRole"),
            ("Version", "2011-06-15"),
            ("RoleArn", role),
            ("RoleSessionName", "docker-pull-secret-operator"),
            ("DurationSeconds", SESSION),
            ("Policy", PULL_ONLY),
        ],
    )?;
    signed(request, "sts", &registry.region, keys, time)
}

/// For credentials of a registry.
pub(super) fn authorization(
    registry: &EcrRegistry,
    keys: &AwsKeys,
    time: Timestamp,
) -> Result<CloudRequest, MintFailure> {
    let (service, target) = if registry.is_public {
        ("ecr-public", "SpencerFrontendService.GetAuthorizationToken")
    } else {
        ("ecr", "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken")
    };
    let request = CloudRequest {
        url: https(&registry.ecr, "/")?,
        headers: vec![
            ("content-type", "application/x-amz-json-1.1".into()),
            ("x-amz-target", target.into()),
        ],
        body: Some("{}".into()),
    };
    signed(request, service, &registry.region, keys, time)
}

/// Signs a request (Signature Version 4).
fn signed(
    mut request: CloudRequest,
    service: &str,
    region: &str,
    keys: &AwsKeys,
    time: Timestamp,
) -> Result<CloudRequest, MintFailure> {
    let unsignable = || {
        MintFailure::new(
            Reason::Malformed,
            "the keys cannot sign a request: check them for characters that do not belong there",
        )
    };
    let session = keys.session.as_ref().map(|session| session.expose_secret().to_owned());
    let identity = Credentials::new(&keys.id, keys.secret.expose_secret(), session, None, "dps").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(time.into())
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| unsignable())?
        .into();
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (*name, value.expose_secret()))
        .collect();
    let body = request.body.as_ref().map_or("", |body| body.expose_secret());
    let signable = SignableRequest::new(
        "POST",
        request.url.as_str(),
        headers.into_iter(),
        SignableBody::Bytes(body.as_bytes()),
    );
    let (instructions, _) = sign(signable.map_err(|_| unsignable())?, &parameters)
        .map_err(|_| unsignable())?
        .into_parts();
    let (headers, _) = instructions.into_parts();
    let headers = headers.into_iter().map(|header| (header.name(), header.value().into()));
    request.headers.extend(headers);
    Ok(request)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SessionKeys {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SessionResult {
    credentials: SessionKeys,
}

/// The answer of either call for a session.
#[derive(Deserialize)]
struct SessionResponse {
    #[serde(rename = "AssumeRoleWithWebIdentityResult", alias = "AssumeRoleResult")]
    result: SessionResult,
}

#[derive(Deserialize)]
struct XmlRefusal {
    #[serde(rename = "Error")]
    error: XmlError,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct XmlError {
    code: String,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct JsonError {
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(alias = "Message", default)]
    message: String,
}

/// The keys in the answer of STS.
pub(super) fn session(response: &CloudResponse) -> Result<AwsKeys, AwsRefusal> {
    let text = String::from_utf8_lossy(&response.body);
    if !response.is_good() {
        let error = quick_xml::de::from_str::<XmlRefusal>(&text).map(|refusal| refusal.error);
        return Err(AwsRefusal::new(
            response.status,
            error.map(|error| (error.code, error.message)).ok(),
        ));
    }
    let answer: SessionResponse = quick_xml::de::from_str(&text).map_err(|_| AwsRefusal::unreadable())?;
    let keys = answer.result.credentials;
    Ok(AwsKeys {
        id: keys.access_key_id,
        secret: keys.secret_access_key.into(),
        session: Some(keys.session_token.into()),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EcrLogin {
    authorization_token: SecretString,
    expires_at: f64,
}

/// A list from ECR, an object from ECR Public.
#[derive(Deserialize)]
#[serde(untagged)]
enum Authorizations {
    Many(Vec<EcrLogin>),
    One(EcrLogin),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizationResponse {
    authorization_data: Authorizations,
}

/// The credentials in the answer of ECR, and their end.
pub(super) fn credentials(response: &CloudResponse) -> Result<(RegistryCredentials, Timestamp), AwsRefusal> {
    if !response.is_good() {
        let error = serde_json::from_slice::<JsonError>(&response.body);
        return Err(AwsRefusal::new(
            response.status,
            error.map(|error| (error.code, error.message)).ok(),
        ));
    }
    let read = || {
        let answer: AuthorizationResponse = serde_json::from_slice(&response.body).ok()?;
        let one = match answer.authorization_data {
            Authorizations::One(one) => one,
            Authorizations::Many(many) => many.into_iter().next()?,
        };
        let credentials =
            RegistryCredentials::from_auth(one.authorization_token.expose_secret(), &mut Vec::new()).ok()?;
        Some((credentials, seconds(one.expires_at)?))
    };
    read().ok_or_else(AwsRefusal::unreadable)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails that way")]
mod tests {
    use super::*;

    /// `post-vanilla` and `post-x-www-form-urlencoded` of AWS's published test suite for Signature Version 4.
    #[test]
    fn signatures_are_those_of_the_published_suite() {
        let keys = AwsKeys {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session: None,
        };
        let form = [("content-type", SecretString::from("application/x-www-form-urlencoded"))];
        let table = [
            (
                Vec::new(),
                None,
                "SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                form.to_vec(),
                Some("Param1=value1".into()),
                "SignedHeaders=content-type;host;x-amz-date, Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ];
        for (headers, body, wanted) in table {
            let request = CloudRequest {
                url: https("example.amazonaws.com", "/").unwrap(),
                headers,
                body,
            };
            let time = "2015-08-30T12:36:00Z".parse().unwrap();
            let signed = signed(request, "service", "us-east-1", &keys, time).unwrap();
            let (_, authorization) = signed
                .headers
                .iter()
                .find(|(name, _)| *name == "authorization")
                .unwrap();
            let credential = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";
            assert_eq!(authorization.expose_secret(), format!("{credential}, {wanted}"));
        }
    }
}
