//! The operator on a real control plane, with the rights that `deploy/` gives it.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::objects::{Space, condition_of, docker_hub, document, password, private, uid, with};
use crate::support::operator::{Operator, counter, operator};
use crate::support::oracle::Oracle;
use crate::support::world::world;
use crate::support::{audit, eventually, repository, tools};
use kube::ResourceExt as _;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;

async fn space(purpose: &str) -> Space {
    operator();
    Space::new(world(), purpose).await
}

#[tokio::test]
async fn every_sample_becomes_a_secret_that_a_kubelet_uses() {
    let space = space("samples").await;
    let samples = [
        ("docker-hub", "docker.io/acme/app", "acme", "an-access-token"),
        (
            "team-registry",
            "registry.example.com:5000/team/app",
            "robot$ci",
            "a-password",
        ),
        ("ghcr", "ghcr.io/acme/app", "acme", "an-access-token"),
        ("quay", "quay.io/acme/app", "acme+ci", "a-robot-token"),
        ("legacy", "registry.example.org/app", "acme", "a-password"),
        (
            "harbor",
            "harbor.example.com/team/app",
            "robot$team+puller",
            "a-robot-secret",
        ),
    ];
    let folder = repository().join("deploy/samples").display().to_string();
    world().kubectl(&["apply", "-n", &space.name, "-f", &folder]);
    let mut oracle = Oracle::start();
    for (name, image, username, password) in samples {
        let resource = space.ready(name).await;
        let status = resource.status.as_ref().unwrap();
        assert_eq!(status.secret_name.as_deref(), Some(name));
        let secret = space.secrets.get(name).await.unwrap();
        assert_eq!(secret.type_.as_deref(), Some("kubernetes.io/dockerconfigjson"));
        assert_eq!(
            secret.labels()["app.kubernetes.io/managed-by"],
            "docker-pull-secret-operator"
        );
        let owner = &secret.owner_references()[0];
        assert_eq!(
            (owner.kind.as_str(), owner.uid.as_str()),
            ("DockerPullSecret", uid(&resource).as_str())
        );
        let content = document(&secret).to_string();
        assert_eq!(
            oracle.tried(&content, image),
            [(username.to_owned(), password.to_owned())],
            "{name}: {content}"
        );
    }
}

#[tokio::test]
async fn a_new_resource_costs_one_secret_write_and_one_status_write() {
    let space = space("writes").await;
    space.credentials("login", "user", "word").await;
    space.create("one", private("registry.example.com", "login")).await;
    space.ready("one").await;
    space.settle().await;
    let mut writes = audit::writes_in(world(), &space.name);
    writes.retain(|write| !write.contains("barrier"));
    assert_eq!(writes, ["patch secrets/one", "patch dockerpullsecrets/one/status"]);
}

#[tokio::test]
async fn missing_credentials_are_named_and_heal_when_they_come() {
    let space = space("missing").await;
    space.create("app", private("registry.example.com", "login")).await;
    let waiting = space.reason("app", "SecretNotFound").await;
    assert!(
        condition_of(&waiting, "CredentialsResolved")
            .message
            .contains("\"login\"")
    );
    assert_eq!(condition_of(&waiting, "SecretSynced").reason, "CredentialsNotResolved");
    assert_eq!(condition_of(&waiting, "Reconciling").status, "True");

    space
        .secret("login", "Opaque", &[("username", "user"), ("pass", "word")])
        .await;
    let stalled = space.reason("app", "KeyMissing").await;
    let message = &condition_of(&stalled, "Ready").message;
    assert!(
        message.contains("no key \"password\"") && message.contains("\"pass\""),
        "{message}"
    );
    assert_eq!(condition_of(&stalled, "Stalled").status, "True");
    assert!(
        !stalled
            .status
            .as_ref()
            .unwrap()
            .conditions
            .iter()
            .any(|c| c.type_ == "Reconciling")
    );

    space.credentials("login", "user", "word").await;
    let ready = space.ready("app").await;
    let types: Vec<&str> = ready
        .status
        .as_ref()
        .unwrap()
        .conditions
        .iter()
        .map(|c| c.type_.as_str())
        .collect();
    assert_eq!(
        types,
        [
            "CredentialsResolved",
            "SecretSynced",
            "CredentialsAccepted",
            "PullsHealthy",
            "Ready"
        ]
    );
}

#[tokio::test]
async fn drift_is_repaired_and_foreign_metadata_survives() {
    let space = space("drift").await;
    space.credentials("login", "user", "first").await;
    let template = json!({"secretTemplate": {"labels": {"team": "a", "tier": "b"}, "annotations": {"note": "x"}}});
    space
        .create("app", with(private("registry.example.com", "login"), template))
        .await;
    space.ready("app").await;
    let original = space.secrets.get("app").await.unwrap();

    // Somebody edits data and labels, and adds some of their own.
    let patch = json!({
        "metadata": {"labels": {"team": "changed", "foreign": "kept"}, "annotations": {"foreign": "kept"}},
        "data": {".dockerconfigjson": "e30="},
    });
    space
        .secrets
        .patch("app", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
    let healed = space
        .secret_until("app", "repaired", |secret| {
            password(secret).as_deref() == Some("first") && secret.labels()["team"] == "a"
        })
        .await;
    assert_eq!(
        (
            healed.labels()["foreign"].as_str(),
            healed.annotations()["foreign"].as_str()
        ),
        ("kept", "kept")
    );

    // The password changes: the same object gets it.
    space.credentials("login", "user", "second").await;
    let rotated = space
        .secret_until("app", "rotated", |secret| password(secret).as_deref() == Some("second"))
        .await;
    assert_eq!(uid(&rotated), uid(&original));

    // A label leaves the template.
    space
        .change("app", json!({"secretTemplate": {"labels": {"tier": null}}}))
        .await;
    let trimmed = space
        .secret_until("app", "trimmed", |secret| !secret.labels().contains_key("tier"))
        .await;
    assert_eq!(trimmed.labels()["foreign"], "kept");

    // Somebody deletes it.
    space.delete_secret("app").await;
    let back = space
        .secret_until("app", "back", |secret| password(secret).as_deref() == Some("second"))
        .await;
    assert_ne!(uid(&back), uid(&original));

    // Somebody takes the owner reference away: it was written by the operator and is repaired.
    let orphan = json!({"metadata": {"ownerReferences": null}});
    space
        .secrets
        .patch("app", &PatchParams::default(), &Patch::Merge(orphan))
        .await
        .unwrap();
    space
        .secret_until("app", "owned again", |secret| !secret.owner_references().is_empty())
        .await;
}

#[tokio::test]
async fn a_foreign_secret_is_left_alone_until_it_may_be_adopted() {
    let space = space("foreign").await;
    space.credentials("login", "user", "word").await;
    let foreign = space
        .secret(
            "app",
            "kubernetes.io/dockerconfigjson",
            &[(".dockerconfigjson", "{\"auths\":{}}")],
        )
        .await;
    space.create("app", private("registry.example.com", "login")).await;
    let refused = space.reason("app", "NameConflict").await;
    assert_eq!(condition_of(&refused, "CredentialsResolved").status, "True");
    assert!(
        condition_of(&refused, "Ready").message.contains("adopt"),
        "{:?}",
        condition_of(&refused, "Ready")
    );
    assert_eq!(refused.status.as_ref().unwrap().secret_name, None);
    let untouched = space.secrets.get("app").await.unwrap();
    assert_eq!(untouched.resource_version(), foreign.resource_version());

    space.change("app", json!({"adopt": true})).await;
    space.ready("app").await;
    let adopted = space.secrets.get("app").await.unwrap();
    assert_eq!(
        (uid(&adopted), password(&adopted).as_deref()),
        (uid(&foreign), Some("word"))
    );
}

#[tokio::test]
async fn secrets_that_cannot_become_ours_have_their_own_reasons() {
    let space = space("obstacles").await;
    space.credentials("login", "user", "word").await;
    let adopting = || with(private("registry.example.com", "login"), json!({"adopt": true}));

    space.secret("opaque", "Opaque", &[("some", "thing")]).await;
    space.create("opaque", adopting()).await;
    space.reason("opaque", "WrongSecretType").await;

    space
        .secret(
            "fixed",
            "kubernetes.io/dockerconfigjson",
            &[(".dockerconfigjson", "{}")],
        )
        .await;
    space
        .secrets
        .patch(
            "fixed",
            &PatchParams::default(),
            &Patch::Merge(json!({"immutable": true})),
        )
        .await
        .unwrap();
    space.create("fixed", adopting()).await;
    space.reason("fixed", "SecretImmutable").await;

    let owner = json!([{"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": uid(&space.secrets.get("login").await.unwrap()), "controller": true}]);
    space
        .secret(
            "taken",
            "kubernetes.io/dockerconfigjson",
            &[(".dockerconfigjson", "{}")],
        )
        .await;
    space
        .secrets
        .patch(
            "taken",
            &PatchParams::default(),
            &Patch::Merge(json!({"metadata": {"ownerReferences": owner}})),
        )
        .await
        .unwrap();
    space.create("taken", adopting()).await;
    // The garbage collector removes a Secret whose owner does not exist; then the name is free.
    space
        .until("taken", "decided", |status| {
            let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready")?;
            matches!(ready.reason.as_str(), "OwnedByOther" | "Ready").then_some(())
        })
        .await;

    // When the obstacle goes away, everything is well.
    space.delete_secret("opaque").await;
    space.ready("opaque").await;
    space.delete_secret("fixed").await;
    space.ready("fixed").await;
}

#[tokio::test]
async fn a_new_secret_name_replaces_the_old_secret() {
    let space = space("rename").await;
    space.credentials("login", "user", "word").await;
    space.create("app", private("registry.example.com", "login")).await;
    space.ready("app").await;

    // The new name is taken: the old Secret stays.
    space.secret("taken", "Opaque", &[("some", "thing")]).await;
    space.change("app", json!({"secretName": "taken"})).await;
    let refused = space.reason("app", "NameConflict").await;
    assert_eq!(refused.status.as_ref().unwrap().secret_name.as_deref(), Some("app"));
    assert!(space.secrets.get_opt("app").await.unwrap().is_some());

    space.change("app", json!({"secretName": "fresh"})).await;
    let ready = space.ready("app").await;
    assert_eq!(ready.status.as_ref().unwrap().secret_name.as_deref(), Some("fresh"));
    space.gone("app").await;
    assert!(space.secrets.get_opt("taken").await.unwrap().is_some());
}

/// Platforms do such things, so that a login goes away with what uses it.
#[tokio::test]
async fn a_secret_that_the_operator_did_not_make_is_not_deleted_whoever_controls_it() {
    let space = space("owned").await;
    space.credentials("login", "user", "first").await;
    let resource = space.create("app", private("registry.example.com", "login")).await;
    space.ready("app").await;
    let owner = json!([{"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "name": "app", "uid": uid(&resource), "controller": true}]);
    let patch = |meta| Patch::Merge(json!({"metadata": meta}));
    space
        .secrets
        .patch(
            "login",
            &PatchParams::default(),
            &patch(json!({"ownerReferences": owner})),
        )
        .await
        .unwrap();
    space.change("app", json!({"secretName": "other"})).await;
    space.gone("app").await;
    space.ready("app").await;
    space.settle().await;
    assert!(space.secrets.get_opt("login").await.unwrap().is_some());
    // It is read as ever, and what the operator made stays its own.
    space.credentials("login", "user", "second").await;
    space
        .secret_until("other", "rotated", |secret| {
            password(secret).as_deref() == Some("second")
        })
        .await;
    let label = json!({"labels": {"app.kubernetes.io/managed-by": null}});
    space
        .secrets
        .patch("other", &PatchParams::default(), &patch(label))
        .await
        .unwrap();
    space
        .secret_until("other", "labelled again", |secret| {
            secret.labels().contains_key("app.kubernetes.io/managed-by")
        })
        .await;
    // What it made is not deleted either while it is where the login comes from.
    space
        .change(
            "app",
            json!({"secretName": "third", "credentialsRef": {"name": "other"}}),
        )
        .await;
    space.ready("app").await;
    space.settle().await;
    assert!(space.secrets.get_opt("other").await.unwrap().is_some());
}

#[tokio::test]
async fn a_login_that_comes_from_another_generated_secret_follows_it() {
    let space = space("chain").await;
    space.credentials("login", "user", "first").await;
    space.create("a", private("registry.example.com", "login")).await;
    space.ready("a").await;
    space.create("b", private("registry.example.com", "a")).await;
    space.ready("b").await;
    for word in ["second", "third", "fourth"] {
        space.credentials("login", "user", word).await;
        space
            .secret_until("b", word, |secret| password(secret).as_deref() == Some(word))
            .await;
    }
}

#[tokio::test]
async fn of_two_that_want_one_secret_the_older_gets_it() {
    let space = space("two").await;
    space.credentials("login", "user", "older").await;
    space.credentials("other", "user", "younger").await;
    let shared = json!({"secretName": "shared"});
    space
        .create(
            "a-older",
            with(private("registry.example.com", "login"), shared.clone()),
        )
        .await;
    space.ready("a-older").await;
    space
        .create("b-younger", with(private("registry.example.com", "other"), shared))
        .await;
    let refused = space.reason("b-younger", "OwnedByOther").await;
    assert!(condition_of(&refused, "SecretSynced").message.contains("\"a-older\""));
    space.settle().await;
    assert_eq!(
        password(&space.secrets.get("shared").await.unwrap()).as_deref(),
        Some("older")
    );
    let mut writes = audit::writes_in(world(), &space.name);
    writes.retain(|write| write == "patch secrets/shared");
    assert_eq!(writes.len(), 1, "nothing flips back and forth");

    space.delete("a-older").await;
    space.ready("b-younger").await;
    space
        .secret_until("shared", "the younger's", |secret| {
            password(secret).as_deref() == Some("younger")
        })
        .await;
}

#[tokio::test]
async fn a_deleted_resource_takes_its_secret_along() {
    let space = space("delete").await;
    space.credentials("login", "user", "word").await;
    let resource = space.create("app", private("registry.example.com", "login")).await;
    assert_eq!(resource.finalizers(), [""; 0]);
    space.ready("app").await;
    space.delete("app").await;
    space.gone("app").await;
    assert!(space.secrets.get_opt("login").await.unwrap().is_some());

    // Without its Secret, and back: the Secret is taken over.
    space.create("kept", private("registry.example.com", "login")).await;
    space.ready("kept").await;
    let before = space.secrets.get("kept").await.unwrap();
    space.resources.delete("kept", &DeleteParams::orphan()).await.unwrap();
    space
        .secret_until("kept", "without owner", |secret| secret.owner_references().is_empty())
        .await;
    // It goes away when the garbage collector has orphaned everything.
    eventually("the resource is gone", || async {
        let there = space.resources.get_opt("kept").await.unwrap();
        there.map_or(Ok(()), |_| Err("still there".to_owned()))
    })
    .await;
    space.create("kept", private("registry.example.com", "login")).await;
    space.ready("kept").await;
    assert_eq!(uid(&space.secrets.get("kept").await.unwrap()), uid(&before));
}

#[tokio::test]
async fn a_suspended_resource_is_left_as_it_is() {
    let space = space("suspend").await;
    space.credentials("login", "user", "first").await;
    space.create("app", private("registry.example.com", "login")).await;
    space.ready("app").await;
    space.change("app", json!({"suspend": true})).await;
    let suspended = space.reason("app", "Suspended").await;
    assert_eq!(condition_of(&suspended, "Ready").status, "Unknown");
    assert_eq!(condition_of(&suspended, "SecretSynced").status, "True");
    space.credentials("login", "user", "second").await;
    space.settle().await;
    assert_eq!(
        password(&space.secrets.get("app").await.unwrap()).as_deref(),
        Some("first")
    );
    space.change("app", json!({"suspend": false})).await;
    space
        .secret_until("app", "up to date", |secret| {
            password(secret).as_deref() == Some("second")
        })
        .await;
    space.ready("app").await;
}

#[tokio::test]
async fn the_last_good_login_stays_when_the_credentials_break() {
    let space = space("stale").await;
    space.credentials("login", "user", "good").await;
    space.create("app", private("registry.example.com", "login")).await;
    let ready = space.ready("app").await;
    let since = condition_of(&ready, "CredentialsResolved").last_transition_time.clone();
    space
        .secret("login", "Opaque", &[("username", "user"), ("password", "")])
        .await;
    let stale = space.reason("app", "Malformed").await;
    assert_eq!(condition_of(&stale, "SecretSynced").reason, "Stale");
    assert_eq!(stale.status.as_ref().unwrap().secret_name.as_deref(), Some("app"));
    space.delete_secret("login").await;
    let gone = space.reason("app", "SecretNotFound").await;
    assert_eq!(
        condition_of(&gone, "Ready").last_transition_time,
        condition_of(&stale, "Ready").last_transition_time,
        "False stayed False"
    );
    assert!(condition_of(&gone, "Ready").last_transition_time.0 >= since.0);
    assert_eq!(
        password(&space.secrets.get("app").await.unwrap()).as_deref(),
        Some("good")
    );
}

#[tokio::test]
async fn what_will_surprise_is_warned_of() {
    let space = space("warn").await;
    space.credentials("login", "user", "word").await;
    space.create("hub", docker_hub("login")).await;
    space.ready("hub").await;
    space.create("wild", private("*.io", "login")).await;
    space.create("port", private("registry.example.com:443", "login")).await;
    space.create("twin", private("registry.example.com:443", "login")).await;
    // The operator is started without --attach-pods, as it has to be before Kubernetes 1.36.
    let attached = with(
        private("registry.example.org", "login"),
        json!({"attachTo": {"pods": "MatchingImages"}}),
    );
    space.create("attached", attached).await;
    let warned = |name: &'static str, word: &'static str| {
        let space = &space;
        async move {
            space
                .until(name, word, move |status| {
                    status
                        .warnings
                        .iter()
                        .any(|warning| warning.contains(word))
                        .then_some(())
                })
                .await
        }
    };
    warned("hub", "DockerPullSecret \"wild\" takes precedence").await;
    warned("port", ":443 is part of the key").await;
    warned("twin", "same registry key").await;
    warned("attached", "spec.attachTo.pods has no effect: no admission policy").await;
    space.ready("attached").await;
    // When the cause goes away, so does the warning.
    space.delete("wild").await;
    space
        .until("hub", "without warning", |status| {
            status.warnings.is_empty().then_some(())
        })
        .await;
}

#[tokio::test]
async fn a_quota_in_the_way_is_said_and_what_a_webhook_may_have_seen_is_not() {
    let space = space("quota").await;
    space.credentials("login", "user", "word").await;
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "few"}, "spec": {"hard": {"count/secrets": "1"}},
    });
    let path = world().state().join("quota.json");
    std::fs::write(&path, quota.to_string()).unwrap();
    world().kubectl(&["apply", "-n", &space.name, "-f", &path.display().to_string()]);
    world().kubectl(&[
        "wait",
        "-n",
        &space.name,
        "quota/few",
        "--for=jsonpath={.status.used.count/secrets}=1",
    ]);
    space.create("app", private("registry.example.com", "login")).await;
    let refused = space.reason("app", "WriteRefused").await;
    assert!(
        condition_of(&refused, "SecretSynced")
            .message
            .contains("exceeded quota")
    );
    assert_eq!(condition_of(&refused, "Reconciling").status, "True");
}

#[tokio::test]
async fn many_resources_at_rest_cost_no_writes_also_after_a_restart() {
    let space = space("rest").await;
    space.credentials("login", "user", "word").await;
    for index in 0..200 {
        space
            .create(
                &format!("app-{index}"),
                private(&format!("r{index}.example.com"), "login"),
            )
            .await;
    }
    for index in 0..200 {
        space.ready(&format!("app-{index}")).await;
    }
    space.settle().await;
    let before = audit::writes_in(world(), &space.name).len();
    // A second operator with only this namespace: each resource is looked at again.
    let world = world();
    let restarted = Operator::start(world, &world.install(), &["--namespace", &space.name]);
    restarted.wait_until_ready();
    eventually("a pass over all resources", || async {
        let reconciled = restarted.count("dps_reconciliations_total{result=\"Ready\"}");
        (reconciled >= 200).then_some(()).ok_or(format!("{reconciled}"))
    })
    .await;
    // A new list of all Secrets and resources makes every one be looked at once more.
    assert_eq!(audit::writes_in(world, &space.name).len(), before);
    let (_, well) = restarted.stop();
    assert!(well);
}

#[tokio::test]
async fn the_operator_asks_for_nothing_it_may_not_have() {
    let space = space("least").await;
    space.credentials("login", "user", "word").await;
    space.create("app", private("registry.example.com", "login")).await;
    space.ready("app").await;
    space.settle().await;
    let requests = audit::of_operator(world());
    assert!(!requests.is_empty());
    let forbidden: Vec<_> = requests
        .iter()
        .filter(|request| {
            request.response_status.code == 403 && request.object_ref.subresource != "status" && !request.is_write()
        })
        .collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
    let fenced: Vec<_> = requests.iter().filter(|request| request.is_fenced()).collect();
    assert!(fenced.is_empty(), "{fenced:?}");
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for request in &requests {
        if request.verb == "list" && request.object_ref.resource == "secrets" && request.response_status.code == 200 {
            *kinds
                .entry(request.response_object["kind"].as_str().unwrap_or("?").to_owned())
                .or_default() += 1;
        }
        let by_name = request.object_ref.resource != "secrets"
            || !request.object_ref.name.is_empty()
            || matches!(request.verb.as_str(), "list" | "watch");
        assert!(by_name, "{request:?}");
    }
    assert_eq!(kinds.keys().collect::<Vec<_>>(), ["PartialObjectMetadataList"]);
}

/// `OpenMetrics` text in the format that the linter reads, where the names of counters are those of their series.
fn in_older_format(metrics: &str) -> String {
    let types = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let suffixes: BTreeMap<&str, &str> = types
        .filter_map(|(name, kind)| match kind {
            "counter" => Some((name, "_total")),
            "info" => Some((name, "_info")),
            _ => None,
        })
        .collect();
    let renamed = metrics.lines().filter(|line| !line.starts_with("# UNIT ")).map(|line| {
        let mut words = line.splitn(4, ' ');
        let (Some("#"), Some(what), Some(name), Some(rest)) = (words.next(), words.next(), words.next(), words.next())
        else {
            return line.to_owned();
        };
        let rest = if (what, rest) == ("TYPE", "info") {
            "gauge"
        } else {
            rest
        };
        format!("# {what} {name}{} {rest}", suffixes.get(name).unwrap_or(&""))
    });
    renamed.fold(String::new(), |text, line| text + &line + "\n")
}

/// Names, types and help are as Prometheus recommends.
fn lint(metrics: &str) {
    let mut lint = Command::new(tools(&["promtool"]).join("promtool"))
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = in_older_format(metrics);
    lint.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = lint.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
async fn metrics_name_a_resource_that_is_not_ready_as_long_as_it_exists() {
    let space = space("metrics").await;
    space.create("app", private("registry.example.com", "missing")).await;
    space.reason("app", "SecretNotFound").await;
    let labels = format!("namespace=\"{}\",name=\"app\"", space.name);
    let used = [
        "dps_api_requests_total{verb=\"watch\",resource=\"dockerpullsecrets\",code=\"200\"}",
        "dps_api_requests_total{verb=\"get\",resource=\"secrets\",code=\"404\"}",
        "dps_api_requests_total{verb=\"patch\",resource=\"dockerpullsecrets/status\",code=\"200\"}",
        "dps_api_request_duration_seconds_count{verb=\"watch\"}",
        "dps_queue_wait_seconds_count",
    ];
    // A status is seen before the operator has the answer.
    eventually("its requests", || async {
        let (_, metrics) = operator().get("/metrics");
        let unused = used.into_iter().find(|name| counter(&metrics, name) == 0);
        unused.map_or(Ok(()), |name| Err(format!("no {name} in {metrics}")))
    })
    .await;
    lint(&operator().get("/metrics").1);
    let series = || {
        let (_, metrics) = operator().get("/metrics");
        metrics
            .lines()
            .filter(|line| line.contains(&labels))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let not_ready =
        format!("dps_resource_condition{{{labels},condition=\"Ready\",status=\"False\",reason=\"SecretNotFound\"}} 1");
    eventually("its series", || async {
        let series = series();
        series
            .contains(&not_ready)
            .then_some(())
            .ok_or_else(|| series.join("\n"))
    })
    .await;
    space.delete("app").await;
    eventually("no series", || async {
        let series = series();
        series.is_empty().then_some(()).ok_or_else(|| series.join("\n"))
    })
    .await;
}

#[tokio::test]
async fn log_lines_of_a_reconcile_name_the_resource() {
    let space = space("logs").await;
    space.credentials("login", "robot", "word").await;
    space.create("app", private("registry.example.com", "login")).await;
    space.ready("app").await;
    let lines = operator().log();
    let lines = lines
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let own: Vec<_> = lines.filter(|line| line["namespace"] == *space.name).collect();
    let written = own.iter().find(|line| line["message"] == "wrote the pull secret");
    let spans = json!([{"name": "reconcile", "namespace": space.name, "resource": "app"}]);
    assert_eq!(written.unwrap_or_else(|| panic!("{own:?}"))["spans"], spans);
}
