//! The targets of the tests, for libFuzzer.

#[path = "../tests/domain/fuzz/targets.rs"]
mod targets;

/// Runs the target of a name.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = targets::TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .expect("a target");
    target(data);
}
