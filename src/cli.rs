//! The commands of `dps`.

mod clouds;
mod cluster;
pub(crate) mod completion;
mod connection;
mod controller;
mod crds;
mod create;
mod declared;
mod decode;
mod destination;
mod doctor;
mod duration;
mod exit;
pub(crate) mod explain;
mod import;
mod input;
mod list;
mod login;
pub(crate) mod manifests;
mod mint;
mod network;
mod output;
mod password;
mod program_name;
mod render;
mod resources;
mod runtime;
mod terminal;
mod ui;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "dps", version, about, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the operator: keep an image pull secret for every DockerPullSecret.
    Controller(controller::Controller),
    /// Print the CustomResourceDefinitions as YAML.
    Crds,
    /// Make a pull secret from a login: ask for what is missing, log in, and write the Secret with the login and the
    /// DockerPullSecret that refers to it.
    ///
    /// Nothing is written that the registry rejects, and nothing that exists is changed without --replace. Without a terminal,
    /// whatever is missing is an error.
    ///
    /// Exit code 0: written; 1: rejected or locked out, refused by the cloud that mints, or not Ready in time; 2: usage error, or the
    /// cluster refused; 3: no verdict; 130: interrupted.
    Create(Box<create::Create>),
    /// Make pull secrets from logins that are somewhere already: a docker config with its credential helpers, pull secrets of a
    /// namespace, objects of other tools.
    ///
    /// Shows what it finds and asks which to import. Each is verified before it is written. Nothing that exists is changed without
    /// --replace, and importing again changes nothing.
    ///
    /// Exit code 0: all that was chosen is imported; 1: something is not; 2: usage error, or the cluster refused any of it; 130: interrupted.
    Import(Box<import::Import>),
    /// Print the Secrets that the operator would write, without a cluster.
    ///
    /// Problems and warnings go to stderr, one line each.
    ///
    /// Exit code 0: all are rendered; 1: a resource has a problem; 2: usage error or unreadable input.
    Render(render::Render),
    /// Log in to a registry as a pull does, and print the result. Nothing is stored.
    ///
    /// Exit code 0: accepted; 1: rejected or locked out; 2: usage error; 3: no verdict; 130: interrupted.
    Verify(verify::Verify),
    /// Try to mint the credentials of spec.credentialsFrom as the operator does, with your own rights.
    ///
    /// Asks the API server for a token of the ServiceAccount, has the cloud exchange it, and says on stderr who was asked what, and
    /// what came back. Nothing is written to the cluster, and no token or password is shown. With --as, the rights of the operator's
    /// ServiceAccount count.
    ///
    /// Exit code 0: minted; 1: refused, or a resource has a problem; 2: usage error, or the cluster cannot be read; 3: no answer, or
    /// there is nothing to mint; 130: interrupted.
    Mint(Box<mint::Mint>),
    /// Show what an authorization token holds, the auth of a docker config: the user name, and what is wrong with it.
    ///
    /// The token is read from stdin or a file, and stays on this machine. The password is not printed, unless you ask for it.
    ///
    /// Exit code 0: the kubelet can use it; 1: it cannot, or it is no token; 2: usage error or unreadable input; 130: interrupted.
    Decode(decode::Decode),
    /// Explain which credentials a pod or an image uses, and why a pull fails: the cause, who can fix it, and what to do.
    ///
    /// Exit code 0: nothing fails; 1: something fails; 2: usage error or unreadable input.
    Explain(explain::Explain),
    /// List the DockerPullSecrets and ClusterDockerPullSecrets, the worst first: not ready, with failing pods, suspended, ready.
    ///
    /// A ClusterDockerPullSecret has the namespace *. LOGIN is what the registry said to the credentials, PODS how many pods
    /// fail to pull, SINCE for how long READY has been so.
    ///
    /// Exit code 0: listed; 1: with --exit-code, one is not ready or its pods fail; 2: usage error, or nothing can be read.
    List(list::List),
    /// Print a script that completes commands, flags and names of the cluster in a shell, or through kubectl.
    ///
    /// The script asks dps what comes next. Where there is no cluster, no names are offered.
    Completion(completion::Completion),
    #[command(name = completion::KUBECTL_COMMAND, hide = true, disable_help_flag = true, disable_version_flag = true)]
    CompleteForKubectl(completion::CompleteForKubectl),
    /// Check an installation: the API server, the CRDs, rights, operators, admission policies, resources, registries.
    ///
    /// Nothing is changed, no Secret is read, and no credentials are sent. What you may not look at is skipped. The rights
    /// of the operators' ServiceAccounts are checked; with --as, those of that account are, and it is who looks.
    ///
    /// Exit code 0: no check fails; 1: a check fails; 2: usage error, or no cluster to connect to.
    Doctor(doctor::Doctor),
    /// Show a page in the browser, with the rights of your kubeconfig: list, explain, create and import pull secrets.
    ///
    /// It is served to this machine only, until you press Ctrl-C or have not used it for 30 minutes.
    Ui(ui::Ui),
}

/// The definition of the command line, for its reference page.
pub fn command() -> clap::Command {
    Cli::command()
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    output::hide_panic_messages();
    completion::answer_shell(command);
    let matches = command()
        .bin_name(program_name::called_as(std::env::args_os().next()))
        .get_matches();
    let parsed = match Cli::from_arg_matches(&matches) {
        Ok(parsed) => parsed,
        Err(error) => error.exit(),
    };
    match parsed.command {
        Command::Controller(arguments) => controller::run(arguments),
        Command::Crds => crds::run(),
        Command::Create(arguments) => create::run(&arguments),
        Command::Import(arguments) => import::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Mint(arguments) => mint::run(&arguments),
        Command::Decode(arguments) => decode::run(&arguments),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::List(arguments) => list::run(&arguments),
        Command::Completion(arguments) => completion::run(&arguments),
        Command::CompleteForKubectl(asked) => completion::answer_kubectl(command(), asked),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Ui(arguments) => ui::run(arguments),
    }
}
