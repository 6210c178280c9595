//! Serves the page to this machine.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
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
        served = serve_all(listeners, router) => served?,
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

async fn serve_all(listeners: Vec<TcpListener>, router: Router) -> Result<(), String> {
    let served = listeners
        .into_iter()
        .map(|listener| axum::serve(listener, router.clone()).into_future());
    futures::future::try_join_all(served)
        .await
        .map_err(|error| error.to_string())?;
    Ok(())
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
