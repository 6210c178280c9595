//! Input of limited size: a device has no end.

use std::io::Read;

/// Reads to the end. `beyond`: what is wrong with anything longer than `limit` bytes.
pub(crate) fn limited(place: &str, input: impl Read, limit: u64, beyond: &str) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let read = input.take(limit + 1).read_to_end(&mut text);
    read.map_err(|error| format!("{place}: {error}"))?;
    if text.len() as u64 > limit {
        return Err(format!("{place}: {beyond}"));
    }
    Ok(text)
}
