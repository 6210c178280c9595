//! Why images cannot be pulled, and whose fault that is (domain.md D).
//!
//! A report of a kubelet ([`signal`]) and what the pod's Secrets hold for the image ([`secret`]) give the cause
//! ([`resolve`]); [`diagnosis`] adds who is to blame and what to do. [`watchlist`] remembers the pods that fail,
//! and [`survey`] is what a resource is told of them.

mod advice;
pub mod cause;
pub mod diagnosis;
mod document;
pub mod explain;
pub mod mismatch;
pub mod pod;
pub mod relation;
pub mod resolve;
pub mod secret;
pub mod signal;
pub mod summary;
pub mod survey;
pub mod text;
pub mod watchlist;
mod wording;
