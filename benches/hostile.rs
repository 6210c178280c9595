//! What tenants, registries, files and faults that mean harm cost others: each attack's figure beside its bound, and beside
//! what it cost before anything was done about it.
//!
//! The attacks happen in a network namespace of their own, which leads nowhere.

mod figures;
mod files;
mod isolation;
mod kills;
mod leaders;
mod neighbors;
mod servers;
mod stalls;
mod tenants;
mod tokens;
mod twins;

use std::process::ExitCode;

use figures::Table;

/// What can be measured alone.
const PARTS: [&str; 9] = [
    "tokens",
    "neighbors",
    "names",
    "hosts",
    "bodies",
    "kills",
    "leaders",
    "twins",
    "files",
];

/// Minutes for which two operators are watched.
const MINUTES: u64 = 2;

/// Measures these parts, or all of them. A number is how many minutes `twins` takes.
pub(crate) async fn measure(arguments: &[&str], is_isolated: bool) -> ExitCode {
    let minutes = arguments.iter().find_map(|argument| argument.parse().ok());
    let minutes = minutes.unwrap_or(MINUTES);
    let named: Vec<&str> = arguments
        .iter()
        .copied()
        .filter(|argument| argument.parse::<u64>().is_err())
        .collect();
    if let Some(unknown) = named.iter().find(|part| !PARTS.contains(part)) {
        panic!("{unknown:?}: use any of {}", PARTS.join(", "));
    }
    let parts = if named.is_empty() { PARTS.to_vec() } else { named };
    if !is_isolated && parts.iter().any(|part| *part != "files") {
        let problem = isolation::enter(arguments);
        eprintln!("not measured: {problem}");
        return ExitCode::FAILURE;
    }
    let _resolver = is_isolated.then(isolation::prepare);
    let mut table = Table::start();
    for part in parts {
        match part {
            "tokens" => tokens::measure(&mut table).await,
            "neighbors" => neighbors::measure(&mut table).await,
            "names" => stalls::measure(&mut table, &stalls::NAMES).await,
            "hosts" => stalls::measure(&mut table, &stalls::HOSTS).await,
            "bodies" => stalls::measure(&mut table, &stalls::BODIES).await,
            "kills" => kills::measure(&mut table).await,
            "leaders" => leaders::measure(&mut table).await,
            "twins" => twins::measure(&mut table, minutes).await,
            _ => files::measure(&mut table),
        }
    }
    table.finish()
}
