//! What one pass does about the check of its login.

use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, ResourceExt as _};

use crate::api::{CaBundleKind, ConditionType, DockerPullSecret, DockerPullSecretStatus, VERIFY_ANNOTATION};
use crate::controller::backoff::spread;
use crate::controller::context::Context;
use crate::controller::secrets;
use crate::controller::verifier::{Job, now};
use crate::domain::credential_source::identity::CredentialIdentity;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::index::Key;
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::status::build::Check;
use crate::domain::verification::ca_bundle;
use crate::domain::verification::ca_bundle::{CaBundle, Holder};
use crate::domain::verification::ledger::{Fingerprint, VerificationRecord};
use crate::domain::verification::question::Question;
use crate::domain::verification::schedule::{Asking, CANNOT_BE_ASKED, VerificationDecision};
use crate::domain::verification::verdict::Verdict;
use crate::kubernetes::request::{Error, call};

/// What is known of the login, and what is under way.
pub(crate) struct Looked {
    /// To publish.
    pub(crate) check: Check,
    /// What is known.
    pub(crate) known: Option<VerificationRecord>,
    /// A check that nothing is known before, so that it may be waited for.
    pub(crate) awaited: Option<Fingerprint>,
    /// Time until the next check is due.
    pub(crate) again: Option<Duration>,
}

/// Looks up what is known of the login, and has it checked if that is due.
pub(crate) fn look(
    resource: &DockerPullSecret,
    previous: Option<&DockerPullSecretStatus>,
    spec: &ValidatedSpec,
    identity: &CredentialIdentity,
    login: &RegistryCredentials,
    ca: Result<Option<CaBundle>, Verdict>,
    ctx: &Context,
) -> Looked {
    if !spec.verification.enabled {
        return Looked::new(Check::Disabled);
    }
    let ask = |probe| Question::new(&spec.registry, login.clone(), probe, spec.verification.plain_http);
    let question = ask(spec.verification.image.clone()).and_then(|question| Ok((question, ca?)));
    let how = match &question {
        Ok((question, ca)) => question.how(ca.as_ref()),
        Err(_) => CANNOT_BE_ASKED.to_owned(),
    };
    let condition = ConditionType::CredentialsAccepted.as_str();
    let message = previous.and_then(|status| status.conditions.iter().find(|one| one.type_ == condition));
    let uid = resource.uid().unwrap_or_default();
    let submitted = ctx.submitted(&uid);
    let asking = Asking {
        login: identity.as_str(),
        how: &how,
        status: previous.and_then(|status| status.verification.as_ref()),
        message: message.map_or("", |condition| condition.message.as_str()),
        interval: spec.verification.interval.map(|interval| spread(interval, &uid)),
        request: resource.annotations().get(VERIFY_ANNOTATION).map(String::as_str),
        submitted: submitted.as_deref(),
    };
    match question {
        Ok((question, ca)) => check(resource, &asking, question, ca, ctx),
        Err(why) => {
            let (verifier, key) = (&ctx.shared.verifier, key_of(resource));
            let known = ask(None)
                .ok()
                .and_then(|bare| verifier.known(verifier.fingerprint(&bare), &how, asking.own(), &key));
            without_asking(&asking, why, known)
        }
    }
}

fn key_of(resource: &DockerPullSecret) -> Key {
    (resource.namespace().unwrap_or_default(), resource.name_any())
}

impl Looked {
    fn new(check: Check) -> Self {
        Self {
            check,
            known: None,
            awaited: None,
            again: None,
        }
    }
}

fn check(
    resource: &DockerPullSecret,
    asking: &Asking<'_>,
    question: Question,
    ca: Option<CaBundle>,
    ctx: &Context,
) -> Looked {
    let (verifier, now) = (&ctx.shared.verifier, now());
    let fingerprint = verifier.fingerprint(&question);
    let key = key_of(resource);
    if asking.request.is_none() {
        // The same value is another request when it is set again.
        ctx.set_submitted(&resource.uid().unwrap_or_default(), None);
    }
    let ledger = verifier.known(fingerprint, asking.how, asking.own(), &key);
    match asking.advise(ledger.as_ref(), now) {
        VerificationDecision::Stands(known) => {
            let due = known.due(asking.interval, asking.asked());
            let obeyed = if verifier.is_under_way(fingerprint, asking.how) {
                asking.handled()
            } else {
                asking.obeyed()
            };
            let again = due.map(|due| u64::try_from(due.saturating_sub(now)).unwrap_or_default().max(1));
            Looked {
                again: again.map(Duration::from_secs),
                known: Some(known.clone()),
                ..Looked::new(asking.published(&known, due, obeyed))
            }
        }
        VerificationDecision::Check(known) => {
            let job = Job {
                login: fingerprint,
                question,
                how: asking.how.to_owned(),
                ca: ca.map(|ca| ca.pem),
            };
            verifier.submit(job, (ctx.queue.clone(), key));
            ctx.set_submitted(&resource.uid().unwrap_or_default(), asking.request);
            let published = known
                .as_ref()
                .map(|known| asking.published(known, known.due(asking.interval, false), asking.handled()));
            Looked {
                awaited: known.is_none().then_some(fingerprint),
                known,
                ..Looked::new(published.unwrap_or(Check::Pending))
            }
        }
    }
}

/// What is known when the registry cannot be asked: that it refused the login, if it did. What is missing to ask says
/// nothing against that.
fn without_asking(asking: &Asking<'_>, why: Verdict, ledger: Option<VerificationRecord>) -> Looked {
    let no = |known: &VerificationRecord| known.result.refuses();
    let refused = ledger.filter(no).or_else(|| asking.own().filter(no));
    let own = asking.own().filter(|own| own.message == why.message);
    let shown = refused.clone().or(own).unwrap_or_else(|| VerificationRecord {
        result: why.result,
        message: why.message,
        how: asking.how.to_owned(),
        checked: now(),
        next: None,
        rejections: 0,
        attempts: 0,
        bound: false,
        image_denied: false,
    });
    Looked {
        known: refused,
        ..Looked::new(asking.published(&shown, shown.next, asking.obeyed()))
    }
}

/// Reads the certificates that a resource names, if it does.
pub(crate) async fn ca_bundle(
    spec: &ValidatedSpec,
    namespace: &str,
    ctx: &Context,
) -> Result<Result<Option<CaBundle>, Verdict>, Error> {
    let Some(reference) = spec.verification.ca.as_ref().filter(|_| spec.verification.enabled) else {
        return Ok(Ok(None));
    };
    let name = &reference.name;
    let holder = match reference.kind {
        CaBundleKind::Secret => {
            let api = Api::namespaced(ctx.client.clone(), namespace);
            secrets::get(&api, name).await?.map(Holder::Secret)
        }
        CaBundleKind::ConfigMap => {
            let api = Api::<ConfigMap>::namespaced(ctx.client.clone(), namespace);
            call(|| format!("reading ConfigMap {name:?}"), api.get_opt(name))
                .await?
                .map(Holder::ConfigMap)
        }
    };
    Ok(ca_bundle::read(reference, holder).map(Some))
}
