//! `dps render`: the Secrets that the controller would write, without a cluster.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::api::DockerPullSecret;
use crate::cli::manifests::Manifests;
use crate::cli::{Output, USAGE};
use crate::domain::index::ResourceIndex;
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::secret::ownership::{Claimant, authorize_write};
use crate::domain::secret::plan::plan;
use crate::domain::spec::validate::{CredentialSource, validate};

pub(crate) fn run(inputs: &[PathBuf], output: Output) -> ExitCode {
    let manifests = match Manifests::read(inputs) {
        Ok(manifests) => manifests,
        Err(what) => {
            eprintln!("dps render: {what}");
            return ExitCode::from(USAGE);
        }
    };
    let mut claims = ResourceIndex::default();
    for (_, resource) in &manifests.resources {
        if let Ok(resource) = resource {
            claims.insert(&placed(resource));
        }
    }
    let (mut secrets, mut code) = (Vec::new(), ExitCode::SUCCESS);
    for (key, resource) in &manifests.resources {
        let place = format!("DockerPullSecret {key}");
        match resource
            .as_ref()
            .map_err(Clone::clone)
            .and_then(|resource| render(key, resource, &manifests, &claims))
        {
            Ok(Some((secret, warnings))) => {
                secrets.push(secret);
                for warning in warnings {
                    eprintln!("warning: {place}: {warning}");
                }
            }
            Ok(None) => eprintln!("warning: {place}: spec.suspend is true, so nothing is written for it"),
            Err(problem) => {
                eprintln!("{place}: {}: {}", problem.reason.as_str(), problem.message);
                code = ExitCode::FAILURE;
            }
        }
    }
    match print(&secrets, output) {
        Ok(()) => code,
        Err(error) => {
            eprintln!("dps render: {error}");
            ExitCode::from(USAGE)
        }
    }
}

/// The resource with the namespace under which objects without one are compared.
fn placed(resource: &DockerPullSecret) -> DockerPullSecret {
    let mut resource = resource.clone();
    resource.metadata.namespace.get_or_insert_with(|| "default".to_owned());
    resource
}

fn render(
    key: &ObjectKey,
    resource: &DockerPullSecret,
    manifests: &Manifests,
    claims: &ResourceIndex,
) -> Result<Option<(Value, Vec<String>)>, Problem> {
    if resource.spec.suspend {
        return Ok(None);
    }
    let spec = validate(resource)?;
    let CredentialSource::Secret(reference) = &spec.source;
    let source = manifests.secret(&ObjectKey::new(&*key.namespace, &*reference.name))?;
    let target = ObjectKey::new(&*key.namespace, &*spec.targets.secret_name);
    let existing = manifests.secret(&target)?;
    let uid = resource.metadata.uid.clone().unwrap_or_default();
    // Without an owner: what is rendered is applied where nobody knows the UID of the resource yet.
    let namespace = resource.metadata.namespace.as_deref().unwrap_or_default();
    let plan = plan(namespace, None, &spec, source.as_ref())?;
    let asking = Claimant {
        name: &key.name,
        uid: &uid,
        adopt: spec.targets.adopt,
    };
    let oldest_claimant = claims.oldest_claimant(&target).unwrap_or(&key.name);
    authorize_write(asking, &plan.desired, existing.as_ref(), oldest_claimant, |owner| {
        claims.wants(owner, &target)
    })?;
    let mut warnings = spec.warnings;
    warnings.extend(claims.overlap_warning(key));
    warnings.extend(plan.warnings);
    let secret = serde_json::to_value(plan.desired.secret()).unwrap_or_default();
    Ok(Some((secret, warnings)))
}

fn print(secrets: &[Value], output: Output) -> Result<(), String> {
    let text = match output {
        Output::Json => {
            let list = json!({"apiVersion": "v1", "kind": "List", "items": secrets});
            serde_json::to_string_pretty(&list).map_err(|error| error.to_string())? + "\n"
        }
        Output::Yaml => {
            let documents = secrets
                .iter()
                .map(|secret| to_yaml(secret).map(|yaml| format!("---\n{yaml}")));
            documents.collect::<Result<String, _>>()?
        }
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(|error| error.to_string())
}

/// YAML with base64 in one piece instead of a folded block.
fn to_yaml(value: &Value) -> Result<String, String> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    serde_saphyr::to_string_with_options(value, options).map_err(|error| error.to_string())
}
