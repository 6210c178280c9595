//! The manifest for krew: krew itself installs the plugin with it, offline, and the plugin runs.

use std::path::Path;
use std::process::Command;

use crate::support::operator::binary;
use crate::support::{repository, run, tools, without_package};

/// An archive as a release has it.
fn archive(folder: &Path) -> String {
    let dps = folder.join("dps");
    // As in a release, and packed in a tenth of the time.
    run(Command::new("strip").arg("-o").arg(&dps).arg(binary()));
    let script = repository().join("hack/archive.sh");
    let mut pack = Command::new(script);
    let archive = run(without_package(pack.arg(dps).arg(folder.join("archives"))));
    archive.trim().to_owned()
}

#[test]
fn plugin_is_installed_by_krew_and_completes_through_kubectl() {
    let bin = tools(&["kubectl", "krew"]);
    let folder = tempfile::tempdir().unwrap();
    let (root, path) = (folder.path().join("krew"), folder.path().join("path"));
    std::fs::create_dir(&path).unwrap();
    std::os::unix::fs::symlink(bin.join("krew"), path.join("kubectl-krew")).unwrap();
    let archive = archive(folder.path());
    let release = ["v0.0.1", "https://downloads.example.invalid", &archive];
    let manifest = run(Command::new(repository().join("hack/krew.sh")).args(release));
    let file = folder.path().join("pull-secret.yaml");
    std::fs::write(&file, manifest).unwrap();
    let places = format!(
        "{}:{}:{}/bin:{}",
        path.display(),
        bin.display(),
        root.display(),
        std::env::var("PATH").unwrap()
    );
    let kubectl = |args: &[&str]| {
        let mut kubectl = Command::new(bin.join("kubectl"));
        kubectl
            .args(args)
            .env("PATH", &places)
            .env("KREW_ROOT", &root)
            .env("KREW_NO_UPGRADE_CHECK", "1")
            .env("KUBECONFIG", "/dev/null")
            .env("HOME", folder.path());
        run(&mut kubectl)
    };
    let manifest = format!("--manifest={}", file.display());
    kubectl(&["krew", "install", &manifest, &format!("--archive={archive}")]);
    assert!(kubectl(&["pull-secret", "crds"]).contains("kind: CustomResourceDefinition"));
    let help = kubectl(&["pull-secret", "list", "--help"]);
    assert!(help.contains("Usage: kubectl pull-secret list [OPTIONS]"), "{help}");

    let installed = root.join("store/pull-secret/v0.0.1");
    for file in ["LICENSE", "man/dps-explain.1", "completions/_dps"] {
        assert!(installed.join(file).exists(), "{file}");
    }
    let script = "kubectl_complete-pull_secret";
    std::os::unix::fs::symlink(installed.join("completions").join(script), path.join(script)).unwrap();
    let completed = kubectl(&["__complete", "pull-secret", "dec"]);
    assert!(
        completed.starts_with("decode\t") && completed.contains("\n:4\n"),
        "{completed}"
    );
}
