//! States by word, shape and color.

use crate::domain::listing::ResourceState;

/// How a state is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateWord {
    /// The word.
    pub word: &'static str,
    /// The shape, for whoever does not tell the colors apart.
    pub shape: &'static str,
    /// The class of the style sheet, and the value in an address.
    pub class: &'static str,
}

impl StateWord {
    /// Of a resource.
    pub fn of(state: ResourceState) -> Self {
        let (word, shape, class) = match state {
            ResourceState::NotReady => ("Not ready", "✕", "bad"),
            ResourceState::Failing => ("Pods fail", "!", "warn"),
            ResourceState::Suspended => ("Suspended", "‖", "paused"),
            ResourceState::Ready => ("Ready", "✓", "good"),
        };
        Self { word, shape, class }
    }

    /// Of a condition.
    pub fn of_condition(is_good: Option<bool>) -> Self {
        let (word, shape, class) = match is_good {
            Some(true) => ("Yes", "✓", "good"),
            Some(false) => ("No", "✕", "bad"),
            None => ("Unknown", "?", "paused"),
        };
        Self { word, shape, class }
    }
}
