//! ServiceAccounts that credentials are minted with.

use dps::domain::doctor::Observations;
use dps::domain::doctor::report::CheckResult::{Skipped, Warn};
use dps::domain::doctor::resources::ResourceView;
use dps::domain::doctor::rights::{AccountRights, Askers};
use dps::domain::doctor::seen::Seen::Read;
use dps::domain::names::ObjectKey;
use serde_json::{Value, json};

use super::Category::Rights;
use super::{Case, account, good};
use crate::support::objects::with;

/// An operator that may not use the ServiceAccounts of this name.
fn minting(observed: &mut Observations, askers: Askers, refused: &str) {
    let mut account = account(&observed.installations);
    account.askers = askers;
    let questions = account.questions().into_iter();
    let refused = questions.filter(|question| question.name.as_deref() == Some(refused));
    observed.rights = Read(vec![AccountRights {
        refused: Read(refused.collect()),
        account,
    }]);
}

fn askers(keys: &[(&str, &str)]) -> Askers {
    Askers {
        asked: keys
            .iter()
            .map(|(namespace, name)| ObjectKey::new(*namespace, *name))
            .collect(),
        left_out: 0,
    }
}

#[rustfmt::skip]
pub(super) const CASES: &[Case] = &[
    Case { name: "a ServiceAccount that may be used", change: |o| minting(o, askers(&[("team-a", "puller")]), ""), expected: &[] },
    Case { name: "ServiceAccounts that may be used", change: |o| minting(o, askers(&[("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"), ("e", "x")]), ""), expected: &[] },
    Case { name: "a ServiceAccount without consent", change: |o| minting(o, askers(&[("team-a", "puller"), ("team-b", "other")]), "puller"), expected: &[(Rights, Warn)] },
    Case { name: "ServiceAccounts without consent", change: |o| minting(o, askers(&[("a", "x"), ("b", "x"), ("c", "x"), ("d", "x"), ("e", "x")]), "x"), expected: &[(Rights, Warn)] },
    Case { name: "more ServiceAccounts than are asked about", change: |o| minting(o, Askers { left_out: 7, ..askers(&[("a", "x")]) }, ""), expected: &[(Rights, Skipped)] },
];

fn view(asker: &Value, more: Value) -> ResourceView {
    let spec = json!({"type": "PrivateRegistry", "registryUrl": "quay.io", "credentialsFrom": with(json!({"quay": {"robot": "acme+puller"}}), asker.clone())});
    let object = json!({"metadata": {"name": "app", "namespace": "team"}, "spec": with(spec, more)});
    ResourceView::of("DockerPullSecret", object)
}

#[test]
fn service_accounts_are_those_that_valid_resources_name_where_the_operator_works() {
    let named = json!({"serviceAccountRef": {"name": "puller"}});
    let key = || Some(ObjectKey::new("team", "puller"));
    for (asker, more, expected) in [
        (named.clone(), json!({}), key()),
        (named.clone(), json!({"suspend": true}), None),
        (named, json!({"registryUrl": "https://user@quay.io"}), None),
        (json!({"staticKeyRef": {"name": "puller"}}), json!({}), None),
        (json!({}), json!({}), None),
    ] {
        assert_eq!(view(&asker, more).asker, expected, "{asker}");
    }
    let named = |name: &str| view(&json!({"serviceAccountRef": {"name": name}}), json!({}));
    let views = [named("b"), named("a"), named("b")];
    assert_eq!(Askers::of(&views, &[]), askers(&[("team", "a"), ("team", "b")]));
    assert_eq!(Askers::of(&views, &["team".to_owned()]).asked.len(), 2);
    assert_eq!(Askers::of(&views, &["other".to_owned()]), Askers::default());
    let many: Vec<_> = (0..250).map(|number| named(&format!("a{number}"))).collect();
    let many = Askers::of(&many, &[]);
    assert_eq!((many.asked.len(), many.left_out), (200, 50));
}

#[test]
fn each_service_account_is_asked_about_by_its_name() {
    let mut account = account(&good().installations);
    let before = account.questions().len();
    account.askers = askers(&[("team", "a"), ("team", "b")]);
    let questions = account.questions();
    let asked: Vec<_> = questions[before..]
        .iter()
        .map(|one| {
            (
                one.verb,
                one.right.subresource,
                one.namespace.as_deref(),
                one.name.as_deref(),
            )
        })
        .collect();
    assert_eq!(
        asked,
        [
            ("get", "", Some("team"), Some("a")),
            ("create", "token", Some("team"), Some("a")),
            ("get", "", Some("team"), Some("b")),
            ("create", "token", Some("team"), Some("b")),
        ]
    );
}
