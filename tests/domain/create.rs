//! `dps create` without a cluster: the form in a real terminal, and what it prints for Git.

mod minted;

use std::path::Path;

use serde_json::{Value, json};

use crate::support::canary::CANARY;
use crate::support::dps::dps;
use crate::support::registries::{Scripted, answer};
use crate::support::typed::{Typed, interrupt_at_each_question};

/// Accepts only the canary as the password.
fn registry() -> Scripted {
    use base64::Engine as _;
    let good = base64::engine::general_purpose::STANDARD.encode(format!("robot:{CANARY}"));
    Scripted::start(move |head, _| {
        if head.contains(&format!(": Basic {good}")) {
            answer("200 OK", &[], "")
        } else {
            answer("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"x\""], "")
        }
    })
}

#[test]
fn form_typed_in_a_terminal_notices_a_wrong_password() {
    let registry = registry();
    let mut typed = Typed::start("create --export --plain-http");
    typed.answer("Name: ", "Company");
    typed.session.exp_string("must be 1 to 247 lower-case letters").unwrap();
    typed.answer("Name: ", "company");
    typed.answer("Type (1 = Docker Hub, 2 = private registry): ", "2");
    typed.answer("Registry URL", &format!("http://{}/v2/", registry.address));
    typed
        .session
        .exp_string(&format!("images that begin with {}", registry.address))
        .unwrap();
    typed.answer("User name: ", "robot");
    typed.answer("Password or access token: ", "wrong");
    typed.answer("Email (optional): ", "");
    typed.session.exp_string("Rejected: ").unwrap();
    typed.answer("User name: ", "robot");
    typed.answer("Password or access token: ", CANARY);
    let (screen, out) = typed.end(0);
    assert!(screen.contains("Accepted: ") && !screen.contains(CANARY), "{screen}");
    let rendered = dps(&["render", "-o", "json", "-f", "-"], &out);
    let rendered: Value = serde_json::from_str(&rendered.stdout).unwrap();
    assert_eq!(rendered["items"][0]["metadata"]["name"], "company");
    assert!(out.contains(&format!("registryUrl: {}", registry.address)), "{out}");
}

#[test]
fn three_wrong_passwords_end_it() {
    let registry = registry();
    let mut typed = Typed::start(&format!(
        "create --export app --plain-http --username robot --registry-url {}",
        registry.address
    ));
    typed.answer("Password or access token: ", "wrong");
    for _ in 0..2 {
        typed.answer("User name: ", "robot");
        typed.answer("Password or access token: ", "wrong");
    }
    let (screen, out) = typed.end(1);
    assert!(screen.contains("Nothing was written.") && out.is_empty(), "{screen}");
}

#[test]
fn interruption_at_each_question_leaves_nothing() {
    interrupt_at_each_question("create --export");
}

#[test]
fn what_is_missing_is_named_where_nobody_can_be_asked() {
    let nothing = dps(&["create", "--export"], "");
    assert_eq!(nothing.code, 2);
    let wanted = "dps create: missing: NAME, --registry-url (or --type DockerHub), --username (or --from-secret, --mint-as), --password-stdin or --password-file. On a terminal, dps asks for what is missing\n";
    assert_eq!(nothing.stderr, wanted);
    let password = dps(
        &["create", "hub", "--export", "--type", "DockerHub", "--username", "acme"],
        "",
    );
    assert!(
        password
            .stderr
            .contains("missing: --password-stdin or --password-file."),
        "{}",
        password.stderr
    );
}

#[test]
fn rejected_or_unanswered_login_is_not_exported() {
    let registry = registry();
    let create = |registry: &str, more: &[&str]| {
        let arguments = [
            "create",
            "app",
            "--export",
            "--registry-url",
            registry,
            "--username",
            "robot",
            "--password-stdin",
            "--plain-http",
        ];
        dps(&[&arguments[..], more].concat(), "wrong\n")
    };
    let rejected = create(&registry.address, &[]);
    assert_eq!(
        (rejected.code, rejected.stdout.as_str()),
        (1, ""),
        "{}",
        rejected.stderr
    );
    assert!(rejected.stderr.contains("Nothing was written."), "{}", rejected.stderr);
    let unanswered = create("registry.invalid", &[]);
    assert_eq!(
        (unanswered.code, unanswered.stdout.as_str()),
        (3, ""),
        "{}",
        unanswered.stderr
    );
    assert!(
        unanswered
            .stderr
            .contains("Use --no-verify to write without logging in."),
        "{}",
        unanswered.stderr
    );
    assert_eq!(create("registry.invalid", &["--no-verify"]).code, 0);
}

#[test]
fn text_is_read_as_shells_of_windows_write_it() {
    let arguments = [
        "create",
        "app",
        "--export",
        "--no-verify",
        "--registry-url",
        "registry.example.com",
        "--username",
        "acme",
        "--password-stdin",
    ];
    for piped in ["a-password", "a-password\r\n", "\u{feff}a-password\r\n"] {
        let made = dps(&arguments, piped);
        assert!(made.stdout.contains("  password: a-password\n"), "{}", made.stderr);
        let windows = format!("\u{feff}{}", made.stdout.replace('\n', "\r\n"));
        let rendered = dps(&["render", "-f", "-"], &windows);
        assert_eq!((rendered.code, rendered.stderr.as_str()), (0, ""));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.yaml");
    let redirected: Vec<u8> = "\u{feff}kind: Secret"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    std::fs::write(&file, redirected).unwrap();
    let path = file.to_str().unwrap();
    let refused = dps(&["render", "-f", path], "");
    let words = "is UTF-16 text: save it as UTF-8 (PowerShell 5 writes UTF-16 with \">\")";
    assert_eq!(
        (refused.code, refused.stderr),
        (2, format!("dps render: {path} {words}\n"))
    );
}

/// Sample, arguments, password, and the Secret that is generated: as many as there are.
#[test]
fn all_samples_can_be_made_by_arguments() {
    let rows: [(&str, &str, &str, &str); 7] = [
        (
            "docker-hub.yaml",
            "docker-hub --type DockerHub --username acme --password-stdin",
            "an-access-token",
            "",
        ),
        (
            "private-registry.yaml",
            "team-registry --registry-url registry.example.com:5000 --username robot$ci --password-stdin --email ci@example.com --label team=a",
            "a-password",
            "",
        ),
        (
            "authorisation-token.yaml",
            "ghcr --registry-url ghcr.io/acme --from-secret ghcr-login",
            "",
            "login",
        ),
        (
            "docker-config.yaml",
            "quay --registry-url https://quay.io --from-secret docker-config",
            "",
            "login",
        ),
        (
            "legacy-dockercfg.yaml",
            "legacy --registry-url registry.example.org --from-secret legacy-login",
            "",
            "login",
        ),
        (
            "other-keys.yaml",
            "harbor --registry-url harbor.example.com/team --from-secret harbor-robot --key username=user --key password=token",
            "",
            "login",
        ),
        (
            "cluster/many-namespaces.yaml",
            "shared-registry --registry-url registry.example.com:5000 --login-secret shared-login --username robot$puller --password-stdin --namespace-selector registry=shared --exclude-namespace kube-*",
            "a-password",
            "",
        ),
    ];
    let samples = crate::support::repository().join("deploy/samples");
    let names = ["", "cluster"].iter().flat_map(|folder| {
        let files = std::fs::read_dir(samples.join(folder)).unwrap();
        files.map(move |file| Path::new(folder).join(file.unwrap().file_name()))
    });
    // The Deployment that uses them needs no login.
    let files = names.filter(|name| samples.join(name).is_file() && name != Path::new("deployment.yaml"));
    let mut made: Vec<String> = files.map(|name| name.display().to_string()).collect();
    let mut known = rows.map(|(sample, ..)| sample);
    made.sort();
    known.sort_unstable();
    assert_eq!(made, known);
    for (sample, arguments, password, login) in rows {
        let arguments: Vec<&str> = ["create", "--export", "--no-verify"]
            .into_iter()
            .chain(arguments.split(' '))
            .collect();
        let made = dps(&arguments, password);
        assert_eq!(made.code, 0, "{sample}: {}", made.stderr);
        let file = std::fs::read_to_string(samples.join(sample)).unwrap();
        let mut made = made.stdout;
        if login == "login" {
            made = format!("{}\n{made}", file.split("---").next().unwrap());
        }
        let namespace = "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: web, labels: {registry: shared}}\n";
        let render = |input: &str| {
            let rendered = dps(&["render", "-o", "json", "-f", "-"], &format!("{input}{namespace}"));
            assert_eq!(rendered.code, 0, "{sample}: {}", rendered.stderr);
            let mut list: Value = serde_json::from_str(&rendered.stdout).unwrap();
            for secret in list["items"].as_array_mut().unwrap() {
                // A hash of the resource's generation and of the source, which a file has none of.
                secret["metadata"]["annotations"] = json!(null);
            }
            list
        };
        let wanted = render(&file);
        assert_eq!(wanted["items"].as_array().unwrap().len(), 1, "{sample}");
        assert_eq!(render(&made), wanted, "{sample}");
    }
}
