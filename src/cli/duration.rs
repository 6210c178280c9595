//! Durations in arguments.

use std::time::Duration;

use k8s_openapi::jiff::SignedDuration;

/// Reads a duration such as 90s or 5m.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let duration: Option<SignedDuration> = text.parse().ok();
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "write a duration such as 90s or 5m".to_owned())
}
