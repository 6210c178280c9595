//! Deployments as operators, whose rights count, and the rights themselves.

use std::collections::BTreeMap;

use dps::domain::doctor::examine;
use dps::domain::doctor::installation::Installation;
use dps::domain::doctor::report::{Category, CheckResult};
use dps::domain::doctor::rights::{CLUSTER_RIGHTS, LEASE_RIGHT, RIGHTS, Right, accounts};
use dps::domain::doctor::seen::Seen::{self, Read};
use dps::domain::names::ObjectKey;
use serde_json::{Value, json};

use super::{good, installation};
use crate::support::repository;

/// Namespaces and Lease of an operator with these arguments and environment.
fn settings(args: &[&str], env: &Value) -> (Vec<String>, Option<ObjectKey>) {
    let deployment = json!({
        "metadata": {"namespace": "ops", "name": "dps"},
        "spec": {"selector": {}, "template": {"spec": {"containers": [
            {"name": "sidecar", "args": ["--namespace=wrong"]},
            {"name": "controller", "args": args, "env": env},
        ]}}},
    });
    let found = Installation::of(&serde_json::from_value(deployment).unwrap());
    assert_eq!((found.service_account.as_str(), found.replicas), ("default", 1));
    (found.namespaces, found.lease)
}

#[test]
fn a_deployment_is_read_as_the_operator_reads_its_arguments() {
    let lease = Some(ObjectKey::new("ops", "dps"));
    let all: Vec<String> = Vec::new();
    let two = || vec!["a".to_owned(), "b".to_owned()];
    for (args, env, expected) in [
        (&["controller"][..], json!([]), (all.clone(), None)),
        (
            &["controller", "--lease=ops/dps", "--namespace=b", "--namespace=a"],
            json!([]),
            (two(), lease.clone()),
        ),
        (
            &["controller", "--lease", "ops/dps", "--namespace", "a,b,a"],
            json!([]),
            (two(), lease.clone()),
        ),
        (
            &["controller"],
            json!([{"name": "DPS_NAMESPACES", "value": "a,,b"}, {"name": "DPS_LEASE", "value": "ops/dps"}]),
            (two(), lease),
        ),
        (
            &["controller", "--namespace=a"],
            json!([{"name": "DPS_NAMESPACES", "value": "b"}]),
            (vec!["a".to_owned()], None),
        ),
        (&["controller", "--namespaces=a"], json!([]), (all.clone(), None)),
        // Whoever writes a Deployment must not choose what is read.
        (&["controller", "--lease=ops/dps?watch"], json!([]), (all.clone(), None)),
        (&["controller", "--lease=ops/../secrets/x"], json!([]), (all, None)),
    ] {
        assert_eq!(settings(args, &env), expected, "{args:?} {env}");
    }
}

#[test]
fn what_an_operator_is_told_to_do_is_read_from_flags_and_environment() {
    let told = |args: &[&str], env: Value| {
        let container = json!({"name": "controller", "args": args, "env": env});
        let deployment =
            json!({"metadata": {}, "spec": {"selector": {}, "template": {"spec": {"containers": [container]}}}});
        let found = Installation::of(&serde_json::from_value(deployment).unwrap());
        (
            found.has_cluster_resources,
            found.attaches_to_pods,
            found.attaches_to_accounts,
        )
    };
    let variable = |name: &str, value: &str| json!([{"name": name, "value": value}]);
    for (args, env, expected) in [
        (&["controller"][..], json!([]), (false, false, false)),
        (&["controller", "--cluster-resources"], json!([]), (true, false, false)),
        (
            &["controller", "--attach-pods", "--attach-service-accounts"],
            json!([]),
            (false, true, true),
        ),
        (
            &["controller"],
            variable("DPS_CLUSTER_RESOURCES", "true"),
            (true, false, false),
        ),
        (
            &["controller"],
            variable("DPS_CLUSTER_RESOURCES", "false"),
            (false, false, false),
        ),
    ] {
        assert_eq!(told(args, env.clone()), expected, "{args:?} {env}");
    }
}

struct Overlap {
    first: &'static [&'static str],
    second: &'static [&'static str],
    place: Option<&'static str>,
}

#[test]
fn two_operators_in_the_same_namespace_are_found() {
    for Overlap { first, second, place } in [
        Overlap {
            first: &[],
            second: &[],
            place: Some("all namespaces"),
        },
        Overlap {
            first: &[],
            second: &["a"],
            place: Some("namespace a"),
        },
        Overlap {
            first: &["a", "b"],
            second: &[],
            place: Some("namespaces a, b"),
        },
        Overlap {
            first: &["a", "b"],
            second: &["b", "c"],
            place: Some("namespace b"),
        },
        Overlap {
            first: &["a"],
            second: &["b"],
            place: None,
        },
    ] {
        let warnings = |second: Installation| -> Vec<String> {
            let mut observed = good();
            observed.installations = Read(vec![installation("one", first), second]);
            let checks = examine(&observed).checks.into_iter();
            let checks = checks.filter(|check| check.category == Category::Operator);
            checks
                .filter(|check| check.result == CheckResult::Warn)
                .map(|check| check.message)
                .collect()
        };
        let found = warnings(installation("two", second));
        match place {
            None => assert!(found.is_empty(), "{found:?}"),
            Some(place) => assert!(
                found.len() == 1 && found[0].starts_with(&format!("two operators work in {place}: ")),
                "{found:?}"
            ),
        }
        let stopped = Installation {
            replicas: 0,
            ..installation("two", second)
        };
        assert!(warnings(stopped).is_empty());
        let of_one_lease = Installation {
            lease: installation("one", &[]).lease,
            ..installation("two", second)
        };
        assert!(
            warnings(of_one_lease).is_empty(),
            "one of them works, the other takes over"
        );
    }
}

#[test]
fn an_installation_works_where_it_is_told_to() {
    let works = |own: &[&str], asked: &[&str]| {
        let asked: Vec<String> = asked.iter().map(|name| (*name).to_owned()).collect();
        installation("one", own).works_in(&asked)
    };
    assert!(works(&[], &[]) && works(&["a"], &[]) && works(&[], &["a"]) && works(&["a"], &["a", "b"]));
    assert!(!works(&["a"], &["b"]));
}

/// Which users the API server is asked about; an empty name is whoever asks.
fn asked_about(installations: &Seen<Vec<Installation>>, user: Option<&str>) -> Result<Vec<String>, String> {
    match accounts(installations, user, &[], None) {
        Read(accounts) => Ok(accounts.into_iter().map(|one| one.user.unwrap_or_default()).collect()),
        Seen::Skipped(why) | Seen::Failed(why) => Err(why),
    }
}

#[test]
fn rights_are_those_of_the_operators_or_else_of_who_asks() {
    let own = "system:serviceaccount:ops:one";
    let installed = Read(vec![installation("one", &[]), installation("two", &["a"])]);
    let other = "system:serviceaccount:ops:two".to_owned();
    assert_eq!(
        asked_about(&installed, Some("admin")),
        Ok(vec![own.to_owned(), other.clone()])
    );
    assert_eq!(asked_about(&installed, Some(own)), Ok(vec![String::new(), other]));
    assert_eq!(asked_about(&Read(Vec::new()), Some("admin")), Ok(vec![String::new()]));
    let denied = Seen::denied("list Deployments");
    assert_eq!(asked_about(&denied, Some(own)), Ok(vec![String::new()]));
    // Whether a person could do what the operator does says nothing.
    let why = asked_about(&denied, Some("jane")).unwrap_err();
    assert!(why.contains("--as system:serviceaccount:NAMESPACE:NAME"), "{why}");
}

#[test]
fn questions_are_asked_in_each_namespace_and_for_the_lease_by_name() {
    let installed = Read(vec![installation("one", &["a", "b"])]);
    let Read(accounts) = accounts(&installed, None, &[], None) else {
        panic!("no accounts")
    };
    let verbs: usize = RIGHTS.iter().map(|right| right.verbs.len()).sum();
    let questions = accounts[0].questions();
    assert_eq!(questions.len(), 2 * verbs + LEASE_RIGHT.verbs.len());
    let of_lease = questions.iter().filter(|question| question.right == LEASE_RIGHT);
    let of_lease: Vec<_> = of_lease
        .map(|question| (question.verb, question.name.as_deref()))
        .collect();
    assert_eq!(
        of_lease,
        [("create", None), ("get", Some("one")), ("update", Some("one"))]
    );
}

/// API group, resource with subresource, and verbs of rules.
type Rules = BTreeMap<(String, String), Vec<String>>;

fn rules_of(role: &Value) -> Rules {
    let mut rules = Rules::new();
    for rule in role["rules"].as_array().unwrap() {
        let list = |field: &str| -> Vec<String> { serde_json::from_value(rule[field].clone()).unwrap() };
        for group in list("apiGroups") {
            for resource in list("resources") {
                rules
                    .entry((group.clone(), resource))
                    .or_default()
                    .extend(list("verbs"));
            }
        }
    }
    for verbs in rules.values_mut() {
        verbs.sort();
    }
    rules
}

fn rules_of_table(rights: &[Right]) -> Rules {
    let rules = rights.iter().map(|right| {
        let resource = match right.subresource {
            "" => right.resource.to_owned(),
            subresource => format!("{}/{subresource}", right.resource),
        };
        let mut verbs: Vec<String> = right.verbs.iter().map(|verb| (*verb).to_owned()).collect();
        verbs.sort();
        ((right.group.to_owned(), resource), verbs)
    });
    rules.collect()
}

/// `deploy/operator.yaml` is made from the chart, which another test checks.
#[test]
fn the_table_of_rights_is_what_the_chart_grants() {
    let manifests = std::fs::read_to_string(repository().join("deploy/operator.yaml")).unwrap();
    let objects: Vec<Value> = serde_saphyr::from_multiple(&manifests).unwrap();
    let role = |kind: &str, name: &str| {
        let is_it = |object: &&Value| object["kind"] == kind && object["metadata"]["name"] == name;
        objects.iter().find(is_it).unwrap_or_else(|| panic!("no {kind} {name}"))
    };
    let name = "docker-pull-secret-operator";
    let all = [&RIGHTS[..], &CLUSTER_RIGHTS].concat();
    assert_eq!(rules_of(role("ClusterRole", name)), rules_of_table(&all));
    assert_eq!(
        rules_of(role("Role", &format!("{name}-lease"))),
        rules_of_table(&[LEASE_RIGHT])
    );
}
