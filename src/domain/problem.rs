//! What a user can get wrong, or has to wait for. Failures of the platform are errors of the controller, never this.

use crate::api::Reason;

/// An expected outcome that ends a reconcile: a reason from the API and a sentence that says what is wrong, where, and
/// what is right. The sentence is published in the status: it never holds a value from a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The reason of the condition.
    pub reason: Reason,
    /// The message of the condition.
    pub message: String,
}

impl Problem {
    /// A problem with its sentence.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self {
            reason,
            message: message.into(),
        }
    }
}

/// The problem of an object that does not fit the schema. `error` is the parser's; values that it quotes are left out.
pub fn unparsable(error: &str) -> Problem {
    Problem::new(
        Reason::InvalidSpec,
        format!(
            "the resource does not fit the schema of this version of the operator: {}",
            without_values(error)
        ),
    )
}

/// The problem of one field, at `place`, that does not fit the schema.
pub(crate) fn unparsable_at(place: &str, error: &str) -> Problem {
    Problem::new(Reason::InvalidSpec, format!("{place}: {}", without_values(error)))
}

/// A parser's words without the values that it quotes, and without names of Rust types.
fn without_values(error: &str) -> String {
    let outside_quotes: Vec<&str> = error.split('"').step_by(2).collect();
    let mut error = outside_quotes.join("…");
    // Names of fields are in backticks too, and they help.
    if let Some((before, (_, after))) = error
        .split_once("unknown variant `")
        .and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
    {
        error = format!("{before}unknown value …{after}");
    }
    match error.split_once("expected struct ") {
        Some((before, after)) => {
            let name_length = after.find(|c: char| !c.is_alphanumeric()).unwrap_or(after.len());
            format!("{before}expected an object{}", &after[name_length..])
        }
        None => error,
    }
}
