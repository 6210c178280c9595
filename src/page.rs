//! The pages of `dps ui`: what is shown, as HTML, and which requests may see it. They work without JavaScript.

pub mod address;
pub mod assets;
pub mod commands;
pub mod create;
pub mod delete;
pub mod doctor;
mod escape;
pub mod explain;
pub mod followed;
pub mod frame;
pub mod guard;
pub mod import;
pub mod list;
pub mod login_limit;
pub mod resource;
pub mod rights;
pub mod state;
