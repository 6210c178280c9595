//! What a process uses while it is attacked.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::super::super::support::operator::Operator;
use super::super::super::usage::resident_mib;
use super::super::figures::Figure;

/// Longest time for an answer: what a kubelet's probe of the operator waits.
const PROBE: Duration = Duration::from_secs(5);

/// The most of everything.
pub(crate) struct Peaks {
    pub(crate) resident_mib: f64,
    pub(crate) descriptors: usize,
    pub(crate) livez: Figure,
}

pub(crate) struct Watch {
    stopped: Arc<AtomicBool>,
    thread: JoinHandle<Peaks>,
}

impl Watch {
    /// On a thread of its own, because this program is busy.
    pub(crate) fn start(operator: &Operator) -> Self {
        let (pid, address) = (operator.pid(), operator.health().parse().unwrap());
        let stopped = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            let mut peaks = Peaks {
                resident_mib: 0.0,
                descriptors: 0,
                livez: Figure::Time(Duration::ZERO),
            };
            while !until.load(Ordering::Relaxed) {
                peaks.resident_mib = peaks.resident_mib.max(resident_mib(pid));
                let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
                peaks.descriptors = peaks.descriptors.max(descriptors);
                let begin = Instant::now();
                let answer = match livez(address) {
                    Ok(()) => Figure::Time(begin.elapsed()),
                    Err(_) => Figure::Never(PROBE),
                };
                peaks.livez = peaks.livez.max(answer);
                std::thread::sleep(Duration::from_millis(50));
            }
            peaks
        });
        Self { stopped, thread }
    }

    pub(crate) fn stop(self) -> Peaks {
        self.stopped.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn livez(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, PROBE)?;
    stream.set_read_timeout(Some(PROBE))?;
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.starts_with("HTTP/1.1 200 ") {
        Ok(())
    } else {
        Err(std::io::Error::other(answer))
    }
}
