//! Google: a federated token for the subject itself (RFC 8693), then perhaps one of a service account; or a token for a key file.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::Reason;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::minting::exchange::Exchange;
use crate::domain::minting::exchange::http::{CloudRequest, CloudResponse, OAuthRefusal, https, malformed};
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::identity::Grant;
use crate::domain::minting::static_key::Proof;
use crate::domain::time::{Timestamp, after};

/// What a token may do: the stored password is a token for all of Google's APIs, so it is asked to change nothing.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform.read-only";

/// User name with a token as password.
const USER: &str = "oauth2accesstoken";

/// The token server of service accounts. A key file that names another one may be a trap for the signed request.
const TOKEN_SERVER: &str = "oauth2.googleapis.com";

/// Lifetime of a token, unless the answer says another one.
const LIFETIME: Duration = Duration::from_hours(1);

/// For a token of the subject itself.
pub(super) fn subject_token(audience: &str, token: &SecretString) -> Result<CloudRequest, MintFailure> {
    CloudRequest::form(
        "sts.googleapis.com",
        "/v1/token",
        &[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("audience", audience),
            ("scope", SCOPE),
            ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("subject_token", token.expose_secret()),
        ],
    )
}

/// For a token of a service account.
pub(super) fn impersonation(email: &str, token: &SecretString) -> Result<CloudRequest, MintFailure> {
    let path = format!("/v1/projects/-/serviceAccounts/{email}:generateAccessToken");
    Ok(CloudRequest {
        url: https("iamcredentials.googleapis.com", &path)?,
        headers: vec![
            ("content-type", "application/json".into()),
            ("authorization", format!("Bearer {}", token.expose_secret()).into()),
        ],
        body: Some(json!({"scope": [SCOPE], "lifetime": "3600s"}).to_string().into()),
    })
}

#[derive(Deserialize)]
struct KeyFile {
    client_email: String,
    private_key: SecretString,
    #[serde(default)]
    token_uri: Option<String>,
}

/// For a token of the service account whose key file this is, signed with that key (RFC 7523).
pub(super) fn signed_request(key: &SecretString, now: Timestamp) -> Result<CloudRequest, MintFailure> {
    let wrong = |what: &str| {
        MintFailure::new(
            Reason::Malformed,
            format!("the key of spec.credentialsFrom.staticKeyRef {what}"),
        )
    };
    let key: KeyFile = serde_json::from_str(key.expose_secret())
        .map_err(|_| wrong("is no key file of a Google service account: it needs client_email and private_key"))?;
    let audience = format!("https://{TOKEN_SERVER}/token");
    if key.token_uri.is_some_and(|uri| uri != audience) {
        return Err(wrong(
            "names another token server in token_uri than https://oauth2.googleapis.com/token; nothing was sent there",
        ));
    }
    let second = now.as_second();
    let claims = json!({
        "iss": key.client_email, "scope": SCOPE, "aud": audience, "iat": second, "exp": second + 3600,
    });
    let parts = [json!({"alg": "RS256", "typ": "JWT"}), claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let message = parts.join(".");
    let pem = PrivatePkcs8KeyDer::from_pem_slice(key.private_key.expose_secret().as_bytes());
    let pair = pem
        .ok()
        .and_then(|der| RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok());
    let pair = pair.ok_or_else(|| wrong("has a private_key that is no RSA key in PKCS #8"))?;
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message.as_bytes(),
        &mut signature,
    )
    .map_err(|_| wrong("cannot sign"))?;
    let assertion = format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature));
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
    ];
    CloudRequest::form(TOKEN_SERVER, "/token", &fields)
}

/// A token with a lifetime in seconds, or with an end.
#[derive(Deserialize)]
struct GoogleToken {
    #[serde(alias = "accessToken")]
    access_token: SecretString,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default, rename = "expireTime")]
    expire_time: Option<Timestamp>,
}

impl GoogleToken {
    /// Its end, under the cloud's clock.
    fn end(&self, response: &CloudResponse, usual: Option<Timestamp>, now: Timestamp) -> Timestamp {
        let now = response.date.unwrap_or(now);
        let counted = self.expires_in.map(|seconds| after(now, Duration::from_secs(seconds)));
        counted
            .or(self.expire_time)
            .or(usual)
            .unwrap_or_else(|| after(now, LIFETIME))
    }
}

/// The token of the subject, and its end: unless the answer says one, that of the token of the ServiceAccount.
pub(super) fn subject_answer(
    response: &CloudResponse,
    exchange: &Exchange,
    now: Timestamp,
) -> Result<(SecretString, Timestamp), MintFailure> {
    if response.is_good() {
        let token: GoogleToken = response.json(exchange.who_answers())?;
        let end = token.end(response, exchange.claims.expires_at(), now);
        return Ok((token.access_token, end));
    }
    let refusal = OAuthRefusal::of(response);
    let (code, text) = (refusal.error.as_str(), refusal.error_description.as_str());
    let Grant::Google { audience, .. } = &exchange.identity.grant else {
        return Err(malformed(exchange.who_answers()));
    };
    let provider = audience.as_deref().unwrap_or_default();
    let trusted = exchange.trusted();
    let (reason, remedy) = match code {
        "invalid_request" if text.contains("audience") => (
            Reason::TrustRefused,
            format!("there is no provider {provider}: check its name, which has the number of the project, not its id"),
        ),
        "invalid_target" => (
            Reason::TrustRefused,
            format!("the pool or provider of {provider} does not exist, or is disabled or deleted"),
        ),
        "invalid_grant" if text.contains("audience") => (
            Reason::AudienceRefused,
            format!("allow this audience in the provider {provider}: {trusted}"),
        ),
        "invalid_grant" => (
            Reason::TrustRefused,
            format!("give the provider {provider} this issuer, and its keys where Google cannot fetch them: {trusted}"),
        ),
        "unauthorized_client" => (
            Reason::TrustRefused,
            format!("the attribute condition of {provider} refuses this token: {trusted}"),
        ),
        _ => (
            Reason::TrustRefused,
            format!("check the provider {provider}: {trusted}"),
        ),
    };
    Err(refused(response, code, text, exchange, reason, &remedy))
}

/// The token of a service account, and its end.
pub(super) fn account_answer(
    response: &CloudResponse,
    exchange: &Exchange,
    now: Timestamp,
) -> Result<(SecretString, Timestamp), MintFailure> {
    if response.is_good() {
        let token: GoogleToken = response.json(exchange.who_answers())?;
        let end = token.end(response, None, now);
        return Ok((token.access_token, end));
    }
    let Grant::Google { email, .. } = &exchange.identity.grant else {
        return Err(malformed(exchange.who_answers()));
    };
    let email = email.as_deref().unwrap_or_default();
    if matches!(exchange.proof, Proof::GoogleKey(_)) {
        let OAuthRefusal {
            error,
            error_description,
        } = OAuthRefusal::of(response);
        let (reason, remedy) = if is_about_time(response) {
            (Reason::ClockSkew, "set the clock of the operator's node")
        } else {
            let remedy = "the key was deleted or deactivated, or its service account was: create another key and put it into the Secret";
            (Reason::PermissionDenied, remedy)
        };
        return Err(refused(response, &error, &error_description, exchange, reason, remedy));
    }
    let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    let code = document["error"]["status"].as_str().unwrap_or_default();
    let text = document["error"]["message"].as_str().unwrap_or_default();
    let (reason, remedy) = match response.status {
        404 => (
            Reason::TrustRefused,
            format!("there is no service account {email}: correct serviceAccountEmail"),
        ),
        _ => (
            Reason::PermissionDenied,
            format!(
                "grant the role roles/iam.workloadIdentityUser on {email} to the principal of subject {}: gcloud iam service-accounts add-iam-policy-binding {email} --role roles/iam.workloadIdentityUser --member PRINCIPAL",
                exchange.claims.sub
            ),
        ),
    };
    Err(refused(response, code, text, exchange, reason, &remedy))
}

/// Whether a request that a key signed was refused for its time.
pub(super) fn is_about_time(response: &CloudResponse) -> bool {
    let refusal = OAuthRefusal::of(response);
    refusal.error == "invalid_grant" && refusal.error_description.contains("iat and exp")
}

fn refused(
    response: &CloudResponse,
    code: &str,
    text: &str,
    exchange: &Exchange,
    reason: Reason,
    remedy: &str,
) -> MintFailure {
    let (who, words) = (exchange.who_answers(), exchange.words(text));
    let code = exchange.words(code);
    MintFailure::new(
        reason,
        format!("{who} answered {} {code}: {words}; {remedy}", response.status),
    )
}

/// The credentials with a token.
pub(super) fn credentials(token: &SecretString) -> Result<RegistryCredentials, MintFailure> {
    RegistryCredentials::new(USER, token.expose_secret()).map_err(|_| malformed("Google"))
}
