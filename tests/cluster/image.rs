//! The container image: built without a container engine, pushed to a real registry, pulled from there, and run.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::support::images::{Repository, image, sha256, static_dps};
use crate::support::registries::registries;
use crate::support::{repository, run};

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")).trim() == "0"
}

/// Runs the program as the image's user in what the image holds, where that is allowed.
fn run_in(root: &Path, args: &[&str]) -> String {
    let mut command = if is_root() {
        let mut command = Command::new("chroot");
        command
            .arg("--userspec=65532:65532")
            .arg(root)
            .arg("/usr/local/bin/dps");
        command
    } else {
        Command::new(root.join("usr/local/bin/dps"))
    };
    let path = std::env::var_os("PATH").unwrap();
    let environment = [("PATH", &*path), ("KUBECONFIG", "/kubeconfig".as_ref())];
    text(&command.args(args).env_clear().envs(environment).output().unwrap())
}

/// API servers have names too, and the client asks the libc for them, which is in the binary. It also finds certificates.
fn knows_names(root: &Path) {
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "a",
        "clusters": [{"name": "a", "cluster": {"server": "https://api.world.test:1"}}],
        "users": [{"name": "a", "user": {}}],
        "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    });
    std::fs::write(root.join("kubeconfig"), config.to_string()).unwrap();
    std::fs::write(root.join("etc/hosts"), "127.0.0.1 api.world.test\n").unwrap();
    let answer = run_in(root, &["explain", "pod", "web", "-n", "team-a"]);
    assert!(answer.contains("Connection refused"), "{answer}");
}

fn unpacks_and_runs(repository: &Repository, manifest: &Value, folder: &Path) {
    let root = folder.join("root");
    std::fs::create_dir(&root).unwrap();
    let mut entries = Vec::new();
    for layer in manifest["layers"].as_array().unwrap() {
        let archive = folder.join("layer.tar.gz");
        std::fs::write(&archive, repository.blob(layer)).unwrap();
        let list = ["--utc", "--numeric-owner", "--full-time", "-tvzf"];
        let listed = run(Command::new("tar").args(list).arg(&archive));
        entries.extend(listed.lines().map(str::to_owned));
        run(Command::new("tar").arg("-C").arg(&root).arg("-xzf").arg(&archive));
    }
    for entry in &entries {
        assert!(
            entry.contains(" 0/0 ") && entry.contains(" 1970-01-01 00:00:00 "),
            "{entry}"
        );
    }
    let names: Vec<&str> = entries
        .iter()
        .filter_map(|entry| entry.rsplit(' ').next())
        .filter(|name| !name.ends_with('/'))
        .collect();
    let expected = [
        "etc/group",
        "etc/nsswitch.conf",
        "etc/passwd",
        "etc/ssl/certs/ca-certificates.crt",
        "usr/local/bin/dps",
    ];
    assert_eq!(names, expected);
    let certificates = std::fs::read_to_string(root.join(expected[3])).unwrap();
    assert!(certificates.matches("-----BEGIN CERTIFICATE-----").count() > 100);

    let version = run_in(&root, &["--version"]);
    assert_eq!(version, concat!("dps ", env!("CARGO_PKG_VERSION"), "\n"));
    if is_root() {
        knows_names(&root);
    }
}

fn describes_itself(config: &Value) {
    assert_eq!(config["os"], "linux");
    let config = &config["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(config["Entrypoint"], json!(["/usr/local/bin/dps"]));
    let label = |name: &str| config["Labels"][format!("org.opencontainers.image.{name}")].clone();
    assert_eq!(label("title"), env!("CARGO_PKG_NAME"));
    assert_eq!(label("description"), env!("CARGO_PKG_DESCRIPTION"));
    assert_eq!(label("version"), env!("CARGO_PKG_VERSION"));
    assert_eq!(label("licenses"), env!("CARGO_PKG_LICENSE"));
    let head = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .current_dir(self::repository())
        .output();
    if let Some(head) = head.ok().filter(|output| output.status.success()) {
        let revision = label("revision");
        assert!(revision.as_str().unwrap().starts_with(text(&head).trim()), "{revision}");
    }
}

/// The list of what is in the image refers to it.
fn has_an_sbom(repository: &Repository, image: &str, out: &Path) {
    // This registry has no API for referrers; then they are under a tag.
    let referrers = repository.manifest(&image.replace(':', "-"));
    let list = referrers["manifests"].as_array().unwrap();
    assert_eq!(
        (list.len(), &list[0]["artifactType"]),
        (1, &json!("application/vnd.cyclonedx+json"))
    );
    let artifact = repository.manifest(list[0]["digest"].as_str().unwrap());
    assert_eq!(artifact["subject"]["digest"], image);
    let sbom = repository.blob(&artifact["layers"][0]);
    assert_eq!(sbom, std::fs::read(out.join("sbom.cdx.json")).unwrap());
    let sbom: Value = serde_json::from_slice(&sbom).unwrap();
    let names: Vec<&str> = sbom["components"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|component| component["name"].as_str())
        .collect();
    // What is linked, and neither what tests nor what runs in the compiler.
    for (name, listed) in [
        ("kube", true),
        ("ring", true),
        ("glibc", true),
        ("rust-std", true),
        ("mozilla-roots", true),
        ("insta", false),
        ("syn", false),
        ("cc", false),
    ] {
        assert_eq!(names.contains(&name), listed, "{name}");
    }
}

#[test]
fn the_image_is_reproducible_and_runs_as_it_comes_from_a_registry() {
    let work = tempfile::tempdir().unwrap();
    let folder = |name: &str| {
        let folder = work.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        folder
    };
    let binary = static_dps();
    let (one, other) = (folder("one"), folder("the other"));
    let repository = Repository::new("operator/dps");
    let tag = format!("{}/operator/dps:1.0", repository.address);
    let mut push = image(binary, &one, &["--push", &tag]);
    let pushed = push
        .env("DOCKER_CONFIG", repository.docker_config(&folder("docker")))
        .output()
        .unwrap();
    assert!(pushed.status.success(), "{}", text(&pushed));
    assert!(!text(&pushed).contains(registries().get("password")) && !text(&pushed).contains(&repository.login));
    let digest = String::from_utf8(pushed.stdout).unwrap().trim().to_owned();

    let again = run(image(binary, &other, &[]).env("TZ", "Asia/Tokyo").env("LC_ALL", "C"));
    assert_eq!(again.trim(), digest);
    run(Command::new("diff").arg("-r").args([&one, &other]));

    assert_eq!(sha256(&repository.get("manifests/1.0")), digest);
    let manifest = repository.manifest("1.0");
    let config: Value = serde_json::from_slice(&repository.blob(&manifest["config"])).unwrap();
    describes_itself(&config);
    unpacks_and_runs(&repository, &manifest, work.path());
    has_an_sbom(&repository, &digest, &one);
}

#[test]
fn a_program_that_needs_a_libc_is_refused() {
    let work = tempfile::tempdir().unwrap();
    let output = image(Path::new(env!("CARGO_BIN_EXE_dps")), &work.path().join("out"), &[])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(text(&output).contains("is linked dynamically"), "{}", text(&output));
}

#[test]
fn a_password_is_not_pushed_over_plain_http() {
    run(Command::new("go")
        .args(["-C", "hack/image", "test", "./..."])
        .current_dir(repository()));
}

/// The Dockerfile is for those who have an engine, and makes the same.
#[test]
fn the_dockerfile_agrees() {
    let read = |file: &str| std::fs::read_to_string(repository().join(file)).unwrap();
    let (dockerfile, toolchain, program) = (
        read("Dockerfile"),
        read("rust-toolchain.toml"),
        read("hack/image/image.go"),
    );
    let channel = toolchain.split('"').nth(1).unwrap();
    assert!(dockerfile.contains(&format!("library/rust:{channel}-")), "{channel}");
    for part in [
        "/usr/local/bin/dps",
        "65532:65532",
        "hosts: files dns",
        "root:x:0:0:root:/:/sbin/nologin",
    ] {
        assert!(dockerfile.contains(part) && program.contains(part), "{part}");
    }
}
