//! The spellings in which somebody may repeat a text: escaped, encoded, in another case, with blanks inside.

use std::collections::HashSet;

use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine as _};

use crate::domain::text::invisible::is_invisible;

/// Shortest run of base64 or hexadecimal digits that is decoded, in characters.
const SHORTEST_RUN: usize = 8;

/// How many encodings around each other are removed.
const DEPTH: usize = 3;

/// A text that is a secret once encoded cannot have more escapes around it than this in an excerpt.
const ROUNDS: usize = 4;

/// Base64 whose last letter may have bits left over: runs are decoded at each offset.
const LOOSE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Every reading of a text in lower case: as it is, without blanks, only its letters; with its escapes removed; decoded.
pub(super) fn readings(text: &str) -> HashSet<String> {
    let mut found = HashSet::new();
    read(text, DEPTH, &mut found);
    found
}

/// A text in the form that readings have: with its escapes removed, in lower case, without blanks.
pub(super) fn plain(text: &str) -> String {
    folded(unescaped(text).last().map_or(text, String::as_str))
}

/// A text in the form that readings have, with its escapes as they are.
pub(super) fn folded(text: &str) -> String {
    let kept = text.chars().filter(|c| !is_left_out(*c) && *c != '+' && *c != '\\');
    kept.flat_map(char::to_lowercase).collect()
}

/// Only the letters and digits: somebody may put anything between them.
pub(super) fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

fn is_left_out(c: char) -> bool {
    c.is_whitespace() || is_invisible(c)
}

fn read(text: &str, depth: usize, found: &mut HashSet<String>) {
    let escaped = unescaped(text);
    for text in std::iter::once(text).chain(escaped.iter().map(String::as_str)) {
        let reading = folded(text);
        found.insert(text.to_lowercase());
        found.insert(letters(&reading));
        found.insert(reading);
        if depth == 0 {
            continue;
        }
        let dense: String = text.chars().filter(|c| !is_left_out(*c)).collect();
        for decoded in decoded(&dense).into_iter().chain(decoded_hex(&letters(&dense))) {
            read(&decoded, depth - 1, found);
        }
    }
}

/// The text after each round of removing escapes, until nothing changes.
fn unescaped(text: &str) -> Vec<String> {
    let mut rounds: Vec<String> = Vec::new();
    for _ in 0..ROUNDS {
        let before = rounds.last().map_or(text, String::as_str);
        let after = unescape(before);
        if after == before {
            break;
        }
        rounds.push(after);
    }
    rounds
}

/// Removes one round of `%XX`, `\uXXXX`, `\u{X}`, `\xXX`, `\"` and HTML entities.
fn unescape(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some(first) = rest.chars().next() {
        let found = match first {
            '%' => hex(rest.get(1..3)).map(|code| (Escaped::Byte(code), 3)),
            '\\' => backslash(rest),
            '&' => entity(rest),
            _ => None,
        };
        let length = match found {
            Some((Escaped::Byte(code), length)) => {
                bytes.push(u8::try_from(code).unwrap_or_default());
                length
            }
            Some((Escaped::Letter(letter), length)) => {
                bytes.extend(letter.encode_utf8(&mut [0; 4]).bytes());
                length
            }
            None => {
                bytes.extend(first.encode_utf8(&mut [0; 4]).bytes());
                first.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What an escape stands for.
enum Escaped {
    Byte(u32),
    Letter(char),
}

fn hex(digits: Option<&str>) -> Option<u32> {
    let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

fn backslash(text: &str) -> Option<(Escaped, usize)> {
    let letter = |code: u32| char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    match text.as_bytes().get(1)? {
        b'u' if text.as_bytes().get(2) == Some(&b'{') => {
            let end = text.find('}')?;
            Some((Escaped::Letter(letter(hex(text.get(3..end))?)), end + 1))
        }
        b'u' => {
            let first = hex(text.get(2..6))?;
            let second = (text.get(6..8) == Some("\\u")).then(|| hex(text.get(8..12))).flatten();
            match second {
                Some(second @ 0xdc00..=0xdfff) if (0xd800..=0xdbff).contains(&first) => {
                    let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    Some((Escaped::Letter(letter(code)), 12))
                }
                _ => Some((Escaped::Letter(letter(first)), 6)),
            }
        }
        b'x' => Some((Escaped::Byte(hex(text.get(2..4))?), 4)),
        b'n' | b'r' | b't' | b'b' | b'f' | b'0' => Some((Escaped::Letter(' '), 2)),
        b'"' | b'\'' | b'\\' | b'/' => Some((Escaped::Letter(char::from(text.as_bytes()[1])), 2)),
        _ => None,
    }
}

fn entity(text: &str) -> Option<(Escaped, usize)> {
    let end = text.char_indices().take(12).find(|(_, c)| *c == ';')?.0;
    let name = &text[1..end];
    let letter = match name.to_ascii_lowercase().as_str() {
        "quot" => '"',
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "apos" => '\'',
        "nbsp" | "newline" | "tab" => ' ',
        "plus" => '+',
        "sol" => '/',
        "percnt" => '%',
        "colon" => ':',
        "equals" => '=',
        lower => {
            let number = lower.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => hex(Some(digits))?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((Escaped::Letter(letter), end + 1))
}

/// The runs of base64 in a text, in either alphabet, decoded at each offset; and those of hexadecimal digits.
fn decoded(text: &str) -> Vec<String> {
    let standard = text.replace('-', "+").replace('_', "/");
    let is_digit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/');
    let runs = standard.split(|c| !is_digit(c)).filter(|run| run.len() >= SHORTEST_RUN);
    let mut found = Vec::new();
    for run in runs {
        for offset in 0..4 {
            let run = &run[offset..];
            let whole = if run.len() % 4 == 1 { run.len() - 1 } else { run.len() };
            found.extend(LOOSE.decode(&run[..whole]).ok());
        }
    }
    let base64 = found
        .into_iter()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    base64.chain(decoded_hex(text)).collect()
}

fn decoded_hex(text: &str) -> Vec<String> {
    let runs = text.split(|c: char| !c.is_ascii_hexdigit());
    let mut found = Vec::new();
    for run in runs.filter(|run| run.len() >= SHORTEST_RUN) {
        for offset in 0..2 {
            let pairs = run.as_bytes()[offset..].chunks_exact(2);
            let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default();
            let bytes = pairs.map(|pair| u8::try_from(digit(pair[0]) * 16 + digit(pair[1])).unwrap_or_default());
            found.push(String::from_utf8_lossy(&bytes.collect::<Vec<_>>()).into_owned());
        }
    }
    found
}
