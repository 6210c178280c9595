//! Logins in the real store `pass`, through its real helper.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::canary::CANARY;
use crate::support::dps::{Output, dps, dps_in};
use crate::support::{has_program, run};

/// A store of its own, with a key that needs no passphrase.
struct Store(TempDir);

impl Store {
    fn new() -> Self {
        // The path of the agent's socket has at most 107 bytes.
        let store = Self(tempfile::Builder::new().prefix("p").tempdir_in("/tmp").unwrap());
        std::fs::DirBuilder::new().mode(0o700).create(store.gpg_home()).unwrap();
        let id = "store@example.com";
        let gpg = "--batch --pinentry-mode loopback --quick-generate-key";
        run(store.command("gpg").args(gpg.split(' ')).args([
            "--passphrase",
            "",
            id,
            "future-default",
            "default",
            "never",
        ]));
        run(store.command("pass").args(["init", id]));
        store
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn gpg_home(&self) -> PathBuf {
        self.path().join("gpg")
    }

    fn variables(&self) -> [(&'static str, String); 4] {
        let path = |name: &str| self.path().join(name).display().to_string();
        [
            ("HOME", path("")),
            ("DOCKER_CONFIG", path("")),
            ("GNUPGHOME", path("gpg")),
            ("PASSWORD_STORE_DIR", path("store")),
        ]
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.envs(self.variables());
        command
    }

    /// Stores a login as `docker login` does.
    fn log_in(&self, server: &str, user: &str) {
        let login = self.path().join("login");
        let text = json!({"ServerURL": server, "Username": user, "Secret": CANARY}).to_string();
        std::fs::write(&login, text).unwrap();
        let login = Stdio::from(std::fs::File::open(login).unwrap());
        run(self.command("docker-credential-pass").arg("store").stdin(login));
    }

    /// Imports everything from this docker config.
    fn import(&self, config: &Value) -> Output {
        std::fs::write(self.path().join("config.json"), config.to_string()).unwrap();
        let variables = self.variables();
        let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let output = dps_in(&variables, &["import", "--export", "--no-verify", "--all"], "");
        assert!(!output.stderr.contains(CANARY), "{}", output.stderr);
        output
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // The agent that gpg has started, and where it listens.
        for action in [&["--kill", "all"][..], &["--remove-socketdir"]] {
            let _ = self.command("gpgconf").args(action).output();
        }
    }
}

/// Registry and user of each login, as a kubelet gets them.
fn rendered(objects: &str) -> Vec<(String, String)> {
    let rendered = dps(&["render", "-o", "json", "-f", "-"], objects);
    assert_eq!(rendered.code, 0, "{}", rendered.stderr);
    let rendered: Value = serde_json::from_str(&rendered.stdout).unwrap();
    let documents = rendered["items"].as_array().unwrap().iter().map(|secret| {
        let document = super::decoded(secret["data"][".dockerconfigjson"].as_str().unwrap());
        let (registry, entry) = document["auths"].as_object().unwrap().iter().next().unwrap();
        assert_eq!(entry["password"], CANARY);
        (registry.clone(), entry["username"].as_str().unwrap().to_owned())
    });
    documents.collect()
}

#[test]
fn logins_in_the_real_pass_are_imported() {
    if !has_program("pass") {
        return;
    }
    let store = Store::new();
    store.log_in("https://index.docker.io/v1/", "acme");
    store.log_in("https://registry.example.com:5000", "robot$ci");
    // The second is found only by the list of the store.
    let config = json!({"auths": {"https://index.docker.io/v1/": {}}, "credsStore": "pass"});
    let imported = store.import(&config);
    assert_eq!(imported.code, 0, "{}", imported.stderr);
    let mut logins = rendered(&imported.stdout);
    logins.sort();
    let expected = [
        ("https://index.docker.io/v1/", "acme"),
        ("registry.example.com:5000", "robot$ci"),
    ];
    assert_eq!(
        logins,
        expected.map(|(registry, user)| (registry.to_owned(), user.to_owned()))
    );

    // The store knows it by its URL.
    let spelled = store.import(&json!({"credHelpers": {"registry.example.com:5000": "pass"}}));
    assert_eq!(spelled.code, 0, "{}", spelled.stderr);
    assert_eq!(rendered(&spelled.stdout).len(), 1);
    let unknown = store.import(&json!({"credHelpers": {"other.example.com": "pass"}}));
    assert_eq!((unknown.code, unknown.stdout.as_str()), (1, ""), "{}", unknown.stderr);
    let why = "docker-credential-pass has no login for other.example.com: log in first, with docker login";
    assert!(unknown.stderr.contains(why), "{}", unknown.stderr);
}
