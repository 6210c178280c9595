//! Whether a report contains the words of a pattern.

/// Words in front of an HTTP status.
const BEFORE: [&str; 7] = ["status", "code", "statuscode", "http", "response", "error", "answered"];

/// Words after an HTTP status, with or without a parenthesis.
const AFTER: [&str; 10] = [
    "proxy authentication",
    "authenticationrequired",
    "unauthorized",
    "forbidden",
    "not found",
    "too many requests",
    "internal server error",
    "bad gateway",
    "service unavailable",
    "gateway time",
];

/// Whether one fragment of a pattern occurs in a report in lower case: text, the word `eof`, or an HTTP status such as
/// `401` or `5xx`.
pub(crate) fn occurs(text: &str, fragment: &str) -> bool {
    match fragment.as_bytes() {
        [b'1'..=b'5', b'x', b'x'] => has_status(text, |code| code.starts_with(&fragment[..1])),
        [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9'] => has_status(text, |code| code == fragment),
        b"eof" => text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(|word| word == fragment),
        _ => text.contains(fragment),
    }
}

/// Whether a report names an HTTP status. A number can also be a port, or a part of a digest or a name: the text before
/// and after it decides.
pub(crate) fn has_status(text: &str, is_wanted: impl Fn(&str) -> bool) -> bool {
    let mut numbers = text
        .match_indices(|c: char| c.is_ascii_digit())
        .filter_map(|(start, _)| {
            let code = text.get(start..start + 3)?;
            (code.bytes().all(|byte| byte.is_ascii_digit()) && is_wanted(code)).then_some(start)
        });
    numbers.any(|start| is_status(&text[..start], &text[start + 3..]))
}

fn is_status(before: &str, after: &str) -> bool {
    let stands_alone = !before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
        && !after.starts_with(|c: char| c.is_ascii_alphanumeric());
    // containerd before 1.7: "failed with status code [manifests 1.0]: 503 …".
    let bracket = before.strip_suffix("]: ").and_then(|text| text.rsplit_once(" ["));
    let before = bracket.map_or(before, |(text, _)| text);
    let words_before = before.trim_end_matches(|c: char| !c.is_ascii_alphabetic());
    let last_word = words_before
        .rsplit(|c: char| !c.is_ascii_alphabetic())
        .next()
        .unwrap_or_default();
    let is_near = before.len() - words_before.len() <= 3;
    // containerd since 1.7, without the URL: "unexpected status from GET request to : 503 …".
    let is_announced = (is_near && BEFORE.contains(&last_word)) || before.ends_with("request to : ");
    let after = after.trim_start().trim_start_matches('(');
    stands_alone && (is_announced || AFTER.iter().any(|words| after.starts_with(words)))
}
