//! `docs/values.md`, from the chart's values, their comments and their schema.

use std::fmt::Write as _;

use serde_json::Value;

const INTRODUCTION: &str = "# Chart values

Every value of the Helm chart, from `values.yaml` and `values.schema.json`. The schema is strict: a misspelled value is refused. How to install: [install.md](install.md).

| value | type | default | description |
|---|---|---|---|
";

/// A key of the file while what is below it is read.
struct Open {
    indentation: usize,
    key: String,
}

/// The page.
pub(super) fn render(values: &str, schema: &Value) -> String {
    let mut page = INTRODUCTION.to_owned();
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
