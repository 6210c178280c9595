//! The one pair of credentials that a referenced Secret gives.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use dps::api::Reason::{self, *};
use dps::domain::credential_source::{Resolved, resolve};
use dps::domain::problem::Problem;
use dps::domain::spec::validate::validate;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use super::{hub, private, resource, secret, with};

fn read(spec: &Value, secret: Option<&Secret>) -> Result<Resolved, Problem> {
    resolve(&validate(&resource(spec)).unwrap(), secret)
}

fn pair(resolved: &Resolved) -> (&str, &str) {
    (resolved.credentials.username(), resolved.credentials.password())
}

fn auth(pair: &str) -> String {
    STANDARD.encode(pair)
}

fn config(key: &str, entry: &Value) -> String {
    json!({"auths": {key: entry}}).to_string()
}

#[test]
fn source_in_any_form_gives_the_credentials() {
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
        assert_eq!(pair(&found), ("user", "word"), "{data:?}");
    }
}

#[test]
fn unusual_credentials_are_kept_as_they_are() {
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
            (pair(&found), found.warnings.len()),
            (expected, warnings),
            "{username:?}: {:?}",
            found.warnings
        );
    }
    for (token, password) in [
        (URL_SAFE.encode("user:w?>~~"), "w?>~~"),
        (auth("user:word\0\0"), "word"),
        (auth("user:a:b"), "a:b"),
    ] {
        let found = read(&hub(), Some(&secret(&[("auth", &token)]))).unwrap();
        assert_eq!(pair(&found), ("user", password));
    }
}

#[test]
#[allow(clippy::type_complexity, clippy::too_many_lines, reason = "a table")]
fn unusable_credentials_are_refused_with_reason() {
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
        (vec![("config.json", config(registry, &json!({})))], Malformed, "without credentials"),
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
            Ambiguous, "entries for registry.example.com with different credentials"),
        (vec![("username", "u".into()), ("password", "p".into()), ("auth", auth("u:other"))], Ambiguous, "key \"auth\" and keys \"username\" and \"password\""),
        (vec![("username", "x".into()), ("auth", auth("u:p"))], Ambiguous, "key \"username\" and key \"auth\""),
        // Something unreadable beside valid credentials is not ignored.
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
}

#[test]
fn only_types_that_may_hold_registry_credentials_are_read() {
    for (secret_type, is_read) in [
        (None, true),
        (Some(""), true),
        (Some("Opaque"), true),
        (Some("kubernetes.io/basic-auth"), true),
        (Some("kubernetes.io/dockercfg"), true),
        (Some("kubernetes.io/dockerconfigjson"), true),
        (Some("opaque"), false),
        (Some("kubernetes.io/service-account-token"), false),
        (Some("bootstrap.kubernetes.io/token"), false),
        (Some("kubernetes.io/tls"), false),
        (Some("kubernetes.io/ssh-auth"), false),
        (Some("helm.sh/release.v1"), false),
        (Some("example.com/custom"), false),
    ] {
        let source = Secret {
            type_: secret_type.map(str::to_owned),
            ..secret(&[("username", "u"), ("password", "p")])
        };
        match read(&hub(), Some(&source)) {
            Ok(_) => assert!(is_read, "{secret_type:?}"),
            Err(problem) => assert_eq!(
                (is_read, problem.reason),
                (false, ForbiddenSecretType),
                "{secret_type:?}"
            ),
        }
    }
}

#[test]
fn one_key_is_not_user_name_and_password() {
    for (keys, is_read) in [
        (json!({"username": "api-token", "password": "api-token"}), false),
        (json!({"username": "password"}), false),
        (json!({"password": "username"}), false),
        (json!({"password": "api-token"}), true),
        (json!({"username": "api-token"}), true),
        (json!({"email": "username"}), true),
    ] {
        let spec = with(hub(), json!({"credentialsRef": {"name": "login", "keys": keys}}));
        match validate(&resource(&spec)) {
            Ok(_) => assert!(is_read, "{keys}"),
            Err(problem) => assert_eq!((is_read, problem.reason), (false, InvalidSpec), "{keys}"),
        }
    }
}

#[test]
fn named_keys_are_the_only_ones_read() {
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
    assert_eq!((pair(&found), found.email.as_deref()), (("u", "p"), Some("a@b")));
    assert_eq!(
        pair(&read(&keys(json!({"auth": "alt"})), Some(&data)).unwrap()),
        ("alt", "login")
    );
    assert_eq!(
        pair(&read(&keys(json!({"email": "mail"})), Some(&data)).unwrap()),
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
fn document_with_several_entries_most_specific_serves() {
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
        assert_eq!(pair(&read(&spec, Some(&secret)).unwrap()).0, user, "{spec}");
    }
}

#[test]
fn auth_that_differs_from_username_and_password_wins_with_warning() {
    let entry = json!({"auth": auth("a:b"), "username": "c", "password": "d", "email": "e@f"});
    let found = read(
        &private("r.example.com"),
        Some(&secret(&[("config.json", &config("r.example.com", &entry))])),
    )
    .unwrap();
    assert_eq!((pair(&found), found.email.as_deref()), (("a", "b"), Some("e@f")));
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

/// A store knows credentials by the words with which `docker login` was called, not by what an image begins with.
#[test]
fn credential_store_command_uses_key_of_docker_login() {
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

const MARK: &str = "\u{feff}";

/// A value, the keys beside it, and a part of the one warning that is expected.
struct Trimmed {
    data: Vec<(&'static str, String)>,
    warnings: &'static [&'static str],
}

#[test]
fn value_with_byte_order_mark_or_final_line_break_is_trimmed_with_warning() {
    let registry = "registry.example.com";
    let document = |entry: Value| vec![("config.json", config(registry, &entry))];
    for Trimmed { data, warnings } in [
        Trimmed {
            data: vec![
                ("username", format!("{MARK}user\r\n")),
                ("password", format!("{MARK}word")),
            ],
            warnings: &[
                "key \"username\" of Secret \"login\" begins with a byte order mark",
                "key \"username\" of Secret \"login\" ends with a line break",
                "key \"password\" of Secret \"login\" begins with a byte order mark",
            ],
        },
        Trimmed {
            data: vec![("auth", format!("{MARK}{}", auth("user:word")))],
            warnings: &["key \"auth\" of Secret \"login\" begins with a byte order mark"],
        },
        Trimmed {
            data: vec![("auth", auth(&format!("{MARK}user:word\n")))],
            warnings: &[
                "begins with a byte order mark",
                "ends with a line break, which is left out",
            ],
        },
        Trimmed {
            data: document(json!({"auth": auth("user:word\n")})),
            warnings: &["key \"config.json\" of Secret \"login\": a value of its entry ends with a line break"],
        },
        Trimmed {
            data: document(json!({"auth": auth(&format!("user:{MARK}word"))})),
            warnings: &["begins with a byte order mark"],
        },
        Trimmed {
            data: document(json!({"username": "user\n", "password": "word\r\n"})),
            warnings: &["ends with a line break", "ends with a line break"],
        },
        Trimmed {
            data: vec![(
                ".dockercfg",
                json!({registry: {"username": format!("{MARK}user"), "password": "word"}}).to_string(),
            )],
            warnings: &["begins with a byte order mark"],
        },
        Trimmed {
            data: vec![(
                "config.json",
                format!("{MARK}{}", config(registry, &json!({"auth": auth("user:word")}))),
            )],
            warnings: &["key \"config.json\" of Secret \"login\": it begins with a byte order mark"],
        },
        Trimmed {
            data: document(json!({"auth": auth("user:word"), "username": "user", "password": "word\n"})),
            warnings: &[],
        },
    ] {
        let data: Vec<(&str, &str)> = data.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let found =
            read(&private(registry), Some(&secret(&data))).unwrap_or_else(|problem| panic!("{data:?}: {problem:?}"));
        assert_eq!(pair(&found), ("user", "word"), "{data:?}");
        assert_eq!(found.warnings.len(), warnings.len(), "{data:?}: {:?}", found.warnings);
        for (warning, expected) in found.warnings.iter().zip(warnings) {
            assert!(warning.contains(expected), "{data:?}: {warning}");
        }
    }
}

#[test]
fn byte_order_mark_inside_a_value_is_malformed() {
    for data in [
        [("username", format!("us{MARK}er")), ("password", "word".to_owned())],
        [("username", "user".to_owned()), ("password", format!("word{MARK}"))],
        [("auth", auth(&format!("user{MARK}:word"))), ("x", String::new())],
        [
            (
                "config.json",
                config(
                    "registry.example.com",
                    &json!({"auth": auth(&format!("user:wo{MARK}rd"))}),
                ),
            ),
            ("x", String::new()),
        ],
    ] {
        let data = data.each_ref().map(|(key, value)| (*key, value.as_str()));
        let problem = read(&private("registry.example.com"), Some(&secret(&data))).unwrap_err();
        assert_eq!(problem.reason, Malformed, "{data:?}");
        assert!(
            problem.message.contains("byte order mark (U+FEFF) inside"),
            "{}",
            problem.message
        );
    }
}

#[test]
fn unreadable_document_names_the_cause() {
    let document = config("registry.example.com", &json!({"auth": auth("user:word")}));
    let utf16 = |text: &str, little: bool, mark: bool| -> Vec<u8> {
        let units = mark.then_some(0xfeff).into_iter().chain(text.encode_utf16());
        units
            .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
            .collect()
    };
    let once = auth(&document);
    let folded: String = once
        .as_bytes()
        .chunks(20)
        .flat_map(|line| [std::str::from_utf8(line).unwrap(), "\n"])
        .collect();
    for (key, value, sentence) in [
        ("config.json", once.clone().into_bytes(), "encoded once too often"),
        (".dockerconfigjson", auth(&once).into_bytes(), "encoded once too often"),
        (".dockercfg", folded.into_bytes(), "encoded once too often"),
        (
            "config.json",
            STANDARD_NO_PAD.encode(&document).into_bytes(),
            "encoded once too often",
        ),
        ("config.json", json!(document).to_string().into_bytes(), "encoded twice"),
        ("config.json", utf16(&document, true, true), "UTF-16"),
        ("config.json", utf16(&document, false, true), "UTF-16"),
        ("config.json", utf16(&document, true, false), "UTF-16"),
        ("config.json", utf16(&document, false, false), "UTF-16"),
        (
            "username",
            utf16("user", true, true),
            "key \"username\" of Secret \"login\" is UTF-16 text",
        ),
        ("auth", utf16(&auth("user:word"), true, true), "UTF-16"),
        (
            "auth",
            STANDARD.encode(utf16("user:word", true, true)).into_bytes(),
            "not of UTF-8 text",
        ),
        ("config.json", b" \n".to_vec(), "is empty"),
        ("config.json", b"{".to_vec(), "is not JSON (line 1, column 1)"),
    ] {
        let mut secret = secret(&[]);
        secret.data = Some([(key.to_owned(), k8s_openapi::ByteString(value))].into());
        let problem = read(&private("registry.example.com"), Some(&secret)).unwrap_err();
        assert_eq!(problem.reason, Malformed, "{key}: {}", problem.message);
        assert!(problem.message.contains(sentence), "{sentence}: {}", problem.message);
    }
}

/// Entries of which only one is sent by the kubelet.
#[test]
fn document_with_entries_that_hold_nothing_uses_the_full_one() {
    let full = json!({"auth": auth("user:word")});
    let host = "registry.example.com";
    for (auths, warnings) in [
        (json!({"https://registry.example.com": {}, host: full}), 0),
        (json!({host: {}, "https://registry.example.com/v2/": full}), 0),
        (json!({host: null, "https://registry.example.com": full}), 0),
        (json!({host: {"email": "a@b"}, "https://registry.example.com": full}), 0),
        (
            json!({host: {"identitytoken": "x"}, "https://registry.example.com": full}),
            0,
        ),
        (json!({"registry.example.com/team": {}, host: full}), 0),
        (json!({host: {}, "*.example.com": full}), 0),
        // The kubelet matches only the lower-case key.
        (
            json!({"Registry.example.com": {"auth": auth("other:word")}, host: full}),
            1,
        ),
        (
            json!({"https://registry.example.com/v2": {"auth": auth("other:word")}, host: full}),
            1,
        ),
    ] {
        let document = json!({"auths": auths, "credsStore": "pass"}).to_string();
        let found = read(
            &private("registry.example.com/team"),
            Some(&secret(&[("config.json", &document)])),
        );
        let found = found.unwrap_or_else(|problem| panic!("{document}: {problem:?}"));
        assert_eq!(
            (pair(&found), found.warnings.len()),
            (("user", "word"), warnings),
            "{document}: {:?}",
            found.warnings
        );
    }
}

#[test]
fn document_with_repeated_names_is_read_as_go_does() {
    let (full, other) = (
        format!(r#"{{"auth":"{}"}}"#, auth("user:word")),
        format!(r#"{{"auth":"{}"}}"#, auth("old:word")),
    );
    for document in [
        format!(r#"{{"auths":{{"registry.example.com":{full}}},"auths":{{"other.example.com":{other}}}}}"#),
        format!(r#"{{"Auths":{{"registry.example.com":{other}}},"auths":{{"registry.example.com":{full}}}}}"#),
        format!(r#"{{"auths":{{"registry.example.com":{full}}},"AUTHS":{{"x.example.com":{other}}}}}"#),
        format!(r#"{{"auths":{{"registry.example.com":{other},"registry.example.com":{full}}}}}"#),
        format!(r#"{{"auths":null,"auths":{{"registry.example.com":{full}}}}}"#),
        r#"{"auths":{"registry.example.com":{"username":"user","password":"old","Password":"word","password":null}}}"#
            .to_owned(),
    ] {
        let found = read(
            &private("registry.example.com"),
            Some(&secret(&[("config.json", &document)])),
        );
        let found = found.unwrap_or_else(|problem| panic!("{document}: {problem:?}"));
        assert_eq!(pair(&found), ("user", "word"), "{document}");
    }
}

#[test]
fn credential_helper_of_the_registry_is_named_before_the_store() {
    let host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    for (document, expected) in [
        (
            json!({"auths": {host: {}}, "credHelpers": {host: "ecr-login"}, "credsStore": "secretservice"}),
            Some("docker-credential-ecr-login get"),
        ),
        (
            json!({"auths": {host: {}}, "credHelpers": {host: "ecr-login"}}),
            Some("docker-credential-ecr-login get"),
        ),
        (
            json!({"auths": {host: {}}, "credHelpers": {"other.example.com": "other"}, "credsStore": "pass"}),
            Some("docker-credential-pass get"),
        ),
        (
            json!({"auths": {host: {}}, "credHelpers": {host: " "}, "credsStore": "pass"}),
            Some("docker-credential-pass get"),
        ),
        (json!({"auths": {host: {}}, "credHelpers": {host: ""}}), None),
        (
            json!({"auths": {host: {}}, "credHelpers": {host: ""}, "credsStore": ""}),
            None,
        ),
    ] {
        let text = document.to_string();
        let problem = read(&private(host), Some(&secret(&[("config.json", &text)]))).unwrap_err();
        let reason = if expected.is_some() {
            CredentialStoreOnly
        } else {
            Malformed
        };
        assert_eq!(problem.reason, reason, "{document}: {}", problem.message);
        assert!(
            problem.message.contains(expected.unwrap_or("without credentials")),
            "{document}: {}",
            problem.message
        );
    }
}

#[test]
fn docker_hub_entry_for_a_namespace_is_listed_with_remedy() {
    for key in ["docker.io/acme", "https://index.docker.io/acme", "docker.io/acme/app"] {
        let document = config(key, &json!({"auth": auth("acme:pat")}));
        let problem = read(&hub(), Some(&secret(&[("config.json", &document)]))).unwrap_err();
        assert_eq!(problem.reason, NoEntryForRegistry);
        assert!(
            problem
                .message
                .contains(&format!("it has {key:?}: type DockerHub has one key")),
            "{}",
            problem.message
        );
    }
    let document = config("https://user:word@quay.io/x", &json!({"auth": auth("acme:pat")}));
    let problem = read(&hub(), Some(&secret(&[("config.json", &document)]))).unwrap_err();
    assert!(
        problem.message.contains("it has \"https://[redacted]@quay.io/x\""),
        "{}",
        problem.message
    );
}

#[test]
fn identity_of_credentials_differs_by_registry_and_keys() {
    let source = |keys: &[(&str, &str)]| {
        let mut source = secret(keys);
        (source.metadata.uid, source.metadata.resource_version) = (Some("uid".to_owned()), Some("7".to_owned()));
        source
    };
    let source = source(&[("username", "u"), ("password", "p"), ("new", "n")]);
    let with_keys = |keys: Value| {
        with(
            private("r.example.com"),
            json!({"credentialsRef": {"name": "login", "keys": keys}}),
        )
    };
    for (spec, identity) in [
        (private("r.example.com"), "uid/7 r.example.com"),
        (private("r.example.com/team"), "uid/7 r.example.com/team"),
        (with_keys(json!({})), "uid/7 r.example.com"),
        (
            with_keys(json!({"password": "new", "username": "username"})),
            r#"uid/7 {"username":"username","password":"new"}r.example.com"#,
        ),
        (
            with_keys(json!({"username": "new", "password": "password"})),
            r#"uid/7 {"username":"new","password":"password"}r.example.com"#,
        ),
    ] {
        assert_eq!(read(&spec, Some(&source)).unwrap().identity.as_str(), identity);
    }
}

#[test]
fn user_name_of_a_robot_that_a_shell_has_cut_gives_a_warning() {
    let harbor = private("harbor.example.com/team");
    for (spec, user, warns) in [
        (&harbor, "robot", true),
        (&harbor, "robot+ci", true),
        (&harbor, "robot$ci", false),
        (&harbor, "robot$team+ci", false),
        (&harbor, "robots", false),
        (&harbor, "ci-robot", false),
        (&private("quay.io"), "robot+ci", false),
        (&hub(), "robot", false),
    ] {
        let found = read(spec, Some(&secret(&[("username", user), ("password", "word")]))).unwrap();
        let warning = "the user name in Secret \"login\" has no $";
        assert_eq!(
            found.warnings.iter().any(|said| said.starts_with(warning)),
            warns,
            "{user}: {:?}",
            found.warnings
        );
        assert_eq!(found.credentials.username(), user);
    }
}
