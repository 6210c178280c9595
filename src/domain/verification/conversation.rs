//! The conversation with a registry about one pair of credentials: a state machine that does no input or output.
//!
//! It begins with `GET /v2/` without credentials: the response says how to log in, and some registries answer differently
//! to a request that already carries credentials. Then it logs in once, without a scope: with a scope, some token servers
//! give a token to anybody.

mod image;

use std::sync::Arc;

use serde_json::Value;

use crate::domain::credentials::repetition::Unrepeatable;
use crate::domain::verification::address;
use crate::domain::verification::answer::{
    Authorization, RegistryRequest, RegistryResponse, RequestFailure, failed, pause, refused, summary, trouble,
};
use crate::domain::verification::attempt::LoginAttempt;
use crate::domain::verification::challenge::{Challenge, LoginOffer, parse};
use crate::domain::verification::conversation::image::image_denied;
use crate::domain::verification::realm::{is_trusted, token_url};
use crate::domain::verification::requester::Requester;
use crate::domain::verification::verdict::{Verdict, VerificationResult as R};

/// What to do next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Send this, and hand in the response.
    Send(RegistryRequest),
    /// The end.
    Done(Verdict),
}

/// The request that was sent last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// `GET /v2/` without credentials.
    Ping,
    /// `GET /v2/` with the credentials, to a registry that requires none.
    PingOpen,
    /// `GET /v2/` with the credentials.
    PingBasic,
    /// Token for the credentials, without a scope.
    Token,
    /// `GET /v2/` with that token.
    PingToken,
    /// The image without credentials.
    AnonymousImage,
    /// Token without credentials, for the image.
    AnonymousToken,
    /// The image with that token.
    AnonymousImageWithToken,
    /// Token for the credentials, for the image.
    ImageToken,
    /// The image with the credentials, or with the token for them.
    Image,
}

/// One conversation.
#[derive(Debug)]
pub struct Conversation {
    attempt: LoginAttempt,
    /// What no message repeats.
    secrets: Unrepeatable,
    requester: Requester,
    /// Hosts of token servers that the administrator allows.
    token_servers: Arc<[String]>,
    stage: Stage,
    request: RegistryRequest,
    challenge: Option<Challenge>,
    /// The evidence that the registry accepts the credentials, before the image is requested.
    accepted: Option<String>,
    /// The token that was given last.
    token: Option<String>,
}

impl Conversation {
    /// Begins. The first request is [`Conversation::request`].
    pub fn new(attempt: LoginAttempt, requester: Requester) -> Self {
        let request = RegistryRequest::get(attempt.target.base.clone(), Authorization::None);
        Self {
            secrets: Unrepeatable::new(&attempt.credentials)
                .knowing(attempt.target.base.host_str().unwrap_or_default()),
            attempt,
            requester,
            token_servers: Arc::default(),
            stage: Stage::Ping,
            request,
            challenge: None,
            accepted: None,
            token: None,
        }
    }

    /// Allows token servers with these hosts, whatever the registry.
    #[must_use]
    pub fn allowing(self, token_servers: Arc<[String]>) -> Self {
        Self { token_servers, ..self }
    }

    /// The request to send now.
    pub fn request(&self) -> &RegistryRequest {
        &self.request
    }

    /// Value of the `Authorization` header of the request to send now.
    pub fn authorization(&self) -> Option<String> {
        match self.request.authorization {
            Authorization::None => None,
            Authorization::Basic => Some(format!("Basic {}", self.attempt.credentials.auth())),
            Authorization::Token => Some(format!("Bearer {}", self.token.as_deref().unwrap_or_default())),
        }
    }

    /// Takes the response to the request.
    pub fn next(&mut self, response: Result<RegistryResponse, RequestFailure>) -> Step {
        let carried_password = self.request.authorization == Authorization::Basic;
        let arrived = response.as_ref().err().is_none_or(RequestFailure::may_have_arrived);
        let retry_after = response.as_ref().ok().and_then(pause);
        let verdict = match self.step(response) {
            Step::Done(verdict) => verdict,
            send @ Step::Send(_) => return send,
        };
        let verdict = Verdict {
            unanswered: carried_password && arrived && verdict.result.is_trouble(),
            retry_after,
            // A registry may repeat the credentials anywhere, such as in the address of its token server.
            message: self.secrets.hide_in_message(&verdict.message),
            ..verdict
        };
        Step::Done(match self.accepted.take() {
            // A problem with the image does not withdraw the verdict about the credentials.
            Some(accepted) if !verdict.result.is_firm() => Verdict::new(
                R::Accepted,
                format!(
                    "{accepted}; access to the image could not be verified: {}",
                    verdict.message
                ),
            ),
            _ => verdict,
        })
    }

    fn step(&mut self, response: Result<RegistryResponse, RequestFailure>) -> Step {
        let response = match response {
            Ok(response) => response,
            Err(failure) => return Step::Done(failed(&self.request, &failure, self.requester)),
        };
        if self.stage == Stage::Ping
            && response.status == 401
            && let LoginOffer::Supported(challenge) = parse(&response.challenges)
        {
            return self.log_in(challenge);
        }
        if let Some(verdict) = trouble(&self.request, &response, &self.secrets, self.requester) {
            return Step::Done(verdict);
        }
        let summary = summary(&self.request, &response, &self.secrets);
        let is_good = (200..300).contains(&response.status);
        match self.stage {
            Stage::Ping => self.after_ping(&response, &summary),
            Stage::PingOpen if is_good => self.open_registry(&summary),
            Stage::PingBasic | Stage::PingToken if is_good => self.credentials_accepted(&summary),
            Stage::Token | Stage::ImageToken | Stage::AnonymousToken if is_good => self.take_token(&response, &summary),
            Stage::AnonymousImage | Stage::AnonymousImageWithToken if is_good => self.public_image(&summary),
            Stage::Image if is_good => done(
                R::Accepted,
                format!("the credentials may read the image: {summary}; without credentials, the registry refuses it"),
            ),
            Stage::AnonymousImage => self.after_anonymous_refusal(&response),
            Stage::AnonymousImageWithToken | Stage::AnonymousToken => self.log_in_for_image(),
            Stage::Image if response.status == 404 => self.missing_image(&summary),
            Stage::Token | Stage::ImageToken if response.status == 404 => done(
                R::NotARegistry,
                format!(
                    "{summary}; the registry names this token server, but there is none; check the registry's configuration"
                ),
            ),
            _ if response.status == 404 => no_registry(&summary),
            Stage::ImageToken | Stage::Image if self.is_about_image(&response) => image_denied(&summary),
            _ => Step::Done(refused(
                &self.request,
                &response,
                &self.secrets,
                &self.attempt.target.base,
            )),
        }
    }

    fn after_ping(&mut self, response: &RegistryResponse, summary: &str) -> Step {
        match response.status {
            401 => no_way_to_log_in(response, summary),
            403 => done(
                R::Unreachable,
                format!(
                    "{summary}; something blocks {} before it can log in, such as a firewall, a proxy or an address ban",
                    self.requester.name()
                ),
            ),
            404 => no_registry(summary),
            _ if self.attempt.target.image.is_some() => self.request_image(Stage::AnonymousImage, Authorization::None),
            _ => self.ping(Stage::PingOpen, Authorization::Basic),
        }
    }

    fn ping(&mut self, stage: Stage, authorization: Authorization) -> Step {
        self.send(
            stage,
            RegistryRequest::get(self.attempt.target.base.clone(), authorization),
        )
    }

    fn send(&mut self, stage: Stage, request: RegistryRequest) -> Step {
        self.stage = stage;
        self.request = request.clone();
        Step::Send(request)
    }

    fn log_in(&mut self, challenge: Challenge) -> Step {
        let is_basic = challenge == Challenge::Basic;
        self.challenge = Some(challenge);
        if is_basic {
            self.ping(Stage::PingBasic, Authorization::Basic)
        } else {
            self.request_token(Stage::Token, Authorization::Basic, false)
        }
    }

    /// Requests a token from the token server that the registry named, if credentials may be sent there.
    fn request_token(&mut self, stage: Stage, authorization: Authorization, scoped: bool) -> Step {
        let Some(Challenge::Bearer { realm, service }) = self.challenge.clone() else {
            return done(
                R::NotARegistry,
                "the registry requires a token and names no token server",
            );
        };
        let target = &self.attempt.target;
        let scope = target.image.as_ref().filter(|_| scoped);
        let account = (authorization == Authorization::Basic).then(|| self.attempt.credentials.username());
        match token_url(&target.base, &realm, service.as_deref(), scope, account) {
            Ok(url) if !is_trusted(&target.base, &url, &self.token_servers) => done(
                R::NotVerifiable,
                format!(
                    "{} names the token server {}, which belongs to another domain, so nothing was sent there; {}",
                    address::target(&target.base),
                    address::target(&url),
                    self.requester.allow_token_server()
                ),
            ),
            Ok(url) => self.send(stage, RegistryRequest::get(url, authorization)),
            Err(why) => done(R::NotARegistry, why),
        }
    }

    fn take_token(&mut self, response: &RegistryResponse, summary: &str) -> Step {
        let document: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let token = ["token", "access_token"]
            .iter()
            .find_map(|field| document[field].as_str());
        // A token that cannot stand in a header is none.
        let token = token.filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        self.token = token.map(str::to_owned);
        if let Some(token) = token {
            self.secrets.add_token(token);
        }
        match (&self.token, self.stage) {
            (None, Stage::AnonymousToken) => self.log_in_for_image(),
            (None, _) => done(
                R::NotARegistry,
                format!("{summary} without a token; check the registry's token server"),
            ),
            (_, Stage::AnonymousToken) => self.request_image(Stage::AnonymousImageWithToken, Authorization::Token),
            (_, Stage::ImageToken) => self.request_image(Stage::Image, Authorization::Token),
            _ => self.ping(Stage::PingToken, Authorization::Token),
        }
    }

    /// The registry accepts the credentials; an image may still say more.
    fn credentials_accepted(&mut self, summary: &str) -> Step {
        let accepted = format!("the registry accepts the credentials: {summary}");
        if self.attempt.target.image.is_none() {
            return done(R::Accepted, accepted);
        }
        self.accepted = Some(accepted);
        self.request_image(Stage::AnonymousImage, Authorization::None)
    }

    fn open_registry(&self, summary: &str) -> Step {
        done(
            R::NotVerifiable,
            format!(
                "{summary}; the registry answers the same without credentials, so they cannot be verified; {}",
                self.requester.private_image()
            ),
        )
    }
}

fn no_way_to_log_in(response: &RegistryResponse, summary: &str) -> Step {
    match parse(&response.challenges) {
        LoginOffer::Unsupported(schemes) => done(
            R::NotVerifiable,
            format!(
                "{summary} and requires {}; only Bearer and Basic authentication can be verified",
                schemes.join(", ")
            ),
        ),
        LoginOffer::Missing | LoginOffer::Supported(_) => done(
            R::NotARegistry,
            format!("{summary} without a WWW-Authenticate header that says how to log in; check host and port"),
        ),
    }
}

fn no_registry(summary: &str) -> Step {
    done(
        R::NotARegistry,
        format!("{summary}; there is no registry at this address; check host and port"),
    )
}

fn done(result: R, message: impl Into<String>) -> Step {
    Step::Done(Verdict::new(result, message))
}
