//! `docs/metrics.md`, from one sample of every metric.

use std::fmt::Write as _;

const INTRODUCTION: &str = "# Metrics

`GET /metrics` on port 8080 of the operator's pod, as OpenMetrics text. How to scrape it: [production.md](production.md#metrics).
A counter appears with its first event. Metrics with the labels `namespace` and `name` exist for each DockerPullSecret, on the leader, and for each ClusterDockerPullSecret with an empty namespace; `metrics.perResource: false` (`--resource-metrics=false`) turns them off. No other label can be chosen by a user, and none has a registry or a message.

Where a registry has not answered, the `code` of `dps_registry_requests_total` is one of these: `unreachable` (no name, no connection), `unanswered` (no answer in time), `tls` (the certificate), `handshake` (TLS otherwise), `malformed` (no HTTP, or too large), `withheld` (any of these at a private address, which may not be told), `forbidden` (not sent: the operator's settings refuse the address), `local` (the operator is short of files, memory or ports).

| metric | type | labels | description |
|---|---|---|---|
";

/// The page.
pub(super) fn render(sample: &str) -> String {
    let mut page = INTRODUCTION.to_owned();
    for line in sample.lines() {
        let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        let kind = sample
            .lines()
            .find_map(|line| line.strip_prefix("# TYPE ")?.strip_prefix(name)?.strip_prefix(' '))
            .unwrap_or_else(|| panic!("{name} has no type"));
        // The name that a query uses.
        let shown = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        // The bounds of a histogram are no label of its own.
        let series = if kind == "histogram" {
            format!("{name}_count")
        } else {
            shown.clone()
        };
        let labels = sample
            .lines()
            .find_map(|line| line.strip_prefix(&series)?.strip_prefix('{'));
        let labels: Vec<String> = labels
            .and_then(|rest| rest.split_once('}'))
            .map_or("", |(labels, _)| labels)
            .split(',')
            .filter_map(|label| label.split_once('=').map(|(name, _)| format!("`{name}`")))
            .collect();
        let _ = writeln!(page, "| `{shown}` | {kind} | {} | {help} |", labels.join(", "));
    }
    page
}
