//! Requests of the commands to a cluster.

use std::fmt::Debug;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::{Api, Client};
use serde::de::DeserializeOwned;

use crate::kubernetes::connect::Connection;
use crate::kubernetes::request::describe;

/// Most objects in one answer: while it is read, they are in memory with all that they have.
const PAGE: u32 = 250;

/// A cluster that a command talks to.
pub(crate) struct Cluster {
    pub(crate) client: Client,
    /// The namespace that is meant where none is named.
    pub(crate) namespace: String,
    /// The API server, for messages.
    pub(crate) server: String,
    /// Longest time for one request.
    limit: Option<Duration>,
}

/// A request that failed.
pub(crate) enum ClusterError {
    /// No answer within this time.
    Timeout(Duration),
    /// An error response, or no connection.
    Api(Box<kube::Error>),
}

impl ClusterError {
    /// The status code of the answer, if there is one.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Api(error) => match error.as_ref() {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            Self::Timeout(_) => None,
        }
    }

    /// Whether this user must not do it.
    pub(crate) fn is_forbidden(&self) -> bool {
        self.code() == Some(403)
    }
}

impl Cluster {
    pub(crate) fn new(connection: Connection, namespace: Option<&str>, limit: Option<Duration>) -> Self {
        let Connection { client, server } = connection;
        Self {
            namespace: namespace.unwrap_or(client.default_namespace()).to_owned(),
            client,
            server,
            limit,
        }
    }

    /// The same cluster, with another namespace.
    pub(crate) fn in_namespace(&self, namespace: &str) -> Self {
        Self {
            client: self.client.clone(),
            namespace: namespace.to_owned(),
            server: self.server.clone(),
            limit: self.limit,
        }
    }

    /// Sends a request and waits for a limited time.
    pub(crate) async fn call<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, ClusterError> {
        let answer = match self.limit {
            None => request.await,
            Some(limit) => match tokio::time::timeout(limit, request).await {
                Ok(answer) => answer,
                Err(_) => return Err(ClusterError::Timeout(limit)),
            },
        };
        answer.map_err(|error| ClusterError::Api(Box::new(error)))
    }

    /// A Secret, if it exists.
    pub(crate) async fn secret(&self, namespace: &str, name: &str) -> Result<Option<Secret>, String> {
        let secrets = Api::<Secret>::namespaced(self.client.clone(), namespace);
        let read = self.call(secrets.get_opt(name)).await;
        read.map_err(|error| self.failed(&format!("reading Secret {namespace}/{name}"), &error))
    }

    /// All objects of a list, read page by page.
    pub(crate) async fn list<K>(&self, api: &Api<K>, params: &ListParams) -> Result<Vec<K>, ClusterError>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let mut found = Vec::new();
        self.list_pages(api, params, |page| found.extend(page)).await?;
        Ok(found)
    }

    /// The same, page by page, the first of which may be empty. Returns the version of the list, from which it can be watched.
    pub(crate) async fn list_pages<K>(
        &self,
        api: &Api<K>,
        params: &ListParams,
        mut take: impl FnMut(Vec<K>),
    ) -> Result<String, ClusterError>
    where
        K: Clone + DeserializeOwned + Debug,
    {
        let mut params = params.clone().limit(PAGE);
        loop {
            let page = self.call(api.list(&params)).await?;
            take(page.items);
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return Ok(page.metadata.resource_version.unwrap_or_default()),
            }
        }
    }

    /// What failed, where and why. `operation`: such as "reading Secret team/app".
    pub(crate) fn failed(&self, operation: &str, error: &ClusterError) -> String {
        format!("{operation}: {}", self.describe(error))
    }

    /// Where and why a request failed.
    fn describe(&self, error: &ClusterError) -> String {
        let server = &self.server;
        if let ClusterError::Api(error) = error
            && let kube::Error::Api(status) = error.as_ref()
        {
            let (code, reason) = (status.code, &status.reason);
            return match code {
                401 => format!(
                    "{server} does not accept your credentials ({code} {reason}): log in again, or choose another --context or --user"
                ),
                404 if is_unknown_kind(&status.message) => format!(
                    "{server} does not know this kind of object ({code}): install the CustomResourceDefinitions with dps crds | kubectl apply --server-side -f -"
                ),
                _ => format!("{server} returned {code} {reason}: {}", status.message),
            };
        }
        format!("no answer from {server}: {}", cause(error))
    }
}

/// Why a request failed.
pub(crate) fn cause(error: &ClusterError) -> String {
    match error {
        ClusterError::Timeout(limit) => {
            let limit = limit.as_secs_f64();
            format!("it took longer than {limit} s, the limit of --request-timeout")
        }
        ClusterError::Api(error) => describe(error),
    }
}

/// What an API server says of a path that it does not serve.
fn is_unknown_kind(message: &str) -> bool {
    let message = message.trim();
    message == "404 page not found" || message.contains("could not find the requested resource")
}
