//! Text as editors and shells save it, with the marks that they leave in it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// U+FEFF: what Windows editors and PowerShell put in front of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What was left out of a value. Displayed, it completes "key ... of Secret ...".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
pub enum Trimmed {
    /// The mark at the start.
    #[strum(to_string = "begins with a byte order mark, which is left out")]
    ByteOrderMark,
    /// The line break at the end.
    #[strum(to_string = "ends with a line break, which is left out")]
    LineBreak,
}

/// Reads UTF-8 text. The error completes "key ... of Secret ...".
pub fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    if is_utf16(bytes) {
        return Err("is UTF-16 text: save it as UTF-8 (PowerShell 5 writes UTF-16 with \">\")");
    }
    std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text")
}

/// Decodes base64 in any alphabet, with or without padding and line breaks.
pub(crate) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.trim().chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let unpadded = text.trim_end_matches('=');
    if unpadded.contains(['-', '_']) {
        URL_SAFE_NO_PAD.decode(unpadded).ok()
    } else {
        STANDARD_NO_PAD.decode(unpadded).ok()
    }
}

/// Whether the bytes are UTF-16: a byte order mark, or every second byte of the beginning NUL.
fn is_utf16(bytes: &[u8]) -> bool {
    let has_mark = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
    let beginning = &bytes[..bytes.len().min(16)];
    let is_every_second_nul = |offset: usize| {
        let nul = |(position, byte): (usize, &u8)| (position % 2 == offset) == (*byte == 0);
        beginning.len() >= 4 && beginning.len().is_multiple_of(2) && beginning.iter().enumerate().all(nul)
    };
    has_mark || is_every_second_nul(0) || is_every_second_nul(1)
}

/// Whether the text still has a byte order mark: it is invisible, so nobody put it there on purpose.
pub(crate) fn has_byte_order_mark(text: &str) -> bool {
    text.contains(BYTE_ORDER_MARK)
}

/// Without a byte order mark at the start and the one line break at the end.
pub fn trim<'a>(text: &'a str, trimmed: &mut Vec<Trimmed>) -> &'a str {
    let line = trim_mark(text, trimmed);
    let rest = trim_line_break(line);
    if rest.len() < line.len() {
        trimmed.push(Trimmed::LineBreak);
    }
    rest
}

/// Without a byte order mark at the start.
pub fn trim_mark<'a>(text: &'a str, trimmed: &mut Vec<Trimmed>) -> &'a str {
    let rest = text.trim_start_matches(BYTE_ORDER_MARK);
    if rest.len() < text.len() {
        trimmed.push(Trimmed::ByteOrderMark);
    }
    rest
}

/// Without the one line break that `echo` and editors leave at the end of a file. No password ends in one.
pub fn trim_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}
