//! Which command mends a cause: the table has every cause, with a command or with the reason why there is none.

mod known;
mod rows;
mod status;

use std::collections::BTreeSet;
use std::process::Command;

use dps::api::{Cause, DockerPullSecretStatus};
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::context::PullContext;
use dps::domain::pull_failures::elsewhere::Elsewhere;
use dps::domain::pull_failures::fix::PodToFix;
use dps::domain::pull_failures::resource::Resource;
use dps::domain::pull_failures::template::{PodTemplate, TemplateKind};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use crate::support::dps::dps;

use super::pods::{IMAGE, NOT_SENT, find_in, resource};
use rows::{Row, rows};

/// The longest command that a status has room for.
const LENGTH: usize = 400;

/// Causes that no command mends, and why.
const BY_PEOPLE: [(Cause, &str); 18] = [
    (
        Cause::LoginLockedOut,
        "another login makes it last longer: somebody has to wait or unlock the user",
    ),
    (Cause::AccessDenied, "the owner of the repository grants permissions"),
    (Cause::RateLimited, "time, or a contract with the registry"),
    (
        Cause::ImageNotFound,
        "nobody but the author of the manifest knows which image is meant",
    ),
    (Cause::PlatformMismatch, "the image has to be built"),
    (
        Cause::InvalidImage,
        "nobody but the author of the manifest knows which image is meant",
    ),
    (Cause::NeverPull, "the policy may be meant"),
    (Cause::TlsVerification, "the nodes are not in the API"),
    (Cause::PlainHttpRegistry, "the nodes are not in the API"),
    (Cause::DnsFailure, "the network is not in the API"),
    (Cause::RegistryUnreachable, "the network is not in the API"),
    (Cause::MirrorRefused, "the nodes are not in the API"),
    (Cause::ProxyRefused, "the nodes are not in the API"),
    (Cause::StorageRefused, "the network is not in the API"),
    (Cause::BlockedByPolicy, "the registry's administrator lifts the rule"),
    (Cause::SignaturePolicy, "the image has to be signed"),
    (Cause::NodeProblem, "the nodes are not in the API"),
    (Cause::Unknown, "nobody knows what to mend"),
];

pub(super) fn deployment() -> PodTemplate {
    PodTemplate {
        kind: TemplateKind::Deployment,
        name: "web".to_owned(),
    }
}

/// A pod of a Deployment.
pub(super) fn deployed(template: &PodTemplate) -> PodToFix<'_> {
    PodToFix {
        template: Some(template),
        ..bare()
    }
}

/// A pod without an owner.
fn bare() -> PodToFix<'static> {
    PodToFix {
        namespace: "team",
        name: Some("web-0"),
        template: None,
        account: "default",
        account_lists: &[],
    }
}

fn fix_of(row: &Row) -> (Cause, Option<String>) {
    let context = PullContext {
        namespace: "team",
        secrets: &row.secrets,
        resources: &row.resources,
        elsewhere: &row.elsewhere,
    };
    let found = find_in(context, &row.image, row.report);
    let template = row.template.map(|kind| PodTemplate {
        kind,
        name: "web".to_owned(),
    });
    let fix = found.fix(PodToFix {
        template: template.as_ref(),
        account_lists: &row.account_lists,
        ..bare()
    });
    (found.cause, fix)
}

#[test]
fn cause_that_a_command_can_mend_has_that_command() {
    for row in rows() {
        let (cause, fix) = fix_of(&row);
        assert_eq!(cause, row.cause, "{}", row.title);
        assert_eq!(fix.as_deref(), row.fix, "{}", row.title);
    }
}

/// Off a terminal, `dps` names what it would ask for: nothing else is missing or wrong.
#[test]
fn command_that_creates_a_login_asks_for_nothing_but_the_login() {
    let fixes = rows().into_iter().filter_map(|row| row.fix);
    let creating: BTreeSet<&str> = fixes
        .filter(|fix| fix.starts_with("dps create"))
        .map(|fix| fix.split(" && ").next().unwrap())
        .collect();
    assert!(creating.len() >= 5, "{creating:?}");
    for command in creating {
        let words = command.replace('\'', "");
        let arguments: Vec<&str> = words.split(' ').skip(1).collect();
        let answer = dps(&arguments, "").stderr;
        let missing =
            "dps create: missing: --username (or --from-secret, --mint-as), --password-stdin or --password-file.";
        assert!(answer.starts_with(missing), "{command}: {answer}");
    }
}

#[test]
fn every_cause_has_a_command_or_a_reason_why_not() {
    let with_fix = rows().into_iter().filter(|row| row.fix.is_some());
    let with_fix: BTreeSet<Cause> = with_fix.map(|row| row.cause).collect();
    let by_people: BTreeSet<Cause> = BY_PEOPLE.iter().map(|(cause, _)| *cause).collect();
    let both: Vec<&Cause> = with_fix.intersection(&by_people).collect();
    assert!(both.is_empty(), "{both:?}");
    let neither: Vec<Cause> = Cause::iter()
        .filter(|cause| !with_fix.contains(cause) && !by_people.contains(cause))
        .collect();
    assert!(neither.is_empty(), "{neither:?}");
}

/// Each message of the corpora, with a pod for which there is every possibility.
#[test]
fn cause_that_only_people_can_mend_has_no_command() {
    let corpora = [
        include_str!("corpus/messages.jsonl"),
        include_str!("corpus/hosts-and-rules.jsonl"),
    ];
    let mut checked = BTreeSet::new();
    for line in corpora.into_iter().flat_map(str::lines) {
        let case: Value = serde_json::from_str(line).unwrap();
        let message = case["message"].as_str().unwrap_or_default();
        let image = case["image"].as_str().unwrap_or(IMAGE);
        let host = image.split('/').next().unwrap_or_default();
        let resources: Vec<Resource> = ["r.example.com", host]
            .into_iter()
            .filter(|host| dps::domain::registry::key::RegistryKey::of_config_entry(host).is_some())
            .map(|host| Resource {
                takes_password: true,
                ..resource("app", host, None)
            })
            .collect();
        for secrets in [Vec::new(), vec![super::pods::secret("app", host)]] {
            let context = PullContext {
                namespace: "team",
                secrets: &secrets,
                resources: &resources,
                elsewhere: &[],
            };
            let found = find_in(context, image, message);
            if let Some((cause, why)) = BY_PEOPLE.iter().find(|(cause, _)| *cause == found.cause) {
                let fix = found.fix(deployed(&deployment()));
                assert_eq!(fix, None, "{cause:?}: {why}");
                checked.insert(*cause);
            }
        }
    }
    assert!(checked.len() >= BY_PEOPLE.len() - 1, "{checked:?}");
}

/// The words of a command as a shell takes them.
fn words(command: &str) -> Vec<String> {
    let script = format!(
        "word() {{ printf '%s\\0' \"$@\"; }}; kubectl() {{ word kubectl \"$@\"; }}; dps() {{ word dps \"$@\"; }}; {command}"
    );
    let output = Command::new("sh").arg("-c").arg(&script).output().unwrap();
    assert!(output.status.success(), "{command}");
    let words = output.stdout.split(|byte| *byte == 0);
    let words = words.map(|word| String::from_utf8(word.to_vec()).unwrap());
    words.filter(|word| !word.is_empty()).collect()
}

#[test]
fn command_is_taken_by_a_shell_word_for_word() {
    for row in rows() {
        let Some(fix) = row.fix else { continue };
        let words = words(fix);
        for (option, document) in words.iter().zip(&words[1..]) {
            if option == "--patch" {
                let patch: Value = serde_json::from_str(document).unwrap_or_else(|error| panic!("{fix}: {error}"));
                assert!(patch.is_object() || patch.is_array(), "{fix}");
            }
        }
        let plain = words.iter().filter(|word| !word.starts_with(['{', '[']));
        let plain: Vec<&str> = plain.map(String::as_str).collect();
        assert!(
            fix.starts_with(&format!("{} ", plain[0])) && fix.len() <= LENGTH,
            "{fix}"
        );
        assert!(fix.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{fix}");
    }
}

/// Texts that are no names of objects. Some API server of the future may allow them, and files may have them today.
const HOSTILE: [&str; 12] = [
    "a'b", "a\"b", "a b", "$(id)", "`id`", "a\nb", "a;id", "-x", "--all", "a\\b", "é", "",
];

#[test]
fn name_that_is_not_plain_gets_no_command() {
    let served = |name: &str| Resource {
        takes_password: true,
        ..resource(name, "r.example.com", None)
    };
    let find = |secrets: &[PullSecret], resources: &[Resource], elsewhere: &[Elsewhere], report: &str| {
        let context = PullContext {
            namespace: "team",
            secrets,
            resources,
            elsewhere,
        };
        find_in(context, IMAGE, report)
    };
    let good = find(&[], &[served("app")], &[], NOT_SENT);
    for name in HOSTILE {
        let named = |kind| PodTemplate {
            kind,
            name: name.to_owned(),
        };
        for kind in [
            TemplateKind::Deployment,
            TemplateKind::StatefulSet,
            TemplateKind::DaemonSet,
        ] {
            assert_eq!(good.fix(deployed(&named(kind))), None, "owner {name:?}");
        }
        let stateful = PodTemplate {
            kind: TemplateKind::StatefulSet,
            ..deployment()
        };
        let places = [
            PodToFix {
                namespace: name,
                ..deployed(&stateful)
            },
            PodToFix {
                name: Some(name),
                ..deployed(&stateful)
            },
            PodToFix {
                account: name,
                ..bare()
            },
        ];
        for place in places {
            assert_eq!(good.fix(place), None, "{place:?}");
        }
        let listed = [name.to_owned()];
        let place = PodToFix {
            account_lists: &listed,
            ..deployed(&stateful)
        };
        assert_eq!(good.fix(place), None, "listed by the ServiceAccount: {name:?}");
        let target = Resource {
            secret: name.to_owned(),
            ..served("app")
        };
        let login = Resource {
            source: Some(name.to_owned()),
            ..served("app")
        };
        let sent = [super::pods::secret("app", "r.example.com")];
        let port = [super::pods::secret(name, "r.example.com:5000")];
        let other = Resource {
            secret: name.to_owned(),
            ..resource(name, "r.example.com:5000", None)
        };
        let missing = [super::pods::absent(name)];
        for (what, found) in [
            ("Secret", find(&[], &[target], &[], NOT_SENT)),
            ("login", find(&sent, &[login], &[], super::pods::WRONG)),
            ("resource", find(&port, &[other], &[], NOT_SENT)),
            ("missing Secret", find(&missing, &[], &[], NOT_SENT)),
            ("other Secret", find(&port, &[served("app")], &[], NOT_SENT)),
        ] {
            assert_eq!(found.fix(deployed(&stateful)), None, "{what} {name:?}");
        }
        if !name.is_empty() {
            for label in [(name, "value"), ("key", name)] {
                let labelled = [rows::by_labels(&[label])];
                let found = find(&[], &[], &labelled, NOT_SENT);
                assert_eq!(found.fix(deployed(&stateful)), None, "label {label:?}");
            }
        }
    }
}

#[test]
fn command_that_is_too_long_is_left_out() {
    let secrets: Vec<PullSecret> = (0..40)
        .map(|number| super::pods::secret(&format!("registry-{number}"), "s.example.com"))
        .collect();
    let resources = [resource("app", "r.example.com", None)];
    for (count, is_there) in [(10, true), (40, false)] {
        let context = PullContext {
            namespace: "team",
            secrets: &secrets[..count],
            resources: &resources,
            elsewhere: &[],
        };
        let fix = find_in(context, IMAGE, NOT_SENT).fix(deployed(&deployment()));
        assert_eq!(fix.is_some(), is_there, "{count}: {fix:?}");
        assert!(fix.is_none_or(|fix| fix.len() <= LENGTH));
    }
    let crd = dps::api::crd();
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/pullFailures/items/properties/fix/maxLength";
    assert_eq!(crd.pointer(path), Some(&json!(LENGTH)));
}

#[test]
fn owner_of_a_pod_is_known_only_if_it_is_certain() {
    let template_of = |owner: &Value, labels: &Value| -> Option<PodTemplate> {
        let meta = json!({"ownerReferences": [owner], "labels": labels});
        let meta: ObjectMeta = serde_json::from_value(meta).unwrap();
        PodTemplate::of(&meta)
    };
    let owner = |group: &str, kind: &str, name: &str, controls: bool| json!({"apiVersion": group, "kind": kind, "name": name, "uid": "u", "controller": controls});
    let hash = json!({"pod-template-hash": "5d4f"});
    for (group, kind, name, labels, expected) in [
        (
            "apps/v1",
            "ReplicaSet",
            "web-5d4f",
            &hash,
            Some((TemplateKind::Deployment, "web")),
        ),
        ("apps/v1", "ReplicaSet", "web-5d4f", &json!({}), None),
        ("apps/v1", "ReplicaSet", "web", &hash, None),
        ("apps/v1", "ReplicaSet", "web5d4f", &hash, None),
        (
            "apps/v1",
            "StatefulSet",
            "db",
            &json!({}),
            Some((TemplateKind::StatefulSet, "db")),
        ),
        (
            "apps/v1",
            "DaemonSet",
            "agent",
            &json!({}),
            Some((TemplateKind::DaemonSet, "agent")),
        ),
        ("apps.kruise.io/v1beta1", "StatefulSet", "db", &json!({}), None),
        ("argoproj.io/v1alpha1", "Rollout", "web", &hash, None),
        ("batch/v1", "Job", "nightly", &json!({}), None),
        ("v1", "ReplicationController", "web", &json!({}), None),
    ] {
        let found = template_of(&owner(group, kind, name, true), labels);
        let found = found.as_ref().map(|one| (one.kind, one.name.as_str()));
        assert_eq!(found, expected, "{group} {kind} {name}");
        assert_eq!(template_of(&owner(group, kind, name, false), labels), None);
    }
    assert_eq!(PodTemplate::of(&ObjectMeta::default()), None);
}

#[test]
fn status_of_an_older_operator_has_no_command() {
    let old = json!({"pullFailures": [{"code": "DEP_E153", "cause": "AccessDenied", "namespace": "team", "pod": "web", "container": "app",
        "image": IMAGE, "count": 1, "firstSeen": "2026-01-01T00:00:00Z", "message": "", "action": ""}]});
    let status: DockerPullSecretStatus = serde_json::from_value(old.clone()).unwrap();
    assert_eq!(status.pull_failures[0].fix, None);
    let written = serde_json::to_value(&status.pull_failures).unwrap();
    assert_eq!(written, old["pullFailures"]);
}
