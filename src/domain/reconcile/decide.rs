//! What is done about one resource. Everything that was observed goes in; nothing but this function decides.

pub mod copies;
pub(crate) mod minting;
mod pods;
mod recovery;
mod secret;
mod verification;
mod written;

use std::time::Duration;

use crate::api::{DockerPullSecretStatus, Reason};
use crate::domain::attachment::assessment::assess;
use crate::domain::distribution::census::Census;
use crate::domain::names::ResourceRef;
use crate::domain::problem::Problem;
use crate::domain::reconcile::change::Change;
use crate::domain::reconcile::decide::copies::Distribute;
use crate::domain::reconcile::decide::minting::MintOrder;
use crate::domain::reconcile::decide::written::{Writes, written};
use crate::domain::reconcile::memory::{DecisionMemory, ResourceMemory};
use crate::domain::reconcile::observed::Observed;
use crate::domain::reconcile::retry::{AFTER_REFUSAL, spread};
use crate::domain::recovery::PodToReplace;
use crate::domain::registry::image_pattern::image_pattern;
use crate::domain::secret::plan::SecretPlan;
use crate::domain::spec::declaration::Declaration;
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::status::outcome::{Finding, Outcome};
use crate::domain::time::Timestamp;
use crate::domain::verification::finding::attempt;
use crate::domain::verification::schedule::{VerificationView, remember, schedule};
use crate::domain::verification::state::VerificationState;

/// Nothing in the cluster does what the spec asks for.
const NOT_ATTACHED: &str = "spec.attachTo.pods has no effect: no admission policy attaches Secrets to pods. Set admission.attachPods in the operator's chart (it needs Kubernetes 1.36); until then, list the Secret in imagePullSecrets";

/// An admission policy cannot know the images.
const NO_PATTERN: &str = "spec.attachTo.pods has no effect: spec.registryUrl has too many '*' for an admission policy. Use fewer, or list the Secret in imagePullSecrets";

/// The resource that is decided about.
pub struct Subject<'a> {
    /// Which it is.
    pub reference: &'a ResourceRef,
    /// What it declares.
    pub declaration: &'a Declaration,
    /// Its status as far as is known.
    pub previous: Option<&'a DockerPullSecretStatus>,
}

/// What to do.
#[derive(Debug)]
pub struct Decision {
    /// Writes, in this order. The first that is refused ends them.
    pub changes: Vec<Change>,
    /// What becomes of the copies, if the resource is for many namespaces.
    pub distribute: Distribute,
    /// What the status is to say.
    pub finding: Finding,
    /// When the login attempt started that the status announces. It is made once the status says so.
    pub announces: Option<Timestamp>,
    /// Whether credentials are to be minted now.
    pub mints: Option<MintOrder>,
    /// Pods whose successors would pull.
    pub outdated_pods: Vec<PodToReplace>,
    /// What to remember until the next decision.
    pub memory: DecisionMemory,
    /// When to reconcile again, if nothing happens before.
    pub next: Option<Duration>,
}

/// Decides. `verification` takes note of what the status says of the credentials, so that it is known whichever resource
/// has them verified, and of the login attempt that the resource needs.
pub fn decide(
    subject: &Subject<'_>,
    observed: &Observed,
    memory: &ResourceMemory,
    verification: &mut VerificationState,
    now: Timestamp,
) -> Decision {
    if subject.declaration.suspended {
        verification.enter(subject.reference, None, None, now);
        let decided = DecisionMemory {
            awaiting_verdict: None,
            ..memory.decided.clone()
        };
        return undecided(Finding::Suspended, decided);
    }
    let minted = minting::judge(subject, observed, now);
    let planned = subject
        .declaration
        .spec
        .as_ref()
        .map_err(|problem| (problem.clone(), None))
        .and_then(|spec| match copies::unreadable(subject, spec, observed) {
            Some(problem) => Err((problem, Some(spec))),
            None => Ok(spec),
        })
        .and_then(|spec| match minting::plan(minted.as_ref(), subject, spec, observed) {
            Ok(plan) => Ok((spec, plan)),
            Err(problem) => Err((problem, Some(spec))),
        });
    let decision = match planned {
        Ok((spec, plan)) => with_credentials(subject, spec, &plan, observed, memory, verification, now),
        Err((problem, spec)) => {
            verification.enter(subject.reference, None, None, now);
            without_credentials(subject, spec, problem, observed, memory, now)
        }
    };
    // Only now: what the status says of credentials has been taken note of.
    if let Some(why) = &observed.without_namespaces {
        verification.enter(subject.reference, None, None, now);
        return undecided(Finding::Failing(why.clone()), memory.decided.clone());
    }
    match minted {
        Some(minted) => minted.complete(decision, subject, now),
        None => decision,
    }
}

/// Nothing is done.
fn undecided(finding: Finding, memory: DecisionMemory) -> Decision {
    Decision {
        changes: Vec::new(),
        distribute: Distribute::Keep,
        finding,
        mints: None,
        outdated_pods: Vec::new(),
        announces: None,
        memory,
        next: None,
    }
}

fn without_credentials(
    subject: &Subject<'_>,
    spec: Option<&ValidatedSpec>,
    problem: Problem,
    observed: &Observed,
    memory: &ResourceMemory,
    now: Timestamp,
) -> Decision {
    let registry_key = spec.map(|spec| spec.registry.as_str().to_owned());
    let mut outcome = Outcome::without_credentials(problem, observed.index.retained_secret.clone(), registry_key);
    outcome.warnings = spec.map_or_else(Vec::new, |spec| warnings(subject, spec, None, observed));
    outcome.census = census(subject, observed);
    outcome.attached = attached(subject, outcome.secret_name.as_deref(), observed);
    outcome.image_pattern = spec.and_then(|spec| pattern(spec, outcome.secret_name.as_ref(), observed));
    let mut decided = DecisionMemory {
        awaiting_verdict: None,
        ..memory.decided.clone()
    };
    let survey = pods::survey_pods(
        subject,
        &mut outcome,
        observed.target.as_ref(),
        observed,
        memory.credentials_changed_at,
        &mut decided.status_throttle,
        now,
    );
    Decision {
        changes: Vec::new(),
        distribute: Distribute::Content(None),
        finding: Finding::Decided(Box::new(outcome)),
        mints: None,
        outdated_pods: survey.outdated,
        announces: None,
        memory: decided,
        next: survey.next,
    }
}

fn with_credentials(
    subject: &Subject<'_>,
    spec: &ValidatedSpec,
    plan: &SecretPlan,
    observed: &Observed,
    memory: &ResourceMemory,
    verification: &mut VerificationState,
    now: Timestamp,
) -> Decision {
    let input = verification::schedule_input(subject, spec, plan, observed, &memory.decided);
    remember(&input, verification, now);
    let mut view = schedule(&input, verification, now);
    let may_attempt = view.request.is_some();
    let announces = verification.enter(subject.reference, view.key.as_ref(), view.request.take(), now);
    // Of two processes that make an attempt, the status tells of the later one. The other attempt is not made.
    let announces = announces.filter(|start| view.foreign.is_none_or(|foreign| foreign <= *start));
    let own = announces.and_then(|start| Some(attempt(start, plan.identity.as_str(), &view.key.as_ref()?.1)));
    let attempt = own.or(view.attempt.take());
    let standing = secret::Comparison::of(subject, plan, observed);
    let awaiting = standing.verdict_to_wait_for(spec, &view, memory, now);
    let mut decided = DecisionMemory {
        awaiting_verdict: awaiting.filter(|_| may_attempt),
        submitted_request: view.submitted.clone(),
        announced: announces.or(memory.decided.announced),
        refused_at: memory.decided.refused_at,
        status_throttle: memory.decided.status_throttle,
    };
    let waits = secret::time_left(awaiting, verification, now);
    if let Some(left) = waits
        && !(subject.declaration.cluster.is_some()
            && subject.previous.is_none_or(|status| status.conditions.is_empty()))
    {
        return Decision {
            changes: Vec::new(),
            distribute: Distribute::Keep,
            finding: Finding::AwaitingVerdict(attempt),
            mints: None,
            outdated_pods: Vec::new(),
            announces,
            memory: decided,
            next: view.next.filter(|_| !may_attempt).or(Some(left)),
        };
    }
    let written = written(subject, spec, plan, &standing, &view, observed, waits);
    let replaces_credentials = written.changes.iter().any(Change::replaces_credentials);
    let changed_at = if replaces_credentials {
        Some(now)
    } else {
        memory.credentials_changed_at
    };
    let holder = written.is_current.then(|| plan.desired.secret());
    let holder = holder.as_ref().or(observed.target.as_ref());
    let holder = holder.or(observed
        .retained
        .as_ref()
        .filter(|_| subject.declaration.cluster.is_some()));
    let mut outcome = outcome(subject, spec, plan, &standing, &view, &written, observed);
    outcome.attempt = attempt;
    let throttle = &mut decided.status_throttle;
    let survey = pods::survey_pods(subject, &mut outcome, holder, observed, changed_at, throttle, now);
    // The next decision asks the registry.
    let is_news = minting::is_refused(observed, survey.refused_at) && survey.refused_at > decided.refused_at;
    decided.refused_at = survey.refused_at.or(decided.refused_at);
    let doubtful = is_news.then_some(Duration::ZERO);
    let refusal = observed.refusal.as_ref().filter(|refusal| refusal.may_pass_later);
    let retry = refusal.map(|_| spread(AFTER_REFUSAL, &subject.reference.uid));
    Decision {
        changes: written.changes,
        distribute: written.distribute,
        next: [view.next, survey.next, retry, waits, doubtful]
            .into_iter()
            .flatten()
            .min(),
        finding: Finding::Decided(Box::new(outcome)),
        mints: None,
        outdated_pods: survey.outdated,
        announces,
        memory: decided,
    }
}

fn outcome(
    subject: &Subject<'_>,
    spec: &ValidatedSpec,
    plan: &SecretPlan,
    standing: &secret::Comparison,
    view: &VerificationView,
    written: &Writes,
    observed: &Observed,
) -> Outcome {
    let secret_name = if written.is_current {
        Some(spec.targets.secret_name.clone())
    } else {
        observed.index.retained_secret.clone()
    };
    Outcome {
        credentials: Ok(plan.origin.clone()),
        image_pattern: pattern(spec, secret_name.as_ref(), observed),
        minted: minting::written(plan),
        attached: attached(subject, secret_name.as_deref(), observed),
        secret: written.secret.clone(),
        is_written: written.is_current,
        census: census(subject, observed),
        secret_name,
        replaced: written.is_current && standing.changes_credentials,
        verification: view.finding.clone(),
        attempt: None,
        pulls: None,
        registry_key: Some(spec.registry.as_str().to_owned()),
        warnings: warnings(subject, spec, Some(plan), observed),
    }
}

fn census(subject: &Subject<'_>, observed: &Observed) -> Option<Census> {
    subject.declaration.cluster.as_ref().map(|_| observed.census.clone())
}

/// What becomes of the Secret in ServiceAccounts, if it is to be in any.
fn attached(subject: &Subject<'_>, secret: Option<&str>, observed: &Observed) -> Option<Result<String, Problem>> {
    if subject.declaration.service_accounts.is_empty() {
        return None;
    }
    Some(match secret {
        Some(_) => assess(&subject.declaration.target, observed.attachment.as_ref()),
        None => Err(Problem::new(
            Reason::Pending,
            "there is no Secret to list in ServiceAccounts yet",
        )),
    })
}

/// The images whose pods get the Secret, if there is one.
fn pattern(spec: &ValidatedSpec, secret: Option<&String>, observed: &Observed) -> Option<String> {
    secret.filter(|_| spec.targets.attached_to_pods && observed.attaches_to_pods)?;
    image_pattern(&spec.registry)
}

fn warnings(
    subject: &Subject<'_>,
    spec: &ValidatedSpec,
    plan: Option<&SecretPlan>,
    observed: &Observed,
) -> Vec<String> {
    let of_plan = plan.into_iter().flat_map(|plan| &plan.warnings);
    let all = spec
        .warnings
        .iter()
        .chain(&observed.index.overlap_warning)
        .chain(of_plan);
    let unattached = match (spec.targets.attached_to_pods, observed.attaches_to_pods) {
        (true, false) => Some(NOT_ATTACHED),
        (true, true) if image_pattern(&spec.registry).is_none() => Some(NO_PATTERN),
        _ => None,
    };
    let of_census = census(subject, observed).into_iter();
    let of_census = of_census.flat_map(|census| census.warnings(&spec.targets.secret_name));
    all.cloned()
        .chain(unattached.map(str::to_owned))
        .chain(of_census)
        .collect()
}
