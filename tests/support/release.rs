//! The operator as users run it: the chart, installed by helm, and its pods on a real node.

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::json;

use super::helm::{chart, helm_in};
use super::images::{image, static_dps};
use super::operator::{counter, get};
use super::world::{OPERATOR, World};
use super::{DEADLINE, repository, run, within};

/// A crashed replica is replaced 30 s after its last renewal.
pub const TAKEOVER: Duration = DEADLINE;

/// Registries beside a node to which the operator may send passwords.
const ALLOWED: [&str; 8] = [
    "basic",
    "bearer",
    "anonymous",
    "plain",
    "token",
    "untrusted",
    "failing",
    "gone",
];

#[derive(Clone)]
pub struct Release {
    world: &'static World,
    pods: Api<Pod>,
}

impl Release {
    /// Builds the image, pushes it, and installs the chart where only restricted pods are admitted. Returns when the pods
    /// are ready.
    pub async fn install(world: &'static World) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, port) = world.registry("anonymous").rsplit_once(':').expect("a port");
        let tag = format!("127.0.0.1:{port}/operator/dps:test");
        run(image(static_dps(), folder.path(), &["--push", &tag]).env("SSL_CERT_FILE", world.registry("caFile")));

        let namespace = repository().join("deploy/namespace.yaml").display().to_string();
        world.kubectl(&["apply", "-f", &namespace]);
        let certificates = format!("--from-file=ca.crt={}", world.registry("caFile"));
        world.kubectl(&["create", "configmap", "ca", "-n", OPERATOR, &certificates]);
        let values = json!({
            "image": {"registry": world.registry("anonymous"), "repository": "operator/dps", "tag": "test"},
            "verification": {
                // No test logs in anywhere but at its own registries.
                "denyCidrs": ["0.0.0.0/0", "::/0"],
                "allowRegistries": ALLOWED.map(|kind| world.registry(kind)),
            },
            "admission": {"attachPods": true},
            "rbac": {"attachServiceAccounts": true},
            "recovery": {"enabled": true},
            "logFilter": "info,dps=debug",
            "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
            "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca", "readOnly": true}],
            "extraEnv": [{"name": "SSL_CERT_FILE", "value": "/ca/ca.crt"}],
        });
        let file = folder.path().join("values.yaml");
        std::fs::write(&file, values.to_string()).expect("writable");
        let release = Self {
            world,
            pods: Api::namespaced(world.admin().await, OPERATOR),
        };
        release.helm("install", &["-f", &file.display().to_string()]);
        release
    }

    /// "install" or "upgrade", with more arguments. Returns when the pods are ready.
    pub fn helm(&self, verb: &str, more: &[&str]) -> String {
        let args = [verb, OPERATOR, &chart(), "-n", OPERATOR, "--wait", "--timeout", "3m"];
        helm_in(self.world, &[&args, more].concat())
    }

    /// `helm test`, with what it prints: `dps doctor` in a pod. It fails if a check fails.
    pub fn test(&self) -> String {
        let args = ["test", OPERATOR, "-n", OPERATOR, "--logs", "--timeout", "120s"];
        helm_in(self.world, &args)
    }

    /// Names of the operator's pods that have not ended, with their addresses.
    pub async fn replicas(&self) -> Vec<(String, Ipv4Addr)> {
        let labels = ListParams::default().labels(&format!("app.kubernetes.io/instance={OPERATOR}"));
        let pods = self.pods.list(&labels).await.expect("a list");
        let replica = |pod: Pod| {
            let stays = pod.metadata.deletion_timestamp.is_none();
            let status = pod.status?;
            // The pod of `helm test` stays as well.
            let has_ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
            let address = status.pod_ip?.parse().ok()?;
            (stays && !has_ended).then_some((pod.metadata.name?, address))
        };
        pods.items.into_iter().filter_map(replica).collect()
    }

    /// The leader, once there is exactly one.
    pub async fn leader(&self) -> String {
        within(TAKEOVER, "one replica leads", || async {
            let replicas = self.replicas().await;
            let leads = |address: &Ipv4Addr| counter(&metrics(*address), "dps_leader ") == 1;
            let leaders: Vec<&String> = replicas
                .iter()
                .filter(|(_, address)| leads(address))
                .map(|(name, _)| name)
                .collect();
            match leaders[..] {
                [leader] => Ok(leader.clone()),
                _ => Err(format!("{leaders:?} of {replicas:?}")),
            }
        })
        .await
    }

    /// Kills the program in a pod, as a lack of memory would.
    pub fn crash(&self, replica: &str) {
        let uid = self
            .world
            .kubectl(&["get", "pod", "-n", OPERATOR, replica, "-o", "jsonpath={.metadata.uid}"]);
        let processes = std::fs::read_dir("/proc").expect("readable");
        let is_it = |folder: &Path| {
            let read = |file: &str| std::fs::read(folder.join(file)).unwrap_or_default();
            read("cmdline").starts_with(b"/usr/local/bin/dps\0")
                && String::from_utf8_lossy(&read("cgroup")).contains(&uid)
        };
        let mut paths = processes.filter_map(|entry| Some(entry.ok()?.path()));
        let process = paths.find(|folder| is_it(folder)).expect("a process of the pod");
        let pid = process.file_name().expect("a number");
        run(Command::new("kill").arg("-KILL").arg(pid));
    }

    /// What all replicas have printed, and their metrics.
    pub async fn words(&self) -> String {
        let mut words = String::new();
        for (name, address) in self.replicas().await {
            words += &self.world.kubectl(&["logs", "-n", OPERATOR, &name]);
            words += &metrics(address);
        }
        words
    }
}

fn metrics(address: Ipv4Addr) -> String {
    get(&format!("{address}:8080"), "/metrics").1
}
