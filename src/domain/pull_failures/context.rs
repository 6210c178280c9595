//! The Secrets and resources of a failing pod, from which cause, blame and advice are found.

use crate::api::VerificationResult;
use crate::domain::docker_config::kubelet_secret::{Content, PullSecret};
use crate::domain::pull_failures::classify::Classification;
use crate::domain::pull_failures::elsewhere::Elsewhere;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::registry::image::Image;
use crate::domain::registry::mismatch::{Mismatch, mismatch};

/// The Secrets and resources of a failing pod.
#[derive(Clone, Copy, Debug)]
pub struct PullContext<'a> {
    /// The namespace of the pod.
    pub namespace: &'a str,
    /// The Secrets that the pod lists in `imagePullSecrets`, in that order.
    pub secrets: &'a [PullSecret],
    /// The resources that generate Secrets in the namespace.
    pub resources: &'a [Resource],
    /// Resources for many namespaces that generate none in this one.
    pub elsewhere: &'a [Elsewhere],
}

impl<'a> PullContext<'a> {
    /// The resource that generates a Secret.
    pub(crate) fn generator(&self, secret: &str) -> Option<&'a Resource> {
        let mut resources = self.resources.iter();
        resources.find(|resource| resource.owns && resource.secret == secret)
    }

    /// The names of the pod's pull secrets.
    pub fn listed(&self) -> Vec<&'a str> {
        self.secrets.iter().map(|secret| secret.name.as_str()).collect()
    }
}

/// What cause, blame and advice are found from.
pub(crate) struct DiagnosisInput<'a> {
    pub(crate) image: &'a str,
    /// `None`: the name cannot be parsed.
    pub(crate) parsed: Option<Image>,
    pub(crate) context: PullContext<'a>,
    /// The Secrets whose credentials a kubelet tries, in that order.
    pub(crate) sent: Vec<&'a PullSecret>,
    pub(crate) blamed: Option<&'a PullSecret>,
    pub(crate) classification: Option<&'a Classification>,
}

/// An entry of a Secret that the pod lists, meant for the image's registry, that does not serve the image.
pub(crate) struct NearMiss<'a> {
    pub(crate) secret: &'a PullSecret,
    pub(crate) key: &'a str,
    /// Why it does not serve the image, as a clause about the key.
    pub(crate) why: String,
}

impl<'a> DiagnosisInput<'a> {
    /// Whether the report is about a host for which the pod's pull secrets are not meant.
    pub(crate) fn is_about_another_host(&self) -> bool {
        self.classification.is_some_and(Classification::is_about_another_host)
    }

    /// The resource that generates a Secret.
    pub(crate) fn generator(&self, secret: &str) -> Option<&'a Resource> {
        self.context.generator(secret)
    }

    /// The resources whose credentials serve an image, the most promising first: those that the registry accepts, then
    /// those that were not verified. Those that it rejects are left out unless there are no others.
    pub(crate) fn serving(&self, image: &Image) -> impl Iterator<Item = &'a Resource> {
        let resources = self.context.resources.iter();
        let mut serving: Vec<&Resource> = resources.filter(|one| one.serves(&image.repository)).collect();
        serving.sort_by_key(|resource| Promise::of(resource.verified));
        let best = serving.first().map(|first| Promise::of(first.verified));
        serving.into_iter().filter(move |resource| {
            let promise = Promise::of(resource.verified);
            promise != Promise::Rejected || best == Some(Promise::Rejected)
        })
    }

    /// The first near miss in the Secrets that the pod lists.
    pub(crate) fn near_miss(&self) -> Option<NearMiss<'a>> {
        let image = self.parsed.as_ref()?;
        let mut secrets = self.context.secrets.iter();
        secrets.find_map(|secret| {
            secret.entries().iter().find_map(|entry| {
                let Mismatch { near, why } = mismatch(&entry.key, &image.repository)?;
                let key = entry.key.as_str();
                near.then_some(NearMiss { secret, key, why })
            })
        })
    }

    /// Whether several Secrets that the pod lists do not exist.
    pub(crate) fn lacks_several(&self) -> bool {
        let secrets = self.context.secrets.iter();
        secrets
            .filter(|secret| matches!(secret.content, Content::Absent))
            .count()
            > 1
    }

    /// Whether the credentials of a resource serve the image.
    pub(crate) fn serves(&self, resource: &Resource) -> bool {
        let image = self.parsed.as_ref();
        image.is_some_and(|image| resource.serves(&image.repository))
    }

    /// What the registry said about the credentials in a Secret.
    pub(crate) fn verified(&self, secret: &PullSecret) -> Option<VerificationResult> {
        self.generator(&secret.name)?.verified
    }
}

/// How likely credentials let a pod pull. The most likely come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Promise {
    Accepted,
    Unverified,
    Rejected,
}

impl Promise {
    pub(crate) fn of(verified: Option<VerificationResult>) -> Self {
        match verified {
            Some(VerificationResult::Accepted) => Self::Accepted,
            Some(result) if result.is_refusal() => Self::Rejected,
            _ => Self::Unverified,
        }
    }
}
