//! Why images cannot be pulled, and whose fault that is.
//!
//! The report of a kubelet ([`classify`]) and what the pod's Secrets hold for the image give the cause ([`infer`]);
//! [`diagnosis`] adds who is to blame and what to do. [`failing_pods`] remembers the pods that fail, and [`survey`] is
//! what a resource learns of them.

pub(crate) mod advice;
pub mod cause;
pub mod classify;
pub mod context;
pub mod diagnosis;
pub(crate) mod docker_hub;
pub mod elsewhere;
pub mod error_class;
pub mod failing_pods;
pub mod fix;
pub mod infer;
pub mod patterns;
pub mod peer;
pub mod pod;
pub mod relevance;
pub(crate) mod remedy;
pub mod resource;
pub mod summary;
pub mod survey;
pub mod template;
pub(crate) mod words;
