//! Questions to a person. They and their answers go through the terminal, never through stdout.

mod modes;

use std::cell::RefCell;
use std::future::Future;
use std::io::{ErrorKind, IsTerminal as _, stdin};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::cli::exit::INTERRUPTED;
use crate::cli::output::{self, report};
use crate::cli::terminal::modes::Modes;
use crate::domain::text::invisible::printable;

/// Time for a hidden question to notice Ctrl-C and to give the terminal back.
const RESTORE: Duration = Duration::from_millis(500);

/// Somebody to ask.
pub(crate) struct Terminal {
    /// While nothing that is typed is shown: the modes before.
    before: RefCell<Option<Modes>>,
}

/// Why a command ends without a result.
pub(crate) enum Stop {
    /// What is wrong.
    Error(String),
    /// Ctrl-C, or the end of the input.
    Interrupted,
    /// All is said: the exit code.
    Done(ExitCode),
}

impl From<String> for Stop {
    fn from(error: String) -> Self {
        Self::Error(error)
    }
}

impl Terminal {
    /// `None`: nobody answers.
    pub(crate) fn open() -> Option<Self> {
        Self::open_for_hidden().filter(|_| output::reports_to_terminal())
    }

    /// For hidden questions alone: these go to the terminal even if stderr does not.
    pub(crate) fn open_for_hidden() -> Option<Self> {
        let before = RefCell::new(None);
        stdin().is_terminal().then_some(Self { before })
    }

    /// Asks until the answer is valid. `check` completes a sentence that begins with `what`.
    pub(crate) async fn ask<T>(
        &self,
        question: &str,
        what: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        loop {
            output::prompt(question)?;
            let answer = in_thread(|| {
                let mut line = String::new();
                match stdin().read_line(&mut line) {
                    Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
                    other => other.map(|_| line),
                }
            });
            if let Some(answer) = valid(check(typed(answer.await?)?.trim()), what) {
                return Ok(answer);
            }
        }
    }

    /// Asks for something that must not be seen, until it is valid.
    pub(crate) async fn ask_hidden<T>(
        &self,
        question: &str,
        what: &str,
        check: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        loop {
            if let Some(answer) = valid(check(&self.read_hidden(question).await?), what) {
                return Ok(answer);
            }
        }
    }

    /// Asks once for something that must not be seen.
    pub(crate) async fn read_hidden(&self, question: &str) -> Result<String, Stop> {
        let question = printable(question);
        self.before.replace(Modes::now());
        let answer = in_thread(move || rpassword::prompt_password(question)).await;
        self.before.take();
        typed(answer?)
    }

    /// Asks whether to go on. Only a yes is a yes.
    pub(crate) async fn confirm(&self, question: &str) -> Result<bool, Stop> {
        let yes = |answer: &str| Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"));
        self.ask(&format!("{question} [y/N] "), "", yes).await
    }
}

/// How much is being written that must not be left half done.
static WRITING: AtomicUsize = AtomicUsize::new(0);

/// While it lives, Ctrl-C waits.
pub(crate) struct Uninterrupted(());

impl Uninterrupted {
    pub(crate) fn begin() -> Self {
        WRITING.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Uninterrupted {
    fn drop(&mut self) {
        WRITING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends when nothing is written any more.
pub(crate) async fn written() {
    while WRITING.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Runs a command that may ask. Ctrl-C ends it at once, whatever it is waiting for.
pub(crate) async fn interruptible(
    terminal: Option<&Terminal>,
    command: impl Future<Output = Result<ExitCode, Stop>>,
) -> Result<ExitCode, String> {
    let mut command = pin!(command);
    let result = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {
            if terminal.is_some_and(|terminal| terminal.before.borrow().is_some()) {
                // It ends by itself, once the terminal shows again what is typed: if it has seen Ctrl-C, not only the signal.
                let _ = tokio::time::timeout(RESTORE, &mut command).await;
            }
            if let Some(modes) = terminal.and_then(|terminal| terminal.before.take()) {
                modes.restore();
            }
            tokio::select! {
                biased;
                () = written() => {}
                _ = &mut command => {}
            }
            Err(Stop::Interrupted)
        }
        result = &mut command => result,
    };
    match result {
        Ok(code) | Err(Stop::Done(code)) => Ok(code),
        Err(Stop::Interrupted) => {
            report("");
            Ok(ExitCode::from(INTERRUPTED))
        }
        Err(Stop::Error(error)) => Err(error),
    }
}

/// Runs what waits for a person or a pipe in a thread that nobody waits for at the end, so that Ctrl-C does.
pub(crate) async fn in_thread<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, Stop> {
    let (sender, receiver) = oneshot::channel();
    std::thread::spawn(move || {
        // Nobody may be interested any more.
        let _ = sender.send(read());
    });
    receiver.await.map_err(|_| Stop::Interrupted)
}

/// A valid answer; says what is wrong with any other.
fn valid<T>(checked: Result<T, String>, what: &str) -> Option<T> {
    checked.map_err(|problem| report(&format!("  {what} {problem}."))).ok()
}

/// What somebody has typed.
fn typed(read: std::io::Result<String>) -> Result<String, Stop> {
    read.map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof | ErrorKind::Interrupted => Stop::Interrupted,
        _ => Stop::Error(format!("cannot read from the terminal: {error}")),
    })
}
