//! The manifest for krew: krew itself installs the plugin with it, offline, and the plugin runs.

use std::os::unix::fs::{PermissionsExt as _, symlink};
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
    symlink(bin.join("krew"), path.join("kubectl-krew")).unwrap();
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
    symlink(installed.join("completions").join(script), path.join(script)).unwrap();
    let completed = kubectl(&["__complete", "pull-secret", "dec"]);
    assert!(
        completed.starts_with("decode\t") && completed.contains("\n:4\n"),
        "{completed}"
    );
}

fn script(file: &Path, text: &str) {
    std::fs::write(file, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// An archive as the script packs it where `uname -s` and `uname -m` say this.
fn archive_of(folder: &Path, [system, machine]: [&str; 2]) -> String {
    let path = folder.join(format!("{system}-{machine}"));
    std::fs::create_dir(&path).unwrap();
    script(
        &path.join("uname"),
        &format!("[ \"$1\" = -s ] && echo {system} || echo {machine}"),
    );
    // As GNU tar is called on macOS.
    symlink(run(Command::new("which").arg("tar")).trim(), path.join("gtar")).unwrap();
    let dps = path.join("stand-in");
    script(&dps, &format!("echo \"completion for $2\" # {system} {machine}"));
    let mut pack = Command::new(repository().join("hack/archive.sh"));
    let places = format!("{}:{}", path.display(), std::env::var("PATH").unwrap());
    pack.arg(dps).arg(folder.join("archives")).env("PATH", places);
    run(without_package(&mut pack)).trim().to_owned()
}

#[test]
fn krew_installs_the_archive_of_each_platform() {
    let krew = tools(&["krew"]).join("krew");
    let folder = tempfile::tempdir().unwrap();
    let systems = [
        (["Linux", "x86_64"], ["linux", "amd64"], "dps"),
        (["Linux", "aarch64"], ["linux", "arm64"], "dps"),
        (["Darwin", "x86_64"], ["darwin", "amd64"], "dps"),
        (["Darwin", "arm64"], ["darwin", "arm64"], "dps"),
        (["MINGW64_NT-10.0-26100", "x86_64"], ["windows", "amd64"], "dps.exe"),
    ];
    let archives = systems.map(|(uname, _, _)| archive_of(folder.path(), uname));
    let mut release = Command::new(repository().join("hack/krew.sh"));
    release
        .args(["v0.0.1", "https://downloads.example.invalid"])
        .args(&archives);
    let file = folder.path().join("pull-secret.yaml");
    std::fs::write(&file, run(&mut release)).unwrap();
    let install = |[os, arch]: [&str; 2], archive: &str, root: &Path| {
        let mut install = Command::new(&krew);
        install.arg("install").arg(format!("--manifest={}", file.display()));
        install.arg(format!("--archive={archive}"));
        install.env("KREW_OS", os).env("KREW_ARCH", arch).env("KREW_ROOT", root);
        install.env("KREW_NO_UPGRADE_CHECK", "1").env("HOME", folder.path());
        install
    };
    for ((_, [os, arch], program), archive) in systems.iter().zip(&archives) {
        assert!(archive.ends_with(&format!("/dps-{os}-{arch}.tar.gz")), "{archive}");
        let root = folder.path().join(format!("krew-{os}-{arch}"));
        run(&mut install([os, arch], archive, &root));
        let plugin = root.join("bin").join(program.replace("dps", "kubectl-pull_secret"));
        let installed = root.join("store/pull-secret/v0.0.1");
        assert_eq!(std::fs::read_link(plugin).unwrap(), installed.join(program));
        for file in ["LICENSE", "man/dps-explain.1", "completions/dps.ps1"] {
            assert!(installed.join(file).exists(), "{os}/{arch}: {file}");
        }
    }
    // The checksum is that of the platform's own archive, and nothing is offered for any other.
    for (platform, why) in [
        (["darwin", "arm64"], "checksum"),
        (["windows", "arm64"], "does not offer installation"),
    ] {
        let output = install(platform, &archives[0], &folder.path().join("refused"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(why), "{platform:?}: {said}");
    }
}
