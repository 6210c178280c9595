//! The resources whose credentials `dps mint` tries to mint.

use k8s_openapi::api::core::v1::Secret;

use crate::cli::cluster::Cluster;
use crate::cli::declared::{declared, kind_and_name};
use crate::cli::manifests::{Manifests, WrittenResource};
use crate::cli::mint::Mint;
use crate::cli::terminal::{Stop, in_thread};
use crate::domain::problem::Problem;
use crate::domain::spec::declaration::Declaration;

/// One of them.
pub(crate) struct TrialSubject {
    /// What it is called in the output.
    pub(crate) name: String,
    /// What it declares, with its namespace.
    pub(crate) declaration: Result<Declaration, Problem>,
    /// The Secret with its key, if the input has that.
    pub(crate) key: Option<Secret>,
}

impl TrialSubject {
    /// Its registry key; empty if it is not known.
    pub(crate) fn registry(&self) -> String {
        let declaration = self.declaration.as_ref().ok();
        let registry = declaration.and_then(|declaration| declaration.registry.as_ref());
        registry.map_or_else(String::new, |registry| registry.as_str().to_owned())
    }
}

/// The resources that the arguments name.
pub(super) async fn read(arguments: &Mint, cluster: &Cluster) -> Result<Vec<TrialSubject>, Stop> {
    if let Some(name) = &arguments.name {
        let (kind, name) = kind_and_name(name)?;
        let (name, declaration, _) = declared(kind, name, cluster).await?;
        return Ok(vec![TrialSubject {
            name,
            declaration: Ok(declaration),
            key: None,
        }]);
    }
    let files = arguments.filename.clone();
    let manifests = in_thread(move || Manifests::read(&files)).await??;
    if manifests.resources.is_empty() {
        let why = "--filename contains no DockerPullSecret and no ClusterDockerPullSecret";
        return Err(Stop::Error(why.to_owned()));
    }
    let subjects = manifests.resources.iter();
    Ok(subjects
        .map(|resource| written(resource, &manifests, &cluster.namespace))
        .collect())
}

/// `namespace`: for a resource that names none.
fn written(resource: &WrittenResource, manifests: &Manifests, namespace: &str) -> TrialSubject {
    let mut key = None;
    let mut name = resource.name();
    let declaration = resource.read.clone().and_then(|(mut declaration, _)| {
        if let Ok(spec) = &declaration.spec {
            // The input has `default` where it names no namespace, as this does.
            let place = declaration.cluster.as_ref().map(|cluster| &cluster.source_namespace);
            key = manifests.source(spec, place.unwrap_or(&resource.key.namespace))?;
        }
        if declaration.cluster.is_none() && declaration.key.namespace.is_empty() {
            namespace.clone_into(&mut declaration.key.namespace);
            name = format!("{} {}", resource.kind, declaration.key);
        }
        Ok(declaration)
    });
    TrialSubject { name, declaration, key }
}
