//! The rules of the chart's Roles and `ClusterRoles`.

/// One rule of the chart's Role or `ClusterRole`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// API group.
    pub group: &'static str,
    /// Resource.
    pub resource: &'static str,
    /// Subresource; empty if there is none.
    pub subresource: &'static str,
    /// Verbs.
    pub verbs: &'static [&'static str],
    /// What happens without it.
    pub without: &'static str,
}

/// What it needs in each namespace where it works. The chart grants exactly this (tested).
pub const RIGHTS: [Right; 7] = [
    Right {
        group: "pullsecrets.dev",
        resource: "dockerpullsecrets",
        subresource: "",
        verbs: &["get", "list", "watch"],
        without: "the operator does nothing",
    },
    Right {
        group: "pullsecrets.dev",
        resource: "dockerpullsecrets",
        subresource: "status",
        verbs: &["patch"],
        without: "no status is written, and no login attempt is made",
    },
    Right {
        group: "",
        resource: "secrets",
        subresource: "",
        verbs: &["get", "list", "watch", "create", "patch", "delete"],
        without: "Secrets are not generated, updated or cleaned up",
    },
    Right {
        group: "",
        resource: "configmaps",
        subresource: "",
        verbs: &["get", "list", "watch"],
        without: "certificates in ConfigMaps are not used for verification",
    },
    Right {
        group: "",
        resource: "pods",
        subresource: "",
        verbs: &["list", "watch"],
        without: "pods that cannot pull are not found",
    },
    Right {
        group: "",
        resource: "events",
        subresource: "",
        verbs: &["list"],
        without: "failed pulls on nodes before Kubernetes 1.32 have no cause",
    },
    Right {
        group: "events.k8s.io",
        resource: "events",
        subresource: "",
        verbs: &["get", "create", "patch"],
        without: "no Event is written",
    },
];

/// What it needs beside them for ClusterDockerPullSecrets, which belong to no namespace.
pub const CLUSTER_RIGHTS: [Right; 3] = [
    Right {
        group: "pullsecrets.dev",
        resource: "clusterdockerpullsecrets",
        subresource: "",
        verbs: &["get", "list", "watch"],
        without: "the operator does nothing for ClusterDockerPullSecrets",
    },
    Right {
        group: "pullsecrets.dev",
        resource: "clusterdockerpullsecrets",
        subresource: "status",
        verbs: &["patch"],
        without: "no status of a ClusterDockerPullSecret is written, and no login attempt is made for one",
    },
    Right {
        group: "",
        resource: "namespaces",
        subresource: "",
        verbs: &["list", "watch"],
        without: "nobody knows which namespaces a ClusterDockerPullSecret selects",
    },
];

/// What it needs beside them to list Secrets in ServiceAccounts.
pub const ATTACH_RIGHT: Right = Right {
    group: "",
    resource: "serviceaccounts",
    subresource: "",
    verbs: &["list", "watch", "patch"],
    without: "spec.attachTo.serviceAccounts has no effect",
};

/// What it needs beside them to evict pods.
pub const EVICT_RIGHT: Right = Right {
    group: "",
    resource: "pods",
    subresource: "eviction",
    verbs: &["create"],
    without: "spec.recovery.evictPods has no effect",
};

/// What it needs beside them for the ServiceAccounts that credentials are minted with, each by its name.
pub const MINT_RIGHTS: [Right; 2] = [
    Right {
        group: "",
        resource: "serviceaccounts",
        subresource: "",
        verbs: &["get"],
        without: "no credentials are minted with it",
    },
    Right {
        group: "",
        resource: "serviceaccounts",
        subresource: "token",
        verbs: &["create"],
        without: "no credentials are minted with it",
    },
];

/// What its replicas need in the namespace of their Lease: `create` for all, the others for the one by its name.
pub const LEASE_RIGHT: Right = Right {
    group: "coordination.k8s.io",
    resource: "leases",
    subresource: "",
    verbs: &["create", "get", "update"],
    without: "no replica becomes the leader",
};

impl Right {
    /// Whether no namespace limits it.
    pub(super) fn is_of_cluster(&self) -> bool {
        CLUSTER_RIGHTS.contains(self)
    }

    /// The resource as `kubectl` writes it.
    pub(super) fn name(&self) -> String {
        let group = if self.group.is_empty() {
            String::new()
        } else {
            format!(".{}", self.group)
        };
        let subresource = if self.subresource.is_empty() {
            String::new()
        } else {
            format!("/{}", self.subresource)
        };
        format!("{}{group}{subresource}", self.resource)
    }
}
