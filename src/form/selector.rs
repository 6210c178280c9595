//! Label selectors as `kubectl` takes them: `env=prod,tier!=web,team in (a, b),!legacy`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};

/// Reads a selector; an empty one selects all.
pub fn parse(text: &str) -> Result<LabelSelector, String> {
    let (mut labels, mut requirements) = (BTreeMap::new(), Vec::new());
    for part in split(text) {
        let part = part.trim();
        if part.is_empty() {
            return if text.trim().is_empty() {
                Ok(LabelSelector::default())
            } else {
                Err("has an empty requirement between two commas".to_owned())
            };
        }
        if let Some((key, values)) = part.split_once('(') {
            let values = values
                .strip_suffix(')')
                .ok_or_else(|| format!("has no closing parenthesis in {part:?}"))?;
            let (key, operator) = match key.trim().rsplit_once(char::is_whitespace) {
                Some((key, "in")) => (key, "In"),
                Some((key, "notin")) => (key, "NotIn"),
                _ => return Err(malformed(part)),
            };
            let values = values.split(',').map(|value| value.trim().to_owned()).collect();
            requirements.push(requirement(word(key, part)?, operator, Some(values)));
        } else if let Some((key, value)) = part.split_once("!=") {
            let value = vec![value.trim().to_owned()];
            requirements.push(requirement(word(key, part)?, "NotIn", Some(value)));
        } else if let Some((key, value)) = part.split_once('=') {
            let value = value.strip_prefix('=').unwrap_or(value).trim();
            labels.insert(word(key, part)?, value.to_owned());
        } else if let Some(key) = part.strip_prefix('!') {
            requirements.push(requirement(word(key, part)?, "DoesNotExist", None));
        } else {
            requirements.push(requirement(word(part, part)?, "Exists", None));
        }
    }
    Ok(LabelSelector {
        match_labels: (!labels.is_empty()).then_some(labels),
        match_expressions: (!requirements.is_empty()).then_some(requirements),
    })
}

/// At commas that are not inside parentheses.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    text.split(move |c| {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    })
}

fn requirement(key: String, operator: &str, values: Option<Vec<String>>) -> LabelSelectorRequirement {
    LabelSelectorRequirement {
        key,
        operator: operator.to_owned(),
        values,
    }
}

fn word(key: &str, part: &str) -> Result<String, String> {
    let key = key.trim();
    if key.is_empty() || key.contains(|c: char| c.is_whitespace() || "!=()".contains(c)) {
        return Err(malformed(part));
    }
    Ok(key.to_owned())
}

fn malformed(part: &str) -> String {
    format!("has the requirement {part:?}: write key=value, key!=value, key in (a,b), key notin (a,b), key or !key")
}
