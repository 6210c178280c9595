//! `dps render`: the Secrets that the controller would write, without a cluster.

mod copies;
mod minted;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use crate::cli::clouds::CloudArguments;
use crate::cli::exit::exit_code;
use crate::cli::manifests::{Manifests, WrittenResource};
use crate::cli::output::{report, to_json, to_yaml, write};
use crate::domain::index::ResourceIndex;
use crate::domain::minting::settings::MintSettings;
use crate::domain::names::{ObjectKey, Uid};
use crate::domain::problem::Problem;
use crate::domain::secret::desired::Desired;
use crate::domain::secret::ownership::{Claimant, authorize_write};
use crate::domain::secret::plan::plan;
use crate::domain::spec::declaration::Declaration;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};

#[derive(Args)]
pub(crate) struct Render {
    /// File, folder (all .yaml, .yml and .json files below it) or - for stdin, with DockerPullSecrets, ClusterDockerPullSecrets,
    /// the Secrets that they reference, and the Namespaces to select from. Can be repeated.
    #[arg(short, long = "filename", required = true, value_name = "FILE|DIR|-")]
    filename: Vec<PathBuf>,
    /// Output format: YAML documents, or one v1 List as JSON.
    #[arg(short, long, value_enum, default_value = "yaml")]
    output: Output,
    #[command(flatten)]
    clouds: CloudArguments,
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
    let index = index(&manifests);
    let settings = arguments.clouds.settings();
    let (mut secrets, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for resource in &manifests.resources {
        let rendered = render(resource, &manifests, &index, &settings);
        secrets.extend(rendered.secrets);
        for warning in rendered.warnings {
            report(&format!("warning: {}: {warning}", resource.name()));
        }
        for (place, Problem { reason, message }) in rendered.problems {
            report(&format!("{}{place}: {}: {message}", resource.name(), reason.as_str()));
            code = ExitCode::FAILURE;
        }
    }
    write(&to_text(&secrets, arguments.output)?)?;
    Ok(code)
}

/// What came of one resource.
#[derive(Default)]
struct Rendered {
    secrets: Vec<Value>,
    warnings: Vec<String>,
    /// Each with where it is, if that is not the whole resource.
    problems: Vec<(String, Problem)>,
}

/// What the resources of the input want, and which namespaces there are.
fn index(manifests: &Manifests) -> ResourceIndex {
    let mut index = ResourceIndex::default();
    for meta in manifests.namespaces.values() {
        index.distributions.namespaces.observe(meta);
    }
    for resource in &manifests.resources {
        let Ok(declaration) = resource.placed() else {
            continue;
        };
        if declaration.cluster.is_some() {
            index.distributions.insert(&declaration);
        } else {
            index.add(&declaration);
        }
    }
    index
}

fn render(
    resource: &WrittenResource,
    manifests: &Manifests,
    index: &ResourceIndex,
    settings: &MintSettings,
) -> Rendered {
    let mut rendered = Rendered::default();
    let outcome = match &resource.read {
        Err(problem) => Err(problem.clone()),
        Ok((declaration, _)) if declaration.suspended => {
            let warning = "spec.suspend is true, so nothing is written for it";
            rendered.warnings.push(warning.to_owned());
            Ok(())
        }
        Ok((declaration, _)) if declaration.cluster.is_some() => {
            copies::render(declaration, (manifests, index), settings, &mut rendered)
        }
        Ok((declaration, _)) => {
            let input = (manifests, index);
            render_one(declaration, &resource.key, input, settings, &mut rendered)
        }
    };
    rendered
        .problems
        .extend(outcome.err().map(|problem| (String::new(), problem)));
    rendered
}

/// `key`: with `default` for the namespace that the manifest does not name.
fn render_one(
    declaration: &Declaration,
    key: &ObjectKey,
    (manifests, index): (&Manifests, &ResourceIndex),
    settings: &MintSettings,
    rendered: &mut Rendered,
) -> Result<(), Problem> {
    let spec = declaration.spec.clone()?;
    let namespace = &declaration.key.namespace;
    let target = ObjectKey::new(&*key.namespace, &*spec.targets.secret_name);
    let existing = manifests.secret(&target)?;
    let oldest_claimant = index.oldest_claimant(&target).unwrap_or(&key.name);
    let claimant = claimant(declaration, &spec);
    let authorize = |desired: &Desired| {
        authorize_write(claimant, desired, existing.as_ref(), oldest_claimant, |owner| {
            index.wants(owner, &target)
        })
    };
    let (desired, warnings) = if let CredentialSource::Minted(source) = &spec.source {
        let warnings = minted::check(&spec, source, &key.namespace, manifests, settings)?;
        authorize(&minted::expected(&spec, namespace))?;
        (None, warnings)
    } else {
        let source = manifests.source(&spec, &key.namespace)?;
        // Without an owner: what is rendered is applied where nobody knows the UID of the resource yet.
        let plan = plan(namespace, None, &spec, source.as_ref())?;
        authorize(&plan.desired)?;
        (Some(plan.desired), plan.warnings)
    };
    rendered.warnings.extend(spec.warnings);
    rendered.warnings.extend(index.overlap_warning(key));
    rendered.warnings.extend(warnings);
    if let Some(desired) = desired {
        rendered.add(&desired);
    }
    Ok(())
}

fn claimant<'a>(declaration: &'a Declaration, spec: &ValidatedSpec) -> Claimant<'a> {
    Claimant {
        kind: declaration.kind,
        name: &declaration.key.name,
        uid: declaration.uid.as_ref().map_or("", Uid::as_str),
        adopt: spec.targets.adopt,
    }
}

impl Rendered {
    fn add(&mut self, desired: &Desired) {
        self.secrets
            .push(serde_json::to_value(desired.secret()).unwrap_or_default());
    }
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
