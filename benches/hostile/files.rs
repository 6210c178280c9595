//! Files that cost whoever reads them more than their size.

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::support::operator::binary;
use super::super::usage::peak_mib;
use super::figures::{Bound, Figure, Table, UNKNOWN};

const DOCUMENTS: usize = 200_000;

/// How many times as many documents are compared: ten times as many should take about ten times as long.
const TIMES: usize = 10;

/// Longest time for a file.
const PATIENCE: Duration = Duration::from_mins(5);

pub(crate) fn measure(table: &mut Table) {
    let (_, memory) = render(&aliases());
    table.add(
        "280 KB of YAML aliases: peak memory of dps render",
        Figure::Mib(memory),
        Bound::Under(Figure::Mib(64.0)),
        "5.9 GB",
    );
    let suspended = "suspend: true";
    table.add(
        &format!("{DOCUMENTS} YAML documents: time of dps render"),
        Figure::Time(render(&documents(DOCUMENTS, suspended)).0),
        Bound::Under(Figure::Time(Duration::from_secs(4))),
        "more than 40 s",
    );
    // Of one registry and one namespace, which are compared with each other.
    let rendered = "type: DockerHub\n  credentialsRef: {name: login}";
    let [few, many] = [DOCUMENTS / TIMES, DOCUMENTS].map(|count| render(&documents(count, rendered)).0);
    table.add(
        &format!("{DOCUMENTS} that are rendered, beside a tenth of them"),
        Figure::Times(many.as_secs_f64() / few.as_secs_f64()),
        Bound::AtMost(Figure::Times(15.0)),
        UNKNOWN,
    );
}

fn aliases() -> String {
    let text = "x".repeat(100_000);
    format!("a: &a {text}\nb: [{}]\n", "*a,".repeat(60_000))
}

/// A Secret, and resources with this spec.
fn documents(count: usize, spec: &str) -> String {
    let mut text =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {username: user, password: word}\n"
            .to_owned();
    for index in 1..count {
        let _ = write!(
            text,
            "---\napiVersion: pullsecrets.dev/v1alpha1\nkind: DockerPullSecret\nmetadata:\n  name: app-{index}\nspec:\n  {spec}\n"
        );
    }
    text
}

/// Time and peak memory, as far as it was seen: what a process used is gone when it has ended.
fn render(input: &str) -> (Duration, f64) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("input.yaml");
    std::fs::write(&path, input).expect("writable");
    let begin = Instant::now();
    let mut child = Command::new(binary())
        .args(["render", "-f"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("dps can be started");
    let mut peak = 0.0_f64;
    while child.try_wait().expect("our child").is_none() {
        peak = peak.max(peak_mib(child.id()).unwrap_or_default());
        if begin.elapsed() > PATIENCE {
            child.kill().and_then(|()| child.wait()).expect("our child");
            return (PATIENCE, peak);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    (begin.elapsed(), peak)
}
