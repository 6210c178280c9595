//! What becomes of credentials that are minted.

use std::time::Duration;

use crate::api::{ConditionType, MintedStatus, Reason};
use crate::domain::credential_source::minted;
use crate::domain::minting::identity::MintIdentity;
use crate::domain::minting::judgement::{MintJudgement, Minting};
use crate::domain::minting::ledger::MintKey;
use crate::domain::problem::Problem;
use crate::domain::reconcile::decide::copies::Distribute;
use crate::domain::reconcile::decide::{Decision, Subject};
use crate::domain::reconcile::observed::Observed;
use crate::domain::reconcile::retry::AFTER_NO_IDENTITY;
use crate::domain::secret::plan::{SecretPlan, plan as plan_from, plan_of};
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::status::conditions::condition;
use crate::domain::status::outcome::Finding;
use crate::domain::time::{Timestamp, since};

/// Credentials to mint now.
#[derive(Clone, Debug, PartialEq)]
pub struct MintOrder {
    /// For whom.
    pub identity: MintIdentity,
    /// The same, as the key of what is known.
    pub key: MintKey,
}

/// What is known of minted credentials, judged.
pub(super) enum Judged<'a> {
    /// Nobody can be asked.
    Impossible(&'a Problem),
    /// There is an identity.
    Possible(&'a Minting, Box<MintJudgement>),
}

/// Judges, if the credentials are minted.
pub(super) fn judge<'a>(subject: &Subject<'_>, observed: &'a Observed, now: Timestamp) -> Option<Judged<'a>> {
    Some(match observed.minting.as_ref()? {
        Err(problem) => Judged::Impossible(problem),
        Ok(minting) => {
            let seed = subject.reference.uid.as_str();
            Judged::Possible(minting, Box::new(minting.judge(seed, rejected_at(subject), now)))
        }
    })
}

/// When the registry last rejected the credentials, if that is what it last said of them.
fn rejected_at(subject: &Subject<'_>) -> Option<Timestamp> {
    let status = subject.previous?;
    let accepted = condition(status, ConditionType::CredentialsAccepted)?;
    let is_rejected = accepted.status == "False" && accepted.reason == Reason::Rejected.as_str();
    let verified = status.verification.as_ref()?.last_verified_time.as_ref();
    verified.filter(|_| is_rejected).map(|time| time.0)
}

/// Whether a refusal of a pull is about the credentials that were minted last.
pub(super) fn is_refused(observed: &Observed, refused_at: Option<Timestamp>) -> bool {
    let minting = observed.minting.as_ref().and_then(|minting| minting.as_ref().ok());
    let known = minting.and_then(|minting| minting.record.minted.as_ref());
    known.is_some_and(|known| refused_at.is_some_and(|refused| known.issued_at < refused))
}

/// What to generate, from minted credentials or from those in a Secret.
pub(super) fn plan(
    minted: Option<&Judged<'_>>,
    subject: &Subject<'_>,
    spec: &ValidatedSpec,
    observed: &Observed,
) -> Result<SecretPlan, Problem> {
    let reference = subject.reference;
    match minted {
        Some(minted) => minted.plan(subject, spec),
        None => plan_from(
            &reference.key.namespace,
            Some(reference),
            spec,
            observed.source.as_ref(),
        ),
    }
}

/// What tells the credentials in the Secret from others.
pub(super) fn written(plan: &SecretPlan) -> Option<MintedStatus> {
    plan.minted_for().map(|digest| MintedStatus {
        digest: Some(digest.to_owned()),
        ..MintedStatus::default()
    })
}

impl Judged<'_> {
    fn plan(&self, subject: &Subject<'_>, spec: &ValidatedSpec) -> Result<SecretPlan, Problem> {
        match self {
            Self::Impossible(problem) => Err((*problem).clone()),
            Self::Possible(minting, judgement) => {
                let credentials = judgement.credentials.clone()?;
                let resolved = minted(spec, &minting.key.identity, &minting.identity.display(), credentials);
                let namespace = &subject.reference.key.namespace;
                Ok(plan_of(namespace, Some(subject.reference), spec, resolved))
            }
        }
    }

    /// Adds to a decision what is minted, and what the status says of it.
    pub(super) fn complete(self, mut decision: Decision, subject: &Subject<'_>, now: Timestamp) -> Decision {
        let (minting, judgement) = match self {
            Self::Impossible(_) => {
                if let (Finding::Decided(outcome), Some(_)) = (&mut decision.finding, &subject.declaration.cluster) {
                    // The copies still hold it, and are needed again.
                    outcome.minted = subject.previous.and_then(|status| status.minted.clone());
                }
                decision.next = decision.next.into_iter().chain([AFTER_NO_IDENTITY]).min();
                return decision;
            }
            Self::Possible(minting, judgement) => (minting, *judgement),
        };
        if let Finding::Decided(outcome) = &mut decision.finding {
            let written = outcome.minted.take().and_then(|written| written.digest);
            let mut status = judgement.status;
            if subject.declaration.cluster.is_some() {
                let said = subject.previous.and_then(|status| status.minted.as_ref());
                let is_same = said.is_some_and(|said| said.issued_at == status.issued_at);
                let said = said.and_then(|said| said.digest.clone());
                if written.is_some() && written != said {
                    // A process that starts now has to know it from the status before it finds it in a namespace.
                    decision.distribute = Distribute::Keep;
                    decision.outdated_pods.clear();
                    decision.next = Some(Duration::ZERO);
                }
                status.digest = written.or(said.filter(|_| is_same));
            }
            outcome.minted = Some(status);
            outcome.warnings.splice(0..0, judgement.warnings);
        }
        decision.mints = judgement.is_due.then(|| MintOrder {
            identity: minting.identity.clone(),
            key: minting.key.clone(),
        });
        let next = judgement.next.map(|next| since(minting.now(now), next));
        // What is refused may be so because of an annotation of the ServiceAccount.
        let refusal = minting
            .record
            .failure
            .as_ref()
            .filter(|failure| !failure.is_transient());
        let again = refusal.map(|_| AFTER_NO_IDENTITY);
        decision.next = [decision.next, next, again].into_iter().flatten().min();
        decision
    }
}
