//! The chart and the plain manifests: linted, and valid against the API's schemas.

mod image;
mod minting;
mod monitoring;
mod policies;

use std::path::Path;
use std::process::Command;

use crate::support::helm::{chart, helm};
use crate::support::{repository, run, tools};
use serde_json::{Value, json};

/// What the chart demands.
pub(super) const IMAGE: &str = "image.repository=registry.example.com/dps";

/// What the chart makes of some values.
fn manifests(args: &[&str]) -> String {
    let release = [
        "template",
        "release",
        &chart(),
        "--namespace",
        "operators",
        "--set",
        IMAGE,
    ];
    helm(&[&release, args].concat())
}

/// All objects that the chart makes of some values.
pub(super) fn template(args: &[&str]) -> Vec<Value> {
    let yaml = manifests(args);
    let objects: Vec<Value> = serde_saphyr::from_multiple(&yaml).expect("YAML");
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

fn kinds(objects: &[Value]) -> Vec<&str> {
    objects
        .iter()
        .map(|object| object["kind"].as_str().expect("a kind"))
        .collect()
}

pub(super) fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects
        .iter()
        .find(|object| object["kind"] == kind)
        .unwrap_or_else(|| panic!("no {kind}"))
}

/// A file with certificates for the pod.
const CA: &str = r#"extraVolumes=[{"name":"ca","configMap":{"name":"ca"}}],extraVolumeMounts=[{"name":"ca","mountPath":"/ca","readOnly":true}],extraEnv=[{"name":"SSL_CERT_FILE","value":"/ca/ca.crt"}]"#;

/// What an admin's policy may demand.
const DEMANDED: &str = concat!(
    r#"commonLabels={"team":"platform"},podLabels={"team":"pods"},deploymentAnnotations={"note":"n"},"#,
    r#"podSecurityContext={"runAsUser":1000},securityContext={"privileged":null,"runAsGroup":1000},livenessProbe={"periodSeconds":30},"#,
    r#"hostAliases=[{"ip":"10.0.0.1","hostnames":["r.example.com"]}],dnsPolicy="None",dnsConfig={"nameservers":["10.0.0.2"]},"#,
    r#"runtimeClassName="gvisor",revisionHistoryLimit=1,extraArgs=["--log-format=text"],global={"imageRegistry":"mirror.example.com"},"#,
    r#"extraObjects=[{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{ .Release.Name }}-more"}}]"#,
);

#[test]
fn lint_finds_nothing_for_any_kind_of_values() {
    for values in [
        &[][..],
        &["--set", "watchNamespaces={a,b}"],
        &["--set", "crds.install=false,rbac.aggregate=false"],
        &[
            "--set",
            "admission.operatorWrites=false,admission.operatorTokens=false,admission.authors=false,networkPolicy.enabled=true",
        ],
        &["--set-json", minting::ALL],
        &["--set-json", CA],
        &["--set-json", DEMANDED],
    ] {
        helm(&[&["lint", "--strict", &chart(), "--set", IMAGE], values].concat());
    }
}

#[test]
fn values_that_mean_nothing_are_refused() {
    for (wrong, word) in [
        ("watchNamespace=a", "watchNamespace"),
        ("logFormat=xml", "logFormat"),
        ("image.digest=latest", "digest"),
        ("image.repository=https://registry.example.com/dps", "repository"),
        ("image.repository=registry.example.com/dps:1.0", "repository"),
        ("image.registry=registry.example.com/", "registry"),
        ("image.tag=sha256:0", "tag"),
        ("watchNamespaces={Upper}", "watchNamespaces"),
        ("replicas=two", "replicas"),
        ("extraVolumes[0].emptyDir.medium=Memory", "extraVolumes"),
        ("extraVolumeMounts[0].name=ca", "extraVolumeMounts"),
        ("admission.authors=maybe", "admission"),
        ("minting.serviceAccounts[0].name=puller", "minting"),
        ("minting.serviceAccounts={puller}", "minting"),
        ("minting.gkeCluster=projects/p", "minting"),
        ("minting.allowRegistrySuffixes={aws=example.net}", "minting"),
        ("minting.audiences={*}", "minting"),
        ("minting.audiences={https://*}", "minting"),
        ("minting.audiences={https://kubernetes.default.svc}", "minting"),
        ("minting.audiences={sts.*.amazonaws.com}", "minting"),
        ("networkPolicy.dns[0].port=53", "networkPolicy"),
        (r"podLabels.app\.kubernetes\.io/name=other", "'app.kubernetes.io/name'"),
        ("livenessProbe.httpGet.path=/", "livenessProbe"),
        ("dnsPolicy=Default2", "dnsPolicy"),
    ] {
        let output = Command::new(tools(&["helm"]).join("helm"))
            .args(["template", &chart(), "--set", IMAGE, "--set", wrong])
            .output()
            .unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(word), "{wrong}: {message}");
    }
}

#[test]
fn a_namespaced_install_has_no_cluster_role() {
    let objects = template(&["--set", "watchNamespaces={team-a,team-b}"]);
    let found = kinds(&objects);
    assert!(!found.iter().any(|kind| kind.starts_with("ClusterRole")), "{found:?}");
    let is_watched = |object: &&Value| {
        object["metadata"]["namespace"]
            .as_str()
            .is_some_and(|name| name.starts_with("team-"))
    };
    let watched: Vec<Value> = objects.iter().filter(is_watched).cloned().collect();
    assert_eq!(kinds(&watched), ["Role", "Role", "RoleBinding", "RoleBinding"]);
    let args = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]["args"];
    assert!(
        args.as_array().unwrap().contains(&json!("--namespace=team-a")),
        "{args}"
    );
}

#[test]
fn a_file_with_certificates_gets_into_the_pod() {
    let objects = template(&["--set-json", CA]);
    let pod = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(pod["volumes"], json!([{"name": "ca", "configMap": {"name": "ca"}}]));
    assert_eq!(
        container["volumeMounts"],
        json!([{"name": "ca", "mountPath": "/ca", "readOnly": true}])
    );
    let variable = json!({"name": "SSL_CERT_FILE", "value": "/ca/ca.crt"});
    assert!(container["env"].as_array().unwrap().contains(&variable), "{container}");
}

#[test]
fn what_a_policy_may_demand_can_be_set() {
    let objects = template(&["--set-json", DEMANDED]);
    let label = |object: &Value| object["metadata"]["labels"]["team"].clone();
    for object in &objects {
        let is_plain = !["CustomResourceDefinition", "ConfigMap", "Pod"].contains(&object["kind"].as_str().unwrap());
        assert!(!is_plain || label(object) == "platform", "{object}");
    }
    let deployment = of_kind(&objects, "Deployment");
    assert_eq!(deployment["metadata"]["annotations"]["note"], "n");
    assert_eq!(deployment["spec"]["revisionHistoryLimit"], 1);
    let template = &deployment["spec"]["template"];
    assert_eq!(label(template), "pods");
    let (pod, container) = (&template["spec"], &template["spec"]["containers"][0]);
    // The defaults stay where nothing is said.
    assert_eq!(
        pod["securityContext"],
        json!({"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}})
    );
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert_eq!(container["securityContext"]["runAsGroup"], 1000);
    assert_eq!(container["livenessProbe"]["periodSeconds"], 30);
    assert_eq!(container["livenessProbe"]["timeoutSeconds"], 5);
    assert_eq!(
        pod["hostAliases"],
        json!([{"ip": "10.0.0.1", "hostnames": ["r.example.com"]}])
    );
    assert_eq!(pod["dnsConfig"]["nameservers"], json!(["10.0.0.2"]));
    assert_eq!(
        (&pod["dnsPolicy"], &pod["runtimeClassName"]),
        (&json!("None"), &json!("gvisor"))
    );
    assert!(
        container["args"]
            .as_array()
            .unwrap()
            .contains(&json!("--log-format=text"))
    );
    let image = container["image"].as_str().unwrap();
    assert!(
        image.starts_with("mirror.example.com/registry.example.com/dps:"),
        "{image}"
    );
    assert_eq!(of_kind(&objects, "ConfigMap")["metadata"]["name"], "release-more");

    let test = of_kind(&objects, "Pod");
    assert_eq!(test["metadata"]["labels"], template["metadata"]["labels"]);
    let mut settings: Vec<&str> = pod.as_object().unwrap().keys().map(String::as_str).collect();
    settings.retain(|field| {
        ![
            "containers",
            "terminationGracePeriodSeconds",
            "topologySpreadConstraints",
        ]
        .contains(field)
    });
    assert!(settings.len() > 5, "{settings:?}");
    for field in settings {
        assert_eq!(test["spec"][field], pod[field], "{field}");
    }
    for field in ["image", "imagePullPolicy", "securityContext", "resources"] {
        assert_eq!(test["spec"]["containers"][0][field], container[field], "{field}");
    }
}

/// `OpenShift` with its restricted-v2 gives every namespace users of its own, and refuses a pod that asks for another one.
#[test]
fn the_pod_asks_for_no_user_and_for_no_group() {
    let objects = template(&[]);
    let pod = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"];
    assert_eq!(
        pod["securityContext"],
        json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}})
    );
    assert_eq!(
        pod["containers"][0]["securityContext"],
        json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]}})
    );
}

#[test]
fn the_rights_are_the_least_that_work() {
    let name = "release-docker-pull-secret-operator";
    let rules = |values: &[&str], kind: &str| {
        let objects = template(values);
        let mut roles = objects.iter().filter(|object| object["kind"] == kind);
        let role = roles.find(|object| object["metadata"]["name"] == name).unwrap();
        role["rules"].as_array().unwrap().clone()
    };
    let all = rules(&[], "ClusterRole");
    assert_eq!(
        Value::from(all.as_slice()),
        json!([
            {"apiGroups": ["pullsecrets.dev"], "resources": ["dockerpullsecrets"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["pullsecrets.dev"], "resources": ["dockerpullsecrets/status"], "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch", "create", "patch", "delete"]},
            {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
            {"apiGroups": [""], "resources": ["events"], "verbs": ["list"]},
            {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["get", "create", "patch"]},
            {"apiGroups": ["pullsecrets.dev"], "resources": ["clusterdockerpullsecrets"], "verbs": ["get", "list", "watch"]},
            {"apiGroups": ["pullsecrets.dev"], "resources": ["clusterdockerpullsecrets/status"], "verbs": ["patch"]},
            {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["list", "watch"]},
        ])
    );
    let of_one_namespace = &all[..7];
    assert_eq!(
        rules(&["--set", "clusterResources.enabled=false"], "ClusterRole"),
        of_one_namespace
    );
    assert_eq!(rules(&["--set", "watchNamespaces={team-a}"], "Role"), of_one_namespace);
}

#[test]
fn replicas_share_a_lease_of_the_release_and_are_not_evicted_together() {
    let objects = template(&[]);
    let pod = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"];
    let arguments = pod["containers"][0]["args"].as_array().unwrap();
    let name = "release-docker-pull-secret-operator";
    assert!(arguments.contains(&json!(format!("--lease=operators/{name}"))));
    let role = objects
        .iter()
        .find(|object| object["kind"] == "Role" && object["metadata"]["namespace"] == "operators")
        .unwrap();
    assert_eq!(
        role["rules"],
        json!([
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["create"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": [name], "verbs": ["get", "update"]},
        ])
    );
    assert_eq!(of_kind(&objects, "PodDisruptionBudget")["spec"]["minAvailable"], 1);
    let one = template(&["--set", "replicas=1"]);
    assert!(
        !kinds(&one).contains(&"PodDisruptionBudget"),
        "it would keep the node from being drained"
    );
}

#[test]
fn manifests_are_valid_against_the_schemas_of_this_kubernetes() {
    let work = std::env::temp_dir().join(format!("dps-kubeconform-{}", std::process::id()));
    let schemas = work.join("schemas");
    let crd = |plural: &str| repository().join(format!("crds/{plural}.pullsecrets.dev.yaml"));
    run(Command::new(tools(&["schemas"]).join("schemas"))
        .arg(&schemas)
        .args(["dockerpullsecrets", "clusterdockerpullsecrets"].map(crd))
        .current_dir(repository().join("tests/env")));
    let folder = work.join("manifests");
    let kubeconform = |manifests: &Path| {
        run(Command::new(tools(&["kubeconform"]).join("kubeconform"))
            .args(["-strict", "-summary", "-schema-location"])
            .arg(schemas.join("{{.ResourceKind}}{{.KindSuffix}}.json"))
            .arg(manifests))
    };
    std::fs::create_dir_all(&folder).unwrap();
    for (name, values) in [
        ("cluster", &[][..]),
        ("namespaced", &["--set", "watchNamespaces={a,b}"]),
        ("ca", &["--set-json", CA]),
        ("minting", &["--set-json", minting::ALL]),
        (
            "network",
            &["--set", "networkPolicy.enabled=true,metrics.dashboard.enabled=true"],
        ),
    ] {
        std::fs::write(folder.join(format!("{name}.yaml")), manifests(values)).unwrap();
    }
    for file in ["crds.yaml", "operator.yaml", "namespace.yaml"] {
        std::fs::copy(repository().join("deploy").join(file), folder.join(file)).unwrap();
    }
    let summary = kubeconform(&folder) + &kubeconform(&repository().join("deploy/samples"));
    assert!(
        summary.matches("Invalid: 0, Errors: 0, Skipped: 0").count() == 2,
        "{summary}"
    );
    // The check can fail.
    std::fs::write(
        folder.join("wrong.yaml"),
        "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\nstringdata: {}\n",
    )
    .unwrap();
    let wrong = Command::new(tools(&["kubeconform"]).join("kubeconform"))
        .args(["-strict", "-schema-location"])
        .arg(schemas.join("{{.ResourceKind}}{{.KindSuffix}}.json"))
        .arg(folder.join("wrong.yaml"))
        .status()
        .unwrap();
    assert!(!wrong.success());
    std::fs::remove_dir_all(work).unwrap();
}

#[test]
fn committed_manifests_are_what_the_code_writes() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    run(Command::new(repository().join("hack/generate.sh"))
        .arg(root)
        .env("DPS", env!("CARGO_BIN_EXE_dps")));
    for file in [
        "crds/dockerpullsecrets.pullsecrets.dev.yaml",
        "charts/docker-pull-secret-operator/files/crds/dockerpullsecrets.pullsecrets.dev.yaml",
        "deploy/crds.yaml",
        "deploy/operator.yaml",
    ] {
        let read = |root: &Path| std::fs::read_to_string(root.join(file)).unwrap();
        assert_eq!(
            read(&repository()),
            read(root),
            "{file} is out of date: run hack/generate.sh"
        );
    }
}
