//! Names and identities of objects.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// Whether a Secret or ConfigMap can have this name: an RFC 1123 subdomain. Any other must
/// not get into the path of a request: the client escapes nothing, so that `?` would list everything.
pub fn is_object_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Lower-case letters, digits and `-`, first and last no `-`.
fn is_label(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty() && text.chars().all(inside) && !text.starts_with('-') && !text.ends_with('-')
}

/// Whether an object in this resource version, if it has one, is older than in the other one. Those of one kind can be
/// compared as numbers (Kubernetes KEP-5504: guaranteed since 1.35, true before).
pub fn is_older(resource_version: Option<&str>, than: &str) -> bool {
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    resource_version.map_or(0, number) < number(than)
}

/// UID of an object: an object that is created later under the same name has another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(Arc<str>);

impl Uid {
    /// From the text of `metadata.uid`.
    pub fn new(uid: &str) -> Self {
        Self(uid.into())
    }

    /// As it stands in `metadata.uid`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Namespace and name of an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Its namespace; empty for a cluster-scoped object.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl ObjectKey {
    /// The object `name` in `namespace`.
    pub fn new(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// Its namespace, if it has one.
    pub fn namespace(&self) -> Option<&str> {
        Some(self.namespace.as_str()).filter(|namespace| !namespace.is_empty())
    }

    /// The key of the object with this metadata.
    pub fn of(meta: &ObjectMeta) -> Self {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        Self::new(part(&meta.namespace), part(&meta.name))
    }
}

impl FromStr for ObjectKey {
    type Err = &'static str;

    /// Reads `NAMESPACE/NAME`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (namespace, name) = text.split_once('/').ok_or("use NAMESPACE/NAME")?;
        if [namespace, name].into_iter().all(is_object_name) {
            Ok(Self::new(namespace, name))
        } else {
            Err("use NAMESPACE/NAME, both with lower-case letters, digits, - and . only")
        }
    }
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace() {
            Some(namespace) => write!(formatter, "{namespace}/{}", self.name),
            None => formatter.write_str(&self.name),
        }
    }
}

/// A resource of the operator, from its creation to its deletion.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceRef {
    /// Its kind, such as `DockerPullSecret`.
    pub kind: &'static str,
    /// Its namespace and name.
    pub key: ObjectKey,
    /// Its UID: resources of the same name can follow each other.
    pub uid: Uid,
}

impl ResourceRef {
    /// The resource of this kind with this metadata; `None` if it was read from no cluster, and so has no UID.
    pub fn of(kind: &'static str, meta: &ObjectMeta) -> Option<Self> {
        Some(Self {
            kind,
            key: ObjectKey::of(meta),
            uid: Uid::new(meta.uid.as_deref()?),
        })
    }
}
