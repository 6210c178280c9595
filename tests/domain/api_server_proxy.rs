//! Connections to the API server through a proxy.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::client_errors::{kubeconfig, plugin, with_kubeconfig};
use crate::support::dps::Output;
use crate::support::registries::{Scripted, answer, read_head};

/// A server that only the proxy knows.
const SERVER: &str = "http://api.invalid:6443";

/// A proxy that answers in the place of the API server.
struct Proxy {
    port: u16,
    /// What it was asked, and what it was asked inside the tunnel.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
        };
        let requests = Arc::clone(&proxy.requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let requests = Arc::clone(&requests);
                std::thread::spawn(move || tunnel(&stream.unwrap(), &requests));
            }
        });
        proxy
    }

    fn url(&self) -> String {
        format!("http://user:CANARY%40@localhost:{}", self.port)
    }

    fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

fn tunnel(mut stream: &TcpStream, requests: &Mutex<Vec<String>>) {
    let answer = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404,
        "message": "through the tunnel",
    })
    .to_string();
    let length = answer.len();
    let answer =
        format!("HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{answer}");
    for answer in ["HTTP/1.1 200 OK\r\n\r\n", &answer] {
        let Some(head) = read_head(&mut stream) else { return };
        requests.lock().unwrap().push(head);
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

fn verify(variables: &[(&str, &str)], cluster: &serde_json::Value) -> Output {
    let config = kubeconfig(&json!({"token": "word"}), cluster);
    let output = with_kubeconfig(variables, &["verify", "app", "-n", "team"], &config);
    assert!(!output.stderr.contains("CANARY"), "{}", output.stderr);
    output
}

#[test]
fn proxy_of_the_kubeconfig_or_the_environment_is_used() {
    let proxy = Proxy::start();
    let url = proxy.url();
    let bare = url.strip_prefix("http://").unwrap();
    let (none, named) = (json!({"server": SERVER}), json!({"server": SERVER, "proxy-url": url}));
    for (name, variables, cluster) in [
        ("proxy-url", vec![], &named),
        (
            "proxy-url, whatever NO_PROXY",
            vec![("NO_PROXY", "api.invalid")],
            &named,
        ),
        ("HTTP_PROXY", vec![("HTTP_PROXY", &*url)], &none),
        ("all_proxy without a scheme", vec![("all_proxy", bare)], &none),
        // That is about servers, not about the proxy.
        (
            "NO_PROXY for the proxy's host",
            vec![("HTTP_PROXY", &*url), ("NO_PROXY", "localhost")],
            &none,
        ),
    ] {
        let output = verify(&variables, cluster);
        assert!(
            output.stderr.contains("through the tunnel"),
            "{name}: {}",
            output.stderr
        );
        let requests = proxy.requests();
        assert!(
            requests[0].starts_with("CONNECT api.invalid:6443 HTTP/1.1\r\n"),
            "{name}: {requests:?}"
        );
        // user:CANARY@
        let authorization = "proxy-authorization: basic dXNlcjpDQU5BUllA".to_lowercase();
        assert!(
            requests[0].to_lowercase().contains(&authorization),
            "{name}: {requests:?}"
        );
        assert!(requests[1].starts_with("GET /apis/"), "{name}: {requests:?}");
    }
}

#[test]
fn proxy_is_not_used_for_servers_in_no_proxy() {
    let proxy = Proxy::start();
    let url = proxy.url();
    for exception in ["127.0.0.1", "127.0.0.0/8", "*", "localhost, 127.0.0.1"] {
        let output = verify(&[("HTTP_PROXY", &url), ("NO_PROXY", exception)], &json!({}));
        assert!(output.stderr.contains("refused"), "{exception}: {}", output.stderr);
        assert_eq!(proxy.requests(), Vec::<String>::new(), "{exception}");
    }
}

#[test]
fn proxy_that_refuses_is_told_without_its_password() {
    let refusing = Scripted::start(|_, _| answer("407 Proxy Authentication Required", &[], "CANARY"));
    let url = format!("http://user:CANARY@{}", refusing.address);
    let output = verify(&[], &json!({"server": SERVER, "proxy-url": url}));
    assert!(
        output.stderr.contains("proxy authorization required"),
        "{}",
        output.stderr
    );
}

#[test]
fn credential_plugin_is_run_once_and_its_token_is_sent() {
    let proxy = Proxy::start();
    let folder = tempfile::tempdir().unwrap();
    let runs = folder.path().join("runs");
    for expires in ["", ", \"expirationTimestamp\": \"2999-01-01T00:00:00Z\""] {
        std::fs::write(&runs, "").unwrap();
        let status = format!("{{\"status\": {{\"token\": \"w0rd\"{expires}}}}}");
        let user = plugin(&format!("echo run >> {}; echo '{status}'", runs.display()));
        let config = kubeconfig(&user, &json!({"server": SERVER, "proxy-url": proxy.url()}));
        let output = with_kubeconfig(&[], &["verify", "app", "-n", "team"], &config);
        assert!(output.stderr.contains("through the tunnel"), "{}", output.stderr);
        let requests = proxy.requests();
        assert!(requests[1].contains("authorization: Bearer w0rd\r\n"), "{requests:?}");
        assert_eq!(std::fs::read_to_string(&runs).unwrap(), "run\n");
    }
}
