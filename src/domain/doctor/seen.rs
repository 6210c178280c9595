//! Whether something could be looked at.

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen<T> {
    /// It was read.
    Read(T),
    /// It is not looked at: completes "skipped, because ...".
    Skipped(String),
    /// It could not be read: a whole sentence without a final stop.
    Failed(String),
}

impl<T> Seen<T> {
    /// The user has no right to `what`, such as "list Deployments".
    pub fn denied(what: &str) -> Self {
        Self::Skipped(format!("you may not {what}"))
    }

    /// The same look, with something made of what was read.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Seen<U> {
        self.and_then(|read| Seen::Read(make(read)))
    }

    /// The same look, with what comes of what was read.
    pub fn and_then<U>(self, make: impl FnOnce(T) -> Seen<U>) -> Seen<U> {
        match self {
            Self::Read(read) => make(read),
            Self::Skipped(why) => Seen::Skipped(why),
            Self::Failed(why) => Seen::Failed(why),
        }
    }

    /// Two looks as one.
    pub fn and<U>(self, other: Seen<U>) -> Seen<(T, U)> {
        match (self, other) {
            (Self::Read(read), Seen::Read(other)) => Seen::Read((read, other)),
            (Self::Failed(why), _) | (_, Seen::Failed(why)) => Seen::Failed(why),
            (Self::Skipped(why), _) | (_, Seen::Skipped(why)) => Seen::Skipped(why),
        }
    }

    /// What was read, if it was.
    pub fn read(&self) -> Option<&T> {
        match self {
            Self::Read(read) => Some(read),
            Self::Skipped(_) | Self::Failed(_) => None,
        }
    }
}
