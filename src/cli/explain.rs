//! `dps explain`: which login a pod or an image would use, and why a pull fails.

mod bundle;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use self::bundle::Bundle;
use super::USAGE;
use super::manifests::Manifests;
use crate::api::{Cause, PullCode};
use crate::domain::pulls::diagnosis::{Around, Blame, Diagnosis, Symptom, diagnose};
use crate::domain::pulls::explain::{View, forecast, view, without_login};
use crate::domain::pulls::pod::{Pod, Waits};
use crate::domain::pulls::signal::read;
use crate::domain::pulls::text::{excerpt, unwrap};

/// Longest report of a node that is shown, in characters.
const REPORT: usize = 600;

#[derive(Args)]
pub(super) struct Explain {
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

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
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

pub(super) fn run(arguments: &Explain) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let report = runtime
        .map_err(|error| error.to_string())
        .and_then(|runtime| runtime.block_on(explain(arguments)))
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

async fn explain(arguments: &Explain) -> Result<Report, String> {
    let subject = match arguments.subject.as_slice() {
        [] => Subject::Pods,
        [kind, name] if matches!(kind.as_str(), "pod" | "pods" | "po") => Subject::Pod(name.clone()),
        [kind, name] if kind == "image" => Subject::Image(name.clone()),
        _ => return Err("explain what? `pod NAME` or `image REFERENCE`".to_owned()),
    };
    let namespace = arguments.namespace.as_deref();
    if arguments.filename.is_empty() {
        return match subject {
            Subject::Pod(name) => {
                let bundle = Bundle::of_pod(&name, namespace).await?;
                Ok(of_pods(&bundle, |_| true))
            }
            Subject::Image(image) => {
                let (bundle, namespace) = Bundle::of_account(&arguments.service_account, namespace).await?;
                of_image(&bundle, &image, &namespace, &arguments.service_account)
            }
            Subject::Pods => Err("name a pod or an image, or an input with --filename".to_owned()),
        };
    }
    let bundle = Bundle::of_input(&Manifests::read(&arguments.filename)?)?;
    let within = |pod: &Pod| namespace.is_none_or(|namespace| at(pod).0 == namespace);
    match subject {
        Subject::Pods => Ok(of_pods(&bundle, within)),
        Subject::Pod(name) => {
            let wanted = |pod: &Pod| within(pod) && at(pod).1 == name;
            if !bundle.pods.iter().any(wanted) {
                return Err(format!("the input has no pod {name:?}"));
            }
            Ok(of_pods(&bundle, wanted))
        }
        Subject::Image(image) => of_image(
            &bundle,
            &image,
            namespace.unwrap_or("default"),
            &arguments.service_account,
        ),
    }
}

/// Namespace and name of a pod.
fn at(pod: &Pod) -> (String, String) {
    let meta = &pod.metadata;
    (
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
    let (namespace, name) = at(pod);
    let names: Vec<&str> = pod.pull_secrets().collect();
    let surroundings = bundle.surroundings(&namespace, &names, Some(&name));
    let around = surroundings.around();
    let waits = if pod.is_over() { Vec::new() } else { pod.waits() };
    for (container, image) in pod.images() {
        let failing = waits
            .iter()
            .find(|one| one.container == container && one.image == image);
        report.images.push(Explained {
            namespace: namespace.clone(),
            pod: Some(name.clone()),
            container: Some(container.to_owned()),
            image: image.to_owned(),
            view: view(image, around),
            note: None,
        });
        if let Some(waits) = failing {
            let found = diagnose_wait(waits, bundle.reported(&namespace, &name, image), around);
            report
                .failures
                .push(failure(&namespace, Some((&name, container)), image, found));
        }
    }
}

fn diagnose_wait(waits: &Waits, reported: Option<&str>, around: Around<'_>) -> Diagnosis {
    let own = read(&waits.reason, &waits.message, &waits.image);
    // In back-off, kubelets before 1.32 leave the report to Events.
    let (signal, text) = match (own, reported) {
        (None, Some(reported)) => (read("ErrImagePull", reported, &waits.image), reported),
        _ => (own, waits.message.as_str()),
    };
    let symptom = Symptom {
        image: &waits.image,
        code: waits.code(),
        signal,
        report: &excerpt(unwrap(text).1, REPORT),
    };
    diagnose(symptom, around)
}

fn failure(namespace: &str, of: Option<(&str, &str)>, image: &str, found: Diagnosis) -> Failure {
    Failure {
        namespace: namespace.to_owned(),
        pod: of.map(|(pod, _)| pod.to_owned()),
        container: of.map(|(_, container)| container.to_owned()),
        image: image.to_owned(),
        code: found.code,
        cause: found.cause,
        blame: found.blame,
        message: found.message,
        action: found.action,
    }
}

/// What a new pod with this image would meet.
fn of_image(bundle: &Bundle, image: &str, namespace: &str, account: &str) -> Result<Report, String> {
    let names = bundle.account(namespace, account)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let surroundings = bundle.surroundings(namespace, &names, None);
    let around = surroundings.around();
    let mut report = Report::default();
    let certain = forecast(image, around);
    let view = view(image, around);
    let note = (certain.is_none() && view.logins == 0).then(|| {
        let then = without_login(image, around);
        format!(
            "no login is sent, which is right for a public image; if the registry wants one: {}",
            then.action
        )
    });
    report.images.push(Explained {
        namespace: namespace.to_owned(),
        pod: None,
        container: None,
        image: image.to_owned(),
        view,
        note,
    });
    report
        .failures
        .extend(certain.map(|found| failure(namespace, None, image, found)));
    Ok(report)
}
