//! The connection to the API server.

use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use secrecy::ExposeSecret;

use crate::kubernetes::client_errors::{INVALID_TOKEN, describe_kubeconfig};
pub(crate) use crate::kubernetes::credential_plugin::Lifetime;
use crate::kubernetes::credential_plugin::replace;
use crate::kubernetes::proxy::proxy;
use crate::kubernetes::request::describe;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No cluster to connect to.
    #[error("no cluster to connect to, neither from inside a pod nor from a kubeconfig: {0}")]
    Config(String),
    /// The client cannot be built.
    #[error("cannot create a client for the cluster: {0}")]
    Client(String),
}

/// A client, and where it connects to.
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// Scheme, host and port of the API server.
    pub(crate) server: String,
}

/// A client for the cluster of the pod or of the kubeconfig.
pub(crate) async fn client(lifetime: Lifetime) -> Result<Client, ConnectError> {
    Ok(connect(lifetime, None).await?.client)
}

/// Connects to the cluster of the pod or of the kubeconfig, as this user instead of that of the kubeconfig, if one is given.
pub(crate) async fn connect(lifetime: Lifetime, impersonated: Option<&str>) -> Result<Connection, ConnectError> {
    let mut config = configuration().await.map_err(ConnectError::Config)?;
    if let Some(user) = impersonated {
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups = None;
    }
    config.connect_timeout = Some(Duration::from_secs(5));
    // A watch is quiet for up to 290 s; a dead connection must not stay for ever.
    config.read_timeout = Some(Duration::from_mins(5));
    let user = &mut config.auth_info;
    replace(user, lifetime).await.map_err(ConnectError::Client)?;
    check(user).map_err(ConnectError::Client)?;
    let server = address(&config.cluster_url);
    let client = Client::try_from(config).map_err(|error| ConnectError::Client(describe(&error)))?;
    Ok(Connection { client, server })
}

/// An address without user and path.
fn address(server: &Uri) -> String {
    let port = server.port().map(|port| format!(":{port}")).unwrap_or_default();
    let (scheme, host) = (
        server.scheme_str().unwrap_or("https"),
        server.host().unwrap_or_default(),
    );
    format!("{scheme}://{host}{port}")
}

/// As [`Config::infer`], with the right proxy. Inside a pod there is none.
async fn configuration() -> Result<Config, String> {
    let options = KubeConfigOptions::default();
    let from_kubeconfig = async {
        let kubeconfig = Kubeconfig::read()?;
        let config = Config::from_custom_kubeconfig(kubeconfig.clone(), &options).await?;
        Ok((kubeconfig, config))
    };
    let mut config = match from_kubeconfig.await {
        Err(error) => Config::incluster().map_err(|_| describe_kubeconfig(&error))?,
        Ok((kubeconfig, mut config)) => {
            config.proxy_url = proxy(&kubeconfig, &config.cluster_url)?;
            config
        }
    };
    config.apply_debug_overrides();
    Ok(config)
}

/// Refuses what would make the client panic: it takes these for the value of a header without a look.
fn check(user: &AuthInfo) -> Result<(), String> {
    let token = user.token.as_ref().map(ExposeSecret::expose_secret);
    let provider = user.auth_provider.as_ref();
    if provider.is_some_and(|provider| provider.name == "gcp") {
        return Err("Kubernetes 1.26 has removed the auth provider gcp: use gke-gcloud-auth-plugin".to_owned());
    }
    let id_token = provider.and_then(|provider| provider.config.get("id-token"));
    let mut tokens = token.into_iter().chain(id_token.map(String::as_str));
    if tokens.all(|token| HeaderValue::from_str(token).is_ok()) {
        Ok(())
    } else {
        Err(INVALID_TOKEN.to_owned())
    }
}
