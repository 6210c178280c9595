//! What a resource wants: read, and validated.

pub mod parse;
pub mod template;
pub mod validate;
