//! The chart, installed for real.

use serde_json::{Value, json};

use super::chart::{IMAGE, of_kind, template};
use crate::support::helm::{chart, helm_in};
use crate::support::objects::{Space, private};
use crate::support::operator::Operator;
use crate::support::world::{OPERATOR, World, exclusive_world};
use crate::support::{audit, eventually, repository};

/// The chart's health address, on a free port.
fn health_address() -> String {
    let objects = template(&[]);
    let args = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"];
    let mut args = args.as_array().unwrap().iter().filter_map(Value::as_str);
    let address = args.find_map(|arg| arg.strip_prefix("--health-address=")).unwrap();
    address.strip_suffix("8080").unwrap().to_owned() + "0"
}

/// Pods have addresses of one family or of both.
fn answers_over_either_family(operator: &Operator) {
    let mut hosts = vec!["127.0.0.1"];
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        hosts.push("[::1]");
    }
    for host in hosts {
        let (code, body) = operator.get_at(host, "/livez");
        assert_eq!((code, body.as_str()), (200, "ok\n"), "{host}");
    }
}

/// The example of NOTES.txt is made where the operator looks.
fn show_commands_for(notes: &str, namespace: &str) {
    for command in [
        "create secret generic",
        "apply -f -",
        "get dockerpullsecrets",
        "describe dockerpullsecret",
    ] {
        let command = format!("kubectl -n {namespace} {command}");
        assert!(notes.contains(&command), "{command}: {notes}");
    }
}

/// Names of the admission policies of the release `dps` that are bound.
fn policies_of(world: &World) -> Vec<String> {
    let what = [
        "get",
        "validatingadmissionpolicybindings",
        "-l",
        "app.kubernetes.io/instance=dps",
    ];
    let names = world.kubectl(&[&what[..], &["-o", "jsonpath={.items[*].spec.policyName}"]].concat());
    names.split_whitespace().map(str::to_owned).collect()
}

/// Nothing but the Lease is asked for outside of the namespaces.
fn keeps_to_its_namespaces(world: &World, user: &str, spaces: &[&Space]) {
    let requests = audit::of_user(world, user);
    let account = user.rsplit(':').next().unwrap();
    let elsewhere: Vec<_> = requests
        .iter()
        // The version of the API server is in no namespace.
        .filter(|request| !request.object_ref.resource.is_empty())
        .filter(|request| spaces.iter().all(|space| space.name != request.object_ref.namespace))
        .filter(|request| (request.object_ref.resource.as_str(), &*request.object_ref.name) != ("leases", account))
        .collect();
    assert!(!requests.is_empty() && elsewhere.is_empty(), "{elsewhere:?}");
    assert!(requests.iter().all(|request| request.response_status.code != 403));
}

#[tokio::test]
async fn it_installs_upgrades_and_uninstalls_and_works_in_between() {
    let (_alone, world) = exclusive_world().await;
    world.uninstall();
    let release = ["--namespace", OPERATOR];
    let with = |first: &[&str], more: &[&str]| helm_in(world, &[first, &release, more].concat());
    // As restrictive as a namespace can be: the pod has to be admitted.
    world.kubectl(&[
        "apply",
        "-f",
        &repository().join("deploy/namespace.yaml").display().to_string(),
    ]);
    let (one, other) = (Space::new(world, "chart").await, Space::new(world, "chart").await);
    let namespaces = format!("watchNamespaces={{{},{}}}", one.name, other.name);
    let install = ["install", "dps", &chart(), "--set", IMAGE];
    let notes = with(&install, &["--set", &namespaces]);
    show_commands_for(&notes, &one.name);
    world.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/dockerpullsecrets.pullsecrets.dev",
    ]);
    eventually("the pod is admitted under the restricted standard", || async {
        let replicas = world.kubectl(&["get", "replicasets,pods", "-n", OPERATOR, "-o", "json"]);
        let list: Value = serde_json::from_str(&replicas).unwrap();
        let pods = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|item| item["kind"] == "Pod")
            .count();
        if pods == 2 { Ok(()) } else { Err(replicas) }
    })
    .await;

    // The same binary, with exactly the rights and arguments that the chart gives it.
    let account = "dps-docker-pull-secret-operator";
    let kubeconfig = world.state().join("namespaced.kubeconfig");
    world.write_kubeconfig(&kubeconfig, OPERATOR, account);
    let (health, lease) = (health_address(), format!("{OPERATOR}/{account}"));
    let operator = Operator::start_in(
        world,
        &kubeconfig,
        &["--namespace", &one.name, "--namespace", &other.name, "--lease", &lease],
        &[("DPS_HEALTH_ADDRESS", &health)],
    );
    operator.wait_until_ready();
    answers_over_either_family(&operator);
    let outside = Space::new(world, "outside").await;
    for space in [&outside, &one, &other] {
        space.credentials("login", "user", "word").await;
        space.create("app", private("registry.example.com", "login")).await;
    }
    one.ready("app").await;
    other.ready("app").await;
    one.settle().await;
    assert_eq!(outside.resources.get("app").await.unwrap().status, None);
    let user = format!("system:serviceaccount:{OPERATOR}:{account}");
    keeps_to_its_namespaces(world, &user, &[&one, &other]);

    // To the whole cluster, and the CRD with it.
    let label = json!({"metadata": {"annotations": {"test": "lost-by-nobody"}}}).to_string();
    world.kubectl(&[
        "patch",
        "crd",
        "dockerpullsecrets.pullsecrets.dev",
        "--type=merge",
        "-p",
        &label,
    ]);
    with(&["upgrade", "dps", &chart(), "--set", IMAGE], &["--reset-values"]);
    let roles = world.kubectl(&[
        "get",
        "roles",
        "-A",
        "-l",
        "app.kubernetes.io/instance=dps",
        "-o",
        "name",
    ]);
    let lease = format!("role.rbac.authorization.k8s.io/{account}-lease\n");
    assert_eq!(roles, lease, "the Roles of the namespaced install are gone");
    outside
        .create("edited-by-aggregation", private("registry.example.com", "login"))
        .await;
    let allowed = world.kubectl(&["auth", "can-i", "get", "secrets", "--as", &user, "-n", "default"]);
    assert_eq!(allowed.trim(), "yes");
    let policies = ["authors", "cluster-authors", "tokens", "writes"]
        .map(|policy| format!("dps-docker-pull-secret-operator-{policy}.{OPERATOR}"));
    assert_eq!(policies_of(world), policies);

    with(&["uninstall", "dps"], &[]);
    assert_eq!(policies_of(world), [""; 0]);
    assert!(
        one.resources.get_opt("app").await.unwrap().is_some(),
        "DockerPullSecrets survive"
    );
    assert!(
        one.secrets.get_opt("app").await.unwrap().is_some(),
        "and so do their Secrets"
    );
    with(&install, &[]);
    with(&["uninstall", "dps"], &[]);
    world.uninstall();
}

/// The archive is the chart as 0.1.0 had it.
#[tokio::test]
async fn the_chart_of_0_1_0_is_upgraded() {
    let (_alone, world) = exclusive_world().await;
    world.uninstall();
    let namespace = repository().join("deploy/namespace.yaml").display().to_string();
    world.kubectl(&["apply", "-f", &namespace]);
    let old = repository()
        .join("tests/cluster/upgrade/chart-0.1.0.tgz")
        .display()
        .to_string();
    let release = ["--namespace", OPERATOR, "--set", IMAGE];
    let with = |first: &[&str]| helm_in(world, &[first, &release].concat());
    with(&["install", "older", &old]);
    let crd = "crd/dockerpullsecrets.pullsecrets.dev";
    world.kubectl(&["wait", "--for=condition=Established", crd]);
    let space = Space::new(world, "older").await;
    let before = space.create("app", private("registry.example.com", "login")).await;
    // Another name than that of the other test: the audit log is the same.
    let account = "older-docker-pull-secret-operator";
    let uid = |what: &str| {
        let path = "jsonpath={.metadata.uid}";
        world.kubectl(&["get", what, account, "-n", OPERATOR, "-o", path])
    };
    let kept = ["deployment", "serviceaccount"];
    let uids = kept.map(uid);

    with(&["upgrade", "older", &chart()]);
    assert_eq!(kept.map(uid), uids, "they are changed, not replaced");
    let shape = "jsonpath={.spec.replicas} {.spec.strategy.type}";
    let deployment = world.kubectl(&["get", "deployment", account, "-n", OPERATOR, "-o", shape]);
    assert_eq!(deployment, "2 RollingUpdate");
    assert_eq!(
        space.resources.get("app").await.unwrap().metadata.uid,
        before.metadata.uid
    );

    // A pod of the new Deployment, with what the upgrade has granted.
    let kubeconfig = world.state().join("upgraded.kubeconfig");
    world.write_kubeconfig(&kubeconfig, OPERATOR, account);
    let lease = format!("{OPERATOR}/{account}");
    let operator = Operator::start_in(world, &kubeconfig, &["--lease", &lease], &[]);
    operator.wait_until_ready();
    space.credentials("login", "user", "word").await;
    space.ready("app").await;
    drop(operator);
    helm_in(world, &["uninstall", "older", "--namespace", OPERATOR]);
    world.uninstall();
}
