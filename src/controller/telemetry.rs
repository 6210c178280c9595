//! Logs.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::domain::text::invisible::printable;

/// Shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts logging to stderr. The filter is `RUST_LOG`, default `info`.
pub fn init(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    // At WARN kube prints response bodies that it cannot read, and at TRACE hyper prints buffers: Secrets pass there.
    let quiet = [
        "kube_client::client=error",
        "hyper=error",
        "hyper_util=error",
        // Anybody can make a DNS server send nonsense.
        "hickory_net=error",
        "hickory_resolver=error",
        "rustls=error",
        "h2=error",
        // At TRACE it prints what it signs, which has the session token.
        "aws_sigv4=error",
        "tower=error",
        // Its span repeats the one of a reconcile, in more words.
        "kube_runtime::controller=warn",
    ];
    let filter = quiet
        .iter()
        .filter_map(|directive| directive.parse().ok())
        .fold(filter, EnvFilter::add_directive);
    let lines = tracing_subscriber::fmt().with_env_filter(filter);
    // A second call, as in tests, keeps the first.
    let _ = match format {
        LogFormat::Text => lines.with_ansi(false).with_writer(Escaping(io::stderr)).try_init(),
        // JSON escapes.
        LogFormat::Json => lines.json().flatten_event(true).with_writer(io::stderr).try_init(),
    };
}

/// Shows what is invisible in the lines that are written: messages have names and words of others.
struct Escaping<T>(T);

impl<'a, T: MakeWriter<'a>> MakeWriter<'a> for Escaping<T> {
    type Writer = Escaping<T::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Escaping(self.0.make_writer())
    }
}

impl<W: Write> Write for Escaping<W> {
    /// A line is written at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        self.0.write_all((printable(text) + "\n").as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
