//! Why a container cannot get its image, and who is to blame.

use crate::api::{Cause, PullCode, VerificationResult};
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret, Tried, redact, tried};
use crate::domain::pull_failures::advice::advise;
use crate::domain::pull_failures::cause::{BlamedSecret, Fault, about};
use crate::domain::pull_failures::classify::Classification;
use crate::domain::pull_failures::context::{DiagnosisInput, Promise, PullContext};
use crate::domain::pull_failures::fix::{Fix, PodToFix};
use crate::domain::pull_failures::infer::{Sent, infer_cause, may_succeed_next};
use crate::domain::pull_failures::resource::Resource;
use crate::domain::registry::image::Image;
use crate::domain::text::cut;

/// Longest sentence that is published, in characters.
const LENGTH: usize = 1000;

/// A container that cannot get an image.
#[derive(Clone, Copy, Debug)]
pub struct PullError<'a> {
    /// The image, as the pod names it.
    pub image: &'a str,
    /// The platform's code.
    pub code: PullCode,
    /// What the kubelet's report means; `None` if it says only that the kubelet waits.
    pub classification: Option<&'a Classification>,
    /// The report, fit to be shown.
    pub report: &'a str,
}

/// Who is at fault.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Blame {
    /// `Secret`, or the kind of the resource that generates it.
    pub kind: &'static str,
    /// Its namespace; empty for a cluster-scoped resource.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Blame {
    /// The resource that generates the Secret, or the Secret itself if nobody does.
    fn of(secret: &PullSecret, context: PullContext<'_>) -> Self {
        match context.generator(&secret.name) {
            Some(resource) => Self {
                kind: resource.kind,
                namespace: resource.namespace.clone(),
                name: resource.name.clone(),
            },
            None => Self {
                kind: "Secret",
                namespace: context.namespace.to_owned(),
                name: secret.name.clone(),
            },
        }
    }

    fn is(&self, resource: &Resource) -> bool {
        (self.kind, &self.namespace, &self.name) == (resource.kind, &resource.namespace, &resource.name)
    }
}

/// Why a container cannot get its image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub struct Diagnosis {
    /// Why the image cannot be pulled.
    pub cause: Cause,
    /// The platform's code.
    pub code: PullCode,
    /// Who is at fault: a Secret that the pod lists, or the resource that generates it.
    pub blame: Option<Blame>,
    /// The kubelet's words, without anything secret.
    pub message: String,
    /// What to do.
    pub action: String,
    fix: Fix,
    names_elsewhere: bool,
    has_credentials: bool,
    lacks_credentials: bool,
    may_succeed_next: bool,
}

impl Diagnosis {
    /// Whether the resource is at fault beyond doubt.
    pub fn is_fault_of(&self, resource: &Resource) -> bool {
        let is_blamed = self.blame.as_ref().is_some_and(|blame| blame.is(resource));
        is_blamed && about(self.cause).fault == Fault::Yes
    }

    /// The same failure if the credentials of the resource have changed since the attempt.
    #[must_use]
    pub fn outdated(mut self, resource: &Resource) -> Self {
        if self.blame.as_ref().is_some_and(|blame| blame.is(resource)) {
            self.action = format!(
                "Secret {:?} has changed since: the node tries again within 5 minutes, a new pod at once",
                resource.secret
            );
            self.fix = Fix::default();
            self.names_elsewhere = false;
        }
        self
    }

    /// The command that mends the cause for a pod, if one can.
    pub fn fix(&self, pod: PodToFix<'_>) -> Option<String> {
        self.fix.command(pod)
    }

    /// Whether the action is about credentials of a resource that keeps them out of the namespace.
    pub fn names_elsewhere(&self) -> bool {
        self.names_elsewhere
    }

    /// Whether the next attempt may well succeed, see [`may_succeed_next`].
    pub fn may_succeed_next(&self) -> bool {
        self.may_succeed_next
    }

    /// Whether credentials for the image's registry would help that the pod does not send.
    pub fn lacks_credentials(&self) -> bool {
        self.lacks_credentials
    }

    /// Whether a pull secret of the pod has credentials for the image.
    pub fn has_credentials(&self) -> bool {
        self.has_credentials
    }
}

/// Finds cause, blame and advice.
pub fn diagnose(error: PullError<'_>, context: PullContext<'_>) -> Diagnosis {
    let parsed = Image::parse(error.image).ok();
    let matching = parsed.as_ref().map(|image| tried(context.secrets, &image.repository));
    let matching: Vec<Tried> = matching.unwrap_or_default();
    let is_complete = |tried: &&Tried| context.secrets[tried.secret].entries()[tried.entry].complete;
    let mut input = DiagnosisInput {
        image: error.image,
        parsed,
        context,
        sent: secrets_of(context, matching.iter().filter(is_complete)),
        blamed: None,
        classification: error.classification,
    };
    let sent = sent(&input);
    let docker_hub = input.parsed.as_ref().is_some_and(Image::is_docker_hub);
    let cause = match error.classification {
        Some(classification) => infer_cause(classification, sent, docker_hub),
        None => guess(&input, sent),
    };
    input.blamed = blamed(about(cause).blames, &input, &matching);
    let advised = advise(cause, &input);
    Diagnosis {
        cause,
        code: error.code,
        blame: input.blamed.map(|secret| Blame::of(secret, context)),
        message: cut(&redact(error.report, context.secrets, error.image), LENGTH),
        action: cut(&advised.action, LENGTH),
        fix: Fix::new(advised.steps, &context.listed()),
        names_elsewhere: advised.names_elsewhere,
        has_credentials: !input.sent.is_empty(),
        lacks_credentials: about(cause).lacks_credentials && !input.is_about_another_host(),
        may_succeed_next: may_succeed_next(error.classification, sent),
    }
}

/// Each Secret once, in the order in which its credentials are tried.
fn secrets_of<'a, 'b>(context: PullContext<'a>, tried: impl Iterator<Item = &'b Tried>) -> Vec<&'a PullSecret> {
    let mut found: Vec<&PullSecret> = Vec::new();
    for entry in tried {
        let secret = &context.secrets[entry.secret];
        if !found.iter().any(|other| other.name == secret.name) {
            found.push(secret);
        }
    }
    found
}

fn sent(input: &DiagnosisInput<'_>) -> Sent {
    let mut verdicts = input.sent.iter().map(|secret| input.verified(secret));
    if let Some(first) = verdicts.next() {
        // Verdicts that disagree say nothing about the credentials that the report is about.
        return Sent::Credentials(first.filter(|_| verdicts.all(|other| other == first)));
    }
    let is_unreadable = |secret: &PullSecret| matches!(secret.content, Content::Unreadable);
    if input.context.secrets.iter().any(is_unreadable) {
        return Sent::Unknown;
    }
    Sent::Nothing {
        missing: missing(input).is_some(),
    }
}

/// A Secret that does not exist and could have had credentials for the image.
fn missing<'a>(input: &DiagnosisInput<'a>) -> Option<&'a PullSecret> {
    input.context.secrets.iter().find(|secret| {
        let is_for_another_registry = || {
            let generator = input.generator(&secret.name);
            generator.is_some_and(|resource| !input.serves(resource))
        };
        matches!(secret.content, Content::Absent) && !is_for_another_registry()
    })
}

/// The cause without a report: only what is certainly wrong counts.
fn guess(input: &DiagnosisInput<'_>, sent: Sent) -> Cause {
    match sent {
        _ if input.context.secrets.iter().any(is_malformed) => Cause::PullSecretMalformed,
        Sent::Credentials(Some(VerificationResult::Rejected)) => Cause::CredentialsRejected,
        Sent::Credentials(Some(VerificationResult::LockedOut)) => Cause::LoginLockedOut,
        _ => Cause::Unknown,
    }
}

fn is_malformed(secret: &PullSecret) -> bool {
    matches!(secret.content, Content::Malformed(_))
}

/// The Secret at fault: one that the pod lists and, where credentials are concerned, whose key serves the image.
fn blamed<'a>(which: BlamedSecret, input: &DiagnosisInput<'a>, matching: &[Tried]) -> Option<&'a PullSecret> {
    match which {
        BlamedSecret::None => None,
        BlamedSecret::Missing => missing(input),
        BlamedSecret::Malformed => input.context.secrets.iter().find(|secret| is_malformed(secret)),
        _ if input.is_about_another_host() => None,
        BlamedSecret::SentAndDoubtful => {
            let is_accepted = |secret: &PullSecret| input.verified(secret) == Some(VerificationResult::Accepted);
            let doubtful = input.sent.iter().find(|secret| !is_accepted(secret));
            doubtful.or(input.sent.first()).copied()
        }
        BlamedSecret::SentAndBest => {
            let sent = input.sent.iter();
            sent.min_by_key(|secret| Promise::of(input.verified(secret))).copied()
        }
        // The key serves the image, but the entry holds no credentials.
        BlamedSecret::WithoutCredentials if !input.sent.is_empty() => None,
        BlamedSecret::WithoutCredentials => secrets_of(input.context, matching.iter()).into_iter().next(),
    }
}
