//! `docs/cli.md`, from the definition of the command line.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::{flag_names, subcommands};

const INTRODUCTION: &str = "# Command line reference

Every command and flag of `dps`, as `dps COMMAND --help` shows them. How to use them from a terminal, with another context, with completion, and as a kubectl plugin: [command-line.md](command-line.md).
More about single commands: [explain.md](explain.md), [verification.md](verification.md#dps-verify), [credentials.md](credentials.md#dps-render), [troubleshooting.md](troubleshooting.md#dps-doctor).
";

/// The page.
pub(super) fn render(command: &Command) -> String {
    let mut command = command.clone();
    command.build();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n| command | |\n|---|---|\n");
    for sub in subcommands(&command) {
        let name = sub.get_name();
        let _ = writeln!(page, "| [`dps {name}`](#dps-{name}) | {} |", cell(&about(sub, false)));
    }
    for sub in subcommands(&command) {
        section(&mut page, sub);
    }
    page
}

fn section(page: &mut String, command: &Command) {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    let _ = write!(
        page,
        "\n## dps {}\n\n{}\n\n```text\n{usage}\n```\n",
        command.get_name(),
        about(command, true)
    );
    let arguments: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && !matches!(argument.get_id().as_str(), "help" | "version"))
        .collect();
    if arguments.is_empty() {
        return;
    }
    page.push_str("\n| argument | value | default | environment | |\n|---|---|---|---|---|\n");
    for argument in arguments {
        let (name, value) = if argument.is_positional() {
            (values(argument), String::new())
        } else {
            (flag_names(argument), values(argument))
        };
        let environment = argument.get_env().map(|name| format!("`{}`", name.to_string_lossy()));
        let _ = writeln!(
            page,
            "| {name} | {value} | {} | {} | {} |",
            defaults(argument),
            environment.unwrap_or_default(),
            help(argument),
        );
    }
}

fn about(command: &Command, long: bool) -> String {
    let text = command.get_long_about().filter(|_| long).or(command.get_about());
    text.map(ToString::to_string).unwrap_or_default()
}

fn takes_value(argument: &Arg) -> bool {
    argument.get_action().takes_values()
}

/// The choices, or the name of the value.
fn values(argument: &Arg) -> String {
    if !takes_value(argument) {
        return String::new();
    }
    let choices: Vec<String> = argument
        .get_possible_values()
        .iter()
        .map(|choice| format!("`{}`", choice.get_name()))
        .collect();
    if !choices.is_empty() {
        return choices.join(", ");
    }
    let names = argument.get_value_names().unwrap_or_default();
    let names: Vec<String> = names.iter().map(|name| format!("`{}`", cell(name))).collect();
    names.join(" ")
}

fn defaults(argument: &Arg) -> String {
    if !takes_value(argument) {
        return String::new();
    }
    let defaults = argument.get_default_values().iter();
    let defaults: Vec<String> = defaults.map(|value| format!("`{}`", value.to_string_lossy())).collect();
    defaults.join(", ")
}

fn help(argument: &Arg) -> String {
    let text = argument.get_long_help().or(argument.get_help());
    let text = cell(&text.map(ToString::to_string).unwrap_or_default());
    if argument.is_required_set() {
        format!("Required. {text}")
    } else {
        text
    }
}

/// Text in one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
}
