//! The conversation with a registry, response by response: what real registries are known to send.

use dps::api::RegistryType;
use dps::domain::credentials::RegistryCredentials;
use dps::domain::registry::key::RegistryKey;
use dps::domain::registry::manifest::ManifestReference;
use dps::domain::verification::address::Policy;
use dps::domain::verification::answer::{Authorization, RegistryResponse, RequestFailure};
use dps::domain::verification::attempt::{LoginAttempt, LoginTarget};
use dps::domain::verification::challenge::{Challenge, LoginOffer, parse};
use dps::domain::verification::conversation::{Conversation, Step};
use dps::domain::verification::requester::Requester;
use dps::domain::verification::verdict::Verdict;

const BEARER: &str = r#"Bearer realm="https://auth.example.com/token",service="registry.example.com""#;
const BASIC: &str = r#"Basic realm="x""#;
const TOKEN: &str = r#"{"token":"t0ken"}"#;

fn attempt(image: Option<&str>) -> LoginAttempt {
    let registry = RegistryKey::new(RegistryType::PrivateRegistry, Some("registry.example.com/team")).unwrap();
    let image = image.map(|image| ManifestReference::parse(image).unwrap());
    LoginAttempt {
        target: LoginTarget::new(&registry, image.as_ref(), false).unwrap(),
        credentials: RegistryCredentials::new("robot", "pass word").unwrap(),
    }
}

type Response = Result<RegistryResponse, RequestFailure>;

/// Name, answers, result, part of the message.
type Row = (&'static str, Vec<Response>, &'static str, &'static str);

#[allow(clippy::unnecessary_wraps, reason = "the other half of a table's rows are failures")]
fn says(status: u16, challenge: &str, body: &str) -> Response {
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
fn talk(attempt: LoginAttempt, answers: Vec<Response>) -> (Vec<String>, Verdict) {
    let mut conversation = Conversation::new(attempt, Requester::Operator);
    let mut requests = Vec::new();
    for answer in answers {
        let request = conversation.request();
        let method = if request.head { "HEAD" } else { "GET" };
        let mut url = request.url.to_string();
        url = url.replace("https://registry.example.com", "");
        requests.push(format!("{method} {url} {:?}", request.authorization));
        assert_eq!(
            conversation.authorization().is_none(),
            request.authorization == Authorization::None
        );
        if let Step::Done(verdict) = conversation.next(answer) {
            return (requests, verdict);
        }
    }
    panic!("no verdict after {requests:?}");
}

#[test]
fn the_requests_of_each_way_to_log_in() {
    let (requests, verdict) = talk(
        attempt(None),
        vec![says(401, BEARER, ""), says(200, "", TOKEN), says(200, "", "")],
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
    let (requests, verdict) = talk(attempt(None), vec![says(401, BASIC, ""), says(200, "", "")]);
    assert_eq!(verdict.result.as_str(), "Accepted");
    assert_eq!(requests, ["GET /v2/ None", "GET /v2/ Basic"]);

    // With an image: nobody may read it, the login may.
    let (requests, verdict) = talk(
        attempt(Some("team/app:1.0")),
        vec![
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
fn a_token_server_is_asked_over_http_only_by_a_registry_without_tls() {
    let registry = RegistryKey::new(RegistryType::PrivateRegistry, Some("registry.example.com")).unwrap();
    for (plain_http, realm, asked) in [
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
                assert!(asked && sent == (true, Authorization::Basic), "{realm}");
            }
            Step::Done(verdict) => {
                assert!(!asked && verdict.result.as_str() == "NotARegistry", "{realm}");
                assert!(
                    verdict.message.contains("nothing was sent there"),
                    "{}",
                    verdict.message
                );
            }
        }
    }
}

#[test]
#[allow(clippy::too_many_lines, reason = "a table")]
fn what_registries_are_known_to_answer() {
    let ping = || says(401, BEARER, "");
    let hub_locked = r#"{"details":"too many failed login attempts for username or IP address"}"#;
    let html = "<html><body>Welcome to nginx</body></html>";
    let table: Vec<Row> = vec![
        (
            "Docker Hub",
            vec![ping(), says(401, "", r#"{"details":"incorrect username or password"}"#)],
            "Rejected",
            "(incorrect username or password)",
        ),
        (
            "Docker Hub, locked",
            vec![ping(), says(429, "", hub_locked)],
            "LockedOut",
            "too many failed login attempts",
        ),
        (
            "Docker Hub, abuse limit",
            vec![says(429, "", "")],
            "RateLimited",
            "returned 429",
        ),
        (
            "Harbor",
            vec![
                ping(),
                says(
                    401,
                    "",
                    r#"{"errors":[{"code":"UNAUTHORIZED","message":"unauthorized"}]}"#,
                ),
            ],
            "Rejected",
            "UNAUTHORIZED: unauthorized",
        ),
        (
            "Quay, back-off",
            vec![ping(), says(429, "", r#"{"message":"rate limit"}"#)],
            "RateLimited",
            "rate limit",
        ),
        (
            "GHCR",
            vec![
                ping(),
                says(403, "", r#"{"errors":[{"code":"DENIED","message":"denied"}]}"#),
            ],
            "Rejected",
            "DENIED: denied",
        ),
        (
            "GitLab",
            vec![
                ping(),
                says(
                    401,
                    "",
                    r#"{"errors":[{"code":"UNAUTHORIZED","message":"HTTP Basic: Access denied."}]}"#,
                ),
            ],
            "Rejected",
            "HTTP Basic",
        ),
        (
            "GitLab, address ban",
            vec![ping(), says(403, "", "You have been temporarily blocked")],
            "LockedOut",
            "temporarily blocked",
        ),
        (
            "ECR, expired",
            vec![
                says(401, BASIC, ""),
                says(
                    403,
                    "",
                    "Your authorization token has expired. Reauthenticate and try again.",
                ),
            ],
            "Rejected",
            "token has expired",
        ),
        ("GAR", vec![ping(), says(403, "", html)], "Rejected", "returned 403;"),
        (
            "Nexus, upper case",
            vec![
                says(401, "BASIC realm=\"Sonatype Nexus Repository Manager\"", ""),
                says(200, "", ""),
            ],
            "Accepted",
            "",
        ),
        (
            "Nexus, anonymous",
            vec![says(200, "", ""), says(200, "", "")],
            "NotVerifiable",
            "answers the same without credentials",
        ),
        (
            "Nexus, token server over http",
            vec![says(401, "Bearer realm=\"http://auth.example.com/token\"", "")],
            "NotARegistry",
            "not an HTTPS address",
        ),
        (
            "Artifactory, anonymous and wrong",
            vec![says(200, "", ""), says(401, "", "")],
            "Rejected",
            "returned 401",
        ),
        (
            "Artifactory, suspended",
            vec![
                ping(),
                says(
                    403,
                    "",
                    r#"{"errors":[{"status":403,"message":"This request is blocked due to recurrent login failures, user is suspended"}]}"#,
                ),
            ],
            "LockedOut",
            "suspended",
        ),
        (
            "access_token",
            vec![ping(), says(200, "", r#"{"access_token":"t"}"#), says(200, "", "")],
            "Accepted",
            "",
        ),
        (
            "token refused by its registry",
            vec![ping(), says(200, "", TOKEN), says(401, BEARER, "")],
            "Rejected",
            "with the token",
        ),
        (
            "no token",
            vec![ping(), says(200, "", "{}")],
            "NotARegistry",
            "without a token",
        ),
        (
            "a token with a line break",
            vec![ping(), says(200, "", r#"{"token":"a\r\nX-Evil: b"}"#)],
            "NotARegistry",
            "without a token",
        ),
        (
            "no token server",
            vec![ping(), says(404, "", "")],
            "NotARegistry",
            "returned 404",
        ),
        (
            "token server in trouble",
            vec![ping(), says(503, "", "")],
            "Unreachable",
            "returned 503",
        ),
        (
            "no registry",
            vec![says(404, "", html)],
            "NotARegistry",
            "no registry at this address",
        ),
        (
            "teapot",
            vec![says(418, "", "")],
            "NotARegistry",
            "does not answer like this",
        ),
        ("firewall", vec![says(403, "", html)], "Unreachable", "firewall"),
        ("in trouble", vec![says(502, "", html)], "Unreachable", "returned 502;"),
        ("moved", vec![says(301, "", "")], "NotARegistry", "redirect"),
        (
            "Kerberos",
            vec![says(401, "Negotiate", "")],
            "NotVerifiable",
            "Negotiate",
        ),
        (
            "no header",
            vec![says(401, "", "")],
            "NotARegistry",
            "without a WWW-Authenticate",
        ),
        (
            "name",
            vec![Err(RequestFailure::Unreachable("no such host".to_owned()))],
            "Unreachable",
            "no such host",
        ),
        (
            "certificate",
            vec![Err(RequestFailure::Tls("expired".to_owned()))],
            "TLSFailure",
            "expired",
        ),
        (
            "certificate of the token server",
            vec![ping(), Err(RequestFailure::Tls("expired".to_owned()))],
            "TLSFailure",
            "auth.example.com",
        ),
    ];
    for (name, answers, result, part) in table {
        let count = answers.len();
        let (requests, verdict) = talk(attempt(None), answers);
        assert_eq!(verdict.result.as_str(), result, "{name}: {}", verdict.message);
        assert!(verdict.message.contains(part), "{name}: {}", verdict.message);
        assert_eq!(requests.len(), count, "{name}");
        for word in ["pass word", "robot", "html"] {
            assert!(!verdict.message.contains(word), "{name}: {}", verdict.message);
        }
    }
}

#[test]
fn what_happens_to_the_image_does_not_take_back_what_was_said_of_the_login() {
    let proved = || vec![says(401, BEARER, ""), says(200, "", TOKEN), says(200, "", "")];
    let to_login = || [says(401, BEARER, ""), says(401, "", "")];
    let timeout = || Err(RequestFailure::Unanswered("no response in time".to_owned()));
    let locked = "You have been temporarily blocked";
    for (name, answers, result, image_denied, part) in [
        (
            "limited",
            vec![says(429, "", "")],
            "Accepted",
            false,
            "could not be checked: HEAD",
        ),
        ("silent", vec![timeout()], "Accepted", false, "no response in time"),
        (
            "no token for nobody",
            vec![says(401, BEARER, ""), says(500, "", "")],
            "Accepted",
            false,
            "returned 500",
        ),
        (
            "GitLab, no access to the project",
            to_login()
                .into_iter()
                .chain([says(403, "", "access forbidden")])
                .collect(),
            "Rejected",
            true,
            "may not read this image",
        ),
        (
            "banned meanwhile",
            to_login().into_iter().chain([says(403, "", locked)]).collect(),
            "LockedOut",
            false,
            locked,
        ),
        (
            "no token for the login",
            to_login().into_iter().chain([timeout()]).collect(),
            "Accepted",
            false,
            "no response in time",
        ),
        (
            "no such server",
            to_login().into_iter().chain([says(404, "", "")]).collect(),
            "Accepted",
            false,
            "returned 404",
        ),
    ] {
        let answers: Vec<Response> = proved().into_iter().chain(answers).collect();
        let count = answers.len();
        let (requests, verdict) = talk(attempt(Some("team/app:1")), answers);
        let found = (
            requests.len(),
            verdict.result.as_str(),
            verdict.image_denied,
            verdict.unanswered,
        );
        assert_eq!(
            found,
            (count, result, image_denied, false),
            "{name}: {}",
            verdict.message
        );
        assert!(verdict.message.contains(part), "{name}: {}", verdict.message);
    }
}

/// A registry that lets anybody in says at the image what it makes of a login.
#[test]
fn at_an_open_registry_a_login_may_be_refused_or_an_image_be_kept_from_it() {
    for (status, image_denied) in [(401, false), (403, true)] {
        let answers = vec![says(200, "", ""), says(401, BASIC, ""), says(status, "", "")];
        let (_, verdict) = talk(attempt(Some("team/app:1")), answers);
        assert_eq!(
            (verdict.result.as_str(), verdict.image_denied),
            ("Rejected", image_denied),
            "{status}"
        );
    }
}

#[test]
fn whether_the_password_may_count_as_failed() {
    let ping = || says(401, BEARER, "");
    let silent = || Err(RequestFailure::Unanswered("no response in time".to_owned()));
    let nobody = || Err(RequestFailure::Unreachable("connection refused".to_owned()));
    for (answers, unanswered) in [
        (vec![silent()], false),
        (vec![ping(), silent()], true),
        (vec![ping(), nobody()], false),
        (vec![ping(), Err(RequestFailure::Tls("expired".to_owned()))], false),
        (vec![ping(), says(503, "", "")], true),
        (vec![ping(), says(404, "", "")], true),
        (vec![ping(), says(429, "", "")], false),
        (vec![ping(), says(401, "", "")], false),
        // The token server took the login.
        (vec![ping(), says(200, "", TOKEN), silent()], false),
    ] {
        let row = format!("{answers:?}");
        assert_eq!(talk(attempt(None), answers).1.unanswered, unanswered, "{row}");
    }
}

#[test]
fn a_registry_says_when_to_come_back() {
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
        let (_, verdict) = talk(attempt(None), vec![says(401, BASIC, ""), Ok(answer)]);
        assert_eq!(verdict.retry_after.map(|pause| pause.as_secs()), Some(90), "{status}");
    }
    let never = RegistryResponse {
        retry_after: Some(u64::MAX),
        ..answer
    };
    let (_, verdict) = talk(attempt(None), vec![Ok(never)]);
    assert_eq!(verdict.retry_after.map(|pause| pause.as_secs()), Some(24 * 3600));
}

#[test]
fn the_words_of_a_registry_are_cut_and_redacted() {
    let login = RegistryCredentials::new("robot", "pass word").unwrap();
    let long = format!(
        "{} {} pass word pass+word {}\r\n",
        "x".repeat(100),
        login.auth(),
        "y".repeat(1000)
    );
    let (_, verdict) = talk(attempt(None), vec![says(401, BASIC, ""), says(401, BASIC, &long)]);
    let message = &verdict.message;
    assert!(
        message.contains("[redacted] [redacted] [redacted] yyy") && message.contains('…'),
        "{message}"
    );
    assert!(
        !message.contains("pass word") && !message.contains('\n') && message.len() < 600,
        "{message}"
    );
    // Also what is no text of an answer.
    let realm = format!("Bearer realm=\"http://auth.example.com/{}\"", login.auth());
    let moved = RegistryResponse {
        status: 307,
        redirect: Some("pass word".to_owned()),
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
        let (_, verdict) = talk(attempt(image), answers);
        assert!(verdict.message.contains("[redacted]"), "{}", verdict.message);
    }
}

#[test]
fn challenges_as_registries_write_them() {
    let bearer = |realm: &str, service: Option<&str>| {
        LoginOffer::Supported(Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        })
    };
    let unknown = |names: &[&str]| LoginOffer::Unsupported(names.iter().map(|&name| name.to_owned()).collect());
    for (headers, asked) in [
        (
            &["Basic realm=\"x\", Bearer realm=\"https://a/t\",service=\"s\""][..],
            bearer("https://a/t", Some("s")),
        ),
        (
            &["Negotiate", "bEARER Realm=\"https://a/t\""],
            bearer("https://a/t", None),
        ),
        (
            &[r#"Bearer realm="https://a/t?a=\"b\"",service=s"#],
            bearer("https://a/t?a=\"b\"", Some("s")),
        ),
        (
            &["Digest realm=\"x\", nonce=\"a,b\", qop=\"auth\"", "Basic realm=\"x\""],
            LoginOffer::Supported(Challenge::Basic),
        ),
        (&["BASIC"], LoginOffer::Supported(Challenge::Basic)),
        (&["Negotiate, Digest realm=\"x\""], unknown(&["Negotiate", "Digest"])),
        (&["Bearer service=\"x\""], unknown(&["Bearer"])),
        (&["Bearer realm=\"\""], unknown(&["Bearer"])),
        (
            &["\u{1}\u{2}", "Basic realm=\"x\""],
            LoginOffer::Supported(Challenge::Basic),
        ),
        (&[","], LoginOffer::Missing),
        (&[], LoginOffer::Missing),
    ] {
        let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
        assert_eq!(parse(&headers), asked, "{headers:?}");
    }
}

#[test]
fn login_target_of_a_registry_key() {
    let private = |url| RegistryKey::new(RegistryType::PrivateRegistry, Some(url)).unwrap();
    let base = |registry: &RegistryKey, image: Option<&str>, plain| {
        let image = image.map(|image| ManifestReference::parse(image).unwrap());
        LoginTarget::new(registry, image.as_ref(), plain).map(|target| target.base.to_string())
    };
    assert_eq!(
        base(&RegistryKey::docker_hub(), None, false).unwrap(),
        "https://registry-1.docker.io/v2/"
    );
    assert_eq!(
        base(&private("r.example.com:5000/team"), None, false).unwrap(),
        "https://r.example.com:5000/v2/"
    );
    assert_eq!(
        base(&private("r.example.com"), None, true).unwrap(),
        "http://r.example.com/v2/"
    );
    assert_eq!(
        base(&private("[::1]:5000"), None, false).unwrap(),
        "https://[::1]:5000/v2/"
    );
    let wildcard = private("*.example.com");
    assert_eq!(
        base(&wildcard, None, false).unwrap_err().result.as_str(),
        "NotVerifiable"
    );
    assert_eq!(
        base(&wildcard, Some("app:1"), false).unwrap_err().result.as_str(),
        "NotVerifiable"
    );
    assert_eq!(
        base(&wildcard, Some("a.example.com/app:1"), false).unwrap(),
        "https://a.example.com/v2/"
    );
    // Never to a host that no kubelet would send the login to.
    for (registry, image) in [
        (&wildcard, "a.exmaple.com/app:1"),
        (&private("r.example.com"), "quay.io/team/app:1"),
        (&private("r.example.com/team"), "r.example.com/other/app:1"),
        (&RegistryKey::docker_hub(), "quay.io/team/app:1"),
    ] {
        let refused = base(registry, Some(image), false).unwrap_err();
        assert_eq!(refused.result.as_str(), "NotVerifiable", "{image}");
        assert!(refused.message.contains("nothing was sent"), "{}", refused.message);
    }
    for (registry, image) in [
        (&private("r.example.com/team"), "r.example.com/team/app:1"),
        (&RegistryKey::docker_hub(), "docker.io/team/app:1"),
        (&RegistryKey::docker_hub(), "index.docker.io/team/app:1"),
    ] {
        assert!(base(registry, Some(image), false).is_ok(), "{image}");
    }

    let image = ManifestReference::parse("alpine").unwrap();
    let hub = LoginTarget::new(&RegistryKey::docker_hub(), Some(&image), false).unwrap();
    assert_eq!(hub.image.unwrap().repository, "library/alpine");
    for (image, host, repository, reference) in [
        ("app", None, "app", "latest"),
        ("team/app:1.0", None, "team/app", "1.0"),
        (
            "r.example.com:5000/team/app",
            Some("r.example.com:5000"),
            "team/app",
            "latest",
        ),
        ("localhost/app:x", Some("localhost"), "app", "x"),
        ("team/app:1@sha256:abc", None, "team/app", "sha256:abc"),
    ] {
        let parsed = ManifestReference::parse(image).unwrap();
        assert_eq!(
            (
                parsed.host.as_deref(),
                parsed.repository.as_str(),
                parsed.reference.as_str()
            ),
            (host, repository, reference),
            "{image}"
        );
    }
    for image in [
        "", "Team/app", "a//b", "../x", "a/..", "app:..", "app:a b", "app:", "a?b",
    ] {
        assert!(ManifestReference::parse(image).is_err(), "{image}");
    }
}

#[test]
fn addresses_that_are_refused() {
    let policy = Policy {
        deny: vec!["10.0.0.0/8".parse().unwrap(), "fd12::/16".parse().unwrap()],
        ..Policy::default()
    };
    for address in [
        "127.0.0.1",
        "127.8.9.1",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "10.1.2.3",
        "::ffff:10.1.2.3",
        "64:ff9b::a01:203",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "168.63.129.16",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd12::1",
    ] {
        assert!(policy.refuses(address.parse().unwrap()).is_some(), "{address}");
    }
    for address in [
        "192.0.2.1",
        "192.168.1.1",
        "172.16.0.1",
        "2001:db8::1",
        "64:ff9b::808:808",
        "fd13::1",
        "11.0.0.1",
    ] {
        assert_eq!(policy.refuses(address.parse().unwrap()), None, "{address}");
    }
}
