//! What the image is, and rules by which it is refused whatever the credentials.

use crate::api::Cause;
use crate::domain::pull_failures::error_class::{CauseRule, ErrorClass, Progress, Refusal};
use crate::domain::pull_failures::patterns::{Pattern, Writer, patterns};

impl ErrorClass {
    /// A pull secret cannot be decoded.
    pub const MALFORMED: Self = Self {
        name: "Malformed",
        cause: CauseRule::Always(Cause::PullSecretMalformed),
        progress: Progress::Limited,
        refuses: Refusal::None,
        remedy: None,
    };

    /// The image must not be pulled and is not on the node.
    pub const NEVER_PULL: Self = Self {
        name: "NeverPull",
        cause: CauseRule::Always(Cause::NeverPull),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: None,
    };

    /// What the name refers to is no image, or one in a format that the runtime does not support.
    pub const INVALID_FORMAT: Self = Self {
        name: "InvalidFormat",
        cause: CauseRule::Always(Cause::InvalidImage),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: Some(
            "Check that the name refers to a container image and not to another artifact. If it does, rebuild the image and push it in the OCI or Docker v2 schema 2 format",
        ),
    };

    /// The name of the image is not valid.
    pub const INVALID_NAME: Self = Self {
        name: "InvalidName",
        cause: CauseRule::Always(Cause::InvalidImage),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: None,
    };

    /// A web page instead of an image.
    pub const WEB_PAGE: Self = Self {
        name: "WebPage",
        cause: CauseRule::Always(Cause::RegistryUnreachable),
        progress: Progress::Denied,
        refuses: Refusal::None,
        remedy: Some(
            "The node received a web page instead of an image. Check that {registry} is the registry's host, and check mirrors and proxies in the container runtime configuration of the node",
        ),
    };

    /// A signature policy of the node.
    pub const SIGNATURE: Self = Self {
        name: "Signature",
        cause: CauseRule::Always(Cause::SignaturePolicy),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: None,
    };

    /// A policy of the registry for signatures or vulnerabilities.
    pub const REGISTRY_POLICY: Self = Self {
        name: "RegistryPolicy",
        cause: CauseRule::Always(Cause::SignaturePolicy),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: Some(
            "A policy of {registry} blocks the image. Fix its vulnerabilities or sign it, or ask the registry's administrator to exempt it",
        ),
    };

    /// The node's verifier could not judge the image.
    pub const VERIFIER_FAILED: Self = Self {
        name: "VerifierFailed",
        cause: CauseRule::Always(Cause::SignaturePolicy),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: Some(
            "The image verifier on the node failed and blocks every image that it cannot judge. Fix the verifier on the node",
        ),
    };

    /// The registry or a gateway in front of it does not serve this client, whatever its credentials.
    pub const ADDRESS_REFUSED: Self = Self {
        name: "AddressRefused",
        cause: CauseRule::Always(Cause::BlockedByPolicy),
        progress: Progress::Denied,
        refuses: Refusal::Client,
        remedy: Some(
            "{registry}, or a gateway in front of it, refuses the node's address or location, so other credentials do not help. Allow the node's outbound address there, or pull through a mirror",
        ),
    };

    /// The owner of the image or of the registry has to pay or to enable something.
    pub const OWNER_REFUSED: Self = Self {
        name: "OwnerRefused",
        cause: CauseRule::Always(Cause::BlockedByPolicy),
        progress: Progress::Denied,
        refuses: Refusal::Client,
        remedy: Some(
            "{registry} does not serve this image until its owner enables billing or the service, or restores the account. Contact the owner, or use a copy of the image",
        ),
    };

    /// The registry is a cache, and the registry behind it refuses the cache.
    pub const UPSTREAM_REFUSED: Self = Self {
        name: "UpstreamRefused",
        cause: CauseRule::Always(Cause::RegistryUnreachable),
        progress: Progress::Denied,
        refuses: Refusal::None,
        remedy: Some(
            "{registry} caches another registry, which refuses the cache. Correct the upstream credentials in the cache's configuration at {registry}; the pod's pull secret is not involved",
        ),
    };
}

pub(super) const PATTERNS: &[Pattern] = patterns! {
    MALFORMED: "illegal base64 data", Any, "kubernetes/kubernetes#82147";
    MALFORMED: "unable to parse auth field", CriO, "openshift/release#18308";
    MALFORMED: "cannot unmarshal + dockerconfig", Kubelet, "kubernetes/kubernetes:pkg/credentialprovider/config.go";
    NEVER_PULL: "is not present with pull policy of never", Any, "kubernetes/kubernetes:pkg/kubelet/images/image_manager.go";
    INVALID_FORMAT: "is no longer supported since containerd", Any, "kubernetes/website#52702";
    INVALID_FORMAT: "mismatched image rootfs and manifest layers", Any, "searlsco/posse_party#27";
    INVALID_FORMAT: "no processor for media-type: + in-toto", Any, "canonical/microk8s#3687";
    INVALID_FORMAT: "layers from manifest don't match image configuration", Dockerd, "moby/moby:daemon/internal/distribution/pull_v2.go";
    INVALID_FORMAT: "invalid rootfs in image configuration", Dockerd, "moby/moby#44367";
    INVALID_FORMAT: "manifest.v1+prettyjws", Any, "kubernetes/website#52702";
    INVALID_FORMAT: "unsupported schema version", CriO, "containers/image:manifest/docker_schema1.go";
    INVALID_FORMAT: "schema 1 support", Dockerd, "moby/moby:daemon/internal/distribution/pull_v2.go";
    INVALID_FORMAT: "manifest mime type + application/vnd.", CriO, "containers/image:manifest/manifest.go";
    INVALID_FORMAT: "missing signature key", Dockerd, "docker/libtrust:jsonsign.go";
    INVALID_FORMAT: "unsupported image-specific operation on artifact", CriO, "containers/image:internal/manifest/errors.go";
    INVALID_FORMAT: "encountered remote + when fetching", Dockerd, "moby/moby:daemon/internal/distribution/pull_v2.go";
    INVALID_FORMAT: "unsupported media type + application/vnd.", Dockerd, "moby/moby#44367";
    INVALID_FORMAT: "unexpected media type application/vnd.", Containerd, "containerd/containerd:core/images/image.go";
    WEB_PAGE: "media type text/html", Containerd, "containerd/containerd#7400";
    WEB_PAGE: "media type \"text/html", Dockerd, "moby/moby#44367";
    WEB_PAGE: "mime type text/html", CriO, "containers/image:manifest/manifest.go";
    WEB_PAGE: "content type text/html", Any, "Go: mime/mediatype.go";
    WEB_PAGE: "content-type text/html", Any, "Go: mime/mediatype.go";
    INVALID_NAME: "invalid reference format", Any, "kubernetes/kubernetes:pkg/kubelet/images/image_manager.go";
    INVALID_NAME: "couldn't parse image name", Containerd, "tests/domain/corpus/containerd-2.1.jsonl";
    INVALID_NAME: "invalid image name", Kubelet, "kubernetes/kubernetes:pkg/kubelet/images/types.go";
    INVALID_NAME: "invalidimagename", Kubelet, "kubernetes/kubernetes:pkg/kubelet/images/types.go";
    INVALID_NAME: "invalid repository name", Dockerd, "generic";
    INVALID_NAME: "could not parse reference", Any, "generic";
    INVALID_NAME: "did not resolve to an alias", CriO, "containers/image:pkg/shortnames/shortnames.go";
    INVALID_NAME: "no registries configured", CriO, "kubernetes/minikube#2835";
    INVALID_NAME: "short-name resolution enforced", CriO, "containers/image:pkg/shortnames/shortnames.go";
    INVALID_NAME: "short name mode is enforcing", CriO, "SynologyOpenSource/synology-csi#128";
    SIGNATURE: "blocked pull", Containerd, "containerd/containerd:core/transfer/local/pull.go";
    SIGNATURE: "source image rejected", CriO, "JasonN3/build-container-installer#146";
    SIGNATURE: "signature validation failed", CriO, "JasonN3/build-container-installer#146";
    SIGNATURE: "signaturevalidationfailed", CriO, "cri-o/cri-o:internal/storage/image.go";
    SIGNATURE: "signature was required", CriO, "JasonN3/build-container-installer#146";
    SIGNATURE: "invalid signature", CriO, "containers/image:signature/policy_eval_signedby.go";
    SIGNATURE: "rejected by policy", CriO, "containers/image:signature/policy_eval_simple.go";
    // A verifier's own problem ends in the words of other causes.
    VERIFIER_FAILED: "blocking pull of", Containerd, "containerd/containerd#12541";
    VERIFIER_FAILED: "image verifier + returned error", Containerd, "containerd/containerd#12541";
    VERIFIER_FAILED: "failed to run verifier", Containerd, "containerd/containerd#12541";
    // Google answers 412 since its Container Registry is shut down: before Harbor's 412.
    OWNER_REFUSED: "container registry is deprecated and shutting down", Registry, "pulumi/pulumi-docker#1403";
    OWNER_REFUSED: "oauth token + 412", Containerd, "docker/build-push-action#1375";
    OWNER_REFUSED: "anonymous token + 412", Containerd, "docker/build-push-action#1375";
    REGISTRY_POLICY: "412", Registry, "goharbor/harbor#19201";
    REGISTRY_POLICY: "projectpolicyviolation", Registry, "goharbor/harbor#22650";
    REGISTRY_POLICY: "due to configured policy", Registry, "goharbor/harbor#11202";
    REGISTRY_POLICY: "download blocking policy configured in xray", Registry, "sobolevn/git-secret#801";
    REGISTRY_POLICY: "not signed by cosign", Registry, "goharbor/harbor#22650";
    REGISTRY_POLICY: "image is not signed in", Registry, "goharbor/harbor#11504";
    UPSTREAM_REFUSED: "authentication to the upstream registry failed", Registry, "aws/containers-roadmap#2354";
    UPSTREAM_REFUSED: "upstream registry + credentials", Registry, "aws/containers-roadmap#2354";
    UPSTREAM_REFUSED: "upstream repository is not configured", Registry, "jfrog/charts#1834";
    OWNER_REFUSED: "api has not been used in project", Registry, "validator/validator#1753";
    OWNER_REFUSED: "namespace + has been disabled", Registry, "fluxcd/flux#1953";
    OWNER_REFUSED: "billing to be enabled", Registry, "coollabsio/coolify#11243";
    OWNER_REFUSED: "billing account", Registry, "brunsgaard/eks-nvme-ssd-provisioner#1";
    OWNER_REFUSED: "402", Registry, "RFC 9110, 15.5.3";
    ADDRESS_REFUSED: "is not allowed access", Registry, "Azure/acr#633";
    ADDRESS_REFUSED: "client with ip", Registry, "Azure/acr#633";
    ADDRESS_REFUSED: "has an ip allow list enabled", Registry, "aquasecurity/trivy#10567";
    ADDRESS_REFUSED: "export control", Registry, "MatinSenPai/Zanjir#1";
    ADDRESS_REFUSED: "451", Registry, "kubernetes/registry.k8s.io#333";
    ADDRESS_REFUSED: "block access from your country", Registry, "curiefense/curiefense#824";
    ADDRESS_REFUSED: "your client does not have permission to get url", Registry, "kubernetes/registry.k8s.io#138";
    ADDRESS_REFUSED: "prohibited by organization's policy", Registry, "GoogleCloudPlatform/cloud-sql-proxy#1686";
    ADDRESS_REFUSED: "403 + invalid character '<'", Registry, "brunsgaard/eks-nvme-ssd-provisioner#1";
    ADDRESS_REFUSED: "denied: <html", Registry, "MatinSenPai/Zanjir#1";
};
