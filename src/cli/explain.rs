//! `dps explain`: which credentials a pod or an image would use, and why a pull fails.

mod cluster;
mod files;
mod pods;
mod print;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use kube::api::ListParams;
use tokio::time::sleep;

use crate::cli::cluster::Cluster;
use crate::cli::completion::names;
use crate::cli::connection::ConnectionArguments;
use crate::cli::exit::exit_code;
pub(crate) use crate::cli::explain::pods::ExplainedPods;
use crate::cli::manifests::Manifests;
use crate::cli::output::{self, Format, to_json};
use crate::cli::runtime::block_on;
use crate::domain::names::ObjectKey;
use crate::domain::time::Timestamp;
use crate::explain::bundle::Bundle;
use crate::explain::report::{Report, explain_image, explain_pods};
use crate::explain::subject::ExplainSubject;

#[derive(Args)]
pub(crate) struct Explain {
    /// What to explain: `pod/NAME`, `image REFERENCE`, or the pods of a workload such as `deployment/NAME` (also statefulset,
    /// daemonset, replicaset, job, cronjob). Default: every pod of the namespace, or of the input with --filename.
    #[arg(value_names = ["SUBJECT", "NAME"], num_args = 1..=2, add = names::subjects())]
    subject: Vec<String>,
    /// Namespace. Default: the namespace of the kubeconfig's context; with --filename, any for pods.
    #[arg(short, long, add = names::namespaces())]
    namespace: Option<String>,
    /// Explain the pods of all namespaces.
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "subject", "filename"])]
    all_namespaces: bool,
    /// Labels to select pods by, such as app=web,stage!=test.
    #[arg(short = 'l', long, value_name = "SELECTOR", conflicts_with_all = ["subject", "filename"])]
    selector: Option<String>,
    /// Explain again whenever the explanation changes, until you stop it.
    #[arg(short, long, conflicts_with = "filename")]
    watch: bool,
    /// ServiceAccount whose pull secrets a new pod with this image gets. Only for `image`.
    #[arg(long, value_name = "NAME", default_value = "default", add = names::service_accounts())]
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

pub(crate) fn run(arguments: &Explain) -> ExitCode {
    exit_code("explain", block_on(explain_and_print(arguments)))
}

/// What is to be explained.
pub(crate) struct ExplainQuestion {
    pub(crate) subject: ExplainSubject,
    /// The ServiceAccount of a new pod.
    pub(crate) service_account: String,
    /// Whether the pods of all namespaces are.
    pub(crate) all_namespaces: bool,
    /// Labels to select pods by.
    pub(crate) selector: Option<String>,
}

impl ExplainQuestion {
    /// Which pods to list.
    fn pods(&self) -> ListParams {
        match &self.selector {
            Some(selector) => ListParams::default().labels(selector),
            None => ListParams::default(),
        }
    }
}

async fn explain_and_print(arguments: &Explain) -> Result<ExitCode, String> {
    let subject = ExplainSubject::of(&arguments.subject)?;
    if arguments.filename.is_empty() {
        let namespace = arguments.namespace.as_deref();
        let cluster = arguments.connection.connect_lasting(namespace, arguments.watch).await?;
        let question = ExplainQuestion {
            subject,
            service_account: arguments.service_account.clone(),
            all_namespaces: arguments.all_namespaces,
            selector: arguments.selector.clone(),
        };
        if arguments.watch {
            return follow(&cluster, arguments, &question).await;
        }
        let explained = Box::pin(explain_cluster(&cluster, &arguments.connection, &question)).await?;
        print(&explained, arguments)?;
        return Ok(exit_code_of(&explained.report));
    }
    let (bundle, report) = explain_files(&subject, arguments)?;
    let warnings = bundle.warnings;
    let explained = ExplainedPods { report, warnings };
    print(&explained, arguments)?;
    Ok(exit_code_of(&explained.report))
}

fn exit_code_of(report: &Report) -> ExitCode {
    if report.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Whether somebody still reads it.
fn print(explained: &ExplainedPods, arguments: &Explain) -> Result<bool, String> {
    for warning in &explained.warnings {
        output::report(&format!("warning: {warning}"));
    }
    match arguments.output {
        Format::Json => output::write_live(&to_json(&explained.report)?),
        Format::Text => output::write_lines_live(print::readable(&explained.report)),
    }
}

/// Explains again and again, until nobody reads it any more.
async fn follow(cluster: &Cluster, arguments: &Explain, question: &ExplainQuestion) -> Result<ExitCode, String> {
    let mut last: Option<ExplainedPods> = None;
    let mut said = None;
    loop {
        let begun = Instant::now();
        let change = watch::next_change(cluster, question).await;
        let explained = match Box::pin(explain_cluster(cluster, &arguments.connection, question)).await {
            Ok(explained) => explained,
            Err(why) if last.is_none() => return Err(why),
            // It may come back: a pod that is replaced, an API server that restarts.
            Err(why) => {
                if said.as_ref() != Some(&why) {
                    output::report(&format!("dps explain: {why}"));
                    said = Some(why);
                }
                change.await;
                continue;
            }
        };
        said = None;
        let is_same = last.as_ref().is_some_and(|last| last.report == explained.report);
        if !is_same {
            if last.is_some() && arguments.output == Format::Text {
                output::write_lines([String::new(), format!("{:.0}", Timestamp::now())])?;
            }
            if !print(&explained, arguments)? {
                return Ok(ExitCode::SUCCESS);
            }
            last = Some(explained);
        }
        sleep(begun.elapsed() * watch::REST).await;
        change.await;
    }
}

/// Explains. Commands that mend a cause are for `connection`.
pub(crate) async fn explain_cluster(
    cluster: &Cluster,
    connection: &ConnectionArguments,
    question: &ExplainQuestion,
) -> Result<ExplainedPods, String> {
    let mut explained = if let ExplainSubject::Image(image) = &question.subject {
        let (bundle, account) = cluster::read_account(cluster, &question.service_account).await?;
        ExplainedPods {
            report: explain_image(&bundle, image, &account)?,
            warnings: bundle.warnings,
        }
    } else {
        pods::explain(cluster, question).await?
    };
    for failure in &mut explained.report.failures {
        let fix = failure.fix.take();
        failure.fix = fix.and_then(|fix| connection.in_command(&fix));
    }
    Ok(explained)
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
        ExplainSubject::Workload(..) => {
            return Err("the pods of a workload are found in a cluster only: name a pod of the input".to_owned());
        }
    };
    Ok((bundle, report))
}
