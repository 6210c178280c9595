//! The Secrets of a ClusterDockerPullSecret: one in each namespace of the input that it selects.

use std::sync::Arc;

use crate::cli::manifests::Manifests;
use crate::cli::render::{Rendered, claimant, minted};
use crate::domain::credential_source::{Resolved, resolve};
use crate::domain::distribution::standing::Standing;
use crate::domain::index::ResourceIndex;
use crate::domain::minting::settings::MintSettings;
use crate::domain::names::ObjectKey;
use crate::domain::problem::Problem;
use crate::domain::secret::desired::Desired;
use crate::domain::secret::ownership::authorize_write;
use crate::domain::spec::declaration::Declaration;
use crate::domain::spec::validate::{CredentialSource, ValidatedSpec};

/// The error is about all namespaces.
pub(super) fn render(
    declaration: &Declaration,
    (manifests, index): (&Manifests, &ResourceIndex),
    settings: &MintSettings,
    rendered: &mut Rendered,
) -> Result<(), Problem> {
    let spec = declaration.spec.clone()?;
    let namespace = declaration.source_namespace();
    rendered.warnings.extend(spec.warnings.iter().cloned());
    let resolved = if let CredentialSource::Minted(source) = &spec.source {
        let warnings = minted::check(&spec, source, namespace, manifests, settings)?;
        rendered.warnings.extend(warnings);
        None
    } else {
        let resolved = resolve(&spec, manifests.source(&spec, namespace)?.as_ref())?;
        rendered.warnings.extend(resolved.warnings.iter().cloned());
        Some(resolved)
    };
    let mut is_selected = false;
    for (namespace, _) in index.distributions.namespaces.iter() {
        let (standing, _) = index.standing(&declaration.key.name, namespace);
        is_selected |= standing != Standing::NotSelected;
        let copy = match standing {
            Standing::NotSelected | Standing::Overridden(_) => continue,
            Standing::Failing(problem) => Err(problem),
            Standing::Ready | Standing::Pending => {
                copy(declaration, &spec, resolved.as_ref(), namespace, (manifests, index))
            }
        };
        match copy {
            Ok(_) if resolved.is_none() => {}
            Ok(copy) => rendered.add(&copy),
            Err(problem) => rendered.problems.push((format!(", namespace {namespace}"), problem)),
        }
    }
    if !is_selected {
        let warning = match manifests.namespaces.len() {
            0 => "the input has no Namespaces, so nothing is written for it; add those that it may select, as kubectl get namespaces -o yaml prints them".to_owned(),
            1 => "it does not select the only Namespace of the input, so nothing is written for it".to_owned(),
            count => format!("it selects none of the {count} Namespaces of the input, so nothing is written for it"),
        };
        rendered.warnings.push(warning);
    }
    Ok(())
}

fn copy(
    declaration: &Declaration,
    spec: &ValidatedSpec,
    resolved: Option<&Resolved>,
    namespace: &Arc<str>,
    (manifests, index): (&Manifests, &ResourceIndex),
) -> Result<Desired, Problem> {
    let desired = match resolved {
        Some(resolved) => Desired::new(namespace, None, spec, resolved),
        None => minted::expected(spec, namespace),
    };
    let target = ObjectKey::new(&**namespace, &*spec.targets.secret_name);
    let existing = manifests.secret(&target)?;
    let claimant = claimant(declaration, spec);
    authorize_write(claimant, &desired, existing.as_ref(), claimant.name, |owner| {
        index.wants(owner, &target)
    })?;
    Ok(desired)
}
