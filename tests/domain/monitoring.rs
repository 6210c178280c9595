//! Alerts and dashboard ask for what the program exposes.

use std::collections::{BTreeMap, BTreeSet};

use dps::api::{Cause, ConditionType, Reason};
use serde_json::Value;
use strum::IntoEnumIterator as _;

use crate::support::repository;

/// What Prometheus adds to each series.
const TARGET: [&str; 4] = ["namespace", "job", "pod", "instance"];

fn file(name: &str) -> String {
    let path = repository().join("charts/docker-pull-secret-operator/files").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn dashboard() -> Value {
    serde_json::from_str(&file("dashboard.json")).unwrap()
}

/// Panels of the dashboard that show something.
fn panels(dashboard: &Value) -> Vec<&Value> {
    let panels = dashboard["panels"].as_array().unwrap();
    panels.iter().filter(|panel| panel["type"] != "row").collect()
}

/// Every expression, with the alert or panel that it belongs to.
fn expressions() -> Vec<(String, String)> {
    let alerts: Value = serde_saphyr::from_str(&file("alerts.yaml")).unwrap();
    let rules = alerts["groups"][0]["rules"].as_array().unwrap();
    let mut found: Vec<(String, String)> = rules
        .iter()
        .map(|rule| (text(&rule["alert"]), text(&rule["expr"])))
        .collect();
    let dashboard = dashboard();
    for panel in panels(&dashboard) {
        let targets = panel["targets"].as_array().unwrap();
        assert!(!targets.is_empty(), "{panel}");
        found.extend(
            targets
                .iter()
                .map(|target| (text(&panel["title"]), text(&target["expr"]))),
        );
    }
    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        if variable["type"] == "query" {
            found.push((text(&variable["name"]), text(&variable["query"]["query"])));
        }
    }
    found
}

fn text(value: &Value) -> String {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
        .to_owned()
}

/// Names and values in braces; a value may have none of its own.
fn matchers(text: &str) -> Vec<(&str, &str)> {
    let parts = text.split("\",").filter(|part| !part.trim().is_empty());
    let parts = parts.map(|part| part.split_once('"').unwrap_or_else(|| panic!("{text}")));
    parts
        .map(|(name, value)| {
            let name = name.trim().trim_end_matches(['=', '!', '~']);
            (name, value.trim_end_matches('"'))
        })
        .collect()
}

/// The labels of each series that the program exposes.
fn exposed() -> BTreeMap<String, BTreeSet<String>> {
    let sample = dps::controller::metrics::sample();
    let series = sample.lines().filter(|line| !line.starts_with('#'));
    let series = series.map(|line| {
        let (series, _) = line.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = matchers(labels.trim_end_matches('}'));
        (
            name.to_owned(),
            labels.into_iter().map(|(label, _)| label.to_owned()).collect(),
        )
    });
    series.collect()
}

/// Each metric of an expression, and what stands in braces behind it.
fn selectors(expression: &str) -> Vec<(&str, &str)> {
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = ["dps_", "process_"].iter().filter_map(|prefix| rest.find(prefix)).min() {
        let metric = &rest[start..];
        let end = metric.find(|letter| !is_word(letter)).unwrap_or(metric.len());
        let (name, behind) = metric.split_at(end);
        let braces = behind.strip_prefix('{').and_then(|behind| behind.split_once('}'));
        found.push((name, braces.map_or("", |(inside, _)| inside)));
        rest = behind;
    }
    found
}

fn grouped_by(expression: &str) -> Vec<&str> {
    let groups = expression.split("by (").skip(1);
    let groups = groups.filter_map(|group| Some(group.split_once(')')?.0));
    groups.flat_map(|group| group.split(',').map(str::trim)).collect()
}

#[test]
fn every_metric_and_label_that_is_asked_for_exists() {
    let exposed = exposed();
    let mut asked = BTreeSet::new();
    for (place, expression) in expressions() {
        let mut labels: BTreeSet<&str> = TARGET.into();
        let selectors = selectors(&expression);
        assert!(!selectors.is_empty(), "{place}: {expression}");
        for (metric, braces) in selectors {
            let own = exposed
                .get(metric)
                .unwrap_or_else(|| panic!("{place}: nothing exposes {metric}"));
            labels.extend(own.iter().map(String::as_str));
            for (label, _) in matchers(braces) {
                assert!(
                    own.contains(label) || TARGET.contains(&label),
                    "{place}: {metric} has no {label}"
                );
            }
            asked.insert(metric.to_owned());
        }
        for label in grouped_by(&expression) {
            assert!(labels.contains(label), "{place}: nothing has {label}");
        }
    }
    assert!(asked.len() > 15, "{asked:?}");
}

#[test]
fn every_reason_condition_and_cause_that_is_asked_for_exists() {
    let words = |label: &str| -> Vec<&'static str> {
        match label {
            "reason" => Reason::iter().map(Reason::as_str).collect(),
            "condition" => ConditionType::iter().map(ConditionType::as_str).collect(),
            "cause" => Cause::iter().map(Cause::as_str).collect(),
            "status" => vec!["True", "False", "Unknown"],
            _ => Vec::new(),
        }
    };
    for (place, expression) in expressions() {
        for (label, value) in selectors(&expression).iter().flat_map(|(_, braces)| matchers(braces)) {
            let words = words(label);
            let unknown = value.split('|').find(|value| !words.contains(value));
            assert!(words.is_empty() || unknown.is_none(), "{place}: no {label} is {value}");
        }
    }
}

#[test]
fn panels_of_the_dashboard_have_a_place_and_a_number_of_their_own() {
    let dashboard = dashboard();
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + width <= 24, "{panel}");
        for place in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(places.insert(place), "{panel} covers another one");
        }
    }
    for panel in panels(&dashboard) {
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{panel}");
    }
}
