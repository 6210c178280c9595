//! What a resource asks for.

pub mod template;
pub mod validate;
