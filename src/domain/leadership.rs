//! Which of several replicas is the leader: the one that holds a Lease. Others are on standby: they watch, and take over when it is given back or was
//! not renewed for too long.
//!
//! Nobody trusts the clock of another machine: a Lease is expired when this process has seen it unchanged for its whole
//! duration. Times are those of a clock that is never set, since the start of the process.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;

/// For how long a Lease is held after it was written. A holder that is cut off has stopped by then.
pub const LEASE_DURATION: Duration = Duration::from_secs(30);

/// Time between two looks at the Lease: another replica takes over so soon after a stop.
pub const LEASE_INTERVAL: Duration = Duration::from_secs(2);

/// Longest time for a request for the Lease.
pub const LEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two renewals.
const RENEWAL: Duration = Duration::from_secs(5);

/// A Lease as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedLease {
    /// Who holds it; empty when it was given back.
    pub holder: String,
    /// Its resource version.
    pub version: String,
    /// For how long it is held after a write.
    pub duration: Duration,
}

impl ObservedLease {
    /// What a Lease says.
    pub fn of(lease: &Lease) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        let seconds = spec
            .lease_duration_seconds
            .and_then(|seconds| u64::try_from(seconds).ok());
        Self {
            holder: spec.holder_identity.unwrap_or_default(),
            version: lease.metadata.resource_version.clone().unwrap_or_default(),
            duration: seconds.map_or(LEASE_DURATION, Duration::from_secs),
        }
    }
}

/// What to do about the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseStep {
    /// Create it with this process as its holder.
    Create,
    /// Write this process into it, if it is still the same.
    Take,
    /// Write it again, if it is still the same.
    Renew,
    /// Nothing now.
    Wait,
    /// It is not this process's any more: the process has to end.
    Lost,
}

/// What one process knows of the Lease.
#[derive(Debug)]
pub struct Leadership {
    identity: String,
    /// Resource version of the Lease, and since when it has been that.
    seen: Option<(String, Duration)>,
    /// When the last write of this process began that made or left it the holder.
    written: Option<Duration>,
}

impl Leadership {
    /// A process that holds nothing. Its `identity` is that of no other process, also not of a former one.
    pub fn new(identity: String) -> Self {
        Self {
            identity,
            seen: None,
            written: None,
        }
    }

    /// Who this is.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Decides by the Lease as it is at `now`, if there is one.
    pub fn step(&mut self, lease: Option<&ObservedLease>, now: Duration) -> LeaseStep {
        if let Some(written) = self.written {
            // Who held it meanwhile may have changed what this process remembers.
            if lease.is_none_or(|lease| lease.holder != self.identity) {
                return LeaseStep::Lost;
            }
            return if now.saturating_sub(written) >= RENEWAL {
                LeaseStep::Renew
            } else {
                LeaseStep::Wait
            };
        }
        let Some(lease) = lease else {
            return LeaseStep::Create;
        };
        let since = match &self.seen {
            Some((version, since)) if *version == lease.version => *since,
            _ => now,
        };
        self.seen = Some((lease.version.clone(), since));
        let is_expired = now.saturating_sub(since) >= lease.duration;
        // Its own name: the API server has accepted a write that it did not answer in time.
        if lease.holder.is_empty() || lease.holder == self.identity || is_expired {
            LeaseStep::Take
        } else {
            LeaseStep::Wait
        }
    }

    /// The API server has accepted a write that began at `begun`.
    pub fn written(&mut self, begun: Duration) {
        self.written = Some(begun);
    }

    /// This process is about to give the Lease back: nothing may begin any more.
    pub fn give_back(&mut self) {
        self.written = None;
    }

    /// Whether this process has the Lease to give back.
    pub fn holds(&self, lease: &ObservedLease) -> bool {
        lease.holder == self.identity
    }

    /// For how much longer no other process can hold the Lease.
    pub fn left(&self, now: Duration) -> Duration {
        let end = self.written.map(|written| written + LEASE_DURATION);
        end.map_or(Duration::ZERO, |end| end.saturating_sub(now))
    }
}
