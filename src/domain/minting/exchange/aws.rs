//! Amazon: a session of STS, then credentials of ECR. The shapes are those of the service models of botocore 1.44.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::api::Reason;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::minting::claims::seconds;
use crate::domain::minting::exchange::Exchange;
use crate::domain::minting::exchange::http::{CloudRequest, CloudResponse, https, malformed};
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::host::EcrRegistry;
use crate::domain::minting::identity::Grant;
use crate::domain::minting::minted::version;
use crate::domain::minting::static_key::AwsKeys;
use crate::domain::time::Timestamp;

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
struct Authorization {
    authorization_token: SecretString,
    expires_at: f64,
}

/// A list from ECR, an object from ECR Public.
#[derive(Deserialize)]
#[serde(untagged)]
enum Authorizations {
    Many(Vec<Authorization>),
    One(Authorization),
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

/// What AWS answered instead.
pub(super) struct AwsRefusal {
    status: u16,
    /// Without a namespace before `#`. `None`: the answer was good, and cannot be read.
    code: Option<String>,
    text: String,
}

impl AwsRefusal {
    fn new(status: u16, error: Option<(String, String)>) -> Self {
        let (code, text) = error.unwrap_or_default();
        Self {
            status,
            code: Some(code.rsplit('#').next().unwrap_or_default().to_owned()),
            text,
        }
    }

    fn unreadable() -> Self {
        Self {
            status: 200,
            code: None,
            text: String::new(),
        }
    }

    /// Whether the signature was refused for its time.
    pub(super) fn is_about_time(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        self.code.as_deref() == Some("RequestExpired")
            || text.contains("signature expired")
            || text.contains("signature not yet current")
    }

    /// What it means. `has_session`: the refusal is of ECR.
    pub(super) fn failure(&self, exchange: &Exchange, has_session: bool) -> MintFailure {
        let who = exchange.who_answers();
        let Some(code) = self.code.as_deref() else {
            return malformed(who);
        };
        let said = format!("{who} answered {} {code}: {}", self.status, exchange.words(&self.text));
        if code.contains("Throttl") || code == "TooManyRequestsException" || code == "RequestLimitExceeded" {
            return MintFailure::new(Reason::ExchangeRateLimited, format!("{said}; the operator tries again"));
        }
        if self.is_about_time() {
            return MintFailure::new(
                Reason::ClockSkew,
                "AWS refuses the time in the signature: set the clock of the operator's node",
            );
        }
        let (reason, remedy) = if has_session {
            ecr_remedy(code, exchange)
        } else {
            sts_remedy(code, &self.text, exchange)
        };
        MintFailure::new(reason, format!("{said}; {remedy}"))
    }
}

fn sts_remedy(code: &str, text: &str, exchange: &Exchange) -> (Reason, String) {
    let Grant::Aws { registry, role_arn } = &exchange.identity.grant else {
        return (Reason::ExchangeMalformed, "this is a bug, please report it".to_owned());
    };
    let role = role_arn.as_deref().unwrap_or_default();
    let claims = &exchange.claims;
    let issuer = claims.iss.trim_start_matches("https://");
    let audience = claims.aud.join(", ");
    let is_token = !claims.iss.is_empty();
    match code {
        "AccessDenied" if is_token => (
            Reason::TrustRefused,
            format!(
                "either the role {role} does not exist, or its trust policy does not allow this ServiceAccount: allow sts:AssumeRoleWithWebIdentity to the OIDC provider of {issuer}, with StringEquals \"{issuer}:sub\": \"{}\" and \"{issuer}:aud\": \"{audience}\"",
                claims.sub
            ),
        ),
        "AccessDenied" => (
            Reason::TrustRefused,
            format!(
                "allow the user of the key sts:AssumeRole on {role}, in its own policy and in the trust policy of the role"
            ),
        ),
        "InvalidIdentityToken" if text.contains("audience") => (
            Reason::AudienceRefused,
            format!("add {audience} to the audiences (client ids) of the IAM OIDC provider of {issuer}"),
        ),
        "InvalidIdentityToken" => (
            Reason::TrustRefused,
            format!(
                "create an IAM OIDC provider for {} in the account of the role, with the audience {audience}",
                claims.iss
            ),
        ),
        "IDPCommunicationError" => (
            Reason::IssuerUnreachable,
            format!(
                "AWS cannot fetch {}/.well-known/openid-configuration: it has to be reachable from the internet; the operator tries again",
                claims.iss
            ),
        ),
        "IDPRejectedClaim" => (
            Reason::TrustRefused,
            format!("the IAM OIDC provider refuses this token: {}", exchange.trusted()),
        ),
        "ExpiredTokenException" | "ExpiredToken" => (
            Reason::ClockSkew,
            "the token was created a moment ago: set the clock of the API server's node".to_owned(),
        ),
        "RegionDisabledException" => (
            Reason::PermissionDenied,
            format!(
                "activate STS in the region {} in the account settings of IAM",
                registry.region
            ),
        ),
        _ => (
            Reason::PermissionDenied,
            format!("check the role {role} and who may assume it"),
        ),
    }
}

fn ecr_remedy(code: &str, exchange: &Exchange) -> (Reason, String) {
    let Grant::Aws { registry, role_arn } = &exchange.identity.grant else {
        return (Reason::ExchangeMalformed, "this is a bug, please report it".to_owned());
    };
    let who = role_arn
        .as_ref()
        .map_or_else(|| "the user of the key".to_owned(), |role| format!("the role {role}"));
    let remedy = match code {
        "AccessDeniedException" | "AccessDenied" if registry.is_public => {
            format!("allow {who} ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken")
        }
        "AccessDeniedException" | "AccessDenied" => format!(
            "allow {who} ecr:GetAuthorizationToken on \"*\", and the rights to pull, as the managed policy AmazonEC2ContainerRegistryPullOnly does"
        ),
        "UnrecognizedClientException" | "InvalidClientTokenId" => {
            "AWS does not know this access key: it was deleted or deactivated, or is of another partition".to_owned()
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            "the secret access key does not belong to the access key id: correct the Secret".to_owned()
        }
        "ExpiredTokenException" | "ExpiredToken" => "the session has expired: put a new one into the Secret".to_owned(),
        _ => format!("check what {who} may do"),
    };
    (Reason::PermissionDenied, remedy)
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
