//! `dps create` against a real API server and real registries.

use k8s_openapi::api::core::v1::Secret;
use kube::ResourceExt;
use serde_json::{Value, json};

use crate::support::canary::CANARY;
use crate::support::dps::{Output, dps_in};
use crate::support::objects::{Space, document, private, uid};
use crate::support::operator::operator;
use crate::support::registries::registries;
use crate::support::typed::interrupt_at_each_question;
use crate::support::world::world;

/// A login that nobody checks.
const UNVERIFIED: [&str; 7] = [
    "app",
    "--registry-url",
    "registry.invalid",
    "--username",
    "robot",
    "--password-stdin",
    "--no-verify",
];

/// Runs it in a namespace, with this password on stdin.
fn create(space: &Space, arguments: &[&str], password: &str) -> Output {
    let kubeconfig = world().kubeconfig().to_str().unwrap();
    let all = [&["create", "-n", &space.name], arguments].concat();
    let output = dps_in(&[("KUBECONFIG", kubeconfig)], &all, password);
    for secret in [password, CANARY].into_iter().filter(|secret| !secret.is_empty()) {
        output.hides(secret);
    }
    output
}

async fn names(space: &Space) -> (Vec<String>, Vec<String>) {
    let all = kube::api::ListParams::default();
    let secrets: kube::Api<Secret> = kube::Api::namespaced(space.client.clone(), &space.name);
    let secrets = secrets.list(&all).await.unwrap();
    let resources = space.resources.list(&all).await.unwrap();
    (
        secrets.iter().map(ResourceExt::name_any).collect(),
        resources.iter().map(ResourceExt::name_any).collect(),
    )
}

#[tokio::test]
async fn login_is_checked_and_written_with_its_resource() {
    operator();
    let (all, space) = (registries(), Space::new(world(), "create").await);
    let registry = all.get("basic");
    let arguments = [
        "app",
        "--registry-url",
        registry,
        "--username",
        "robot",
        "--password-stdin",
        "--ca-file",
        all.get("caFile"),
    ];
    let nothing = (vec![], vec![]);

    let wrong = create(&space, &arguments, CANARY);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (1, ""), "{}", wrong.stderr);
    assert!(
        wrong.stderr.contains("Rejected: ") && wrong.stderr.contains("Nothing was written."),
        "{}",
        wrong.stderr
    );
    assert_eq!(names(&space).await, nothing);

    let tried = create(
        &space,
        &[&arguments[..], &["--dry-run=server"]].concat(),
        all.get("password"),
    );
    assert_eq!(tried.code, 0, "{}", tried.stderr);
    assert!(
        tried
            .stdout
            .starts_with("Would write DockerPullSecret app in namespace"),
        "{}",
        tried.stdout
    );
    assert_eq!(names(&space).await, nothing);

    let written = create(&space, &arguments, all.get("password"));
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert!(
        written.stdout.contains("imagePullSecrets: [{name: app}]"),
        "{}",
        written.stdout
    );
    assert!(written.stderr.contains("Accepted: "), "{}", written.stderr);
    let resource = space.resources.get("app").await.unwrap();
    assert_eq!(json!(resource.spec.registry_url), json!(registry));
    assert_eq!(resource.spec.credentials_ref.unwrap().name, "app-login");
}

#[tokio::test]
async fn what_exists_is_changed_only_when_that_is_asked_for() {
    operator();
    let space = Space::new(world(), "replace").await;
    space.credentials("app-login", "robot", "old").await;
    let refused = create(&space, &UNVERIFIED, "new-password");
    assert_eq!(refused.code, 2);
    assert_eq!(
        refused.stderr,
        "dps create: Secret \"app-login\" already exists: use --replace to change it\n"
    );

    let mut spec = private("registry.invalid", "app-login");
    spec["secretTemplate"] = json!({"labels": {"team": "a"}});
    let before = space.create("app", spec).await;
    let refused = create(&space, &UNVERIFIED, "new-password");
    assert_eq!(
        refused.stderr,
        "dps create: DockerPullSecret \"app\" already exists: use --replace to change it\n"
    );

    let changed = create(
        &space,
        &[&UNVERIFIED[..], &["--replace", "--wait=2m"]].concat(),
        "new-password",
    );
    assert_eq!(changed.code, 0, "{}{}", changed.stdout, changed.stderr);
    assert!(changed.stdout.contains("Ready is True: "), "{}", changed.stdout);
    let after = space.resources.get("app").await.unwrap();
    assert_eq!(uid(&after), uid(&before));
    assert_eq!(after.spec.secret_template.unwrap().labels["team"], "a");
    let generated = space.secrets.get("app").await.unwrap();
    assert_eq!(
        document(&generated)["auths"]["registry.invalid"]["password"],
        "new-password"
    );
}

#[tokio::test]
async fn nothing_is_written_of_what_the_api_server_refuses() {
    operator();
    let space = Space::new(world(), "refused").await;
    // Who may write Secrets and no resources.
    let role = space.name.clone();
    let kubectl = |arguments: &[&str]| world().kubectl(&[&["-n", &space.name], arguments].concat());
    kubectl(&["create", "role", &role, "--verb=*", "--resource=secrets"]);
    kubectl(&[
        "create",
        "role",
        "reader",
        "--verb=get",
        "--resource=dockerpullsecrets.pullsecrets.dev",
    ]);
    kubectl(&["create", "rolebinding", &role, "--role", &role, "--user=ace"]);
    kubectl(&["create", "rolebinding", "reader", "--role=reader", "--user=ace"]);
    let refused = create(&space, &[&UNVERIFIED[..], &["--as=ace"]].concat(), "a-password");
    assert_eq!(refused.code, 2, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("writing DockerPullSecret app: ") && refused.stderr.contains("403"),
        "{}",
        refused.stderr
    );
    assert_eq!(names(&space).await, (vec![], vec![]));

    let nowhere = ["-n", "does-not-exist"];
    let kubeconfig = world().kubeconfig().to_str().unwrap();
    let nowhere = dps_in(
        &[("KUBECONFIG", kubeconfig)],
        &[&["create"], &nowhere[..], &UNVERIFIED].concat(),
        "a-password",
    );
    assert_eq!(nowhere.code, 2);
    assert!(
        nowhere.stderr.contains("namespaces \"does-not-exist\" not found"),
        "{}",
        nowhere.stderr
    );
}

#[tokio::test]
async fn login_in_a_secret_serves_many_namespaces() {
    operator();
    let space = Space::new(world(), "create-many").await;
    space
        .secret("robot", "Opaque", &[("user", "robot"), ("token", "a-password")])
        .await;
    let name = format!("{}-shared", space.name);
    let arguments = [
        &*name,
        "--type",
        "dockerhub",
        "--from-secret",
        "robot",
        "--key",
        "username=user",
        "--key",
        "password=token",
        "--no-verify",
        "--namespace-selector",
        "team in (a,b)",
        "--exclude-namespace",
        "kube-*",
        "--service-account",
        "default",
        "--attach-to-pods",
    ];
    let written = create(&space, &arguments, "");
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert!(
        written
            .stdout
            .contains("The ServiceAccounts default of the selected namespaces will list Secret"),
        "{}",
        written.stdout
    );
    let resource = world().kubectl(&["get", "cdps", &name, "-o", "json"]);
    let resource: Value = serde_json::from_str(&resource).unwrap();
    let wanted = json!({"name": "robot", "namespace": space.name, "keys": {"username": "user", "password": "token"}});
    assert_eq!(resource["spec"]["credentialsRef"], wanted);
    world().kubectl(&["delete", "cdps", &name]);
}

#[tokio::test]
async fn interruption_at_each_question_writes_nothing() {
    operator();
    let space = Space::new(world(), "interrupted").await;
    let command = format!(
        "create -n {} --kubeconfig {}",
        space.name,
        world().kubeconfig().display()
    );
    let typed = tokio::task::spawn_blocking(move || interrupt_at_each_question(&command));
    typed.await.unwrap();
    assert_eq!(names(&space).await, (vec![], vec![]));
}
