//! `dps explain`: which credentials a pod or an image would use, and why a pull fails.

mod cluster;
mod files;
mod print;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::connection::ConnectionArguments;
use crate::cli::exit::exit_code;
use crate::cli::manifests::Manifests;
use crate::cli::output::{self, Format, to_json};
use crate::cli::runtime::block_on;
use crate::domain::names::ObjectKey;
use crate::explain::bundle::Bundle;
use crate::explain::report::{Report, explain_image, explain_pods};

#[derive(Args)]
pub(crate) struct Explain {
    /// `pod NAME` or `image REFERENCE`. With --filename, the default is every pod of the input.
    #[arg(
        value_names = ["pod|image", "NAME"],
        num_args = 2,
        required_unless_present = "filename"
    )]
    subject: Vec<String>,
    /// Namespace. Default: the namespace of the kubeconfig's context; with --filename, any for pods.
    #[arg(short, long)]
    namespace: Option<String>,
    /// ServiceAccount whose pull secrets a new pod with this image gets. Only for `image`.
    #[arg(long, value_name = "NAME", default_value = "default")]
    service_account: String,
    /// Read Pods, Secrets, ServiceAccounts, DockerPullSecrets, ClusterDockerPullSecrets, Namespaces and Events from this file,
    /// directory or stdin (-) instead of a cluster, as `kubectl get -o yaml` prints them. Directories are read recursively
    /// (.yaml, .yml, .json). Can be repeated.
    #[arg(short, long, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// Output format.
    #[arg(short, long, value_enum, default_value = "text")]
    output: Format,
    #[command(flatten)]
    connection: ConnectionArguments,
}

/// What to explain.
enum ExplainSubject {
    /// Every pod of the input.
    AllPods,
    Pod(String),
    Image(String),
}

pub(crate) fn run(arguments: &Explain) -> ExitCode {
    exit_code("explain", block_on(explain_and_print(arguments)))
}

async fn explain_and_print(arguments: &Explain) -> Result<ExitCode, String> {
    let (bundle, report) = explain(arguments).await?;
    for warning in &bundle.warnings {
        output::report(&format!("warning: {warning}"));
    }
    match arguments.output {
        Format::Json => output::write(&to_json(&report)?)?,
        Format::Text => output::write_lines(print::readable(&report))?,
    }
    Ok(if report.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn explain(arguments: &Explain) -> Result<(Bundle, Report), String> {
    let subject = match arguments.subject.as_slice() {
        [] => ExplainSubject::AllPods,
        [kind, name] if matches!(kind.as_str(), "pod" | "pods" | "po") => ExplainSubject::Pod(name.clone()),
        [kind, reference] if kind == "image" => ExplainSubject::Image(reference.clone()),
        _ => return Err("specify `pod NAME` or `image REFERENCE`".to_owned()),
    };
    if arguments.filename.is_empty() {
        explain_cluster(&subject, arguments).await
    } else {
        explain_files(&subject, arguments)
    }
}

async fn explain_cluster(subject: &ExplainSubject, arguments: &Explain) -> Result<(Bundle, Report), String> {
    let connect = || arguments.connection.connect(arguments.namespace.as_deref());
    match subject {
        ExplainSubject::Pod(name) => {
            let bundle = cluster::read_pod(&connect().await?, name).await?;
            let report = explain_pods(&bundle, |_| true);
            Ok((bundle, report))
        }
        ExplainSubject::Image(image) => {
            let (bundle, account) = cluster::read_account(&connect().await?, &arguments.service_account).await?;
            let report = explain_image(&bundle, image, &account)?;
            Ok((bundle, report))
        }
        ExplainSubject::AllPods => Err("specify a pod or an image, or an input with --filename".to_owned()),
    }
}

fn explain_files(subject: &ExplainSubject, arguments: &Explain) -> Result<(Bundle, Report), String> {
    let bundle = files::read(&Manifests::read_bundle(&arguments.filename)?)?;
    let namespace = arguments.namespace.as_deref();
    let is_within = |pod: &ObjectKey| namespace.is_none_or(|namespace| pod.namespace == namespace);
    let report = match subject {
        ExplainSubject::AllPods => explain_pods(&bundle, is_within),
        ExplainSubject::Pod(name) => {
            let report = explain_pods(&bundle, |pod| is_within(pod) && pod.name == *name);
            if report.images.is_empty() {
                return Err(format!("the input has no pod {name:?}"));
            }
            report
        }
        ExplainSubject::Image(image) => {
            let namespace = namespace.or(bundle.only_namespace()).unwrap_or("default");
            let account = ObjectKey::new(namespace, &arguments.service_account);
            explain_image(&bundle, image, &account)?
        }
    };
    Ok((bundle, report))
}
