//! The index: who wants what, and whom an event concerns.

use dps::domain::index::ResourceIndex;
use dps::domain::names::{ObjectKey, Uid};
use dps::domain::secret::ownership::controlling_resource;
use dps::domain::spec::declaration::Declaration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use serde_json::{Value, json};

use super::{hub, named, private, with};

fn key(name: &str) -> ObjectKey {
    ObjectKey::new("team", name)
}

fn declared(name: &str, created: i64, spec: &Value) -> Declaration {
    (&named(name, created, spec)).into()
}

fn names(keys: &[ObjectKey]) -> Vec<&str> {
    keys.iter().map(|key| key.name.as_str()).collect()
}

fn owner(name: &str) -> OwnerReference {
    controlling_resource(&generated("any", Some(name))).unwrap().clone()
}

/// Metadata of a Secret, controlled by the resource of this name.
fn generated(name: &str, owner: Option<&str>) -> ObjectMeta {
    let owners: Vec<Value> = owner
        .map(|owner| {
            json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "name": owner, "uid": format!("uid-{owner}"), "controller": true})
        })
        .into_iter()
        .collect();
    let labels = json!({"app.kubernetes.io/managed-by": "docker-pull-secret-operator"});
    serde_json::from_value(json!({"name": name, "labels": labels, "namespace": "team", "uid": format!("uid-{name}"), "resourceVersion": "7", "ownerReferences": owners}))
        .unwrap()
}

#[test]
fn certificates_concern_those_that_name_them() {
    let ca = |kind: &str| json!({"verification": {"tls": {"caBundleRef": {"kind": kind, "name": "ca"}}}});
    let mut claims = ResourceIndex::default();
    claims.insert(&declared("a", 1, &with(private("a.example.com"), ca("ConfigMap"))));
    claims.insert(&declared("b", 2, &with(private("b.example.com"), ca("Secret"))));
    assert_eq!(names(&claims.affected_by_config_map(&key("ca"))), ["a"]);
    assert_eq!(names(&claims.affected_by_secret(&key("ca"))), ["b"]);
    claims.insert(&declared("a", 1, &private("a.example.com")));
    claims.remove(&key("b"));
    assert_eq!(names(&claims.affected_by_config_map(&key("ca"))), [""; 0]);
    assert_eq!(names(&claims.affected_by_secret(&key("ca"))), [""; 0]);
}

#[test]
fn a_secret_concerns_those_that_read_write_or_control_it() {
    let mut claims = ResourceIndex::default();
    claims.insert(&declared("a", 1, &private("a.example.com")));
    claims.insert(&declared(
        "b",
        2,
        &with(private("b.example.com"), json!({"secretName": "target"})),
    ));
    assert_eq!(names(&claims.affected_by_secret(&key("login"))), ["a", "b"]);
    assert_eq!(names(&claims.affected_by_secret(&key("a"))), ["a"]);
    assert_eq!(names(&claims.affected_by_secret(&key("target"))), ["b"]);
    assert!(claims.affected_by_secret(&ObjectKey::new("other", "login")).is_empty());
    // One that it left behind.
    assert_eq!(names(&claims.observe_secret(&generated("old", Some("b")))), ["b"]);
    assert_eq!(names(&claims.forget_secret(&key("old"))), ["b"]);
    assert!(claims.observe_secret(&generated("unrelated", None)).is_empty());

    claims.insert(&declared(
        "a",
        1,
        &with(private("a.example.com"), json!({"credentialsRef": {"name": "new"}})),
    ));
    assert_eq!(names(&claims.affected_by_secret(&key("login"))), ["b"]);
    assert_eq!(names(&claims.affected_by_secret(&key("new"))), ["a"]);
}

#[test]
fn the_older_one_gets_the_secret_and_the_others_hear_of_it() {
    let shared = |url: &str| with(private(url), json!({"secretName": "shared"}));
    let mut claims = ResourceIndex::default();
    assert!(
        claims
            .insert(&declared("young", 20, &shared("a.example.com")))
            .is_empty()
    );
    assert_eq!(claims.oldest_claimant(&key("shared")), Some("young"));
    assert_eq!(
        names(&claims.insert(&declared("old", 10, &shared("b.example.com")))),
        ["young"]
    );
    assert_eq!(claims.oldest_claimant(&key("shared")), Some("old"));
    assert!(
        claims
            .insert(&declared("middle", 15, &shared("c.example.com")))
            .is_empty(),
        "changes nothing for the others"
    );
    assert!(
        claims.insert(&declared("old", 10, &shared("b.example.com"))).is_empty(),
        "said again"
    );
    assert_eq!(claims.wants(&owner("young"), &key("shared")), Some(true));
    assert_eq!(claims.wants(&owner("young"), &key("other")), Some(false));
    assert_eq!(claims.wants(&owner("nobody"), &key("shared")), None);
    assert_eq!(names(&claims.remove(&key("old"))), ["middle", "young"]);
    assert_eq!(claims.oldest_claimant(&key("shared")), Some("middle"));
    // Equal age is decided by name.
    claims.insert(&declared("a", 15, &shared("d.example.com")));
    assert_eq!(claims.oldest_claimant(&key("shared")), Some("a"));
    assert_eq!(claims.uid(&key("a")), Some(Uid::new("uid-a")));
}

/// Kubernetes' garbage collector sees it the same way: an owner is looked for in the namespace of what it owns.
#[test]
fn an_owner_in_another_namespace_is_none() {
    let mut claims = ResourceIndex::default();
    claims.insert(&declared("app", 1, &private("a.example.com")));
    let elsewhere = ObjectKey::new("other", "app");
    assert_eq!(claims.wants(&owner("app"), &key("app")), Some(true));
    assert_eq!(claims.wants(&owner("app"), &elsewhere), None);
    let mut secret = generated("app", Some("app"));
    secret.namespace = Some(elsewhere.namespace.clone());
    assert!(claims.observe_secret(&secret).is_empty());
}

#[test]
fn strays_are_what_a_resource_controls_beside_its_target() {
    let mut claims = ResourceIndex::default();
    claims.insert(&declared("app", 1, &private("a.example.com")));
    for name in ["app", "old"] {
        claims.observe_secret(&generated(name, Some("app")));
    }
    let orphans = claims.orphans("team", &Uid::new("uid-app"), "app");
    assert_eq!(orphans.len(), 1);
    let (name, seen) = &orphans[0];
    assert_eq!(
        (name.as_str(), &*seen.uid, &*seen.resource_version),
        ("old", "uid-old", "7")
    );
    assert_eq!(
        claims.retained_secret("team", &Uid::new("uid-app"), "app").as_deref(),
        Some("app")
    );
    assert_eq!(
        claims.retained_secret("team", &Uid::new("uid-app"), "new").as_deref(),
        Some("app"),
        "any that holds a login"
    );
    assert_eq!(
        claims.retained_secret("team", &Uid::new("uid-other"), "app").as_deref(),
        None
    );
    // Somebody takes the owner reference away.
    claims.observe_secret(&generated("old", None));
    assert!(claims.orphans("team", &Uid::new("uid-app"), "app").is_empty());
}

/// What the operator deletes, it made: platforms give owners to Secrets of others too.
#[test]
fn what_the_operator_did_not_make_is_no_stray() {
    let label = "app.kubernetes.io/managed-by";
    let labelled = |value: &str| Some([(label.to_owned(), value.to_owned())].into());
    let cases = [
        ("made", labelled("docker-pull-secret-operator"), true),
        ("without labels", None, false),
        ("of another manager", labelled("Helm"), false),
    ];
    let mut claims = ResourceIndex::default();
    claims.insert(&declared("app", 1, &private("a.example.com")));
    for (what, labels, stray) in cases {
        let mut old = generated("old", Some("app"));
        old.labels = labels;
        claims.observe_secret(&old);
        assert_eq!(
            !claims.orphans("team", &Uid::new("uid-app"), "app").is_empty(),
            stray,
            "{what}"
        );
    }
    // Somebody takes the label from the Secret that is wanted: the resource hears of it.
    claims.observe_secret(&generated("app", Some("app")));
    let mut bare = generated("app", Some("app"));
    bare.labels = None;
    assert_eq!(names(&claims.observe_secret(&bare)), ["app"]);
    // One that is read now is no stray before that changes.
    claims.observe_secret(&generated("old", Some("app")));
    let reads = |name: &str| with(private("a.example.com"), json!({"credentialsRef": {"name": name}}));
    claims.insert(&declared("app", 1, &reads("old")));
    assert!(claims.orphans("team", &Uid::new("uid-app"), "app").is_empty());
    claims.insert(&declared("app", 1, &reads("login")));
    assert_eq!(claims.orphans("team", &Uid::new("uid-app"), "app").len(), 1);
}

#[test]
fn a_new_list_of_secrets_forgets_what_it_does_not_show_only_at_its_end() {
    let mut claims = ResourceIndex::default();
    claims.insert(&declared("app", 1, &private("a.example.com")));
    for name in ["app", "old"] {
        claims.observe_secret(&generated(name, Some("app")));
    }
    claims.begin_secret_list();
    assert_eq!(
        claims.orphans("team", &Uid::new("uid-app"), "app").len(),
        1,
        "known until the list is complete"
    );
    claims.observe_secret(&generated("app", Some("app")));
    claims.end_secret_list();
    assert!(claims.orphans("team", &Uid::new("uid-app"), "app").is_empty());
    assert_eq!(
        claims.retained_secret("team", &Uid::new("uid-app"), "app").as_deref(),
        Some("app")
    );
}

#[test]
fn resources_for_one_registry_are_warned_of() {
    let mut claims = ResourceIndex::default();
    claims.insert(&declared("first", 1, &private("r.example.com")));
    claims.insert(&declared("second", 2, &private("https://r.example.com/")));
    assert_eq!(claims.overlap_warning(&key("first")), None);
    assert!(
        claims
            .overlap_warning(&key("second"))
            .unwrap()
            .contains("\"first\" has the same registry key")
    );
    assert_eq!(
        names(&claims.remove(&key("first"))),
        ["second"],
        "its warning goes away"
    );
    assert_eq!(claims.overlap_warning(&key("second")), None);

    claims.insert(&declared("hub", 3, &hub()));
    assert_eq!(names(&claims.insert(&declared("wild", 4, &private("*.io")))), ["hub"]);
    assert!(
        claims
            .overlap_warning(&key("hub"))
            .unwrap()
            .contains("DockerPullSecret \"wild\" takes precedence")
    );
    assert_eq!(claims.overlap_warning(&key("wild")), None);
    claims.insert(&declared("below", 5, &private("*.io/acme")));
    claims.insert(&declared("other", 6, &private("*.com")));
    assert_eq!(names(&claims.remove(&key("wild"))), ["hub"]);
    assert_eq!(names(&claims.remove(&key("below"))), ["hub"]);
    assert_eq!(claims.overlap_warning(&key("hub")), None);
    assert_eq!(claims.resources().count(), 3);
}

/// Each of these costs what one resource costs, however many there are: thousands in one file, or of one tenant.
#[test]
fn a_resource_among_many_concerns_others_only_if_it_comes_first() {
    let mut index = ResourceIndex::default();
    let (first, last) = ("app-0500", "app-0899");
    for spec in [hub(), private("r.example.com")] {
        for number in (500..900).rev() {
            index.add(&declared(&format!("app-{number:04}"), 1, &spec));
        }
        assert_eq!(index.insert(&declared("young", 2, &spec)), []);
        assert_eq!(index.overlap_warning(&key(first)), None);
        let warning = index.overlap_warning(&key(last)).unwrap();
        assert!(warning.contains(&format!("{first:?} has the same")), "{warning}");

        assert_eq!(index.remove(&key(last)), []);
        assert_eq!(index.remove(&key(first)).len(), 399);
        assert_eq!(index.insert(&declared("old", 0, &spec)).len(), 399);
        assert_eq!(names(&index.affected_by_secret(&key("login"))).len(), 400);
        for resource in index.resources().collect::<Vec<_>>() {
            index.remove(&resource);
        }
        assert_eq!(index.affected_by_secret(&key("login")), []);
    }
}
