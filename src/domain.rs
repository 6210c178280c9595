//! Every rule of the operator. Nothing here knows a client, a clock, the environment or async code.

pub mod claims;
pub mod config_document;
pub mod desired;
pub mod image;
pub mod keyring;
pub mod login;
pub mod object_name;
pub mod ownership;
pub mod packed;
pub mod plan;
pub mod problem;
pub mod pulls;
pub mod registry;
pub mod source;
pub mod spec;
pub mod status;
pub mod template;
pub mod verification;
