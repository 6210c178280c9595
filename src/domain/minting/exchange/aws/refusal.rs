//! What AWS refuses, and what to do about it.

use crate::api::Reason;
use crate::domain::minting::exchange::Exchange;
use crate::domain::minting::exchange::http::malformed;
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::identity::Grant;

/// What AWS answered instead.
pub(in crate::domain::minting::exchange) struct AwsRefusal {
    status: u16,
    /// Without a namespace before `#`. `None`: the answer was good, and cannot be read.
    code: Option<String>,
    text: String,
}

impl AwsRefusal {
    pub(super) fn new(status: u16, error: Option<(String, String)>) -> Self {
        let (code, text) = error.unwrap_or_default();
        Self {
            status,
            code: Some(code.rsplit('#').next().unwrap_or_default().to_owned()),
            text,
        }
    }

    pub(super) fn unreadable() -> Self {
        Self {
            status: 200,
            code: None,
            text: String::new(),
        }
    }

    /// Whether the signature was refused for its time.
    pub(in crate::domain::minting::exchange) fn is_about_time(&self) -> bool {
        let text = self.text.to_ascii_lowercase();
        self.code.as_deref() == Some("RequestExpired")
            || text.contains("signature expired")
            || text.contains("signature not yet current")
    }

    /// What it means. `has_session`: the refusal is of ECR.
    pub(in crate::domain::minting::exchange) fn failure(&self, exchange: &Exchange, has_session: bool) -> MintFailure {
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
    if let Some(remedy) = key_remedy(code).filter(|_| !is_token) {
        return (Reason::PermissionDenied, remedy.to_owned());
    }
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
        _ => key_remedy(code).map_or_else(|| format!("check what {who} may do"), str::to_owned),
    };
    (Reason::PermissionDenied, remedy)
}

/// What is wrong with the key that signed, whichever service says so.
fn key_remedy(code: &str) -> Option<&'static str> {
    match code {
        "UnrecognizedClientException" | "InvalidClientTokenId" => {
            Some("AWS does not know this access key: it was deleted or deactivated, or is of another partition")
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            Some("the secret access key does not belong to the access key id: correct the Secret")
        }
        "ExpiredTokenException" | "ExpiredToken" => Some("the session has expired: put a new one into the Secret"),
        _ => None,
    }
}
