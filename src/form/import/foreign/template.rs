//! Templates of docker configs, which a tool fills in later.

use serde_json::Value;

/// Stands for whatever a template fills in: no registry has it in its name.
const FILLED_IN: &str = "\u{fffc}";

/// The registries of a docker config that is a Go template; `None` if it does not say them before it is filled in.
pub(super) fn registries(template: &str) -> Option<Vec<String>> {
    let mut text = String::new();
    let mut rest = template;
    while let Some((before, action)) = rest.split_once("{{") {
        text.extend([before, FILLED_IN]);
        rest = action.split_once("}}")?.1;
    }
    text.push_str(rest);
    let document: Value = serde_json::from_str(&text).ok()?;
    let auths = document["auths"].as_object().or(document.as_object())?;
    let keys: Vec<String> = auths.keys().cloned().collect();
    let is_known = !keys.is_empty() && !keys.iter().any(|key| key.contains(FILLED_IN));
    is_known.then_some(keys)
}
