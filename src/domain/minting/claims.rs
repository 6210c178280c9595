//! What a token says of itself. Nobody verifies it here: it is for schedules and messages only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::time::Timestamp;

/// The claims of a JSON web token (RFC 7519) that matter here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Claims {
    /// Who signed it.
    pub iss: String,
    /// Who it is about.
    pub sub: String,
    /// Who it is for: a text or a list of texts.
    #[serde(deserialize_with = "audiences")]
    pub aud: Vec<String>,
    /// Until when it is valid, in seconds since 1970.
    exp: Option<f64>,
}

impl Claims {
    /// The claims of a token; `None` if it is not one.
    pub fn read(token: &str) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let payload = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&payload).ok()
    }

    /// Until when it is valid.
    pub fn expires_at(&self) -> Option<Timestamp> {
        seconds(self.exp?)
    }
}

fn audiences<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let texts = |value: &Value| match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(all) => all.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    Value::deserialize(deserializer).map(|value| texts(&value))
}

/// The time this many seconds after 1970, without the part of a second.
#[allow(clippy::cast_possible_truncation, reason = "a time that is out of range is none")]
pub(super) fn seconds(since_1970: f64) -> Option<Timestamp> {
    Timestamp::from_second(since_1970 as i64).ok()
}
