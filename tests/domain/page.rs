//! The pages of `dps ui`.

mod attacks;
mod fields;
mod guard;
mod limit;
mod list;
