//! `dps verify` against real registries.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::canary::CANARY;
use crate::support::fleet::Fleet;
use crate::support::objects::{Space, private};
use crate::support::operator::operator;
use crate::support::registries::{Registries, Scripted, answer, read_head, registries};
use crate::support::verify::{verify, verify_all, verify_in};
use crate::support::world::world;

#[test]
#[allow(clippy::type_complexity, clippy::too_many_lines, reason = "a table")]
fn every_verdict_that_a_real_registry_gives() {
    let all = registries();
    let (ca, right) = (all.get("caFile"), all.get("password"));
    let image = ["--image", "team/app:1.0"];
    let missing = ["--image", "team/other:1.0"];
    let none: [&str; 0] = [];
    // Registry, user, password, further flags, exit code, result, a part of the message.
    let table: &[(&str, &str, &str, &[&str], i32, &str, &str)] = &[
        ("basic", "robot", right, &none, 0, "Accepted", "returned 200"),
        (
            "basic",
            "robot",
            CANARY,
            &none,
            1,
            "Rejected",
            "UNAUTHORIZED: authentication required",
        ),
        ("basic", "nobody", right, &none, 1, "Rejected", "check the user name"),
        ("basic", "robot", right, &image, 0, "Accepted", "may read the image"),
        (
            "basic",
            "robot",
            right,
            &missing,
            0,
            "Accepted",
            "the image does not exist",
        ),
        ("bearer", "robot", right, &none, 0, "Accepted", "with the token"),
        (
            "bearer",
            "robot",
            CANARY,
            &none,
            1,
            "Rejected",
            "incorrect username or password",
        ),
        ("bearer", "robot", right, &image, 0, "Accepted", "may read the image"),
        ("bearer", "stranger", right, &none, 0, "Accepted", "returned 200"),
        (
            "bearer",
            "stranger",
            right,
            &image,
            1,
            "Rejected",
            "may not read this image",
        ),
        (
            "anonymous",
            "robot",
            right,
            &none,
            3,
            "NotVerifiable",
            "answers the same without credentials",
        ),
        (
            "anonymous",
            "robot",
            CANARY,
            &image,
            3,
            "NotVerifiable",
            "nor this image requires credentials",
        ),
        (
            "plain",
            "robot",
            right,
            &["--plain-http"],
            0,
            "Accepted",
            "returned 200",
        ),
        (
            "plain",
            "robot",
            CANARY,
            &["--plain-http"],
            1,
            "Rejected",
            "returned 401",
        ),
        ("plain", "robot", right, &none, 3, "TLSFailure", "does not speak TLS"),
    ];
    for (registry, user, password, flags, code, result, part) in table {
        let mut args = vec![
            "--registry",
            all.get(registry),
            "--username",
            user,
            "--password-stdin",
            "--ca-file",
            ca,
        ];
        args.extend_from_slice(flags);
        let found = verify(&args, &format!("{password}\n"));
        assert_eq!(
            (found.0, found.1.as_str()),
            (*code, *result),
            "{registry} {user} {flags:?}: {}",
            found.2
        );
        assert!(found.2.contains(part), "{registry} {user} {flags:?}: {}", found.2);
    }

    // The authority is not known.
    let (code, result, message) = verify(
        &[
            "--registry",
            all.get("basic"),
            "--username",
            "robot",
            "--password-stdin",
        ],
        right,
    );
    assert_eq!((code, result.as_str()), (3, "TLSFailure"), "{message}");
    assert!(message.contains("authority that is not trusted"), "{message}");
}

#[test]
fn logins_from_docker_config_and_manifests() {
    let all = Registries::start();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config.json");
    let auth = STANDARD.encode(format!("robot:{}", all.get("password")));
    std::fs::write(
        &config,
        json!({"auths": {all.get("basic"): {"auth": auth}}}).to_string(),
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let ca = ["--ca-file", all.get("caFile")];
    let args = ["--registry", all.get("basic"), "--docker-config", config, ca[0], ca[1]];
    let (code, result, message) = verify(&args, "");
    assert_eq!((code, result.as_str()), (0, "Accepted"), "{message}");
    let (code, document) = verify_all(&["--registry", "quay.io", "--docker-config", config], "");
    assert_eq!(code, 2);
    assert!(
        document["stderr"]
            .as_str()
            .unwrap()
            .contains("has no entry for quay.io"),
        "{document}"
    );

    // Three resources share a wrong login and ask for images of their own: one failed login. One has no login.
    let before = all.attempts_at_token_server().len();
    let mut input = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"},
        "stringData": {"username": "robot", "password": CANARY}})
    .to_string();
    for (name, source) in [("a", "login"), ("b", "login"), ("c", "login"), ("d", "absent")] {
        let image = format!("team/{name}:1.0");
        input +=
            &json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": name},
            "spec": {"type": "PrivateRegistry", "registryUrl": all.get("bearer"), "credentialsRef": {"name": source},
                "verification": {"image": image}}})
            .to_string();
    }
    let (code, document) = verify_all(&["-f", "-", ca[0], ca[1]], &input);
    let results: Vec<Option<&str>> = document["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["result"].as_str())
        .collect();
    let rejected = Some("Rejected");
    assert_eq!((code, results), (1, vec![rejected, rejected, rejected, None]));
    assert!(
        document["results"][3]["message"]
            .as_str()
            .unwrap()
            .contains("SecretNotFound")
    );
    assert_eq!(all.attempts_at_token_server()[before..], ["401"]);
}

#[test]
fn a_login_is_not_sent_over_http_for_a_registry_with_tls() {
    let open = Scripted::start(|_, _| answer("200 OK", &[], r#"{"token":"t"}"#));
    let realm = format!("WWW-Authenticate: Bearer realm=\"http://{}/token\"", open.address);
    let server = Scripted::secure(move |_, _| answer("401 Unauthorized", &[&realm], ""));
    let ca = registries().get("caFile");
    let args = [
        "--registry",
        &server.address,
        "--username",
        "robot",
        "--password-stdin",
        "--ca-file",
        ca,
    ];
    let (code, result, message) = verify(&args, CANARY);
    assert_eq!((code, result.as_str()), (3, "NotARegistry"), "{message}");
    assert!(message.contains("not an HTTPS address"), "{message}");
    assert_eq!(open.requests(), Vec::<String>::new());
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(!requests[0].to_lowercase().contains("authorization"));
}

/// A proxy that connects its clients to whom they want, and remembers what they said.
struct Tunnel {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Tunnel {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (mut client, log) = (client.unwrap(), Arc::clone(&log));
                std::thread::spawn(move || {
                    let head = read_head(&mut client).unwrap();
                    let target = head.split(' ').nth(1).unwrap().to_owned();
                    log.lock().unwrap().push(head);
                    let server = TcpStream::connect(target).unwrap();
                    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                    let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                    std::thread::spawn(move || pass(from, to));
                    pass(server, client);
                });
            }
        });
        Self { url, requests }
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    // It ends when either side hangs up.
    let _ = std::io::copy(&mut from, &mut to);
    let _ = to.shutdown(std::net::Shutdown::Write);
}

#[test]
fn a_proxy_is_used_for_https_unless_the_registry_is_exempt() {
    let all = registries();
    let (registry, password) = (all.get("basic"), all.get("password"));
    let args = [
        "--registry",
        registry,
        "--username",
        "robot",
        "--password-stdin",
        "--ca-file",
        all.get("caFile"),
    ];
    for (variable, exempt, used) in [
        ("HTTPS_PROXY", "", true),
        ("https_proxy", "elsewhere.example.com,.example.com", true),
        ("HTTPS_PROXY", "example.com,localhost", false),
        ("HTTP_PROXY", "", false),
    ] {
        let proxy = Tunnel::start();
        let variables = [(variable, proxy.url.as_str()), ("NO_PROXY", exempt)];
        let (code, document) = verify_in(&variables, &args, password);
        assert_eq!(code, 0, "{variable} {exempt}: {document}");
        let requests = proxy.requests.lock().unwrap();
        assert_eq!(!requests.is_empty(), used, "{variable} {exempt}");
        for head in requests.iter() {
            assert!(
                head.starts_with(&format!("CONNECT {registry} HTTP/1.1\r\n")),
                "{variable}"
            );
            // The proxy sees where to, and neither login nor path.
            assert!(!head.to_lowercase().contains("authorization"), "{variable}");
        }
    }
}

#[tokio::test]
async fn credentials_of_resources_in_a_cluster_are_verified() {
    operator();
    let all = registries();
    let (registry, right) = (all.get("basic"), all.get("password"));
    let fleet = Fleet::new(world(), "verify").await;
    fleet.login("robot", right).await;
    let registry_of = json!({"registryUrl": registry});
    let name = fleet.create("login", registry_of).await;
    let space = Space::new(world(), "verify").await;
    space.credentials("login", "robot", right).await;
    space.create("app", private(registry, "login")).await;
    let kubeconfig = [("KUBECONFIG", world().kubeconfig().to_str().unwrap())];
    let namespace = ["-n", &space.name];
    for (subject, shown) in [
        ("app".to_owned(), format!("DockerPullSecret {}/app", space.name)),
        ("dps/app".to_owned(), format!("DockerPullSecret {}/app", space.name)),
        (format!("cdps/{name}"), format!("ClusterDockerPullSecret {name}")),
        (
            format!("clusterdockerpullsecret/{name}"),
            format!("ClusterDockerPullSecret {name}"),
        ),
    ] {
        let args = [&[subject.as_str(), "--ca-file", all.get("caFile")], &namespace[..]].concat();
        let (code, document) = verify_in(&kubeconfig, &args, "");
        let result = &document["results"][0];
        assert_eq!(
            (code, &result["name"], &result["result"]),
            (0, &json!(shown), &json!("Accepted")),
            "{document}"
        );
    }
    let (code, document) = verify_in(&kubeconfig, &["cdps/absent"], "");
    let stderr = document["stderr"].as_str().unwrap();
    assert!(
        code == 2 && stderr.contains("reading ClusterDockerPullSecret absent: "),
        "{stderr}"
    );
}
