//! `dps decode`: what a token holds and what is wrong with it; the password is never shown.

use std::fmt::Write as _;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};

use crate::support::dps::dps;
use crate::support::operator::binary;

const PASSWORD: &str = "5ubterranean";

/// Inputs: what they are, and the text.
fn inputs() -> Vec<(&'static str, String)> {
    let pair = |text: &str| STANDARD.encode(text);
    let document = format!(
        r#"{{"auths": {{"r.example.com": {{"auth": "{}"}}}}}}"#,
        pair("u:5ubterranean")
    );
    vec![
        ("a token", pair("user:5ubterranean")),
        ("a token in a file", pair("user:5ubterranean") + "\n"),
        ("colons in the password", pair("user:5ubterranean:x:y")),
        ("without padding", STANDARD_NO_PAD.encode("user:5ubterranean")),
        ("URL-safe alphabet", URL_SAFE.encode("user:5ubterranean???>>>")),
        ("line break in the password", pair("user:5ubterranean\n")),
        ("line break inside", pair("user:5ubterranean\nx")),
        ("NUL", pair("user:5ubterranean\0\0")),
        ("byte order mark inside", pair("\u{feff}user:5ubterranean")),
        ("identity token", pair("<token>:5ubterranean")),
        ("no password", pair("user:")),
        ("no user name", pair(":5ubterranean")),
        ("no colon", pair(PASSWORD)),
        ("plain", "user:5ubterranean".to_owned()),
        ("no base64", "5ubterranean!".to_owned()),
        ("not UTF-8", STANDARD.encode(b"user:5ubterranean\xff")),
        ("encoded twice", pair(&pair("user:5ubterranean"))),
        ("empty", " \n".to_owned()),
        ("quoted", format!("\"{}\",", pair("user:5ubterranean"))),
        ("a document", document.clone()),
        ("an encoded document", pair(&document)),
        ("terminal control", pair("\u{1b}[31muser:5ubterranean")),
    ]
}

#[test]
fn token_is_decoded_and_what_is_wrong_with_it_is_said() {
    let mut text = String::new();
    for (name, input) in inputs() {
        let output = dps(&["decode"], &input);
        assert_eq!(output.stderr, "", "{name}");
        let _ = write!(text, "## {name}\n{}exit code {}\n\n", output.stdout, output.code);
    }
    assert!(
        !text.contains(PASSWORD) && !text.contains(&STANDARD.encode(PASSWORD)[..12]),
        "{text}"
    );
    insta::assert_snapshot!("decoded_tokens", text);
}

#[test]
fn password_is_shown_on_a_terminal_only_and_no_argument_takes_a_token() {
    let token = STANDARD.encode("user:5ubterranean");
    let output = dps(&["decode", "--show-password"], &token);
    assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
    assert!(output.stderr.contains("needs a terminal"), "{}", output.stderr);
    for (words, count) in [
        (&[token.as_str()][..], "1 argument too many"),
        (&["user", PASSWORD], "2 arguments too many"),
        (&["-f", "/no/such/file", PASSWORD, PASSWORD], "2 arguments too many"),
        (&["--", "user", "-x", PASSWORD], "3 arguments too many"),
    ] {
        let output = dps(&[&["decode"], words].concat(), "");
        assert_eq!((output.code, output.stdout.as_str()), (2, ""), "{}", output.stderr);
        assert!(output.stderr.contains(count), "{}", output.stderr);
        assert!(
            !output.stderr.contains(&token) && !output.stderr.contains(PASSWORD),
            "{}",
            output.stderr
        );
    }

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, &token).unwrap();
    let output = dps(&["decode", "--filename", file.to_str().unwrap()], "");
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (0, "user name  user\npassword   yes\n")
    );
    let output = dps(&["decode", "-f", "/no/such/file"], "");
    assert_eq!(output.code, 2);
    // `script` gives it a terminal.
    let Ok(shown) = Command::new("script")
        .args([
            "-qec",
            &format!("{} decode --show-password -f {}", binary().display(), file.display()),
            "/dev/null",
        ])
        .output()
    else {
        return;
    };
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("password   5ubterranean"), "{shown}");
}
