//! The pages of `dps ui`.

mod address;
mod api_server;
mod attacks;
mod create;
mod fields;
mod followed;
mod forms;
mod guard;
mod import;
mod limit;
mod limited;
mod list;
mod reading;
mod resource;
mod slow;
mod texts;
