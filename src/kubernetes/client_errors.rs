//! Errors of the client itself, in our own words: theirs quote proxy passwords, tokens, and the output of plugins.

use kube::client::AuthError;
use kube::config::{KubeconfigError, LoadDataError};

use crate::kubernetes::proxy::INVALID_PROXY;

/// Why there is no configuration.
pub(crate) fn describe_kubeconfig(error: &KubeconfigError) -> String {
    match error {
        KubeconfigError::Parse(error) => match error.location() {
            Some(location) => format!(
                "the kubeconfig is not valid (line {}, column {})",
                location.line(),
                location.column()
            ),
            None => "the kubeconfig is not valid".to_owned(),
        },
        KubeconfigError::ParseClusterUrl(_) => "the server of the kubeconfig is not a URL".to_owned(),
        KubeconfigError::ParseProxyUrl(_) => INVALID_PROXY.to_owned(),
        KubeconfigError::ParseNoProxy(_) => {
            "NO_PROXY has an empty entry, or one that is no host, address or network".to_owned()
        }
        KubeconfigError::LoadCertificateAuthority(error) => data("certificate authority", error),
        KubeconfigError::LoadClientCertificate(error) => data("client certificate", error),
        KubeconfigError::LoadClientKey(error) => data("client key", error),
        KubeconfigError::ParseCertificates(_) => "the certificates of the kubeconfig are not PEM".to_owned(),
        KubeconfigError::ReadConfig(error, path) => format!("cannot read the kubeconfig {}: {error}", path.display()),
        // These name contexts and clusters.
        other => other.to_string(),
    }
}

fn data(what: &str, error: &LoadDataError) -> String {
    match error {
        LoadDataError::ReadFile(error, path) => format!("cannot read the {what} {}: {error}", path.display()),
        LoadDataError::DecodeBase64(_) => format!("the {what} of the kubeconfig is not base64"),
        LoadDataError::NoBase64DataOrFile => format!("the kubeconfig has no {what}"),
    }
}

/// Why there are no credentials for the API server.
pub(crate) fn describe_auth(error: &AuthError) -> String {
    match error {
        AuthError::InvalidBasicAuth(_) | AuthError::InvalidBearerToken(_) => INVALID_TOKEN.to_owned(),
        AuthError::AuthExecRun { out, .. } => format!("the credential plugin failed ({})", out.status),
        AuthError::AuthExecStart(error) => format!("the credential plugin cannot be run: {error}"),
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => INVALID_OUTPUT.to_owned(),
        AuthError::ReadTokenFile(error, path) => format!("cannot read the token file {}: {error}", path.display()),
        AuthError::MissingCommand => "the credential plugin has no command".to_owned(),
        _ => "the credential plugin or auth provider gives no usable credentials".to_owned(),
    }
}

/// A plugin that prints something else.
pub(crate) const INVALID_OUTPUT: &str = "the output of the credential plugin is not a valid ExecCredential";

/// A token that cannot stand in a header.
pub(crate) const INVALID_TOKEN: &str = "the token or password has a control character, such as a line break: remove it";

/// What failed, without the address of a proxy or anything that a plugin says.
pub(crate) fn describe_client(error: &kube::Error) -> Option<String> {
    match error {
        kube::Error::Auth(error) => Some(describe_auth(error)),
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => {
            Some("the proxy for the API server must be http, https or socks5".to_owned())
        }
        _ => None,
    }
}
