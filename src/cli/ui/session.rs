//! Secrets of a session.

use std::sync::Mutex;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::page::guard::{GuardedSession, is_same};

/// Begins once, with the address that is printed.
pub(super) struct Session {
    /// What requests have to bring.
    pub(super) guarded: GuardedSession,
    /// The first part of every path: the cookie is sent below it only, since ports do not part cookies (RFC 6265, section 8.5).
    pub(super) scope: String,
    start_token: Mutex<Option<String>>,
}

impl Session {
    pub(super) fn new(port: u16) -> Result<Self, String> {
        Ok(Self {
            guarded: GuardedSession {
                port,
                cookie: random()?,
                form_token: random()?,
            },
            scope: random()?,
            start_token: Mutex::new(Some(random()?)),
        })
    }

    /// The address that begins the session.
    pub(super) fn start_address(&self) -> String {
        let token = self
            .start_token
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let token = token.as_deref().unwrap_or_default();
        format!("http://127.0.0.1:{}/start?token={token}", self.guarded.port)
    }

    /// Whether the session begins with this token, which then works no more.
    pub(super) fn begin(&self, token: &str) -> bool {
        let mut expected = self
            .start_token
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if expected.as_deref().is_some_and(|expected| is_same(token, expected)) {
            *expected = None;
            return true;
        }
        false
    }
}

/// 192 random bits.
pub(super) fn random() -> Result<String, String> {
    let mut bytes = [0; 24];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| "the system has no random numbers".to_owned())?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
