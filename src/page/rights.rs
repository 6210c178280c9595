//! What a person may do.

/// Whether a person may do something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageRight {
    /// They may, as far as anybody knows.
    Allowed,
    /// They may not, and why.
    Denied(String),
}

impl PageRight {
    /// Why not.
    pub fn denial(&self) -> Option<&str> {
        match self {
            Self::Allowed => None,
            Self::Denied(why) => Some(why),
        }
    }
}
