//! `dps crds`.

use std::process::ExitCode;

use crate::api::crd;
use crate::cli::exit::exit_code;
use crate::cli::output::write;

pub(crate) fn run() -> ExitCode {
    let yaml = serde_saphyr::to_string(&crd()).map_err(|error| error.to_string());
    exit_code("crds", yaml.and_then(|yaml| write(&yaml)).map(|()| ExitCode::SUCCESS))
}
