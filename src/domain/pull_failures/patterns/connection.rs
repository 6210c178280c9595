//! Names, connections and TLS.

use crate::domain::pull_failures::classify::ErrorClass;
use crate::domain::pull_failures::patterns::{Pattern, Writer, patterns};

pub(super) const PATTERNS: &[Pattern] = patterns! {
    PlainHttp: "server gave http response to https client", Any, "containers/image:docker/docker_client.go";
    PlainHttp: "first record does not look like a tls handshake", Any, "docker/for-linux#415";
    PlainHttp: "wrong version number", Any, "OpenSSL";
    Dns: "no such host", Any, "kubescape/kubescape#531";
    Dns: "name resolution", Any, "cri-o/cri-o#2331";
    Dns: "server misbehaving", Any, "hjacobs/kube-ops-view#176";
    Dns: "name or service not known", Os, "getaddrinfo(3)";
    Dns: "could not resolve host", Any, "curl";
    Dns: "no address associated with hostname", Os, "getaddrinfo(3)";
    Dns: "dial tcp: lookup", Any, "cri-o/cri-o#2331";
    Dns: "dial udp: lookup", Any, "Go: net/dial.go";
    Dns: "getaddrinfo", Os, "getaddrinfo(3)";
    Unreachable: "tls handshake timeout", Containerd, "tests/domain/corpus/containerd-2.1.jsonl";
    Unreachable: "bad record mac", Any, "saleor/saleor-platform#27";
    Unreachable: "tls: internal error", Any, "Go: crypto/tls/alert.go";
    Unreachable: "tls: error decoding message", Any, "Go: crypto/tls/alert.go";
    Unreachable: "tls: unrecognized name", Any, "Go: crypto/tls/alert.go";
    Unreachable: "connect: permission denied", Os, "connect(2)";
    TlsClientCertificate: "certificate required", Containerd, "containerd/containerd#13206";
    TlsClientCertificate: "remote error: tls: bad certificate", Any, "Go: crypto/tls/alert.go";
    TlsClientCertificate: "remote error: tls: unknown certificate", Any, "Go: crypto/tls/alert.go";
    TlsClientCertificate: "remote error: tls: expired certificate", Any, "Go: crypto/tls/alert.go";
    TlsClientCertificate: "remote error: tls: revoked certificate", Any, "Go: crypto/tls/alert.go";
    TlsClientCertificate: "no required ssl certificate was sent", Registry, "nginx: ngx_http_special_response.c";
    TlsClock: "has expired or is not yet valid", CriO, "containers/image:docker/docker_client.go";
    Tls: "x509:", Any, "crc-org/crc#1376";
    Tls: "certificate", Any, "crc-org/crc#1376";
    Tls: "tls: ", Any, "containers/image:docker/docker_client.go";
    Tls: "tls handshake", Containerd, "docker/for-linux#415";
    Tls: "remote error: tls", Containerd, "containerd/containerd#13206";
};
