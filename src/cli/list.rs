//! `dps list`: the resources of both kinds, the worst first.

mod watch;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::cluster::Cluster;
use crate::cli::completion::names;
use crate::cli::connection::ConnectionArguments;
use crate::cli::exit::exit_code;
use crate::cli::output::{report, to_json, to_yaml, write, write_lines};
use crate::cli::resources::{ListedObject, Listing, Selection};
use crate::cli::runtime::block_on;
use crate::domain::listing::table::Columns;
use crate::domain::listing::{ListedResource, sort_worst_first};
use crate::domain::time::Timestamp;

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct List {
    /// Namespace of the DockerPullSecrets; default: the kubeconfig's. ClusterDockerPullSecrets are in none.
    #[arg(short, long, add = names::namespaces())]
    namespace: Option<String>,
    /// List the DockerPullSecrets of all namespaces.
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    all_namespaces: bool,
    /// Labels to select by, such as team=a,stage!=test.
    #[arg(short = 'l', long, value_name = "SELECTOR")]
    selector: Option<String>,
    /// After the list, print a line for each change, until you stop it.
    #[arg(short, long, conflicts_with = "exit_code")]
    watch: bool,
    /// Exit with code 1 if a resource is not ready or its pods fail to pull. Suspended ones do not count.
    #[arg(long)]
    exit_code: bool,
    /// Output format. `wide` adds the Secret, how long minted credentials are still valid, and the message.
    #[arg(short, long, value_enum, default_value = "table")]
    output: ListFormat,
    #[command(flatten)]
    connection: ConnectionArguments,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    Table,
    Wide,
    Name,
    Json,
    Yaml,
}

pub(crate) fn run(arguments: &List) -> ExitCode {
    exit_code("list", block_on(list_and_print(arguments)))
}

async fn list_and_print(arguments: &List) -> Result<ExitCode, String> {
    let namespace = arguments.namespace.as_deref();
    let cluster = arguments.connection.connect_lasting(namespace, arguments.watch).await?;
    let selection = Selection {
        all_namespaces: arguments.all_namespaces,
        selector: arguments.selector.as_deref(),
    };
    let mut listing = Listing::read(&cluster, &selection).await?;
    for obstacle in &listing.obstacles {
        report(&format!("dps list: {obstacle}"));
    }
    sort_worst_first(&mut listing.objects, |object| &object.resource);
    let columns = print(&listing.objects, arguments, &cluster)?;
    if arguments.watch {
        watch::follow(&cluster, arguments, listing, &columns).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_well = listing.objects.iter().all(|object| object.resource.is_well());
    Ok(if arguments.exit_code && !is_well {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Prints all. The columns are those of the table, for what follows.
fn print(objects: &[ListedObject], arguments: &List, cluster: &Cluster) -> Result<Columns, String> {
    let is_wide = arguments.output == ListFormat::Wide;
    let columns = Columns::new(is_wide, objects.iter().map(|object| &object.resource));
    if arguments.output.is_document() {
        // Whoever watches gets one object after the other.
        if arguments.watch {
            for object in objects {
                write(&arguments.output.document(&object.object)?)?;
            }
        } else {
            let items: Vec<&Value> = objects.iter().map(|object| &object.object).collect();
            let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items});
            write(&arguments.output.document(&list)?)?;
        }
        return Ok(columns);
    }
    if objects.is_empty() {
        report(&if arguments.all_namespaces {
            "No resources found".to_owned()
        } else {
            format!("No resources found in {} namespace.", cluster.namespace)
        });
    }
    let header =
        (arguments.output != ListFormat::Name && (!objects.is_empty() || arguments.watch)).then(|| columns.header());
    let lines = objects
        .iter()
        .map(|object| arguments.output.line(&columns, &object.resource));
    write_lines(header.into_iter().chain(lines))?;
    Ok(columns)
}

impl ListFormat {
    fn is_document(self) -> bool {
        matches!(self, Self::Json | Self::Yaml)
    }

    /// A document for programs.
    fn document(self, value: &Value) -> Result<String, String> {
        if self == Self::Json {
            return to_json(value);
        }
        let text = to_yaml(value)?;
        Ok(if value["kind"] == "List" {
            text
        } else {
            format!("---\n{text}")
        })
    }

    /// A line for people.
    fn line(self, columns: &Columns, resource: &ListedResource) -> String {
        if self == Self::Name {
            let kind = resource.kind.to_lowercase();
            format!("{kind}.pullsecrets.dev/{}", resource.key.name)
        } else {
            columns.row(resource, Timestamp::now())
        }
    }
}
