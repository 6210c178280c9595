//! What a user can get wrong, or has to wait for. Failures of the platform are errors of the shell, never this.

use crate::api::Reason;

/// An expected outcome that stops a pass: a reason from the API and a sentence that says what is wrong, where, and what
/// would be right. The sentence is published in status: it never holds a value from a Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The word for the condition.
    pub reason: Reason,
    /// The sentence for the condition.
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

/// The problem of an object that does not parse. `error` is the parser's; values that it quotes are left out.
pub fn unparsable(error: &str) -> Problem {
    let outside_quotes: Vec<&str> = error.split('"').step_by(2).collect();
    let mut error = outside_quotes.join("…");
    // Names of fields stand in backticks too, and they help.
    if let Some((before, (_, after))) = error
        .split_once("unknown variant `")
        .and_then(|(before, rest)| Some((before, rest.split_once('`')?)))
    {
        error = format!("{before}unknown variant …{after}");
    }
    Problem::new(
        Reason::InvalidSpec,
        format!("the resource does not fit the schema of this operator's version: {error}"),
    )
}
