//! `dps verify` as a user runs it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::canary::CANARY;
use super::dps::dps_in;

/// Exit code, the first result and its message.
pub fn verify(args: &[&str], stdin: &str) -> (i32, String, String) {
    let (code, document) = verify_all(args, stdin);
    let first = &document["results"][0];
    let text = |field: &str| first[field].as_str().unwrap_or_default().to_owned();
    (code, text("result"), text("message"))
}

pub fn verify_all(args: &[&str], stdin: &str) -> (i32, Value) {
    verify_in(&[], args, stdin)
}

/// With these environment variables and no others that name a proxy.
pub fn verify_in(variables: &[(&str, &str)], args: &[&str], stdin: &str) -> (i32, Value) {
    let output = dps_in(variables, &[&["verify", "-o", "json"], args].concat(), stdin);
    let (stdout, stderr) = (output.stdout, output.stderr);
    for shape in [CANARY, "5ubterranean", &STANDARD.encode(format!("robot:{CANARY}"))] {
        assert!(!stdout.contains(shape) && !stderr.contains(shape), "{stdout}{stderr}");
    }
    let document = serde_json::from_str(&stdout).unwrap_or_else(|_| json!({"stderr": stderr}));
    (output.code, document)
}
