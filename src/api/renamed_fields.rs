//! Fields of `status.verification` that were renamed: they are read under both names and written under the new one.
//!
//! The schema keeps the old names, because the API server drops fields that it does not know, also from objects that an
//! earlier version of the operator wrote.

use serde::{Deserialize as _, Deserializer, de::Error as _};
use serde_json::{Map, Value, json};

use crate::api::VerificationStatus;

/// Old name, new name.
const RENAMED: [(&str, &str); 3] = [
    ("ofImage", "imageDenied"),
    ("failures", "consecutiveRejections"),
    ("secretAccepted", "secretVerified"),
];

/// Reads `status.verification`. If a field is there under both names, the new one counts.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<VerificationStatus>, D::Error> {
    let Some(mut status) = Option::<Map<String, Value>>::deserialize(deserializer)? else {
        return Ok(None);
    };
    for (old, new) in RENAMED {
        if let Some(value) = status.remove(old) {
            status.entry(new).or_insert(value);
        }
    }
    serde_json::from_value(Value::Object(status))
        .map(Some)
        .map_err(D::Error::custom)
}

/// Adds the old names to the schema of a resource.
pub(crate) fn keep_in_schema(schema: &mut Value) {
    let fields = &mut schema["properties"]["status"]["properties"]["verification"]["properties"];
    for (old, new) in RENAMED {
        let kind = fields[new]["type"].clone();
        fields[old] = json!({
            "type": kind,
            "description": format!("Deprecated: renamed to `{new}`. Read for compatibility with earlier versions, never written."),
        });
    }
}
