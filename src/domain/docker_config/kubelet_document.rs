//! Docker config documents as Go's `encoding/json` reads them into the kubelet's types: repeated fields all count, in their
//! order, and the case of their names does not matter.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A JSON value, as far as it matters here.
#[derive(Clone)]
pub(crate) enum Json {
    /// `null`.
    Null,
    /// A string.
    Text(String),
    /// An object: its members in order, repeated names included.
    Object(Vec<(String, Json)>),
    /// A number, boolean or array.
    Other,
}

impl Json {
    /// Reads a document. Go replaces bytes that are not UTF-8 by U+FFFD.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        serde_json::from_str(&String::from_utf8_lossy(document)).ok()
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self, Self::Object(_))
    }

    /// Whether Go accepts it as a map of strings.
    pub(crate) fn is_text_map(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Object(members) => members
                .iter()
                .all(|(_, value)| matches!(value, Self::Text(_) | Self::Null)),
            Self::Text(_) | Self::Other => false,
        }
    }
}

/// Every member that Go accepts as the field `name`, which is in lower case.
pub(crate) fn fields<'a>(members: &'a [(String, Json)], name: &str) -> impl Iterator<Item = &'a Json> {
    let members = members.iter().filter(move |(key, _)| fold(key).eq(name.chars()));
    members.map(|(_, value)| value)
}

/// A string field: the last value counts, and `null` changes nothing. `None`: a value is not a string.
pub(crate) fn text<'a>(members: &'a [(String, Json)], name: &str) -> Option<&'a str> {
    fields(members, name).try_fold("", |before, value| match value {
        Json::Text(text) => Some(text.as_str()),
        Json::Null => Some(before),
        Json::Object(_) | Json::Other => None,
    })
}

/// Without regard to case, Go takes two letters beyond ASCII for letters of ASCII.
fn fold(name: &str) -> impl Iterator<Item = char> {
    name.chars().map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    })
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Json::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}
