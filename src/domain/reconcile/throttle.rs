//! How often a status may report that only the number of failing pods has changed.

use std::time::Duration;

use crate::domain::time::{Timestamp, since};

/// First and longest pause between two writes for numbers alone; it doubles as long as pods fail.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// The pace of one resource: when it last reported failing pods, and the pause after that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusThrottle(Option<(Timestamp, Duration)>);

impl StatusThrottle {
    /// A cause is reported now.
    pub fn begin(&mut self, now: Timestamp) {
        self.0 = Some((now, FIRST_PAUSE));
    }

    /// There are new numbers: how long they have to wait. `None`: they are reported now.
    pub fn pause(&mut self, now: Timestamp) -> Option<Duration> {
        let (reported, pause) = self.0.unwrap_or((now, FIRST_PAUSE));
        // The clock may have been set back since.
        let left = if reported > now {
            Duration::ZERO
        } else {
            pause.saturating_sub(since(reported, now))
        };
        self.0 = if left.is_zero() {
            Some((now, (pause * 2).min(LONGEST_PAUSE)))
        } else {
            Some((reported, pause))
        };
        (!left.is_zero()).then_some(left)
    }

    /// No pod fails any more.
    pub fn reset(&mut self) {
        self.0 = None;
    }
}
