//! Text that is stored for long and read now and then, in a fraction of its memory.
//!
//! Statuses say much the same: LZ4 finds in a sample what it would otherwise have to write out for each.

use std::fmt;

use lz4_flex::block::{compress_prepend_size_with_dict, decompress_size_prepended_with_dict};

/// Specs and statuses as resources have them. That they resemble it saves memory, nothing else depends on it.
const SAMPLE: &[u8] = include_bytes!("sample.json");

/// One text. Equal texts are equal here too.
#[derive(Clone, PartialEq, Eq)]
pub struct CompressedJson(Box<[u8]>);

impl CompressedJson {
    /// Packs a text.
    pub fn new(text: &str) -> Self {
        Self(compress_prepend_size_with_dict(text.as_bytes(), SAMPLE).into_boxed_slice())
    }

    /// The text. It is bytes, since that is what parsers take.
    pub fn text(&self) -> Vec<u8> {
        // It was packed here, and can be unpacked.
        decompress_size_prepended_with_dict(&self.0, SAMPLE).unwrap_or_default()
    }

    /// What it takes, in bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for CompressedJson {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.text()))
    }
}
