//! A long-lived key in a Secret.

use k8s_openapi::api::core::v1::Secret;
use secrecy::SecretString;

use crate::api::{Reason, StaticKeyNames};
use crate::domain::credentials::encoding;
use crate::domain::credentials::trim_line_break;
use crate::domain::minting::settings::Provider;
use crate::domain::problem::Problem;

/// What proves an identity. `Debug` shows nothing of it.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A token of a ServiceAccount.
    Token(SecretString),
    /// Keys of AWS.
    Aws(AwsKeys),
    /// The client secret of an application of Entra.
    ClientSecret(SecretString),
    /// The key file of a Google service account.
    GoogleKey(SecretString),
}

/// Keys that sign requests to AWS.
#[derive(Clone, Debug)]
pub struct AwsKeys {
    /// Access key id, which is no secret.
    pub id: String,
    /// Secret access key.
    pub secret: SecretString,
    /// Session token, for keys that expire.
    pub session: Option<SecretString>,
}

impl Proof {
    /// What of it must not be repeated.
    pub(crate) fn secrets(&self) -> Vec<&SecretString> {
        match self {
            Self::Token(secret) | Self::ClientSecret(secret) | Self::GoogleKey(secret) => vec![secret],
            Self::Aws(keys) => keys.secrets().collect(),
        }
    }
}

impl AwsKeys {
    /// What of them must not be repeated.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        [&self.secret].into_iter().chain(&self.session)
    }
}

/// Reads a key from the Secret of this name in a namespace; `None` if that does not exist.
pub fn read(
    provider: Provider,
    (namespace, name): (&str, &str),
    keys: &StaticKeyNames,
    secret: Option<&Secret>,
) -> Result<Proof, Problem> {
    let secret = secret.ok_or_else(|| {
        Problem::new(
            Reason::SecretNotFound,
            format!(
                "Secret {name:?} (spec.credentialsFrom.staticKeyRef.name) does not exist in namespace {namespace:?}: create it"
            ),
        )
    })?;
    let find = |named: &Option<String>, usual: &str| -> (String, Result<Option<String>, Problem>) {
        let key = named.as_deref().unwrap_or(usual);
        let value = secret.data.as_ref().and_then(|data| data.get(key));
        let text = value.map(|value| encoding::text(&value.0).map(|text| trim_line_break(text).to_owned()));
        let text = text
            .transpose()
            .map_err(|what| Problem::new(Reason::Malformed, format!("key {key:?} of Secret {name:?} {what}")));
        (key.to_owned(), text.map(|text| text.filter(|text| !text.is_empty())))
    };
    let need = |named: &Option<String>, usual: &str| -> Result<String, Problem> {
        let (key, text) = find(named, usual);
        text?.ok_or_else(|| {
            Problem::new(
                Reason::KeyMissing,
                format!("Secret {name:?} has no key {key:?}, or it is empty: add it, or name another key in spec.credentialsFrom.staticKeyRef.keys"),
            )
        })
    };
    Ok(match provider {
        Provider::Aws => Proof::Aws(AwsKeys {
            id: need(&keys.access_key_id, "accessKeyId")?,
            secret: need(&keys.secret_access_key, "secretAccessKey")?.into(),
            session: find(&keys.session_token, "sessionToken").1?.map(Into::into),
        }),
        Provider::Azure => Proof::ClientSecret(need(&keys.client_secret, "clientSecret")?.into()),
        Provider::Google | Provider::Quay => Proof::GoogleKey(need(&keys.service_account_key, "key.json")?.into()),
    })
}
