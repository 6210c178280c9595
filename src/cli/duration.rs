//! Durations as arguments.

use std::time::Duration;

use k8s_openapi::jiff::SignedDuration;

/// Such as `90s` or `5m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration: Option<SignedDuration> = text.parse().ok();
    let duration = duration.and_then(|duration| Duration::try_from(duration).ok());
    duration.ok_or_else(|| "write a duration such as 90s or 5m".to_owned())
}

/// As kubectl takes a timeout: a number without a unit is in seconds.
pub(crate) fn timeout(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => duration(text).map_err(|_| "write a number of seconds, or a duration such as 90s or 5m".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::timeout;

    #[test]
    fn timeout_has_the_syntax_of_kubectl() {
        for (text, expected) in [
            ("0", Some(0)),
            ("5", Some(5000)),
            ("5s", Some(5000)),
            ("1m", Some(60_000)),
            ("1m30s", Some(90_000)),
            ("250ms", Some(250)),
            ("1.5h", Some(5_400_000)),
            ("", None),
            ("-5", None),
            ("-5s", None),
            ("5 parsecs", None),
            ("soon", None),
        ] {
            assert_eq!(timeout(text).ok(), expected.map(Duration::from_millis), "{text:?}");
        }
    }
}
