//! From what a reconcile found to the status that is published.

pub mod build;
pub mod conditions;
pub mod equal;
pub mod event;
pub mod figures;
pub mod leftovers;
pub mod outcome;
