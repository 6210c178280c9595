//! Which credentials a pod or an image would use, and why a pull fails. Pure: the command line and a page show it.

pub(crate) mod bundle;
pub(crate) mod pod_event;
pub mod secrets;
