//! Parts of an explanation in words.

use crate::explain::report::ImageUse;
use crate::explain::secrets::EntryView;

/// Which pod and container.
pub fn place(subject: &ImageUse) -> String {
    let namespace = &subject.namespace;
    match (&subject.pod, &subject.container) {
        (Some(pod), Some(container)) => format!("Pod {namespace}/{pod}, container {container}"),
        _ => format!("New pod in namespace {namespace}"),
    }
}

/// How many entries of pull secrets match.
pub fn matches(count: usize) -> String {
    match count {
        0 => "no entry matches the image".to_owned(),
        1 => "1 entry matches the image".to_owned(),
        count => format!("{count} entries match the image and are tried in this order until one works"),
    }
}

/// Whether and when a node uses an entry. `matching`: how many match.
pub fn entry_use(entry: &EntryView, matching: usize) -> String {
    let why = entry.why.as_deref();
    let Some(order) = entry.order else {
        return format!("not used: {}", why.unwrap_or("it does not match the image"));
    };
    let order = if matching > 1 {
        format!("match {order} of {matching}")
    } else {
        "matches".to_owned()
    };
    match why {
        Some(why) => format!("{order}, but {why}"),
        None => order,
    }
}
