//! The one login that a referenced Secret gives.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use dps::api::Reason::{self, *};
use dps::domain::credential_source::from_secret::{Resolved, resolve};
use dps::domain::problem::Problem;
use dps::domain::spec::validate::validate;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::{hub, private, resource, secret, with};

fn read(spec: &Value, secret: Option<&Secret>) -> Result<Resolved, Problem> {
    resolve(&validate(&resource(spec)).unwrap(), secret)
}

fn login(resolved: &Resolved) -> (&str, &str) {
    (resolved.login.username(), resolved.login.password())
}

fn auth(login: &str) -> String {
    STANDARD.encode(login)
}

fn config(key: &str, entry: &Value) -> String {
    json!({"auths": {key: entry}}).to_string()
}

#[test]
fn every_form_gives_the_login() {
    let entry = json!({"auth": auth("user:word")});
    let both = json!({"username": "user", "password": "word", "email": "a@b"});
    for data in [
        vec![("username", "user".to_owned()), ("password", "word".to_owned())],
        vec![("auth", auth("user:word"))],
        vec![("auth", format!("{}\n", auth("user:word")))],
        vec![("auth", STANDARD_NO_PAD.encode("user:word"))],
        vec![(".dockerconfigjson", config("registry.example.com", &entry))],
        vec![(".dockerconfigjson", config("https://registry.example.com/v2/", &both))],
        vec![("config.json", config("registry.example.com", &entry))],
        vec![(
            "config.json",
            json!({"Auths": {"registry.example.com": {"USERNAME": "user", "Password": "word"}}}).to_string(),
        )],
        vec![("config.json", json!({"registry.example.com": entry}).to_string())],
        vec![(".dockercfg", json!({"registry.example.com": entry}).to_string())],
        vec![(".dockercfg", config("registry.example.com", &entry))],
        // Several forms that agree, and a document about something else.
        vec![
            ("username", "user".to_owned()),
            ("password", "word".to_owned()),
            ("auth", auth("user:word")),
        ],
        vec![("username", "user".to_owned()), ("auth", auth("user:word"))],
        vec![("auth", auth("user:word")), ("config.json", config("quay.io", &entry))],
    ] {
        let data: Vec<(&str, &str)> = data.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let found = read(&private("registry.example.com"), Some(&secret(&data)))
            .unwrap_or_else(|problem| panic!("{data:?}: {problem:?}"));
        assert_eq!(login(&found), ("user", "word"), "{data:?}");
    }
}

#[test]
fn unusual_logins_are_kept_as_they_are() {
    for (username, password, expected, warnings) in [
        ("robot$ci", "p:w:$x", ("robot$ci", "p:w:$x"), 0),
        ("user\n", "word\r\n", ("user", "word"), 2),
        (" user", "word ", (" user", "word "), 2),
        (
            "_json_key",
            "{\n  \"type\": 1\n}\n",
            ("_json_key", "{\n  \"type\": 1\n}"),
            1,
        ),
        ("üser", "пароль", ("üser", "пароль"), 0),
    ] {
        let found = read(&hub(), Some(&secret(&[("username", username), ("password", password)]))).unwrap();
        assert_eq!(
            (login(&found), found.warnings.len()),
            (expected, warnings),
            "{username:?}: {:?}",
            found.warnings
        );
    }
    for (token, password) in [
        (URL_SAFE.encode("user:w?>~~"), "w?>~~"),
        (auth("user:word\0\0"), "word"),
        (auth("user:a:b\n"), "a:b"),
    ] {
        let found = read(&hub(), Some(&secret(&[("auth", &token)]))).unwrap();
        assert_eq!(login(&found), ("user", password));
    }
}

#[test]
#[allow(clippy::type_complexity, clippy::too_many_lines, reason = "a table")]
fn what_cannot_be_a_login_is_refused_with_a_reason() {
    let registry = "registry.example.com";
    let table: Vec<(Vec<(&str, String)>, Reason, &str)> = vec![
        (vec![], KeyMissing, "none of the keys"),
        (vec![("user", "u".into())], KeyMissing, "it has \"user\""),
        (vec![("username", "u".into())], KeyMissing, "no key \"password\""),
        (vec![("password", "p".into())], KeyMissing, "no key \"username\""),
        (vec![("username", String::new()), ("password", "p".into())], Malformed, "empty user name"),
        (vec![("username", "u".into()), ("password", "\n".into())], Malformed, "empty password"),
        (vec![("username", "u:x".into()), ("password", "p".into())], Malformed, "':' in the user name"),
        (vec![("username", "u".into()), ("password", "a\nb".into())], Malformed, "line break inside the password"),
        (vec![("username", "u".into()), ("password", "a\0b".into())], Malformed, "NUL"),
        (vec![("username", "<token>".into()), ("password", "p".into())], IdentityTokenOnly, "identity token"),
        (vec![("auth", "user:word".into())], Malformed, "looks like plain username:password"),
        (vec![("auth", "%%%".into())], Malformed, "not base64"),
        (vec![("auth", auth("userword"))], Malformed, "no ':'"),
        (vec![("auth", auth(&auth("user:word")))], Malformed, "no ':'"),
        (vec![("auth", auth(":word"))], Malformed, "empty user name"),
        (vec![("config.json", "{".into())], Malformed, "is not JSON (line 1"),
        (vec![("config.json", "[]".into())], Malformed, "not an object"),
        (vec![("config.json", json!({"auths": []}).to_string())], Malformed, "\"auths\" that is not an object"),
        (vec![("config.json", config(registry, &json!("x")))], Malformed, "not an object"),
        (vec![("config.json", config(registry, &json!({"auth": 1})))], Malformed, "\"auth\" is not a string"),
        (vec![("config.json", config(registry, &json!({})))], Malformed, "holds no login"),
        (vec![("config.json", config(registry, &json!({"username": "u"})))], Malformed, "empty password"),
        (vec![("config.json", config(registry, &json!({"identitytoken": "x"})))], IdentityTokenOnly, "access token"),
        (vec![("config.json", config(registry, &json!({"auth": auth("u:"), "identitytoken": "x"})))], IdentityTokenOnly, ""),
        (vec![("config.json", config(registry, &json!({"registrytoken": "x"})))], IdentityTokenOnly, ""),
        (vec![("config.json", config("quay.io", &json!({"auth": auth("u:p")})))], NoEntryForRegistry, "it has \"quay.io\""),
        (vec![("config.json", json!({"auths": {}}).to_string())], NoEntryForRegistry, "it has nothing"),
        (vec![("config.json", json!({"auths": {registry: {}}, "credsStore": "desktop"}).to_string())], CredentialStoreOnly,
            "`echo registry.example.com | docker-credential-desktop get`"),
        (vec![("config.json", json!({"credsStore": "pass"}).to_string())], CredentialStoreOnly, "docker-credential-pass"),
        (vec![("config.json", json!({"auths": {}, "credHelpers": {registry: "ecr-login"}}).to_string())], CredentialStoreOnly, "docker-credential-ecr-login"),
        (vec![("config.json", json!({"auths": {}, "credsStore": "pass", "credHelpers": {"quay.io": "other"}}).to_string())], CredentialStoreOnly,
            "`echo registry.example.com | docker-credential-pass get`"),
        (vec![("config.json", json!({"auths": {registry: {"auth": auth("u:1")}, format!("https://{registry}/"): {"auth": auth("u:2")}}}).to_string())],
            Ambiguous, "entries for registry.example.com that disagree"),
        (vec![("username", "u".into()), ("password", "p".into()), ("auth", auth("u:other"))], Ambiguous, "key \"auth\" and keys \"username\" and \"password\""),
        (vec![("username", "x".into()), ("auth", auth("u:p"))], Ambiguous, "key \"username\" and key \"auth\""),
        // Something unreadable beside a good login is not passed over.
        (vec![("auth", "%%%".into()), ("username", "u".into()), ("password", "p".into())], Malformed, "\"auth\""),
    ];
    for (data, reason, sentence) in table {
        let data: Vec<(&str, &str)> = data.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let problem = read(&private(registry), Some(&secret(&data))).unwrap_err();
        assert_eq!(problem.reason, reason, "{data:?}: {}", problem.message);
        assert!(problem.message.contains(sentence), "{data:?}: {}", problem.message);
        assert!(
            problem.message.contains("\"login\""),
            "the Secret is named: {}",
            problem.message
        );
    }
    assert_eq!(read(&hub(), None).unwrap_err().reason, SecretNotFound);
    for forbidden in ["kubernetes.io/service-account-token", "bootstrap.kubernetes.io/token"] {
        let token = Secret {
            type_: Some(forbidden.to_owned()),
            ..secret(&[("username", "u"), ("password", "p")])
        };
        assert_eq!(read(&hub(), Some(&token)).unwrap_err().reason, ForbiddenSecretType);
    }
}

#[test]
fn named_keys_are_the_ones_that_are_read() {
    let data = secret(&[
        ("user", "u"),
        ("pw", "p"),
        ("auth", &auth("other:login")),
        ("mail", "a@b"),
        ("alt", &auth("alt:login")),
    ]);
    let keys = |keys: Value| with(hub(), json!({"credentialsRef": {"name": "login", "keys": keys}}));
    let found = read(
        &keys(json!({"username": "user", "password": "pw", "email": "mail"})),
        Some(&data),
    )
    .unwrap();
    assert_eq!((login(&found), found.email.as_deref()), (("u", "p"), Some("a@b")));
    assert_eq!(
        login(&read(&keys(json!({"auth": "alt"})), Some(&data)).unwrap()),
        ("alt", "login")
    );
    assert_eq!(
        login(&read(&keys(json!({"email": "mail"})), Some(&data)).unwrap()),
        ("other", "login"),
        "selects no form"
    );
    for missing in [
        json!({"username": "user"}),
        json!({"auth": "x"}),
        json!({"dockerConfigJson": "x"}),
        json!({"dockerCfg": "x"}),
        json!({"email": "x"}),
    ] {
        assert_eq!(
            read(&keys(missing.clone()), Some(&data)).unwrap_err().reason,
            KeyMissing,
            "{missing}"
        );
    }
}

#[test]
fn the_best_entry_of_a_document_serves() {
    let entry = |user: &str| json!({"auth": auth(&format!("{user}:word"))});
    let document = json!({"auths": {
        "registry.example.com": entry("host"), "registry.example.com/team": entry("team"), "registry.example.com/te": entry("te"),
        "*.example.com": entry("wild"), "docker.io": entry("hub"), "https://index.docker.io/v1": entry("hub"),
    }})
    .to_string();
    let secret = secret(&[("config.json", &document)]);
    for (spec, user) in [
        (private("registry.example.com"), "host"),
        (private("registry.example.com/team/app"), "team"),
        (private("registry.example.com/other"), "host"),
        (private("mirror.example.com"), "wild"),
        (hub(), "hub"),
    ] {
        assert_eq!(login(&read(&spec, Some(&secret)).unwrap()).0, user, "{spec}");
    }
}

#[test]
fn an_auth_that_differs_from_user_and_password_wins_and_is_warned_of() {
    let entry = json!({"auth": auth("a:b"), "username": "c", "password": "d", "email": "e@f"});
    let found = read(
        &private("r.example.com"),
        Some(&secret(&[("config.json", &config("r.example.com", &entry))])),
    )
    .unwrap();
    assert_eq!((login(&found), found.email.as_deref()), (("a", "b"), Some("e@f")));
    assert!(found.warnings[0].contains("\"auth\" is used"), "{:?}", found.warnings);
    let mine = with(private("r.example.com"), json!({"email": "mine@x"}));
    let found = read(
        &mine,
        Some(&secret(&[
            ("config.json", &config("r.example.com", &entry)),
            ("email", "other@x"),
        ])),
    )
    .unwrap();
    assert_eq!(found.email.as_deref(), Some("mine@x"), "the spec wins");
}

/// A store knows a login by the words with which `docker login` was called, not by what an image begins with.
#[test]
fn a_credential_store_is_asked_as_it_knows_the_login() {
    let below = private("ghcr.io/acme");
    for (spec, document, command) in [
        (
            &below,
            json!({"credHelpers": {"ghcr.io": "gh"}}),
            "echo ghcr.io | docker-credential-gh get",
        ),
        (
            &below,
            json!({"auths": {"ghcr.io": {}}, "credsStore": "pass"}),
            "echo ghcr.io | docker-credential-pass get",
        ),
        (
            &below,
            json!({"auths": {"https://ghcr.io": {}}, "credsStore": "pass"}),
            "echo https://ghcr.io | docker",
        ),
        (
            &below,
            json!({"auths": {"ghcr.io/acme": {}}, "credsStore": "pass"}),
            "echo ghcr.io/acme | docker",
        ),
        (&below, json!({"credsStore": "pass"}), "echo ghcr.io | docker"),
        (
            &hub(),
            json!({"credsStore": "pass"}),
            "echo https://index.docker.io/v1/ | docker",
        ),
        (
            &hub(),
            json!({"credHelpers": {"docker.io": "pass"}}),
            "echo docker.io | docker",
        ),
        // Nobody should paste that.
        (
            &below,
            json!({"credHelpers": {"ghcr.io/$(id)": "pass", "ghcr.io/acme": "gh"}}),
            "echo ghcr.io/acme | docker-credential-gh",
        ),
    ] {
        let document = document.to_string();
        let problem = read(spec, Some(&secret(&[("config.json", &document)]))).unwrap_err();
        assert_eq!(problem.reason, Reason::CredentialStoreOnly, "{document}");
        assert!(problem.message.contains(command), "{document}: {}", problem.message);
    }
}
