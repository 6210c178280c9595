//! Proxies, as environment variables name them.

use std::borrow::Cow;

/// The URL of a proxy, whose scheme may be missing: then it speaks HTTP.
pub fn with_scheme(proxy: &str) -> Cow<'_, str> {
    if proxy.contains("://") {
        proxy.into()
    } else {
        format!("http://{proxy}").into()
    }
}
