//! The explanation of pods and images.

use serde::Serialize;

use crate::api::{Cause, PullCode};
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::classify::read;
use crate::domain::pull_failures::context::PullContext;
use crate::domain::pull_failures::diagnosis::{Blame, Diagnosis, PullError, diagnose};
use crate::domain::pull_failures::fix::PodToFix;
use crate::domain::pull_failures::pod::{Pod, WaitingContainer};
use crate::domain::pull_failures::relevance::repository;
use crate::domain::pull_failures::template::PodTemplate;
use crate::domain::text::{excerpt, unwrap};
use crate::explain::bundle::{Bundle, key_of};
use crate::explain::secrets::{CreationNote, SecretsView, certain_failure, explain_secrets, note_before_creation};

/// Longest report of a kubelet that is shown, in characters.
const REPORT_LENGTH: usize = 600;

/// An explanation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The images that cannot be pulled.
    pub failures: Vec<ExplainedFailure>,
    /// All images.
    pub images: Vec<ExplainedImage>,
}

/// Which image of which container it is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct ImageUse {
    /// The namespace.
    pub namespace: String,
    /// The pod; absent for a pod that does not exist yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod: Option<String>,
    /// The container; absent for a pod that does not exist yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// The image, as the pod names it.
    pub image: String,
}

/// An image that cannot be pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedFailure {
    /// The image, and the container that uses it.
    #[serde(flatten)]
    pub subject: ImageUse,
    /// The platform's code.
    pub code: PullCode,
    /// Why it cannot be pulled.
    pub cause: Cause,
    /// Who is at fault, if it is a Secret or the resource that generates it.
    pub blame: Option<Blame>,
    /// What the kubelet reports, without anything secret.
    pub message: String,
    /// What to do.
    pub action: String,
    /// A command that mends the cause, if one can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// An image, and what a kubelet makes of the pull secrets for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedImage {
    /// The image, and the container that uses it.
    #[serde(flatten)]
    pub subject: ImageUse,
    /// The pull secrets.
    #[serde(flatten)]
    pub view: SecretsView,
    /// What is worth knowing although it is no failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Explains the pods of a bundle that `is_wanted` selects.
pub fn explain_pods(bundle: &Bundle, is_wanted: impl Fn(&ObjectKey) -> bool) -> Report {
    let mut report = Report::default();
    for pod in bundle.pods.iter().filter(|pod| is_wanted(&key_of(pod))) {
        explain_pod(bundle, pod, &mut report);
    }
    report
}

/// Explains what a new pod with this image and this ServiceAccount would do. The error says what is missing.
pub fn explain_image(bundle: &Bundle, image: &str, account: &ObjectKey) -> Result<Report, String> {
    let names = bundle.pull_secrets_of_account(account)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let objects = bundle.context_objects(&account.namespace, &names, None);
    let context = objects.context();
    let certain = certain_failure(image, context);
    let creation_note = if certain.is_some() {
        None
    } else {
        note_before_creation(image, context)
    };
    let note = joined(notes(image, context, certain.as_ref(), creation_note).into_iter());
    let mut report = Report::default();
    let subject = ImageUse {
        namespace: account.namespace.clone(),
        pod: None,
        container: None,
        image: image.to_owned(),
    };
    let pod = PodToFix {
        namespace: &account.namespace,
        name: None,
        template: None,
        account: &account.name,
        account_lists: bundle.pull_secrets_of_account(account)?,
    };
    report.add(subject, context, certain.map(|found| (found, pod)), note);
    Ok(report)
}

fn explain_pod(bundle: &Bundle, pod: &Pod, report: &mut Report) {
    let key = key_of(pod);
    let (names, account_note) = pull_secrets(bundle, pod, &key.namespace);
    let objects = bundle.context_objects(&key.namespace, &names, Some(pod));
    let context = objects.context();
    let waiting = if pod.is_over() {
        Vec::new()
    } else {
        pod.waiting_containers()
    };
    let template = PodTemplate::of(&pod.metadata);
    let account = ObjectKey::new(&*key.namespace, pod.service_account());
    let to_fix = PodToFix {
        namespace: &key.namespace,
        name: Some(&key.name),
        template: template.as_ref(),
        account: &account.name,
        account_lists: bundle.pull_secrets_of_account(&account).unwrap_or_default(),
    };
    for (container, image) in images(pod, &waiting) {
        let mut failing = waiting.iter();
        let failing = failing.find(|waiting| waiting.container == container && waiting.image == image);
        let diagnosis = match failing {
            Some(waiting) => Some(diagnose_waiting(waiting, bundle.last_report(pod, image), context)),
            None if pod.exists() => None,
            None => certain_failure(image, context),
        };
        let creation_note = if pod.exists() || diagnosis.is_some() {
            None
        } else {
            note_before_creation(image, context)
        };
        let notes = notes(image, context, diagnosis.as_ref(), creation_note);
        let notes = account_note.clone().into_iter().chain(notes);
        let subject = ImageUse {
            namespace: key.namespace.clone(),
            pod: Some(key.name.clone()),
            container: Some(container.to_owned()),
            image: image.to_owned(),
        };
        report.add(subject, context, diagnosis.map(|found| (found, to_fix)), joined(notes));
    }
}

/// What to know besides a failure: what is certain before there is a pod, and that there are credentials in other namespaces, unless
/// the action says so.
fn notes(
    image: &str,
    context: PullContext<'_>,
    failure: Option<&Diagnosis>,
    creation_note: Option<CreationNote>,
) -> Vec<String> {
    let (is_lacking, is_named) = match (failure, &creation_note) {
        (Some(failure), _) => (
            failure.lacks_credentials() && !failure.has_credentials(),
            failure.names_elsewhere(),
        ),
        (None, Some(note)) => (true, note.names_elsewhere),
        (None, None) => (false, false),
    };
    let repository = repository(image);
    let mut elsewhere = context.elsewhere.iter();
    let elsewhere = elsewhere.find(|one| is_lacking && !is_named && one.may_help(&repository));
    let elsewhere = elsewhere.map(|one| one.advice(context.namespace, &context.listed()));
    creation_note
        .map(|note| note.text)
        .into_iter()
        .chain(elsewhere)
        .collect()
}

fn joined(notes: impl Iterator<Item = String>) -> Option<String> {
    let notes: Vec<String> = notes.collect();
    (!notes.is_empty()).then(|| notes.join(". "))
}

/// The images that a pod needs, and those that it waits for, each once with its container.
fn images<'a>(pod: &'a Pod, waiting: &'a [WaitingContainer]) -> Vec<(&'a str, &'a str)> {
    let waiting = waiting.iter();
    let waiting = waiting.map(|waiting| (waiting.container.as_str(), waiting.image.as_str()));
    let mut images = Vec::new();
    for image in pod.images().into_iter().chain(waiting) {
        if !images.contains(&image) {
            images.push(image);
        }
    }
    images
}

/// The Secrets that count for a pod, and what to know about its ServiceAccount.
fn pull_secrets<'a>(bundle: &'a Bundle, pod: &'a Pod, namespace: &str) -> (Vec<&'a str>, Option<String>) {
    let own: Vec<&str> = pod.pull_secrets().collect();
    let account = ObjectKey::new(namespace, pod.service_account());
    let listed = bundle.service_accounts.get(&account).filter(|names| !names.is_empty());
    let Some(listed) = listed.filter(|_| own.is_empty()) else {
        return (own, None);
    };
    let name = &account.name;
    if pod.exists() {
        let note = format!(
            "ServiceAccount {name:?} lists pull secrets ({}) that this pod did not get when it was created. Recreate the pod to use them",
            listed.join(", ")
        );
        return (own, Some(note));
    }
    let note = format!("When the pod is created, it gets the pull secrets of ServiceAccount {name:?}");
    (listed.iter().map(String::as_str).collect(), Some(note))
}

/// `last_report`: what the last Event says about this pull.
fn diagnose_waiting(waiting: &WaitingContainer, last_report: Option<&str>, context: PullContext<'_>) -> Diagnosis {
    let own = read(&waiting.reason, &waiting.message, &waiting.image);
    // During back-off, the status of kubelets before 1.32 does not repeat the report.
    let (classification, report) = match (own, last_report) {
        (None, Some(report)) => (read("ErrImagePull", report, &waiting.image), report),
        (own, _) => (own, waiting.message.as_str()),
    };
    let error = PullError {
        image: &waiting.image,
        code: waiting.code(),
        classification: classification.as_ref(),
        report: &excerpt(unwrap(report).1, REPORT_LENGTH),
    };
    diagnose(error, context)
}

impl Report {
    fn add(
        &mut self,
        subject: ImageUse,
        context: PullContext<'_>,
        failure: Option<(Diagnosis, PodToFix<'_>)>,
        note: Option<String>,
    ) {
        self.failures.extend(failure.map(|(diagnosis, pod)| ExplainedFailure {
            fix: diagnosis.fix(pod),
            subject: subject.clone(),
            code: diagnosis.code,
            cause: diagnosis.cause,
            blame: diagnosis.blame,
            message: diagnosis.message,
            action: diagnosis.action,
        }));
        self.images.push(ExplainedImage {
            view: explain_secrets(&subject.image, context),
            subject,
            note,
        });
    }
}
