//! `dps` in a real terminal, with somebody who types.

use std::path::PathBuf;
use std::process::Command;

use rexpect::session::{PtySession, spawn_command};
use tempfile::TempDir;

use super::canary::CANARY;
use super::operator::binary;

/// Longest time for an answer of `dps`, in milliseconds.
const PATIENCE: u64 = 60_000;

/// What `dps create` asks if nothing is given, and answers. The registry does not exist.
const QUESTIONS: [(&str, &str); 7] = [
    ("Name: ", "company"),
    ("Type (1 = Docker Hub, 2 = private registry): ", "2"),
    ("Registry URL", "registry.invalid"),
    ("User name: ", "robot"),
    ("Password or access token: ", CANARY),
    ("Email (optional): ", ""),
    ("Write it anyway? [y/N] ", ""),
];

/// Presses Ctrl-C at each question of this `dps create`. Nothing comes out.
pub fn interrupt_at_each_question(arguments: &str) {
    for stop in 0..QUESTIONS.len() {
        let mut typed = Typed::start(arguments);
        for (question, answer) in &QUESTIONS[..stop] {
            typed.answer(question, answer);
        }
        typed.session.exp_string(QUESTIONS[stop].0).unwrap();
        typed.session.send_control('c').unwrap();
        let (_, out) = typed.end(130);
        assert!(out.is_empty(), "{out}");
    }
}

/// `dps` in a terminal, with stdout in a file.
pub struct Typed {
    pub session: PtySession,
    folder: TempDir,
    shows: bool,
}

impl Typed {
    /// The terminal shows nothing of what is typed, whatever `dps` does about it.
    pub fn start(arguments: &str) -> Self {
        Self::run(arguments, false)
    }

    /// The terminal shows what is typed, as those of people do.
    pub fn start_shown(arguments: &str) -> Self {
        Self::run(arguments, true)
    }

    fn run(arguments: &str, shows: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let mut shell = Command::new("sh");
        // What Ctrl-C does to the shell is not the question.
        let line = format!(
            "trap : INT; stty {}echo; sh -c 'echo $$ >{path}/pid; exec {} {arguments} >{path}/out'; echo ended=$?; stty -a",
            if shows { "" } else { "-" },
            binary().display(),
        );
        shell.args(["-c", &line]);
        let session = spawn_command(shell, Some(PATIENCE)).unwrap();
        Self { session, folder, shows }
    }

    pub fn answer(&mut self, question: &str, answer: &str) {
        self.session.exp_string(question).unwrap();
        self.session.send_line(answer).unwrap();
    }

    /// The process of `dps`.
    pub fn pid(&self) -> String {
        self.read("pid").trim().to_owned()
    }

    /// The exit code, all that was on the screen since the last answer, and what came out. The terminal is as it was.
    pub fn end(mut self, code: i32) -> (String, String) {
        let screen = self.session.exp_string(&format!("ended={code}")).unwrap();
        let modes = self.session.exp_eof().unwrap();
        let echo = if self.shows { " echo " } else { " -echo " };
        for mode in [" icanon ", echo, "isig "] {
            assert!(modes.contains(mode) && !modes.contains("-isig "), "{mode}: {modes}");
        }
        (screen, self.read("out"))
    }

    fn read(&self, file: &str) -> String {
        let file: PathBuf = self.folder.path().join(file);
        std::fs::read_to_string(file).unwrap()
    }
}
