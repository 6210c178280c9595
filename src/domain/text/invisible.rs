//! Characters that nobody sees, or that a terminal obeys.

use std::fmt::Write as _;

use crate::domain::text::cut;

/// Longest name or key in a line, in characters.
pub(crate) const WORD_LENGTH: usize = 300;

/// Longest line that is printed, in characters.
const LINE_LENGTH: usize = 1000;

/// Whether a character is a control (Cc), a format character (Cf, such as bidi and zero width), another one without a
/// glyph, or a line or paragraph separator.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}'
            | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text in one line that shows what is invisible as an escape such as `\u{1b}`.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_invisible(c) {
            let _ = write!(shown, "{}", c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A JSON document that means the same, in which nothing is invisible but the line breaks between its lines.
pub fn visible_json(document: &str) -> String {
    replace_invisible(document, |shown, c| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(shown, "\\u{unit:04x}");
        }
    })
}

/// The same as YAML, which knows no surrogates.
pub fn visible_yaml(document: &str) -> String {
    replace_invisible(document, |shown, c| {
        let code = u32::from(c);
        let _ = match code {
            0..=0xffff => write!(shown, "\\u{code:04x}"),
            _ => write!(shown, "\\U{code:08x}"),
        };
    })
}

fn replace_invisible(document: &str, write_escape: impl Fn(&mut String, char)) -> String {
    let mut shown = String::with_capacity(document.len());
    for c in document.chars() {
        if c != '\n' && is_invisible(c) {
            write_escape(&mut shown, c);
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A line for a terminal: what is invisible is escaped, line breaks too, and what is too long is cut.
pub fn printable(line: &str) -> String {
    let is_plain = line.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    if is_plain && line.len() <= WORD_LENGTH {
        return line.to_owned();
    }
    let words = escaped(&cut(line, LINE_LENGTH));
    let words = words.split(' ').map(|word| cut(word, WORD_LENGTH));
    cut(&words.collect::<Vec<_>>().join(" "), LINE_LENGTH)
}
