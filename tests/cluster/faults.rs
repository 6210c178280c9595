//! Failures of the platform: nothing is lost, nothing foreign is touched.

use crate::support::objects::{Space, condition_of, password, private};
use crate::support::operator::Operator;
use crate::support::world::{World, exclusive_world, scoped_world};
use crate::support::{audit, eventually, repository};
use dps::api::{DockerPullSecret, DockerPullSecretStatus};
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tokio::sync::MutexGuard;

/// A world that no other test uses meanwhile.
async fn alone() -> (MutexGuard<'static, ()>, &'static World) {
    let (guard, world) = exclusive_world().await;
    world.install();
    (guard, world)
}

/// An operator for all namespaces.
fn start(world: &World) -> Operator {
    started(world, &[])
}

/// An operator for one namespace.
fn start_in(space: &Space) -> Operator {
    started(scoped_world(), &["--namespace", &space.name])
}

fn started(world: &World, args: &[&str]) -> Operator {
    let operator = Operator::start(world, &world.install(), args);
    operator.wait_until_ready();
    operator
}

async fn space(purpose: &str) -> Space {
    scoped_world().install();
    Space::new(scoped_world(), purpose).await
}

#[tokio::test]
async fn changes_during_an_outage_of_the_api_server_are_not_lost() {
    let (_alone, world) = alone().await;
    let space = Space::new(world, "outage").await;
    let operator = start(world);
    // The garbage collector has to know the kind before the outage: what it learns of it meanwhile it retries ever later.
    space.credentials("known-login", "user", "word").await;
    space
        .create("known", private("registry.example.com", "known-login"))
        .await;
    space.ready("known").await;
    space.delete("known").await;
    space.gone("known").await;

    for name in ["kept", "rotated", "renamed", "deleted", "drifted"] {
        space.credentials(&format!("{name}-login"), "user", "first").await;
        space
            .create(name, private(&format!("{name}.example.com"), &format!("{name}-login")))
            .await;
        space.ready(name).await;
    }
    // Everything below happens while the operator's watches are down or coming back.
    world.api_server("stop");
    eventually("the outage is noticed", || async {
        let (code, body) = operator.get("/readyz");
        if code == 503 { Ok(()) } else { Err(body) }
    })
    .await;
    world.api_server("start");
    space.credentials("rotated-login", "user", "second").await;
    space.change("renamed", json!({"secretName": "renamed-anew"})).await;
    space.delete("deleted").await;
    space.delete_secret("drifted").await;
    space.credentials("new-login", "user", "first").await;
    space.create("new", private("new.example.com", "new-login")).await;

    space.ready("new").await;
    space
        .secret_until("rotated", "rotated", |secret| {
            password(secret).as_deref() == Some("second")
        })
        .await;
    space.secret_until("renamed-anew", "there", |_| true).await;
    space.gone("renamed").await;
    space.gone("deleted").await;
    space.secret_until("drifted", "back", |_| true).await;
    space.ready("kept").await;
    operator.wait_until_ready();
    let (_, well) = operator.stop();
    assert!(well);
}

#[tokio::test]
async fn an_api_server_that_says_nothing_neither_blocks_for_ever_nor_blocks_the_stop() {
    let (_alone, world) = alone().await;
    let space = Space::new(world, "silence").await;
    space.credentials("login", "user", "first").await;
    let (patient, stopping) = (start(world), start(world));
    space.create("app", private("registry.example.com", "login")).await;
    space.ready("app").await;

    // Passes begin, and then nobody answers.
    world.api_server("pause");
    let kubeconfig = world.install();
    let never_answered = Operator::start(world, &kubeconfig, &[]);
    let (took, well) = never_answered.stop();
    assert!(
        well && took.as_secs() < 25,
        "an operator that never got an answer took {took:?}"
    );
    let (took, well) = stopping.stop();
    assert!(well && took.as_secs() < 25, "took {took:?}");
    eventually("/readyz tells of the silence", || async {
        let (code, body) = patient.get("/readyz");
        let tells = code == 503 && body.contains("the API server has not answered for");
        if tells { Ok(()) } else { Err(body) }
    })
    .await;
    world.api_server("resume");
    patient.wait_until_ready();

    space.credentials("login", "user", "second").await;
    space
        .secret_until("app", "rotated", |secret| password(secret).as_deref() == Some("second"))
        .await;
    let (_, well) = patient.stop();
    assert!(well);
}

#[tokio::test]
async fn a_conflict_is_resolved_by_looking_again() {
    let space = space("conflict").await;
    let operator = start_in(&space);
    space.credentials("login", "user", "0").await;
    space.create("app", private("registry.example.com", "login")).await;
    space.ready("app").await;
    // Somebody else changes the Secret all the time, until a write of the operator met one of those changes.
    let mut round = 0u32;
    let conflicted = || {
        audit::of_operator(scoped_world())
            .iter()
            .any(|request| request.response_status.code == 409 && request.object_ref.namespace == space.name)
    };
    while round < 50 || (!conflicted() && round < 2000) {
        round += 1;
        if round.is_multiple_of(2) {
            space.credentials("login", "user", &round.to_string()).await;
        }
        let label = json!({"metadata": {"labels": {"round": round.to_string()}}});
        space
            .secrets
            .patch("app", &PatchParams::default(), &Patch::Merge(label))
            .await
            .unwrap();
    }
    assert!(conflicted(), "no conflict in {round} rounds");
    space.credentials("login", "user", "last").await;
    let secret = space
        .secret_until("app", "last", |secret| password(secret).as_deref() == Some("last"))
        .await;
    assert_eq!(
        secret.labels()["round"],
        round.to_string(),
        "the other's label is not lost"
    );
    space.ready("app").await;
    drop(operator);
}

#[tokio::test]
async fn of_a_burst_of_changes_the_last_one_wins() {
    let space = space("burst").await;
    let operator = start_in(&space);
    space.credentials("login", "user", "0").await;
    space.create("app", private("registry.example.com", "login")).await;
    space.ready("app").await;
    for round in 1..=100 {
        if round % 10 == 0 {
            space.delete_secret("login").await;
        }
        space.credentials("login", "user", &format!("word-{round}")).await;
    }
    space
        .secret_until("app", "the last", |secret| {
            password(secret).as_deref() == Some("word-100")
        })
        .await;
    space.ready("app").await;
    drop(operator);
}

#[tokio::test]
async fn a_resource_that_does_not_parse_says_so_and_harms_no_other() {
    let (_alone, world) = alone().await;
    let space = Space::new(world, "unparsable").await;
    space.credentials("login", "user", "word").await;
    // As after a change of the schema: the object is older than the rule.
    let crd = repository().join("crds/dockerpullsecrets.pullsecrets.dev.yaml");
    let mut loose: serde_json::Value = serde_json::from_str(&world.kubectl(&[
        "create",
        "--dry-run=client",
        "-o",
        "json",
        "-f",
        &crd.display().to_string(),
    ]))
    .unwrap();
    let schema = &mut loose["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    *schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let selectable = loose["spec"]["versions"][0]
        .as_object_mut()
        .unwrap()
        .remove("selectableFields");
    assert!(selectable.is_some());
    let path = world.state().join("loose.json");
    std::fs::write(&path, loose.to_string()).unwrap();
    let kind = kube::api::ApiResource::erase::<dps::api::DockerPullSecret>(&());
    let raw: Api<DynamicObject> = Api::namespaced_with(space.client.clone(), &space.name, &kind);
    let bad: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "bad"},
        "spec": {"type": "DockerHub", "credentialsRef": {"name": "login", "keys": "s3cr3t-in-the-wrong-place"}},
    }))
    .unwrap();
    world.kubectl(&["replace", "-f", &path.display().to_string()]);
    eventually("the loose schema is served", || async {
        raw.create(&PostParams::default(), &bad)
            .await
            .map_err(|error| error.to_string())
    })
    .await;

    let operator = start(world);
    space.create("good", private("registry.example.com", "login")).await;
    space.ready("good").await;
    let seen = eventually("the bad one has a status", || async {
        let object = raw.get("bad").await.map_err(|error| error.to_string())?;
        let conditions = object.data["status"]["conditions"].clone();
        if conditions.as_array().is_some_and(|all| !all.is_empty()) {
            Ok(conditions.to_string())
        } else {
            Err(operator.log())
        }
    })
    .await;
    assert!(seen.contains("InvalidSpec") && seen.contains("Stalled"), "{seen}");
    assert!(
        !seen.contains("s3cr3t") && !operator.log().contains("s3cr3t"),
        "values are not repeated"
    );

    // The strict schema again; the bad object is still there and still does no harm.
    world.kubectl(&["replace", "-f", &crd.display().to_string()]);
    drop(operator);
    let operator = start(world);
    space.credentials("login", "user", "again").await;
    space
        .secret_until("good", "rotated", |secret| password(secret).as_deref() == Some("again"))
        .await;
    raw.delete("bad", &DeleteParams::default()).await.unwrap();
    drop(operator);
}

#[tokio::test]
async fn without_the_crd_it_says_so_and_starts_when_the_crd_comes() {
    let (_alone, world) = alone().await;
    let kubeconfig = world.install();
    let crd = repository()
        .join("crds/dockerpullsecrets.pullsecrets.dev.yaml")
        .display()
        .to_string();
    world.kubectl(&["delete", "-f", &crd, "--wait"]);
    let operator = Operator::start(world, &kubeconfig, &[]);
    eventually("the missing CRD is named", || async {
        let (code, body) = operator.get("/readyz");
        if code == 503 && body.contains("install the CRD") {
            Ok(())
        } else {
            Err(body)
        }
    })
    .await;
    assert_eq!(operator.get("/livez").0, 200);
    world.kubectl(&["apply", "--server-side", "-f", &crd]);
    world.kubectl(&[
        "wait",
        "--for=condition=Established",
        "crd/dockerpullsecrets.pullsecrets.dev",
    ]);
    let space = Space::new(world, "crd").await;
    space.credentials("login", "user", "word").await;
    eventually("the API server serves the kind", || async {
        space
            .try_create("app", private("registry.example.com", "login"))
            .await
            .map_err(|error| error.to_string())
    })
    .await;
    space.ready("app").await;
    operator.wait_until_ready();
    let (_, well) = operator.stop();
    assert!(well);
}

#[tokio::test]
async fn without_rights_it_says_which() {
    let world = scoped_world();
    let space = space("rights").await;
    world.kubectl(&["create", "serviceaccount", "nobody", "-n", &space.name]);
    let kubeconfig = world.state().join("nobody.kubeconfig");
    world.write_kubeconfig(&kubeconfig, &space.name, "nobody");
    let operator = Operator::start(world, &kubeconfig, &["--namespace", &space.name]);
    eventually("what is not allowed is named", || async {
        let (code, body) = operator.get("/readyz");
        let named = body.contains("not allowed to list and watch secrets")
            && body.contains("not allowed to list and watch dockerpullsecrets");
        if code == 503 && named { Ok(()) } else { Err(body) }
    })
    .await;
    let (took, well) = operator.stop();
    assert!(well && took.as_secs() < 25);
}

#[tokio::test]
async fn two_operators_at_once_do_not_fight() {
    let space = space("both").await;
    let (one, other) = (start_in(&space), start_in(&space));
    space.credentials("login", "user", "first").await;
    for index in 0..20 {
        space
            .create(
                &format!("app-{index}"),
                private(&format!("r{index}.example.com"), "login"),
            )
            .await;
    }
    for index in 0..20 {
        space.ready(&format!("app-{index}")).await;
    }
    space.credentials("login", "user", "second").await;
    for index in 0..20 {
        space
            .secret_until(&format!("app-{index}"), "rotated", |secret| {
                password(secret).as_deref() == Some("second")
            })
            .await;
        space.ready(&format!("app-{index}")).await;
    }
    // At rest: neither of two more rounds through both changes anything.
    space.settle().await;
    space.settle().await;
    let version = |index: u32| {
        let space = &space;
        async move {
            let name = format!("app-{index}");
            let resource = space.resources.get(&name).await.unwrap();
            assert_eq!(condition_of(&resource, "Ready").status, "True");
            (
                resource.resource_version(),
                space.secrets.get(&name).await.unwrap().resource_version(),
            )
        }
    };
    let mut before = Vec::new();
    for index in 0..20 {
        before.push(version(index).await);
    }
    space.settle().await;
    for index in 0..20 {
        assert_eq!(version(index).await, before[index as usize]);
    }
    drop((one, other));
}

/// Server-side apply leaves what somebody else has put into a status.
#[tokio::test]
async fn status_that_somebody_else_wrote_is_taken_out_once() {
    let space = space("graffiti").await;
    let operator = start_in(&space);
    space.credentials("login", "user", "word").await;
    space.create("app", private("registry.example.com", "login")).await;
    let before = space.ready("app").await.status;
    let never = "9999-12-31T23:59:59Z";
    let foreign = json!({
        "verification": {"result": "Accepted", "lastVerifiedTime": never, "nextVerificationTime": never},
        "conditions": [],
    });
    let patch = Patch::Merge(json!({"status": foreign}));
    let params = PatchParams::default();
    // Untyped: this program can read no such time either.
    let kind = ApiResource::erase::<DockerPullSecret>(&());
    let untyped = Api::<DynamicObject>::namespaced_with(scoped_world().admin().await, &space.name, &kind);
    untyped.patch_status("app", &params, &patch).await.unwrap();
    eventually("the status is as it was", || async {
        let object = untyped.get("app").await.map_err(|error| error.to_string())?;
        let status = &object.data["status"];
        let is_clean = status["verification"].is_null() && status["secretName"] == "app";
        if is_clean { Ok(()) } else { Err(status.to_string()) }
    })
    .await;
    space.settle().await;
    let (_, well) = operator.stop();
    assert!(well);
    let writes = audit::writes_in(scoped_world(), &space.name).len();
    let (_, well) = start_in(&space).stop();
    assert!(well);
    assert_eq!(audit::writes_in(scoped_world(), &space.name).len(), writes, "a restart");
    let after = space.ready("app").await.status;
    let reasons = |status: &Option<DockerPullSecretStatus>| -> Vec<String> {
        let conditions = &status.as_ref().unwrap().conditions;
        conditions.iter().map(|condition| condition.reason.clone()).collect()
    };
    assert_eq!(reasons(&after), reasons(&before));
}
