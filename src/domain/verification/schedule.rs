//! What one resource needs: whether its credentials must be verified now, and what to publish until then.

mod decision;

use std::time::Duration;

use crate::api::{OnRejected, Reason, UnansweredAttempt};
use crate::domain::credentials::RegistryCredentials;
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::validate::VerificationSettings;
use crate::domain::time::{Timestamp, since, whole_second};
use crate::domain::verification::attempt::{LoginAttempt, LoginTarget};
use crate::domain::verification::ca_bundle::CaBundle;
use crate::domain::verification::finding::{PublishedVerification, VerificationFinding, attempt, publish};
use crate::domain::verification::fingerprint::Fingerprint;
use crate::domain::verification::ledger::Ledger;
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::queue::{AttemptKey, VerificationRequest};
use crate::domain::verification::record::VerificationRecord;
use crate::domain::verification::schedule::decision::VerificationDecision;
use crate::domain::verification::state::VerificationState;
use crate::domain::verification::verdict::Verdict;

/// Shortest time until the next reconcile.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// For how long an attempt of another process may still have its answer written: longer than an attempt takes.
const UNDERWAY: Duration = Duration::from_secs(90);

/// What one resource knows and wants.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleInput<'a> {
    /// Its credentials.
    pub credentials: &'a RegistryCredentials,
    /// Their identity, made of no part of them.
    pub identity: &'a str,
    /// Whether the identity is what the registry knows, whatever the credentials are at the moment.
    pub is_minted: bool,
    /// Its registry.
    pub registry: &'a RegistryKey,
    /// `spec.verification`.
    pub settings: &'a VerificationSettings,
    /// The certificates that it names, or why they cannot be used.
    pub ca_bundle: Result<Option<&'a CaBundle>, &'a Verdict>,
    /// What its status says.
    pub previous: Option<PublishedVerification<'a>>,
    /// Time between two verifications of accepted credentials, with jitter.
    pub interval: Option<Duration>,
    /// Value of the annotation that requests a verification.
    pub requested: Option<&'a str>,
    /// The request that led to the last attempt of this process.
    pub submitted: Option<&'a str>,
    /// When the last attempt started that this process announced in the status.
    pub announced: Option<Timestamp>,
    /// When the registry refused a pod the credentials, if they were minted: they may have died early.
    pub refused_at: Option<Timestamp>,
}

/// What is known about the credentials of a resource, and what they need.
#[derive(Clone, Debug, PartialEq)]
pub struct VerificationView {
    /// To publish.
    pub finding: VerificationFinding,
    /// What is known.
    pub record: Option<VerificationRecord>,
    /// Credentials about which nothing is known yet, so that their first verdict may be awaited.
    pub awaited: Option<Fingerprint>,
    /// The attempt that the status tells of, if this process makes none.
    pub attempt: Option<UnansweredAttempt>,
    /// When another process started an attempt, if the status tells of one.
    pub foreign: Option<Timestamp>,
    /// Time until the next verification is due.
    pub next: Option<Duration>,
    /// Which attempt verifies the credentials; `None`: none is possible.
    pub key: Option<AttemptKey>,
    /// The attempt to queue.
    pub request: Option<VerificationRequest>,
    /// To remember as [`ScheduleInput::submitted`].
    pub submitted: Option<String>,
}

/// Where and how the credentials of a resource are verified.
enum VerificationPlan {
    Attempt {
        target: LoginTarget,
        method: VerificationMethod,
        fingerprint: Fingerprint,
    },
    NotPossible {
        verdict: Verdict,
        /// `None`: the registry key has no host of its own.
        fingerprint: Option<Fingerprint>,
    },
}

/// Records in the ledger what the status of a resource says, and that these credentials are still in use.
pub fn remember(input: &ScheduleInput<'_>, state: &mut VerificationState, now: Timestamp) {
    if !input.settings.enabled {
        return;
    }
    let plan = VerificationPlan::new(input, &state.ledger);
    let (fingerprint, method) = match plan {
        VerificationPlan::Attempt {
            fingerprint, method, ..
        } => (Some(fingerprint), method),
        VerificationPlan::NotPossible { fingerprint, .. } => (fingerprint, VerificationMethod::NotPossible),
    };
    if let Some(fingerprint) = fingerprint {
        if let Some(own) = input.own(&method) {
            if own.verified_at <= now {
                state.ledger.seed(fingerprint, own, now);
            } else if state.ledger.get(fingerprint, &method).is_none() {
                // What was written under a clock that ran ahead counts as written now, once.
                state.ledger.seed(fingerprint, own.moved_to(whole_second(now)), now);
            }
        }
        if let Some(start) = input.foreign_attempt(&method) {
            state.ledger.lost(fingerprint, &method, start.min(whole_second(now)));
        }
        state.ledger.want(fingerprint, &method, now);
    }
}

/// Decides whether the credentials of a resource are verified now, and what to publish.
pub fn schedule(input: &ScheduleInput<'_>, state: &VerificationState, now: Timestamp) -> VerificationView {
    let view = VerificationView {
        finding: VerificationFinding::Disabled,
        record: None,
        awaited: None,
        attempt: None,
        foreign: None,
        next: None,
        key: None,
        request: None,
        // The same value is another request when it is set again.
        submitted: input.requested.and(input.submitted).map(str::to_owned),
    };
    if !input.settings.enabled {
        return view;
    }
    let now = whole_second(now);
    let (target, method, fingerprint) = match VerificationPlan::new(input, &state.ledger) {
        VerificationPlan::Attempt {
            target,
            method,
            fingerprint,
        } => (target, method, fingerprint),
        VerificationPlan::NotPossible { verdict, fingerprint } => {
            let method = VerificationMethod::NotPossible;
            let known = fingerprint.and_then(|fingerprint| state.ledger.get(fingerprint, &method));
            return input.without_attempt(view, verdict, known, now);
        }
    };
    let known = state.ledger.get(fingerprint, &method);
    let view = VerificationView {
        foreign: input.foreign_attempt(&method),
        key: Some((fingerprint, method.clone())),
        ..view
    };
    match input.decide(&method, known, now) {
        VerificationDecision::Stands(record) => {
            let acknowledged = if state.queue.is_in_flight(fingerprint, &method) {
                input.acknowledged()
            } else {
                input.acknowledged_request()
            };
            let due = input.due(&record);
            let next = due.map(|due| since(now, due).max(SHORTEST_WAIT));
            let underway = input.underway(&record, &method, now);
            VerificationView {
                awaited: record.is_lost().then_some(fingerprint),
                attempt: input.lost(&record, &method),
                finding: if underway.is_some() {
                    VerificationFinding::Underway
                } else {
                    publish(&record, input.identity, &method, due, acknowledged)
                },
                next: underway.into_iter().chain(next).min(),
                record: Some(record),
                ..view
            }
        }
        VerificationDecision::Attempt(record) => {
            let finding = record.as_ref().map_or(VerificationFinding::Pending, |record| {
                let due = record.due(input.interval, false);
                publish(record, input.identity, &method, due, input.acknowledged())
            });
            VerificationView {
                finding,
                awaited: record
                    .as_ref()
                    .is_none_or(VerificationRecord::is_lost)
                    .then_some(fingerprint),
                attempt: record.as_ref().and_then(|record| input.lost(record, &method)),
                record,
                request: Some(input.request(target, method, fingerprint)),
                submitted: input.requested.map(str::to_owned),
                ..view
            }
        }
    }
}

/// Why credentials are not written: the registry refused them, and they are `guarded`. `replaces`: a Secret holds other ones. `remedy`:
/// what to do about it. The status adds since when.
pub fn held_back(
    policy: OnRejected,
    guarded: bool,
    replaces: bool,
    remedy: &str,
    known: Option<&VerificationRecord>,
) -> Option<Problem> {
    let known = known.filter(|known| known.result.is_refusal() && guarded && policy == OnRejected::KeepLastAccepted)?;
    let refused = known.result.as_str();
    let message = if replaces {
        format!(
            "the Secret keeps the last credentials that the registry accepted; the new ones were refused ({refused}); {remedy}, or set spec.verification.onRejected to WriteAnyway"
        )
    } else {
        format!(
            "the registry refused these credentials ({refused}), so no namespace gets them; {remedy}, or set spec.verification.onRejected to WriteAnyway"
        )
    };
    Some(Problem::new(Reason::HeldBack, message))
}

impl VerificationPlan {
    fn new(input: &ScheduleInput<'_>, ledger: &Ledger) -> Self {
        let settings = input.settings;
        let target = |image| LoginTarget::new(input.registry, image, settings.plain_http);
        let fingerprint = |target: &LoginTarget| {
            if input.is_minted {
                ledger.fingerprint_of_identity(&target.base, input.identity)
            } else {
                ledger.fingerprint(&target.base, input.credentials)
            }
        };
        let possible =
            target(settings.image.as_ref()).and_then(|target| Ok((target, input.ca_bundle.map_err(Clone::clone)?)));
        match possible {
            Ok((target, ca_bundle)) => Self::Attempt {
                method: target.method(ca_bundle),
                fingerprint: fingerprint(&target),
                target,
            },
            Err(verdict) => Self::NotPossible {
                verdict,
                fingerprint: target(None).ok().as_ref().map(fingerprint),
            },
        }
    }
}

impl ScheduleInput<'_> {
    /// What the status says of an attempt without an answer.
    fn lost(&self, record: &VerificationRecord, method: &VerificationMethod) -> Option<UnansweredAttempt> {
        Some(attempt(record.lost_at?, self.identity, method))
    }

    fn request(
        &self,
        target: LoginTarget,
        method: VerificationMethod,
        fingerprint: Fingerprint,
    ) -> VerificationRequest {
        VerificationRequest {
            fingerprint,
            method,
            attempt: LoginAttempt {
                target,
                credentials: self.credentials.clone(),
            },
            ca_bundle: self.ca_bundle.ok().flatten().map(|bundle| bundle.pem.clone()),
        }
    }

    /// What is known while no attempt is possible: that the registry refused the credentials, if it did. A missing CA
    /// bundle, for example, does not withdraw that.
    fn without_attempt(
        &self,
        view: VerificationView,
        verdict: Verdict,
        known: Option<&VerificationRecord>,
        now: Timestamp,
    ) -> VerificationView {
        let method = VerificationMethod::NotPossible;
        let own = self.own(&method);
        let refused = known.filter(|known| known.result.is_refusal()).cloned();
        let refused = refused.or_else(|| own.clone().filter(|own| own.result.is_refusal()));
        let shown = refused.clone().unwrap_or_else(|| VerificationRecord {
            // The time since when this has been so.
            verified_at: own
                .filter(|own| own.method == method && own.result == verdict.result)
                .map_or(now, |own| own.verified_at),
            result: verdict.result,
            message: verdict.message,
            method: method.clone(),
            retry_at: None,
            consecutive_rejections: 0,
            attempts: 0,
            backoff_enforced: false,
            image_denied: false,
            lost_at: None,
        });
        VerificationView {
            finding: publish(
                &shown,
                self.identity,
                &method,
                shown.retry_at,
                self.acknowledged_request(),
            ),
            record: refused,
            ..view
        }
    }
}
