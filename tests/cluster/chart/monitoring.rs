//! Alerts and dashboard in the chart; `tests/domain/monitoring.rs` compares them with the metrics.

use std::process::Command;

use serde_json::{Value, json};

use super::{kinds, of_kind, template};
use crate::support::{repository, run, tools};

#[test]
fn alerts_are_installed_on_demand_and_have_a_page() {
    assert!(
        !kinds(&template(&[])).contains(&"PodMonitor"),
        "their kinds may not be installed"
    );
    let objects = template(&[
        "--set",
        "metrics.podMonitor.enabled=true,metrics.prometheusRule.enabled=true,metrics.prometheusRule.labels.team=a",
    ]);
    let endpoint = &of_kind(&objects, "PodMonitor")["spec"]["podMetricsEndpoints"][0];
    assert_eq!(
        (&endpoint["port"], &endpoint["honorLabels"]),
        (&json!("health"), &json!(true))
    );
    let rule = of_kind(&objects, "PrometheusRule");
    assert_eq!(rule["metadata"]["labels"]["team"], "a");
    let page = std::fs::read_to_string(repository().join("docs/alerts.md")).unwrap();
    let alerts = rule["spec"]["groups"][0]["rules"].as_array().unwrap();
    assert!(!alerts.is_empty());
    for alert in alerts {
        let name = alert["alert"].as_str().unwrap();
        assert!(page.contains(&format!("\n## {name}\n")), "{name}");
        let runbook = format!("docs/alerts.md#{}", name.to_lowercase());
        assert_eq!(alert["annotations"]["runbook"], runbook);
    }
}

#[test]
fn each_alert_fires_and_resolves() {
    let promtool = tools(&["promtool"]).join("promtool");
    let rules = repository().join("charts/docker-pull-secret-operator/files/alerts.yaml");
    run(Command::new(&promtool).args(["check", "rules"]).arg(&rules));
    let cases = repository().join("tests/alerts/alerts_test.yaml");
    run(Command::new(&promtool).args(["test", "rules"]).arg(&cases));
    let (rules, cases) = (
        std::fs::read_to_string(rules).unwrap(),
        std::fs::read_to_string(cases).unwrap(),
    );
    for name in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        assert!(
            cases.contains(&format!("\n    alertname: {name}\n    exp_alerts:")),
            "{name} never fires"
        );
        assert!(
            cases.contains(&format!("alertname: {name}}}\n")),
            "{name} is never silent"
        );
    }
}

#[test]
fn the_dashboard_is_a_config_map_that_grafana_finds() {
    assert!(!kinds(&template(&[])).contains(&"ConfigMap"));
    let objects = template(&[
        "--set",
        "metrics.dashboard.enabled=true,metrics.dashboard.annotations.grafana_folder=Registries",
    ]);
    let map = of_kind(&objects, "ConfigMap");
    assert_eq!(map["metadata"]["labels"]["grafana_dashboard"], "1");
    assert_eq!(map["metadata"]["annotations"], json!({"grafana_folder": "Registries"}));
    let shown: Value = serde_json::from_str(map["data"]["docker-pull-secret-operator.json"].as_str().unwrap()).unwrap();
    let panels = shown["panels"].as_array().unwrap();
    // Prometheus parses each expression as that of a rule.
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    let rules: Vec<Value> = targets
        .enumerate()
        .map(|(number, target)| {
            let expression = target["expr"].as_str().unwrap().replace("$__rate_interval", "5m");
            json!({"record": format!("panel:{number}"), "expr": expression})
        })
        .collect();
    assert!(rules.len() > 20);
    let file = tempfile::NamedTempFile::new().unwrap();
    let groups = json!({"groups": [{"name": "dashboard", "rules": rules}]});
    std::fs::write(file.path(), groups.to_string()).unwrap();
    run(Command::new(tools(&["promtool"]).join("promtool"))
        .args(["check", "rules"])
        .arg(file.path()));
}
