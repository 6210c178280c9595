//! The operator checks logins at real registries.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::canary::CANARY;
use crate::support::objects::{Space, condition, condition_of, password, private_verified, resource, with};
use crate::support::operator::Operator;
use crate::support::registries::{Answer, Registries, Scripted, answer, registries};
use crate::support::world::scoped_world;
use crate::support::{audit, eventually, within};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::api::{DockerPullSecret, DockerPullSecretStatus};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::fmt::rfc2822::DateTimePrinter;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

/// An operator for one namespace that may talk to these registries, and to the real ones.
fn operator(space: &Space, more: &[&str]) -> Operator {
    operator_at(registries(), space, more, "info,dps=debug")
}

fn operator_at(all: &Registries, space: &Space, more: &[&str], filter: &str) -> Operator {
    let world = scoped_world();
    let kinds = ["basic", "bearer", "anonymous", "plain", "token"];
    let mut allowed: Vec<&str> = kinds.iter().map(|kind| all.get(kind)).collect();
    allowed.extend_from_slice(more);
    let allowed = allowed.join(",");
    let args = ["--namespace", &space.name, "--allow-registry", &allowed];
    let variables = [("SSL_CERT_FILE", all.get("caFile")), ("RUST_LOG", filter)];
    let operator = Operator::start_in(world, &world.install(), &args, &variables);
    operator.wait_until_ready();
    operator
}

async fn space(purpose: &str) -> Space {
    scoped_world().install();
    Space::new(scoped_world(), purpose).await
}

fn accepted(status: &DockerPullSecretStatus, reason: &str) -> Option<()> {
    (condition(status, "CredentialsAccepted")?.reason == reason).then_some(())
}

async fn until_accepted(space: &Space, name: &str) -> DockerPullSecret {
    space
        .until(name, "accepted", |status| accepted(status, "Accepted"))
        .await
}

fn in_status(resource: &DockerPullSecret) -> &dps::api::VerificationStatus {
    resource.status.as_ref().unwrap().verification.as_ref().unwrap()
}

#[tokio::test]
async fn a_rejected_login_does_not_replace_an_accepted_one() {
    let (space, all) = (space("held").await, registries());
    let operator = operator_at(all, &space, &[], "trace");
    for kind in ["basic", "bearer"] {
        let login = format!("{kind}-login");
        space.credentials(&login, "robot", all.get("password")).await;
        space.create(kind, private_verified(all.get(kind), &login)).await;
        let resource = until_accepted(&space, kind).await;
        assert_eq!(condition_of(&resource, "Ready").status, "True");
        let status = in_status(&resource);
        assert!(
            status.secret_verified && status.last_verified_time.is_some() && status.next_verification_time.is_none()
        );
        let writes = audit::writes_in(scoped_world(), &space.name);
        let of = |write: &str| writes.iter().filter(|one| *one == write).count();
        assert_eq!(of(&format!("patch secrets/{kind}")), 1);
        assert!(of(&format!("patch dockerpullsecrets/{kind}/status")) <= 2, "{writes:?}");

        // The registry says no: the Secret that works stays.
        space.credentials(&login, "robot", CANARY).await;
        let held = space.reason(kind, "HeldBack").await;
        let synced = condition_of(&held, "SecretSynced");
        assert_eq!(synced.status, "False");
        let since = format!("since {}: the Secret keeps", synced.last_transition_time.0);
        assert!(synced.message.starts_with(&since), "{}", synced.message);
        let said = condition_of(&held, "CredentialsAccepted");
        assert_eq!((said.status.as_str(), said.reason.as_str()), ("False", "Rejected"));
        assert!(said.message.contains("returned 401"), "{}", said.message);
        assert_eq!(
            (
                in_status(&held).consecutive_rejections,
                in_status(&held).next_verification_time.is_some()
            ),
            (1, true)
        );
        let secret = space.secrets.get(kind).await.unwrap();
        assert_eq!(password(&secret).as_deref(), Some(all.get("password")));

        // The right one heals.
        space.credentials(&login, "robot", all.get("password")).await;
        let healed = space.ready(kind).await;
        assert_eq!(condition_of(&healed, "CredentialsAccepted").status, "True");
        assert_eq!(in_status(&healed).consecutive_rejections, 0);
    }
    // At each: 200 for the accepted credentials, 401 without any and for the rejected ones.
    assert!(operator.count("dps_registry_requests_total{code=\"200\"}") >= 2);
    assert!(operator.count("dps_registry_requests_total{code=\"401\"}") >= 4);
    let shown = scoped_world().kubectl(&["get", "dockerpullsecrets,events", "-n", &space.name, "-o", "json"]);
    for (place, text) in [
        ("log", operator.log()),
        ("metrics", operator.get("/metrics").1),
        ("resources", shown),
    ] {
        for (word, password) in [("wrong", CANARY), ("right", all.get("password"))] {
            let auth = STANDARD.encode(format!("robot:{password}"));
            let base64 = STANDARD.encode(password);
            let found = [password, &auth, &base64].iter().any(|shape| text.contains(*shape));
            assert!(!found, "the {place} has the {word} password");
        }
    }
    assert!(operator.log().contains("\"level\":\"TRACE\""));
}

#[tokio::test]
async fn without_an_accepted_login_a_rejected_one_is_written_and_named() {
    let (space, all) = (space("named").await, registries());
    let _operator = operator(&space, &[]);
    space.credentials("login", "robot", CANARY).await;
    space.create("app", private_verified(all.get("basic"), "login")).await;
    let rejected = space.reason("app", "Rejected").await;
    assert_eq!(condition_of(&rejected, "SecretSynced").status, "True");
    assert_eq!(condition_of(&rejected, "Stalled").status, "True");
    let secret = space.secrets.get("app").await.unwrap();
    assert_eq!(password(&secret).as_deref(), Some(CANARY));

    // WriteAnyway writes over an accepted one.
    space.credentials("good", "robot", all.get("password")).await;
    let always = with(
        private_verified(all.get("basic"), "good"),
        json!({"verification": {"onRejected": "WriteAnyway"}}),
    );
    space.create("always", always).await;
    until_accepted(&space, "always").await;
    space.credentials("good", "robot", CANARY).await;
    space.reason("always", "Rejected").await;
    space
        .secret_until("always", "the new one", |secret| {
            password(secret).as_deref() == Some(CANARY)
        })
        .await;
}

#[tokio::test]
async fn what_says_nothing_of_the_login_leaves_a_resource_ready() {
    let (space, all) = (space("ready").await, registries());
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = format!("localhost:{free}");
    let refused = Scripted::start(|_, _| answer("200 OK", &[], ""));
    let limited = Scripted::start(|_, _| answer("429 Too Many Requests", &["Retry-After: 7200"], ""));
    let until = Scripted::start(|_, _| {
        let at = Timestamp::now() + SignedDuration::from_hours(2);
        let at = DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap();
        answer("429 Too Many Requests", &[&format!("Retry-After: {at}")], "")
    });
    let _operator = operator(&space, &[&nobody, &limited.address, &until.address]);
    space.credentials("login", "robot", all.get("password")).await;
    let http = json!({"verification": {"plainHttp": true}});
    let image = json!({"verification": {"image": "team/app:1.0"}});
    for (name, spec, reason) in [
        (
            "anonymous",
            private_verified(all.get("anonymous"), "login"),
            "NotVerifiable",
        ),
        ("wildcard", private_verified("*.example.com", "login"), "NotVerifiable"),
        ("nobody", private_verified(&nobody, "login"), "Unreachable"),
        ("no-tls", private_verified(all.get("plain"), "login"), "TLSFailure"),
        (
            "plain",
            with(private_verified(all.get("plain"), "login"), http.clone()),
            "Accepted",
        ),
        (
            "image",
            with(private_verified(all.get("bearer"), "login"), image),
            "Accepted",
        ),
        (
            "refused",
            with(private_verified(&refused.address, "login"), http.clone()),
            "NotARegistry",
        ),
        (
            "limited",
            with(private_verified(&limited.address, "login"), http.clone()),
            "RateLimited",
        ),
        (
            "until",
            with(private_verified(&until.address, "login"), http),
            "RateLimited",
        ),
    ] {
        space.create(name, spec).await;
        let resource = space.until(name, reason, |status| accepted(status, reason)).await;
        assert_eq!(condition_of(&resource, "Ready").reason, "Ready", "{name}");
        if reason == "RateLimited" {
            let status = in_status(&resource);
            let at = |time: &Option<k8s_openapi::apimachinery::pkg::apis::meta::v1::Time>| {
                time.as_ref().unwrap().0.as_second()
            };
            let pause = at(&status.next_verification_time) - at(&status.last_verified_time);
            assert!((7198..=7200).contains(&pause), "{name}: {pause}");
        }
    }
    // Nobody allowed this loopback address.
    assert_eq!(refused.requests(), Vec::<String>::new());
}

/// Creates `count` resources with a login of their own each, at once.
async fn create_many(
    space: &Space,
    prefix: &str,
    count: usize,
    spec: impl Fn(usize, &str) -> Value,
    word: impl Fn(usize) -> String,
) {
    futures::stream::iter(0..count)
        .for_each_concurrent(16, |number| {
            let (name, login) = (format!("{prefix}-{number}"), format!("{prefix}-{number}-login"));
            let (spec, word) = (spec(number, &login), word(number));
            async move {
                space.credentials(&login, "robot", &word).await;
                space.create(&name, spec).await;
            }
        })
        .await;
}

/// Waits until all resources of a prefix have this reason in `CredentialsAccepted`.
async fn all_are(space: &Space, prefix: &str, count: usize, kind: &str, reason: &str) {
    // Hundreds of logins one after the other, on a machine that runs all other tests meanwhile.
    within(Duration::from_mins(4), &format!("{count} {reason}"), || async {
        let all = space.resources.list(&kube::api::ListParams::default()).await.unwrap();
        let there = all.items.iter().filter(|resource| {
            let name = resource.metadata.name.as_deref().unwrap();
            name.starts_with(prefix)
                && resource
                    .status
                    .as_ref()
                    .and_then(|status| condition(status, kind))
                    .is_some_and(|condition| condition.reason == reason)
        });
        match there.count() {
            found if found == count => Ok(()),
            found => Err(format!("{found}")),
        }
    })
    .await;
}

#[tokio::test]
async fn two_hundred_with_one_wrong_login_fail_once_also_across_restarts() {
    // Its own: other tests log in at the token server of the others too.
    let (space, all) = (space("once").await, Registries::start());
    let start = || operator_at(&all, &space, &[], "info,dps=debug");
    let failed = |before: usize| {
        let all = all.attempts_at_token_server();
        all[before..].iter().filter(|status| *status == "401").count()
    };
    let before = all.attempts_at_token_server().len();
    let first = start();
    create_many(
        &space,
        "app",
        200,
        |_, login| private_verified(all.get("bearer"), login),
        |_| CANARY.to_owned(),
    )
    .await;
    all_are(&space, "app", 200, "CredentialsAccepted", "Rejected").await;
    assert_eq!(failed(before), 1);
    first.stop();

    for _ in 0..2 {
        let writes = audit::writes_in(scoped_world(), &space.name).len();
        let again = start();
        eventually("every resource had a pass", || async {
            let reconciled = again.count("dps_reconciliations_total{result=\"Rejected\"}");
            (reconciled >= 200).then_some(()).ok_or(format!("{reconciled}"))
        })
        .await;
        assert_eq!(failed(before), 1);
        assert_eq!(audit::writes_in(scoped_world(), &space.name).len(), writes, "at rest");
        again.stop();
    }

    // Another wrong password is one more.
    let _third = start();
    for number in 0..200 {
        space
            .credentials(&format!("app-{number}-login"), "robot", &format!("{CANARY}2"))
            .await;
    }
    eventually("all speak of the new login", || async {
        let resources = space.resources.list(&kube::api::ListParams::default()).await.unwrap();
        let secrets = space
            .secrets
            .list_metadata(&kube::api::ListParams::default())
            .await
            .unwrap();
        let current = resources.items.iter().filter(|resource| {
            let login = format!("{}-login", resource.metadata.name.as_deref().unwrap());
            let secret = secrets
                .items
                .iter()
                .find(|secret| secret.metadata.name.as_deref() == Some(&login));
            let version = secret
                .and_then(|secret| secret.metadata.resource_version.clone())
                .unwrap();
            let status = resource.status.as_ref().and_then(|status| status.verification.as_ref());
            status.is_some_and(|status| {
                status
                    .credentials_version
                    .as_ref()
                    .is_some_and(|one| one.contains(&format!("/{version} ")))
            })
        });
        match current.count() {
            200 => Ok(()),
            found => Err(format!("{found}")),
        }
    })
    .await;
    assert_eq!(failed(before), 2);
}

#[tokio::test]
async fn a_registry_host_has_one_login_in_flight() {
    let space = space("flight").await;
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let logins = Arc::new(AtomicUsize::new(0));
    let server = {
        let (running, most, logins) = (Arc::clone(&running), Arc::clone(&most), Arc::clone(&logins));
        Scripted::start(move |head, _| {
            if !is_login(head) {
                return answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "");
            }
            logins.fetch_add(1, Ordering::SeqCst);
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Long enough for others to come, if they did.
            std::thread::sleep(Duration::from_millis(5));
            running.fetch_sub(1, Ordering::SeqCst);
            answer("200 OK", &[], "")
        })
    };
    let _operator = operator(&space, &[&server.address]);
    let spec = |_, login: &str| plain(&server, login);
    create_many(&space, "app", 200, spec, |number| format!("word-{number}")).await;
    all_are(&space, "app", 200, "CredentialsAccepted", "Accepted").await;
    assert_eq!((most.load(Ordering::SeqCst), logins.load(Ordering::SeqCst)), (1, 200));
}

#[tokio::test]
async fn a_registry_that_never_answers_holds_up_nobody_else() {
    let (space, all) = (space("slow").await, registries());
    let silent = Scripted::start(|_, _| Answer::Nothing);
    let _operator = operator(&space, &[&silent.address]);
    let good = |_, login: &str| private_verified(all.get("basic"), login);
    let mut times = Vec::new();
    for (prefix, with_silent) in [("alone", false), ("beside", true)] {
        if with_silent {
            let dead = |_, login: &str| plain(&silent, login);
            create_many(&space, "dead", 200, dead, |number| format!("word-{number}")).await;
        }
        let begin = Instant::now();
        create_many(&space, prefix, 200, good, |_| all.get("password").to_owned()).await;
        all_are(&space, prefix, 200, "CredentialsAccepted", "Accepted").await;
        times.push(begin.elapsed());
    }
    println!(
        "200 resources on a good registry: {:?} alone, {:?} beside 200 on a silent one",
        times[0], times[1]
    );
    // The silent one's are ready as well: their login is written, and only not checked yet.
    all_are(&space, "dead", 200, "Ready", "Ready").await;
}

#[tokio::test]
async fn certificates_that_a_resource_names_are_trusted_and_their_changes_noticed() {
    let (space, all) = (space("ca").await, registries());
    // This operator trusts nothing by itself.
    let args = ["--namespace", &space.name, "--allow-registry", all.get("basic")];
    let _operator = Operator::start_in(scoped_world(), &scoped_world().install(), &args, &[]);
    space.credentials("login", "robot", all.get("password")).await;
    space.create("none", private_verified(all.get("basic"), "login")).await;
    space
        .until("none", "untrusted", |status| accepted(status, "TLSFailure"))
        .await;

    let pem = std::fs::read_to_string(all.get("caFile")).unwrap();
    let config_maps: kube::Api<ConfigMap> = kube::Api::namespaced(space.client.clone(), &space.name);
    let ca = |kind: &str, key: &str| json!({"verification": {"tls": {"caBundleRef": {"kind": kind, "name": format!("{}-ca", kind.to_lowercase()), "key": key}}}});
    for kind in ["ConfigMap", "Secret"] {
        let (name, object) = (kind.to_lowercase(), format!("{}-ca", kind.to_lowercase()));
        space
            .create(
                &name,
                with(private_verified(all.get("basic"), "login"), ca(kind, "bundle")),
            )
            .await;
        for (text, part) in [
            (None, "does not exist"),
            (Some(("other", pem.as_str())), "no key \"bundle\""),
            (Some(("bundle", "no certificate")), "PEM certificate"),
            (
                Some((
                    "bundle",
                    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                )),
                "",
            ),
        ] {
            if let Some((key, text)) = text {
                put_ca(&space, &config_maps, kind, &object, key, text).await;
            }
            let resource = space
                .until(&name, part, |status| {
                    let message = &condition(status, "CredentialsAccepted")?.message;
                    accepted(status, "TLSFailure").filter(|()| message.contains(part))
                })
                .await;
            assert_eq!(condition_of(&resource, "Ready").reason, "Ready", "{part}");
        }
        put_ca(&space, &config_maps, kind, &object, "bundle", &pem).await;
        until_accepted(&space, &name).await;
    }
}

#[tokio::test]
async fn a_refused_login_is_held_back_also_while_nobody_can_be_asked() {
    let (space, all) = (space("no-ca").await, registries());
    // This operator trusts nothing by itself.
    let start = || {
        let args = ["--namespace", &space.name, "--allow-registry", all.get("basic")];
        Operator::start_in(scoped_world(), &scoped_world().install(), &args, &[])
    };
    let first = start();
    let config_maps: kube::Api<ConfigMap> = kube::Api::namespaced(space.client.clone(), &space.name);
    let pem = std::fs::read_to_string(all.get("caFile")).unwrap();
    put_ca(&space, &config_maps, "ConfigMap", "ca", "ca.crt", &pem).await;
    let ca = json!({"verification": {"tls": {"caBundleRef": {"kind": "ConfigMap", "name": "ca"}}}});
    space.credentials("login", "robot", all.get("password")).await;
    space
        .create("app", with(private_verified(all.get("basic"), "login"), ca))
        .await;
    until_accepted(&space, "app").await;
    space.credentials("login", "robot", CANARY).await;
    space.reason("app", "HeldBack").await;

    config_maps.delete("ca", &DeleteParams::default()).await.unwrap();
    let without_ca = |status: &DockerPullSecretStatus| {
        let version = status.verification.as_ref()?.credentials_version.as_deref()?;
        version.ends_with("not possible").then_some(())
    };
    let held = space.until("app", "without CA", without_ca).await;
    assert_eq!(condition_of(&held, "Ready").reason, "HeldBack");
    first.stop();
    let second = start();
    more_passes(&second, 0).await;
    assert_eq!(
        condition_of(&space.reason("app", "HeldBack").await, "CredentialsAccepted").reason,
        "Rejected"
    );
    let secret = space.secrets.get("app").await.unwrap();
    assert_eq!(password(&secret).as_deref(), Some(all.get("password")));

    put_ca(&space, &config_maps, "ConfigMap", "ca", "ca.crt", &pem).await;
    space.credentials("login", "robot", all.get("password")).await;
    space.ready("app").await;
}

async fn put_ca(space: &Space, config_maps: &kube::Api<ConfigMap>, kind: &str, name: &str, key: &str, text: &str) {
    if kind == "Secret" {
        space.secret(name, "Opaque", &[(key, text)]).await;
        return;
    }
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {key: text}});
    let params = PatchParams::apply("test").force();
    config_maps.patch(name, &params, &Patch::Apply(&map)).await.unwrap();
}

#[tokio::test]
async fn an_annotation_asks_for_a_check_within_the_bounds() {
    let space = space("now").await;
    let wrong = Arc::new(AtomicUsize::new(0));
    let server = {
        let wrong = Arc::clone(&wrong);
        picky(move |_| wrong.load(Ordering::SeqCst) == 0)
    };
    let logins = || logins_at(&server);
    let operator = operator(&space, &[&server.address]);
    space.credentials("login", "robot", "word").await;
    space.create("app", plain(&server, "login")).await;
    until_accepted(&space, "app").await;
    assert_eq!(logins(), 1);

    // The registry changes its mind, and nobody notices before somebody asks.
    wrong.store(1, Ordering::SeqCst);
    ask(&space, "1").await;
    let rejected = space.reason("app", "Rejected").await;
    assert_eq!(
        (logins(), condition_of(&rejected, "SecretSynced").status.as_str()),
        (2, "True")
    );

    // A rejected login is not tried again, however often somebody asks: the request waits.
    for value in ["2", "3"] {
        let before = passes(&operator);
        ask(&space, value).await;
        more_passes(&operator, before).await;
        let rejected = space.reason("app", "Rejected").await;
        assert_eq!(in_status(&rejected).handled_request.as_deref(), Some("1"));
    }
    assert_eq!(logins(), 2);
}

/// The next process must not log in again to find out what this one was about to hear.
#[tokio::test]
async fn a_verdict_that_comes_while_the_operator_stops_is_written_down() {
    let space = space("stop").await;
    let (let_go, answers) = std::sync::mpsc::channel::<()>();
    let answers = std::sync::Mutex::new(answers);
    let slow = Scripted::start(move |head, _| {
        if is_login(head) {
            answers.lock().unwrap().recv().unwrap();
        }
        answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "")
    });
    let first = operator(&space, &[&slow.address]);
    space.credentials("login", "robot", "word").await;
    space.create("app", plain(&slow, "login")).await;
    eventually("a login", || async {
        (logins_at(&slow) == 1).then_some(()).ok_or_else(|| "none".to_owned())
    })
    .await;
    let log = first.log_file();
    let stopped = tokio::task::spawn_blocking(move || first.stop());
    eventually("the signal was taken", || async {
        let log = std::fs::read_to_string(&log).unwrap();
        log.contains("stopping; finishing").then_some(()).ok_or(log)
    })
    .await;
    let_go.send(()).unwrap();
    assert!(stopped.await.unwrap().1);
    let resource = space.resources.get("app").await.unwrap();
    assert_eq!(condition_of(&resource, "CredentialsAccepted").reason, "Rejected");

    let second = operator(&space, &[&slow.address]);
    more_passes(&second, 0).await;
    // A host has one check at a time, in the order in which they are asked for.
    space.credentials("other-login", "somebody", "word").await;
    space.create("other", plain(&slow, "other-login")).await;
    let_go.send(()).unwrap();
    space
        .until("other", "rejected", |status| accepted(status, "Rejected"))
        .await;
    assert_eq!(logins_at(&slow), 2);
}

/// Nobody knows what the registry would have answered, and it may count each attempt.
#[tokio::test]
async fn an_operator_that_is_killed_during_a_login_does_not_repeat_it() {
    let space = space("kill").await;
    let (_never, answers) = std::sync::mpsc::channel::<()>();
    let answers = std::sync::Mutex::new(answers);
    let slow = Scripted::start(move |head, _| {
        if is_login(head) {
            // Ends with the test.
            let _ = answers.lock().unwrap().recv();
        }
        answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "")
    });
    let prompt = picky(|_| true);
    space.credentials("login", "robot", CANARY).await;
    space.create("app", plain(&slow, "login")).await;
    let mut start = None;
    for round in 0..4 {
        let operator = operator(&space, &[&slow.address, &prompt.address]);
        if round == 0 {
            eventually("a login", || async {
                (logins_at(&slow) == 1).then_some(()).ok_or_else(|| "none".to_owned())
            })
            .await;
        }
        // Attempts are made in this process.
        let other = format!("other-{round}");
        let login = format!("{other}-login");
        space.credentials(&login, "robot", &other).await;
        space.create(&other, plain(&prompt, &login)).await;
        until_accepted(&space, &other).await;
        let resource = space.resources.get("app").await.unwrap();
        let attempt = in_status(&resource).attempt.clone().expect("it had no answer");
        assert_eq!(start.get_or_insert(attempt.start_time.clone()), &attempt.start_time);
        // Kills it.
        drop(operator);
    }
    assert_eq!(logins_at(&slow), 1);

    // Other credentials need not wait.
    space.credentials("login", "robot", "another word").await;
    let _operator = operator(&space, &[&slow.address, &prompt.address]);
    eventually("a login", || async {
        (logins_at(&slow) == 2).then_some(()).ok_or_else(|| "none".to_owned())
    })
    .await;
}

/// A resource that cannot go away has no pass, and nobody waits for one at the start.
#[tokio::test]
async fn checks_begin_although_a_resource_is_stuck_in_its_deletion() {
    let space = space("stuck").await;
    let server = picky(|password| password == "word");
    let first = operator(&space, &[&server.address]);
    space.credentials("login", "robot", "word").await;
    space.create("app", plain(&server, "login")).await;
    until_accepted(&space, "app").await;
    let mut stuck = resource("stuck", &plain(&server, "login"));
    stuck.metadata.finalizers = Some(vec!["example.com/never".to_owned()]);
    space.resources.create(&PostParams::default(), &stuck).await.unwrap();
    space.ready("stuck").await;
    first.stop();
    space.resources.delete("stuck", &DeleteParams::default()).await.unwrap();
    space.credentials("login", "robot", CANARY).await;

    let _second = operator(&space, &[&server.address]);
    // Long before checks begin although a pass is missing.
    within(Duration::from_secs(30), "held back", || async {
        let app = space.resources.get("app").await.unwrap();
        let reason = condition_of(&app, "Ready").reason.clone();
        (reason == "HeldBack").then_some(()).ok_or(reason)
    })
    .await;
    let secret = space.secrets.get("app").await.unwrap();
    assert_eq!(password(&secret).as_deref(), Some("word"));
    let free = json!({"metadata": {"finalizers": null}});
    let params = PatchParams::default();
    space
        .resources
        .patch("stuck", &params, &Patch::Merge(free))
        .await
        .unwrap();
}

fn passes(operator: &Operator) -> usize {
    operator.count("dps_reconciliations_total")
}

async fn more_passes(operator: &Operator, before: usize) {
    eventually("a pass", || async {
        (passes(operator) > before)
            .then_some(())
            .ok_or(format!("still {before}"))
    })
    .await;
}

fn is_login(head: &str) -> bool {
    head.to_lowercase().contains("authorization:")
}

fn logins_at(server: &Scripted) -> usize {
    server.requests().iter().filter(|head| is_login(head)).count()
}

/// A registry of one user that takes the passwords that are good.
fn picky(good: impl Fn(&str) -> bool + Send + Sync + 'static) -> Scripted {
    Scripted::start(move |head, _| {
        let login = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("authorization").then_some(value)
        });
        let good = login.is_some_and(|login| {
            let login = STANDARD.decode(login.trim_start_matches("Basic ")).unwrap();
            good(String::from_utf8(login).unwrap().trim_start_matches("robot:"))
        });
        let status = if good { "200 OK" } else { "401 Unauthorized" };
        answer(status, &["WWW-Authenticate: Basic realm=\"x\""], "")
    })
}

fn plain(server: &Scripted, login: &str) -> Value {
    with(
        private_verified(&server.address, login),
        json!({"verification": {"plainHttp": true}}),
    )
}

#[tokio::test]
async fn a_request_is_one_login_and_another_password_one_more() {
    let space = space("again").await;
    let server = picky(|_| true);
    let _operator = operator(&space, &[&server.address]);
    space.credentials("login", "robot", "word").await;
    space.create("app", plain(&server, "login")).await;
    until_accepted(&space, "app").await;
    ask(&space, "1").await;
    let obeyed = |status: &DockerPullSecretStatus, before: Option<&str>| {
        let verification = status.verification.as_ref()?;
        let version = verification.credentials_version.as_deref()?;
        (verification.handled_request.as_deref() == Some("1") && Some(version) != before).then(|| version.to_owned())
    };
    let resource = space
        .until("app", "obeyed", |status| obeyed(status, None).map(|_| ()))
        .await;
    assert_eq!(logins_at(&server), 2);
    let before = in_status(&resource).credentials_version.clone();
    space.credentials("login", "robot", "another word").await;
    space
        .until("app", "obeyed", |status| obeyed(status, before.as_deref()).map(|_| ()))
        .await;
    assert_eq!(logins_at(&server), 3);
}

/// What was accepted stays whatever else is changed with the password: what is checked changes, not what stands.
#[tokio::test]
async fn an_accepted_login_stays_whatever_changes_with_the_password() {
    let space = space("stays").await;
    let server = picky(|password| password == "word");
    let _operator = operator(&space, &[&server.address]);
    let secret = json!({"verification": {"plainHttp": true}, "secretName": "renamed"});
    let image = json!({"verification": {"plainHttp": true, "image": "team/app:1"}});
    let keys = json!({"verification": {"plainHttp": true}, "credentialsRef": {"name": "keys-login", "keys": {"password": "other"}}});
    for (name, change) in [("name", secret), ("image", image), ("keys", keys)] {
        let login = format!("{name}-login");
        space
            .secret(
                &login,
                "Opaque",
                &[("username", "robot"), ("password", "word"), ("other", CANARY)],
            )
            .await;
        space.create(name, plain(&server, &login)).await;
        until_accepted(&space, name).await;
        let patch = json!({"spec": change});
        let change = || async {
            let resources = &space.resources;
            resources
                .patch(name, &PatchParams::default(), &Patch::Merge(&patch))
                .await
                .unwrap();
        };
        let rotate = || space.credentials(&login, "robot", CANARY);
        match name {
            // The rejected one is known when the name changes.
            "name" => {
                rotate().await;
                space.reason(name, "HeldBack").await;
                change().await;
            }
            "image" => {
                change().await;
                rotate().await;
            }
            _ => change().await,
        }
        let generation = space.resources.get(name).await.unwrap().metadata.generation;
        let held = space
            .until(name, "held back", |status| {
                let ready = condition(status, "Ready")?;
                (ready.reason == "HeldBack" && status.observed_generation == generation).then_some(())
            })
            .await;
        assert!(in_status(&held).secret_verified, "{name}");
        let secret = space.secrets.get(name).await.unwrap();
        assert_eq!(password(&secret).as_deref(), Some("word"), "{name}");
        assert!(space.secrets.get_opt("renamed").await.unwrap().is_none());
    }
}

async fn ask(space: &Space, value: &str) {
    let patch = json!({"metadata": {"annotations": {"pullsecrets.dev/verify": value}}});
    space
        .resources
        .patch("app", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}
