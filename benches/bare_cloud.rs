//! The baseline for minting: a client that creates the tokens, has them exchanged, and stores what it gets. It decides nothing.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dps::api::RegistryType::PrivateRegistry;
use dps::api::{DockerPullSecret, FIELD_MANAGER};
use dps::domain::minting::exchange::{CloudRequest, CloudResponse, Exchange, ExchangeStep, Minted};
use dps::domain::minting::identity::{MintIdentity, ProofRequest};
use dps::domain::minting::settings::MintSettings;
use dps::domain::minting::source::MintSource;
use dps::domain::minting::static_key::Proof;
use dps::domain::registry::key::RegistryKey;
use dps::domain::time::Timestamp;
use futures::StreamExt as _;
use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::{Secret, ServiceAccount};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource as _};
use secrecy::ExposeSecret as _;
use serde_json::json;
use tokio::sync::Mutex;

use super::support::objects::secret;
use super::{bare, cloud};

/// Time between two requests to a host, as the operator has it.
const SPACING: Duration = Duration::from_millis(200);

/// When each host may be asked again.
type Gates = HashMap<String, Arc<Mutex<Instant>>>;

struct Bare {
    client: Client,
    http: reqwest::Client,
    gates: Mutex<Gates>,
}

pub(crate) async fn run(kubeconfig: &str, ca: &str) {
    let ca = reqwest::Certificate::from_pem(&std::fs::read(ca).unwrap()).unwrap();
    let bare = &Bare {
        client: super::support::world::World::client(Path::new(kubeconfig)).await,
        http: reqwest::Client::builder().tls_certs_only([ca]).build().unwrap(),
        gates: Mutex::default(),
    };
    let begin = Instant::now();
    futures::stream::iter(cloud::all().enumerate())
        .for_each_concurrent(None, |(number, (namespace, registry, from))| async move {
            let source = MintSource::new(&serde_json::from_value(from).unwrap()).unwrap();
            let registry = RegistryKey::new(PrivateRegistry, Some(registry)).unwrap();
            let identity =
                MintIdentity::new(&source, &registry, &BTreeMap::default(), &MintSettings::default()).unwrap();
            let minted = bare.mint(&namespace, identity).await;
            bare.store(&namespace, number, &registry, &minted).await;
        })
        .await;
    bare::tell(begin, Duration::ZERO);
}

impl Bare {
    async fn mint(&self, namespace: &str, identity: MintIdentity) -> Minted {
        let ProofRequest::Token {
            service_account,
            audience,
            seconds,
        } = &identity.proof
        else {
            panic!("no ServiceAccount");
        };
        let request: TokenRequest =
            serde_json::from_value(json!({"spec": {"audiences": [audience], "expirationSeconds": seconds}})).unwrap();
        let accounts = Api::<ServiceAccount>::namespaced(self.client.clone(), namespace);
        let params = PostParams::default();
        let answer = accounts.create_token_request(service_account, &params, &request).await;
        let token = answer.unwrap().status.unwrap().token;
        let begun = Exchange::begin(identity.clone(), Proof::Token(token.into()), Timestamp::now());
        let (mut exchange, mut request) = begun.unwrap();
        loop {
            let response = self.send(&request).await;
            request = match exchange.answer(&response, Timestamp::now()).unwrap() {
                ExchangeStep::Done(minted) => return minted,
                ExchangeStep::Send(next) => next,
            };
        }
    }

    async fn send(&self, request: &CloudRequest) -> CloudResponse {
        let host = request.url.host_str().unwrap().to_owned();
        let new = || Arc::new(Mutex::new(Instant::now()));
        let gate = Arc::clone(self.gates.lock().await.entry(host).or_insert_with(new));
        let mut free_at = gate.lock().await;
        tokio::time::sleep_until((*free_at).into()).await;
        let mut builder = match &request.body {
            Some(body) => self
                .http
                .post(request.url.clone())
                .body(body.expose_secret().to_owned()),
            None => self.http.get(request.url.clone()),
        };
        for (name, value) in &request.headers {
            builder = builder.header(*name, value.expose_secret());
        }
        let response = builder.send().await.unwrap();
        let read = CloudResponse {
            status: response.status().as_u16(),
            body: response.bytes().await.unwrap().to_vec(),
            ..CloudResponse::default()
        };
        *free_at = Instant::now() + SPACING;
        read
    }

    async fn store(&self, namespace: &str, number: usize, registry: &RegistryKey, minted: &Minted) {
        let credentials = &minted.credentials.credentials;
        let password = credentials.password();
        let document =
            json!({"auths": {registry.as_str(): {"username": credentials.username(), "password": password}}});
        let name = format!("bare-{number}");
        let document = document.to_string();
        let mut new = secret(
            &name,
            "kubernetes.io/dockerconfigjson",
            &[(".dockerconfigjson", &document)],
        );
        let owners: Api<DockerPullSecret> = Api::namespaced(self.client.clone(), namespace);
        let owner = owners.get(cloud::OWNER).await.unwrap();
        new.metadata.owner_references = owner.controller_owner_ref(&()).map(|owner| vec![owner]);
        new.metadata.labels = Some([("app.kubernetes.io/managed-by".to_owned(), FIELD_MANAGER.to_owned())].into());
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let params = PatchParams::apply("bare");
        secrets.patch(&name, &params, &Patch::Apply(&new)).await.unwrap();
    }
}
