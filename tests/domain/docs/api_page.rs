//! `docs/api.md`, from the CRD.

use std::fmt::Write as _;

use serde_json::Value;

const INTRODUCTION: &str = "# API reference

Every field of `DockerPullSecret` and `ClusterDockerPullSecret`, from their CustomResourceDefinitions. `kubectl explain dockerpullsecret.spec` shows the same text.
How the fields work together is in [credentials.md](credentials.md), [verification.md](verification.md) and
[pull-failures.md](pull-failures.md).
";

/// The page.
pub(super) fn render(crds: &[Value]) -> String {
    let kinds: Vec<String> = crds.iter().map(kind).collect();
    INTRODUCTION.to_owned() + &kinds.concat()
}

fn kind(crd: &Value) -> String {
    let mut page = String::new();
    let names = &crd["spec"]["names"];
    for version in array(&crd["spec"]["versions"]) {
        let _ = write!(
            page,
            "\n## {} {}/{}\n\n| | |\n|---|---|\n| scope | {} |\n| plural | `{}` |\n| short names | {} |\n| categories | {} |\n",
            text(&names["kind"]),
            text(&crd["spec"]["group"]),
            text(&version["name"]),
            text(&crd["spec"]["scope"]),
            text(&names["plural"]),
            codes(&names["shortNames"]),
            codes(&names["categories"]),
        );
        let fields = array(&version["selectableFields"]).iter();
        let fields: Vec<String> = fields.map(|field| format!("`{}`", text(&field["jsonPath"]))).collect();
        let _ = writeln!(page, "| field selectors | {} |", fields.join(", "));
        let schema = &version["schema"]["openAPIV3Schema"];
        let _ = writeln!(page, "\n{}", text(&schema["description"]));
        rules(&mut page, schema);
        for part in ["spec", "status"] {
            // A link leads to the first heading of a name.
            let place = if text(&crd["spec"]["scope"]) == "Cluster" {
                format!("cluster {part}")
            } else {
                part.to_owned()
            };
            object(&mut page, &place, &schema["properties"][part]);
        }
        columns(&mut page, &version["additionalPrinterColumns"]);
    }
    page
}

fn columns(page: &mut String, columns: &Value) {
    page.push_str("\n### Printed columns\n\n| column | from |\n|---|---|\n");
    for column in array(columns) {
        let _ = writeln!(page, "| {} | `{}` |", text(&column["name"]), text(&column["jsonPath"]));
    }
}

/// One table for an object, then one for each object in it.
fn object(page: &mut String, path: &str, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    let _ = write!(page, "\n### {path}\n");
    if let Some(description) = schema["description"].as_str() {
        let _ = write!(page, "\n{}\n", cell(description));
    }
    page.push_str("\n| field | type | default | constraints | description |\n|---|---|---|---|---|\n");
    let required: Vec<&str> = array(&schema["required"]).iter().filter_map(Value::as_str).collect();
    for (name, field) in properties {
        let mut limits = constraints(field);
        if required.contains(&name.as_str()) {
            limits.insert(0, "required".to_owned());
        }
        let _ = writeln!(
            page,
            "| `{name}` | {} | {} | {} | {} |",
            type_of(field),
            default_of(field),
            limits.join(", "),
            cell(text(&field["description"])),
        );
    }
    rules(page, schema);
    for (name, field) in properties {
        object(page, &format!("{path}.{name}"), field);
        object(page, &format!("{path}.{name}[]"), &field["items"]);
    }
}

fn rules(page: &mut String, schema: &Value) {
    let rules = array(&schema["x-kubernetes-validations"]);
    if rules.is_empty() {
        return;
    }
    page.push_str("\nThe API server refuses the object unless all of these hold:\n\n| field | message | rule (CEL) |\n|---|---|---|\n");
    for rule in rules {
        let field = rule["fieldPath"].as_str().map(|path| format!("`{path}`"));
        let _ = writeln!(
            page,
            "| {} | {} | `{}` |",
            field.unwrap_or_default(),
            cell(text(&rule["message"])),
            text(&rule["rule"]).replace('|', "\\|").replace('`', "'"),
        );
    }
}

fn type_of(field: &Value) -> String {
    let plain = text(&field["type"]);
    match plain {
        "array" => format!("list of {}", type_of(&field["items"])),
        "object" if field["additionalProperties"].is_object() => {
            format!("map of {}", type_of(&field["additionalProperties"]))
        }
        "string" if field["format"] == "date-time" => "time".to_owned(),
        _ => plain.to_owned(),
    }
}

fn default_of(field: &Value) -> String {
    match &field["default"] {
        Value::Null => String::new(),
        default => format!(
            "`{}`",
            default.as_str().map_or_else(|| default.to_string(), str::to_owned)
        ),
    }
}

/// What the schema demands of a value, the values of a list or of a map.
fn constraints(field: &Value) -> Vec<String> {
    let mut limits = Vec::new();
    let choices: Vec<String> = array(&field["enum"])
        .iter()
        .filter_map(|choice| choice.as_str().map(|choice| format!("`{choice}`")))
        .collect();
    if !choices.is_empty() {
        limits.push(format!("one of {}", choices.join(", ")));
    }
    let ranges = [
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " items"),
        ("minProperties", "maxProperties", " entries"),
        ("minimum", "maximum", ""),
    ];
    for (least, most, unit) in ranges {
        match (field[least].as_f64(), field[most].as_f64()) {
            (Some(least), Some(most)) => limits.push(format!("{least} to {most}{unit}")),
            (Some(least), None) => limits.push(format!("at least {least}{unit}")),
            (None, Some(most)) => limits.push(format!("at most {most}{unit}")),
            (None, None) => {}
        }
    }
    if let Some(pattern) = field["pattern"].as_str() {
        limits.push(format!("matches `{}`", pattern.replace('|', "\\|")));
    }
    for inner in [&field["items"], &field["additionalProperties"]]
        .into_iter()
        .filter(|inner| inner.is_object())
    {
        limits.extend(constraints(inner).iter().map(|limit| format!("each {limit}")));
    }
    limits
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn codes(list: &Value) -> String {
    let codes: Vec<String> = array(list).iter().map(|word| format!("`{}`", text(word))).collect();
    codes.join(", ")
}

/// Text in one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
