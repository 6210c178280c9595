//! The conversation with a registry about one login (domain.md C2).
//!
//! `GET /v2/` without login first: it tells how to log in, and some registries answer differently when it comes with one.
//! Then once with the login, without a scope: with one, some token servers give a token to anybody.

use serde_json::Value;

use crate::domain::credentials::redact;
use crate::domain::verification::answer::{
    Answer, Credentials, Failure, Request, failed, pause, refused, speaks_of_lock, told, trouble,
};
use crate::domain::verification::challenge::{Asked, Challenge, parse};
use crate::domain::verification::question::Question;
use crate::domain::verification::realm::token_url;
use crate::domain::verification::verdict::{Verdict, VerificationResult as R};

/// What to do next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Send this and tell the answer.
    Ask(Request),
    /// The end.
    Done(Verdict),
}

#[derive(Clone, Debug)]
enum State {
    /// `GET /v2/` without login.
    Ping,
    /// `GET /v2/` with the login, to a registry that wants none.
    PingOpen,
    /// `GET /v2/` with the login.
    PingBasic,
    /// Token for the login, without scope.
    Token,
    /// `GET /v2/` with that token.
    PingToken,
    /// The image without login.
    ProbeAnonymous,
    /// Token for nobody, for the image.
    ProbeAnonymousToken,
    /// The image with that token.
    ProbeAnonymousWithToken,
    /// Token for the login, for the image.
    ProbeToken,
    /// The image with the login, or with the token for it.
    ProbeLogin,
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Check {
    question: Question,
    state: State,
    request: Request,
    challenge: Option<Challenge>,
    /// What is known of the login before the image is asked for.
    accepted: Option<String>,
    /// The token that was given last.
    token: Option<String>,
}

impl Check {
    /// Begins. The first request is [`Check::request`].
    pub fn new(question: Question) -> Self {
        let request = Request::get(question.base.clone(), Credentials::None);
        Self {
            question,
            state: State::Ping,
            request,
            challenge: None,
            accepted: None,
            token: None,
        }
    }

    /// The request to send now.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Value of the `Authorization` header of the request to send now.
    pub fn authorization(&self) -> Option<String> {
        match self.request.credentials {
            Credentials::None => None,
            Credentials::Basic => Some(format!("Basic {}", self.question.login.auth())),
            Credentials::Token => Some(format!("Bearer {}", self.token.as_deref().unwrap_or_default())),
        }
    }

    /// Takes the answer to the request.
    pub fn next(&mut self, answer: Result<Answer, Failure>) -> Step {
        let carried_login = self.request.credentials == Credentials::Basic;
        let arrived = matches!(answer, Ok(_) | Err(Failure::Unanswered(_) | Failure::Malformed(_)));
        let retry_after = answer.as_ref().ok().and_then(pause);
        let verdict = match self.step(answer) {
            Step::Done(verdict) => verdict,
            ask @ Step::Ask(_) => return ask,
        };
        let verdict = Verdict {
            unanswered: carried_login && arrived && verdict.result.is_trouble(),
            retry_after,
            // A registry may repeat the login anywhere, such as in the address of its token server.
            message: redact(&verdict.message, &self.question.login),
            ..verdict
        };
        Step::Done(match self.accepted.take() {
            // What happens to the image does not take back what the registry said of the login.
            Some(accepted) if !verdict.result.is_firm() => Verdict::new(
                R::Accepted,
                format!("{accepted}; the image could not be asked for: {}", verdict.message),
            ),
            _ => verdict,
        })
    }

    fn step(&mut self, answer: Result<Answer, Failure>) -> Step {
        let answer = match answer {
            Ok(answer) => answer,
            Err(failure) => return Step::Done(failed(&self.request, &failure)),
        };
        let login = &self.question.login;
        if let Some(verdict) = trouble(&self.request, &answer, login) {
            return Step::Done(verdict);
        }
        let good = (200..300).contains(&answer.status);
        let told = told(&self.request, &answer, login);
        match (self.state.clone(), answer.status) {
            (State::Ping, _) if good => match self.question.probe {
                Some(_) => self.ask_probe(State::ProbeAnonymous, Credentials::None),
                None => self.ask(State::PingOpen, Credentials::Basic),
            },
            (State::Ping, 401) => self.begin(&answer, &told),
            (State::Ping, 403) => done(
                R::Unreachable,
                format!(
                    "{told}; something refuses the operator before it could log in: a firewall, proxy or address ban?"
                ),
            ),
            (State::PingOpen, _) if good => done(
                R::NotVerifiable,
                format!(
                    "{told}, and so it is without: the registry does not look at the login here, name an image that needs it (verification image)"
                ),
            ),
            (State::PingBasic | State::PingToken, _) if good => self.proved(told),
            (State::Token | State::ProbeToken | State::ProbeAnonymousToken, _) if good => {
                self.take_token(&answer, &told)
            }
            (
                State::Ping | State::PingOpen | State::PingBasic | State::PingToken | State::Token | State::ProbeToken,
                404,
            ) => done(
                R::NotARegistry,
                format!("{told}; there is no registry at this address: check host and port"),
            ),
            (State::ProbeToken | State::ProbeLogin, status @ (401 | 403))
                if !speaks_of_lock(&answer) && self.concerns_the_image(status) =>
            {
                Step::Done(Verdict {
                    image_denied: true,
                    ..Verdict::new(
                        R::Rejected,
                        format!("{told}; the login may not read this image: give it the right to pull it"),
                    )
                })
            }
            (State::PingOpen | State::PingBasic | State::PingToken | State::Token | State::ProbeToken, _) => {
                Step::Done(refused(&self.request, &answer, login))
            }
            (State::ProbeAnonymous | State::ProbeAnonymousWithToken, _) if good => self.public_image(&told),
            (State::ProbeAnonymous, _) => self.probe_refused_nobody(&answer),
            (State::ProbeAnonymousWithToken | State::ProbeAnonymousToken, _) => self.probe_with_login(),
            (State::ProbeLogin, _) if good => done(
                R::Accepted,
                format!("{told}, and was refused without: the login may read this image"),
            ),
            (State::ProbeLogin, 404) => self.no_image(&told),
            (State::ProbeLogin, _) => Step::Done(refused(&self.request, &answer, login)),
            (State::Ping, _) => done(R::NotARegistry, told),
        }
    }

    /// Whether it is the image that is kept from the login: it was accepted before, or it is known but not permitted.
    fn concerns_the_image(&self, status: u16) -> bool {
        self.accepted.is_some() || (status == 403 && matches!(self.state, State::ProbeLogin))
    }

    fn ask(&mut self, state: State, credentials: Credentials) -> Step {
        self.go(state, Request::get(self.question.base.clone(), credentials))
    }

    fn go(&mut self, state: State, request: Request) -> Step {
        self.state = state;
        self.request = request.clone();
        Step::Ask(request)
    }

    fn begin(&mut self, answer: &Answer, told: &str) -> Step {
        match parse(&answer.challenges) {
            Asked::VerificationRecord(challenge) => {
                self.challenge = Some(challenge.clone());
                match challenge {
                    Challenge::Basic => self.ask(State::PingBasic, Credentials::Basic),
                    Challenge::Bearer { .. } => self.ask_token(State::Token, Credentials::Basic, false),
                }
            }
            Asked::Unknown(schemes) => done(
                R::NotVerifiable,
                format!(
                    "{told}; it asks for {}, and only Bearer and Basic logins can be checked",
                    schemes.join(", ")
                ),
            ),
            Asked::Nothing => done(
                R::NotARegistry,
                format!("{told} without a WWW-Authenticate header that says how to log in: check host and port"),
            ),
        }
    }

    /// Asks the token server that the registry named, if that may be trusted with the login.
    fn ask_token(&mut self, state: State, credentials: Credentials, scoped: bool) -> Step {
        let Some(Challenge::Bearer { realm, service }) = self.challenge.clone() else {
            return done(
                R::NotARegistry,
                "the registry asks for a token and names no token server",
            );
        };
        let scope = self.question.probe.as_ref().filter(|_| scoped);
        let account = (credentials == Credentials::Basic).then(|| self.question.login.username());
        match token_url(&self.question.base, &realm, service.as_deref(), scope, account) {
            Ok(url) => self.go(state, Request::get(url, credentials)),
            Err(why) => done(R::NotARegistry, why),
        }
    }

    fn take_token(&mut self, answer: &Answer, told: &str) -> Step {
        let document: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let token = ["token", "access_token"]
            .iter()
            .find_map(|field| document[field].as_str());
        // A token that cannot stand in a header is none.
        let token = token.filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
        self.token = token.map(str::to_owned);
        match (&self.token, &self.state) {
            (None, State::ProbeAnonymousToken) => self.probe_with_login(),
            (None, _) => done(
                R::NotARegistry,
                format!("{told} without a token: check the registry's token server"),
            ),
            (_, State::ProbeAnonymousToken) => self.ask_probe(State::ProbeAnonymousWithToken, Credentials::Token),
            (_, State::ProbeToken) => self.ask_probe(State::ProbeLogin, Credentials::Token),
            _ => self.ask(State::PingToken, Credentials::Token),
        }
    }

    /// The registry takes the login; an image may still say more.
    fn proved(&mut self, told: String) -> Step {
        if self.question.probe.is_none() {
            return done(R::Accepted, told);
        }
        self.accepted = Some(told);
        self.ask_probe(State::ProbeAnonymous, Credentials::None)
    }

    fn ask_probe(&mut self, state: State, credentials: Credentials) -> Step {
        let Some(probe) = &self.question.probe else {
            return done(R::NotVerifiable, "there is no image to ask for");
        };
        let mut url = self.question.base.clone();
        url.set_path(&format!("/v2/{}/manifests/{}", probe.repository, probe.reference));
        let request = Request {
            head: true,
            url,
            credentials,
        };
        self.go(state, request)
    }

    fn probe_refused_nobody(&mut self, answer: &Answer) -> Step {
        if let Asked::VerificationRecord(challenge) = parse(&answer.challenges) {
            self.challenge = Some(challenge);
        }
        match self.challenge {
            // Registries with tokens refuse also public images before somebody has got a token for nobody.
            Some(Challenge::Bearer { .. }) if answer.status == 401 => {
                self.ask_token(State::ProbeAnonymousToken, Credentials::None, true)
            }
            _ => self.probe_with_login(),
        }
    }

    fn probe_with_login(&mut self) -> Step {
        match self.challenge {
            Some(Challenge::Bearer { .. }) => self.ask_token(State::ProbeToken, Credentials::Basic, true),
            _ => self.ask_probe(State::ProbeLogin, Credentials::Basic),
        }
    }

    fn public_image(&mut self, told: &str) -> Step {
        match self.accepted.take() {
            Some(accepted) => done(R::Accepted, format!("{accepted}; the image needs no login")),
            None => done(
                R::NotVerifiable,
                format!("{told}: neither the registry nor this image needs a login, name an image that does"),
            ),
        }
    }

    fn no_image(&mut self, told: &str) -> Step {
        match self.accepted.take() {
            Some(accepted) => done(
                R::Accepted,
                format!("{accepted}; but {told}: there is no such image, or the login may not see it"),
            ),
            None => done(
                R::NotVerifiable,
                format!("{told}: there is no such image, or the login may not see it"),
            ),
        }
    }
}

fn done(result: R, message: impl Into<String>) -> Step {
    Step::Done(Verdict::new(result, message))
}
