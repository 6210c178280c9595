//! The manifest for krew: krew itself installs the plugin with it, offline, and the plugin runs.

use std::path::Path;
use std::process::Command;

use crate::support::operator::binary;
use crate::support::{repository, tools};

/// Runs a program that has to succeed.
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// An archive as a release has it.
fn archive(folder: &Path) -> String {
    let content = folder.join("content");
    std::fs::create_dir(&content).unwrap();
    std::fs::copy(binary(), content.join("dps")).unwrap();
    std::fs::copy(repository().join("LICENSE"), content.join("LICENSE")).unwrap();
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let archive = format!("{}/dps-linux-{arch}.tar.gz", folder.display());
    let tar = ["--use-compress-program", "gzip -1", "-cf", &archive, "-C"];
    run(Command::new("tar").args(tar).arg(&content).args(["dps", "LICENSE"]));
    archive
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

    let script = path.join("kubectl_complete-pull_secret");
    std::fs::write(&script, kubectl(&["pull-secret", "completion", "kubectl"])).unwrap();
    run(Command::new("chmod").arg("+x").arg(&script));
    let completed = kubectl(&["__complete", "pull-secret", "dec"]);
    assert!(
        completed.starts_with("decode\t") && completed.contains("\n:4\n"),
        "{completed}"
    );
}
