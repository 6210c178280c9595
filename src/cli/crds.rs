//! `dps crds`.

use std::process::ExitCode;

use crate::api::{cluster_crd, crd};
use crate::cli::exit::exit_code;
use crate::cli::output::write;

pub(crate) fn run() -> ExitCode {
    let documents = [crd(), cluster_crd()].map(|crd| serde_saphyr::to_string(&crd).map_err(|error| error.to_string()));
    let yaml: Result<Vec<String>, String> = documents.into_iter().collect();
    let written = yaml.and_then(|documents| write(&documents.join("---\n")));
    exit_code("crds", written.map(|()| ExitCode::SUCCESS))
}
