//! The conversation with a registry, response by response: what real registries are known to send.

use dps::api::RegistryType;
use dps::domain::credentials::RegistryCredentials;
use dps::domain::credentials::repetition::LEFT_OUT;
use dps::domain::registry::key::RegistryKey;
use dps::domain::verification::answer::{Authorization, RegistryResponse, RequestFailure};
use dps::domain::verification::attempt::{LoginAttempt, LoginTarget};
use dps::domain::verification::conversation::{Conversation, Step};
use dps::domain::verification::requester::Requester;
use dps::domain::verification::verdict::VerificationResult as R;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::verification_inputs::{BASIC, BEARER, Response, TOKEN, attempt, says, talk};

#[test]
fn requests_follow_the_way_to_log_in() {
    let (requests, verdict) = talk(
        attempt(None),
        &[says(401, BEARER, ""), says(200, "", TOKEN), says(200, "", "")],
    );
    assert_eq!(verdict.result.as_str(), "Accepted");
    assert_eq!(
        requests,
        [
            "GET /v2/ None",
            // No scope: with one, some servers give anybody a token.
            "GET https://auth.example.com/token?service=registry.example.com&account=robot&client_id=docker-pull-secret-operator Basic",
            "GET /v2/ Token",
        ]
    );
    let (requests, verdict) = talk(attempt(None), &[says(401, BASIC, ""), says(200, "", "")]);
    assert_eq!(verdict.result.as_str(), "Accepted");
    assert_eq!(requests, ["GET /v2/ None", "GET /v2/ Basic"]);

    // With an image: nobody may read it without credentials, the credentials may.
    let (requests, verdict) = talk(
        attempt(Some("team/app:1.0")),
        &[
            says(401, BEARER, ""),
            says(200, "", TOKEN),
            says(200, "", ""),
            says(401, BEARER, ""),
            says(200, "", TOKEN),
            says(401, BEARER, ""),
            says(200, "", TOKEN),
            says(200, "", ""),
        ],
    );
    assert_eq!(verdict.result.as_str(), "Accepted");
    assert_eq!(
        requests[3..],
        [
            "HEAD /v2/team/app/manifests/1.0 None",
            "GET https://auth.example.com/token?service=registry.example.com&scope=repository%3Ateam%2Fapp%3Apull&client_id=docker-pull-secret-operator None",
            "HEAD /v2/team/app/manifests/1.0 Token",
            "GET https://auth.example.com/token?service=registry.example.com&scope=repository%3Ateam%2Fapp%3Apull&account=robot&client_id=docker-pull-secret-operator Basic",
            "HEAD /v2/team/app/manifests/1.0 Token",
        ]
    );
}

#[test]
fn token_server_over_http_is_used_only_for_a_registry_without_tls() {
    let registry = RegistryKey::new(RegistryType::PrivateRegistry, Some("registry.example.com")).unwrap();
    for (plain_http, realm, is_used) in [
        (false, "https://auth.example.com/token", true),
        (false, "http://auth.example.com/token", false),
        (false, "HTTP://auth.example.com/token", false),
        (false, "http://registry.example.com/token", false),
        (true, "http://auth.example.com/token", true),
        (true, "https://auth.example.com/token", true),
        (true, "ftp://auth.example.com/token", false),
    ] {
        let attempt = LoginAttempt {
            target: LoginTarget::new(&registry, None, plain_http).unwrap(),
            credentials: RegistryCredentials::new("robot", "pass word").unwrap(),
        };
        let mut conversation = Conversation::new(attempt, Requester::Operator);
        match conversation.next(says(401, &format!("Bearer realm=\"{realm}\""), "")) {
            Step::Send(request) => {
                let sent = (request.url.as_str().starts_with(realm), request.authorization);
                assert!(is_used && sent == (true, Authorization::Basic), "{realm}");
            }
            Step::Done(verdict) => {
                assert!(!is_used && verdict.result.as_str() == "NotARegistry", "{realm}");
                assert!(
                    verdict.message.contains("nothing was sent there"),
                    "{}",
                    verdict.message
                );
            }
        }
    }
}

/// What a registry sends, and what is found.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) responses: Vec<Response>,
    pub(crate) result: R,
    /// A part of the message.
    pub(crate) message: &'static str,
}

/// Registries that are known, without an image.
#[allow(clippy::too_many_lines, reason = "a table")]
pub(crate) fn known_registries() -> Vec<Row> {
    let ping = || says(401, BEARER, "");
    let hub_locked = r#"{"details":"too many failed login attempts for username or IP address"}"#;
    let html = "<html><body>Welcome to nginx</body></html>";
    vec![
        Row {
            name: "Docker Hub",
            responses: vec![ping(), says(401, "", r#"{"details":"incorrect username or password"}"#)],
            result: R::Rejected,
            message: "(incorrect username or password)",
        },
        Row {
            name: "Docker Hub, locked",
            responses: vec![ping(), says(429, "", hub_locked)],
            result: R::LockedOut,
            message: "too many failed login attempts",
        },
        Row {
            name: "Docker Hub, abuse limit",
            responses: vec![says(429, "", "")],
            result: R::RateLimited,
            message: "returned 429",
        },
        Row {
            name: "Harbor",
            responses: vec![
                ping(),
                says(
                    401,
                    "",
                    r#"{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized"}]}"#,
                ),
            ],
            result: R::Rejected,
            message: "UNAUTHORIZED: unauthorized",
        },
        Row {
            name: "Quay, back-off",
            responses: vec![ping(), says(429, "", r#"{"errors":[{"message":"rate limit"}]}"#)],
            result: R::RateLimited,
            message: "rate limit",
        },
        Row {
            name: "GHCR",
            responses: vec![
                ping(),
                says(403, "", r#"{"errors":[{"code":"DENIED","message":"denied"}]}"#),
            ],
            result: R::Rejected,
            message: "DENIED: denied",
        },
        Row {
            name: "GitLab",
            responses: vec![
                ping(),
                says(
                    401,
                    "",
                    r#"{"errors":[{"code":"UNAUTHORIZED","message":"HTTP Basic: Access denied."}]}"#,
                ),
            ],
            result: R::Rejected,
            message: "HTTP Basic",
        },
        Row {
            name: "GitLab, address ban",
            responses: vec![ping(), says(403, "", "You have been temporarily blocked")],
            result: R::LockedOut,
            message: "returned 403; the registry has locked this user out",
        },
        Row {
            name: "ECR, expired",
            responses: vec![
                says(401, BASIC, ""),
                says(
                    403,
                    "",
                    "Your authorization token has expired. Reauthenticate and try again.",
                ),
            ],
            result: R::Rejected,
            message: "returned 403;",
        },
        Row {
            name: "GAR",
            responses: vec![ping(), says(403, "", html)],
            result: R::Rejected,
            message: "returned 403;",
        },
        Row {
            name: "Nexus, upper case",
            responses: vec![
                says(401, "BASIC realm=\"Sonatype Nexus Repository Manager\"", ""),
                says(200, "", ""),
            ],
            result: R::Accepted,
            message: "",
        },
        Row {
            name: "Nexus, anonymous",
            responses: vec![says(200, "", ""), says(200, "", "")],
            result: R::NotVerifiable,
            message: "answers the same without credentials",
        },
        Row {
            name: "Nexus, token server over http",
            responses: vec![says(401, "Bearer realm=\"http://auth.example.com/token\"", "")],
            result: R::NotARegistry,
            message: "not an HTTPS address",
        },
        Row {
            name: "Artifactory, anonymous and wrong",
            responses: vec![says(200, "", ""), says(401, "", "")],
            result: R::Rejected,
            message: "returned 401",
        },
        Row {
            name: "Artifactory, suspended",
            responses: vec![
                ping(),
                says(
                    403,
                    "",
                    r#"{"errors":[{"status":403,"message":"This request is blocked due to recurrent login failures, user is suspended"}]}"#,
                ),
            ],
            result: R::LockedOut,
            message: "suspended",
        },
        Row {
            name: "access_token",
            responses: vec![ping(), says(200, "", r#"{"access_token":"t"}"#), says(200, "", "")],
            result: R::Accepted,
            message: "",
        },
        Row {
            name: "token refused by its registry",
            responses: vec![ping(), says(200, "", TOKEN), says(401, BEARER, "")],
            result: R::Rejected,
            message: "with the token",
        },
        Row {
            name: "no token",
            responses: vec![ping(), says(200, "", "{}")],
            result: R::NotARegistry,
            message: "without a token",
        },
        Row {
            name: "a token with a line break",
            responses: vec![ping(), says(200, "", r#"{"token":"a\r\nX-Evil: b"}"#)],
            result: R::NotARegistry,
            message: "without a token",
        },
        Row {
            name: "no token server",
            responses: vec![ping(), says(404, "", "")],
            result: R::NotARegistry,
            message: "returned 404",
        },
        Row {
            name: "token server in trouble",
            responses: vec![ping(), says(503, "", "")],
            result: R::Unreachable,
            message: "returned 503",
        },
        Row {
            name: "no registry",
            responses: vec![says(404, "", html)],
            result: R::NotARegistry,
            message: "no registry at this address",
        },
        Row {
            name: "teapot",
            responses: vec![says(418, "", "")],
            result: R::NotARegistry,
            message: "does not answer like this",
        },
        Row {
            name: "firewall",
            responses: vec![says(403, "", html)],
            result: R::Unreachable,
            message: "firewall",
        },
        Row {
            name: "in trouble",
            responses: vec![says(502, "", html)],
            result: R::Unreachable,
            message: "returned 502;",
        },
        Row {
            name: "moved",
            responses: vec![says(301, "", "")],
            result: R::NotARegistry,
            message: "redirect",
        },
        Row {
            name: "Kerberos",
            responses: vec![says(401, "Negotiate", "")],
            result: R::NotVerifiable,
            message: "Negotiate",
        },
        Row {
            name: "no header",
            responses: vec![says(401, "", "")],
            result: R::NotARegistry,
            message: "without a WWW-Authenticate",
        },
        Row {
            name: "name",
            responses: vec![Err(RequestFailure::Unreachable("no such host".to_owned()))],
            result: R::Unreachable,
            message: "no such host",
        },
        Row {
            name: "certificate",
            responses: vec![Err(RequestFailure::Tls("expired".to_owned()))],
            result: R::TlsFailure,
            message: "expired",
        },
        Row {
            name: "certificate of the token server",
            responses: vec![ping(), Err(RequestFailure::Tls("expired".to_owned()))],
            result: R::TlsFailure,
            message: "auth.example.com",
        },
    ]
}

#[test]
fn response_of_a_known_registry_gives_its_verdict() {
    for row in known_registries() {
        let (requests, verdict) = talk(attempt(None), &row.responses);
        let (name, message) = (row.name, &verdict.message);
        assert_eq!(verdict.result, row.result, "{name}: {message}");
        assert!(message.contains(row.message), "{name}: {message}");
        assert_eq!(requests.len(), row.responses.len(), "{name}");
        for word in ["pass word", "robot", "html"] {
            assert!(!message.contains(word), "{name}: {message}");
        }
    }
}

/// What happens after the registry accepted the credentials, with an image.
pub(crate) struct ImageRow {
    pub(crate) name: &'static str,
    pub(crate) responses: Vec<Response>,
    pub(crate) result: R,
    pub(crate) image_denied: bool,
    /// A part of the message.
    pub(crate) message: &'static str,
}

/// The responses before: the registry accepts the credentials.
pub(crate) fn accepted() -> Vec<Response> {
    vec![says(401, BEARER, ""), says(200, "", TOKEN), says(200, "", "")]
}

pub(crate) fn image_rows() -> Vec<ImageRow> {
    let to_login = || [says(401, BEARER, ""), says(401, "", "")];
    let timeout = || Err(RequestFailure::Unanswered("no response in time".to_owned()));
    let locked = "You have been temporarily blocked";
    vec![
        ImageRow {
            name: "limited",
            responses: vec![says(429, "", "")],
            result: R::Accepted,
            image_denied: false,
            message: "could not be verified: HEAD",
        },
        ImageRow {
            name: "silent",
            responses: vec![timeout()],
            result: R::Accepted,
            image_denied: false,
            message: "no response in time",
        },
        ImageRow {
            name: "no token for nobody",
            responses: vec![says(401, BEARER, ""), says(500, "", "")],
            result: R::Accepted,
            image_denied: false,
            message: "returned 500",
        },
        ImageRow {
            name: "GitLab, no access to the project",
            responses: to_login()
                .into_iter()
                .chain([says(403, "", "access forbidden")])
                .collect(),
            result: R::Rejected,
            image_denied: true,
            message: "may not read this image",
        },
        ImageRow {
            name: "banned meanwhile",
            responses: to_login().into_iter().chain([says(403, "", locked)]).collect(),
            result: R::LockedOut,
            image_denied: false,
            message: "has locked this user out",
        },
        ImageRow {
            name: "no token for the credentials",
            responses: to_login().into_iter().chain([timeout()]).collect(),
            result: R::Accepted,
            image_denied: false,
            message: "no response in time",
        },
        ImageRow {
            name: "no such server",
            responses: to_login().into_iter().chain([says(404, "", "")]).collect(),
            result: R::Accepted,
            image_denied: false,
            message: "returned 404",
        },
        ImageRow {
            name: "public",
            responses: vec![says(200, "", "")],
            result: R::Accepted,
            image_denied: false,
            message: "everybody may read the image",
        },
        ImageRow {
            name: "missing",
            responses: to_login()
                .into_iter()
                .chain([says(200, "", TOKEN), says(404, "", "")])
                .collect(),
            result: R::Accepted,
            image_denied: false,
            message: "the image does not exist",
        },
        ImageRow {
            name: "private",
            responses: to_login()
                .into_iter()
                .chain([says(200, "", TOKEN), says(200, "", "")])
                .collect(),
            result: R::Accepted,
            image_denied: false,
            message: "may read the image",
        },
    ]
}

#[test]
fn trouble_with_the_image_does_not_take_back_the_acceptance() {
    for row in image_rows() {
        let responses: Vec<Response> = accepted().into_iter().chain(row.responses).collect();
        let (requests, verdict) = talk(attempt(Some("team/app:1")), &responses);
        let (name, message) = (row.name, &verdict.message);
        assert_eq!(requests.len(), responses.len(), "{name}");
        assert_eq!(
            (verdict.result, verdict.image_denied, verdict.unanswered),
            (row.result, row.image_denied, false),
            "{name}: {message}"
        );
        assert!(message.contains(row.message), "{name}: {message}");
    }
}

/// RFC 9110: a client error that no registry sends is the answer of something else, and says nothing about the password.
#[test]
fn unexpected_client_error_is_not_a_registry() {
    for status in [
        400, 402, 405, 406, 407, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 426, 428, 431, 451,
    ] {
        for (stage, before) in [
            ("ping", vec![]),
            ("token", vec![says(401, BEARER, "")]),
            ("basic", vec![says(401, BASIC, "")]),
            ("token of the ping", vec![says(401, BEARER, ""), says(200, "", TOKEN)]),
            ("open", vec![says(200, "", "")]),
        ] {
            let carries_password = !before.is_empty() && stage != "token of the ping";
            let responses: Vec<Response> = before.into_iter().chain([says(status, "", "")]).collect();
            let (_, verdict) = talk(attempt(None), &responses);
            assert_eq!(verdict.result, R::NotARegistry, "{stage} {status}");
            assert_eq!(verdict.unanswered, carries_password, "{stage} {status}");
            assert!(
                verdict.message.contains(&format!("returned {status}")),
                "{}",
                verdict.message
            );
        }
    }
    // A proxy or server that was too slow.
    let (_, verdict) = talk(attempt(None), &[says(401, BASIC, ""), says(408, "", "")]);
    assert_eq!((verdict.result, verdict.unanswered), (R::Unreachable, true));
}

proptest! {
    /// Whatever a registry sends, the conversation ends, sends the password at most three times and repeats no secret.
    #[test]
    fn conversation_ends_whatever_the_registry_sends(
        image: bool,
        choices in vec((select(vec![200, 204, 301, 400, 401, 403, 404, 429, 500]), 0..4usize, 0..4usize), 12),
    ) {
        let challenges = [BEARER, BASIC, "Negotiate", ""];
        let bodies = [TOKEN, "", "pass word", "{\"token\":\"\"}"];
        let mut conversation = Conversation::new(attempt(image.then_some("team/app:1")), Requester::Operator);
        let mut passwords = 0;
        for (status, challenge, body) in choices {
            passwords += usize::from(conversation.request().authorization == Authorization::Basic);
            match conversation.next(says(status, challenges[challenge], bodies[body])) {
                Step::Send(_) => {}
                Step::Done(verdict) => {
                    prop_assert!(passwords <= 3);
                    prop_assert!(!verdict.message.contains("pass word"), "{}", verdict.message);
                    return Ok(());
                }
            }
        }
        prop_assert!(false, "no verdict after 12 requests");
    }
}

/// A registry that requires no credentials judges them only when they are sent for an image.
#[test]
fn open_registry_refuses_the_credentials_or_the_image() {
    for (status, image_denied) in [(401, false), (403, true)] {
        let answers = vec![says(200, "", ""), says(401, BASIC, ""), says(status, "", "")];
        let (_, verdict) = talk(attempt(Some("team/app:1")), &answers);
        assert_eq!(
            (verdict.result.as_str(), verdict.image_denied),
            ("Rejected", image_denied),
            "{status}"
        );
    }
}

#[test]
fn password_without_a_verdict_may_count_as_failed() {
    let ping = || says(401, BEARER, "");
    let silent = || Err(RequestFailure::Unanswered("no response in time".to_owned()));
    let nobody = || Err(RequestFailure::Unreachable("connection refused".to_owned()));
    for (answers, unanswered) in [
        (vec![silent()], false),
        (vec![ping(), silent()], true),
        (vec![ping(), nobody()], false),
        (vec![ping(), Err(RequestFailure::Tls("expired".to_owned()))], false),
        (vec![ping(), Err(RequestFailure::Withheld { sent: true })], true),
        (vec![ping(), Err(RequestFailure::Withheld { sent: false })], false),
        (vec![ping(), says(503, "", "")], true),
        (vec![ping(), says(404, "", "")], true),
        (vec![ping(), says(429, "", "")], false),
        (vec![ping(), says(401, "", "")], false),
        // The token server accepted the credentials.
        (vec![ping(), says(200, "", TOKEN), silent()], false),
    ] {
        let row = format!("{answers:?}");
        assert_eq!(talk(attempt(None), &answers).1.unanswered, unanswered, "{row}");
    }
}

#[test]
fn retry_after_becomes_the_pause() {
    let answer = RegistryResponse {
        status: 429,
        retry_after: Some(90),
        ..RegistryResponse::default()
    };
    for status in [429, 503, 401, 403] {
        let answer = RegistryResponse {
            status,
            ..answer.clone()
        };
        let (_, verdict) = talk(attempt(None), &[says(401, BASIC, ""), Ok(answer)]);
        assert_eq!(verdict.retry_after.map(|pause| pause.as_secs()), Some(90), "{status}");
    }
    let never = RegistryResponse {
        retry_after: Some(u64::MAX),
        ..answer
    };
    let (_, verdict) = talk(attempt(None), &[Ok(never)]);
    assert_eq!(verdict.retry_after.map(|pause| pause.as_secs()), Some(24 * 3600));
}

#[test]
fn words_of_a_registry_are_cut_and_left_out_if_they_repeat_the_credentials() {
    let error = |message: &str| json!({"errors": [{"message": message}]}).to_string();
    let (_, verdict) = talk(
        attempt(None),
        &[
            says(401, BASIC, ""),
            says(401, BASIC, &error(&format!("a\u{202e}\r\n{}", "x".repeat(1000)))),
        ],
    );
    let message = &verdict.message;
    assert!(
        message.contains("(a   xxx") && message.contains("x…)") && message.len() < 600,
        "{message}"
    );
    let auth = attempt(None).credentials.auth();
    for said in ["it is pa55 word", "it is PA55WOR", "it is pa55%20word", &auth] {
        let (_, verdict) = talk(attempt(None), &[says(401, BASIC, ""), says(401, BASIC, &error(said))]);
        let message = &verdict.message;
        assert!(message.contains(&format!("returned 401 ({LEFT_OUT}); ")), "{message}");
    }
    // The token that the token server gave.
    let token = r#"{"token":"CANARYTOKEN0123456789abcdef"}"#;
    let last = error("header was Bearer CANARYTOKEN0123456789abcdef");
    let (_, verdict) = talk(
        attempt(None),
        &[says(401, BEARER, ""), says(200, "", token), says(401, "", &last)],
    );
    assert!(verdict.message.contains(LEFT_OUT), "{}", verdict.message);
    // Also what is no text of an answer.
    let realm = format!("Bearer realm=\"http://auth.example.com/{auth}\"");
    let moved = RegistryResponse {
        status: 307,
        redirect: Some("pa55 word".to_owned()),
        ..RegistryResponse::default()
    };
    let proved = || vec![says(401, BASIC, ""), says(200, "", "")];
    let with = |mut answers: Vec<Response>, last: Response| {
        answers.push(last);
        answers
    };
    for (image, answers) in [
        (None, vec![says(401, &realm, "")]),
        (None, vec![says(401, BASIC, ""), Ok(moved.clone())]),
        (Some("team/app:1"), with(proved(), says(401, &realm, ""))),
        (Some("team/app:1"), with(proved(), Ok(moved))),
    ] {
        let (_, verdict) = talk(attempt(image), &answers);
        assert!(verdict.message.contains("[redacted]"), "{}", verdict.message);
    }
}

/// A tenant names the address: what is there may be an internal server that only the operator reaches.
#[test]
fn only_the_error_of_a_registry_is_repeated() {
    let canary = "INTERNAL";
    let errors = format!(r#"{{"errors":[{{"code":"X","message":"{canary}"}}]}}"#);
    let details = format!(r#"{{"details":"{canary}"}}"#);
    let others = [
        format!("db_password={canary}"),
        format!("<html>{canary}</html>"),
        format!(r#"{{"message":"{canary}"}}"#),
        format!(r#"{{"error":"{canary}"}}"#),
        format!(r#""{canary}""#),
        format!(r#"[{{"message":"{canary}"}}]"#),
        format!(r#"{{"errors":"{canary}"}}"#),
    ];
    for status in [200, 201, 302, 400, 401, 403, 404, 418, 429, 500, 503] {
        for (body, is_error) in [(&errors, true), (&details, true)]
            .into_iter()
            .chain(others.iter().map(|other| (other, false)))
        {
            for answers in [
                vec![says(status, "", body)],
                vec![says(401, BEARER, ""), says(status, "", body)],
                vec![says(401, BEARER, ""), says(200, "", TOKEN), says(status, "", body)],
                vec![says(200, "", ""), says(status, "", body)],
            ] {
                // A 2xx without a login is followed by a request with one.
                let answers: Vec<Response> = answers.into_iter().chain([says(status, "", body)]).collect();
                let (_, verdict) = talk(attempt(None), &answers);
                let shown = verdict.message.contains(canary);
                assert_eq!(shown, is_error && status >= 400, "{status} {body}: {}", verdict.message);
            }
        }
    }
}
