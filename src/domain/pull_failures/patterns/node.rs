//! The platform, and problems of the node: these often end in the words of another cause.

use crate::api::Cause;
use crate::domain::pull_failures::error_class::{CauseRule, ErrorClass, Progress, Refusal};
use crate::domain::pull_failures::patterns::{Pattern, Writer, patterns};

impl ErrorClass {
    /// No image for this platform.
    pub const PLATFORM: Self = Self {
        name: "Platform",
        cause: CauseRule::Always(Cause::PlatformMismatch),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: None,
    };

    /// The image is for another version of Windows.
    pub const WINDOWS_VERSION: Self = Self {
        name: "WindowsVersion",
        cause: CauseRule::Always(Cause::PlatformMismatch),
        progress: Progress::Image,
        refuses: Refusal::None,
        remedy: Some(
            "Use an image for the Windows version of the node, or schedule the pod to a node with a matching operating system version",
        ),
    };

    /// The node has a problem.
    pub const NODE: Self = Self {
        name: "Node",
        cause: CauseRule::Always(Cause::NodeProblem),
        progress: Progress::Denied,
        refuses: Refusal::None,
        remedy: None,
    };

    /// The node may not read or write one of its own files.
    pub const NODE_FILE: Self = Self {
        name: "NodeFile",
        cause: CauseRule::Always(Cause::NodeProblem),
        progress: Progress::Denied,
        refuses: Refusal::None,
        remedy: Some(
            "The container runtime cannot use a file on the node. Correct the file or its permissions, as the message says",
        ),
    };
}

pub(super) const PATTERNS: &[Pattern] = patterns! {
    WINDOWS_VERSION: "based image is incompatible with a", Any, "moby/moby#39328";
    WINDOWS_VERSION: "operating system does not match the host operating system", Dockerd, "moby/moby:daemon/internal/distribution/pull_v2_windows.go";
    WINDOWS_VERSION: "no matching manifest for windows", Dockerd, "moby/moby:daemon/internal/distribution/pull_v2_windows.go";
    WINDOWS_VERSION: "cannot download windows image", Dockerd, "moby/moby:daemon/internal/distribution/pull_v2_unix.go";
    PLATFORM: "no match for platform", Any, "devlikeapro/waha#1829";
    PLATFORM: "no match for current platform", Containerd, "containerd/containerd#2410";
    PLATFORM: "no supported platform found", Dockerd, "docker-library/official-images#3835";
    PLATFORM: "no matching manifest", Dockerd, "cilium/image-tools#61";
    PLATFORM: "no image found in image index", CriO, "containers/image:internal/manifest/oci_index.go";
    PLATFORM: "no image found in manifest list", CriO, "cri-o/cri-o#3626";
    PLATFORM: "no image found in + architecture", CriO, "cri-o/cri-o#3626";
    PLATFORM: "does not match the specified platform", Dockerd, "moby/moby:daemon/containerd/image.go";
    PLATFORM: "cannot be used on this platform", Dockerd, "moby/moby:daemon/internal/distribution/pull_v2.go";
    NODE_FILE: "open / + : permission denied", Any, "rootless-containers/usernetes#8";
    NODE_FILE: "stat / + : permission denied", Os, "open(2) and others";
    NODE_FILE: "mkdir / + : permission denied", Os, "open(2) and others";
    NODE_FILE: "exec / + : permission denied", Os, "open(2) and others";
    NODE_FILE: "write / + : permission denied", Os, "open(2) and others";
    NODE_FILE: "remove / + : permission denied", Os, "open(2) and others";
    NODE_FILE: "rename / + : permission denied", Os, "open(2) and others";
    NODE_FILE: "chown / + : permission denied", Os, "open(2) and others";
    NODE_FILE: "unlinkat / + : permission denied", Os, "open(2) and others";
    NODE_FILE: "open / + : no such file or directory", Os, "open(2) and others";
    NODE_FILE: "open c:\\ + access is denied", Os, "open(2) and others";
    NODE_FILE: "mkdir c:\\ + access is denied", Os, "open(2) and others";
    NODE_FILE: "remove c:\\ + access is denied", Os, "open(2) and others";
    NODE_FILE: "policy.json", Any, "kubernetes/website#40834";
    NODE_FILE: "loading trust policy", CriO, "containers/image:signature/policy_config.go";
    NODE_FILE: "loading registries configuration", CriO, "containers/image:pkg/sysregistriesv2/system_registries_v2.go";
    NODE_FILE: "for client certificate", Dockerd, "moby/moby:registry/registry.go";
    NODE: "pull qps exceeded", Any, "redhat-appstudio/infra-deployments#7796";
    NODE: "no space left on device", Any, "ublue-os/main#747";
    NODE: "imageref of image", Kubelet, "kubernetes/kubernetes:pkg/kubelet/images/image_manager.go";
    NODE: "failed to extract layer", Containerd, "rancher/k3os#55";
    NODE: "failed to unpack image", Any, "katyukha/Odood#35";
    NODE: "failed to register layer", Dockerd, "ufoym/deepo#108";
    NODE: "failed to prepare extraction snapshot", Containerd, "containerd/containerd:core/unpack/unpacker.go";
    NODE: "unable to prepare extraction snapshot", Containerd, "containerd/containerd:core/unpack/unpacker.go";
    NODE: "read-only file system", Os, "errno(3)";
    NODE: "disk quota exceeded", Os, "errno(3)";
    NODE: "input/output error", Os, "errno(3)";
    NODE: "cannot allocate memory", Os, "errno(3)";
    NODE: "executable file not found", Os, "Go: os/exec";
    NODE: "containerd.sock", Containerd, "moby/moby#40390";
    NODE: "crio.sock", Os, "connect(2)";
    NODE: "docker.sock", Os, "connect(2)";
    NODE: "cri-dockerd.sock", Os, "connect(2)";
    NODE: "cannot connect to the docker daemon", Dockerd, "moby/moby:client/errors.go";
    NODE: "dial unix", Containerd, "moby/moby#40390";
    NODE: "too many open files", Os, "errno(3)";
    NODE: "permission denied + /var/lib/", Os, "errno(3)";
    NODE: "snapshotter", Any, "katyukha/Odood#35";
    NODE: "committing the finished image", CriO, "cri-o/cri-o#1784";
    NODE: "content digest + not found", Containerd, "kubernetes-sigs/kind#1019";
    NODE: "adding layer", CriO, "podman-container-tools/podman#19377";
    NODE: "applying layer", CriO, "containers/storage:layers.go";
    NODE: "filesystem layer verification failed", Dockerd, "kubernetes-sigs/kueue#11238";
    NODE: "layer verification failed", Dockerd, "kubernetes-sigs/kueue#11238";
    NODE: "unexpected commit digest", Containerd, "xunholy/k8s-gitops#373";
    NODE: "unexpected commit size", Containerd, "containerd/containerd#1893";
    NODE: "error creating overlay mount", CriO, "cri-o/cri-o#1784";
    NODE: "max depth exceeded", Dockerd, "moby/moby:layer/layer.go";
    NODE: "failed commit on ref", Containerd, "xunholy/k8s-gitops#373";
    NODE: "operation not permitted", Os, "errno(3)";
    NODE: "digest did not match", CriO, "containers/image:copy/digesting_reader.go";
    NODE: "ref + locked for", Any, "portainer/kubesolo#194";
};
