//! What this process uses, from `/proc` (proc(5)), under the names that Prometheus clients have agreed on.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::controller::context::now;

/// Clock ticks a second; fixed in the kernel's interface to programs.
const TICKS: f64 = 100.0;

/// This process.
pub(super) struct Process {
    started_at: i64,
}

impl Process {
    /// It starts now.
    pub(super) fn starts() -> Self {
        Self {
            started_at: now().as_second(),
        }
    }

    /// Adds what is known; nothing where there is no `/proc`.
    pub(super) fn register(&self, registry: &mut Registry) {
        let process = registry.sub_registry_with_prefix("process");
        let start = Gauge::<i64>::default();
        start.set(self.started_at);
        process.register_with_unit("start_time", "Start of the process, in Unix time", Unit::Seconds, start);
        if let Some(seconds) = cpu_seconds() {
            let cpu = Counter::<f64, AtomicU64>::default();
            cpu.inc_by(seconds);
            process.register_with_unit("cpu", "User and system time", Unit::Seconds, cpu);
        }
        if let Some(bytes) = resident_bytes() {
            let memory = Gauge::<i64>::default();
            memory.set(bytes);
            process.register_with_unit("resident_memory", "Resident memory", Unit::Bytes, memory);
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            let open = Gauge::<i64>::default();
            open.set(i64::try_from(files.count()).unwrap_or(i64::MAX));
            process.register("open_fds", "Open file descriptors", open);
        }
    }
}

fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may hold blanks; utime and stime are the 14th and 15th field.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks / TICKS)
}

fn resident_bytes() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<i64>().ok()? * 1024)
}
