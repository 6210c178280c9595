//! Which namespaces a form selects.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::domain::distribution::namespaces::Namespaces;
use crate::page::create::fields::CreateFields;

/// Most names in a sentence.
const NAMES: usize = 10;

/// What a selector without requirements does.
pub(super) const EMPTY: &str = "Empty: selects all namespaces, also those that are created later. Leave out those that do not need the credentials.";

/// The namespaces that would get the Secret now, in a sentence; why the selection is none.
pub fn selected(fields: &CreateFields, namespaces: &[ObjectMeta]) -> Result<String, String> {
    let selection = fields.selection()?;
    let mut known = Namespaces::default();
    for namespace in namespaces {
        known.observe(namespace);
    }
    let gets_it = known.iter().filter(|(name, namespace)| {
        !namespace.is_excluded && !namespace.is_terminating && selection.matches(name, |key| namespace.label(key))
    });
    let names: Vec<&str> = gets_it.map(|(name, _)| name.as_ref()).collect();
    let shown = names.iter().take(NAMES).copied().collect::<Vec<_>>().join(", ");
    let said = match names.len() {
        0 => "No namespace is selected now.".to_owned(),
        1 => format!("Selects 1 namespace now: {shown}."),
        count if count > NAMES => format!("Selects {count} namespaces now: {shown} and {} more.", count - NAMES),
        count => format!("Selects {count} namespaces now: {shown}."),
    };
    Ok(with_warning(fields, &said))
}

/// What is said of a selection, behind what an empty selector means.
pub fn with_warning(fields: &CreateFields, said: &str) -> String {
    if fields.selector.trim().is_empty() {
        format!("{EMPTY} {said}")
    } else {
        said.to_owned()
    }
}
