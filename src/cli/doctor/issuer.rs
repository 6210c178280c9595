//! Looks at the issuer of the cluster's tokens: what the API server says, and whether its keys can be fetched from here.

use std::sync::Arc;

use axum::http::Request;
use url::Url;

use crate::cli::cluster::Cluster;
use crate::cli::doctor::Doctor;
use crate::cli::doctor::requests::seen;
use crate::domain::doctor::Observations;
use crate::domain::doctor::issuer::{Discovery, IssuerView, has_keys, is_private, read_discovery};
use crate::domain::doctor::seen::Seen;
use crate::domain::minting::exchange::CloudRequest;
use crate::domain::verification::requester::Requester;
use crate::registry_client::http::RegistryClients;
use crate::registry_client::resolver::Resolver;

/// Where an issuer says what it is (OpenID Connect Discovery 1.0).
const DISCOVERY: &str = "/.well-known/openid-configuration";

/// Adds what came of the issuer, if credentials are minted.
pub(super) async fn look_at_issuer(arguments: &Doctor, cluster: &Cluster, observed: Observations) -> Observations {
    let is_minting = [&observed.resources, &observed.cluster_resources]
        .into_iter()
        .filter_map(Seen::read)
        .flatten()
        .any(|resource| resource.minting.is_some());
    if !is_minting {
        return observed;
    }
    let issuer = of_cluster(cluster).await;
    let discovery = match issuer.read() {
        Some(issuer) => discovery(arguments, issuer).await,
        None => Discovery::NotTried,
    };
    Observations {
        issuer: Some(issuer.map(|issuer| IssuerView { issuer, discovery })),
        ..observed
    }
}

/// The issuer as the API server says it.
async fn of_cluster(cluster: &Cluster) -> Seen<String> {
    let request = async {
        let request = Request::get(DISCOVERY).body(Vec::new());
        cluster
            .client
            .request_text(request.map_err(kube::Error::HttpError)?)
            .await
    };
    let document = seen(cluster, &format!("get {DISCOVERY}"), request).await;
    document.and_then(|text| match read_discovery(text.as_bytes()) {
        Some((issuer, _)) => Seen::Read(issuer),
        None => Seen::Failed(format!("{DISCOVERY} of the API server names no issuer")),
    })
}

/// Fetches its documents, by the operator's rules for addresses.
async fn discovery(arguments: &Doctor, issuer: &str) -> Discovery {
    if is_private(issuer).is_some() {
        return Discovery::NotTried;
    }
    let policy = Arc::new(arguments.addresses.policy());
    let clients = match RegistryClients::new(&Resolver::new(policy), None) {
        Ok(clients) => clients,
        Err(error) => return Discovery::Failed(error.to_string()),
    };
    let document = match fetch(&clients, &format!("{}{DISCOVERY}", issuer.trim_end_matches('/'))).await {
        Ok(document) => document,
        Err(why) => return Discovery::Failed(why),
    };
    let Some((named, keys)) = read_discovery(&document) else {
        return Discovery::Failed("its discovery document cannot be read".to_owned());
    };
    if named != issuer {
        return Discovery::OtherIssuer(named);
    }
    match fetch(&clients, &keys).await {
        Ok(document) if has_keys(&document) => Discovery::Good,
        Ok(_) => Discovery::Failed(format!("{keys} has no keys")),
        Err(why) => Discovery::Failed(why),
    }
}

async fn fetch(clients: &RegistryClients, url: &str) -> Result<Vec<u8>, String> {
    let parsed = Url::parse(url).ok().filter(|parsed| parsed.scheme() == "https");
    let request = CloudRequest {
        url: parsed.ok_or_else(|| format!("{url} is not an https URL"))?,
        headers: Vec::new(),
        body: None,
    };
    let response = clients.exchange(&request, "the issuer", Requester::Person).await;
    let response = response.map_err(|failure| failure.problem.message)?;
    match response.status {
        200 => Ok(response.body),
        status => Err(format!("{} answered {status}", request.describe())),
    }
}
