//! `dps render`: the Secrets that the controller would write, without a cluster.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::exit::exit_code;
use crate::cli::manifests::Manifests;
use crate::cli::output::{report, to_json, write};
use crate::domain::index::ResourceIndex;
use crate::domain::names::{ObjectKey, Uid};
use crate::domain::problem::Problem;
use crate::domain::secret::ownership::{Claimant, authorize_write};
use crate::domain::secret::plan::plan;
use crate::domain::spec::declaration::Declaration;

#[derive(Args)]
pub(crate) struct Render {
    /// File, folder (all .yaml, .yml and .json files below it) or - for stdin, with DockerPullSecrets and the Secrets that
    /// they reference. Can be repeated.
    #[arg(short, long = "filename", required = true, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// Output format: YAML documents, or one v1 List as JSON.
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Yaml,
    Json,
}

pub(crate) fn run(arguments: &Render) -> ExitCode {
    exit_code("render", render_all(arguments))
}

fn render_all(arguments: &Render) -> Result<ExitCode, String> {
    let manifests = Manifests::read(&arguments.filename)?;
    let mut index = ResourceIndex::default();
    let resources = manifests.resources.iter().map(|(key, resource)| {
        let resource = resource.as_ref().map_err(Clone::clone)?;
        // Objects without a namespace are compared in the one that the key has for them.
        let declaration = Declaration {
            key: key.clone(),
            ..resource.into()
        };
        index.add(&declaration);
        Ok((declaration, resource.metadata.namespace.as_deref().unwrap_or_default()))
    });
    let resources: Vec<Result<_, Problem>> = resources.collect();
    let (mut secrets, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for ((key, _), resource) in manifests.resources.iter().zip(resources) {
        let place = format!("DockerPullSecret {key}");
        let rendered = resource.and_then(|(declaration, namespace)| render(declaration, namespace, &manifests, &index));
        match rendered {
            Ok(Some((secret, warnings))) => {
                secrets.push(secret);
                for warning in warnings {
                    report(&format!("warning: {place}: {warning}"));
                }
            }
            Ok(None) => report(&format!(
                "warning: {place}: spec.suspend is true, so nothing is written for it"
            )),
            Err(problem) => {
                report(&format!("{place}: {}: {}", problem.reason.as_str(), problem.message));
                code = ExitCode::FAILURE;
            }
        }
    }
    write(&to_text(&secrets, arguments.output)?)?;
    Ok(code)
}

/// Renders into `namespace`; empty: the manifest names none.
fn render(
    declaration: Declaration,
    namespace: &str,
    manifests: &Manifests,
    index: &ResourceIndex,
) -> Result<Option<(Value, Vec<String>)>, Problem> {
    if declaration.suspended {
        return Ok(None);
    }
    let (key, spec) = (&declaration.key, declaration.spec?);
    let source = manifests.source(&spec, key)?;
    let target = ObjectKey::new(&*key.namespace, &*spec.targets.secret_name);
    let existing = manifests.secret(&target)?;
    let uid = declaration.uid.as_ref().map_or("", Uid::as_str);
    // Without an owner: what is rendered is applied where nobody knows the UID of the resource yet.
    let plan = plan(namespace, None, &spec, source.as_ref())?;
    let claimant = Claimant {
        kind: declaration.kind,
        name: &key.name,
        uid,
        adopt: spec.targets.adopt,
    };
    let oldest_claimant = index.oldest_claimant(&target).unwrap_or(&key.name);
    authorize_write(claimant, &plan.desired, existing.as_ref(), oldest_claimant, |owner| {
        index.wants(owner, &target)
    })?;
    let mut warnings = spec.warnings;
    warnings.extend(index.overlap_warning(key));
    warnings.extend(plan.warnings);
    let secret = serde_json::to_value(plan.desired.secret()).unwrap_or_default();
    Ok(Some((secret, warnings)))
}

fn to_text(secrets: &[Value], output: Output) -> Result<String, String> {
    match output {
        Output::Json => to_json(&json!({"apiVersion": "v1", "kind": "List", "items": secrets})),
        Output::Yaml => secrets
            .iter()
            .map(|secret| to_yaml(secret).map(|yaml| format!("---\n{yaml}")))
            .collect(),
    }
}

/// YAML with base64 in one piece instead of a folded block.
fn to_yaml(value: &Value) -> Result<String, String> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| error.to_string())
}
