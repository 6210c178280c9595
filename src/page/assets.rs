//! Files that belong to the pages.

/// A file, and its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageAsset {
    /// `Content-Type`.
    pub content_type: &'static str,
    /// What is in it.
    pub text: &'static str,
}

/// A file by its name.
pub fn asset(name: &str) -> Option<PageAsset> {
    let (content_type, text) = match name {
        "style.css" => ("text/css; charset=utf-8", include_str!("assets/style.css")),
        "page.js" => ("text/javascript; charset=utf-8", include_str!("assets/page.js")),
        "icon.svg" => ("image/svg+xml", include_str!("assets/icon.svg")),
        _ => return None,
    };
    Some(PageAsset { content_type, text })
}
