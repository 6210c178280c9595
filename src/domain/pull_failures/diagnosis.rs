//! Why a container cannot get its image, and who is to blame.

use crate::api::{Cause, ConditionType, DockerPullSecret, PullCode, Reason, VerificationResult};
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret, Tried, redact, tried};
use crate::domain::pull_failures::advice::action;
use crate::domain::pull_failures::cause::{BlamedSecret, Fault, about};
use crate::domain::pull_failures::classify::Classification;
use crate::domain::pull_failures::infer::{Sent, infer_cause, may_pass};
use crate::domain::registry::image::Image;
use crate::domain::registry::key::RegistryKey;
use crate::domain::registry::matching::serves;
use crate::domain::spec::validate::target_of;
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
    /// What the kubelet's report says; `None` when it says only that it waits.
    pub classification: Option<&'a Classification>,
    /// The report, fit to be shown.
    pub report: &'a str,
}

/// What a pod has to do with.
#[derive(Clone, Copy, Debug)]
pub struct PullContext<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// What its `imagePullSecrets` name, in that order.
    pub secrets: &'a [PullSecret],
    /// The resources of its namespace.
    pub resources: &'a [Resource],
}

impl<'a> PullContext<'a> {
    /// The resource that generates a Secret.
    pub(crate) fn generator(&self, secret: &str) -> Option<&'a Resource> {
        let mut resources = self.resources.iter();
        resources.find(|resource| resource.owns && resource.secret == secret)
    }
}

/// What matters of a `DockerPullSecret`.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// The Secret that it generates.
    pub secret: String,
    /// Whether that Secret is its own, as far as is known: one of that name may be somebody else's.
    pub owns: bool,
    /// The Secret that it reads.
    pub source: String,
    /// Its registry key.
    pub registry: RegistryKey,
    /// What the registry said of the login in the generated Secret.
    pub verified: Option<VerificationResult>,
}

impl Resource {
    /// From what the cluster has; `None` if its registry is not valid.
    pub fn of(resource: &DockerPullSecret) -> Option<Self> {
        let spec = &resource.spec;
        let status = resource.status.as_ref();
        let verification = status.and_then(|status| status.verification.as_ref());
        let secret = status.and_then(|status| {
            let name = ConditionType::SecretSynced.as_str();
            let mut conditions = status.conditions.iter();
            conditions.find(|condition| condition.type_ == name)
        });
        let synced = secret.is_some_and(|condition| condition.status == "True");
        let foreign = [Reason::NameConflict, Reason::OwnedByOther, Reason::WrongSecretType];
        let verified = match verification {
            Some(verification) if verification.secret_verified => Some(VerificationResult::Accepted),
            Some(verification) if synced => verification.of_login(),
            _ => None,
        };
        Some(Self {
            name: resource.metadata.name.clone()?,
            secret: target_of(resource),
            owns: !secret.is_some_and(|condition| foreign.iter().any(|reason| condition.reason == reason.as_str())),
            source: spec.credentials_ref.name.clone(),
            registry: RegistryKey::new(spec.registry_type, spec.registry_url.as_deref()).ok()?,
            verified,
        })
    }

    /// Whether a kubelet uses its login for this repository.
    pub fn serves(&self, repository: &str) -> bool {
        serves(self.registry.as_str(), repository)
    }
}

/// Who is at fault.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Blame {
    /// `DockerPullSecret` or `Secret`.
    pub kind: &'static str,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Why.
    pub cause: Cause,
    /// The platform's code.
    pub code: PullCode,
    /// Who is at fault: a Secret that the pod names, or the resource that generates it.
    pub blame: Option<Blame>,
    /// The kubelet's words, without anything secret.
    pub message: String,
    /// What to do.
    pub action: String,
    /// Whether a pull secret of the pod has a login for the image.
    has_login: bool,
    lacks_credentials: bool,
    may_pass: bool,
}

impl Diagnosis {
    /// Whether this is the fault of the resource beyond doubt.
    pub fn is_fault_of(&self, resource: &str) -> bool {
        let blamed = |blame: &Blame| blame.kind == RESOURCE && blame.name == resource;
        about(self.cause).fault == Fault::Yes && self.blame.as_ref().is_some_and(blamed)
    }

    /// The same failure, of an attempt before the login changed.
    #[must_use]
    pub fn outdated(mut self, resource: &str, secret: &str) -> Self {
        if self
            .blame
            .as_ref()
            .is_some_and(|blame| blame.kind == RESOURCE && blame.name == resource)
        {
            self.action =
                format!("Secret {secret:?} has changed since: nodes try again within 5 minutes, new pods at once");
        }
        self
    }

    /// Whether the next attempt may well succeed, see [`may_pass`].
    pub fn may_pass(&self) -> bool {
        self.may_pass
    }

    /// Whether credentials for the image's registry would help that the pod does not send.
    pub fn lacks_credentials(&self) -> bool {
        self.lacks_credentials
    }

    /// Whether a pull secret of the pod has a login for the image.
    pub fn has_login(&self) -> bool {
        self.has_login
    }
}

const RESOURCE: &str = "DockerPullSecret";

/// What advice is made of.
pub(crate) struct DiagnosisInput<'a> {
    pub(crate) image: &'a str,
    /// None: the name cannot be parsed.
    pub(crate) parsed: Option<Image>,
    pub(crate) around: PullContext<'a>,
    /// The logins that a kubelet tries.
    pub(crate) sent: Vec<&'a PullSecret>,
    pub(crate) blamed: Option<&'a PullSecret>,
    pub(crate) classification: Option<&'a Classification>,
}

impl<'a> DiagnosisInput<'a> {
    /// Whether a host other than the image's registry refused: nothing that the pod's Secrets hold was meant for it.
    pub(crate) fn is_about_another_host(&self) -> bool {
        self.classification.is_some_and(Classification::is_about_another_host)
    }

    /// The resource that generates a Secret.
    pub(crate) fn generator(&self, secret: &str) -> Option<&'a Resource> {
        self.around.generator(secret)
    }

    /// Resources whose login serves the image.
    pub(crate) fn serving(&self) -> impl Iterator<Item = &'a Resource> {
        self.around.resources.iter().filter(|resource| self.serves(resource))
    }

    fn serves(&self, resource: &Resource) -> bool {
        self.parsed
            .as_ref()
            .is_some_and(|image| resource.serves(&image.repository))
    }
}

/// Finds out.
pub fn diagnose(symptom: PullError<'_>, around: PullContext<'_>) -> Diagnosis {
    let parsed = Image::parse(symptom.image).ok();
    let matching = parsed.as_ref().map(|image| tried(around.secrets, &image.repository));
    let matching: Vec<Tried> = matching.unwrap_or_default();
    let complete = |one: &&Tried| around.secrets[one.secret].entries()[one.entry].complete;
    let mut facts = DiagnosisInput {
        image: symptom.image,
        parsed,
        around,
        sent: secrets_of(around, matching.iter().filter(complete)),
        blamed: None,
        classification: symptom.classification,
    };
    let sent = sent(&facts);
    let docker_hub = facts.parsed.as_ref().is_some_and(Image::is_docker_hub);
    let cause = match symptom.classification {
        Some(classification) => infer_cause(classification, sent, docker_hub),
        None => guess(&facts, sent),
    };
    facts.blamed = blamed(about(cause).blames, &facts, &matching);
    let blame = facts.blamed.map(|secret| {
        let generator = facts.generator(&secret.name);
        Blame {
            kind: generator.map_or("Secret", |_| RESOURCE),
            namespace: around.namespace.to_owned(),
            name: generator.map_or_else(|| secret.name.clone(), |resource| resource.name.clone()),
        }
    });
    let message = redact(symptom.report, around.secrets);
    Diagnosis {
        cause,
        code: symptom.code,
        blame,
        message: cut(&message, LENGTH),
        action: cut(&action(cause, &facts), LENGTH),
        has_login: !facts.sent.is_empty(),
        lacks_credentials: about(cause).lacks_credentials && !facts.is_about_another_host(),
        may_pass: may_pass(symptom.classification, sent),
    }
}

/// Each Secret once, in the order in which its logins are tried.
fn secrets_of<'a, 'b>(around: PullContext<'a>, tried: impl Iterator<Item = &'b Tried>) -> Vec<&'a PullSecret> {
    let mut found: Vec<&PullSecret> = Vec::new();
    for one in tried {
        let secret = &around.secrets[one.secret];
        if !found.iter().any(|other| other.name == secret.name) {
            found.push(secret);
        }
    }
    found
}

fn verified(facts: &DiagnosisInput<'_>, secret: &PullSecret) -> Option<VerificationResult> {
    facts.generator(&secret.name)?.verified
}

fn sent(facts: &DiagnosisInput<'_>) -> Sent {
    let mut verdicts = facts.sent.iter().map(|secret| verified(facts, secret));
    if let Some(first) = verdicts.next() {
        // Verdicts that disagree tell nothing of the one login that the report is about.
        return Sent::Credentials(first.filter(|_| verdicts.all(|other| other == first)));
    }
    let unseen = |secret: &PullSecret| matches!(secret.content, Content::Unreadable);
    if facts.around.secrets.iter().any(unseen) {
        return Sent::Unknown;
    }
    Sent::Nothing {
        missing: missing(facts).is_some(),
    }
}

/// A Secret that does not exist and could have had the login.
fn missing<'a>(facts: &DiagnosisInput<'a>) -> Option<&'a PullSecret> {
    facts.around.secrets.iter().find(|secret| {
        let elsewhere = || {
            facts
                .generator(&secret.name)
                .is_some_and(|resource| !facts.serves(resource))
        };
        matches!(secret.content, Content::Absent) && !elsewhere()
    })
}

/// Without a report only what is wrong for certain counts.
fn guess(facts: &DiagnosisInput<'_>, sent: Sent) -> Cause {
    let malformed = |secret: &PullSecret| matches!(secret.content, Content::Malformed(_));
    match sent {
        _ if facts.around.secrets.iter().any(malformed) => Cause::PullSecretMalformed,
        Sent::Credentials(Some(VerificationResult::Rejected)) => Cause::CredentialsRejected,
        Sent::Credentials(Some(VerificationResult::LockedOut)) => Cause::LoginLockedOut,
        _ => Cause::Unknown,
    }
}

/// The Secret at fault: only one that the pod names and, where a login is concerned, whose key serves the image.
fn blamed<'a>(which: BlamedSecret, facts: &DiagnosisInput<'a>, matching: &[Tried]) -> Option<&'a PullSecret> {
    let malformed = |secret: &&PullSecret| matches!(secret.content, Content::Malformed(_));
    match which {
        BlamedSecret::None => None,
        BlamedSecret::Missing => missing(facts),
        BlamedSecret::Malformed => facts.around.secrets.iter().find(malformed),
        _ if facts.is_about_another_host() => None,
        BlamedSecret::SentAndDoubtful => {
            let good = |secret: &&&PullSecret| verified(facts, secret) == Some(VerificationResult::Accepted);
            let doubtful = facts.sent.iter().find(|secret| !good(secret));
            doubtful.or(facts.sent.first()).copied()
        }
        BlamedSecret::SentAndBest => {
            let rank = |secret: &PullSecret| match verified(facts, secret) {
                Some(VerificationResult::Accepted) => 0,
                Some(result) if result.refuses() => 2,
                _ => 1,
            };
            facts.sent.iter().min_by_key(|secret| rank(secret)).copied()
        }
        // Its key serves the image, and there is no login behind it.
        BlamedSecret::WithoutCredentials if !facts.sent.is_empty() => None,
        BlamedSecret::WithoutCredentials => secrets_of(facts.around, matching.iter()).into_iter().next(),
    }
}
