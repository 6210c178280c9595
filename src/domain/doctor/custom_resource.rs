//! The `CustomResourceDefinitions`: whether they are installed, and those that this program generates.

use std::collections::BTreeSet;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionVersion,
};
use serde_json::Value;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, GROUP, cluster_crd, crd};
use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::seen::Seen;
use crate::domain::text::few::FewNames;

/// Installs and updates them.
const APPLY: &str = "dps crds | kubectl apply --server-side -f -";

/// Name of the `CustomResourceDefinition` of a kind.
pub fn crd_name(kind: &str) -> String {
    format!("{}s.{GROUP}", kind.to_ascii_lowercase())
}

/// What was seen of one.
#[derive(Clone, Debug)]
pub struct CustomResource {
    /// Its kind.
    pub kind: &'static str,
    /// The definition, if there is one.
    pub definition: Seen<Option<Box<CustomResourceDefinition>>>,
    /// Whether the API server serves the resources, which everybody may know.
    pub is_served: Seen<bool>,
}

/// How a schema differs from that of this program.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SchemaDifference {
    None,
    /// It lacks these fields.
    Older(Vec<String>),
    /// It has these fields in addition.
    Newer(Vec<String>),
    /// It has the same fields with other rules or descriptions, or lacks some and has others.
    Other,
    /// It lacks the whole version.
    Version,
}

/// One that no operator needs may be missing.
pub(crate) fn check(seen: &CustomResource, is_needed: bool) -> Vec<Check> {
    let name = crd_name(seen.kind);
    let definition = match (&seen.definition, &seen.is_served) {
        (Seen::Read(Some(definition)), _) => definition,
        (Seen::Read(None), _) | (_, Seen::Read(false)) if !is_needed => return Vec::new(),
        (Seen::Read(None), _) => return vec![missing(&name)],
        (Seen::Skipped(_) | Seen::Failed(_), is_served) => {
            let what = format!("schema and stored versions of {name}");
            let unread = Check::unread(Category::Crd, Page::Crd, &what, &seen.definition);
            return served(&name, is_served).into_iter().chain(unread).collect();
        }
    };
    let mut checks = vec![established(&name, definition), schema(&name, seen.kind, definition)];
    checks.extend(stored_versions(seen.kind, definition));
    checks
}

fn missing(name: &str) -> Check {
    Check::fail(Category::Crd, Page::Crd, format!("the CRD {name} is not installed"))
        .hint(format!("install it: {APPLY}"))
}

fn served(name: &str, seen: &Seen<bool>) -> Option<Check> {
    match seen {
        Seen::Read(false) => Some(missing(name)),
        Seen::Read(true) => Some(Check::ok(
            Category::Crd,
            Page::Crd,
            format!("the API server serves {name}"),
        )),
        unread => Check::unread(Category::Crd, Page::Crd, name, unread),
    }
}

fn established(name: &str, definition: &CustomResourceDefinition) -> Check {
    let conditions = definition
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    let is_wanted = |kind: &str| matches!(kind, "Established" | "NamesAccepted");
    let mut wanted = conditions.filter(|condition| is_wanted(&condition.type_));
    let is_established = wanted
        .clone()
        .any(|condition| condition.type_ == "Established" && condition.status == "True");
    if is_established {
        return Check::ok(
            Category::Crd,
            Page::Crd,
            format!("the CRD {name} is installed and established"),
        );
    }
    let why = wanted.find(|condition| condition.status != "True");
    let why = why
        .and_then(|condition| condition.message.as_deref())
        .filter(|why| !why.is_empty());
    let why = why.map(|why| format!(": {why}")).unwrap_or_default();
    Check::fail(
        Category::Crd,
        Page::Crd,
        format!("the API server does not serve the CRD {name}{why}"),
    )
    .hint("wait some seconds after an installation; a conflict with the names of another CRD has to be solved there")
}

fn schema(name: &str, kind: &str, definition: &CustomResourceDefinition) -> Check {
    let fail = |message: String| Check::fail(Category::Crd, Page::Crd, message);
    let warn = |message: String| Check::warn(Category::Crd, Page::Crd, message);
    let newer_program = "use the dps of the operator's version, or upgrade the operator";
    match difference(kind, definition) {
        SchemaDifference::None => Check::ok(
            Category::Crd,
            Page::Crd,
            format!("the schema of the CRD {name} is the one of this version of dps"),
        ),
        SchemaDifference::Older(fields) => fail(format!(
            "the CRD {name} is older than this version of dps: it lacks {}, so the API server refuses statuses and specs with {}",
            named(&fields),
            if fields.len() == 1 { "it" } else { "them" }
        ))
        .hint(format!("update it before the operator: {APPLY}")),
        SchemaDifference::Newer(fields) => warn(format!(
            "the CRD {name} is newer than this version of dps: it also has {}",
            named(&fields)
        ))
        .hint(newer_program),
        SchemaDifference::Other => {
            warn(format!("the schema of the CRD {name} is not the one of this version of dps, with other fields, rules or descriptions"))
                .hint(format!("if the CRD is older: {APPLY}; otherwise {newer_program}"))
        }
        SchemaDifference::Version => fail(format!(
            "the CRD {name} does not have version {}, the one of this version of dps",
            own_version(kind).map(|version| version.name).unwrap_or_default()
        ))
        .hint(format!("if the CRD is older: {APPLY}; otherwise {newer_program}")),
    }
}

fn named(fields: &[String]) -> FewNames {
    fields.iter().cloned().collect()
}

fn own_version(kind: &str) -> Option<CustomResourceDefinitionVersion> {
    let own = if kind == CLUSTER_DOCKER_PULL_SECRET {
        cluster_crd()
    } else {
        crd()
    };
    let own: CustomResourceDefinition = serde_json::from_value(own).ok()?;
    own.spec.versions.into_iter().next()
}

fn difference(kind: &str, definition: &CustomResourceDefinition) -> SchemaDifference {
    let Some(own) = own_version(kind) else {
        return SchemaDifference::Other;
    };
    let Some(installed) = definition.spec.versions.iter().find(|version| version.name == own.name) else {
        return SchemaDifference::Version;
    };
    if *installed == own {
        return SchemaDifference::None;
    }
    let (installed, own) = (fields_of(installed), fields_of(&own));
    let beyond = |some: &BTreeSet<String>, others: &BTreeSet<String>| -> Vec<String> {
        some.difference(others)
            // A field that is there as a whole is named once.
            .filter(|field| field.rsplit_once('.').is_none_or(|(parent, _)| others.contains(parent)))
            .cloned()
            .collect()
    };
    match (beyond(&own, &installed), beyond(&installed, &own)) {
        (lacking, additional) if !lacking.is_empty() && additional.is_empty() => SchemaDifference::Older(lacking),
        (lacking, additional) if lacking.is_empty() && !additional.is_empty() => SchemaDifference::Newer(additional),
        _ => SchemaDifference::Other,
    }
}

/// The paths of all fields of a version.
fn fields_of(version: &CustomResourceDefinitionVersion) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let schema = version
        .schema
        .as_ref()
        .and_then(|schema| schema.open_api_v3_schema.as_ref());
    if let Ok(schema) = serde_json::to_value(schema) {
        collect(&schema, "", &mut fields);
    }
    fields
}

fn collect(schema: &Value, path: &str, fields: &mut BTreeSet<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        fields.insert(path.clone());
        collect(property, &path, fields);
    }
    for inner in ["items", "additionalProperties"] {
        if schema[inner].is_object() {
            collect(&schema[inner], path, fields);
        }
    }
}

/// Objects may be stored in a version that this program does not know.
fn stored_versions(kind: &str, definition: &CustomResourceDefinition) -> Option<Check> {
    let own = own_version(kind)?.name;
    let stored = definition
        .status
        .iter()
        .flat_map(|status| status.stored_versions.iter().flatten());
    let others: Vec<&str> = stored.map(String::as_str).filter(|version| *version != own).collect();
    if others.is_empty() {
        return Some(Check::ok(
            Category::Crd,
            Page::Crd,
            format!("all {kind}s are stored as {own}"),
        ));
    }
    let message = format!(
        "{kind}s may be stored as {}, which this version of dps does not know",
        others.join(", ")
    );
    Some(Check::warn(Category::Crd, Page::Crd, message).hint("use the dps of the operator's version"))
}
