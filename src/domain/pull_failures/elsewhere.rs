//! Credentials that are in other namespaces: resources for many namespaces that put no Secret into the one of the pod.

use crate::domain::distribution::exclusion::Exclusion;
use crate::domain::pull_failures::advice::Advised;
use crate::domain::pull_failures::context::DiagnosisInput;
use crate::domain::pull_failures::fix::steps;
use crate::domain::pull_failures::resource::Resource;
use crate::domain::registry::image::Image;

/// A resource for many namespaces that puts no Secret into the namespace of the pod.
#[derive(Clone, Debug, PartialEq)]
pub struct Elsewhere {
    /// The resource.
    pub resource: Resource,
    /// Why not.
    pub exclusion: Exclusion,
}

impl Elsewhere {
    /// Whether it has credentials for an image that the registry is not known to reject.
    pub fn may_help(&self, repository: &str) -> bool {
        self.resource.serves(repository) && !self.resource.is_refused()
    }

    /// What is in the way, and what to do so that a pod gets the Secret. `listed`: the names of the pod's pull secrets.
    pub fn advice(&self, namespace: &str, listed: &[&str]) -> String {
        let secret = &self.resource.secret;
        let (why, remedy) = match &self.exclusion {
            Exclusion::Unknown => (
                "its labels could not be read, so it is unknown whether it is selected".to_owned(),
                "Compare them with spec.namespaceSelector",
            ),
            Exclusion::Annotated { .. } => (
                "the namespace has the annotation pullsecrets.dev/exclude: \"true\"".to_owned(),
                "Remove the annotation",
            ),
            Exclusion::Named { .. } => ("spec.excludeNamespaces names it".to_owned(), "Take it out of that list"),
            Exclusion::Labels { selector, .. } => (
                format!("its labels are not those that spec.namespaceSelector requires ({selector})"),
                "Label the namespace accordingly, or change the selector",
            ),
        };
        let then = if listed.contains(&secret.as_str()) {
            ""
        } else if self.resource.attaches_to_pods {
            ". Then recreate the pod"
        } else {
            ". Then list that Secret in the pod's imagePullSecrets, and recreate the pod"
        };
        format!(
            "{} has credentials for this registry, but does not put Secret {secret:?} into namespace {namespace:?}: {why}. {remedy}{then}",
            self.resource
        )
    }
}

/// A resource whose credentials serve an image.
#[derive(Clone, Copy)]
pub(crate) enum Serving<'a> {
    /// It generates its Secret in the namespace of the pod.
    Here(&'a Resource),
    /// It keeps it out.
    Elsewhere(&'a Elsewhere),
}

impl<'a> DiagnosisInput<'a> {
    /// The most promising credentials for an image. Those that are in other namespaces come before those here that the registry
    /// rejects.
    pub(crate) fn best_serving(&self, image: &Image) -> Option<Serving<'a>> {
        let here = self.serving(image).next();
        let elsewhere = || {
            let mut elsewhere = self.context.elsewhere.iter();
            elsewhere.find(|one| one.exclusion != Exclusion::Unknown && one.may_help(&image.repository))
        };
        let better = here.is_none_or(Resource::is_refused).then(elsewhere).flatten();
        better.map(Serving::Elsewhere).or(here.map(Serving::Here))
    }
}

/// How to make the pod use credentials that a resource keeps out of its namespace. `missing`: the Secret that it lists, which does not
/// exist.
pub(crate) fn bring_in(one: &Elsewhere, missing: Option<&str>, input: &DiagnosisInput<'_>) -> Advised {
    Advised {
        action: one.advice(input.context.namespace, &input.context.listed()),
        steps: steps::bring_in(one, missing, input),
        names_elsewhere: true,
    }
}
