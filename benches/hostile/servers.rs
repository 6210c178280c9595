//! Registries and token servers that do what an attack needs, on a thread of their own.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Handle};

/// Ports of the servers; [`UNREACHABLE`] has none.
pub(crate) const REALM: u16 = 5001;
pub(crate) const TOKEN: u16 = 5002;
pub(crate) const SHARED: u16 = 5003;
pub(crate) const SILENT: u16 = 5004;
pub(crate) const STALLING: u16 = 5005;
pub(crate) const SLOW: u16 = 5006;
pub(crate) const HANDED_OVER: u16 = 5007;
pub(crate) const UNREACHABLE: u16 = 9;

/// The only password that any of them accepts.
pub(crate) const PASSWORD: &str = "right";

pub(crate) enum Answer {
    Now(String),
    After(Duration, String),
    /// No more than this, until the client hangs up.
    Begin(String),
}

/// Gets user name and password of a request that has them.
type Script = dyn Fn(Option<(&str, &str)>) -> Answer + Send + Sync;

/// Who logged in, and when.
#[derive(Clone, Default)]
pub(crate) struct Logins(Arc<Mutex<Vec<(Instant, String)>>>);

impl Logins {
    /// How many logins of a user there were until now.
    pub(crate) fn of(&self, user: &str) -> usize {
        self.times(user).len()
    }

    pub(crate) fn times(&self, user: &str) -> Vec<Instant> {
        let all = self.0.lock().unwrap();
        let own = all.iter().filter(|(_, other)| other == user);
        own.map(|(at, _)| *at).collect()
    }
}

/// Serves at every address of this network.
pub(crate) fn serve(port: u16, script: impl Fn(Option<(&str, &str)>) -> Answer + Send + Sync + 'static) -> Logins {
    let (logins, script) = (Logins::default(), Arc::new(script));
    let (log, listener) = (logins.clone(), std::net::TcpListener::bind(("0.0.0.0", port)).unwrap());
    listener.set_nonblocking(true).unwrap();
    runtime().spawn(async move {
        let listener = TcpListener::from_std(listener).unwrap();
        while let Ok((stream, _)) = listener.accept().await {
            let (log, script) = (log.clone(), Arc::clone(&script));
            tokio::spawn(async move {
                // The client has hung up: so does this.
                let _ = connection(stream, &log, &*script).await;
            });
        }
    });
    logins
}

/// A registry that tenants share, which answers at once.
pub(crate) fn shared() -> &'static Logins {
    static LOGINS: OnceLock<Logins> = OnceLock::new();
    LOGINS.get_or_init(|| serve(SHARED, |login| Answer::Now(registry(login))))
}

/// A registry that accepts one password, and asks for it without a token server.
pub(crate) fn registry(login: Option<(&str, &str)>) -> String {
    match login {
        Some((_, PASSWORD)) => response("200 OK", ""),
        _ => response("401 Unauthorized", "WWW-Authenticate: Basic realm=\"registry\"\r\n"),
    }
}

/// An answer without a body.
pub(crate) fn response(status: &str, headers: &str) -> String {
    format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n")
}

async fn connection(mut stream: TcpStream, log: &Logins, script: &Script) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let credentials = credentials(&String::from_utf8_lossy(&head));
    let login = credentials.as_ref().and_then(|credentials| credentials.split_once(':'));
    if let Some((user, _)) = login {
        log.0.lock().unwrap().push((Instant::now(), user.to_owned()));
    }
    let answer = script(login);
    match answer {
        Answer::Now(text) => stream.write_all(text.as_bytes()).await,
        Answer::After(pause, text) => {
            tokio::time::sleep(pause).await;
            stream.write_all(text.as_bytes()).await
        }
        Answer::Begin(text) => {
            stream.write_all(text.as_bytes()).await?;
            stream.read(&mut [0]).await.map(|_| ())
        }
    }
}

/// User name and password in the head of a request.
fn credentials(head: &str) -> Option<String> {
    let line = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("authorization: basic ").map(|_| line))?;
    let encoded = line.rsplit(' ').next()?;
    String::from_utf8(STANDARD.decode(encoded).ok()?).ok()
}

/// Of a thread that nothing else keeps busy.
fn runtime() -> &'static Handle {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let handle = runtime.handle().clone();
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        handle
    })
}
