//! Proxies by the usual environment variables.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::support::registries::{Scripted, answer, read_head, registries};
use super::{CANARY, verify_in};

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

const HTTP: [&str; 6] = [
    "--registry",
    "registry.invalid:5000",
    "--username",
    "robot",
    "--password-stdin",
    "--plain-http",
];

/// A proxy may be where no registry and token server may be: it is the choice of whoever runs this. That opens nothing
/// else on its host.
#[test]
fn a_proxy_may_be_where_a_token_server_may_not() {
    for (realm, expected) in [("tokens.invalid", 0), ("localhost:5000", 3)] {
        let proxy = Scripted::start(move |head, _| {
            let authorized = head.to_lowercase().contains("authorization: bearer");
            if head.starts_with("GET http://registry.invalid:5000/v2/ ") && !authorized {
                let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{realm}/token\",service=\"x\"");
                answer("401 Unauthorized", &[&challenge], "")
            } else {
                answer("200 OK", &[], r#"{"token": "t"}"#)
            }
        });
        let url = format!("http://localhost:{}", proxy.address.rsplit(':').next().unwrap());
        let (code, document) = verify_in(&[("HTTP_PROXY", &url)], &HTTP, CANARY);
        assert_eq!(code, expected, "{realm}: {document}");
        let asked = format!("GET http://{realm}/token");
        let reached = proxy.requests().iter().any(|head| head.starts_with(&asked));
        assert_eq!(reached, expected == 0, "{realm}");
        assert_eq!(document.to_string().contains("loopback"), expected != 0, "{document}");
    }
}

#[test]
fn a_proxy_is_used_for_http() {
    for variable in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let proxy = Scripted::start(|head, _| {
            if head.to_lowercase().contains("authorization:") {
                answer("200 OK", &[], "")
            } else {
                answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "")
            }
        });
        let url = format!("http://{}", proxy.address);
        // Nobody but the proxy could know this name.
        let (code, document) = verify_in(&[(variable, &url)], &HTTP, CANARY);
        assert_eq!(code, 0, "{variable}: {document}");
        let requests = proxy.requests();
        assert_eq!(requests.len(), 2, "{variable}");
        for head in requests {
            assert!(
                head.starts_with("GET http://registry.invalid:5000/v2/ HTTP/1.1\r\n"),
                "{variable}"
            );
        }
    }
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
