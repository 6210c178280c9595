//! The `dps` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    dps::cli::main()
}
