//! Registries that count failed logins, and that fail when they are told to.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::support::objects::{private_verified, with};
use super::super::support::registries::{Scripted, answer};

/// Passwords that are accepted begin so.
pub(crate) const GOOD: &str = "good-";

const REGISTRIES: usize = 5;

/// How long an answer to a login takes: some are under way at any time.
const DELAY: Duration = Duration::from_millis(300);

/// When each login failed, by user and password.
pub(crate) type FailedLogins = HashMap<String, Vec<Instant>>;

pub(crate) struct SoakRegistries {
    all: Vec<Scripted>,
    are_out: Arc<AtomicBool>,
    failed: Arc<Mutex<FailedLogins>>,
}

impl SoakRegistries {
    pub(crate) fn start() -> Self {
        let are_out = Arc::new(AtomicBool::new(false));
        let failed = Arc::new(Mutex::new(FailedLogins::new()));
        let one = |_| {
            let (are_out, failed) = (Arc::clone(&are_out), Arc::clone(&failed));
            Scripted::start(move |head, _| {
                if are_out.load(Ordering::Relaxed) {
                    return answer("503 Service Unavailable", &[], "");
                }
                let Some(login) = login(head) else {
                    return answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "");
                };
                let accepted = login
                    .split_once(':')
                    .is_some_and(|(_, password)| password.starts_with(GOOD));
                if !accepted {
                    failed.lock().unwrap().entry(login).or_default().push(Instant::now());
                }
                std::thread::sleep(DELAY);
                answer(if accepted { "200 OK" } else { "401 Unauthorized" }, &[], "")
            })
        };
        Self {
            all: (0..REGISTRIES).map(one).collect(),
            are_out,
            failed,
        }
    }

    pub(crate) fn addresses(&self) -> String {
        let addresses: Vec<&str> = self.all.iter().map(|registry| registry.address.as_str()).collect();
        addresses.join(",")
    }

    /// The spec of a resource.
    pub(crate) fn spec(&self, number: usize) -> Value {
        let registry = &self.all[number % REGISTRIES];
        let login = super::login(number % super::RESOURCES_OF_NAMESPACE);
        let url = format!("{}/team-{number}", registry.address);
        with(
            private_verified(&url, &login),
            json!({"verification": {"plainHttp": true}}),
        )
    }

    pub(crate) fn set_out(&self, out: bool) {
        self.are_out.store(out, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) -> FailedLogins {
        self.failed.lock().unwrap().clone()
    }
}

/// User and password of a request, as "user:password".
fn login(head: &str) -> Option<String> {
    let line = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization").then(|| value.trim())
    })?;
    let bytes = STANDARD.decode(line.strip_prefix("Basic ")?).ok()?;
    String::from_utf8(bytes).ok()
}
