//! A resource as somebody wrote it, read as strictly as `kubectl` does: a problem names the field.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_ignored::Path;
use serde_json::Value;

use crate::api::{API_VERSION, ClusterDockerPullSecret, DockerPullSecret, DockerPullSecretStatus, Reason};
use crate::domain::problem::{Problem, unparsable_at};

/// Fields of every object.
const FIELDS: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// What to say of a namespace at a place where none belongs.
const OF_NAMESPACE: &str = "the namespace belongs in metadata.namespace";
const OF_CLUSTER: &str = "a ClusterDockerPullSecret has no namespace; that of its credentials belongs in spec.credentialsRef.namespace or spec.credentialsFrom.namespace";

/// Reads a DockerPullSecret. Every unknown field is a problem, since it is probably a typing error or at the wrong place.
pub fn parse(api_version: &str, object: Value) -> Result<DockerPullSecret, Problem> {
    let (metadata, spec, status) = parts(api_version, object, OF_NAMESPACE)?;
    Ok(DockerPullSecret { metadata, spec, status })
}

/// Reads a ClusterDockerPullSecret, as strictly.
pub fn parse_cluster(api_version: &str, object: Value) -> Result<ClusterDockerPullSecret, Problem> {
    let (metadata, spec, status) = parts(api_version, object, OF_CLUSTER)?;
    Ok(ClusterDockerPullSecret { metadata, spec, status })
}

type WrittenParts<S> = (ObjectMeta, S, Option<DockerPullSecretStatus>);

/// `of_namespace`: what to say of an unknown field with a namespace.
fn parts<S: DeserializeOwned>(
    api_version: &str,
    object: Value,
    of_namespace: &str,
) -> Result<WrittenParts<S>, Problem> {
    let invalid = |message: String| Problem::new(Reason::InvalidSpec, message);
    if api_version != API_VERSION {
        return Err(invalid(format!(
            "apiVersion {api_version:?} is unknown: use {API_VERSION}"
        )));
    }
    let Value::Object(mut object) = object else {
        return Err(invalid("the resource is not an object".to_owned()));
    };
    let mut take = |field: &str| object.remove(field).unwrap_or_default();
    let mut unknown = Vec::new();
    let metadata: ObjectMeta = part("metadata", &take("metadata"), &mut unknown)?;
    let spec = part("spec", &take("spec"), &mut unknown)?;
    let status = take("status");
    unknown.extend(object.keys().filter(|field| !FIELDS.contains(&field.as_str())).cloned());
    if !unknown.is_empty() {
        unknown.sort();
        let fields: Vec<String> = unknown.iter().map(|field| field.escape_debug().to_string()).collect();
        let hint = if unknown.iter().any(|field| field.ends_with("namespace")) {
            format!(": {of_namespace}")
        } else {
            String::new()
        };
        return Err(invalid(format!("unknown field {}{hint}", fields.join(", "))));
    }
    // What another version wrote in the status is no reason to refuse the resource.
    Ok((metadata, spec, serde_json::from_value(status).ok()))
}

/// Reads one field of the object; adds the places of unknown fields below it.
fn part<T: DeserializeOwned>(place: &str, value: &Value, unknown: &mut Vec<String>) -> Result<T, Problem> {
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(value, &mut track);
    let read = serde_ignored::deserialize(deserializer, |path| unknown.push(place_of(place, &path)));
    read.map_err(|error: serde_json::Error| {
        let path = track.path().to_string();
        let place = if path == "." {
            place.to_owned()
        } else {
            format!("{place}.{path}")
        };
        unparsable_at(&place.escape_debug().to_string(), &error.to_string())
    })
}

/// The path in the words of the document.
fn place_of(root: &str, path: &Path<'_>) -> String {
    match path {
        Path::Root => root.to_owned(),
        Path::Seq { parent, index } => format!("{}[{index}]", place_of(root, parent)),
        Path::Map { parent, key } => format!("{}.{key}", place_of(root, parent)),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            place_of(root, parent)
        }
    }
}
