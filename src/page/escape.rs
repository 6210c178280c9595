//! Texts in a page.

use std::fmt::{Result, Write};

use askama::filters::{Escaper, Html};

use crate::domain::text::invisible::is_invisible;

/// Escapes for HTML, and shows what is invisible as an escape such as `\u{202e}`: others write what is shown, and it must not look
/// like something else. Line breaks stay. All templates use it.
#[derive(Clone, Copy)]
pub(crate) struct VisibleHtml;

impl Escaper for VisibleHtml {
    fn write_escaped_str<W: Write>(&self, mut page: W, text: &str) -> Result {
        let hidden = |c: char| c != '\n' && is_invisible(c);
        let mut rest = text;
        while let Some(c) = rest.chars().find(|c| hidden(*c)) {
            let (before, after) = rest.split_once(c).unwrap_or_default();
            Html.write_escaped_str(&mut page, before)?;
            write!(page, "{}", c.escape_unicode())?;
            rest = after;
        }
        Html.write_escaped_str(page, rest)
    }
}
