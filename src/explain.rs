//! Which credentials a pod or an image would use, and why a pull fails. Pure: callers read objects from files or from a
//! cluster, and show the report.

pub mod bundle;
mod many_namespaces;
pub mod pod_event;
pub mod report;
pub mod secrets;
pub mod subject;
pub mod words;
