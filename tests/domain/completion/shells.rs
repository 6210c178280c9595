//! The scripts in the real shells. PowerShell is in no package of Debian: its script is only printed
//! (`scripts_of_the_shells_are_answered`).

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rexpect::error::Error;
use rexpect::session::{PtySession, spawn_command};

use super::{cluster, of};
use crate::support::operator::binary;
use crate::support::{DEADLINE, has_program, run};

/// What is typed, and what can come next.
const OFFERED: [(&str, &[&str]); 5] = [
    ("dps expl", &["explain"]),
    ("dps list -n ", &["team-a", "team-b"]),
    ("dps list --namespace=", &["--namespace=team-a", "--namespace=team-b"]),
    ("dps verify -n team-a clus", &["clusterdockerpullsecret/shared"]),
    ("dps list -o ", &["table", "wide", "name", "json", "yaml"]),
];

/// Milliseconds for an answer. It may be without names where the machine is busy; then the key is pressed again.
const PATIENCE: u64 = 5_000;

#[test]
fn zsh_completes() {
    if !has_program("zsh") {
        return;
    }
    let (server, home) = (cluster(), tempfile::tempdir().unwrap());
    let mut zsh = start_zsh(home.path(), &server.address);
    for (line, offered) in OFFERED {
        let begun = Instant::now();
        while !shows(&mut zsh, line, offered) {
            assert!(begun.elapsed() < DEADLINE, "{line}");
        }
    }
    zsh.send_line("exit").unwrap();
    zsh.exp_eof().unwrap();
}

fn start_zsh(home: &Path, server: &str) -> PtySession {
    std::fs::write(home.join("config"), of(server)).unwrap();
    let setup = format!(
        "PS1='> '\nautoload -U compinit\ncompinit -D -u\nsource <({} completion zsh)\n",
        binary().display()
    );
    std::fs::write(home.join(".zshrc"), setup).unwrap();
    let mut zsh = Command::new("zsh");
    zsh.args(["--no-globalrcs", "-i"]);
    zsh.env("ZDOTDIR", home)
        .env("HOME", home)
        .env("KUBECONFIG", home.join("config"))
        .env("TERM", "dumb");
    let mut zsh = spawn_command(zsh, Some(PATIENCE)).unwrap();
    zsh.exp_string("> ").unwrap();
    zsh
}

/// Whether zsh puts the only candidate behind what is typed, or shows all that there are.
fn shows(zsh: &mut PtySession, line: &str, offered: &[&str]) -> bool {
    zsh.send(line).unwrap();
    zsh.flush().unwrap();
    zsh.exp_string(line).unwrap();
    let begun = line.rsplit(' ').next().unwrap();
    let (keys, shown) = match offered {
        [only] => ("\t", vec![only.strip_prefix(begun).unwrap()]),
        // What is common comes first.
        several => ("\t\t", several.to_vec()),
    };
    zsh.send(keys).unwrap();
    zsh.flush().unwrap();
    let is_shown = shown.into_iter().all(|word| match zsh.exp_string(word) {
        Ok(_) => true,
        Err(Error::Timeout { .. }) => false,
        Err(error) => panic!("{error}"),
    });
    // Nothing of it is run.
    zsh.send_control('u').unwrap();
    zsh.send_line("print done${:-}").unwrap();
    zsh.exp_string("\ndone").unwrap();
    zsh.exp_string("> ").unwrap();
    is_shown
}

#[test]
fn fish_completes() {
    if !has_program("fish") {
        return;
    }
    let (server, home) = (cluster(), tempfile::tempdir().unwrap());
    let config = home.path().join("config");
    std::fs::write(&config, of(&server.address)).unwrap();
    let complete = |line: &str| {
        // What is offered where the key is pressed behind these words.
        let script = format!(
            "{} completion fish | source; complete --do-complete '{line}'",
            binary().display()
        );
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "--command", &script]);
        run(fish.env("HOME", home.path()).env("KUBECONFIG", &config))
    };
    for (line, offered) in OFFERED {
        let begun = Instant::now();
        loop {
            let shown = complete(line);
            // Each with its description behind a tab.
            let words: Vec<&str> = shown.lines().map(|line| line.split('\t').next().unwrap()).collect();
            if words == offered {
                break;
            }
            assert!(begun.elapsed() < DEADLINE, "{line}: {shown}");
        }
    }
}
