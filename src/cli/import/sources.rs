//! Where `dps import` looks for logins.

mod others;

use std::env::home_dir;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::ListParams;

use crate::cli::destination::Destination;
use crate::cli::import::sources::others::Neighborhood;
use crate::cli::import::{Import, helper};
use crate::cli::input::limited;
use crate::cli::manifests::Manifests;
use crate::cli::output::report;
use crate::cli::terminal::{Stop, in_thread};
use crate::domain::docker_config::user_document::mentioned;
use crate::form::import::{Found, PULL_SECRETS, docker_config, pull_secret};

/// Longest docker config, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// All that the arguments point to; without any, the docker config of this user.
pub(super) async fn find(arguments: &Import, destination: Option<&Destination>) -> Result<Vec<Found>, Stop> {
    let mut found = Vec::new();
    for file in &arguments.from {
        let file = file.clone();
        let (place, document) = in_thread(move || read(&file)).await??;
        found.extend(from_config(&place, &document, arguments).await?);
    }
    let reads_cluster = arguments.pull_secrets || arguments.other_operators || !arguments.from_secret.is_empty();
    if reads_cluster && destination.is_none() {
        let why = "--export does not read the cluster: omit it to import what is there";
        return Err(Stop::Error(why.to_owned()));
    }
    if !arguments.filename.is_empty() {
        let files = arguments.filename.clone();
        let mut manifests = in_thread(move || Manifests::read_bundle(&files)).await??;
        let objects = std::mem::take(&mut manifests.foreign);
        let neighborhood = Neighborhood::new(&manifests, arguments, destination);
        found.extend(neighborhood.logins(objects).await);
    }
    if let Some(destination) = destination.filter(|_| reads_cluster) {
        found.extend(from_cluster(arguments, destination).await?);
    } else if arguments.from.is_empty() && arguments.filename.is_empty() {
        let (place, document) = own()?;
        found.extend(from_config(&place, &document, arguments).await?);
    }
    Ok(found)
}

async fn from_config(place: &str, document: &[u8], arguments: &Import) -> Result<Vec<Found>, String> {
    let store = mentioned(document).ok().and_then(|mentioned| mentioned.store);
    let listed = match store {
        Some(store) => helper::list(&store).await,
        None => Vec::new(),
    };
    docker_config(place, document, &listed, arguments.allow_short_lived)
}

async fn from_cluster(arguments: &Import, destination: &Destination) -> Result<Vec<Found>, String> {
    let cluster = &destination.cluster;
    let api: Api<Secret> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
    let mut secrets = Vec::new();
    if arguments.pull_secrets {
        for kind in PULL_SECRETS {
            let params = ListParams::default().fields(&format!("type={kind}"));
            let listed = cluster.list(&api, &params).await;
            let operation = format!("listing Secrets in namespace {}", cluster.namespace);
            secrets.extend(listed.map_err(|error| cluster.failed(&operation, &error))?);
        }
    }
    for name in &arguments.from_secret {
        let secret = cluster.call(api.get(name)).await;
        let operation = format!("reading Secret {}/{name}", cluster.namespace);
        secrets.push(secret.map_err(|error| cluster.failed(&operation, &error))?);
    }
    let mut found = Vec::new();
    for secret in &secrets {
        match pull_secret(secret, arguments.allow_short_lived) {
            Ok(logins) => found.extend(logins),
            Err(problem) => report(&format!("warning: {problem}")),
        }
    }
    if arguments.other_operators {
        let manifests = Manifests::default();
        let neighborhood = Neighborhood::new(&manifests, arguments, Some(destination));
        let objects = others::of_cluster(destination).await?;
        found.extend(neighborhood.logins(objects).await);
    }
    Ok(found)
}

fn read(file: &Path) -> Result<(String, Vec<u8>), String> {
    let (place, source): (String, Box<dyn std::io::Read>) = if file == Path::new("-") {
        ("stdin".to_owned(), Box::new(std::io::stdin()))
    } else {
        let place = file.display().to_string();
        let opened = std::fs::File::open(file).map_err(|error| format!("{place}: {error}"))?;
        (place, Box::new(opened))
    };
    let document = limited(&place, source, LONGEST, "larger than 1 MiB, so it is no docker config")?;
    Ok((place, document))
}

/// The docker config of this user: where docker and podman look, the first that is there.
fn own() -> Result<(String, Vec<u8>), String> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let folder = |name: &str| variable(name).map(PathBuf::from);
    let below = |folder: Option<PathBuf>, names: &[&str]| {
        let names = names.iter();
        folder.map(|folder| names.fold(folder, |path, name| path.join(name)))
    };
    let files = [
        below(folder("DOCKER_CONFIG"), &["config.json"]),
        folder("REGISTRY_AUTH_FILE"),
        below(folder("XDG_RUNTIME_DIR"), &["containers", "auth.json"]),
        below(home_dir(), &[".config", "containers", "auth.json"]),
        below(home_dir(), &[".docker", "config.json"]),
    ];
    if let Some(document) = variable("DOCKER_AUTH_CONFIG") {
        let document = document
            .into_string()
            .map_err(|_| "DOCKER_AUTH_CONFIG is not UTF-8 text")?;
        return Ok(("DOCKER_AUTH_CONFIG".to_owned(), document.into_bytes()));
    }
    match files.into_iter().flatten().find(|file| file.exists()) {
        Some(file) => read(&file),
        None => Err(
            "there is no docker config of yours: name one with --from, or pull secrets with --pull-secrets".to_owned(),
        ),
    }
}
