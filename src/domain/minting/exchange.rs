//! The conversation with a cloud about one identity: a state machine that does no input or output. It begins with a proof of the
//! identity, goes over one to three requests, and ends with credentials or with a sentence that says what is missing.

mod aws;
mod azure;
mod google;
mod http;
mod quay;
mod words;

use k8s_openapi::jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};

use crate::api::Reason;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::minting::claims::Claims;
use crate::domain::minting::exchange::aws::AwsRefusal;
use crate::domain::minting::failure::MintFailure;
use crate::domain::minting::identity::{Grant, MintIdentity, ProofRequest};
use crate::domain::minting::minted::MintedCredentials;
use crate::domain::minting::static_key::{AwsKeys, Proof};
use crate::domain::time::Timestamp;

pub use crate::domain::minting::exchange::http::{CloudRequest, CloudResponse};

/// What to do next.
#[derive(Debug)]
pub enum ExchangeStep {
    /// Send this, and hand in the response.
    Send(CloudRequest),
    /// The end.
    Done(Minted),
}

/// Credentials that were minted.
#[derive(Clone, Debug, PartialEq)]
pub struct Minted {
    /// The credentials.
    pub credentials: MintedCredentials,
    /// By how much the operator's clock is wrong, in words, if it is by more than two minutes.
    pub skew: Option<String>,
}

/// The request that was sent last.
#[derive(Clone, Debug)]
enum ExchangeStage {
    /// For a session of AWS.
    AwsSession,
    /// For credentials of Amazon ECR, signed with these keys.
    Ecr(AwsKeys),
    /// For a token of Entra.
    Entra,
    /// For the refresh token of a registry.
    AcrRefresh,
    /// For a token for some of its repositories.
    AcrAccess,
    /// For a token of Google for the subject itself.
    GoogleSubject,
    /// For a token of a Google service account.
    GoogleAccount,
    /// For a token of Quay.
    Quay,
}

/// One conversation.
#[derive(Debug)]
pub struct Exchange {
    identity: MintIdentity,
    /// What the proof says of itself.
    claims: Claims,
    proof: Proof,
    stage: ExchangeStage,
    /// What no message repeats.
    secrets: Vec<SecretString>,
    /// The cloud's clock as it was in the last response.
    server_now: Option<Timestamp>,
    /// By how much that is ahead of ours.
    ahead: SignedDuration,
    /// Whether a request was signed again under the cloud's clock.
    is_corrected: bool,
}

impl Exchange {
    /// Begins.
    pub fn begin(identity: MintIdentity, proof: Proof, now: Timestamp) -> Result<(Self, CloudRequest), MintFailure> {
        let mut exchange = Self {
            claims: Claims::default(),
            stage: ExchangeStage::Quay,
            secrets: Vec::new(),
            server_now: None,
            ahead: SignedDuration::ZERO,
            is_corrected: false,
            identity,
            proof,
        };
        let proof = exchange.proof.clone();
        exchange.hide(proof.secrets());
        if let Proof::Token(token) = &proof {
            exchange.take_token(token)?;
        }
        let request = exchange.first_request(&proof, now)?;
        Ok((exchange, request))
    }

    /// A token for anybody but the one who is asked is not sent: it could be used elsewhere, against the cluster itself for example.
    fn take_token(&mut self, token: &SecretString) -> Result<(), MintFailure> {
        let refused = |what: String| Err(MintFailure::new(Reason::AudienceRefused, what));
        let ProofRequest::Token { audience, .. } = &self.identity.proof else {
            return refused(
                "a token of a ServiceAccount was given where none is needed; this is a bug, please report it"
                    .to_owned(),
            );
        };
        self.claims = Claims::read(token.expose_secret()).unwrap_or_default();
        if self.claims.aud != [audience.as_str()] {
            return refused(format!(
                "the API server gave a token for the audiences {:?} instead of {audience:?} alone; nothing was sent to the cloud",
                self.claims.aud
            ));
        }
        if *audience == self.claims.iss {
            return refused(format!(
                "the audience {audience:?} is that of this cluster's API server: a token for it would be a login to this cluster; name the audience that the cloud expects; nothing was sent to the cloud"
            ));
        }
        Ok(())
    }

    fn first_request(&mut self, proof: &Proof, now: Timestamp) -> Result<CloudRequest, MintFailure> {
        let grant = self.identity.grant.clone();
        let (stage, request) = match (&grant, proof) {
            (Grant::Aws { registry, role_arn }, Proof::Token(token)) => (
                ExchangeStage::AwsSession,
                aws::web_identity(
                    registry,
                    role_arn.as_deref().unwrap_or_default(),
                    &self.claims.sub,
                    token,
                )?,
            ),
            (
                Grant::Aws {
                    registry,
                    role_arn: Some(role),
                },
                Proof::Aws(keys),
            ) => (
                ExchangeStage::AwsSession,
                aws::assume_role(registry, role, keys, self.cloud_time(now))?,
            ),
            (
                Grant::Aws {
                    registry,
                    role_arn: None,
                },
                Proof::Aws(keys),
            ) => (
                ExchangeStage::Ecr(keys.clone()),
                aws::authorization(registry, keys, self.cloud_time(now))?,
            ),
            (
                Grant::Google {
                    audience: Some(audience),
                    ..
                },
                Proof::Token(token),
            ) => (ExchangeStage::GoogleSubject, google::subject_token(audience, token)?),
            (Grant::Google { .. }, Proof::GoogleKey(key)) => (
                ExchangeStage::GoogleAccount,
                google::signed_request(key, self.cloud_time(now))?,
            ),
            (
                Grant::Azure {
                    cloud,
                    client_id,
                    tenant_id,
                    ..
                },
                proof @ (Proof::Token(_) | Proof::ClientSecret(_)),
            ) => (
                ExchangeStage::Entra,
                azure::entra_token(*cloud, tenant_id, client_id, proof)?,
            ),
            (Grant::Quay { robot }, Proof::Token(token)) => (
                ExchangeStage::Quay,
                quay::federation(&self.identity.host, robot, token)?,
            ),
            _ => {
                return Err(MintFailure::new(
                    Reason::IdentityMissing,
                    "this key is not of the cloud that is asked; this is a bug, please report it",
                ));
            }
        };
        self.stage = stage;
        Ok(request)
    }

    /// Takes the response to the request.
    pub fn answer(&mut self, response: &CloudResponse, now: Timestamp) -> Result<ExchangeStep, MintFailure> {
        self.server_now = response.date;
        if let Some(date) = response.date {
            self.ahead = date.duration_since(now);
        }
        if let Some(failure) = response.trouble(self.who_answers()) {
            return Err(failure);
        }
        let grant = self.identity.grant.clone();
        match (self.stage.clone(), &grant) {
            (ExchangeStage::AwsSession, Grant::Aws { registry, .. }) => {
                let keys = match aws::session(response) {
                    Err(refusal) => return self.corrected_or(&refusal, None, now),
                    Ok(keys) => keys,
                };
                self.hide(keys.secrets());
                let request = aws::authorization(registry, &keys, self.cloud_time(now))?;
                Ok(self.go_on(ExchangeStage::Ecr(keys), request))
            }
            (ExchangeStage::Ecr(keys), Grant::Aws { .. }) => match aws::credentials(response) {
                Ok((credentials, end)) => self.done(credentials, end, now),
                Err(refusal) => self.corrected_or(&refusal, Some(keys), now),
            },
            (ExchangeStage::Entra, Grant::Azure { .. }) => {
                let token = azure::entra_answer(response, self)?;
                self.hide([&token]);
                let request = azure::refresh_token(&self.identity.host, &token)?;
                Ok(self.go_on(ExchangeStage::AcrRefresh, request))
            }
            (ExchangeStage::AcrRefresh, Grant::Azure { repositories, .. }) => {
                let token = azure::registry_answer(response, "refresh_token", self)?;
                self.hide([&token]);
                if repositories.is_empty() {
                    return self.registry_token(&token, now);
                }
                let request = azure::access_token(&self.identity.host, repositories, &token)?;
                Ok(self.go_on(ExchangeStage::AcrAccess, request))
            }
            (ExchangeStage::AcrAccess, _) => {
                let token = azure::registry_answer(response, "access_token", self)?;
                self.registry_token(&token, now)
            }
            (ExchangeStage::GoogleSubject, Grant::Google { email, .. }) => {
                let (token, end) = google::subject_answer(response, self, now)?;
                self.hide([&token]);
                let Some(email) = email else {
                    return self.done(google::credentials(&token)?, end, now);
                };
                let request = google::impersonation(email, &token)?;
                Ok(self.go_on(ExchangeStage::GoogleAccount, request))
            }
            (ExchangeStage::GoogleAccount, _) => self.google_account(response, now),
            (ExchangeStage::Quay, Grant::Quay { robot }) => {
                let (credentials, end) = quay::answer(response, robot, self)?;
                self.done(credentials, end, now)
            }
            _ => Err(MintFailure::new(
                Reason::ExchangeMalformed,
                "this answer was not expected; this is a bug, please report it",
            )),
        }
    }

    /// The credentials of a registry of Azure.
    fn registry_token(&self, token: &SecretString, now: Timestamp) -> Result<ExchangeStep, MintFailure> {
        let (credentials, end) = azure::credentials(token)?;
        self.done(credentials, end, now)
    }

    /// No message repeats these from now on.
    fn hide<'a>(&mut self, secrets: impl IntoIterator<Item = &'a SecretString>) {
        self.secrets.extend(secrets.into_iter().cloned());
    }

    fn go_on(&mut self, stage: ExchangeStage, request: CloudRequest) -> ExchangeStep {
        self.stage = stage;
        ExchangeStep::Send(request)
    }

    /// A request that was refused for its time is signed once more, under the cloud's clock. Otherwise the failure, in words.
    fn corrected_or(
        &mut self,
        refusal: &AwsRefusal,
        keys: Option<AwsKeys>,
        now: Timestamp,
    ) -> Result<ExchangeStep, MintFailure> {
        let may_correct = refusal.is_about_time() && self.is_skewed() && !self.is_corrected;
        let (Grant::Aws { registry, role_arn }, true) = (self.identity.grant.clone(), may_correct) else {
            return Err(refusal.failure(self, keys.is_some()));
        };
        self.is_corrected = true;
        let time = self.cloud_time(now);
        let request = match (keys, &self.proof) {
            (Some(keys), _) => aws::authorization(&registry, &keys, time)?,
            (None, Proof::Aws(keys)) => {
                aws::assume_role(&registry, role_arn.as_deref().unwrap_or_default(), keys, time)?
            }
            _ => return Err(refusal.failure(self, false)),
        };
        Ok(ExchangeStep::Send(request))
    }

    /// The token of a service account, or once more the request that a key has signed, under the cloud's clock.
    fn google_account(&mut self, response: &CloudResponse, now: Timestamp) -> Result<ExchangeStep, MintFailure> {
        if let Proof::GoogleKey(key) = &self.proof
            && google::is_about_time(response)
            && self.is_skewed()
            && !self.is_corrected
        {
            let request = google::signed_request(key, self.cloud_time(now))?;
            self.is_corrected = true;
            return Ok(ExchangeStep::Send(request));
        }
        let (token, end) = google::account_answer(response, self, now)?;
        self.done(google::credentials(&token)?, end, now)
    }

    fn done(
        &self,
        credentials: RegistryCredentials,
        end: Timestamp,
        now: Timestamp,
    ) -> Result<ExchangeStep, MintFailure> {
        let minted = MintedCredentials::new(credentials, now, self.server_now, end);
        if !minted.is_alive(now) {
            return Err(MintFailure::new(
                Reason::ExchangeMalformed,
                format!("{} gave credentials that have expired already", self.who_answers()),
            ));
        }
        Ok(ExchangeStep::Done(Minted {
            credentials: minted,
            skew: self.is_skewed().then(|| self.skew()),
        }))
    }
}
