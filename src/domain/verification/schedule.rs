//! What one resource needs: whether its credentials must be verified now, and what to publish until then.

use std::time::Duration;

use crate::api::{OnRejected, Reason, VerificationResult};
use crate::domain::credentials::RegistryCredentials;
use crate::domain::problem::Problem;
use crate::domain::registry::key::RegistryKey;
use crate::domain::spec::validate::VerificationSettings;
use crate::domain::time::{Timestamp, since, whole_second};
use crate::domain::verification::attempt::{LoginAttempt, LoginTarget};
use crate::domain::verification::ca_bundle::CaBundle;
use crate::domain::verification::finding::{PublishedVerification, VerificationFinding, publish};
use crate::domain::verification::fingerprint::Fingerprint;
use crate::domain::verification::ledger::Ledger;
use crate::domain::verification::method::VerificationMethod;
use crate::domain::verification::queue::VerificationRequest;
use crate::domain::verification::record::VerificationRecord;
use crate::domain::verification::state::VerificationState;
use crate::domain::verification::verdict::Verdict;

/// Age from which an acceptance in the ledger does not let changed credentials replace accepted ones: they may have been
/// revoked since.
const FRESH: Duration = Duration::from_hours(1);

/// Shortest time until the next reconcile.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// What one resource knows and wants.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleInput<'a> {
    /// Its credentials.
    pub credentials: &'a RegistryCredentials,
    /// Their identity, made of no part of them.
    pub identity: &'a str,
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
    /// Time until the next verification is due.
    pub next: Option<Duration>,
    /// The attempt to queue.
    pub request: Option<VerificationRequest>,
    /// To remember as [`ScheduleInput::submitted`].
    pub submitted: Option<String>,
}

/// What to do about credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
enum VerificationDecision {
    /// This still holds.
    Stands(VerificationRecord),
    /// A login attempt is due. What is known until its verdict, if it is about these credentials.
    Attempt(Option<VerificationRecord>),
}

/// Where and how the credentials of a resource are verified.
struct VerificationPlan {
    /// Err: why no attempt is possible.
    target: Result<LoginTarget, Verdict>,
    method: VerificationMethod,
    /// `None`: the registry has no host of its own.
    fingerprint: Option<Fingerprint>,
}

/// Tells the ledger what the status of a resource says, and that these credentials are still in use.
pub fn remember(input: &ScheduleInput<'_>, state: &mut VerificationState, now: Timestamp) {
    if !input.settings.enabled {
        return;
    }
    let plan = VerificationPlan::new(input, &state.ledger);
    if let Some(fingerprint) = plan.fingerprint {
        if let Some(own) = input.own(&plan.method) {
            state.ledger.seed(fingerprint, own, now);
        }
        state.ledger.want(fingerprint, &plan.method, now);
    }
}

/// Decides whether the credentials of a resource are verified now, and what to publish.
pub fn schedule(input: &ScheduleInput<'_>, state: &VerificationState, now: Timestamp) -> VerificationView {
    let view = VerificationView {
        finding: VerificationFinding::Disabled,
        record: None,
        awaited: None,
        next: None,
        request: None,
        // The same value is another request when it is set again.
        submitted: input.requested.and(input.submitted).map(str::to_owned),
    };
    if !input.settings.enabled {
        return view;
    }
    let now = whole_second(now);
    let VerificationPlan {
        target,
        method,
        fingerprint,
    } = VerificationPlan::new(input, &state.ledger);
    let known = fingerprint.and_then(|fingerprint| state.ledger.get(fingerprint, &method));
    let (target, fingerprint) = match (target, fingerprint) {
        (Ok(target), Some(fingerprint)) => (target, fingerprint),
        (Err(verdict), _) => return input.without_attempt(view, verdict, known, now),
        (Ok(_), None) => return view,
    };
    match input.decide(&method, known, now) {
        VerificationDecision::Stands(record) => {
            let due = record.due(input.interval, input.is_requested());
            let acknowledged = if state.queue.is_in_flight(fingerprint, &method) {
                input.acknowledged()
            } else {
                input.acknowledged_request()
            };
            VerificationView {
                finding: publish(&record, input.identity, &method, due, acknowledged),
                next: due.map(|due| since(now, due).max(SHORTEST_WAIT)),
                record: Some(record),
                ..view
            }
        }
        VerificationDecision::Attempt(record) => VerificationView {
            finding: record.as_ref().map_or(VerificationFinding::Pending, |record| {
                let due = record.due(input.interval, false);
                publish(record, input.identity, &method, due, input.acknowledged())
            }),
            awaited: record.is_none().then_some(fingerprint),
            record,
            request: Some(VerificationRequest {
                fingerprint,
                method,
                attempt: LoginAttempt {
                    target,
                    credentials: input.credentials.clone(),
                },
                ca_bundle: input.ca_bundle.ok().flatten().map(|bundle| bundle.pem.clone()),
            }),
            submitted: input.requested.map(str::to_owned),
            ..view
        },
    }
}

/// Why credentials are not written: the registry refused them, and the Secret holds ones that it accepted. The status
/// adds since when.
pub fn held_back(policy: OnRejected, accepted_stands: bool, known: Option<&VerificationRecord>) -> Option<Problem> {
    let known =
        known.filter(|known| known.result.refuses() && accepted_stands && policy == OnRejected::KeepLastAccepted)?;
    Some(Problem::new(
        Reason::HeldBack,
        format!(
            "the Secret keeps the last credentials that the registry accepted; the new ones were refused ({}); put working credentials into the referenced Secret, or set spec.verification.onRejected to WriteAnyway",
            known.result.as_str()
        ),
    ))
}

impl VerificationPlan {
    fn new(input: &ScheduleInput<'_>, ledger: &Ledger) -> Self {
        let settings = input.settings;
        let target = |image| LoginTarget::new(input.registry, image, settings.plain_http);
        let fingerprint = |target: &LoginTarget| ledger.fingerprint(&target.base, input.credentials);
        let possible =
            target(settings.image.as_ref()).and_then(|target| Ok((target, input.ca_bundle.map_err(Clone::clone)?)));
        match possible {
            Ok((target, ca_bundle)) => Self {
                method: target.method(ca_bundle),
                fingerprint: Some(fingerprint(&target)),
                target: Ok(target),
            },
            Err(verdict) => Self {
                target: Err(verdict),
                method: VerificationMethod::NotPossible,
                fingerprint: target(None).ok().as_ref().map(fingerprint),
            },
        }
    }
}

impl ScheduleInput<'_> {
    /// What the status knows about these credentials.
    fn own(&self, method: &VerificationMethod) -> Option<VerificationRecord> {
        self.previous?.recall(self.identity, method)
    }

    /// The request that was acknowledged last.
    fn acknowledged(&self) -> Option<&str> {
        self.previous?.status.handled_request.as_deref()
    }

    /// Whether a person waits for an attempt that has not been submitted.
    fn is_requested(&self) -> bool {
        self.requested.is_some() && self.requested != self.acknowledged() && self.requested != self.submitted
    }

    /// The request that is acknowledged now, when no attempt is in flight.
    fn acknowledged_request(&self) -> Option<&str> {
        let requested = self.requested?;
        if self.is_requested() {
            self.acknowledged()
        } else {
            Some(requested)
        }
    }

    /// Decides from what the status and the ledger know.
    fn decide(
        &self,
        method: &VerificationMethod,
        ledger: Option<&VerificationRecord>,
        now: Timestamp,
    ) -> VerificationDecision {
        let own = self.own(method);
        // An old acceptance of credentials that are to replace accepted ones is no verification of them.
        let replaces_accepted = own.is_none() && self.previous.is_some_and(|previous| previous.status.secret_verified);
        let is_old = |known: &VerificationRecord| {
            known.result == VerificationResult::Accepted && since(known.verified_at, now) >= FRESH
        };
        let ledger = ledger.filter(|known| !(replaces_accepted && is_old(known)));
        let newest = match (own, ledger) {
            // Of the same second: the status knows no more than the ledger, which has read it.
            (Some(own), Some(ledger)) if ledger.verified_at >= own.verified_at => Some(ledger.clone()),
            (Some(own), _) => Some(own),
            (None, ledger) => ledger.cloned(),
        };
        match newest {
            Some(known) if known.stands(method, known.due(self.interval, self.is_requested()), now) => {
                VerificationDecision::Stands(known)
            }
            known => VerificationDecision::Attempt(
                known.filter(|known| known.method == *method || known.refuses_credentials()),
            ),
        }
    }

    /// What is known while no attempt is possible: that the registry refused the credentials, if it did. What is missing
    /// for an attempt says nothing against that.
    fn without_attempt(
        &self,
        view: VerificationView,
        verdict: Verdict,
        known: Option<&VerificationRecord>,
        now: Timestamp,
    ) -> VerificationView {
        let method = VerificationMethod::NotPossible;
        let own = self.own(&method);
        let refused = known.filter(|known| known.result.refuses()).cloned();
        let refused = refused.or_else(|| own.clone().filter(|own| own.result.refuses()));
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
