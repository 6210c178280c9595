//! Which namespaces a selector takes, compared with kube's own evaluation of it.

use std::collections::BTreeMap;

use dps::domain::spec::selection::NamespaceSelection;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::{Selector, SelectorExt as _};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;

/// Few, so that labels and selectors often agree.
fn word() -> impl Strategy<Value = String> {
    select(vec!["tier", "team", "prod", "test", ""]).prop_map(str::to_owned)
}

fn key() -> impl Strategy<Value = String> {
    select(vec!["tier", "team", "example.com/tier"]).prop_map(str::to_owned)
}

fn requirement() -> impl Strategy<Value = LabelSelectorRequirement> {
    let operator = select(vec!["In", "NotIn", "Exists", "DoesNotExist"]);
    (key(), operator, vec(word(), 1..4)).prop_map(|(key, operator, values)| LabelSelectorRequirement {
        key,
        operator: operator.to_owned(),
        values: operator.ends_with("In").then_some(values),
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn labels_are_selected_as_kube_selects_them(
        labels in btree_map(key(), word(), 0..3),
        match_labels in btree_map(key(), word(), 0..3),
        match_expressions in vec(requirement(), 0..3),
    ) {
        let selector = LabelSelector {
            match_labels: Some(match_labels),
            match_expressions: Some(match_expressions),
        };
        let selection = NamespaceSelection::new(&selector, &[]).unwrap();
        let label = |key: &str| labels.get(key).map(String::as_str);
        let labels: &BTreeMap<String, String> = &labels;
        let expected = Selector::try_from(selector.clone()).unwrap().matches(labels);
        prop_assert_eq!(selection.matches("team", label), expected, "{:?} {:?}", selector, labels);
    }
}
