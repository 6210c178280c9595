//! Control planes. Few, since each costs seconds and hundreds of megabytes: tests share one wherever they can.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, OnceLock};

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

use super::{run, tools};

/// Namespace and ServiceAccount of the operator in `deploy/`.
pub const OPERATOR: &str = "docker-pull-secret-operator";

/// Its Lease.
pub const LEASE: &str = "docker-pull-secret-operator/docker-pull-secret-operator";

/// Tools that a world without registries and node needs.
pub const CONTROL_PLANE: [&str; 5] = ["etcd", "kube-apiserver", "kube-controller-manager", "kubectl", "world"];

pub struct World {
    control: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    _child: Child,
    info: Value,
    /// Whether `deploy/` is installed.
    installed: Mutex<bool>,
}

/// The world in which one [operator](super::operator::operator) looks after all namespaces. It ends with the process,
/// since its standard input then ends.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::start_plain)
}

/// The world of tests that start operators of their own, each for the namespace of its test.
pub fn scoped_world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::start_plain)
}

/// The world of tests that stop its API server or replace what is installed there: one test after the other.
pub async fn exclusive_world() -> (tokio::sync::MutexGuard<'static, ()>, &'static World) {
    static WORLD: OnceLock<World> = OnceLock::new();
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let guard = ONE.lock().await;
    (guard, WORLD.get_or_init(World::start_plain))
}

/// A world with a node, and with registries that it can pull from. None where no node can run; the reason is printed.
/// CI has to be able to.
pub fn node_world() -> Option<&'static World> {
    static WORLD: OnceLock<Option<World>> = OnceLock::new();
    WORLD.get_or_init(fresh_node_world).as_ref()
}

/// Another one, in which no operator runs as a pod. It ends when it is dropped.
pub fn fresh_node_world() -> Option<World> {
    let check = Command::new(tools(&["world"]).join("world"))
        .arg("node-check")
        .output()
        .expect("world can be started");
    if check.status.success() {
        let bin = tools(&[&CONTROL_PLANE[..], &["registry", "node"]].concat());
        return Some(World::start(&bin, &["up", "--node"]));
    }
    let why = String::from_utf8_lossy(&check.stderr).into_owned() + &String::from_utf8_lossy(&check.stdout);
    assert!(std::env::var_os("CI").is_none(), "CI needs a node: {why}");
    // Past the test runner, which would keep it to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED: no node can run here: {why}");
    None
}

/// Starts a world, and reads what it says of itself. It ends when its standard input does.
pub fn up(bin: &Path, args: &[&str]) -> (Child, BufReader<ChildStdout>, Value) {
    let mut child = Command::new(bin.join("world"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("world can be started");
    let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("readable");
    let info = serde_json::from_str(&line).expect("the world says where it is; otherwise see above");
    (child, stdout, info)
}

impl World {
    /// Without registries and node.
    fn start_plain() -> Self {
        Self::start(&tools(&CONTROL_PLANE), &["up"])
    }

    fn start(bin: &Path, args: &[&str]) -> Self {
        let (mut child, stdout, info) = up(bin, args);
        let stdin = child.stdin.take().expect("piped");
        Self {
            control: Mutex::new((stdin, stdout)),
            _child: child,
            info,
            installed: Mutex::new(false),
        }
    }

    fn path(&self, field: &str) -> &Path {
        Path::new(self.info[field].as_str().expect("a path"))
    }

    pub fn kubeconfig(&self) -> &Path {
        self.path("kubeconfig")
    }

    pub fn audit_log(&self) -> &Path {
        self.path("auditLog")
    }

    pub fn state(&self) -> PathBuf {
        self.path("stateDir").to_owned()
    }

    /// "stop", "start", "pause" or "resume" the API server.
    pub fn api_server(&self, verb: &str) {
        self.tell(&format!("{verb} apiserver"));
    }

    /// Address or other field of the registries beside a node.
    pub fn registry(&self, field: &str) -> &str {
        self.info["registries"][field]
            .as_str()
            .unwrap_or_else(|| panic!("no {field}"))
    }

    /// Whether pods run here.
    pub fn has_node(&self) -> bool {
        self.info["node"].is_object()
    }

    /// What the node has as /etc/hosts.
    pub fn hosts_file(&self) -> &Path {
        Path::new(self.info["node"]["hostsFile"].as_str().expect("a node"))
    }

    /// Does something to the world, see `cmd/world`.
    pub fn tell(&self, command: &str) {
        let mut control = self.control.lock().expect("no test died while controlling the world");
        writeln!(control.0, "{command}").expect("the world runs");
        let mut answer = String::new();
        control.1.read_line(&mut answer).expect("readable");
        let answer: Value = serde_json::from_str(&answer).expect("an answer");
        assert_eq!(answer["ok"], true, "{command}: {answer}");
    }

    /// A client with all rights.
    pub async fn admin(&self) -> Client {
        Self::client(self.kubeconfig()).await
    }

    /// A client with the rights of the user of a kubeconfig.
    pub async fn client(kubeconfig: &Path) -> Client {
        let config = Kubeconfig::read_from(kubeconfig).expect("readable");
        let mut config = kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
            .await
            .expect("usable");
        config.connect_timeout = Some(std::time::Duration::from_secs(5));
        Client::try_from(config).expect("a client")
    }

    /// Where kubectl is.
    pub fn bin(&self) -> &Path {
        self.path("binDir")
    }

    pub fn kubectl(&self, args: &[&str]) -> String {
        run(self.kubectl_command().args(args))
    }

    pub fn kubectl_command(&self) -> Command {
        let mut command = Command::new(self.bin().join("kubectl"));
        command.arg("--kubeconfig").arg(self.kubeconfig());
        command
    }

    /// Installs the CRD and the operator's RBAC from `deploy/`, and returns a kubeconfig with which to be that operator.
    pub fn install(&self) -> PathBuf {
        let mut installed = self.installed.lock().expect("no test died while installing");
        let path = self.state().join("operator.kubeconfig");
        if !*installed {
            self.kubectl(&[
                "apply",
                "--server-side",
                "-k",
                &super::repository().join("deploy").display().to_string(),
            ]);
            self.kubectl(&[
                "wait",
                "--for=condition=Established",
                "crd/dockerpullsecrets.pullsecrets.dev",
                "crd/clusterdockerpullsecrets.pullsecrets.dev",
            ]);
            self.write_kubeconfig(&path, OPERATOR, OPERATOR);
            *installed = true;
        }
        path
    }

    /// Installs an admission policy for what is done to a resource in a namespace. Returns the file that it can be deleted with. It
    /// takes a moment.
    pub fn restrict(&self, namespace: &str, resource: &str, operation: &str, validation: &Value) -> String {
        let (version, name) = ("admissionregistration.k8s.io/v1", format!("{namespace}-{resource}"));
        let rule =
            json!({"apiGroups": [""], "apiVersions": ["v1"], "resources": [resource], "operations": [operation]});
        let policy = json!({"apiVersion": "v1", "kind": "List", "items": [
            {"apiVersion": version, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name}, "spec": {
                "matchConstraints": {"resourceRules": [rule]}, "validations": [validation],
            }},
            {"apiVersion": version, "kind": "ValidatingAdmissionPolicyBinding", "metadata": {"name": name}, "spec": {
                "policyName": name, "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}},
            }},
        ]});
        let file = self.state().join(format!("{name}-policy.json"));
        std::fs::write(&file, policy.to_string()).expect("writable");
        let file = file.display().to_string();
        self.kubectl(&["apply", "-f", &file]);
        file
    }

    /// Lets the operator create tokens for one more audience, as `minting.audiences` of the chart does. It takes a moment.
    pub fn allow_audience(&self, audience: &str) {
        let name = "docker-pull-secret-operator-tokens.docker-pull-secret-operator";
        let policy = self.kubectl(&["get", "validatingadmissionpolicy", name, "-o", "json"]);
        let policy: Value = serde_json::from_str(&policy).expect("JSON");
        let validations = policy["spec"]["validations"].as_array().expect("a list");
        let expression = |one: &Value| one["expression"].as_str().unwrap_or_default().to_owned();
        let is_list = |one: &Value| expression(one).contains("\"sts.amazonaws.com\"");
        let index = validations.iter().position(is_list).expect("audiences");
        let known = expression(&validations[index]);
        if known.contains(audience) {
            return;
        }
        let more = known.replace("\"sts.amazonaws.com\"", &format!("\"sts.amazonaws.com\",{audience:?}"));
        let place = format!("/spec/validations/{index}/expression");
        let patch = json!([{"op": "replace", "path": place, "value": more}]).to_string();
        self.kubectl(&["patch", "validatingadmissionpolicy", name, "--type=json", "-p", &patch]);
    }

    /// Removes what [`Self::install`] installed but for the namespace, and the CRD whoever installed it.
    pub fn uninstall(&self) {
        let mut installed = self.installed.lock().expect("no test died while installing");
        for file in ["operator.yaml", "crds.yaml"] {
            let path = super::repository().join("deploy").join(file).display().to_string();
            self.kubectl(&["delete", "--ignore-not-found", "--wait", "-f", &path]);
        }
        *installed = false;
    }

    /// Writes a kubeconfig for a ServiceAccount.
    pub fn write_kubeconfig(&self, path: &Path, namespace: &str, account: &str) {
        let token = self.kubectl(&["create", "token", account, "-n", namespace, "--duration=24h"]);
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "world",
            "clusters": [{"name": "world", "cluster": {
                "server": self.info["server"], "certificate-authority": self.info["caFile"],
            }}],
            "users": [{"name": account, "user": {"token": token.trim()}}],
            "contexts": [{"name": "world", "context": {"cluster": "world", "user": account}}],
        });
        std::fs::write(path, config.to_string()).expect("writable");
    }
}
