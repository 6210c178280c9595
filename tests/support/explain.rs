//! `dps explain` as a user runs it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::canary::CANARY;
use super::dps::dps_in;

pub const IMAGE: &str = "r.example.com:5000/team/app:1";

/// Exit code, stdout and stderr.
pub fn run(args: &[&str], stdin: &str, kubeconfig: Option<&Path>) -> (i32, String, String) {
    let kubeconfig = kubeconfig.map(|path| ("KUBECONFIG", path.to_str().expect("UTF-8")));
    let variables: Vec<(&str, &str)> = kubeconfig.into_iter().collect();
    let output = dps_in(&variables, &[&["explain"], args].concat(), stdin);
    let (stdout, stderr) = (output.stdout, output.stderr);
    for shape in [CANARY, "5ubterranean", &STANDARD.encode(format!("u:{CANARY}"))] {
        assert!(!stdout.contains(shape) && !stderr.contains(shape), "{stdout}{stderr}");
    }
    (output.code, stdout, stderr)
}
