//! The connection to the API server.

use std::time::Duration;

use axum::http::{HeaderValue, Uri};
use kube::client::ClientBuilder;
use kube::client::retry::RetryPolicy;
use kube::config::{AuthInfo, Kubeconfig};
use kube::{Client, Config};
use secrecy::ExposeSecret;
use tower::buffer::BufferLayer;
use tower::layer::layer_fn;
use tower::retry::RetryLayer;

use crate::kubernetes::client_errors::{INVALID_TOKEN, describe_kubeconfig};
use crate::kubernetes::credential_plugin::{Lifetime, replace};
use crate::kubernetes::kubeconfig::{ConnectOptions, NoKubeconfig, choose};
use crate::kubernetes::observer::{ObservedService, RequestObserver};
use crate::kubernetes::proxy::proxy;
use crate::kubernetes::request::describe;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No cluster to connect to.
    #[error("no cluster to connect to, neither from inside a pod nor from a kubeconfig: {0}")]
    Config(String),
    /// The kubeconfig does not have what is named.
    #[error("{0}")]
    Kubeconfig(String),
    /// The client cannot be built.
    #[error("cannot create a client for the cluster: {0}")]
    Client(String),
}

/// Most requests at a time that wait for a connection, as in kube's own client.
const WAITING: usize = 1024;

/// A client, and where it connects to.
pub(crate) struct Connection {
    pub(crate) client: Client,
    /// Scheme, host and port of the API server, and how it was chosen, for messages.
    pub(crate) server: String,
}

/// Connects a command to a cluster.
pub(crate) async fn connect(options: &ConnectOptions) -> Result<Connection, ConnectError> {
    let lifetime = match (options.is_silent, options.is_lasting) {
        (true, _) => Lifetime::Silent,
        (false, true) => Lifetime::Process,
        (false, false) => Lifetime::Command,
    };
    let (config, context) = prepared(lifetime, options).await?;
    let server = server(&config, context.as_deref());
    let client = Client::try_from(config).map_err(|error| ConnectError::Client(describe(&error)))?;
    Ok(Connection { client, server })
}

/// The controller's client. `observer` is told of each request, also when one is repeated.
pub(crate) async fn observed_client(observer: RequestObserver) -> Result<Client, ConnectError> {
    let (config, _) = prepared(Lifetime::Process, &ConnectOptions::default()).await?;
    observed(config, &observer).map_err(|error| ConnectError::Client(describe(&error)))
}

fn observed(mut config: Config, observer: &RequestObserver) -> kube::Result<Client> {
    // kube would repeat requests where nobody can observe it. What repeats needs a service that can be cloned.
    config.default_retry = false;
    let observe = layer_fn(|inner| ObservedService {
        inner,
        observer: RequestObserver::clone(observer),
    });
    Ok(ClientBuilder::try_from(config)?
        .with_layer(&observe)
        .with_layer(&BufferLayer::new(WAITING))
        .with_layer(&RetryLayer::new(RetryPolicy::server_retry()))
        .build())
}

/// A configuration, and the context that it comes from.
async fn prepared(lifetime: Lifetime, options: &ConnectOptions) -> Result<(Config, Option<String>), ConnectError> {
    let (mut config, context) = configuration(options).await?;
    if let Some(impersonated) = options.impersonated.clone() {
        let user = &mut config.auth_info;
        user.impersonate = Some(impersonated.user);
        user.impersonate_groups = Some(impersonated.groups);
        user.impersonate_uid = impersonated.uid;
        user.impersonate_user_extra = None;
    }
    config.connect_timeout = Some(Duration::from_secs(5));
    // A watch is quiet for up to 290 s; a dead connection must not stay for ever.
    config.read_timeout = Some(Duration::from_mins(5));
    let user = &mut config.auth_info;
    replace(user, lifetime).await.map_err(ConnectError::Client)?;
    check(user).map_err(ConnectError::Client)?;
    Ok((config, context))
}

/// Where the client connects to. No address is shown with a user or a path, which may be secret.
fn server(config: &Config, context: Option<&str>) -> String {
    let context = context.map(|name| format!("context {name:?}"));
    let proxy = config
        .proxy_url
        .as_ref()
        .map(|proxy| format!("proxy {}", address(proxy)));
    let details: Vec<String> = context.into_iter().chain(proxy).collect();
    let server = address(&config.cluster_url);
    if details.is_empty() {
        server
    } else {
        format!("{server} ({})", details.join(", "))
    }
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
async fn configuration(options: &ConnectOptions) -> Result<(Config, Option<String>), ConnectError> {
    let (mut config, context) = match options.read() {
        // A mistake in it must not lead to another cluster.
        Ok(kubeconfig) if !(kubeconfig.clusters.is_empty() && kubeconfig.contexts.is_empty()) => {
            from_kubeconfig(kubeconfig, options)
                .await
                .map_err(|why| options.refused(why))?
        }
        Ok(_) if options.needs_kubeconfig() => from_kubeconfig(Kubeconfig::default(), options)
            .await
            .map_err(ConnectError::Kubeconfig)?,
        Ok(_) => (own_cluster("the kubeconfig is empty".to_owned())?, None),
        Err(NoKubeconfig::Absent(why)) if !options.needs_kubeconfig() => (own_cluster(why)?, None),
        Err(error) => return Err(ConnectError::Kubeconfig(error.to_string())),
    };
    config.apply_debug_overrides();
    Ok((config, context))
}

/// The cluster of this pod. `why`: why no kubeconfig names one.
fn own_cluster(why: String) -> Result<Config, ConnectError> {
    Config::incluster().map_err(|_| ConnectError::Config(why))
}

impl ConnectOptions {
    fn refused(&self, why: String) -> ConnectError {
        if self.needs_kubeconfig() {
            ConnectError::Kubeconfig(why)
        } else {
            ConnectError::Config(why)
        }
    }
}

async fn from_kubeconfig(kubeconfig: Kubeconfig, options: &ConnectOptions) -> Result<(Config, Option<String>), String> {
    let choice = choose(kubeconfig, options)?;
    let config = Config::from_custom_kubeconfig(choice.kubeconfig, &choice.options).await;
    let mut config = config.map_err(|error| describe_kubeconfig(&error))?;
    config.proxy_url = proxy(choice.proxy, &config.cluster_url)?;
    Ok((config, choice.context))
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails that way")]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use kube::Config;

    use super::{RequestObserver, observed};

    /// Answers one request after another with these status codes. Returns the address.
    fn server(codes: &'static [u16]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            for code in codes {
                let (stream, _) = listener.accept().unwrap();
                let head = BufReader::new(&stream).lines().map_while(Result::ok);
                assert!(head.take_while(|line| !line.is_empty()).count() > 0);
                let body = r#"{"major":"1","minor":"33","gitVersion":"","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {code} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    #[tokio::test]
    async fn request_that_is_repeated_is_observed_each_time() {
        let config = Config::new(format!("http://{}", server(&[429, 503, 200])).parse().unwrap());
        let codes = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&codes);
        let observer: RequestObserver = Arc::new(move |_, code, _| told.lock().unwrap().push(code));
        let client = observed(config, &observer).unwrap();
        assert_eq!(client.apiserver_version().await.unwrap().minor, "33");
        assert_eq!(*codes.lock().unwrap(), [Some(429), Some(503), Some(200)]);
    }
}
