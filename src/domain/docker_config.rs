//! Docker config documents: as users write them, and as the kubelet reads them.

pub mod canonical;
pub(crate) mod credential_helper;
pub(crate) mod kubelet_document;
pub mod kubelet_secret;
pub mod token;
pub mod user_document;
