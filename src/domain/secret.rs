//! The Secret to generate, and whether it may be written.

pub mod desired;
pub mod masked;
pub mod ownership;
pub mod plan;
pub mod precondition;
pub mod shape;
