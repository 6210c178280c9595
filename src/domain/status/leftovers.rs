//! What somebody else has put into a status and server-side apply leaves there.

use serde_json::{Map, Value};

/// The merge patch that takes out of `stored` what `wanted` does not have; `None`: nothing is left over.
///
/// Server-side apply removes only what the operator itself applied before. Conditions of other types are for others to
/// keep, and lists are replaced as a whole.
pub fn without_leftovers(stored: &Value, wanted: &Value) -> Option<Value> {
    let (stored, wanted) = (stored.as_object()?, wanted.as_object()?);
    let mut patch = Map::new();
    for (field, value) in stored {
        let change = match wanted.get(field) {
            _ if field == "conditions" => None,
            None => Some(Value::Null),
            Some(wanted) => without_leftovers(value, wanted),
        };
        if let Some(change) = change {
            patch.insert(field.clone(), change);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}
