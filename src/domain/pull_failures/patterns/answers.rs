//! Answers of the registry in general words: after everything that is more specific.

use crate::api::Cause;
use crate::domain::pull_failures::error_class::{CauseRule, ErrorClass, Progress, Refusal};
use crate::domain::pull_failures::patterns::{Pattern, Writer, patterns};

impl ErrorClass {
    /// 401, from a runtime that has other words for sending no credentials: most likely wrong ones.
    pub const UNAUTHORIZED: Self = Self {
        name: "Unauthorized",
        cause: CauseRule::Unauthorized,
        progress: Progress::Asked,
        refuses: Refusal::Credentials,
        remedy: None,
    };

    /// 401: wrong credentials, or none: the words do not say which.
    pub const UNCLEAR: Self = Self {
        name: "Unclear",
        cause: CauseRule::Unclear,
        progress: Progress::Asked,
        refuses: Refusal::Credentials,
        remedy: None,
    };

    /// No permission, or no credentials: the words do not say which.
    pub const DENIED: Self = Self {
        name: "Denied",
        cause: CauseRule::Denied,
        progress: Progress::Denied,
        refuses: Refusal::Credentials,
        remedy: None,
    };

    /// The host that stores layers refuses the node.
    pub const STORAGE_REFUSED: Self = Self {
        name: "StorageRefused",
        cause: CauseRule::Always(Cause::StorageRefused),
        progress: Progress::Denied,
        refuses: Refusal::Client,
        remedy: None,
    };

    /// The image exists, but one of its layers does not.
    pub const LAYER_MISSING: Self = Self {
        name: "LayerMissing",
        cause: CauseRule::Always(Cause::ImageNotFound),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: Some(
            "{registry} has the image's manifest but not all of its layers. Push the image again, or clear the registry's cache if it proxies another registry",
        ),
    };

    /// No such image.
    pub const NOT_FOUND: Self = Self {
        name: "NotFound",
        cause: CauseRule::Always(Cause::ImageNotFound),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: None,
    };

    /// Something else.
    pub const UNKNOWN: Self = Self {
        name: "Unknown",
        cause: CauseRule::Always(Cause::Unknown),
        progress: Progress::Unknown,
        refuses: Refusal::None,
        remedy: None,
    };
}

pub(super) const PATTERNS: &[Pattern] = patterns! {
    // containerd since 1.7, which has other words for sending no credentials.
    UNAUTHORIZED: "from head request + 401", Containerd, "containerd/containerd:core/remotes/errors/errors.go";
    UNAUTHORIZED: "from get request + 401", Containerd, "Azure/AKS#4459";
    // containers/image says so whenever a token is refused, also without credentials.
    UNCLEAR: "invalid username/password", CriO, "tektoncd/pipeline#1106";
    UNCLEAR: "requesting bearer token + 403", CriO, "cri-o/cri-o#7007";
    DENIED: "insufficient_scope", Containerd, "containerd/containerd#2052";
    DENIED: "pull access denied", Any, "kubernetes/website#14257";
    DENIED: "no pull access", Registry, "moby/moby#30498";
    DENIED: "unauthorized to access repository", Registry, "goharbor/harbor#17713";
    DENIED: "does not have permission", Registry, "kubernetes/kubernetes#65958";
    DENIED: "access to the resource is denied", Registry, "cri-o/cri-o#2331";
    DENIED: "access to the requested resource is not authorized", Registry, "stolostron/deploy#6";
    DENIED: "access forbidden", Registry, "youtous/docker-mailserver-traefik#5";
    DENIED: "downloadartifacts", Registry, "GoogleCloudPlatform/berglas#128";
    DENIED: "403", Registry, "cri-o/cri-o#7007";
    DENIED: "forbidden", Registry, "cri-o/cri-o#7007";
    DENIED: "denied", Registry, "cri-o/cri-o#2331";
    DENIED: "invalid_token", Registry, "RFC 6750, 3.1";
    LAYER_MISSING: "unknown blob", Registry, "kubernetes/registry.k8s.io#258";
    LAYER_MISSING: "blob unknown", Registry, "OCI distribution specification, error codes";
    LAYER_MISSING: "blob_unknown", Registry, "OCI distribution specification, error codes";
    LAYER_MISSING: "httpreadseeker + content at + not found", Containerd, "containerd/containerd:core/remotes/docker/fetcher.go";
    LAYER_MISSING: "reading blob + 404", CriO, "containers/image:docker/docker_image_src.go";
    LAYER_MISSING: "fetching blob + 404", CriO, "containers/image:docker/docker_image_src.go";
    LAYER_MISSING: "error pulling image configuration + 404", Dockerd, "moby/moby:daemon/internal/distribution/pull_v2.go";
    NOT_FOUND: "manifest unknown", Registry, "raffaelespazzoli/credscontroller#10";
    NOT_FOUND: "manifest_unknown", Registry, "OCI distribution specification, error codes";
    NOT_FOUND: "name unknown", Registry, "podman-container-tools/podman#9990";
    NOT_FOUND: "name_unknown", Registry, "OCI distribution specification, error codes";
    NOT_FOUND: "name invalid", Registry, "OCI distribution specification, error codes";
    NOT_FOUND: "repository name not known", Registry, "moby/moby:daemon/internal/distribution/errors.go";
    NOT_FOUND: "repository + not found", Registry, "moby/moby:daemon/internal/distribution/errors.go";
    NOT_FOUND: "manifest + not found", Registry, "podman-container-tools/podman#3022";
    NOT_FOUND: "artifact + not found", Registry, "goharbor/harbor#17852";
    NOT_FOUND: "no such manifest", Registry, "generic";
    NOT_FOUND: "404", Registry, "podman-container-tools/podman#3022";
    NOT_FOUND: ": not found", Any, "devlikeapro/waha#1829";
    NOT_FOUND: "not_found", Registry, "generic";
    NOT_FOUND: "failed to find image", CriO, "generic";
    NOT_FOUND: "was deleted or has expired", Registry, "quay/quay:endpoints/v2/manifest.py";
    UNCLEAR: "401", Any, "kubernetes-sigs/kueue#11238";
    UNCLEAR: "unauthorized", Any, "cri-o/cri-o#2331";
    UNCLEAR: "authentication required", Any, "cri-o/cri-o#2331";
    UNREACHABLE: "connection refused", Any, "enix/kube-image-keeper#529";
    UNREACHABLE: "connection reset", Dockerd, "FREEZONEX/Tier0-Edge#12";
    UNREACHABLE: "connection timed out", Containerd, "kubernetes/kubeadm#2936";
    UNREACHABLE: "broken pipe", Os, "errno(3)";
    UNREACHABLE: "i/o timeout", Any, "cri-o/cri-o#2723";
    UNREACHABLE: "deadline exceeded", Any, "cri-o/cri-o#189";
    UNREACHABLE: "client.timeout", Dockerd, "kubernetes/kubelet#7";
    UNREACHABLE: "timed out", Containerd, "kubernetes/kubeadm#2936";
    UNREACHABLE: "timeout", Any, "cri-o/cri-o#2723";
    UNREACHABLE: "no route to host", Containerd, "kubernetes/kubernetes#91402";
    UNREACHABLE: "host is unreachable", Os, "errno(3)";
    UNREACHABLE: "network is unreachable", Os, "errno(3)";
    UNREACHABLE: "use of closed network connection", Any, "Go: net/net.go";
    UNREACHABLE: "server closed idle connection", Any, "Go: net/http/transport.go";
    UNREACHABLE: "eof", Any, "kubernetes/registry.k8s.io#333";
    UNREACHABLE: "proxyconnect", CriO, "cri-o/cri-o#2331";
    UNREACHABLE: "5xx", Any, "RFC 9110, 15.6";
    UNREACHABLE: "internal server error", Containerd, "tests/domain/corpus/containerd-2.1.jsonl";
    UNREACHABLE: "bad gateway", Any, "podman-container-tools/podman#17802";
    UNREACHABLE: "service unavailable", Any, "Mirantis/cri-dockerd:core/image.go";
    UNREACHABLE: "gateway time", CriO, "bcgov/pipeline-templates#22";
    UNREACHABLE: "registry is unavailable", Any, "enix/kube-image-keeper#529";
    UNREACHABLE: "registryunavailable", CriO, "enix/kube-image-keeper#529";
    UNREACHABLE: "http2:", Any, "Go: net/http/h2_bundle.go";
    UNREACHABLE: "stream error", Any, "Go: net/http/h2_bundle.go";
    UNREACHABLE: "context canceled", Containerd, "kubernetes/kubernetes#131521";
    UNREACHABLE: "request canceled", Dockerd, "kubernetes/kubelet#7";
    UNREACHABLE: "protocol_error", Any, "Go: net/http/h2_bundle.go";
    UNREACHABLE: "malformed http response", Any, "Go: net/http/transport.go";
    WEB_PAGE: "invalid character '<'", CriO, "podman-container-tools/podman#3022";
    // The gRPC code of many errors: only when nothing else is known.
    NOT_FOUND: "code = notfound", Registry, "FoundationDB/fdb-kubernetes-operator#2294";
};
