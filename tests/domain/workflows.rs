//! The workflows that run elsewhere, and what a release publishes for the command line.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{repository, run};

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

#[test]
fn workflows_can_be_read_and_name_actions_by_their_commit() {
    for entry in std::fs::read_dir(repository().join(".github/workflows")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        assert!(workflow["jobs"].is_object(), "{}", path.display());
        let uses = text.lines().filter_map(|line| line.trim_start().split_once("uses: "));
        for (_, action) in uses {
            let (_, pin) = action.split_once('@').unwrap();
            let (commit, version) = pin.split_once(" # v").unwrap();
            let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(
                is_commit && version.split('.').count() == 3,
                "{}: {action}",
                path.display()
            );
        }
    }
}

/// What `hack/archive.sh` makes archives for.
fn platforms() -> Vec<String> {
    let script = read("hack/archive.sh");
    let named = script.lines().filter_map(|line| line.split_once(") platform="));
    let mut platforms: Vec<String> = named.map(|(_, rest)| rest.trim_end_matches(" ;;").to_owned()).collect();
    platforms.sort();
    platforms
}

#[test]
fn release_packs_an_archive_for_each_platform() {
    let release: Value = serde_saphyr::from_str(&read(".github/workflows/release.yml")).unwrap();
    let jobs = &release["jobs"];
    let of = |job: &str, field: &str| -> Vec<String> {
        let entries = jobs[job]["strategy"]["matrix"]["include"].as_array().unwrap();
        entries
            .iter()
            .map(|entry| entry[field].as_str().unwrap().to_owned())
            .collect()
    };
    let linux = of("image", "arch").into_iter().map(|arch| format!("linux-{arch}"));
    let mut packed: Vec<String> = linux.chain(of("command-line", "platform")).collect();
    packed.sort();
    assert_eq!(packed, platforms());
    for job in ["image", "command-line"] {
        let steps = jobs[job]["steps"].as_array().unwrap();
        let is_packed = steps
            .iter()
            .any(|step| step["run"].as_str().is_some_and(|run| run.contains("hack/archive.sh")));
        assert!(is_packed, "{job}");
    }
    assert_eq!(jobs["command-line"]["permissions"], json!({"contents": "read"}));
    // Checksums, provenance and manifest are of all of them.
    assert_eq!(jobs["archives"]["needs"], json!(["publish", "command-line"]));
}

#[test]
fn manifest_for_krew_has_each_archive_with_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let mut release = Command::new(repository().join("hack/krew.sh"));
    release.args(["v1.2.3", "https://downloads.example.com/v1.2.3"]);
    let mut expected = Vec::new();
    for platform in platforms() {
        let file = folder.path().join(format!("dps-{platform}.tar.gz"));
        std::fs::write(&file, &platform).unwrap();
        let sum = run(Command::new("sha256sum").arg(&file));
        let (os, arch) = platform.split_once('-').unwrap();
        expected.push(json!({
            "selector": {"matchLabels": {"os": os, "arch": arch}},
            "uri": format!("https://downloads.example.com/v1.2.3/dps-{platform}.tar.gz"),
            "sha256": sum.split(' ').next().unwrap(),
            "bin": if os == "windows" { "dps.exe" } else { "dps" },
        }));
        release.arg(file);
    }
    let manifest: Value = serde_saphyr::from_str(&run(&mut release)).unwrap();
    assert_eq!(manifest["spec"]["version"], "v1.2.3");
    assert_eq!(manifest["spec"]["platforms"], Value::Array(expected));
    // The longest that the index of krew takes.
    let description = manifest["spec"]["shortDescription"].as_str().unwrap();
    assert!(description.len() <= 50, "{description}");
}
