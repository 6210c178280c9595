//! ServiceAccounts that list generated Secrets: what is changed about them, and what is said of it.

use std::collections::BTreeSet;
use std::time::Duration;

use dps::api::{ATTACHED_ANNOTATION, FIELD_MANAGER, MANAGED_BY_LABEL};
use dps::domain::attachment::Attachments;
use dps::domain::attachment::account::{AccountChange, AccountSecrets};
use dps::domain::attachment::assessment::{AttachmentView, assess};
use dps::domain::index::ResourceIndex;
use dps::domain::names::ObjectKey;
use dps::domain::spec::declaration::Declaration;
use dps::domain::text::few::FewNames;
use dps::domain::time::{Timestamp, after};
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use serde_json::{Value, json};

use super::{named, private, with};

fn object(name: &str, listed: &[&str], own: Option<&str>) -> ServiceAccount {
    let listed: Vec<Value> = listed.iter().map(|name| json!({ "name": name })).collect();
    let annotations = own.map(|own| json!({ATTACHED_ANNOTATION: own}));
    let metadata = json!({"name": name, "namespace": "team", "resourceVersion": "7", "annotations": annotations});
    serde_json::from_value(json!({"metadata": metadata, "imagePullSecrets": listed})).unwrap()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn own_entries_come_and_go_and_those_of_others_stay() {
    // Listed, own, wanted; listed and own afterwards.
    #[allow(clippy::type_complexity, reason = "a table")]
    let rows: [(&[&str], &str, &[&str], Option<(&[&str], &[&str])>); 11] = [
        (&[], "", &["app"], Some((&["app"], &["app"]))),
        (&["b", "a"], "", &["app"], Some((&["b", "a", "app"], &["app"]))),
        (&["b", "app", "a"], "app", &["app"], None),
        (&["b", "app", "a"], "app", &[], Some((&["b", "a"], &[]))),
        (&["old", "a"], "old", &["new"], Some((&["a", "new"], &["new"]))),
        // Somebody listed it before: it is theirs.
        (&["app"], "", &["app"], None),
        (&["app"], "", &[], None),
        // Somebody took it out.
        (&["a"], "app", &["app"], Some((&["a", "app"], &["app"]))),
        (&["a"], "app", &[], Some((&["a"], &[]))),
        // Entries without a name, which the API server admits, are nobody's.
        (&["", ""], "", &["app"], Some((&["", "", "app"], &["app"]))),
        (&["", "app"], ",app", &[], Some((&[""], &[]))),
    ];
    for (listed, own, wanted, expected) in rows {
        let account = AccountSecrets::of(&object("default", listed, Some(own)));
        let changed = account
            .change(&set(wanted), &set(&[]))
            .map(|change| (change.listed, change.own));
        let expected = expected.map(|(listed, own)| (listed.iter().map(|name| (*name).to_owned()).collect(), set(own)));
        assert_eq!(changed, expected, "{listed:?} {own} {wanted:?}");
    }
}

#[test]
fn a_patch_applies_only_to_what_was_seen() {
    let patch = |account: &ServiceAccount, wanted: &[&str]| {
        let account = AccountSecrets::of(account);
        account.patch(&account.change(&set(wanted), &set(&[])).unwrap())
    };
    let test = json!({"op": "test", "path": "/metadata/resourceVersion", "value": "7"});
    let annotation = "/metadata/annotations/pullsecrets.dev~1attached";
    assert_eq!(
        patch(&object("default", &[], None), &["app", "db"]),
        json!([
            test,
            {"op": "add", "path": "/imagePullSecrets", "value": [{"name": "app"}, {"name": "db"}]},
            {"op": "add", "path": "/metadata/annotations", "value": {}},
            {"op": "add", "path": annotation, "value": "app,db"},
        ])
    );
    assert_eq!(
        patch(&object("default", &["app"], Some("app")), &[]),
        json!([test, {"op": "remove", "path": "/imagePullSecrets"}, {"op": "remove", "path": annotation}])
    );
}

/// A namespace with one resource and its ServiceAccounts.
struct Team {
    index: ResourceIndex,
    known: Attachments,
    now: Timestamp,
}

impl Team {
    fn new(spec: Value) -> Self {
        let mut team = Self {
            index: ResourceIndex::default(),
            known: Attachments::default(),
            now: Timestamp::from_second(1_000_000).unwrap(),
        };
        team.declare(spec);
        team.known.begin_list();
        team.known.end_list();
        team
    }

    fn declare(&mut self, spec: Value) {
        let spec = with(private("registry.example.com"), spec);
        self.index.insert(&Declaration::from(&named("app", 100, &spec)));
    }

    /// The Secret of the resource exists.
    fn generate(&mut self, name: &str) {
        let owner = Declaration::from(&named("app", 100, &private("registry.example.com")));
        let secret: Secret = serde_json::from_value(json!({"metadata": {
            "name": name, "namespace": "team", "uid": name, "resourceVersion": "1", "labels": {MANAGED_BY_LABEL: FIELD_MANAGER},
            "ownerReferences": [{"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "name": "app",
                "uid": owner.uid.unwrap().as_str(), "controller": true}],
        }}))
        .unwrap();
        self.index.observe_secret(&secret.metadata);
    }

    fn delete_secret(&mut self, name: &str) {
        self.index.forget_secret(&ObjectKey::new("team", name));
    }

    fn observe(&mut self, name: &str, listed: &[&str], own: Option<&str>) -> bool {
        self.known.observe(&object(name, listed, own), &self.index, self.now)
    }

    /// What is changed about a ServiceAccount now; it is carried out.
    fn change(&mut self, name: &str) -> Option<AccountChange> {
        let key = ObjectKey::new("team", name);
        let (_, change) = self.known.change(&key, &self.index, self.now)?;
        let own = change.own.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        let listed: Vec<&str> = change.listed.iter().map(String::as_str).collect();
        self.known
            .changed(&object(name, &listed, Some(&own)), &change, &self.index, self.now);
        Some(change)
    }

    fn listed(&mut self, name: &str) -> Option<Vec<String>> {
        self.change(name).map(|change| change.listed)
    }

    fn view(&self, names: &[&str]) -> AttachmentView {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.known
            .view(&["team".into()], false, &names, "app", self.now)
            .unwrap()
    }

    fn reason(&self, names: &[&str]) -> &'static str {
        assess("app", Some(&self.view(names))).map_or_else(|problem| problem.reason.as_str(), |_| "Attached")
    }
}

fn attach(names: &[&str]) -> Value {
    json!({"attachTo": {"serviceAccounts": names}})
}

#[test]
fn names_and_patterns_are_attached_once_there_is_a_secret() {
    let mut team = Team::new(attach(&["default", "build-*"]));
    for name in ["default", "build-a", "other"] {
        assert!(team.observe(name, &["mine"], None));
        assert_eq!(team.listed(name), None, "there is no Secret yet");
    }
    team.generate("app");
    assert_eq!(team.known.outdated(None, &team.index, team.now).len(), 2);
    assert_eq!(team.reason(&["default"]), "Pending");
    for name in ["default", "build-a"] {
        assert_eq!(team.listed(name).unwrap(), ["mine", "app"]);
        assert_eq!(team.listed(name), None);
    }
    assert_eq!(team.listed("other"), None);
    assert_eq!(team.reason(&["default", "build-*"]), "Attached");
    assert_eq!(team.reason(&["default", "builder"]), "ServiceAccountNotFound");
    // The watch brings what was written.
    assert!(!team.observe("default", &["mine", "app"], Some("app")));
}

#[test]
fn another_secret_name_leaves_no_gap() {
    let mut team = Team::new(attach(&["default"]));
    team.generate("app");
    team.observe("default", &[], None);
    assert_eq!(team.listed("default").unwrap(), ["app"]);
    team.declare(with(attach(&["default"]), json!({"secretName": "new"})));
    assert_eq!(
        team.listed("default"),
        None,
        "pods use the old one until there is the new one"
    );
    team.generate("new");
    assert_eq!(team.listed("default").unwrap(), ["new"]);
}

#[test]
fn a_secret_that_is_missing_for_a_moment_is_not_taken_out() {
    let mut team = Team::new(attach(&["default"]));
    team.generate("app");
    team.observe("default", &[], None);
    team.change("default").unwrap();
    team.delete_secret("app");
    assert_eq!(team.listed("default"), None);
}

#[test]
fn what_is_no_longer_wanted_is_taken_out() {
    for spec in [json!({}), attach(&["other"])] {
        let mut team = Team::new(attach(&["default"]));
        team.generate("app");
        team.observe("default", &["mine"], None);
        team.change("default").unwrap();
        team.declare(spec);
        assert_eq!(team.listed("default").unwrap(), ["mine"]);
    }
    // The resource was deleted while no operator ran.
    let mut team = Team::new(json!({}));
    team.index.remove(&ObjectKey::new("team", "app"));
    team.observe("default", &["mine", "app"], Some("app"));
    assert_eq!(team.listed("default").unwrap(), ["mine"]);
}

#[test]
fn a_suspended_resource_leaves_everything_as_it_is() {
    let mut team = Team::new(attach(&["*"]));
    team.generate("app");
    team.observe("default", &[], None);
    team.change("default").unwrap();
    team.declare(with(attach(&["*"]), json!({"suspend": true})));
    team.observe("late", &[], None);
    assert_eq!((team.listed("default"), team.listed("late")), (None, None));
}

#[test]
fn a_suspended_resource_and_one_without_a_secret_put_nothing_back() {
    let mut team = Team::new(attach(&["default"]));
    team.generate("app");
    team.observe("default", &[], None);
    team.change("default").unwrap();
    team.declare(with(attach(&["default"]), json!({"suspend": true})));
    team.observe("default", &["mine"], Some("app"));
    assert_eq!(team.listed("default"), None);
    // Suspended, it takes nothing out either.
    team.declare(json!({"suspend": true}));
    team.observe("default", &["mine", "app"], Some("app"));
    assert_eq!(team.listed("default"), None);

    team.declare(attach(&["default"]));
    team.delete_secret("app");
    team.observe("default", &["mine"], Some("app"));
    assert_eq!(team.listed("default"), None);
}

#[test]
fn what_belongs_to_a_resource_that_cannot_be_read_stays_until_its_secret_goes() {
    let mut team = Team::new(json!({}));
    team.generate("app");
    team.index.remove(&ObjectKey::new("team", "app"));
    team.observe("default", &["app"], Some("app"));
    assert_eq!(team.listed("default"), None);
    team.delete_secret("app");
    assert_eq!(team.listed("default").unwrap(), [] as [&str; 0]);
}

#[test]
fn what_somebody_lists_after_a_fight_is_theirs() {
    let mut team = Team::new(attach(&["default"]));
    team.generate("app");
    team.observe("default", &[], None);
    for _ in 0..3 {
        team.change("default").unwrap();
        team.observe("default", &[], Some("app"));
    }
    let given_up = team.change("default").unwrap();
    assert_eq!((given_up.listed, given_up.own), (Vec::new(), set(&[])));
    team.observe("default", &["app"], None);
    team.declare(json!({}));
    assert_eq!(team.listed("default"), None);
}

#[test]
fn an_event_of_what_was_replaced_by_now_is_no_news() {
    let mut team = Team::new(attach(&["default"]));
    team.generate("app");
    team.observe("default", &[], None);
    let key = ObjectKey::new("team", "default");
    let (_, change) = team.known.change(&key, &team.index, team.now).unwrap();
    let mut written = object("default", &["app"], Some("app"));
    written.metadata.resource_version = Some("9".to_owned());
    team.known.changed(&written, &change, &team.index, team.now);
    assert!(!team.observe("default", &[], None), "version 7");
    assert_eq!(team.reason(&["default"]), "Attached");
    // A late answer does not bring back what was deleted.
    team.known.forget(&key);
    team.known.changed(&written, &change, &team.index, team.now);
    assert_eq!(team.reason(&["default"]), "ServiceAccountNotFound");
}

#[test]
fn the_third_removal_within_ten_minutes_is_accepted_for_an_hour() {
    let mut team = Team::new(attach(&["default"]));
    team.generate("app");
    team.observe("default", &[], None);
    for annotation in [Some("app"), Some("app"), None] {
        assert_eq!(team.listed("default").unwrap(), ["app"]);
        team.now = after(team.now, Duration::from_mins(4));
        // Some tools take out the annotation as well.
        team.observe("default", &[], annotation);
    }
    assert_eq!(team.listed("default"), None);
    team.observe("default", &["other"], None);
    assert_eq!(team.listed("default"), None);
    assert_eq!(team.reason(&["default"]), "Contested");
    team.now = after(team.now, Duration::from_hours(1));
    assert_eq!(team.listed("default").unwrap(), ["other", "app"]);
    assert_eq!(team.reason(&["default"]), "Attached");

    // A change of the spec is a reason to try again.
    for _ in 0..3 {
        team.observe("default", &[], None);
        team.change("default");
    }
    assert_eq!(team.reason(&["default"]), "Contested");
    team.known.retry(Some("team"), "other");
    assert_eq!(team.listed("default"), None);
    team.known.retry(Some("team"), "app");
    assert_eq!(team.listed("default").unwrap(), ["app"]);
}

#[test]
fn an_answer_that_comes_after_the_next_change_is_not_taken_for_the_present() {
    let mut team = Team::new(attach(&["default"]));
    team.generate("app");
    team.observe("default", &[], None);
    let key = ObjectKey::new("team", "default");
    for version in 8..11 {
        let (_, change) = team.known.change(&key, &team.index, team.now).unwrap();
        let mut removed = object("default", &[], None);
        removed.metadata.resource_version = Some(format!("{version}0"));
        team.known.observe(&removed, &team.index, team.now);
        let mut written = object("default", &["app"], Some("app"));
        written.metadata.resource_version = Some(format!("{version}"));
        team.known.changed(&written, &change, &team.index, team.now);
    }
    assert!(team.view(&["default"]).attached.is_empty());
    assert_eq!(team.reason(&["default"]), "Contested");
}

#[test]
fn removals_that_are_far_apart_are_no_contest() {
    let mut team = Team::new(attach(&["default"]));
    team.generate("app");
    team.observe("default", &[], None);
    for _ in 0..5 {
        assert_eq!(team.listed("default").unwrap(), ["app"]);
        team.now = after(team.now, Duration::from_mins(6));
        team.observe("default", &[], None);
    }
    assert_eq!(team.listed("default").unwrap(), ["app"]);
}

#[test]
fn the_condition_names_who_and_what() {
    let names = |names: &[&str]| names.iter().map(|name| format!("{name:?}")).collect::<FewNames>();
    let view = AttachmentView {
        attached: names(&["a", "b", "c", "d", "e"]),
        ..AttachmentView::default()
    };
    assert_eq!(
        assess("app", Some(&view)).unwrap(),
        "ServiceAccounts \"a\", \"b\", \"c\" and 2 more list Secret \"app\""
    );
    let one = AttachmentView {
        attached: names(&["a"]),
        ..AttachmentView::default()
    };
    assert_eq!(
        assess("app", Some(&one)).unwrap(),
        "ServiceAccount \"a\" lists Secret \"app\""
    );
    assert!(
        assess("app", Some(&AttachmentView::default()))
            .unwrap()
            .starts_with("no ServiceAccount has a name")
    );
    let all = AttachmentView {
        absent: names(&["gone"]),
        waiting: names(&["soon"]),
        contested: vec![("default".to_owned(), Some("argocd-controller".to_owned()))],
        refused: vec![("build".to_owned(), "denied".to_owned())],
        ..view
    };
    let (mut view, mut said) = (all, Vec::new());
    for (reason, part) in [
        ("NotAllowed", "ServiceAccount \"build\": denied"),
        (
            "Contested",
            "out of ServiceAccount \"default\" 3 times within 10 minutes, probably by the field manager \"argocd-controller\"",
        ),
        ("ServiceAccountNotFound", "ServiceAccount \"gone\" does not exist"),
        ("Pending", "not listed yet in ServiceAccount \"soon\""),
    ] {
        let problem = assess("app", Some(&view)).unwrap_err();
        said.push(format!("{}: {}", problem.reason.as_str(), problem.message));
        assert_eq!(problem.reason.as_str(), reason);
        assert!(problem.message.contains(part), "{}", problem.message);
        match reason {
            "NotAllowed" => view.refused.clear(),
            "Contested" => view.contested.clear(),
            _ => view.absent = FewNames::default(),
        }
    }
    let without = assess("app", None).unwrap_err();
    assert!(
        without.message.contains("rbac.attachServiceAccounts"),
        "{}",
        without.message
    );
    said.push(format!("{}: {}", without.reason.as_str(), without.message));
    insta::assert_snapshot!("attached", said.join("\n"));
}
