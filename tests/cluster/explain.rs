//! `dps explain` with a cluster.

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::support::canary::CANARY;
use crate::support::explain::{IMAGE, run};
use crate::support::objects::{Space, private};
use crate::support::operator::operator;
use crate::support::pods::{Pods, unauthorized};
use crate::support::world::world;

#[tokio::test]
async fn a_pod_and_an_image_of_a_cluster() {
    operator();
    let space = Space::new(world(), "explain").await;
    let pods = Pods::of(&space).await;
    space.login("login", "u", CANARY).await;
    space.create("app", private("r.example.com:5000", "login")).await;
    space.ready("app").await;
    pods.create("web", IMAGE, &["app"]).await;
    pods.fails("web", IMAGE, &unauthorized(IMAGE)).await;
    let kubeconfig = Some(world().kubeconfig());
    let (code, stdout, stderr) = run(&["pod", "web", "-n", &space.name, "-o", "json"], "", kubeconfig);
    assert_eq!(code, 1, "{stderr}");
    let report: Value = serde_json::from_str(&stdout).unwrap();
    let failure = &report["failures"][0];
    assert_eq!(
        (&failure["cause"], &failure["code"]),
        (&json!("CredentialsRejected"), &json!("DEP_E153"))
    );
    assert_eq!(
        failure["blame"],
        json!({"kind": "DockerPullSecret", "namespace": space.name, "name": "app"})
    );
    let (code, text, _) = run(&["pod", "web", "-n", &space.name], "", kubeconfig);
    assert_eq!(code, 1);
    assert!(text.contains("app (of DockerPullSecret app)"), "{text}");
    // The API server takes any name in imagePullSecrets.
    pods.create("odd", IMAGE, &["my login", "?", "app"]).await;
    pods.fails("odd", IMAGE, &unauthorized(IMAGE)).await;
    let (code, text, stderr) = run(&["pod", "odd", "-n", &space.name], "", kubeconfig);
    assert_eq!(code, 1, "{stderr}");
    assert!(text.contains("app (of DockerPullSecret app)"), "{text}");

    let (code, text, stderr) = run(&["image", IMAGE, "-n", &space.name], "", kubeconfig);
    assert_eq!(code, 0, "{stderr}");
    assert!(text.contains("secrets   none named"), "{text}");
    let accounts: Api<ServiceAccount> = Api::namespaced(space.client.clone(), &space.name);
    let patch = json!({"imagePullSecrets": [{"name": "app"}]});
    accounts
        .patch("default", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    let (code, text, _) = run(
        &["image", IMAGE, "-n", &space.name, "--service-account", "default"],
        "",
        kubeconfig,
    );
    assert_eq!(code, 0);
    assert!(text.contains("one login for this image"), "{text}");
    let (code, _, stderr) = run(&["pod", "absent", "-n", &space.name], "", kubeconfig);
    assert_eq!(
        (code, stderr.contains("there is no pod \"absent\"")),
        (2, true),
        "{stderr}"
    );
}

#[tokio::test]
async fn who_may_not_read_secrets_is_told_what_can_be_told() {
    world().install();
    let space = Space::new(world(), "explain-viewer").await;
    let pods = Pods::of(&space).await;
    space
        .secret("app", "kubernetes.io/dockerconfigjson", &[(".dockerconfigjson", "{}")])
        .await;
    pods.create("web", IMAGE, &["app"]).await;
    pods.fails("web", IMAGE, &unauthorized(IMAGE)).await;
    let namespace = space.name.as_str();
    let kubectl = |args: &str| {
        let args: Vec<&str> = args.split(' ').chain(["-n", namespace]).collect();
        world().kubectl(&args)
    };
    kubectl("create serviceaccount viewer");
    kubectl("create role viewer --verb=get,list --resource=pods");
    kubectl(&format!(
        "create rolebinding viewer --role=viewer --serviceaccount={namespace}:viewer"
    ));
    let kubeconfig = world().state().join("explain-viewer.kubeconfig");
    world().write_kubeconfig(&kubeconfig, namespace, "viewer");
    let args = ["pod", "web", "-n", namespace, "-o", "json"];
    let (code, stdout, stderr) = run(&args, "", Some(&kubeconfig));
    assert_eq!(code, 1, "{stderr}");
    for what in [
        "warning: reading Secret \"app\": ",
        "warning: listing DockerPullSecrets: ",
        "warning: listing Events: ",
    ] {
        assert!(stderr.contains(what), "{what} in {stderr}");
    }
    let report: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(
        (&report["failures"][0]["cause"], &report["failures"][0]["blame"]),
        (&json!("AccessDenied"), &Value::Null)
    );
    assert_eq!(report["images"][0]["secrets"][0]["state"], "Unreadable");
}
