//! A pause of all attempts, while this process is short of something.

use std::time::Duration;

use crate::domain::time::{Timestamp, after, since};

/// How long no attempt starts.
pub const LOCAL_PAUSE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Pause {
    end: Option<Timestamp>,
}

impl Pause {
    pub(super) fn begin(&mut self, now: Timestamp) {
        self.end = Some(after(now, LOCAL_PAUSE));
    }

    /// How long it still takes.
    pub(super) fn wait(&mut self, now: Timestamp) -> Option<Duration> {
        let wait = since(now, self.end?);
        // The clock was set back, if it would take longer than all of it.
        if wait.is_zero() || wait > LOCAL_PAUSE {
            self.end = None;
        }
        self.end.map(|_| wait)
    }
}
