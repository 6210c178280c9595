//! What Kubernetes can call an object, and take as prefix of a label or annotation.

/// Whether a Secret or ConfigMap can have this name: an RFC 1123 subdomain. Any other is nowhere in the cluster, and has
/// no place in the path of a request: the client escapes nothing, so that `?` would list everything.
pub fn is_object_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Lower-case letters, digits and `-`, first and last no `-`.
fn is_label(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}
