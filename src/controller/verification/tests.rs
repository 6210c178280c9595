//! The hands of verification against a registry in this process.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{News, Verifier};
use crate::controller::lease::Leader;
use crate::controller::metrics::{Metrics, Now};
use crate::domain::credentials::RegistryCredentials;
use crate::domain::names::{ObjectKey, ResourceRef, Uid};
use crate::domain::verification::address::Policy;
use crate::domain::verification::attempt::{LoginAttempt, LoginTarget};
use crate::domain::verification::queue::VerificationRequest;
use crate::domain::verification::verdict::VerificationResult;

/// Longest time that something may take on a busy machine.
const LONG: Duration = Duration::from_secs(20);

/// A registry with basic authentication that accepts everything after a moment.
struct Registry {
    address: String,
    /// Requests with credentials.
    attempts: Arc<AtomicUsize>,
    /// Most requests at a time.
    most: Arc<AtomicUsize>,
}

impl Registry {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap().to_string(),
            attempts: Arc::default(),
            most: Arc::default(),
        };
        let (attempts, most) = (Arc::clone(&registry.attempts), Arc::clone(&registry.most));
        let current = Arc::new(AtomicUsize::new(0));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (attempts, most, current) = (Arc::clone(&attempts), Arc::clone(&most), Arc::clone(&current));
                std::thread::spawn(move || {
                    most.fetch_max(current.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    serve(&stream.unwrap(), &attempts, &current);
                });
            }
        });
        registry
    }

    fn request(&self, user: &str, verifier: &Verifier) -> VerificationRequest {
        let target = LoginTarget {
            base: format!("http://{}/v2/", self.address).parse().unwrap(),
            image: None,
        };
        let credentials = RegistryCredentials::new(user, "word").unwrap();
        VerificationRequest {
            fingerprint: verifier.state().ledger.fingerprint(&target.base, &credentials),
            method: target.method(None),
            attempt: LoginAttempt { target, credentials },
            ca_bundle: None,
        }
    }

    fn verifier(&self) -> Arc<Verifier> {
        let policy = Policy {
            allow: vec![self.address.clone()],
            ..Policy::default()
        };
        let verifier = Verifier::start(policy, 1, Arc::new(Metrics::default()), Arc::new(Leader::new(false))).unwrap();
        announce_all(&verifier);
        verifier
    }
}

fn serve(stream: &TcpStream, attempts: &AtomicUsize, current: &AtomicUsize) {
    let head: Vec<String> = BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let has_credentials = head
        .iter()
        .any(|line| line.to_lowercase().starts_with("authorization:"));
    std::thread::sleep(Duration::from_millis(50));
    let response = if has_credentials {
        attempts.fetch_add(1, Ordering::SeqCst);
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    } else {
        "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    };
    // Before the response: the client may send its next request at once.
    current.fetch_sub(1, Ordering::SeqCst);
    let mut stream = stream;
    // The client may have gone.
    let _ = stream.write_all(response.as_bytes());
}

fn resource(namespace: &str, name: &str) -> ResourceRef {
    ResourceRef {
        kind: "DockerPullSecret",
        key: ObjectKey::new(namespace, name),
        uid: Uid::new(&format!("uid-{namespace}-{name}")),
    }
}

/// Verdicts that a subscriber is told of.
fn subscribe(verifier: &Verifier, namespace: Option<&str>) -> Receiver<ResourceRef> {
    let (sender, receiver) = channel();
    let sender = Mutex::new(sender);
    let notify = move |resource: &ResourceRef, news| {
        if news == News::Verdict {
            sender.lock().unwrap().send(resource.clone()).unwrap();
        }
    };
    verifier.subscribe(namespace.map(str::to_owned), Box::new(notify));
    receiver
}

/// Announces every attempt, as the statuses do.
fn announce_all(verifier: &Arc<Verifier>) {
    let announcer = Arc::downgrade(verifier);
    let notify = move |resource: &ResourceRef, news| {
        let verifier = announcer.upgrade().filter(|_| news == News::Turn);
        let start = verifier
            .as_ref()
            .and_then(|verifier| verifier.state().queue.announcement(&resource.uid));
        if let (Some(verifier), Some(start)) = (verifier, start) {
            verifier.announced(&resource.uid, start);
        }
    };
    verifier.subscribe(None, Box::new(notify));
}

fn submit(verifier: &Verifier, request: &VerificationRequest, resource: &ResourceRef) {
    verifier.state().queue.submit(request.clone(), resource.clone());
    verifier.decided();
}

#[test]
fn verdict_is_recorded_and_told_to_the_subscribers_of_the_namespace() {
    let registry = Registry::start();
    let verifier = registry.verifier();
    let (everybody, team, other) = (
        subscribe(&verifier, None),
        subscribe(&verifier, Some("team")),
        subscribe(&verifier, Some("other")),
    );
    let request = registry.request("robot", &verifier);
    let (app, web) = (resource("team", "app"), resource("team", "web"));
    submit(&verifier, &request, &app);
    submit(&verifier, &request, &web);
    // Nothing begins before every resource was reconciled once.
    verifier.scope_listed([app.uid.clone(), web.uid.clone()]);
    verifier.reconciled(&app.uid);
    assert!(everybody.recv_timeout(Duration::from_millis(200)).is_err());
    verifier.reconciled(&web.uid);
    for receiver in [everybody, team] {
        let notified = [
            receiver.recv_timeout(LONG).unwrap(),
            receiver.recv_timeout(LONG).unwrap(),
        ];
        assert_eq!(notified, [app.clone(), web.clone()]);
    }
    assert!(other.try_recv().is_err());
    let known = verifier
        .state()
        .ledger
        .get(request.fingerprint, &request.method)
        .cloned();
    assert_eq!(known.unwrap().result, VerificationResult::Accepted);
    assert_eq!(registry.attempts.load(Ordering::SeqCst), 1);
}

#[test]
fn every_request_is_counted_by_its_answer_or_by_why_there_is_none() {
    let registry = Registry::start();
    let verifier = registry.verifier();
    let notified = subscribe(&verifier, None);
    verifier.scope_listed([]);
    let unreachable = {
        let mut request = registry.request("other", &verifier);
        // Nothing may listen there, and the policy does not allow it.
        request.attempt.target.base = "http://127.0.0.1:1/v2/".parse().unwrap();
        request
    };
    submit(
        &verifier,
        &registry.request("robot", &verifier),
        &resource("team", "app"),
    );
    submit(&verifier, &unreachable, &resource("team", "other"));
    for _ in 0..2 {
        notified.recv_timeout(LONG).unwrap();
    }
    let text = verifier.metrics.text(Now {
        leads: true,
        watches: Vec::new(),
        queued: 0,
        conditions: BTreeMap::new(),
        resources: None,
    });
    for line in [
        "dps_registry_requests_total{code=\"200\"} 1",
        "dps_registry_requests_total{code=\"401\"} 1",
        "dps_registry_requests_total{code=\"forbidden\"} 1",
        "dps_registry_request_duration_seconds_count 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

/// Set in a process that has to run out of files.
const FILES: &str = "DPS_TEST_FILES";

/// The limit is that of a process, so that this needs one of its own.
#[test]
fn shortage_of_files_is_no_verdict_and_the_attempt_is_made_again() {
    if std::env::var_os(FILES).is_none() {
        let name = "shortage_of_files_is_no_verdict_and_the_attempt_is_made_again";
        let name = format!("controller::verification::tests::{name}");
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        let output = command.args(["--exact", &name]).env(FILES, "1").output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && stdout.contains("1 passed"), "{stdout}");
        return;
    }
    let registry = Registry::start();
    let verifier = registry.verifier();
    let notified = subscribe(&verifier, None);
    let request = registry.request("robot", &verifier);
    // Reading the system's certificates needs files as well.
    verifier.clients(None).unwrap();
    let (soft, hard) = rlimit::Resource::NOFILE.get().unwrap();
    rlimit::Resource::NOFILE.set(3, hard).unwrap();
    submit(&verifier, &request, &resource("team", "app"));
    verifier.scope_listed([]);
    let known = |verifier: &Verifier| {
        let state = verifier.state();
        let record = state.ledger.get(request.fingerprint, &request.method);
        record.map(|record| record.result)
    };
    // Its status says that an attempt has started.
    assert_eq!(notified.recv_timeout(LONG).unwrap(), resource("team", "app"));
    assert_eq!(known(&verifier), None);
    rlimit::Resource::NOFILE.set(soft, hard).unwrap();
    assert_eq!(notified.recv_timeout(LONG).unwrap(), resource("team", "app"));
    assert_eq!(known(&verifier), Some(VerificationResult::Accepted));
    assert_eq!(registry.attempts.load(Ordering::SeqCst), 1);
}

#[test]
fn attempts_at_one_registry_are_made_one_after_another() {
    let registry = Registry::start();
    let verifier = registry.verifier();
    let notified = subscribe(&verifier, None);
    for user in ["one", "two", "three"] {
        submit(&verifier, &registry.request(user, &verifier), &resource("team", user));
    }
    verifier.scope_listed([]);
    for user in ["one", "two", "three"] {
        assert_eq!(notified.recv_timeout(LONG).unwrap(), resource("team", user));
    }
    assert_eq!(registry.attempts.load(Ordering::SeqCst), 3);
    assert_eq!(registry.most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn drain_waits_for_the_attempt_in_flight_and_starts_no_other() {
    let registry = Registry::start();
    let verifier = registry.verifier();
    let notified = subscribe(&verifier, None);
    verifier.scope_listed([]);
    for user in ["one", "two"] {
        submit(&verifier, &registry.request(user, &verifier), &resource("team", user));
    }
    let until = std::time::Instant::now() + LONG;
    while *verifier.in_flight.borrow() == 0 {
        assert!(std::time::Instant::now() < until, "no attempt has started");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    verifier.drain().await;
    assert_eq!(notified.try_recv().unwrap(), resource("team", "one"));
    assert!(notified.recv_timeout(Duration::from_millis(300)).is_err());
    assert_eq!(registry.attempts.load(Ordering::SeqCst), 1);
}

#[test]
fn ca_bundle_without_certificates_is_a_tls_failure() {
    let registry = Registry::start();
    let verifier = registry.verifier();
    let notified = subscribe(&verifier, None);
    let mut request = registry.request("robot", &verifier);
    request.ca_bundle = Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec());
    submit(&verifier, &request, &resource("team", "app"));
    verifier.scope_listed([]);
    notified.recv_timeout(LONG).unwrap();
    let known = verifier
        .state()
        .ledger
        .get(request.fingerprint, &request.method)
        .cloned();
    assert_eq!(known.unwrap().result, VerificationResult::TlsFailure);
    assert_eq!(registry.attempts.load(Ordering::SeqCst), 0);
}
