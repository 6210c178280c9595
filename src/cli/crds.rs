//! `dps crds`.

use std::io::Write as _;
use std::process::ExitCode;

use crate::api::crd;

pub(crate) fn print() -> ExitCode {
    let written = serde_saphyr::to_string(&crd())
        .map_err(|error| error.to_string())
        .and_then(|yaml| {
            std::io::stdout()
                .write_all(yaml.as_bytes())
                .map_err(|error| error.to_string())
        });
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dps crds: {error}");
            ExitCode::FAILURE
        }
    }
}
