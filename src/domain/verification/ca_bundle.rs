//! The CA bundle that a resource names.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};

use crate::api::{CaBundleKind, CaBundleRef};
use crate::domain::verification::verdict::{Verdict, VerificationResult};

/// The key where CA bundles usually are.
const DEFAULT_KEY: &str = "ca.crt";

/// Certificates to trust, and their version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaBundle {
    /// PEM text.
    pub pem: Vec<u8>,
    /// Digest of the text: the same for the same certificates, wherever they come from.
    pub version: String,
}

/// The object that holds a CA bundle.
#[derive(Clone, Debug)]
pub enum CaBundleSource {
    /// A ConfigMap.
    ConfigMap(ConfigMap),
    /// A Secret.
    Secret(Secret),
}

/// Reads the CA bundle; `None`: the object does not exist. The error: why no login attempt is possible.
pub fn read(reference: &CaBundleRef, source: Option<CaBundleSource>) -> Result<CaBundle, Verdict> {
    let kind = match reference.kind {
        CaBundleKind::ConfigMap => "ConfigMap",
        CaBundleKind::Secret => "Secret",
    };
    let object = format!("{kind} {:?} (spec.verification.tls.caBundleRef)", reference.name);
    let key = reference.key.as_deref().unwrap_or(DEFAULT_KEY);
    let pem = match source {
        None => {
            return Err(unusable(format!(
                "{object} does not exist in this namespace; create it"
            )));
        }
        Some(CaBundleSource::ConfigMap(map)) => {
            let text = map.data.and_then(|mut data| data.remove(key)).map(String::into_bytes);
            let bytes = map
                .binary_data
                .and_then(|mut data| data.remove(key))
                .map(|bytes| bytes.0);
            text.or(bytes)
        }
        Some(CaBundleSource::Secret(secret)) => secret.data.and_then(|mut data| data.remove(key)).map(|bytes| bytes.0),
    };
    let pem = pem.ok_or_else(|| {
        unusable(format!(
            "{object} has no key {key:?}; add the key, or set caBundleRef.key to the key that holds the certificates"
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

/// The verdict for a CA bundle that cannot be read.
pub fn not_pem(place: &str) -> Verdict {
    unusable(format!(
        "{place} contains no PEM certificate (-----BEGIN CERTIFICATE-----)"
    ))
}

fn unusable(message: String) -> Verdict {
    Verdict::new(VerificationResult::TlsFailure, message + "; nothing was sent")
}

/// Half of the digest is enough to tell bundles apart.
fn digest(pem: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, pem);
    STANDARD.encode(&digest.as_ref()[..16])
}
