//! Mints the credentials of one resource, and says each step on stderr.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use secrecy::ExposeSecret as _;
use serde_json::Value;

use crate::api::Reason;
use crate::cli::cluster::Cluster;
use crate::cli::doctor::rights::{refused, user};
use crate::cli::mint::subject::TrialSubject;
use crate::cli::output::report;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::doctor::rights::{grant_commands, missing_rights, questions_about};
use crate::domain::doctor::seen::Seen;
use crate::domain::minting::exchange::{Exchange, ExchangeStep, Minted};
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::identity::{MintIdentity, ProofRequest};
use crate::domain::minting::settings::MintSettings;
use crate::domain::minting::source::{Asker, MintSource};
use crate::domain::minting::static_key::{self, Proof};
use crate::domain::minting::trial::{MintTrial, for_person, proof_request, token_answer};
use crate::domain::names::{ObjectKey, Uid};
use crate::domain::problem::Problem;
use crate::domain::secret::masked::masked;
use crate::domain::spec::declaration::Declaration;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};
use crate::domain::time::Timestamp;
use crate::domain::verification::address::Policy;
use crate::domain::verification::requester::Requester;
use crate::kubernetes::minting::{identify, prove};
use crate::registry_client::http::RegistryClients;
use crate::registry_client::resolver::Resolver;

/// What an attempt came to.
pub(crate) enum TrialEnd {
    /// Credentials.
    Minted {
        /// What is said of them.
        trial: MintTrial,
        /// The Secret that the operator would write, masked.
        secret: Value,
        /// The credentials.
        credentials: RegistryCredentials,
    },
    /// The resource takes its credentials from elsewhere: what to do instead.
    NothingToMint(String),
    /// None.
    Failed {
        /// Why.
        failure: MintFailure,
        /// What an administrator runs.
        commands: Vec<String>,
    },
}

impl<T: Into<MintFailure>> From<T> for TrialEnd {
    fn from(failure: T) -> Self {
        let mut failure = failure.into();
        failure.problem.message = for_person(&failure.problem.message);
        Self::Failed {
            failure,
            commands: Vec::new(),
        }
    }
}

/// Who is asked, and by which rules.
pub(crate) struct Attempter<'a> {
    cluster: &'a Cluster,
    clients: RegistryClients,
    settings: MintSettings,
}

impl<'a> Attempter<'a> {
    /// `policy`: the operator's, for addresses.
    pub(crate) fn new(cluster: &'a Cluster, settings: MintSettings, policy: Policy) -> Result<Self, String> {
        let clients = RegistryClients::new(&Resolver::new(Arc::new(policy)), None);
        Ok(Self {
            cluster,
            clients: clients.map_err(|error| error.to_string())?,
            settings,
        })
    }

    /// Mints. The error: the cluster cannot be asked.
    pub(crate) async fn attempt(&self, subject: &TrialSubject) -> Result<TrialEnd, String> {
        let declaration = match &subject.declaration {
            Ok(declaration) => declaration,
            Err(problem) => return Ok(problem.clone().into()),
        };
        let (spec, source) = match &declaration.spec {
            Err(problem) => return Ok(problem.clone().into()),
            Ok(spec) => match &spec.source {
                CredentialSource::Minted(source) => (spec, source),
                CredentialSource::Secret(source) => {
                    let why = format!(
                        "its credentials are those in Secret {:?} (spec.credentialsRef): there is nothing to mint; dps verify logs in with them",
                        source.name
                    );
                    return Ok(TrialEnd::NothingToMint(why));
                }
            },
        };
        report(&format!("{}:", subject.name));
        self.mint(declaration, spec, source, subject.key.as_ref()).await
    }

    async fn mint(
        &self,
        declaration: &Declaration,
        spec: &ValidatedSpec,
        source: &MintSource,
        key: Option<&Secret>,
    ) -> Result<TrialEnd, String> {
        let (client, namespace) = (&self.cluster.client, declaration.source_namespace());
        let read = match (source.key_secret(), key) {
            (Some(name), None) => self.key(name, namespace).await?,
            _ => None,
        };
        let key = key.or(read.as_ref());
        if let Asker::ServiceAccount(name) = &source.asker {
            self.say(&format!("get ServiceAccount {name:?} in namespace {namespace:?}"));
        }
        let identified = identify(client, namespace, source, key, &spec.registry, &self.settings).await;
        let identity = match identified.map_err(|error| format!("{}: {error}", self.cluster.server))? {
            Err(problem) => return Ok(self.failed(problem.into(), source, namespace).await),
            Ok((identity, _)) => identity,
        };
        let names = (identity.display(), spec.registry.as_str());
        report(&format!("    the credentials are for {} at {}", names.0, names.1));
        let minted = match self.prove(&identity, namespace, key).await {
            Ok(proof) => self.exchange(&identity, proof).await,
            Err(failure) => return Ok(self.failed(failure, source, namespace).await),
        };
        Ok(match minted {
            Err(failure) => failure.into(),
            Ok(minted) => TrialEnd::Minted {
                trial: MintTrial::new(&identity, &minted, declaration.uid.as_ref().map(Uid::as_str)),
                secret: masked(
                    &declaration.key.namespace,
                    declaration.reference().as_ref(),
                    spec,
                    &minted.credentials,
                ),
                credentials: minted.credentials.credentials,
            },
        })
    }

    /// Says what the API server is asked.
    fn say(&self, what: &str) {
        report(&format!("  {}: {what}", self.cluster.server));
    }

    /// The Secret with a long-lived key, if it exists.
    async fn key(&self, name: &str, namespace: &str) -> Result<Option<Secret>, String> {
        self.say(&format!("get Secret {name:?} in namespace {namespace:?}"));
        self.cluster.secret(namespace, name).await
    }

    async fn prove(
        &self,
        identity: &MintIdentity,
        namespace: &str,
        key: Option<&Secret>,
    ) -> Result<Proof, MintFailure> {
        if let ProofRequest::Key { secret, keys } = &identity.proof {
            return Ok(static_key::read(
                identity.grant.provider(),
                (namespace, secret),
                keys,
                key,
            )?);
        }
        self.say(&proof_request(&identity.proof, namespace));
        let proof = prove(&self.cluster.client, namespace, identity).await?;
        if let Proof::Token(token) = &proof {
            report(&format!("    it gave {}", token_answer(token.expose_secret())));
        }
        Ok(proof)
    }

    /// The requests to the cloud.
    async fn exchange(&self, identity: &MintIdentity, proof: Proof) -> Result<Minted, MintFailure> {
        let (mut exchange, mut request) = Exchange::begin(identity.clone(), proof, Timestamp::now())?;
        loop {
            let who = exchange.who_answers();
            report(&format!("  {who}: {}", request.describe()));
            let response = self.clients.exchange(&request, who, Requester::Person).await?;
            report(&format!("    it answered {}", response.status));
            request = match exchange.answer(&response, Timestamp::now())? {
                ExchangeStep::Done(minted) => return Ok(minted),
                ExchangeStep::Send(next) => next,
            };
        }
    }

    /// A failure. Where a right is missing, it is that of the person.
    async fn failed(&self, failure: MintFailure, source: &MintSource, namespace: &str) -> TrialEnd {
        let asker = match &source.asker {
            Asker::ServiceAccount(name) if failure.problem.reason == Reason::ServiceAccountNotAllowed => {
                ObjectKey::new(namespace, name.as_str())
            }
            _ => return failure.into(),
        };
        let (user, missing) = tokio::join!(user(self.cluster), refused(self.cluster, None, questions_about(&asker)));
        match missing {
            Seen::Read(missing) if !missing.is_empty() => {
                let message = missing_rights(user.as_deref(), &asker, &missing);
                TrialEnd::Failed {
                    failure: Problem::new(Reason::ServiceAccountNotAllowed, message).into(),
                    commands: grant_commands(user.as_deref(), &asker, &missing),
                }
            }
            // It is something else than a right: the API server has said what.
            _ => failure.into(),
        }
    }
}
