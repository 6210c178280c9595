//! What one pass does about the check of its login.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{Api, ResourceExt as _};

use super::backoff::spread;
use super::context::Context;
use super::error::{Error, call};
use super::secrets;
use super::verifier::{Job, now};
use crate::api::{CaBundleKind, ConditionType, DockerPullSecret, DockerPullSecretStatus, VERIFY_ANNOTATION};
use crate::domain::login::Login;
use crate::domain::spec::Validated;
use crate::domain::status::Check;
use crate::domain::verification::advice::{Advice, Asking, status};
use crate::domain::verification::ca_bundle::{self, CaBundle, Holder};
use crate::domain::verification::ledger::{Fingerprint, Known};
use crate::domain::verification::question::Question;
use crate::domain::verification::verdict::Verdict;

/// What is known of the login, and what is under way.
pub(crate) struct Looked {
    /// To publish.
    pub(crate) check: Check,
    /// What is known.
    pub(crate) known: Option<Known>,
    /// A check that nothing is known before, so that it may be waited for.
    pub(crate) awaited: Option<Fingerprint>,
    /// Time until the next check is due.
    pub(crate) again: Option<Duration>,
}

/// Looks up what is known of the login, and has it checked if that is due.
pub(crate) fn look(
    resource: &DockerPullSecret,
    previous: Option<&DockerPullSecretStatus>,
    spec: &Validated,
    source: &Secret,
    login: &Login,
    ca: Result<Option<CaBundle>, Verdict>,
    ctx: &Context,
) -> Looked {
    let mut looked = Looked {
        check: Check::Disabled,
        known: None,
        awaited: None,
        again: None,
    };
    if !spec.verification.enabled {
        return looked;
    }
    let probe = spec.verification.image.clone();
    let question = Question::new(&spec.registry, login.clone(), probe, spec.verification.plain_http);
    let question = question.and_then(|question| Ok((question, ca?)));
    let how = match &question {
        Ok((question, ca)) => {
            let ca = ca.as_ref().map(|ca| format!(" with {}", ca.version));
            question.how() + &ca.unwrap_or_default()
        }
        Err(_) => "cannot be asked".to_owned(),
    };
    let (uid, version) = (
        source.uid().unwrap_or_default(),
        source.resource_version().unwrap_or_default(),
    );
    let version = format!("{uid}/{version} {how}");
    let condition = ConditionType::CredentialsAccepted.as_str();
    let message = previous.and_then(|status| status.conditions.iter().find(|one| one.type_ == condition));
    let asking = Asking {
        version: &version,
        how: &how,
        status: previous.and_then(|status| status.verification.as_ref()),
        message: message.map_or("", |condition| condition.message.as_str()),
        interval: spec
            .verification
            .interval
            .map(|interval| spread(interval, &resource.uid().unwrap_or_default())),
        request: resource.annotations().get(VERIFY_ANNOTATION).map(String::as_str),
    };
    let done = |known: &Known, request| {
        let status = status(known, &version, asking.interval, request);
        Check::Done(Box::new(status), known.message.clone())
    };
    let now = now();
    let (question, ca) = match question {
        Ok(question) => question,
        Err(verdict) => {
            let own = asking.own().filter(|own| own.message == verdict.message);
            let known = own.unwrap_or_else(|| unaskable(verdict, &how, now));
            looked.check = done(&known, asking.request);
            return looked;
        }
    };
    let verifier = &ctx.shared.verifier;
    let fingerprint = verifier.fingerprint(&question);
    let ledger = verifier.known(fingerprint, &how, asking.own());
    match asking.advise(ledger.as_ref(), now) {
        Advice::Stands(known) => {
            looked.check = done(&known, asking.request);
            looked.again = known
                .due(asking.interval)
                .map(|due| Duration::from_secs(u64::try_from(due.saturating_sub(now)).unwrap_or_default().max(1)));
            looked.known = Some(known);
        }
        Advice::Check(known) => {
            let key = (resource.namespace().unwrap_or_default(), resource.name_any());
            let job = Job {
                login: fingerprint,
                question,
                how: how.clone(),
                ca: ca.map(|ca| ca.pem),
            };
            verifier.submit(job, (ctx.queue.clone(), key));
            looked.check = known
                .as_ref()
                .map_or(Check::Pending, |known| done(known, asking.handled()));
            looked.awaited = known.is_none().then_some(fingerprint);
            looked.known = known;
        }
    }
    looked
}

/// Reads the certificates that a resource names, if it does.
pub(crate) async fn ca_bundle(
    spec: &Validated,
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

fn unaskable(verdict: Verdict, how: &str, now: i64) -> Known {
    Known {
        result: verdict.result,
        message: verdict.message,
        how: how.to_owned(),
        checked: now,
        next: None,
        rejections: 0,
        attempts: 0,
    }
}
