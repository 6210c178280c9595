//! How often a status may report of failing pods, and so how often there is an Event.

use std::time::Duration;

use crate::domain::time::{Timestamp, since};

/// First and longest pause between two writes; it doubles as long as pods fail.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Within this time, two causes are reported at once and others at a pace.
const CAUSES_WITHIN: Duration = Duration::from_mins(1);

/// The pace of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusThrottle {
    /// When it last reported failing pods, and the pause after that.
    reported: Option<(Timestamp, Duration)>,
    /// When it reported the last two changes of the cause, the older one first.
    causes: [Option<Timestamp>; 2],
}

impl StatusThrottle {
    /// There is another cause: how long it has to wait. `None`: it is reported now. The third within a minute waits as
    /// numbers do: pods that fail in turns for this and that are not worth a write each time.
    pub fn pause_of_cause(&mut self, now: Timestamp) -> Option<Duration> {
        let [first, second] = self.causes;
        if first.is_some_and(|first| !left(first, CAUSES_WITHIN, now).is_zero()) {
            if let Some(pause) = self.pause(now) {
                return Some(pause);
            }
        } else {
            self.reported = Some((now, FIRST_PAUSE));
        }
        self.causes = [second, Some(now)];
        None
    }

    /// There are new numbers: how long they have to wait. `None`: they are reported now.
    pub fn pause(&mut self, now: Timestamp) -> Option<Duration> {
        let (reported, pause) = self.reported.unwrap_or((now, FIRST_PAUSE));
        let left = left(reported, pause, now);
        if !left.is_zero() {
            self.reported = Some((reported, pause));
            return Some(left);
        }
        self.reported = Some((now, (pause * 2).min(LONGEST_PAUSE)));
        None
    }

    /// No pod fails any more.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

/// What is left of a pause that began at `start`; nothing, if the clock was set back since.
fn left(start: Timestamp, pause: Duration, now: Timestamp) -> Duration {
    if start > now {
        Duration::ZERO
    } else {
        pause.saturating_sub(since(start, now))
    }
}
