//! Which changes of a resource call for a reconcile.

use kube::core::ObjectMeta;

use crate::api::VERIFY_ANNOTATION;

/// Whether a change of metadata calls for a reconcile. A change of the spec shows as another generation.
pub fn metadata_calls(old: &ObjectMeta, new: &ObjectMeta) -> bool {
    let request = |meta: &ObjectMeta| {
        let annotations = meta.annotations.as_ref();
        annotations.and_then(|all| all.get(VERIFY_ANNOTATION)).cloned()
    };
    old.uid != new.uid
        || old.generation != new.generation
        || old.deletion_timestamp != new.deletion_timestamp
        || request(old) != request(new)
}
