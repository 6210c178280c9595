//! Serves the page to this machine.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use crate::cli::output::{report, write_lines};
use crate::cli::terminal::written;
use crate::cli::ui::Ui;
use crate::cli::ui::browser::RedirectFile;
use crate::cli::ui::handlers::router;
use crate::cli::ui::session::{Session, random};
use crate::cli::ui::state::UiState;

/// Nobody is there any more.
const IDLE: Duration = Duration::from_mins(30);

/// Longest time for the head of a request, from the connection or the answer before: whoever sends none keeps no place.
const HEAD: Duration = Duration::from_secs(10);

/// Most connections at a time. A browser makes six, of which each visible tab keeps one.
const CONNECTIONS: usize = 64;

/// How often a free port is looked for that both addresses of this machine have.
const PORTS: usize = 10;

pub(super) async fn serve(arguments: Ui) -> Result<ExitCode, String> {
    let (port, listeners) = listen().await?;
    let session = Session::new(port)?;
    let state = Arc::new(UiState::new(arguments, session)?);
    let address = state.session.start_address();
    write_lines([
        format!("Open {address}"),
        "The address works once, and only on this machine. Press Ctrl-C to end.".to_owned(),
    ])?;
    let _file = open(&state, &address).await;
    let router = router(Arc::clone(&state));
    tokio::select! {
        () = serve_all(listeners, router) => {}
        () = idle(&state) => report("Nobody has used the page for 30 minutes: dps ui has ended."),
        () = stopped() => report(""),
    }
    // Two objects belong together.
    written().await;
    Ok(ExitCode::SUCCESS)
}

/// Ends when somebody ends the program, so that the file that leads to the page goes with it.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals = [SignalKind::terminate(), SignalKind::hangup()].map(signal);
        if let [Ok(mut terminate), Ok(mut hangup)] = signals {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Opens a browser, unless it is not wanted. Without one, the address that was printed is enough.
async fn open(state: &UiState, address: &str) -> Option<RedirectFile> {
    if state.arguments.no_browser {
        return None;
    }
    let no_browser = |why: String| report(&format!("No browser could be opened: {why}"));
    let file = random().and_then(|name| RedirectFile::write(address, &name));
    let file = file.map_err(no_browser).ok()?;
    let path = file.path().to_owned();
    let opened = tokio::task::spawn_blocking(move || opener::open(path).map_err(|error| error.to_string())).await;
    let opened = opened.unwrap_or_else(|error| Err(error.to_string()));
    opened.map_err(no_browser).ok().map(|()| file)
}

/// A port on both addresses of this machine; of IPv4 only where the system has no IPv6.
async fn listen() -> Result<(u16, Vec<TcpListener>), String> {
    let mut refused = String::new();
    for _ in 0..PORTS {
        let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|error| error.to_string())?;
        let port = four.local_addr().map_err(|error| error.to_string())?.port();
        match TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await {
            Ok(six) => return Ok((port, vec![four, six])),
            // Somebody else answers at localhost with this port.
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => refused = error.to_string(),
            Err(_) => return Ok((port, vec![four])),
        }
    }
    Err(format!("no port is free on 127.0.0.1 and [::1]: {refused}"))
}

/// Serves whoever connects, for ever. Connections without a place wait until another one ends.
async fn serve_all(listeners: Vec<TcpListener>, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let served = listeners.into_iter().map(|mut listener| {
        let (router, places) = (router.clone(), Arc::clone(&places));
        async move {
            while let Ok(place) = Arc::clone(&places).acquire_owned().await {
                // Not that of `TcpListener`, which fails when there are too many open files.
                let (stream, _) = Listener::accept(&mut listener).await;
                let router = router.clone();
                tokio::spawn(async move {
                    serve_one(stream, router).await;
                    drop(place);
                });
            }
        }
    });
    futures::future::join_all(served).await;
}

/// Serves a connection until it ends.
async fn serve_one(stream: TcpStream, router: Router) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // Whoever hangs up or sends no HTTP needs no answer.
    let _ = connection.await;
}

/// Ends when the page was not used for a while.
async fn idle(state: &UiState) {
    loop {
        let end = state.used() + IDLE;
        if Instant::now() >= end {
            return;
        }
        sleep_until(end).await;
    }
}
