//! Copies in many namespaces: who gets one, what is done about each, and what a status says of them.

use std::collections::BTreeSet;
use std::sync::Arc;

use dps::api::{CLUSTER_DOCKER_PULL_SECRET, CONTENT_ANNOTATION, ClusterDockerPullSecret, Reason};
use dps::domain::credentials::RegistryCredentials;
use dps::domain::distribution::Distributed;
use dps::domain::distribution::census::Census;
use dps::domain::distribution::content::CopiedSecret;
use dps::domain::distribution::standing::{CopyAction, Standing};
use dps::domain::index::ResourceIndex;
use dps::domain::names::{ObjectKey, Uid};
use dps::domain::problem::Problem;
use dps::domain::secret::plan::plan;
use dps::domain::spec::declaration::Declaration;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use super::secret;

fn cluster(name: &str, created: &str, spec: &Value) -> ClusterDockerPullSecret {
    let mut all = json!({"type": "PrivateRegistry", "registryUrl": "r.example.com",
        "credentialsRef": {"namespace": "platform", "name": "login"}, "namespaceSelector": {}});
    for (field, value) in spec.as_object().into_iter().flatten() {
        all[field] = value.clone();
    }
    serde_json::from_value(
        json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": CLUSTER_DOCKER_PULL_SECRET,
        "metadata": {"name": name, "uid": format!("uid-{name}"), "generation": 1, "creationTimestamp": created},
        "spec": all}),
    )
    .unwrap()
}

fn meta(value: Value) -> ObjectMeta {
    serde_json::from_value(value).unwrap()
}

/// An index, and a Secret as the API server stores what was applied.
#[derive(Default)]
struct Cluster {
    index: ResourceIndex,
    version: u64,
}

impl Cluster {
    fn new(namespaces: &[(&str, Value)]) -> Self {
        let mut cluster = Self::default();
        cluster.index.distributions.copies.tracks_names = true;
        for (name, labels) in namespaces {
            cluster.namespace(name, json!({ "labels": labels }));
        }
        cluster
    }

    fn namespace(&mut self, name: &str, mut metadata: Value) {
        metadata["name"] = name.into();
        self.index.distributions.namespaces.observe(&meta(metadata));
    }

    /// Takes a resource in, and what it distributes.
    fn add(&mut self, resource: &ClusterDockerPullSecret, version: &str) -> Arc<CopiedSecret> {
        let declaration = Declaration::from(resource);
        let reference = declaration.reference().unwrap();
        let source = secret(&[("username", "user"), ("password", version)]);
        let spec = declaration.spec.as_ref().unwrap();
        let plan = plan("", Some(&reference), spec, Some(&source)).unwrap();
        let credentials = RegistryCredentials::new("user", version).unwrap();
        let content = Arc::new(CopiedSecret::new(plan.desired, version, credentials));
        self.index.distributions.insert(&declaration);
        self.index
            .distributions
            .distribute(&reference, declaration.generation, Some(Arc::clone(&content)));
        content
    }

    fn stored(&mut self, content: &CopiedSecret, namespace: &str) -> Secret {
        self.version += 1;
        let mut secret = content.copy_in(namespace).secret();
        let uid = secret.metadata.owner_references.as_ref().unwrap()[0].uid.clone();
        let keys = |all: Option<&std::collections::BTreeMap<String, String>>| -> Value {
            let keys = all
                .into_iter()
                .flatten()
                .map(|(key, _)| (format!("f:{key}"), json!({})));
            Value::Object(keys.collect())
        };
        let fields = json!({"f:data": {"f:.dockerconfigjson": {}}, "f:type": {}, "f:metadata": {
            "f:labels": keys(secret.metadata.labels.as_ref()), "f:annotations": keys(secret.metadata.annotations.as_ref()),
            "f:ownerReferences": {format!("k:{{\"uid\":\"{uid}\"}}"): {}}}});
        let entry = json!({"manager": "docker-pull-secret-operator", "operation": "Apply", "fieldsV1": fields});
        secret.metadata.managed_fields = serde_json::from_value(json!([entry])).unwrap();
        secret.metadata.uid = Some(format!("uid-of-{namespace}"));
        secret.metadata.resource_version = Some(self.version.to_string());
        secret
    }

    fn observe(&mut self, secret: &Secret) {
        let namespace = secret.metadata.namespace.clone().unwrap();
        self.index
            .distributions
            .copies
            .observe(&secret.metadata, &namespace.as_str().into());
    }

    fn write(&mut self, content: &CopiedSecret, namespace: &str) {
        let secret = self.stored(content, namespace);
        self.observe(&secret);
    }

    fn standing(&self, resource: &str, namespace: &str) -> (Standing, CopyAction) {
        self.index.standing(resource, &namespace.into())
    }
}

fn app(spec: &Value) -> ClusterDockerPullSecret {
    cluster("app", "2026-01-01T00:00:00Z", spec)
}

#[test]
fn namespaces_are_selected_by_labels_names_and_their_own_word() {
    let prod = json!({"tier": "prod"});
    let select = |spec: &Value| {
        let mut cluster = Cluster::new(&[
            ("a", prod.clone()),
            ("b", json!({"tier": "test", "team": "x"})),
            ("kube-system", prod.clone()),
            ("platform", json!({})),
        ]);
        cluster.namespace(
            "out",
            json!({"labels": prod, "annotations": {"pullsecrets.dev/exclude": "true"}}),
        );
        cluster.namespace(
            "going",
            json!({"labels": prod, "deletionTimestamp": "2026-01-01T00:00:00Z"}),
        );
        cluster.add(&app(spec), "1");
        let all = ["a", "b", "kube-system", "platform", "out", "going"];
        let selected = all
            .into_iter()
            .filter(|name| cluster.standing("app", name).0 != Standing::NotSelected);
        selected.collect::<Vec<_>>().join(" ")
    };
    let one = |key: &str, operator: &str, values: Value| json!({"namespaceSelector": {"matchExpressions": [{"key": key, "operator": operator, "values": values}]}});
    for (spec, selected) in [
        (json!({}), "a b kube-system platform"),
        (json!({"excludeNamespaces": ["kube-*", "platform"]}), "a b"),
        (
            json!({"namespaceSelector": {"matchLabels": {"tier": "prod"}}}),
            "a kube-system",
        ),
        (one("tier", "In", json!(["prod", "dev"])), "a kube-system"),
        (one("tier", "NotIn", json!(["prod"])), "b platform"),
        (one("team", "Exists", Value::Null), "b"),
        (one("team", "DoesNotExist", json!([])), "a kube-system platform"),
        // The Secret of this name there is the login itself.
        (json!({"secretName": "login"}), "a b kube-system"),
    ] {
        assert_eq!(select(&spec), selected, "{spec}");
    }
}

#[test]
fn a_selector_that_cannot_be_read_leaves_all_as_it_is() {
    let mut cluster = Cluster::new(&[("a", json!({})), ("b", json!({}))]);
    let content = cluster.add(&self::cluster("app", "2026-01-01T00:00:00Z", &json!({})), "1");
    cluster.write(&content, "a");
    let odd = json!({"namespaceSelector": {"matchExpressions": [{"key": "x", "operator": "Like"}]}});
    let odd = Declaration::from(&self::cluster("app", "2026-01-01T00:00:00Z", &odd));
    let problem = odd.spec.as_ref().unwrap_err();
    assert_eq!(problem.reason, Reason::InvalidSpec);
    assert!(
        problem.message.contains("\"Like\" for the label \"x\""),
        "{}",
        problem.message
    );
    cluster.index.distributions.insert(&odd);
    assert_eq!(cluster.standing("app", "a"), (Standing::Ready, CopyAction::Leave));
    assert_eq!(cluster.standing("app", "b"), (Standing::NotSelected, CopyAction::Leave));
}

type Change = fn(&mut Secret);

fn fields(secret: &mut Secret) -> &mut Value {
    let entry = &mut secret.metadata.managed_fields.as_mut().unwrap()[0];
    &mut entry.fields_v1.as_mut().unwrap().0
}

#[test]
fn a_copy_is_judged_by_its_metadata() {
    let mut cluster = Cluster::new(&[("a", json!({}))]);
    let template = json!({"secretTemplate": {"labels": {"team": "x"}, "annotations": {"note": "y"}}});
    let resource = self::cluster("app", "2026-01-01T00:00:00Z", &template);
    let content = cluster.add(&resource, "1");
    assert_eq!(
        cluster.standing("app", "a").1,
        CopyAction::Write(None),
        "nothing is there"
    );
    let written = cluster.stored(&content, "a");
    cluster.observe(&written);
    assert_eq!(cluster.standing("app", "a"), (Standing::Ready, CopyAction::Leave));

    let changes: [(&str, Change); 7] = [
        ("a label has another value", |secret| {
            secret
                .metadata
                .labels
                .as_mut()
                .unwrap()
                .insert("team".to_owned(), "z".to_owned());
        }),
        ("somebody else has taken a label over", |secret| {
            fields(secret)["f:metadata"]["f:labels"]
                .as_object_mut()
                .unwrap()
                .remove("f:team");
        }),
        ("somebody else has written the data", |secret| {
            fields(secret).as_object_mut().unwrap().remove("f:data");
        }),
        ("nobody knows who has written it", |secret| {
            secret.metadata.managed_fields = None;
        }),
        ("it is of another version", |secret| {
            let annotations = secret.metadata.annotations.as_mut().unwrap();
            annotations.insert(CONTENT_ANNOTATION.to_owned(), "0".to_owned());
        }),
        ("a label is left from before", |secret| {
            fields(secret)["f:metadata"]["f:labels"]["f:old"] = json!({});
            secret
                .metadata
                .labels
                .as_mut()
                .unwrap()
                .insert("old".to_owned(), "1".to_owned());
        }),
        ("its owner has another name", |secret| {
            secret.metadata.owner_references.as_mut().unwrap()[0].name = "other".to_owned();
        }),
    ];
    for (what, change) in changes {
        let mut secret = cluster.stored(&content, "a");
        change(&mut secret);
        cluster.observe(&secret);
        let (standing, action) = cluster.standing("app", "a");
        assert_eq!(standing, Standing::Pending, "{what}");
        assert!(matches!(action, CopyAction::Write(Some(_))), "{what}: {action:?}");
    }
    // What others have added is theirs.
    let mut shared = cluster.stored(&content, "a");
    shared
        .metadata
        .labels
        .as_mut()
        .unwrap()
        .insert("theirs".to_owned(), "1".to_owned());
    cluster.observe(&shared);
    assert_eq!(cluster.standing("app", "a"), (Standing::Ready, CopyAction::Leave));
    // The answer to an earlier write comes late.
    cluster.observe(&written);
    assert_eq!(cluster.standing("app", "a").0, Standing::Ready);
}

#[test]
fn a_name_that_is_taken_is_looked_at_first() {
    let mut cluster = Cluster::new(&[("a", json!({}))]);
    cluster.add(&self::cluster("app", "2026-01-01T00:00:00Z", &json!({})), "1");
    let foreign = Secret {
        metadata: meta(json!({"name": "app", "namespace": "a", "uid": "theirs"})),
        ..Secret::default()
    };
    cluster.observe(&foreign);
    assert_eq!(cluster.standing("app", "a"), (Standing::Pending, CopyAction::Inspect));
    let problem = Problem::new(Reason::NameConflict, "theirs");
    cluster
        .index
        .distributions
        .set_problem("app", "a", Some(problem.clone()));
    assert_eq!(cluster.standing("app", "a").0, Standing::Failing(problem));
    cluster.index.distributions.copies.forget(&ObjectKey::new("a", "app"));
    assert_eq!(cluster.standing("app", "a").1, CopyAction::Write(None));
}

#[test]
fn a_new_list_of_secrets_forgets_what_is_gone() {
    let mut cluster = Cluster::new(&[("a", json!({})), ("b", json!({}))]);
    let content = cluster.add(&self::cluster("app", "2026-01-01T00:00:00Z", &json!({})), "1");
    cluster.write(&content, "a");
    cluster.write(&content, "b");
    cluster.index.distributions.copies.begin_list();
    cluster.write(&content, "b");
    cluster.index.distributions.copies.end_list();
    assert_eq!(cluster.standing("app", "a").1, CopyAction::Write(None));
    assert_eq!(cluster.standing("app", "b").0, Standing::Ready);
}

#[test]
fn another_name_is_written_before_the_earlier_one_goes() {
    let mut cluster = Cluster::new(&[("a", json!({}))]);
    let resource = |spec: Value| self::cluster("app", "2026-01-01T00:00:00Z", &spec);
    let content = cluster.add(&resource(json!({})), "1");
    cluster.write(&content, "a");
    let renamed = cluster.add(&resource(json!({"secretName": "new"})), "1");
    assert_eq!(cluster.standing("app", "a").1, CopyAction::Write(None));
    cluster.write(&renamed, "a");
    let (standing, action) = cluster.standing("app", "a");
    assert_eq!(standing, Standing::Ready);
    assert!(matches!(action, CopyAction::Delete { secret, .. } if secret == "app"));
}

/// Or those whom it selects in addition would get the login of the others.
#[test]
fn what_was_decided_for_another_spec_reaches_nobody_new() {
    let mut cluster = Cluster::new(&[("a", json!({"team": "a"})), ("b", json!({}))]);
    let resource = |generation: i64, spec: Value| {
        let mut resource = self::cluster("app", "2026-01-01T00:00:00Z", &spec);
        resource.metadata.generation = Some(generation);
        resource
    };
    let of_a = json!({"namespaceSelector": {"matchLabels": {"team": "a"}}});
    let content = cluster.add(&resource(1, of_a.clone()), "1");
    cluster.write(&content, "a");
    for spec in [
        json!({}),
        json!({"credentialsRef": {"namespace": "platform", "name": "public"}}),
    ] {
        cluster
            .index
            .distributions
            .insert(&Declaration::from(&resource(2, spec)));
        assert_eq!(cluster.standing("app", "b"), (Standing::Pending, CopyAction::Leave));
        assert_eq!(cluster.standing("app", "a"), (Standing::Ready, CopyAction::Leave));
    }
    // A decision of before comes late, or is about another one of this name.
    let mut before = Declaration::from(&resource(1, of_a)).reference().unwrap();
    let distributions = &mut cluster.index.distributions;
    assert_eq!(
        distributions.distribute(&before, Some(1), Some(Arc::clone(&content))),
        Distributed::Nothing
    );
    before.uid = Uid::new("another");
    assert_eq!(
        distributions.distribute(&before, Some(2), Some(content)),
        Distributed::Nothing
    );
    assert_eq!(cluster.standing("app", "b").1, CopyAction::Leave);
}

#[test]
fn a_copy_that_has_become_the_source_stays() {
    let mut cluster = Cluster::new(&[("platform", json!({}))]);
    let resource = |spec: Value| self::cluster("app", "2026-01-01T00:00:00Z", &spec);
    let content = cluster.add(&resource(json!({})), "1");
    cluster.write(&content, "platform");
    let renamed = json!({"secretName": "new", "credentialsRef": {"namespace": "platform", "name": "app"}});
    let content = cluster.add(&resource(renamed), "1");
    cluster.write(&content, "platform");
    assert_eq!(
        cluster.standing("app", "platform"),
        (Standing::Ready, CopyAction::Leave)
    );
    let itself = json!({"credentialsRef": {"namespace": "platform", "name": "app"}});
    cluster.add(&resource(itself), "1");
    let (standing, action) = cluster.standing("app", "platform");
    assert_eq!(standing, Standing::NotSelected);
    assert!(matches!(action, CopyAction::Delete { secret, .. } if secret == "new"));
}

/// Its answer comes after the event that deletes it.
#[test]
fn a_copy_that_was_deleted_while_it_was_written_is_gone() {
    let mut cluster = Cluster::new(&[("a", json!({}))]);
    let copies = &mut cluster.index.distributions.copies;
    let secret = ObjectKey::new("a", "app");
    copies.begin_write(&secret);
    assert!(copies.end_write(&secret));
    copies.begin_write(&secret);
    copies.forget(&secret);
    assert!(!copies.end_write(&secret));
}

#[test]
fn suspended_and_without_content_nothing_is_done() {
    let mut cluster = Cluster::new(&[("a", json!({})), ("b", json!({}))]);
    let resource = |spec: Value| self::cluster("app", "2026-01-01T00:00:00Z", &spec);
    let content = cluster.add(&resource(json!({})), "1");
    cluster.write(&content, "a");
    let reference = Declaration::from(&resource(json!({}))).reference().unwrap();
    cluster.index.distributions.distribute(&reference, Some(1), None);
    assert_eq!(cluster.standing("app", "a"), (Standing::Ready, CopyAction::Leave));
    assert_eq!(cluster.standing("app", "b"), (Standing::Pending, CopyAction::Leave));
    // What is not selected any more goes, whether there are credentials or not.
    let none = resource(json!({"excludeNamespaces": ["a"]}));
    cluster.index.distributions.insert(&Declaration::from(&none));
    assert!(matches!(cluster.standing("app", "a").1, CopyAction::Delete { .. }));
    let paused = resource(json!({"excludeNamespaces": ["a"], "suspend": true}));
    cluster.index.distributions.insert(&Declaration::from(&paused));
    assert_eq!(cluster.standing("app", "a").1, CopyAction::Leave);
}

#[test]
fn of_two_resources_the_older_has_the_name() {
    let mut cluster = Cluster::new(&[("a", json!({"x": "1"})), ("b", json!({}))]);
    let only_a = json!({"secretName": "login-x", "namespaceSelector": {"matchLabels": {"x": "1"}}});
    cluster.add(&self::cluster("old", "2026-01-01T00:00:00Z", &only_a), "1");
    cluster.add(
        &self::cluster("new", "2026-02-01T00:00:00Z", &json!({"secretName": "login-x"})),
        "1",
    );
    assert_eq!(cluster.standing("old", "a").1, CopyAction::Write(None));
    let (standing, action) = cluster.standing("new", "a");
    assert!(matches!(standing, Standing::Failing(problem) if problem.reason == Reason::OwnedByOther));
    assert_eq!(action, CopyAction::Leave);
    assert_eq!(cluster.standing("new", "b").1, CopyAction::Write(None));
}

#[test]
fn a_service_account_lists_the_copies_of_its_namespace() {
    let mut cluster = Cluster::new(&[("a", json!({})), ("b", json!({}))]);
    let attach = json!({"attachTo": {"serviceAccounts": ["default"]}});
    let resource = |spec: &Value| self::cluster("app", "2026-01-01T00:00:00Z", spec);
    let content = cluster.add(&resource(&attach), "1");
    let wanted = |cluster: &Cluster, own: &[&str]| {
        let own: BTreeSet<String> = own.iter().map(|name| (*name).to_owned()).collect();
        let wanted = cluster.index.wanting(&ObjectKey::new("a", "default"), &own);
        (
            wanted.listed.into_iter().collect::<Vec<_>>(),
            wanted.kept.into_iter().collect::<Vec<_>>(),
        )
    };
    assert_eq!(
        wanted(&cluster, &["app"]),
        (vec![], vec!["app".to_owned()]),
        "missing for a moment"
    );
    cluster.write(&content, "a");
    assert_eq!(wanted(&cluster, &[]).0, ["app"]);
    let out = json!({"attachTo": {"serviceAccounts": ["default"]}, "excludeNamespaces": ["a"]});
    cluster.index.distributions.insert(&Declaration::from(&resource(&out)));
    assert_eq!(wanted(&cluster, &["app"]), (vec![], vec![]));
    // Of a resource that cannot be read, nobody knows what it wants.
    cluster.index.distributions.remove("app");
    assert_eq!(wanted(&cluster, &["app"]).1, ["app"]);
}

#[test]
fn namespace_whose_copy_cannot_be_deleted_is_named() {
    let mut cluster = Cluster::new(&[("a", json!({})), ("b", json!({}))]);
    let resource = |spec: &Value| self::cluster("app", "2026-01-01T00:00:00Z", spec);
    let content = cluster.add(&resource(&json!({})), "1");
    cluster.write(&content, "a");
    cluster.write(&content, "b");
    let warnings = |cluster: &Cluster| {
        let (census, _) = cluster.index.census("app");
        census.warnings("app").collect::<Vec<_>>()
    };
    let refuse = |cluster: &mut Cluster, is_refused| {
        cluster.index.distributions.set_undeletable("app", "a", is_refused);
    };
    // Of a time when it was to be deleted before.
    refuse(&mut cluster, true);
    assert_eq!(warnings(&cluster), [] as [&str; 0], "it is wanted");
    let out = resource(&json!({"excludeNamespaces": ["a"]}));
    cluster.index.distributions.insert(&Declaration::from(&out));
    let warned = warnings(&cluster);
    assert!(
        warned.len() == 1 && warned[0].contains("still there, in \"a\": "),
        "{warned:?}"
    );
    refuse(&mut cluster, false);
    assert_eq!(warnings(&cluster), [] as [&str; 0]);
}

#[test]
fn a_status_counts_namespaces_and_names_the_first_that_fail() {
    let failing = |reason, message: &str| Standing::Failing(Problem::new(reason, message));
    let verdict = |standings: Vec<(&str, Standing)>| {
        let census = Census::of(standings.into_iter());
        let counts = census.counts();
        let said = census.verdict("app", "r.example.com");
        let said = said.unwrap_or_else(|problem| format!("{}: {}", problem.reason.as_str(), problem.message));
        let first = format!("{} {} failing", counts.summary, counts.failing);
        let all: Vec<String> = [first, said].into_iter().chain(census.warnings("app")).collect();
        all.join(" | ")
    };
    let many = (0..12)
        .map(|_| ("n", failing(Reason::WriteRefused, "quota")))
        .collect::<Vec<_>>();
    assert_eq!(Census::of(many.clone().into_iter()).failures.len(), 10);
    let lines = [
        verdict(vec![("a", Standing::NotSelected)]),
        verdict(vec![("a", Standing::Ready)]),
        verdict(vec![("a", Standing::Ready), ("b", Standing::Ready)]),
        verdict(vec![("a", Standing::Ready), ("b", Standing::Pending)]),
        verdict(vec![
            ("a", Standing::Ready),
            ("b", failing(Reason::NameConflict, "Secret exists")),
            ("c", Standing::Pending),
        ]),
        verdict(vec![
            ("a", Standing::Ready),
            ("b", Standing::Overridden("own".to_owned())),
        ]),
        verdict((0..5).map(|_| ("b", Standing::Overridden("own".to_owned()))).collect()),
        verdict(many),
    ];
    insta::assert_snapshot!("census", lines.join("\n"));
}
