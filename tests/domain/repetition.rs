//! Text of others that repeats credentials is left out, whatever the spelling.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dps::domain::credentials::RegistryCredentials;
use dps::domain::credentials::repetition::{LEFT_OUT, Unrepeatable};
use proptest::prelude::*;

const PASSWORD: &str = "cAnary/+&<\"pw'é %Zz9Q";

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut shown, byte| {
        let _ = write!(shown, "{byte:02x}");
        shown
    })
}

fn percent(text: &str) -> String {
    text.bytes().fold(String::new(), |mut shown, byte| {
        let _ = write!(shown, "%{byte:02x}");
        shown
    })
}

fn json_escape(text: &str) -> String {
    text.encode_utf16().fold(String::new(), |mut shown, unit| {
        let _ = write!(shown, "\\u{unit:04x}");
        shown
    })
}

fn entities(text: &str) -> String {
    text.chars().fold(String::new(), |mut shown, c| {
        let _ = write!(shown, "&#x{:x};", u32::from(c));
        shown
    })
}

fn between(text: &str, with: &str) -> String {
    let letters: Vec<String> = text.chars().map(String::from).collect();
    letters.join(with)
}

/// What a hostile registry, or a proxy in front of one, makes of a password.
fn spellings(password: &str) -> Vec<(&'static str, String)> {
    let html = password
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;");
    let half: String = password.chars().take(password.chars().count() / 2).collect();
    vec![
        ("raw", password.to_owned()),
        ("upper case", password.to_uppercase()),
        ("lower case", password.to_lowercase()),
        ("reversed", password.chars().rev().collect()),
        (
            "all but its last letter",
            password.chars().take(password.chars().count() - 1).collect(),
        ),
        ("line break inside", password.replacen(&half, &format!("{half}\n"), 1)),
        ("NUL inside", password.replacen(&half, &format!("{half}\0"), 1)),
        (
            "zero width inside",
            password.replacen(&half, &format!("{half}\u{200b}"), 1),
        ),
        ("blanks between", between(password, " ")),
        ("zero width between", between(password, "\u{2060}")),
        ("dashes between", between(password, "-")),
        ("percent", percent(password)),
        ("percent twice", percent(&percent(password))),
        (
            "form",
            url::form_urlencoded::byte_serialize(password.as_bytes()).collect(),
        ),
        ("lower-case escape", password.replace('/', "%2f").replace(' ', "%20")),
        ("JSON", serde_json::to_string(password).unwrap()),
        (
            "JSON in JSON",
            serde_json::to_string(&serde_json::to_string(password).unwrap()).unwrap(),
        ),
        ("JSON escapes", json_escape(password)),
        ("HTML", html),
        ("entities", entities(password)),
        ("Debug", format!("{password:?}")),
        ("base64", STANDARD.encode(password)),
        ("base64 for URLs", URL_SAFE_NO_PAD.encode(password)),
        ("base64 at offset 1", STANDARD.encode(format!("x{password}"))),
        ("base64 at offset 2", STANDARD.encode(format!("xy{password}"))),
        ("base64 with user", STANDARD.encode(format!("robot:{password}"))),
        ("base64 twice", STANDARD.encode(STANDARD.encode(password))),
        ("base64 after letters", format!("a{}", STANDARD.encode(password))),
        ("base64 in two lines", {
            let text = STANDARD.encode(password);
            let (first, rest) = text.split_at(text.len() / 2);
            format!("{first}\r\n{rest}")
        }),
        ("hex", hex(password)),
        ("upper-case hex", hex(password).to_uppercase()),
        ("hex after a digit", format!("f{}", hex(password))),
        ("hex with colons", between(&hex(password), ":")),
    ]
}

fn secrets(password: &str) -> Unrepeatable {
    Unrepeatable::new(&RegistryCredentials::new("robot", password).unwrap())
}

#[test]
fn text_that_repeats_a_password_in_any_spelling_is_left_out() {
    for password in [
        PASSWORD,
        "hunter2",
        "a-Long_pass.word+of/42=letters",
        "密码密码密码密码",
    ] {
        for (name, spelling) in spellings(password) {
            for text in [
                spelling.clone(),
                format!("x {spelling}"),
                format!("denied: <{spelling}> at 12:00"),
            ] {
                assert_eq!(
                    secrets(password).repeat(&text),
                    LEFT_OUT,
                    "{name} of {password}: {text}"
                );
            }
        }
    }
}

#[test]
fn a_short_password_is_searched_as_a_whole() {
    for (password, text, left_out) in [
        ("p", "up", true),
        ("pw12", "it was pw12", true),
        ("pw12", "it was P W 1 2", true),
        ("pw12", "it was pw1 and 2", false),
        ("hunter2", "it was hunte", false),
        ("hunter2", "it was hunter", true),
    ] {
        let shown = secrets(password).repeat(text);
        assert_eq!(shown == LEFT_OUT, left_out, "{password}: {text}");
        assert!(left_out || shown == text, "{shown}");
    }
}

#[test]
fn other_text_is_repeated_as_it_is() {
    for text in [
        "",
        "unauthorized: authentication required",
        "denied: requested access to the resource is denied",
        "日本語 100% &amp; \\u0041 %zz &#xfffffff; \\u{zz} \\",
        "sha256:0123456789abcdef0123456789abcdef0123456789abcdef",
    ] {
        assert_eq!(secrets(PASSWORD).repeat(text), text);
    }
    let key = serde_json::json!({
        "type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADAN\n-----END PRIVATE KEY-----\n",
    });
    let secrets = Unrepeatable::new(&RegistryCredentials::new("_json_key", &key.to_string()).unwrap());
    for (text, shown) in [
        (
            "service account has no private key",
            "service account has no private key",
        ),
        ("IEvQIBA", LEFT_OUT),
    ] {
        assert_eq!(secrets.repeat(text), shown, "{text}");
    }
}

#[test]
fn a_name_that_everybody_knows_is_no_part_of_a_password() {
    let text = "harbor.example.com says no";
    assert_eq!(secrets("Harbor12345").repeat(text), LEFT_OUT);
    let secrets = secrets("Harbor12345").knowing("harbor.example.com");
    assert_eq!(secrets.repeat(text), text);
    assert_eq!(secrets.repeat("harbor.example.com got harbor1"), LEFT_OUT);
}

#[test]
fn a_token_and_a_long_user_name_are_not_repeated() {
    let token = "CANARYTOKEN0123456789abcdef";
    let credentials = RegistryCredentials::new("a-user-name-that-may-be-a-token", "Pa55word").unwrap();
    let mut secrets = Unrepeatable::new(&credentials);
    secrets.add_token(token);
    for (text, shown) in [
        (format!("header was Bearer {token}"), LEFT_OUT),
        (format!("header was {}", STANDARD.encode(token)), LEFT_OUT),
        (format!("header was {}", &token[3..20]), LEFT_OUT),
        ("no a-user-name-that-may-be-a-token".to_owned(), "no [redacted]"),
        ("no canary".to_owned(), "no canary"),
    ] {
        assert_eq!(secrets.repeat(&text), shown, "{text}");
    }
    assert_eq!(format!("{secrets:?}"), "Unrepeatable([REDACTED])");
}

#[test]
fn a_message_keeps_its_own_words() {
    let secrets = secrets("returned/registry").knowing("registry.example.com");
    let auth = RegistryCredentials::new("robot", "returned/registry").unwrap().auth();
    for (message, shown) in [
        (
            "GET https://registry.example.com/v2/ returned 401; the registry is closed",
            "GET https://registry.example.com/v2/ returned 401; the registry is closed",
        ),
        (
            &format!("GET https://auth.example.com/{auth} returned 401"),
            "GET https://auth.example.com/[redacted] returned 401",
        ),
        (
            &format!("GET https://auth.example.com/{} returned 401", percent("returned")),
            "GET [redacted] returned 401",
        ),
    ] {
        assert_eq!(secrets.hide_in_message(message), shown);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_six_letters_of_a_password_are_shown(
        password in "[!-~é ]{6,40}",
        before in "[ -~]{0,20}",
        after in "[ -~]{0,20}",
        index in any::<prop::sample::Index>(),
        second in any::<prop::sample::Index>(),
    ) {
        let password = password.trim();
        prop_assume!(password.chars().count() >= 6 && RegistryCredentials::new("robot", password).is_ok());
        let once = spellings(password).swap_remove(index.index(spellings(password).len())).1;
        let twice = spellings(&once).swap_remove(second.index(spellings(&once).len())).1;
        // With dashes between, only the letters are compared.
        if password.chars().filter(char::is_ascii_alphanumeric).count() >= 8 {
            prop_assert_eq!(secrets(password).repeat(&format!("{before} {once} {after}")), LEFT_OUT);
        }
        for spelling in [once, twice] {
            let shown = secrets(password).repeat(&format!("{before}{spelling}{after}"));
            if shown != LEFT_OUT {
                let letters: Vec<char> = password.chars().collect();
                for run in letters.windows(6) {
                    prop_assert!(!shown.contains(&String::from_iter(run)), "{shown}");
                }
            }
        }
    }
}
