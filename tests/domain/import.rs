//! `dps import` without a cluster: what is found where, and credential helpers of all sorts.

mod foreign;
mod hidden;
mod pass;
mod places;
mod refused;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use dps::domain::docker_config::user_document::find;
use dps::domain::registry::key::RegistryKey;
use dps::form::helper::{listed, login, servers};
use dps::form::import::foreign::rapyuta::rapyuta;
use dps::form::import::{FoundLogin, ambiguous, chosen, docker_config, pull_secret};
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::canary::CANARY;
use crate::support::dps::{Output, dps, dps_in};

/// A document of a Secret.
fn decoded(text: &str) -> Value {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn unusable(login: &FoundLogin) -> &str {
    match login {
        FoundLogin::ShortLived(why) | FoundLogin::Unusable(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn docker_config_gives_each_registry_once() {
    let document = json!({
        "auths": {
            "https://index.docker.io/v1/": {"auth": "YWNtZTp0b2tlbg=="},
            "docker.io": {"auth": "YWNtZTp0b2tlbg=="},
            "registry.example.com:5000": {"username": "robot", "password": "word", "email": "a@example.com"},
            "in.store": {},
            "token.example.com": {"identitytoken": "x"},
            "bad host": {"auth": "YWNtZTp0b2tlbg=="},
            "1.dkr.ecr.eu-central-1.amazonaws.com": {"auth": "QVdTOngK"},
        },
        "credHelpers": {"own.example.com": "secretservice", "europe-docker.pkg.dev": "gcloud", "evil.example.com": "../x"},
        "credsStore": "pass",
    });
    let listed = ["https://listed.example.com".to_owned(), "in.store".to_owned()];
    let found = docker_config("config.json", document.to_string().as_bytes(), &listed, false).unwrap();
    let summary: Vec<_> = found
        .iter()
        .map(|one| (one.key.as_str(), one.name().unwrap_or_default(), one.user()))
        .collect();
    let is = |key: &str, name: &str, user: &str| {
        assert!(
            summary.contains(&(key, name.to_owned(), user.to_owned())),
            "{key}: {summary:#?}"
        );
    };
    is("docker.io", "docker-hub", "acme");
    is("registry.example.com:5000", "registry-example-com-5000", "robot");
    is("in.store", "in-store", "(in pass)");
    is("own.example.com", "own-example-com", "(in secretservice)");
    is("https://listed.example.com", "listed-example-com", "(in pass)");
    assert_eq!(found.len(), 10, "{summary:#?}");
    let why = |key: &str| unusable(&found.iter().find(|one| one.key == key).unwrap().login).to_owned();
    assert!(
        why("token.example.com").contains("identity token"),
        "{}",
        why("token.example.com")
    );
    assert!(why("europe-docker.pkg.dev").contains("docker-credential-gcloud expire after 1 hour"));
    assert!(why("1.dkr.ecr.eu-central-1.amazonaws.com").contains("expire within hours"));
    assert!(why("evil.example.com").contains("cannot be a program"));
    let lasting = docker_config("config.json", document.to_string().as_bytes(), &[], true).unwrap();
    let gcloud = lasting.iter().find(|one| one.key == "europe-docker.pkg.dev").unwrap();
    assert!(matches!(&gcloud.login, FoundLogin::Helper { name, .. } if name == "gcloud"));
    let refused = docker_config("config.json", b"{\"auths\": 7}", &[], false).unwrap_err();
    assert!(
        refused.contains("config.json has an \"auths\" that is not an object"),
        "{refused}"
    );
}

/// With work that grows with the square of the entries, neither would end.
#[test]
fn documents_with_many_entries_are_read_or_refused() {
    let keys = |count: usize| (0..count).map(|number| format!("\"r{number}.example.com\":{{\"auth\":\"YTpi\"}}"));
    let document = |count| format!("{{\"auths\":{{{}}}}}", keys(count).collect::<Vec<_>>().join(","));
    let found = docker_config("config.json", document(1000).as_bytes(), &[], false).unwrap();
    assert_eq!(found.len(), 1000);
    let large = document(100_000);
    let key = RegistryKey::of_config_entry("r99999.example.com").unwrap();
    assert_eq!(find(large.as_bytes(), &key).unwrap().credentials.username(), "a");
    let refused = docker_config("config.json", large.as_bytes(), &[], false).unwrap_err();
    let words = "config.json has logins for 100000 registries, more than 1000: remove what is not needed";
    assert_eq!(refused, words);
}

#[test]
fn pull_secret_of_one_entry_can_be_taken_over() {
    let secret = |kind: &str, entries: Value, change: Value| -> Secret {
        let document = json!({"auths": entries}).to_string();
        let mut secret = json!({"metadata": {"name": "regcred"}, "type": kind});
        secret["metadata"]
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let mut secret: Secret = serde_json::from_value(secret).unwrap();
        let key = if kind.ends_with("dockercfg") {
            ".dockercfg"
        } else {
            ".dockerconfigjson"
        };
        secret.data = Some([(key.to_owned(), k8s_openapi::ByteString(document.into_bytes()))].into());
        secret
    };
    let entry = json!({"username": "robot", "password": CANARY});
    let kind = "kubernetes.io/dockerconfigjson";
    let one = pull_secret(&secret(kind, json!({"a.example.com": entry}), json!({})), false).unwrap();
    assert_eq!(one[0].pull_secret.as_deref(), Some("regcred"));
    let two = pull_secret(
        &secret(kind, json!({"a.example.com": entry, "b.example.com": entry}), json!({})),
        false,
    )
    .unwrap();
    assert_eq!((two.len(), two[0].pull_secret.clone()), (2, None));
    let owner = json!({"ownerReferences": [{"apiVersion": "x/v1", "kind": "SealedSecret", "name": "s", "uid": "1", "controller": true}]});
    let sealed = pull_secret(&secret(kind, json!({"a.example.com": entry}), owner), false).unwrap();
    assert_eq!(
        (sealed[0].pull_secret.clone(), sealed[0].user().as_str()),
        (None, "robot")
    );
    assert!(matches!(&sealed[0].login, FoundLogin::Stored { secret, .. } if secret == "regcred"));
    let ours = json!({"labels": {"app.kubernetes.io/managed-by": "docker-pull-secret-operator"}});
    assert!(
        pull_secret(&secret(kind, json!({"a.example.com": entry}), ours), false)
            .unwrap()
            .is_empty()
    );
    pull_secret(&secret("Opaque", json!({}), json!({})), false).unwrap_err();
    let legacy = pull_secret(
        &secret("kubernetes.io/dockercfg", json!({"a.example.com": entry}), json!({})),
        false,
    )
    .unwrap();
    assert_eq!(legacy[0].pull_secret, None);
}

/// Whoever writes it would choose what is read from the machine of whoever imports it.
#[test]
fn pull_secret_that_names_a_helper_runs_none() {
    let document = json!({"auths": {"https://index.docker.io/v1/": {}}, "credsStore": "desktop", "credHelpers": {"ghcr.io": "pass"}});
    let mut secret: Secret =
        serde_json::from_value(json!({"metadata": {"name": "trap"}, "type": "kubernetes.io/dockerconfigjson"}))
            .unwrap();
    let data = k8s_openapi::ByteString(document.to_string().into_bytes());
    secret.data = Some([(".dockerconfigjson".to_owned(), data)].into());
    let found = pull_secret(&secret, true).unwrap();
    assert_eq!(found.len(), 2);
    for one in found {
        assert!(unusable(&one.login).contains("names a credential helper of somebody's machine"));
    }
}

#[test]
fn rapyuta_secret_becomes_a_login() {
    let manifest = |docker: Value| {
        json!({"apiVersion": "apiextensions.rapyuta.io/v1", "kind": "Secret", "metadata": {"name": "hub"},
        "spec": {"type": "Docker", "docker": docker}})
    };
    let hub = rapyuta(
        "a.yaml",
        &manifest(
            json!({"registry": "https://hub.docker.com", "username": "acme", "password": "word", "email": "a@b.c"}),
        ),
    )
    .unwrap();
    assert_eq!(
        (hub.name().as_deref(), hub.email.as_deref()),
        (Some("docker-hub"), Some("a@b.c"))
    );
    assert!(matches!(hub.login, FoundLogin::Here(_)));
    let read_back = rapyuta("a.yaml", &manifest(json!({"username": "acme"}))).unwrap();
    assert!(unusable(&read_back.login).contains("it has no password"));
    let other = json!({"spec": {"type": "Git"}});
    assert_eq!(rapyuta("a.yaml", &other), None);
}

#[test]
fn answers_of_helpers_are_read_and_never_repeated() {
    let good = json!({"ServerURL": "x", "Username": "robot", "Secret": CANARY}).to_string();
    assert_eq!(login(true, good.as_bytes()).unwrap().unwrap().password(), CANARY);
    assert_eq!(
        login(false, b"credentials not found in native keychain\n").unwrap(),
        None
    );
    let nothing = json!({"ServerURL": "x", "Username": "", "Secret": ""}).to_string();
    assert_eq!(login(true, nothing.as_bytes()).unwrap(), None);
    let token = json!({"Username": "<token>", "Secret": CANARY}).to_string();
    for (succeeded, answer, part) in [
        (false, CANARY, "failed"),
        (true, CANARY, "no credential helper"),
        (true, "{}", "no credential helper"),
        (true, r#"{"Username": "", "Secret": "x"}"#, "empty user name"),
        (true, &token, "identity token"),
    ] {
        let problem = login(succeeded, answer.as_bytes()).unwrap_err();
        assert!(problem.contains(part) && !problem.contains(CANARY), "{problem}");
    }
    assert_eq!(listed(true, br#"{"https://a": "u", "b": "v"}"#), ["b", "https://a"]);
    assert!(listed(true, b"garbage").is_empty() && listed(false, b"{\"a\": \"b\"}").is_empty());
    let key = dps::domain::registry::key::RegistryKey::of_config_entry("https://r.example.com/v2/").unwrap();
    let asked = servers("https://r.example.com/v2/", &key);
    assert_eq!(
        asked,
        ["https://r.example.com/v2/", "r.example.com", "https://r.example.com"]
    );
    let names = ["a", "b", "a"].map(|name| Some(name.to_owned()));
    assert_eq!(ambiguous(&names), [true, false, true]);
    assert_eq!(chosen("1, 3", 3).unwrap(), [0, 2]);
    assert_eq!(chosen("all", 2).unwrap(), [0, 1]);
    for wrong in ["", "0", "4", "x"] {
        chosen(wrong, 3).unwrap_err();
    }
}

/// A folder with a docker config, and with helpers on PATH.
struct Machine(TempDir);

impl Machine {
    fn new(config: &Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        Self(folder)
    }

    fn helper(&self, name: &str, script: &str) {
        let file = self.0.path().join(format!("docker-credential-{name}"));
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn import(&self, arguments: &[&str]) -> Output {
        let folder = self.path().to_str().unwrap();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap());
        let variables = [("DOCKER_CONFIG", folder), ("PATH", path.as_str())];
        let all = [&["import", "--export", "--no-verify"], arguments].concat();
        let output = dps_in(&variables, &all, "");
        assert!(!output.stderr.contains(CANARY), "{}", output.stderr);
        output
    }
}

#[test]
fn login_in_a_helper_is_exported_and_renders() {
    let machine = Machine::new(
        &json!({"auths": {"https://index.docker.io/v1/": {}}, "credsStore": "fake",
        "credHelpers": {"own.example.com": "own"}}),
    );
    machine.helper("fake", &format!(r#"case $1 in
get) read -r server; [ "$server" = https://index.docker.io/v1/ ] || {{ echo 'credentials not found in native keychain'; exit 1; }}
  echo '{{"ServerURL":"x","Username":"acme","Secret":"{CANARY}"}}';;
list) echo '{{"https://index.docker.io/v1/":"acme","https://more.example.com":"robot"}}';;
esac"#));
    machine.helper(
        "own",
        "cat >/dev/null; echo 'credentials not found in native keychain'; exit 1",
    );
    let asked = machine.import(&[]);
    assert_eq!(asked.code, 2);
    assert!(
        asked.stderr.contains("choose with --registry HOST or --all"),
        "{}",
        asked.stderr
    );
    let hub = machine.import(&["--registry", "docker.io", "-n", "team"]);
    assert_eq!(hub.code, 0, "{}", hub.stderr);
    let rendered = dps(&["render", "-o", "json", "-f", "-"], &hub.stdout);
    assert_eq!(rendered.code, 0, "{}", rendered.stderr);
    let rendered: Value = serde_json::from_str(&rendered.stdout).unwrap();
    assert_eq!(
        rendered["items"][0]["metadata"],
        json!({"name": "docker-hub", "namespace": "team",
        "labels": {"app.kubernetes.io/managed-by": "docker-pull-secret-operator"}})
    );
    let all = machine.import(&["--all"]);
    assert_eq!(all.code, 1, "{}", all.stderr);
    for part in [
        "own.example.com: not imported: docker-credential-own has no login for own.example.com: log in first",
        "https://more.example.com: not imported: docker-credential-fake has no login for more.example.com",
        "https://index.docker.io/v1/: DockerPullSecret docker-hub printed",
    ] {
        assert!(all.stderr.contains(part), "{}", all.stderr);
    }
}

#[test]
fn broken_helpers_are_named_and_nothing_of_theirs_is_shown() {
    let config = json!({"credHelpers": {"garbage.example.com": "garbage", "huge.example.com": "huge", "fails.example.com": "fails",
        "missing.example.com": "missing", "token.example.com": "token", "closed.example.com": "closed"}});
    let machine = Machine::new(&config);
    machine.helper("garbage", &format!("cat >/dev/null; echo '{CANARY}'"));
    machine.helper(
        "huge",
        &format!("cat >/dev/null; head -c 10000000 /dev/zero | tr '\\0' x; echo '{CANARY}'"),
    );
    machine.helper(
        "fails",
        &format!("cat >/dev/null; echo '{CANARY}'; echo '{CANARY}' >&2; exit 1"),
    );
    machine.helper(
        "token",
        &format!("cat >/dev/null; echo '{{\"Username\":\"<token>\",\"Secret\":\"{CANARY}\"}}'"),
    );
    machine.helper("closed", "exec <&- >&-; exit 3");
    let output = machine.import(&["--all"]);
    assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{}", output.stderr);
    for part in [
        "garbage.example.com: not imported: docker-credential-garbage answered something else than JSON",
        "huge.example.com: not imported: docker-credential-huge answered with more than 64 KiB",
        "fails.example.com: not imported: docker-credential-fails failed",
        "missing.example.com: not imported: docker-credential-missing is not on PATH",
        "token.example.com: not imported: docker-credential-token has an identity token",
        "closed.example.com: not imported: docker-credential-closed failed",
    ] {
        assert!(output.stderr.contains(part), "{}", output.stderr);
    }
}
