//! Errors of the client itself, in our own words: theirs quote proxy passwords, tokens, and the output of plugins.

use std::error::Error as StdError;

use kube::client::AuthError;
use kube::config::{InferConfigError, KubeconfigError, LoadDataError};

/// Why there is no configuration.
pub(crate) fn describe_infer(error: &InferConfigError) -> String {
    let source = StdError::source(error).and_then(|source| source.downcast_ref::<KubeconfigError>());
    source.map_or_else(|| "the kubeconfig cannot be used".to_owned(), describe_kubeconfig)
}

fn describe_kubeconfig(error: &KubeconfigError) -> String {
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
        KubeconfigError::ParseProxyUrl(_) => {
            "the proxy of the environment or the kubeconfig is not a valid URL".to_owned()
        }
        KubeconfigError::LoadCertificateAuthority(error) => data("certificate authority", error),
        KubeconfigError::LoadClientCertificate(error) => data("client certificate", error),
        KubeconfigError::LoadClientKey(error) => data("client key", error),
        KubeconfigError::ParseCertificates(_) => "the certificates of the kubeconfig are not PEM".to_owned(),
        // These name contexts, clusters and files.
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
        AuthError::AuthExecParse(_) | AuthError::ExecPluginFailed => {
            "the output of the credential plugin is not a valid ExecCredential".to_owned()
        }
        AuthError::ReadTokenFile(error, path) => format!("cannot read the token file {}: {error}", path.display()),
        AuthError::MissingCommand => "the credential plugin has no command".to_owned(),
        _ => "the credential plugin or auth provider gives no usable credentials".to_owned(),
    }
}

/// A token that cannot stand in a header.
pub(crate) const INVALID_TOKEN: &str = "the token or password has a control character, such as a line break: remove it";

/// What failed, without the address of a proxy or anything that a plugin says.
pub(crate) fn describe_client(error: &kube::Error) -> Option<String> {
    match error {
        kube::Error::Auth(error) => Some(describe_auth(error)),
        kube::Error::InferConfig(error) => Some(describe_infer(error)),
        kube::Error::ProxyProtocolUnsupported { .. } | kube::Error::ProxyProtocolDisabled { .. } => Some(
            "connections to the API server through a proxy are not supported: unset HTTPS_PROXY and proxy-url, or add the API server to NO_PROXY"
                .to_owned(),
        ),
        _ => None,
    }
}
