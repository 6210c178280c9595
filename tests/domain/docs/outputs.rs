//! What `dps` prints in the documents is what it prints.

use std::process::Command;

use super::markdown::Block;
use super::{documents, read, root};

/// A document with the output behind each `$ dps … docs/examples/…` that opens a console block.
fn with_outputs(document: &str) -> String {
    let mut text = String::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        if line != "```console" {
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match block.first() {
            Some(command) if command.starts_with("$ dps ") && command.contains("docs/examples/") => {
                text.push_str(command);
                text.push('\n');
                text.push_str(&output(command));
            }
            _ => block.iter().for_each(|line| {
                text.push_str(line);
                text.push('\n');
            }),
        }
        text.push_str("```\n");
    }
    text
}

/// What a command prints, whatever its exit code says.
fn output(command: &str) -> String {
    let block = Block {
        language: "console".to_owned(),
        text: command.to_owned(),
    };
    let words = block.commands().remove(0);
    let output = Command::new(env!("CARGO_BIN_EXE_dps"))
        .args(&words[1..])
        .current_dir(root())
        .env_remove("KUBECONFIG")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        !text.is_empty(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    text.trim_end().to_owned() + "\n"
}

#[test]
fn generated_outputs_of_dps_are_current() {
    let mut seen = 0;
    for path in documents() {
        let document = read(&path);
        let current = with_outputs(&document);
        seen += usize::from(document.contains("$ dps explain -f docs/examples/"));
        if std::env::var_os("UPDATE_DOCS").is_some() && current != document {
            std::fs::write(root().join(&path), current).unwrap();
        } else {
            assert!(
                current == document,
                "{} is out of date: run `make generate`",
                path.display()
            );
        }
    }
    assert!(seen >= 2, "where are the outputs?");
}
