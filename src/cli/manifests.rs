//! Reads resources and Secrets from files. No message holds a value, because the files hold passwords.

mod documents;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::Value;

use crate::api::Reason;
use crate::cli::input::limited;
pub(crate) use crate::cli::manifests::documents::WrittenResource;
use crate::cli::manifests::documents::{Document, documents, key_of, resource_kind};
use crate::domain::credentials::encoding;
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::spec::validate::ValidatedSpec;
use crate::form::import::foreign::ForeignObject;

/// Largest file, in bytes.
const LARGEST_INPUT: u64 = 256 * 1024 * 1024;

const TOO_LARGE: &str = "larger than 256 MiB: split it";

/// Everything found, by namespace (`default` where none is given) and name. If several objects have the same name,
/// the last counts, as with `kubectl apply`.
#[derive(Default)]
pub(crate) struct Manifests {
    /// The resources in the order they were read.
    pub(crate) resources: Vec<WrittenResource>,
    /// The metadata of the Namespaces, by name.
    pub(crate) namespaces: BTreeMap<String, ObjectMeta>,
    secrets: HashMap<ObjectKey, (String, Value)>,
    /// Pods, ServiceAccounts and Events, as they stand in the input, with the place.
    pub(crate) others: Vec<(String, Value)>,
    /// Objects of other tools that may stand for pull secrets.
    pub(crate) foreign: Vec<ForeignObject>,
    /// Where the input has anything but Kubernetes objects.
    pub(crate) skipped: Vec<String>,
}

impl Manifests {
    /// Reads files, folders and stdin (`-`). Errors say which input cannot be read, and where.
    pub(crate) fn read(inputs: &[PathBuf]) -> Result<Self, String> {
        let manifests = Self::read_bundle(inputs)?;
        manifests
            .skipped
            .first()
            .map_or(Ok(()), |problem| Err(problem.clone()))?;
        Ok(manifests)
    }

    /// Reads inputs that a tool has collected: not every document has to be a Kubernetes object.
    pub(crate) fn read_bundle(inputs: &[PathBuf]) -> Result<Self, String> {
        let mut manifests = Self::default();
        for input in inputs {
            if input == Path::new("-") {
                manifests.add("stdin", &limited("stdin", std::io::stdin(), LARGEST_INPUT, TOO_LARGE)?)?;
                continue;
            }
            for file in files(input)? {
                let place = file.display().to_string();
                let opened = File::open(&file).map_err(|error| format!("{place}: {error}"))?;
                manifests.add(&place, &limited(&place, opened, LARGEST_INPUT, TOO_LARGE)?)?;
            }
        }
        manifests.keep_last();
        let is_empty = manifests.resources.is_empty()
            && manifests.secrets.is_empty()
            && manifests.others.is_empty()
            && manifests.foreign.is_empty();
        match manifests.skipped.first() {
            Some(problem) if is_empty => Err(problem.clone()),
            _ => Ok(manifests),
        }
    }

    /// A Secret, if the input has it.
    pub(crate) fn secret(&self, key: &ObjectKey) -> Result<Option<Secret>, Problem> {
        let Some((place, object)) = self.secrets.get(key) else {
            return Ok(None);
        };
        secret(object).map(Some).map_err(|problem| {
            Problem::new(
                Reason::Malformed,
                format!("Secret {:?} in {place}: {problem}", key.name),
            )
        })
    }

    /// The Secret from which a resource that reads in this namespace takes its credentials; `None` if the input does not have
    /// it, or none is needed.
    pub(crate) fn source(&self, spec: &ValidatedSpec, namespace: &str) -> Result<Option<Secret>, Problem> {
        match spec.source.secret_name() {
            Some(name) => self.secret(&ObjectKey::new(namespace, name)),
            None => Ok(None),
        }
    }

    /// Whether the input has any Secret of a namespace, so that a missing one does not exist.
    pub(crate) fn knows_secrets_of(&self, namespace: &str) -> bool {
        self.secrets.keys().any(|key| key.namespace == namespace)
    }

    /// Of several resources with the same name, keeps the last.
    fn keep_last(&mut self) {
        let mut seen = HashSet::new();
        let names = self.resources.iter().rev().map(|one| (one.kind, &one.key));
        let mut last: Vec<bool> = names.map(|name| seen.insert(name)).collect();
        self.resources.retain(|_| last.pop().unwrap_or_default());
    }

    fn add(&mut self, place: &str, text: &[u8]) -> Result<(), String> {
        let text = encoding::text(text).map_err(|what| format!("{place} {what}"))?;
        for document in documents(text).map_err(|problem| format!("{place}: {problem}"))? {
            match document {
                Document::Resource(resource) => self.resources.push(*resource),
                Document::Other(object) => self.add_object(place, object, None)?,
            }
        }
        Ok(())
    }

    fn add_object(&mut self, place: &str, mut object: Value, list_of: Option<(&str, &str)>) -> Result<(), String> {
        let (api_version, kind) = match (object["apiVersion"].as_str(), object["kind"].as_str(), list_of) {
            (Some(api_version), Some(kind), _) => (api_version.to_owned(), kind.to_owned()),
            // The items of a typed list need not repeat what the list says.
            (None, None, Some((api_version, kind))) if object.is_object() => (api_version.to_owned(), kind.to_owned()),
            _ if object.is_null() => return Ok(()),
            _ => {
                self.skipped.push(format!(
                    "{place}: a document without apiVersion and kind is not a Kubernetes object"
                ));
                return Ok(());
            }
        };
        let items = object.get_mut("items").and_then(Value::as_array_mut);
        if let (Some(kind), Some(items)) = (kind.strip_suffix("List"), items) {
            return std::mem::take(items)
                .into_iter()
                .try_for_each(|item| self.add_object(place, item, Some((&api_version, kind))));
        }
        if resource_kind(&api_version, &kind).is_some() {
            object["apiVersion"] = api_version.into();
            object["kind"] = kind.as_str().into();
            let Document::Resource(resource) = Document::from(object) else {
                return Err(unnamed(place, &kind));
            };
            self.resources.push(*resource);
            return Ok(());
        }
        if matches!(
            (api_version.as_str(), kind.as_str()),
            ("v1", "Pod" | "ServiceAccount" | "Event") | ("events.k8s.io/v1", "Event")
        ) {
            object["apiVersion"] = api_version.into();
            object["kind"] = kind.into();
            self.others.push((place.to_owned(), object));
            return Ok(());
        }
        if kind == "Secret" && api_version == "v1" {
            let key = key_of(&object).ok_or_else(|| unnamed(place, &kind))?;
            self.secrets.insert(key, (place.to_owned(), object));
        } else if kind == "Namespace" && api_version == "v1" {
            let ObjectKey { name, .. } = key_of(&object).ok_or_else(|| unnamed(place, &kind))?;
            let meta = metadata(&mut object).map_err(|problem| format!("{place}: Namespace {name:?}: {problem}"))?;
            self.namespaces.insert(name, meta);
        } else {
            object["apiVersion"] = api_version.into();
            object["kind"] = kind.into();
            self.foreign.extend(ForeignObject::read(Some(place), object));
        }
        Ok(())
    }
}

fn unnamed(place: &str, kind: &str) -> String {
    format!("{place}: a {kind} has no metadata.name")
}

/// The file, or those of a folder: pipes and devices in it are skipped, since reading them may never end.
fn files(input: &Path) -> Result<Vec<PathBuf>, String> {
    let unreadable = |error: std::io::Error| format!("{}: {error}", input.display());
    let kind = std::fs::metadata(input).map_err(unreadable)?;
    if kind.is_file() {
        return Ok(vec![input.to_owned()]);
    }
    if !kind.is_dir() {
        return Err(format!(
            "{}: a pipe or a device, not a file: send its content to stdin and use -f -",
            input.display()
        ));
    }
    let mut entries: Vec<_> = std::fs::read_dir(input)
        .map_err(unreadable)?
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.path();
        let is_manifest = |path: &Path| {
            let extension = path.extension();
            extension.is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|known| extension == *known))
        };
        // Symbolic links to folders are not followed: they could form a cycle.
        if entry.file_type().map_err(unreadable)?.is_dir() {
            found.extend(files(&path)?);
        } else if is_manifest(&path) {
            let kind = std::fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            found.extend((kind.is_file() || kind.is_dir()).then_some(path));
        }
    }
    Ok(found)
}

fn metadata(object: &mut Value) -> Result<ObjectMeta, String> {
    serde_json::from_value(object["metadata"].take())
        .map_err(|_| "metadata is not valid Kubernetes metadata".to_owned())
}

/// A Secret as the API server would store it. Read by hand, because a parser's message quotes invalid values.
fn secret(object: &Value) -> Result<Secret, String> {
    let mut data = BTreeMap::new();
    for (key, value) in entries(object, "data")? {
        let bytes = STANDARD
            .decode(value.replace(['\r', '\n'], ""))
            .map_err(|_| format!("data[{key:?}] is not base64"))?;
        data.insert(key.clone(), ByteString(bytes));
    }
    for (key, value) in entries(object, "stringData")? {
        data.insert(key.clone(), ByteString(value.into()));
    }
    Ok(Secret {
        metadata: metadata(&mut object.clone())?,
        type_: object["type"].as_str().map(str::to_owned),
        immutable: object["immutable"].as_bool(),
        data: Some(data),
        ..Secret::default()
    })
}

fn entries<'a>(object: &'a Value, field: &str) -> Result<Vec<(&'a String, &'a str)>, String> {
    let map = match &object[field] {
        Value::Null => return Ok(Vec::new()),
        Value::Object(map) => map,
        _ => return Err(format!("{field} is not a map of keys to values")),
    };
    map.iter()
        .map(|(key, value)| match value {
            Value::String(value) => Ok((key, value.as_str())),
            Value::Null => Ok((key, "")),
            _ => Err(format!("{field}[{key:?}] is not a string: put it in quotes")),
        })
        .collect()
}
