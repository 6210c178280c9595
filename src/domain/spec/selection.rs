//! Which namespaces a ClusterDockerPullSecret selects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::core::Selector;

use crate::api::Reason;
use crate::domain::glob;
use crate::domain::problem::Problem;

/// `spec.namespaceSelector` and `spec.excludeNamespaces`.
#[derive(Clone, Debug, PartialEq)]
pub struct NamespaceSelection {
    /// Selects all if it has no requirement.
    selector: LabelSelector,
    /// Names that are left out, with `*` for any text.
    excluded: Vec<String>,
    /// The selector as `kubectl get -l` takes it.
    text: String,
}

impl NamespaceSelection {
    /// Reads both fields, as strictly as the API server reads the selector of a Deployment.
    pub fn new(selector: &LabelSelector, excluded: &[String]) -> Result<Self, Problem> {
        for requirement in selector.match_expressions.iter().flatten() {
            check(requirement)?;
        }
        let is_name = |name: &&String| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*'))
        };
        if let Some(name) = excluded.iter().find(|name| !is_name(name)) {
            return Err(Problem::new(
                Reason::InvalidSpec,
                format!(
                    "spec.excludeNamespaces {name:?} must be the name of a namespace: write lower-case letters, digits and '-', and '*' for any text"
                ),
            ));
        }
        let parsed = Selector::try_from(selector.clone()).map_err(|error| {
            Problem::new(
                Reason::InvalidSpec,
                format!("spec.namespaceSelector cannot be used: {error}"),
            )
        })?;
        Ok(Self {
            selector: selector.clone(),
            excluded: excluded.to_vec(),
            text: parsed.to_string(),
        })
    }

    /// Whether a namespace with this name is selected. `label`: the value of its label with a key.
    pub fn matches<'a>(&self, name: &str, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.takes_labels(label) && !self.excludes(name)
    }

    /// Whether the selector takes these labels, whatever names are left out. kube's own answer to this needs all labels in a map,
    /// which takes longer to make for each of thousands of namespaces than everything else that is asked of one.
    pub fn takes_labels<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        let LabelSelector {
            match_labels,
            match_expressions,
        } = &self.selector;
        let has = |(key, value): (&String, &String)| label(key) == Some(value);
        let meets = |requirement: &LabelSelectorRequirement| {
            let value = label(&requirement.key);
            let is_listed = || value.is_some_and(|value| requirement.values.iter().flatten().any(|one| one == value));
            match requirement.operator.as_str() {
                "In" => is_listed(),
                "NotIn" => !is_listed(),
                "Exists" => value.is_some(),
                _ => value.is_none(),
            }
        };
        match_labels.iter().flatten().all(has) && match_expressions.iter().flatten().all(meets)
    }

    /// The labels with which a namespace that has others is selected; none if some would replace what it has, or if the selector
    /// requires more than labels.
    pub fn missing_labels(&self, labels: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let required = self.selector.match_labels.iter().flatten();
        let missing = required.filter(|(key, value)| labels.get(*key) != Some(value));
        let missing: Vec<(String, String)> = missing.map(|(key, value)| (key.clone(), value.clone())).collect();
        let has_more = self
            .selector
            .match_expressions
            .as_ref()
            .is_some_and(|more| !more.is_empty());
        if has_more || missing.iter().any(|(key, _)| labels.contains_key(key)) {
            return Vec::new();
        }
        missing
    }

    /// The place of a name in the list of those that are left out, if nothing else there leaves it out.
    pub fn only_exclusion(&self, name: &str) -> Option<usize> {
        let excluding = self.excluded.iter().enumerate();
        let mut excluding = excluding.filter(|(_, pattern)| glob::matches(pattern, name));
        let (index, pattern) = excluding.next()?;
        (pattern == name && excluding.next().is_none()).then_some(index)
    }

    /// Whether a namespace of this name is left out, whatever its labels are.
    pub fn excludes(&self, name: &str) -> bool {
        self.excluded.iter().any(|pattern| glob::matches(pattern, name))
    }

    /// The selector as `kubectl get -l` takes it.
    pub fn selector(&self) -> &str {
        &self.text
    }
}

fn check(requirement: &LabelSelectorRequirement) -> Result<(), Problem> {
    let has_values = requirement.values.as_ref().is_some_and(|values| !values.is_empty());
    let is_valid = match requirement.operator.as_str() {
        "In" | "NotIn" => has_values,
        "Exists" | "DoesNotExist" => !has_values,
        _ => false,
    };
    if is_valid && !requirement.key.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        Reason::InvalidSpec,
        format!(
            "spec.namespaceSelector.matchExpressions has {:?} for the label {:?}: write In or NotIn with values, or Exists or DoesNotExist without any",
            requirement.operator, requirement.key
        ),
    ))
}
