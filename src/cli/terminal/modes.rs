//! The modes of the terminal, such as whether it shows what is typed. A Windows console returns to its own by itself.

/// Modes to return to.
pub(super) struct Modes {
    #[cfg(unix)]
    attributes: rustix::termios::Termios,
}

impl Modes {
    /// Those of the terminal now; `None` without one.
    pub(super) fn now() -> Option<Self> {
        Some(Self {
            #[cfg(unix)]
            attributes: rustix::termios::tcgetattr(terminal()?).ok()?,
        })
    }

    /// Gives them back to the terminal.
    pub(super) fn restore(&self) {
        #[cfg(unix)]
        if let Some(terminal) = terminal() {
            // There is nothing else to try, and nobody to tell: the process ends.
            let _ = rustix::termios::tcsetattr(terminal, rustix::termios::OptionalActions::Now, &self.attributes);
        }
    }
}

/// The terminal that a hidden question is asked on, whatever stdin and stderr are.
#[cfg(unix)]
fn terminal() -> Option<std::fs::File> {
    std::fs::File::open("/dev/tty").ok()
}
