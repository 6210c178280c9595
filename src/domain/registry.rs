//! Registries: what is special about them, the key of a docker config entry, which images it matches, and how images are
//! named.

pub mod dialect;
pub mod image;
pub mod image_pattern;
pub mod key;
pub mod manifest;
pub mod matching;
pub mod mismatch;
mod url;
