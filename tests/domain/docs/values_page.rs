//! `docs/values.md` and the chart's README, from the chart's values, their comments and their schema.

use std::fmt::Write as _;

use serde_json::Value;

const PAGE: &str = "# Chart values

Every value of the Helm chart, from `values.yaml` and `values.schema.json`. The schema is strict: a misspelled value is refused. How to install: [install.md](install.md).
";

const README: &str = "## Install

Build the image and push it to a registry of yours (`make image PUSH=REGISTRY/docker-pull-secret-operator:TAG` in the source tree), then:

```sh
helm install docker-pull-secret-operator . --namespace docker-pull-secret-operator --create-namespace \\
  --set image.repository=REGISTRY/docker-pull-secret-operator,image.tag=TAG --wait
```

Uninstalling keeps the CRD, and with it every DockerPullSecret and generated Secret.

## Values

The schema is strict: a misspelled value is refused.
";

const COLUMNS: &str = "
| value | type | default | description |
|---|---|---|---|
";

/// A key of the file while what is below it is read.
struct Open {
    indentation: usize,
    key: String,
}

pub(super) fn page(values: &str, schema: &Value) -> String {
    PAGE.to_owned() + &table(values, schema)
}

/// `chart`: its `Chart.yaml`.
pub(super) fn readme(chart: &Value, values: &str, schema: &Value) -> String {
    let text = |field: &str| chart[field].as_str().expect("a text").to_owned();
    let head = format!(
        "# {}\n\n{}. Kubernetes {}.\n\n",
        text("name"),
        text("description"),
        text("kubeVersion")
    );
    head + README + &table(values, schema)
}

fn table(values: &str, schema: &Value) -> String {
    let mut page = COLUMNS.to_owned();
    let mut path: Vec<Open> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    for line in values.lines() {
        let content = line.trim_start();
        let indentation = line.len() - content.len();
        if let Some(text) = content.strip_prefix('#') {
            comment.push(text.trim());
            continue;
        }
        let Some((key, default)) = content.split_once(':') else {
            assert!(
                content.is_empty(),
                "values.yaml: {line:?} is neither a comment nor a key"
            );
            comment.clear();
            continue;
        };
        path.retain(|open| open.indentation < indentation);
        let default = default.trim();
        path.push(Open {
            indentation,
            key: key.to_owned(),
        });
        let keys: Vec<&str> = path.iter().map(|open| open.key.as_str()).collect();
        if default.is_empty() && comment.is_empty() {
            continue;
        }
        let shown = if default.is_empty() {
            String::new()
        } else {
            format!("`{default}`")
        };
        let _ = writeln!(
            page,
            "| `{}` | {} | {shown} | {} |",
            keys.join("."),
            type_of(schema, &keys),
            comment.join(" ").replace('|', "\\|"),
        );
        comment.clear();
    }
    page
}

/// The schema of a value; that of the object it is in where the schema does not go further.
fn schema_of<'a>(schema: &'a Value, keys: &[&str]) -> &'a Value {
    keys.iter().fold(schema, |at, key| match &at["properties"] {
        Value::Null => at,
        properties => resolved(schema, &properties[key]),
    })
}

fn resolved<'a>(schema: &'a Value, at: &'a Value) -> &'a Value {
    let reference = at["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| schema.pointer(pointer)).unwrap_or(at)
}

fn type_of(schema: &Value, keys: &[&str]) -> String {
    let found = schema_of(schema, keys);
    assert!(found.is_object(), "values.schema.json does not know {keys:?}");
    let choices: Vec<String> = found["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|choice| choice.as_str().map(|choice| format!("`{choice}`")))
        .collect();
    if !choices.is_empty() {
        return choices.join(", ");
    }
    match found["type"].as_str().unwrap_or_default() {
        "array" => {
            let items = resolved(schema, &found["items"]);
            format!("list of {}s", items["type"].as_str().unwrap_or("value"))
        }
        other => other.to_owned(),
    }
}
