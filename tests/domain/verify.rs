//! `dps verify` against servers that mean harm.

mod harm;
mod proxy;

use std::sync::Arc;

use dps::api::RegistryType;
use dps::domain::credentials::RegistryCredentials;
use dps::domain::registry::key::RegistryKey;
use dps::domain::verification::address::Policy;
use dps::domain::verification::attempt::{LoginAttempt, LoginTarget};
use dps::domain::verification::requester::Requester;
use dps::domain::verification::verdict::Verdict;
use serde_json::json;

use crate::support::canary::CANARY;
use crate::support::registries::{Answer, Scripted, answer};
use crate::support::verify::{verify, verify_all, verify_in};

#[test]
fn nobody_there_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for registry in [format!("localhost:{}", free.port()), "registry.invalid".to_owned()] {
        let (code, result, message) = verify(
            &["--registry", &registry, "--username", "robot", "--password-stdin"],
            CANARY,
        );
        assert_eq!((code, result.as_str()), (3, "Unreachable"), "{message}");
    }
}

#[test]
fn usage_is_explained() {
    let empty = tempfile::tempdir().unwrap();
    for (args, part) in [
        (
            &["--registry", "registry.example.com"][..],
            "--username or --docker-config",
        ),
        (
            &["--registry", "http://user@x", "--username", "u", "--password-stdin"],
            "'@'",
        ),
        (
            &["--registry", "r.example.com", "--username", "a:b", "--password-stdin"],
            "':' in the user name",
        ),
        (
            &[
                "--registry",
                "r.example.com",
                "--username",
                "u",
                "--password-stdin",
                "--image",
                "Team/App",
            ],
            "--image must be",
        ),
        (
            &[
                "--registry",
                "r.example.com",
                "--username",
                "u",
                "--password-stdin",
                "--ca-file",
                "Cargo.toml",
            ],
            "PEM",
        ),
        (&[], "required"),
        // A build that checks nothing must not be green.
        (&["-f", empty.path().to_str().unwrap()], "contains no DockerPullSecret"),
        (
            &["secret/app"],
            "\"secret\" is no kind of this operator: write dockerpullsecret/NAME or",
        ),
        (&["--allow-registry", "r.example.com"], "such as r.example.com:443"),
        (
            &["--allow-registry", "a.example.com:1,r.example.com"],
            "such as r.example.com:443",
        ),
        (
            &["--allow-registry", "https://r.example.com:5000/team"],
            "such as r.example.com:5000",
        ),
        (
            &["--allow-registry", "http://r.example.com"],
            "such as r.example.com:80",
        ),
        (&["--allow-registry", "[2001:db8::1]"], "such as [2001:db8::1]:443"),
        (&["--allow-registry", "2001:db8::1"], "HOST:PORT"),
        (&["--allow-registry", "r.example.com:0"], "HOST:PORT"),
        (&["--allow-registry", "r.example.com:http"], "HOST:PORT"),
        (&["--allow-registry", "user@r.example.com:443"], "HOST:PORT"),
        (&["--allow-registry", "*.example.com:443"], "HOST:PORT"),
        (&["--allow-registry", ""], "HOST:PORT"),
        (
            &["--allow-token-server", "https://auth.example.com/token"],
            "such as auth.example.com",
        ),
        (
            &["--allow-token-server", "auth.example.com:443/"],
            "such as auth.example.com",
        ),
        (&["--allow-token-server", "*.example.com"], "such as auth.example.com"),
        // Fine, so that the next request follows.
        (
            &["--allow-registry", "R.example.com:5000,[2001:db8::1]:443,10.0.0.1:80"],
            "required",
        ),
    ] {
        let (code, document) = verify_all(args, "word");
        assert_eq!(code, 2, "{args:?}: {document}");
        let stderr = document["stderr"].as_str().unwrap();
        assert!(stderr.contains(part), "{args:?}: {stderr}");
    }
}

#[test]
fn credentials_for_many_namespaces_are_taken_from_the_namespace_that_their_resource_names() {
    let server = Scripted::start(|_, _| answer("200 OK", &[], "{}"));
    let login = |namespace: &str, password: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login", "namespace": namespace},
            "stringData": {"username": "robot", "password": password}})
    };
    let shared = |name: &str, source: &str| {
        json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "ClusterDockerPullSecret", "metadata": {"name": name}, "spec": {
            "type": "PrivateRegistry", "registryUrl": server.address, "verification": {"plainHttp": true},
            "credentialsRef": {"namespace": source, "name": "login"}, "namespaceSelector": {}}})
    };
    let objects = [
        login("platform", CANARY),
        shared("app", "platform"),
        shared("lost", "other"),
    ];
    let input = json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string();
    let (code, document) = verify_all(&["-f", "-"], &input);
    let results = document["results"].as_array().unwrap();
    assert_eq!((code, results.len()), (3, 2), "{document}");
    assert_eq!(results[0]["name"], "ClusterDockerPullSecret app");
    assert_eq!(results[0]["result"], "NotVerifiable", "{document}");
    assert_eq!(results[1]["name"], "ClusterDockerPullSecret lost");
    let why = results[1]["message"].as_str().unwrap();
    assert!(
        why.contains("Secret \"login\" (spec.credentialsRef.name) does not exist in namespace \"other\""),
        "{why}"
    );
}

/// A registry that sends its users to a token server of its choice.
fn sends_to(realm: &'static str) -> Scripted {
    Scripted::start(move |_, own| {
        let realm = realm.replace("OWN", own);
        let header = format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"x\"");
        answer("401 Unauthorized", &[&header], "")
    })
}

fn attack(server: &Scripted, more: &[&str]) -> (String, String) {
    let mut args = vec![
        "--registry",
        &server.address,
        "--username",
        "robot",
        "--password-stdin",
        "--plain-http",
    ];
    args.extend_from_slice(more);
    let (code, result, message) = verify(&args, CANARY);
    assert_eq!(code, 3, "{result}: {message}");
    (result, message)
}

#[test]
fn a_login_never_goes_where_a_registry_should_not_send_it() {
    for (realm, part) in [
        ("http://169.254.169.254/latest/meta-data", "link-local"),
        ("http://[::ffff:169.254.169.254]/", "link-local"),
        ("http://100.100.100.200/", "metadata"),
        ("http://[fd00:ec2::254]/", "metadata"),
        ("http://0.0.0.0:1/", "not the address of a host"),
        ("http://10.1.2.3/", "--deny-cidr"),
        ("http://user:pass@OWN/", "credentials in its address"),
        ("ftp://OWN/", "not an HTTPS address"),
        ("//OWN/token", "not an HTTPS address"),
        ("file:///etc/passwd", "not an HTTPS address"),
    ] {
        let server = sends_to(realm);
        let refused = attack(&sends_to(realm), &[]).0;
        assert!(
            ["NotARegistry", "NotVerifiable"].contains(&refused.as_str()),
            "{realm}: {refused}"
        );
        // Not even with leave for other domains.
        let anywhere = "169.254.169.254,[::ffff:169.254.169.254],100.100.100.200,[fd00:ec2::254],0.0.0.0,10.1.2.3";
        let (result, message) = attack(
            &server,
            &["--deny-cidr", "10.0.0.0/8", "--allow-token-server", anywhere],
        );
        assert_eq!(result, "NotARegistry", "{realm}: {message}");
        assert!(message.contains(part), "{realm}: {message}");
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{realm}");
        assert!(!requests[0].to_lowercase().contains("authorization"), "{realm}");
    }
}

/// Verifies as the controller does, which may not connect to loopback addresses unless they are allowed.
async fn as_controller(registry: &str, allow: &[&str]) -> Verdict {
    let policy = Policy {
        allow: allow.iter().map(|&target| target.to_owned()).collect(),
        token_servers: ["localhost".to_owned()].into(),
        ..Policy::default()
    };
    as_controller_with(policy, registry, true).await
}

async fn as_controller_with(policy: Policy, registry: &str, plain_http: bool) -> Verdict {
    let registry = RegistryKey::new(RegistryType::PrivateRegistry, Some(registry)).unwrap();
    let attempt = LoginAttempt {
        target: LoginTarget::new(&registry, None, plain_http).unwrap(),
        credentials: RegistryCredentials::new("robot", CANARY).unwrap(),
    };
    dps::registry_client::http::verify(Arc::new(policy), None, attempt, Requester::Operator)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_controller_refuses_names_by_what_they_resolve_to() {
    let server = sends_to("http://localhost:1/token");
    let port = server.address.rsplit(':').next().unwrap();
    for registry in [
        server.address.clone(),
        format!("localhost:{port}"),
        format!("2130706433:{port}"),
    ] {
        let verdict = as_controller(&registry, &[]).await;
        assert!(verdict.message.contains("loopback"), "{registry}: {}", verdict.message);
    }
    assert_eq!(server.requests(), Vec::<String>::new());

    // The registry is allowed, the token server that it names is not.
    let verdict = as_controller(&server.address, &[&server.address]).await;
    assert!(verdict.message.contains("localhost resolves to"), "{}", verdict.message);
    assert_eq!(server.requests().len(), 1);
}

/// The address of a server that says this to everybody, and hangs up.
fn says_first(words: &'static [u8]) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // The client may have gone.
            let _ = std::io::Write::write_all(&mut stream.unwrap(), words);
        }
    });
    address
}

/// Whoever may create a resource must not find out which ports are open in a network that they cannot reach.
#[tokio::test]
async fn statuses_do_not_tell_what_happened_at_an_internal_address() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let (hangs_up, garbage) = (says_first(b""), says_first(b"220 mail.example.com ESMTP\r\n"));
    let many_headers = Scripted::start(|_, _| answer("200 OK", &[&format!("X: {}", "x".repeat(20_000))], ""));
    let mut told = Vec::new();
    for (address, plain_http) in [
        (closed.to_string(), true),
        (closed.to_string(), false),
        (hangs_up.clone(), true),
        (hangs_up, false),
        (garbage.clone(), true),
        (garbage, false),
        (many_headers.address.clone(), true),
    ] {
        for host in ["127.0.0.1", "localhost"] {
            let registry = address.replace("127.0.0.1", host);
            let policy = || Policy {
                loopback: true,
                ..Policy::default()
            };
            let verdict = as_controller_with(policy(), &registry, plain_http).await;
            assert_eq!(verdict.result.as_str(), "Unreachable", "{}", verdict.message);
            let message = verdict.message.replace(&registry, "X").replace("https:", "http:");
            told.push((verdict.unanswered, message));
            // Whoever allowed it may know.
            let allow = vec![registry.clone()];
            let verdict = as_controller_with(Policy { allow, ..policy() }, &registry, plain_http).await;
            assert!(
                !verdict.message.contains("withheld for security"),
                "{}",
                verdict.message
            );
        }
    }
    assert!(told[0].1.contains("withheld for security"), "{told:?}");
    assert!(told.iter().all(|one| *one == told[0]), "{told:#?}");
}

#[test]
fn a_redirect_is_not_followed() {
    let other = Scripted::start(|_, _| answer("200 OK", &[], ""));
    let target = format!("Location: http://{}/v2/", other.address);
    for (with_login, first) in [(false, "302 Found"), (true, "401 Unauthorized")] {
        let target = target.clone();
        let server = Scripted::start(move |head, _| {
            if with_login && !head.to_lowercase().contains("authorization:") {
                answer(first, &["WWW-Authenticate: Basic realm=\"x\""], "")
            } else {
                answer("307 Temporary Redirect", &[&target], "")
            }
        });
        let (result, message) = attack(&server, &[]);
        assert_eq!(result, "NotARegistry", "{message}");
        assert!(message.contains("redirects to 127.0.0.1"), "{message}");
    }
    assert_eq!(other.requests(), Vec::<String>::new());
}

#[test]
fn answers_without_measure_are_cut() {
    let endless_body =
        Scripted::start(|_, _| Answer::Endless(b"HTTP/1.1 500 Oops\r\n\r\n".to_vec(), b"endless ".repeat(1024)));
    let (result, message) = attack(&endless_body, &[]);
    assert_eq!(result, "Unreachable");
    assert!(message.len() < 600, "{}", message.len());

    let endless_header = Scripted::start(|_, _| {
        Answer::Endless(
            b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: ".to_vec(),
            b"Basic, ".repeat(1024),
        )
    });
    assert_eq!(attack(&endless_header, &[]).0, "NotARegistry");

    let large_challenge = Scripted::start(|_, _| {
        let header = format!("WWW-Authenticate: Bearer realm=\"{}\"", "x".repeat(1 << 20));
        answer("401 Unauthorized", &[&header], "")
    });
    let (result, message) = attack(&large_challenge, &[]);
    assert_eq!(result, "NotARegistry");
    assert!(message.len() < 600, "{}", message.len());
}

#[test]
fn a_silent_server_is_unreachable_in_time() {
    let silent = Scripted::start(|_, _| Answer::Nothing);
    let (result, message) = attack(&silent, &[]);
    assert_eq!(
        (result.as_str(), silent.requests().len()),
        ("Unreachable", 1),
        "{message}"
    );
    assert!(message.contains("no response in time"), "{message}");
}

#[test]
fn registry_that_repeats_the_password_message_hides_it() {
    let repeating = Scripted::start(|head, _| {
        let authorization = head.lines().find_map(|line| {
            line.to_lowercase()
                .starts_with("authorization:")
                .then(|| line[15..].trim())
        });
        match authorization {
            None => answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], ""),
            Some(authorization) => {
                let body =
                    json!({"errors": [{"code": "DENIED", "message": format!("{authorization} is robot:{CANARY}")}]});
                answer("403 Forbidden", &[], body.to_string())
            }
        }
    });
    // `verify_all` looks for the password in everything that is printed.
    let (code, result, message) = verify(
        &[
            "--registry",
            &repeating.address,
            "--username",
            "robot",
            "--password-stdin",
            "--plain-http",
        ],
        CANARY,
    );
    assert_eq!((code, result.as_str()), (1, "Rejected"));
    assert!(
        message.contains("(the text is left out: it repeats the credentials)"),
        "{message}"
    );
}
