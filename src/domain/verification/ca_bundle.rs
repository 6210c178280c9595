//! The certificates that a resource names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use crate::api::{CaBundleKind, CaBundleRef};
use crate::domain::verification::verdict::{Verdict, VerificationResult};

/// Key where certificates usually are.
const DEFAULT_KEY: &str = "ca.crt";

/// Certificates, and which version of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaBundle {
    /// PEM text.
    pub pem: Vec<u8>,
    /// Digest of the text: it is the same wherever the same certificates are from.
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
    let pem = match holder {
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
            text.or(bytes)
        }
        Some(Holder::Secret(secret)) => secret.data.and_then(|mut data| data.remove(key)).map(|bytes| bytes.0),
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
        version: digest(&pem),
        pem,
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

/// Half of it tells bundles apart as well.
fn digest(pem: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, pem);
    STANDARD.encode(&digest.as_ref()[..16])
}
