//! Names, connections and TLS.

use crate::api::Cause;
use crate::domain::pull_failures::error_class::{CauseRule, ErrorClass, Progress, Refusal};
use crate::domain::pull_failures::patterns::{Pattern, Writer, patterns};

impl ErrorClass {
    /// The certificate is not trusted.
    pub const TLS: Self = Self {
        name: "Tls",
        cause: CauseRule::Always(Cause::TlsVerification),
        progress: Progress::Connection,
        refuses: Refusal::None,
        remedy: Some(
            "Install the CA certificate of {host} in the container runtime of the nodes, or correct the certificate of {host}",
        ),
    };

    /// A certificate has expired, or one of the clocks is wrong.
    pub const TLS_CLOCK: Self = Self {
        name: "TlsClock",
        cause: CauseRule::Always(Cause::TlsVerification),
        progress: Progress::Connection,
        refuses: Refusal::None,
        remedy: Some("Renew the certificate of {host} if it has expired. If it is valid, correct the node's clock"),
    };

    /// The registry requires a client certificate that it trusts.
    pub const TLS_CLIENT_CERTIFICATE: Self = Self {
        name: "TlsClientCertificate",
        cause: CauseRule::Always(Cause::TlsVerification),
        progress: Progress::Connection,
        refuses: Refusal::None,
        remedy: Some(
            "{host} requires a client certificate that it trusts. Install a valid client certificate for {host} in the container runtime of the node",
        ),
    };

    /// HTTP where HTTPS was expected.
    pub const PLAIN_HTTP: Self = Self {
        name: "PlainHttp",
        cause: CauseRule::Always(Cause::PlainHttpRegistry),
        progress: Progress::Connection,
        refuses: Refusal::None,
        remedy: Some("Give {host} a certificate, or allow plain HTTP for it in the container runtime of the nodes"),
    };

    /// The name does not resolve.
    pub const DNS: Self = Self {
        name: "Dns",
        cause: CauseRule::Always(Cause::DnsFailure),
        progress: Progress::Connection,
        refuses: Refusal::None,
        remedy: Some("Fix DNS on the node: it cannot resolve {host}"),
    };

    /// The node's proxy fails, or cannot be reached.
    pub const PROXY: Self = Self {
        name: "Proxy",
        cause: CauseRule::Always(Cause::RegistryUnreachable),
        progress: Progress::Connection,
        refuses: Refusal::None,
        remedy: None,
    };

    /// The node's proxy refuses the connection.
    pub const PROXY_REFUSED: Self = Self {
        name: "ProxyRefused",
        cause: CauseRule::Always(Cause::ProxyRefused),
        progress: Progress::Connection,
        refuses: Refusal::Client,
        remedy: None,
    };

    /// No connection, or the registry has a problem.
    pub const UNREACHABLE: Self = Self {
        name: "Unreachable",
        cause: CauseRule::Always(Cause::RegistryUnreachable),
        progress: Progress::Connection,
        refuses: Refusal::None,
        remedy: Some("Check {host}, and the network between the node and it"),
    };
}

pub(super) const PATTERNS: &[Pattern] = patterns! {
    PLAIN_HTTP: "server gave http response to https client", Any, "containers/image:docker/docker_client.go";
    PLAIN_HTTP: "first record does not look like a tls handshake", Any, "docker/for-linux#415";
    PLAIN_HTTP: "wrong version number", Any, "OpenSSL";
    DNS: "no such host", Any, "kubescape/kubescape#531";
    DNS: "name resolution", Any, "cri-o/cri-o#2331";
    DNS: "server misbehaving", Any, "hjacobs/kube-ops-view#176";
    DNS: "name or service not known", Os, "getaddrinfo(3)";
    DNS: "could not resolve host", Any, "curl";
    DNS: "no address associated with hostname", Os, "getaddrinfo(3)";
    DNS: "dial tcp: lookup", Any, "cri-o/cri-o#2331";
    DNS: "dial udp: lookup", Any, "Go: net/dial.go";
    DNS: "getaddrinfo", Os, "getaddrinfo(3)";
    UNREACHABLE: "tls handshake timeout", Containerd, "tests/domain/corpus/containerd-2.1.jsonl";
    UNREACHABLE: "bad record mac", Any, "saleor/saleor-platform#27";
    UNREACHABLE: "tls: internal error", Any, "Go: crypto/tls/alert.go";
    UNREACHABLE: "tls: error decoding message", Any, "Go: crypto/tls/alert.go";
    UNREACHABLE: "tls: unrecognized name", Any, "Go: crypto/tls/alert.go";
    UNREACHABLE: "connect: permission denied", Os, "connect(2)";
    TLS_CLIENT_CERTIFICATE: "certificate required", Containerd, "containerd/containerd#13206";
    TLS_CLIENT_CERTIFICATE: "remote error: tls: bad certificate", Any, "Go: crypto/tls/alert.go";
    TLS_CLIENT_CERTIFICATE: "remote error: tls: unknown certificate", Any, "Go: crypto/tls/alert.go";
    TLS_CLIENT_CERTIFICATE: "remote error: tls: expired certificate", Any, "Go: crypto/tls/alert.go";
    TLS_CLIENT_CERTIFICATE: "remote error: tls: revoked certificate", Any, "Go: crypto/tls/alert.go";
    TLS_CLIENT_CERTIFICATE: "no required ssl certificate was sent", Registry, "nginx: ngx_http_special_response.c";
    TLS_CLOCK: "has expired or is not yet valid", CriO, "containers/image:docker/docker_client.go";
    TLS: "x509:", Any, "crc-org/crc#1376";
    TLS: "certificate", Any, "crc-org/crc#1376";
    TLS: "tls: ", Any, "containers/image:docker/docker_client.go";
    TLS: "tls handshake", Containerd, "docker/for-linux#415";
    TLS: "remote error: tls", Containerd, "containerd/containerd#13206";
};
