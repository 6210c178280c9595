//! `dps doctor` against a real API server: what is missing, what is there, and what it looks at.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::canary::CANARY;
use crate::support::dps::dps_in;
use crate::support::helm::{chart, helm};
use crate::support::objects::{Space, private_verified, with};
use crate::support::operator::Operator;
use crate::support::registries::{Scripted, answer};
use crate::support::world::{LEASE, OPERATOR, World, exclusive_world};
use crate::support::{audit, repository};

/// Who runs it, apart from everybody else in the audit log.
struct Admin {
    kubeconfig: PathBuf,
}

impl Admin {
    fn new(world: &World) -> Self {
        world.kubectl(&["create", "serviceaccount", "admin", "-n", "default"]);
        let account = ["--clusterrole=cluster-admin", "--serviceaccount=default:admin"];
        world.kubectl(&[&["create", "clusterrolebinding", "doctor-admin"], &account[..]].concat());
        let kubeconfig = world.state().join("doctor-admin.kubeconfig");
        world.write_kubeconfig(&kubeconfig, "default", "admin");
        Self { kubeconfig }
    }

    fn doctor(&self, args: &[&str]) -> Report {
        doctor(&self.kubeconfig, args)
    }
}

struct Report {
    code: i32,
    checks: Vec<Value>,
}

fn doctor(kubeconfig: &Path, args: &[&str]) -> Report {
    let kubeconfig = [("KUBECONFIG", kubeconfig.to_str().unwrap())];
    let output = dps_in(&kubeconfig, &[&["doctor", "-o", "json"], args].concat(), "");
    assert!(!output.stdout.contains(CANARY) && !output.stderr.contains(CANARY));
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{}", output.stderr));
    Report {
        code: output.code,
        checks: report["checks"].as_array().unwrap().clone(),
    }
}

impl Report {
    /// Category and message of the checks with this result.
    fn with(&self, result: &str) -> Vec<String> {
        let checks = self.checks.iter().filter(|check| check["result"] == result);
        checks
            .map(|check| {
                format!(
                    "{}: {}",
                    check["category"].as_str().unwrap(),
                    check["message"].as_str().unwrap()
                )
            })
            .collect()
    }

    /// These results, and no others, of checks whose lines contain these words.
    fn expect(&self, result: &str, words: &[&str]) {
        let found = self.with(result);
        let fits = found.len() == words.len() && found.iter().zip(words).all(|(found, words)| found.contains(words));
        assert!(fits, "{result} {words:?}: {:#?}", self.checks);
        if result == "FAIL" {
            assert_eq!(self.code, i32::from(!words.is_empty()));
        }
    }
}

fn start_operator(world: &World, kubeconfig: &Path) -> Operator {
    Operator::start(world, kubeconfig, &["--lease", LEASE])
}

/// The CRD, an operator that takes over while somebody waits, and one that gives back its Lease.
async fn finds_what_an_installation_lacks(world: &'static World, admin: &Admin) -> (Operator, PathBuf) {
    let nothing = admin.doctor(&[]);
    nothing.expect(
        "FAIL",
        &[
            "CRD: the CRD dockerpullsecrets.pullsecrets.dev is not installed",
            "Operator: no operator runs",
        ],
    );
    let kubeconfig = world.install();
    admin
        .doctor(&[])
        .expect("FAIL", &["Operator: there is no leader: Lease"]);
    let operator = start_operator(world, &kubeconfig);
    admin.doctor(&["--wait", "60s"]).expect("FAIL", &[]);
    assert!(operator.stop().1);
    admin
        .doctor(&[])
        .expect("FAIL", &["Operator: there is no leader: nobody holds Lease"]);
    let waiting = tokio::task::spawn_blocking({
        let kubeconfig = admin.kubeconfig.clone();
        move || doctor(&kubeconfig, &["--wait=60s"])
    });
    let operator = start_operator(world, &kubeconfig);
    waiting.await.unwrap().expect("FAIL", &[]);
    (operator, kubeconfig)
}

/// The cluster as it should be.
fn is_content(admin: &Admin) {
    let report = admin.doctor(&[]);
    report.expect("FAIL", &[]);
    report.expect("WARN", &[]);
    report.expect("SKIPPED", &[]);
    let good = report.with("OK");
    for words in [
        "CRD: the schema of the CRD dockerpullsecrets.pullsecrets.dev is the one of this version of dps",
        "CRD: the schema of the CRD clusterdockerpullsecrets.pullsecrets.dev is the one of this version of dps",
        "Rights: system:serviceaccount:docker-pull-secret-operator:docker-pull-secret-operator may do all",
        "Operator: one operator for each namespace: Deployment docker-pull-secret-operator/",
        "holds Lease docker-pull-secret-operator/docker-pull-secret-operator, and renews it",
        "Policies: policy docker-pull-secret-operator-writes.docker-pull-secret-operator is installed and bound",
        "Policies: policy docker-pull-secret-operator-authors.docker-pull-secret-operator is installed and bound",
        "Policies: policy docker-pull-secret-operator-tokens.docker-pull-secret-operator is installed and bound",
        "Policies: policy docker-pull-secret-operator-cluster-authors.docker-pull-secret-operator is installed and bound",
    ] {
        assert!(good.iter().any(|line| line.contains(words)), "{words}: {good:#?}");
    }
}

/// Rights, policies, and a second operator.
async fn finds_what_is_wrong(world: &'static World, admin: &Admin, operator: &Path) {
    let apply = || {
        let deploy = repository().join("deploy").display().to_string();
        world.kubectl(&["apply", "--server-side", "--force-conflicts", "-k", &deploy]);
    };
    let role: Value = serde_json::from_str(&world.kubectl(&["get", "clusterrole", OPERATOR, "-o", "json"])).unwrap();
    let rules = role["rules"].as_array().unwrap().iter();
    let without_pods: Vec<&Value> = rules.filter(|rule| rule["resources"] != json!(["pods"])).collect();
    let patch = json!({"rules": without_pods}).to_string();
    world.kubectl(&["patch", "clusterrole", OPERATOR, "--type=merge", "-p", &patch]);
    let missing =
        format!("Rights: system:serviceaccount:{OPERATOR}:{OPERATOR} may not list, watch pods in all namespaces");
    admin.doctor(&[]).expect("FAIL", &[&missing]);
    let rules = role["rules"].as_array().unwrap().iter();
    let without_namespaces: Vec<&Value> = rules
        .filter(|rule| rule["resources"] != json!(["namespaces"]))
        .collect();
    let patch_back = json!({"rules": without_namespaces}).to_string();
    world.kubectl(&["patch", "clusterrole", OPERATOR, "--type=merge", "-p", &patch_back]);
    let unselected = format!("Rights: system:serviceaccount:{OPERATOR}:{OPERATOR} may not list, watch namespaces: ");
    admin.doctor(&[]).expect("FAIL", &[&unselected]);
    world.kubectl(&["patch", "clusterrole", OPERATOR, "--type=merge", "-p", &patch]);
    let account = format!("system:serviceaccount:{OPERATOR}:{OPERATOR}");
    let impersonated = admin.doctor(&["--as", &account, "--lease", LEASE]);
    impersonated.expect("FAIL", &[&missing]);
    // What the operator may not look at.
    for what in ["CRD: schema", "Operator: two operators", "Policies: admission policies"] {
        let skipped = impersonated.with("SKIPPED");
        assert!(skipped.iter().any(|line| line.starts_with(what)), "{what}: {skipped:?}");
    }
    doctor(operator, &["--as", "jane"]).expect("FAIL", &["API server: the API server at https://"]);
    apply();
    admin.doctor(&[]).expect("FAIL", &[]);

    let policies = [
        "validatingadmissionpolicies,validatingadmissionpolicybindings",
        "-l",
        "app.kubernetes.io/name",
    ];
    world.kubectl(&[&["delete"], &policies[..]].concat());
    let unprotected = admin.doctor(&[]);
    unprotected.expect("FAIL", &[]);
    unprotected.expect(
        "WARN",
        &[
            "Policies: policy docker-pull-secret-operator-writes",
            "Policies: policy docker-pull-secret-operator-authors",
            "Policies: policy docker-pull-secret-operator-tokens",
            "Policies: policy docker-pull-secret-operator-cluster-authors",
        ],
    );
    apply();

    let second = Space::new(world, "second").await;
    let get = ["get", "deployment", OPERATOR, "-n", OPERATOR, "-o", "json"];
    let mut deployment: Value = serde_json::from_str(&world.kubectl(&get)).unwrap();
    let labels = deployment["metadata"]["labels"].clone();
    deployment["metadata"] = json!({"name": "other", "namespace": second.name, "labels": labels});
    deployment["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["controller", "--namespace=team-a"]);
    let file = world.state().join("second-operator.json");
    std::fs::write(&file, deployment.to_string()).unwrap();
    world.kubectl(&["apply", "-f", &file.display().to_string()]);
    let overlap = admin.doctor(&[]);
    let warnings = overlap.with("WARN");
    assert!(
        warnings
            .iter()
            .any(|line| line.contains("two operators work in namespace team-a: ")),
        "{warnings:?}"
    );
    let elsewhere = admin.doctor(&["--namespace", "team-b"]);
    assert!(
        elsewhere
            .with("WARN")
            .iter()
            .all(|line| !line.contains("two operators"))
    );
    world.kubectl(&["delete", "namespace", &second.name, "--wait=false"]);
    world.kubectl(&[
        "delete",
        "deployment",
        "other",
        "-n",
        &second.name,
        "--ignore-not-found",
    ]);
}

/// Registries that answer, refuse connections, and are refused; and resources that are not ready.
async fn looks_at_registries_without_credentials(world: &'static World, admin: &Admin) {
    let space = Space::new(world, "registries").await;
    let open = Scripted::start(|_, _| answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], ""));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (closed, forbidden) = (free.to_string(), "169.254.169.254".to_owned());
    space.credentials("login", "robot", CANARY).await;
    let plain = json!({"verification": {"plainHttp": true}});
    for (name, address) in [("open", &open.address), ("closed", &closed), ("forbidden", &forbidden)] {
        space
            .create(name, with(private_verified(address, "login"), plain.clone()))
            .await;
    }
    space
        .create("no-credentials", with(private_verified(&open.address, "absent"), plain))
        .await;
    space.reason("no-credentials", "SecretNotFound").await;
    for name in ["open", "closed", "forbidden"] {
        space.ready(name).await;
    }
    let allowed = format!("{},{closed}", open.address);
    let report = admin.doctor(&["-n", &space.name, "--allow-registry", &allowed]);
    report.expect("FAIL", &[]);
    let mut warnings = report.with("WARN");
    warnings.sort();
    let expected = [
        format!("Registries: {closed} cannot be reached from here: Connection refused"),
        "Registries: 169.254.169.254:80 was not contacted: 169.254.169.254 is a link-local address".to_owned(),
        "Resources: 1 of 4 DockerPullSecrets in namespace".to_owned(),
    ];
    for words in &expected {
        assert!(
            warnings.iter().any(|line| line.starts_with(words)),
            "{words}: {warnings:#?}"
        );
    }
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
    let good = format!("Registries: {} answers, and requires credentials", open.address);
    assert!(report.with("OK").contains(&good), "{good}: {:?}", report.with("OK"));
    let requests = open.requests();
    assert_eq!(
        requests.len(),
        1,
        "the operator may connect to none, and resources of one registry share a request"
    );
    assert!(!requests[0].to_lowercase().contains("authorization"), "{}", requests[0]);
    world.kubectl(&["delete", "dps", "--all", "-n", &space.name]);
}

/// What `helm test` runs for `deploy/`, which is made from the same chart.
fn test_pod() -> Value {
    let values = "image.repository=registry.example.com/dps";
    let template = ["template", OPERATOR, &chart(), "-n", OPERATOR, "--set", values];
    let only = ["--show-only", "templates/tests/doctor.yaml"];
    let yaml = helm(&[&template[..], &only].concat());
    serde_saphyr::from_str(&yaml).unwrap()
}

/// The pod of `helm test` is admitted where only restricted ones are, and has the rights that it needs.
fn runs_as_the_chart_runs_it(world: &World, kubeconfig: &Path) {
    let pod = test_pod();
    assert_eq!(pod["metadata"]["annotations"]["helm.sh/hook"], "test");
    let file = world.state().join("doctor-pod.json");
    std::fs::write(&file, pod.to_string()).unwrap();
    let warnings = world.kubectl(&["apply", "--dry-run=server", "-f", &file.display().to_string()]);
    assert!(!warnings.contains("would violate"), "{warnings}");
    assert_eq!(pod["spec"]["serviceAccountName"], OPERATOR);
    let args = pod["spec"]["containers"][0]["args"].as_array().unwrap();
    let args: Vec<&str> = args.iter().filter_map(Value::as_str).collect();
    let report = doctor(kubeconfig, &args[1..]);
    assert_eq!(args[0], "doctor");
    report.expect("FAIL", &[]);
    report.expect("WARN", &[]);
    let good = report.with("OK");
    for words in [
        "Rights: system:serviceaccount:",
        "holds Lease",
        "CRD: the API server serves",
        "Resources: ",
    ] {
        assert!(good.iter().any(|line| line.contains(words)), "{words}: {good:?}");
    }
}

#[tokio::test]
async fn an_installation_is_examined_and_nothing_else_is_done() {
    let (_alone, world) = exclusive_world().await;
    world.uninstall();
    let admin = Admin::new(world);
    let (operator, kubeconfig) = finds_what_an_installation_lacks(world, &admin).await;
    operator.wait_until_ready();
    is_content(&admin);
    runs_as_the_chart_runs_it(world, &kubeconfig);
    looks_at_registries_without_credentials(world, &admin).await;
    finds_what_is_wrong(world, &admin, &kubeconfig).await;
    is_content(&admin);

    let requests = audit::of_user(world, "system:serviceaccount:default:admin");
    assert!(requests.len() > 100);
    for request in requests {
        let resource = request.object_ref.resource.as_str();
        let is_review = resource.ends_with("reviews");
        assert!(
            resource != "secrets" && (is_review || !request.is_write()),
            "{request:?}"
        );
    }
    drop(operator);
    for what in [["clusterrolebinding", "doctor-admin"], ["serviceaccount", "admin"]] {
        world.kubectl(&[&["delete", "-n", "default"], &what[..]].concat());
    }
    world.uninstall();
}
