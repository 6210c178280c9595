//! Parses what a kubelet reports, and hides its secrets before it is shown.

pub mod columns;
pub mod few;
pub mod invisible;
pub mod shell;

/// What kubelets put before the words of the runtime (`pkg/kubelet/images/image_manager.go` in Kubernetes 1.37).
const WRAPPERS: [&str; 2] = ["Back-off pulling image \"", "Failed to pull image \""];

/// Waiting reasons that kubelets put before the message of the last attempt.
const REASONS: [&str; 6] = [
    "ErrImagePull",
    "ImagePullBackOff",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "ImageInspectError",
    "ErrImageNeverPull",
];

/// How errors of runtimes begin. In a list of several attempts, this is where the next one begins.
const BEGINNINGS: [&str; 16] = [
    "failed to pull",
    "failed to resolve",
    "rpc error:",
    "Error response from daemon",
    "initializing source",
    "unable to pull image",
    "copying system image",
    "choosing an image",
    "choosing image",
    "reading manifest",
    "reading blob",
    "pinging container registry",
    "Error reading manifest",
    "Error initializing source",
    "Head \"",
    "Get \"",
];

/// The words of the runtime, and the waiting reason of the last attempt if the text names it. The words are empty if the
/// text says only that the kubelet waits.
pub fn unwrap(message: &str) -> (Option<&'static str>, &str) {
    let (mut text, mut reason) = (message.trim(), None);
    loop {
        let wrapped = WRAPPERS.iter().find_map(|wrapper| {
            let (_, rest) = text.strip_prefix(wrapper)?.split_once('"')?;
            Some(rest.trim_start_matches(':').trim_start())
        });
        if let Some(rest) = wrapped {
            text = rest;
            continue;
        }
        let named = REASONS
            .iter()
            .find_map(|name| Some((*name, text.strip_prefix(name)?.strip_prefix(':')?.trim_start())));
        match named {
            Some((name, rest)) => (reason, text) = (Some(name), rest),
            None => return (reason, text),
        }
    }
}

/// Image and report of an Event `Failed to pull image "X": …`.
pub fn failed_to_pull(message: &str) -> Option<(&str, &str)> {
    message.strip_prefix("Failed to pull image \"")?.split_once("\": ")
}

/// The Secrets that an Event `FailedToRetrieveImagePullSecret` names.
pub fn missing_pull_secrets(message: &str) -> impl Iterator<Item = &str> {
    let names = message
        .strip_prefix("Unable to retrieve some image pull secrets (")
        .and_then(|rest| rest.split_once(')'));
    names
        .map_or("", |(names, _)| names)
        .split(", ")
        .filter(|name| !name.is_empty())
}

/// The pull attempts in a text: a kubelet joins those with several credentials as `[a, b]`. CRI-O also reports mirrors, and
/// a second try that pulls the image as an artifact; only the part about the image itself counts.
pub fn attempts(text: &str) -> Vec<&str> {
    if let Some((_, primary)) = text
        .split_once("Mirrors also failed")
        .and_then(|(_, rest)| rest.split_once("]): "))
    {
        return vec![primary];
    }
    if let Some((image, _)) = text.split_once("; artifact err: ") {
        return vec![image];
    }
    let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
        return vec![text];
    };
    let mut parts = Vec::new();
    let mut begin = 0;
    for (end, separator) in inner.match_indices(", ") {
        let next = end + separator.len();
        if BEGINNINGS.iter().any(|beginning| inner[next..].starts_with(beginning)) {
            parts.push(&inner[begin..end]);
            begin = next;
        }
    }
    parts.push(&inner[begin..]);
    parts
}

/// A text without URLs and without the image: their words are no part of the report.
pub fn without_names(text: &str, image: &str) -> String {
    let bare = image.split('@').next().unwrap_or_default();
    let names_image = |word: &str| {
        word == image || (word.contains('/') && (image.contains(word) || (!bare.is_empty() && word.contains(bare))))
    };
    let words = text.split_whitespace().map(|word| {
        let name = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        match word.rfind(name) {
            Some(begin) if !name.is_empty() && (word.contains("://") || names_image(name)) => {
                &word[begin + name.len()..]
            }
            _ => word,
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A text as it may be shown: one line, no user info and no query of a URL, no token, at most `length` characters.
pub fn excerpt(text: &str, length: usize) -> String {
    let text = without_spaced_user_info(text);
    let words: Vec<String> = text.split_whitespace().map(without_secrets).collect();
    let mut hidden_next = false;
    let mut shown = Vec::new();
    for word in words {
        let bare = word
            .trim_matches(|c: char| !c.is_ascii_alphanumeric())
            .to_ascii_lowercase();
        shown.push(if hidden_next { "[redacted]".to_owned() } else { word });
        hidden_next = matches!(bare.as_str(), "basic" | "bearer") && !hidden_next && follows_authorization(&shown);
    }
    cut(&shown.join(" "), length)
}

/// A registry key as it may be shown: a URL that somebody pasted can hold user name and password, which kubelets ignore.
pub fn shown_key(key: &str) -> String {
    let (scheme, rest) = key.split_at(key.find("://").map_or(0, |end| end + 3));
    let (user, rest) = match rest.rfind('@') {
        Some(end) => ("[redacted]", &rest[end..]),
        None => ("", rest),
    };
    let (rest, query) = match rest.split_once(['?', '#']) {
        Some((rest, _)) => (rest, "?…"),
        None => (rest, ""),
    };
    format!("{scheme}{user}{rest}{query}")
}

fn follows_authorization(shown: &[String]) -> bool {
    let before = shown
        .len()
        .checked_sub(2)
        .map(|index| shown[index].to_ascii_lowercase());
    before.is_some_and(|word| word.contains("authorization"))
}

/// Hides user infos of URLs that have a blank in them, which would end the URL.
fn without_spaced_user_info(text: &str) -> String {
    let (mut shown, mut rest) = (String::new(), text);
    while let Some((before, url)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        rest = url;
        let end = url.find("://").unwrap_or(url.len());
        let (first, others) = url[..end].split_at(url[..end].find(char::is_whitespace).unwrap_or(end));
        if user_info_end(first).is_some() {
            continue;
        }
        let next = others.split_whitespace().next().unwrap_or_default();
        let is_port = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
        let has_password = first.split_once(':').is_some_and(|(_, rest)| !is_port(rest));
        let reach = if has_password && !first.contains('"') {
            others.find('"').unwrap_or(others.len())
        } else {
            others.find(next).unwrap_or_default() + next.len()
        };
        if let Some(end) = user_info_end(&others[..reach]) {
            shown.push_str("[redacted]");
            rest = &others[end..];
        }
    }
    shown + rest
}

fn without_secrets(word: &str) -> String {
    let (mut shown, mut rest) = (String::new(), word);
    while let Some((before, url)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        rest = match user_info_end(url) {
            Some(end) => {
                shown.push_str("[redacted]");
                &url[end..]
            }
            None => url,
        };
        if let Some((before, query)) = rest.split_once('?') {
            shown.push_str(before);
            shown.push_str("?…");
            let end = query.find(['"', '\'', ')', '>', ',']);
            rest = &query[end.unwrap_or_else(|| query.trim_end_matches([':', ';', '.']).len())..];
        }
    }
    shown.push_str(rest);
    // A JSON web token.
    while let Some(begin) = shown.find("eyJ") {
        let token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=');
        let length = shown[begin..].find(|c| !token(c));
        let end = length.map_or(shown.len(), |length| begin + length);
        shown.replace_range(begin..end, "[redacted]");
    }
    shown
}

/// The last `@` of a URL without its scheme that begins no digest. A pasted password may have an unescaped `/`, `?` or `#`
/// in it, which would end the host name of a valid URL.
fn user_info_end(url: &str) -> Option<usize> {
    let begins_digest = |end: usize| {
        let rest = &url[end + 1..];
        ["sha256:", "sha384:", "sha512:"]
            .iter()
            .any(|algorithm| rest.starts_with(algorithm))
    };
    url.rmatch_indices('@')
        .map(|(end, _)| end)
        .find(|end| !begins_digest(*end))
}

/// At most `length` characters.
pub fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
