//! Docker config documents: as users write them, and as kubelets read them.

pub(crate) mod kubelet_document;
pub mod kubelet_secret;
pub mod user_document;
