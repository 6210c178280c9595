//! The certificates that a resource names.

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::verdict::{Verdict, VerificationResult};
use crate::api::{CaBundleKind, CaBundleRef};

/// Key where certificates usually are.
const DEFAULT_KEY: &str = "ca.crt";

/// Certificates, and which version of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaBundle {
    /// PEM text.
    pub pem: Vec<u8>,
    /// Changes with the object that they are from.
    pub version: String,
}

/// The object that holds certificates.
#[derive(Clone, Debug)]
pub enum Holder {
    /// A ConfigMap.
    ConfigMap(ConfigMap),
    /// A Secret.
    Secret(Secret),
}

/// Reads the certificates; `None`: the object does not exist. Err: why nothing can be checked.
pub fn read(reference: &CaBundleRef, holder: Option<Holder>) -> Result<CaBundle, Verdict> {
    let kind = match reference.kind {
        CaBundleKind::ConfigMap => "ConfigMap",
        CaBundleKind::Secret => "Secret",
    };
    let object = format!("{kind} {:?} (spec.verification.tls.caBundleRef)", reference.name);
    let key = reference.key.as_deref().unwrap_or(DEFAULT_KEY);
    let (meta, pem) = match holder {
        None => {
            return Err(unusable(format!(
                "{object} does not exist in this namespace: create it"
            )));
        }
        Some(Holder::ConfigMap(map)) => {
            let text = map.data.and_then(|mut data| data.remove(key)).map(String::into_bytes);
            let bytes = map
                .binary_data
                .and_then(|mut data| data.remove(key))
                .map(|bytes| bytes.0);
            (map.metadata, text.or(bytes))
        }
        Some(Holder::Secret(secret)) => {
            let bytes = secret.data.and_then(|mut data| data.remove(key)).map(|bytes| bytes.0);
            (secret.metadata, bytes)
        }
    };
    let pem = pem.ok_or_else(|| {
        unusable(format!(
            "{object} has no key {key:?}: add it, or name another key there"
        ))
    })?;
    if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
        return Err(not_pem(&format!("key {key:?} of {object}")));
    }
    Ok(CaBundle {
        pem,
        version: version(&meta),
    })
}

/// What to say of certificates that cannot be read.
pub fn not_pem(place: &str) -> Verdict {
    unusable(format!(
        "{place} holds no certificates in PEM form (-----BEGIN CERTIFICATE-----)"
    ))
}

fn unusable(message: String) -> Verdict {
    Verdict::new(VerificationResult::TlsFailure, message + "; nothing was sent")
}

fn version(meta: &ObjectMeta) -> String {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    format!("{}/{}", part(&meta.uid), part(&meta.resource_version))
}
