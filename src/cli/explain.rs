//! `dps explain`: which login a pod or an image would use, and why a pull fails.

mod cluster;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::api::{Cause, PullCode};
use crate::cli::manifests::Manifests;
use crate::cli::{Format, USAGE};
use crate::domain::names::ObjectKey;
use crate::domain::pull_failures::classify::read;
use crate::domain::pull_failures::diagnosis::{Blame, Diagnosis, PullContext, PullError, diagnose};
use crate::domain::pull_failures::pod::{Pod, WaitingContainer};
use crate::domain::text::{excerpt, unwrap};
use crate::explain::bundle::Bundle;
use crate::explain::secrets::{View, certain_failure, explain_secrets, note_before_creation};

/// Longest report of a node that is shown, in characters.
const REPORT: usize = 600;

#[derive(Args)]
pub(crate) struct Explain {
    /// `pod NAME` or `image REFERENCE`. Without it every pod of the input is explained, which needs --filename.
    #[arg(
        value_name = "pod NAME | image REFERENCE",
        num_args = 2,
        required_unless_present = "filename"
    )]
    subject: Vec<String>,
    /// Namespace; the kubeconfig's when absent.
    #[arg(short, long)]
    namespace: Option<String>,
    /// ServiceAccount whose pull secrets a pod with that image would get.
    #[arg(long, value_name = "NAME", default_value = "default")]
    service_account: String,
    /// File, folder (all .yaml, .yml and .json below it) or - for stdin with Pods, Secrets, ServiceAccounts,
    /// DockerPullSecrets and Events, such as `kubectl get … -o yaml` prints; repeat it for several. No cluster is asked.
    #[arg(short, long, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// Shape of the output.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
}

/// What is asked about.
enum Subject {
    /// All pods that there are.
    Pods,
    Pod(String),
    Image(String),
}

/// A container that cannot get its image.
#[derive(Serialize)]
struct Failure {
    namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    image: String,
    code: PullCode,
    cause: Cause,
    blame: Option<Blame>,
    message: String,
    action: String,
}

/// An image, and what a kubelet makes of the pull secrets for it.
#[derive(Serialize)]
struct Explained {
    namespace: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    container: Option<String>,
    image: String,
    #[serde(flatten)]
    view: View,
    /// What is worth knowing although nothing fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

/// Everything found.
#[derive(Default, Serialize)]
struct Report {
    failures: Vec<Failure>,
    images: Vec<Explained>,
}

pub(crate) fn run(arguments: &Explain) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(explain(arguments)))
        .map(|(bundle, report)| {
            for warning in &bundle.warnings {
                eprintln!("warning: {warning}");
            }
            report
        })
        .and_then(|report| print::print(&report, arguments.output).map(|()| report));
    match report {
        Ok(report) if report.failures.is_empty() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(what) => {
            eprintln!("dps explain: {what}");
            ExitCode::from(USAGE)
        }
    }
}

async fn explain(arguments: &Explain) -> Result<(Bundle, Report), String> {
    let subject = match arguments.subject.as_slice() {
        [] => Subject::Pods,
        [kind, name] if matches!(kind.as_str(), "pod" | "pods" | "po") => Subject::Pod(name.clone()),
        [kind, name] if kind == "image" => Subject::Image(name.clone()),
        _ => return Err("explain what? `pod NAME` or `image REFERENCE`".to_owned()),
    };
    let (namespace, account) = (arguments.namespace.as_deref(), &arguments.service_account);
    if arguments.filename.is_empty() {
        return match subject {
            Subject::Pod(name) => {
                let bundle = cluster::pod(&name, namespace).await?;
                let report = of_pods(&bundle, |_| true);
                Ok((bundle, report))
            }
            Subject::Image(image) => {
                let (bundle, namespace) = cluster::account(account, namespace).await?;
                let report = image_denied(&bundle, &image, &namespace, account)?;
                Ok((bundle, report))
            }
            Subject::Pods => Err("name a pod or an image, or an input with --filename".to_owned()),
        };
    }
    let bundle = Bundle::of_input(&Manifests::read_bundle(&arguments.filename)?)?;
    let within = |pod: &Pod| namespace.is_none_or(|namespace| at(pod).namespace == namespace);
    let report = match subject {
        Subject::Pods => of_pods(&bundle, within),
        Subject::Pod(name) => {
            let wanted = |pod: &Pod| within(pod) && at(pod).name == name;
            if !bundle.pods.iter().any(wanted) {
                return Err(format!("the input has no pod {name:?}"));
            }
            of_pods(&bundle, wanted)
        }
        Subject::Image(image) => {
            let namespace = namespace.or(bundle.only_namespace()).unwrap_or("default");
            image_denied(&bundle, &image, namespace, account)?
        }
    };
    Ok((bundle, report))
}

/// Namespace and name of a pod.
pub(crate) fn at(pod: &Pod) -> ObjectKey {
    let meta = &pod.metadata;
    ObjectKey::new(
        meta.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        meta.name.clone().unwrap_or_default(),
    )
}

fn of_pods(bundle: &Bundle, wanted: impl Fn(&Pod) -> bool) -> Report {
    let mut report = Report::default();
    for pod in bundle.pods.iter().filter(|pod| wanted(pod)) {
        of_pod(bundle, pod, &mut report);
    }
    report
}

fn of_pod(bundle: &Bundle, pod: &Pod, report: &mut Report) {
    let ObjectKey { namespace, name } = at(pod);
    let listed = bundle.accounts.get(&ObjectKey::new(&*namespace, pod.account()));
    let listed: Vec<&str> = listed.into_iter().flatten().map(String::as_str).collect();
    let own: Vec<&str> = pod.pull_secrets().collect();
    // The list of the ServiceAccount is copied once, when a pod without one of its own is created.
    let (names, note) = match (own.is_empty() && !listed.is_empty(), pod.exists()) {
        (false, _) => (own, None),
        (true, false) => {
            let note = format!(
                "when it is created it gets the pull secrets of ServiceAccount {:?}",
                pod.account()
            );
            (listed, Some(note))
        }
        (true, true) => {
            let note = format!(
                "ServiceAccount {:?} lists pull secrets ({}), and did not when this pod was created: a new pod gets them",
                pod.account(),
                listed.join(", ")
            );
            (own, Some(note))
        }
    };
    let surroundings = bundle.surroundings(&namespace, &names, Some(pod));
    let around = surroundings.around();
    let waits = if pod.is_over() { Vec::new() } else { pod.waits() };
    let images = pod.images();
    for (index, &(container, image)) in images.iter().enumerate() {
        if images[..index].contains(&(container, image)) {
            continue;
        }
        let failing = waits
            .iter()
            .find(|one| one.container == container && one.image == image);
        let found = match failing {
            Some(waits) => Some(diagnose_wait(waits, bundle.reported(pod, image), around)),
            None if pod.exists() => None,
            None => certain_failure(image, around),
        };
        let note_before_creation = (!pod.exists() && found.is_none()).then(|| note_before_creation(image, around));
        let notes = [note.clone(), note_before_creation.flatten()].into_iter().flatten();
        let note = notes.reduce(|one, other| format!("{one}; {other}"));
        let of = Some((name.as_str(), container));
        report.add(&namespace, of, image, around, found, note);
    }
}

fn diagnose_wait(waits: &WaitingContainer, reported: Option<&str>, around: PullContext<'_>) -> Diagnosis {
    let own = read(&waits.reason, &waits.message, &waits.image);
    // In back-off, kubelets before 1.32 leave the report to Events.
    let (classification, text) = match (own, reported) {
        (None, Some(reported)) => (read("ErrImagePull", reported, &waits.image), reported),
        (own, _) => (own, waits.message.as_str()),
    };
    let symptom = PullError {
        image: &waits.image,
        code: waits.code(),
        classification: classification.as_ref(),
        report: &excerpt(unwrap(text).1, REPORT),
    };
    diagnose(symptom, around)
}

/// What a new pod with this image would meet.
fn image_denied(bundle: &Bundle, image: &str, namespace: &str, account: &str) -> Result<Report, String> {
    let names = bundle.account(namespace, account)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let surroundings = bundle.surroundings(namespace, &names, None);
    let around = surroundings.around();
    let mut report = Report::default();
    let certain = certain_failure(image, around);
    let note = certain.is_none().then(|| note_before_creation(image, around)).flatten();
    report.add(namespace, None, image, around, certain, note);
    Ok(report)
}

impl Report {
    /// `of`: pod and container.
    fn add(
        &mut self,
        namespace: &str,
        of: Option<(&str, &str)>,
        image: &str,
        around: PullContext<'_>,
        found: Option<Diagnosis>,
        note: Option<String>,
    ) {
        let (pod, container) = (of.map(|of| of.0.to_owned()), of.map(|of| of.1.to_owned()));
        self.images.push(Explained {
            namespace: namespace.to_owned(),
            pod: pod.clone(),
            container: container.clone(),
            image: image.to_owned(),
            view: explain_secrets(image, around),
            note,
        });
        self.failures.extend(found.map(|found| Failure {
            namespace: namespace.to_owned(),
            pod,
            container,
            image: image.to_owned(),
            code: found.code,
            cause: found.cause,
            blame: found.blame,
            message: found.message,
            action: found.action,
        }));
    }
}
