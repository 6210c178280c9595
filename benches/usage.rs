//! What a process used, from /proc (proc(5)).

use std::time::Duration;

/// Clock ticks a second; fixed in the kernel's interface to user space.
const TICKS: u64 = 100;

pub struct Usage {
    /// User and system time.
    pub cpu: Duration,
    /// Most resident memory so far, in MiB.
    pub peak_mib: f64,
}

impl Usage {
    pub fn of(pid: u32) -> Self {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        // The name in parentheses may hold blanks; utime and stime are the 14th and 15th field.
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        Self {
            cpu: Duration::from_millis(ticks * 1000 / TICKS),
            peak_mib: peak_mib(pid).unwrap(),
        }
    }
}

/// Resident memory now, in MiB.
pub(crate) fn resident_mib(pid: u32) -> f64 {
    memory(pid, "VmRSS:").unwrap()
}

/// Most resident memory so far, in MiB; `None` when the process has ended.
pub(crate) fn peak_mib(pid: u32) -> Option<f64> {
    memory(pid, "VmHWM:")
}

fn memory(pid: u32, field: &str) -> Option<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}
