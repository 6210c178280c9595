//! Proxies by the usual environment variables.

use super::{CANARY, verify_in};
use crate::support::registries::{Scripted, answer};

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
        let allowed = ("DPS_ALLOW_TOKEN_SERVER", "tokens.invalid,localhost");
        let (code, document) = verify_in(&[("HTTP_PROXY", &url), allowed], &HTTP, CANARY);
        assert_eq!(code, expected, "{realm}: {document}");
        let request = format!("GET http://{realm}/token");
        let reached = proxy.requests().iter().any(|head| head.starts_with(&request));
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
