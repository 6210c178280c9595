//! What a resource asks for.

pub mod parse;
pub mod template;
pub mod validate;
