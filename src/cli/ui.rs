//! `dps ui`: the page.

mod browser;
mod handlers;
mod kept;
mod live;
mod server;
mod session;
mod state;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::cli::completion::names;
use crate::cli::connection::ConnectionArguments;
use crate::cli::exit::exit_code;
use crate::cli::network::NetworkArguments;
use crate::cli::runtime::block_on;

#[derive(Args)]
pub(crate) struct Ui {
    /// Namespace that the forms suggest, and that is listed for a user who may not list all; default: that of the context.
    #[arg(short, long, add = names::namespaces())]
    namespace: Option<String>,
    /// Only print the address. It works once, and only on this machine.
    #[arg(long)]
    no_browser: bool,
    /// PEM certificates to trust in addition to the system's, when logging in from here.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    targets: NetworkArguments,
    #[command(flatten)]
    connection: ConnectionArguments,
}

pub(crate) fn run(arguments: Ui) -> ExitCode {
    exit_code("ui", block_on(server::serve(arguments)))
}
