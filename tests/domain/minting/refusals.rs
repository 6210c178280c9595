//! Every answer that a cloud is known to refuse with, and the sentence that a user reads.

use dps::api::Reason;
use dps::domain::minting::exchange::CloudResponse;
use dps::domain::minting::static_key::{AwsKeys, Proof};
use serde_json::{Value, json};

use crate::minting::exchange::{ECR, ROLE, STS_ANSWER, good, proof, tell};
use crate::minting::{account, account_token, identity, noon};
use crate::support::google_key::file;

const ID: &str = "11111111-2222-3333-4444-555555555555";
const POOL: &str = "projects/123/locations/global/workloadIdentityPools/pool/providers/cluster";
const EMAIL: &str = "pull@acme.iam.gserviceaccount.com";

/// Status, body, reason, and words of the sentence.
type Row<'a> = (u16, String, Reason, &'a [&'a str]);

fn answer(status: u16, body: &str) -> CloudResponse {
    CloudResponse { status, ..good(body) }
}

/// Checks the rows, each after the same good answers.
fn check(host: &str, from: &Value, proof: &Proof, before: &[CloudResponse], rows: &[Row<'_>]) {
    for (status, body, reason, words) in rows {
        let identity = identity(host, from.clone(), &[]).unwrap();
        let answers = [before, &[answer(*status, body)]].concat();
        let failure = tell(identity, proof.clone(), &answers, noon()).end.unwrap_err().problem;
        assert_eq!(failure.reason, *reason, "{}", failure.message);
        for word in *words {
            assert!(failure.message.contains(word), "{word:?} in {}", failure.message);
        }
        assert!(
            failure.message.len() < 1024 && !failure.message.contains("canary"),
            "{}",
            failure.message
        );
    }
}

fn sts(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>1</RequestId></ErrorResponse>"
    )
}

fn ecr(code: &str, message: &str) -> String {
    json!({"__type": format!("com.amazonaws.ecr#{code}"), "Message": message}).to_string()
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn of_amazons_sessions() {
    let rows: [Row<'_>; 11] = [
        (
            403,
            sts(
                "AccessDenied",
                "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            ),
            Reason::TrustRefused,
            &[
                "role/pull",
                "issuer.example.com:sub",
                "system:serviceaccount:team:puller",
                "\"sts.amazonaws.com\"",
            ],
        ),
        (
            400,
            sts(
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://issuer.example.com",
            ),
            Reason::TrustRefused,
            &[
                "create an IAM OIDC provider",
                "https://issuer.example.com",
                "sts.amazonaws.com",
            ],
        ),
        (
            400,
            sts("InvalidIdentityToken", "Incorrect token audience"),
            Reason::AudienceRefused,
            &["add sts.amazonaws.com to the audiences"],
        ),
        (
            400,
            sts("IDPCommunicationError", "Could not connect"),
            Reason::IssuerUnreachable,
            &["/.well-known/openid-configuration", "from the internet"],
        ),
        (
            400,
            sts("ExpiredTokenException", "Token expired"),
            Reason::ClockSkew,
            &["set the clock"],
        ),
        (
            403,
            sts("IDPRejectedClaim", "no"),
            Reason::TrustRefused,
            &[
                "issuer https://issuer.example.com, subject system:serviceaccount:team:puller, audience sts.amazonaws.com",
            ],
        ),
        (
            403,
            sts("RegionDisabledException", "no"),
            Reason::PermissionDenied,
            &["activate STS in the region eu-west-1"],
        ),
        (
            400,
            sts("Throttling", "Rate exceeded"),
            Reason::ExchangeRateLimited,
            &["tries again"],
        ),
        (
            400,
            sts("ValidationError", "bad"),
            Reason::PermissionDenied,
            &["check the role arn:aws:iam::123456789012:role/pull"],
        ),
        (400, "<html>".to_owned(), Reason::PermissionDenied, &["400"]),
        (200, "<html>".to_owned(), Reason::ExchangeMalformed, &["cannot be read"]),
    ];
    check(
        ECR,
        &account("aws", json!({"roleArn": ROLE})),
        &proof("sts.amazonaws.com"),
        &[],
        &rows,
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn of_amazons_registries() {
    let rows: [Row<'_>; 8] = [
        (
            400,
            ecr(
                "InvalidSignatureException",
                "The request signature we calculated does not match",
            ),
            Reason::PermissionDenied,
            &["does not belong to the access key id"],
        ),
        (
            400,
            ecr(
                "InvalidSignatureException",
                "Signature expired: 20261127T1 is now earlier than 20261127T2",
            ),
            Reason::ClockSkew,
            &["set the clock"],
        ),
        (
            400,
            ecr(
                "UnrecognizedClientException",
                "The security token included in the request is invalid.",
            ),
            Reason::PermissionDenied,
            &["does not know this access key"],
        ),
        (
            403,
            ecr(
                "AccessDeniedException",
                "User: arn is not authorized to perform: ecr:GetAuthorizationToken",
            ),
            Reason::PermissionDenied,
            &["allow the role arn:aws:iam::123456789012:role/pull ecr:GetAuthorizationToken"],
        ),
        (
            400,
            ecr("ThrottlingException", "Rate exceeded"),
            Reason::ExchangeRateLimited,
            &["tries again"],
        ),
        (429, String::new(), Reason::ExchangeRateLimited, &["Amazon ECR", "429"]),
        (503, String::new(), Reason::ExchangeUnreachable, &["503"]),
        (302, String::new(), Reason::ExchangeMalformed, &["no token is sent"]),
    ];
    check(
        ECR,
        &account("aws", json!({"roleArn": ROLE})),
        &proof("sts.amazonaws.com"),
        &[good(STS_ANSWER)],
        &rows,
    );
    let public: [Row<'_>; 1] = [(
        403,
        ecr("AccessDeniedException", "no"),
        Reason::PermissionDenied,
        &["ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken"],
    )];
    check(
        "public.ecr.aws",
        &account("aws", json!({"roleArn": ROLE})),
        &proof("sts.amazonaws.com"),
        &[good(STS_ANSWER)],
        &public,
    );
    let keys = Proof::Aws(AwsKeys {
        id: "AKIAEXAMPLE".to_owned(),
        secret: "secret-key-canary".into(),
        session: Some("session-canary".into()),
    });
    let own: [Row<'_>; 2] = [
        (
            400,
            ecr("ExpiredTokenException", "expired"),
            Reason::PermissionDenied,
            &["the session has expired"],
        ),
        (
            403,
            ecr("AccessDeniedException", "no"),
            Reason::PermissionDenied,
            &["allow the user of the key ecr:GetAuthorizationToken"],
        ),
    ];
    check(
        ECR,
        &json!({"staticKeyRef": {"name": "key"}, "aws": {}}),
        &keys,
        &[],
        &own,
    );
    let role: [Row<'_>; 5] = [
        (
            403,
            sts("AccessDenied", "User is not authorized to perform: sts:AssumeRole"),
            Reason::TrustRefused,
            &["sts:AssumeRole on arn:aws:iam::123456789012:role/pull"],
        ),
        (
            403,
            sts(
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match",
            ),
            Reason::PermissionDenied,
            &["does not belong to the access key id"],
        ),
        (
            403,
            sts(
                "SignatureDoesNotMatch",
                "Signature expired: 20261127T1 is now earlier than 20261127T2",
            ),
            Reason::ClockSkew,
            &["set the clock"],
        ),
        (
            403,
            sts(
                "InvalidClientTokenId",
                "The security token included in the request is invalid.",
            ),
            Reason::PermissionDenied,
            &["does not know this access key"],
        ),
        (
            403,
            sts("ExpiredToken", "The security token included in the request is expired"),
            Reason::PermissionDenied,
            &["the session has expired"],
        ),
    ];
    check(
        ECR,
        &json!({"staticKeyRef": {"name": "key"}, "aws": {"roleArn": ROLE}}),
        &keys,
        &[],
        &role,
    );
}

fn entra(code: &str, text: &str) -> String {
    json!({"error": "invalid_client", "error_description": format!("AADSTS{code}: {text}\r\nTrace ID: 1234 Correlation ID: 5678 Timestamp: 2026-11-27 12:00:00Z"), "error_codes": [700_213]}).to_string()
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn of_microsoft() {
    let trusted = "issuer https://issuer.example.com, subject system:serviceaccount:team:puller, audience api://AzureADTokenExchange";
    let rows: [Row<'_>; 11] = [
        (
            401,
            entra("70021", "No matching federated identity record found"),
            Reason::TrustRefused,
            &["add a federated credential", trusted],
        ),
        (
            400,
            entra(
                "700211",
                "No matching federated identity record found for presented assertion issuer",
            ),
            Reason::TrustRefused,
            &[trusted],
        ),
        (
            400,
            entra(
                "700212",
                "No matching federated identity record found for presented assertion audience",
            ),
            Reason::AudienceRefused,
            &[trusted],
        ),
        (
            400,
            entra(
                "700213",
                "No matching federated identity record found for presented assertion subject",
            ),
            Reason::TrustRefused,
            &[trusted],
        ),
        (
            400,
            entra("700024", "Client assertion is not within its valid time range"),
            Reason::ClockSkew,
            &["set the clock"],
        ),
        (
            400,
            entra("700016", "Application not found in the directory"),
            Reason::TrustRefused,
            &["no application or managed identity 11111111"],
        ),
        (
            400,
            entra("90002", "Tenant not found"),
            Reason::TrustRefused,
            &["there is no tenant"],
        ),
        (
            401,
            entra("7000215", "Invalid client secret provided"),
            Reason::PermissionDenied,
            &["put its value into the Secret, not its id"],
        ),
        (
            401,
            entra("7000222", "The provided client secret keys are expired"),
            Reason::PermissionDenied,
            &["has expired"],
        ),
        (
            400,
            entra("500011", "The resource principal was not found"),
            Reason::RegistryMismatch,
            &["another cloud"],
        ),
        (
            400,
            entra("999999", "Something"),
            Reason::TrustRefused,
            &["check the federated credentials"],
        ),
    ];
    let from = account("azure", json!({"clientId": ID, "tenantId": ID}));
    check(
        "example.azurecr.io",
        &from,
        &proof("api://AzureADTokenExchange"),
        &[],
        &rows,
    );
    // What is different each time would have the status written each time.
    let identity = identity("example.azurecr.io", from.clone(), &[]).unwrap();
    let failure = tell(
        identity,
        proof("api://AzureADTokenExchange"),
        &[answer(400, &rows[3].1)],
        noon(),
    );
    let message = failure.end.unwrap_err().problem.message;
    assert!(
        !["1234", "5678", "12:00"].iter().any(|part| message.contains(part)),
        "{message}"
    );

    let registry = |message: &str| json!({"errors": [{"code": "UNAUTHORIZED", "message": message}]}).to_string();
    let rows: [Row<'_>; 5] = [
        (
            401,
            registry("authentication required, visit https://aka.ms/acr/authorization for more information."),
            Reason::PermissionDenied,
            &["grant 11111111", "AcrPull", "az role assignment create"],
        ),
        (
            401,
            registry("token validation failed"),
            Reason::PermissionDenied,
            &["AcrPull"],
        ),
        (
            403,
            registry("client with IP '203.0.113.7' is not allowed access"),
            Reason::PermissionDenied,
            &["firewall of example.azurecr.io"],
        ),
        (
            404,
            String::new(),
            Reason::RegistryMismatch,
            &["is no Azure Container Registry"],
        ),
        (429, String::new(), Reason::ExchangeRateLimited, &["429"]),
    ];
    let token = good(json!({"access_token": "entra-token-canary"}).to_string());
    check(
        "example.azurecr.io",
        &from,
        &proof("api://AzureADTokenExchange"),
        &[token],
        &rows,
    );
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn of_google() {
    let refusal = |code: &str, text: &str| json!({"error": code, "error_description": text}).to_string();
    let audience = format!("//iam.googleapis.com/{POOL}");
    let trusted =
        format!("issuer https://issuer.example.com, subject system:serviceaccount:team:puller, audience {audience}");
    let trusted = [trusted.as_str()];
    let rows: [Row<'_>; 6] = [
        (
            400,
            refusal("invalid_request", "Invalid value for \"audience\"."),
            Reason::TrustRefused,
            &["the number of the project, not its id"],
        ),
        (
            400,
            refusal(
                "invalid_target",
                "The target service indicated by the \"audience\" parameters is invalid.",
            ),
            Reason::TrustRefused,
            &["disabled or deleted"],
        ),
        (
            400,
            refusal("invalid_grant", "The audience in ID Token does not match"),
            Reason::AudienceRefused,
            &trusted,
        ),
        (
            400,
            refusal("invalid_grant", "Error connecting to the given credential's issuer."),
            Reason::TrustRefused,
            &trusted,
        ),
        (
            403,
            refusal(
                "unauthorized_client",
                "The given credential is rejected by the attribute condition.",
            ),
            Reason::TrustRefused,
            &["attribute condition"],
        ),
        (400, String::new(), Reason::TrustRefused, &["check the provider"]),
    ];
    let from = account(
        "google",
        json!({"workloadIdentityProvider": POOL, "serviceAccountEmail": EMAIL}),
    );
    check("gcr.io", &from, &proof(&audience), &[], &rows);
    let denied = json!({"error": {"code": 403, "message": "Permission 'iam.serviceAccounts.getAccessToken' denied on resource", "status": "PERMISSION_DENIED"}}).to_string();
    let rows: [Row<'_>; 3] = [
        (429, String::new(), Reason::ExchangeRateLimited, &["Google", "429"]),
        (
            403,
            denied,
            Reason::PermissionDenied,
            &[
                "roles/iam.workloadIdentityUser",
                EMAIL,
                "gcloud iam service-accounts add-iam-policy-binding",
            ],
        ),
        (
            404,
            json!({"error": {"code": 404, "message": "Not found", "status": "NOT_FOUND"}}).to_string(),
            Reason::TrustRefused,
            &["there is no service account"],
        ),
    ];
    let subject = good(json!({"access_token": "ya29.d.canary", "expires_in": 600}).to_string());
    check("gcr.io", &from, &proof(&audience), &[subject], &rows);
    let rows: [Row<'_>; 2] = [
        (
            400,
            refusal("invalid_grant", "Invalid JWT Signature."),
            Reason::PermissionDenied,
            &["create another key"],
        ),
        (
            400,
            refusal("invalid_grant", "Invalid grant: account not found"),
            Reason::PermissionDenied,
            &["or its service account was"],
        ),
    ];
    let from = json!({"staticKeyRef": {"name": "key"}, "google": {}});
    check("gcr.io", &from, &Proof::GoogleKey(file().into()), &[], &rows);
}

#[test]
fn of_quay() {
    let refusal = |text: &str| json!({"error": text}).to_string();
    let rows: [Row<'_>; 3] = [
        (429, refusal("slow_down"), Reason::ExchangeRateLimited, &["Quay", "429"]),
        (
            401,
            refusal("Token does not match robot"),
            Reason::TrustRefused,
            &[
                "acme+puller",
                "issuer https://issuer.example.com, subject system:serviceaccount:team:puller, audience quay.io",
            ],
        ),
        (
            404,
            String::new(),
            Reason::RegistryMismatch,
            &["is no Quay with robot federation"],
        ),
    ];
    check(
        "quay.io",
        &account("quay", json!({"robot": "acme+puller"})),
        &proof("quay.io"),
        &[],
        &rows,
    );
}

#[test]
fn cloud_that_repeats_the_token_is_not_repeated() {
    let token = account_token("quay.io");
    let rows: [Row<'_>; 1] = [(
        401,
        json!({"error": format!("bad token {token}")}).to_string(),
        Reason::TrustRefused,
        &["401"],
    )];
    check(
        "quay.io",
        &account("quay", json!({"robot": "acme+puller"})),
        &proof("quay.io"),
        &[],
        &rows,
    );
    let identity = identity("quay.io", account("quay", json!({"robot": "acme+puller"})), &[]).unwrap();
    let failure = tell(identity, proof("quay.io"), &[answer(401, &rows[0].1)], noon())
        .end
        .unwrap_err();
    assert!(
        !failure.problem.message.contains(&token[20..60]),
        "{}",
        failure.problem.message
    );
}
