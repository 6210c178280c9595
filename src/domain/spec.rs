//! What a resource declares: read, and validated.

pub mod declaration;
pub mod parse;
pub mod selection;
pub mod template;
pub mod validate;
