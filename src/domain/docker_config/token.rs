//! An authorization token, the `auth` of a docker config, as somebody found it: what it holds, and what is wrong with it.

use secrecy::{ExposeSecret as _, SecretString};

use crate::domain::credentials::encoding::{self, Trimmed, decode_base64};
use crate::domain::credentials::{InvalidCredentials, RegistryCredentials};
use crate::domain::docker_config::kubelet_document::Json;
use crate::domain::docker_config::kubelet_secret::kubelet_reads;

const AGAIN: &str = "log in again with docker login, or give user name and password to dps create";

/// What a token holds. No `Debug`: it shows a password.
pub struct DecodedToken {
    /// The user name.
    pub username: String,
    password: SecretString,
    /// Why pulls fail with it, each with what to do.
    pub problems: Vec<String>,
}

impl DecodedToken {
    /// Whether there is a password.
    pub fn has_password(&self) -> bool {
        !self.password().is_empty()
    }

    /// The password, for whoever asks to see it.
    pub fn password(&self) -> &str {
        self.password.expose_secret()
    }
}

/// Decodes a token. The error says what the input is instead, and what to do. It holds none of it.
pub fn decode(input: &[u8]) -> Result<DecodedToken, String> {
    let text = encoding::text(input).map_err(|what| format!("the input {what}"))?;
    let token = encoding::trim_mark(text.trim(), &mut Vec::new()).trim();
    if token.is_empty() {
        return Err("the input is empty: give it the value of \"auth\" from a docker config".to_owned());
    }
    if is_document(token.as_bytes()) {
        return Err("this is a docker config document, not one token: dps import reads it".to_owned());
    }
    if token.starts_with(['"', '\'']) || token.ends_with(['"', '\'', ',']) {
        return Err(
            "the token is quoted: leave out the quotation marks, and whatever stands outside of them".to_owned(),
        );
    }
    let mut trimmed = Vec::new();
    let checked = RegistryCredentials::from_auth(token, &mut trimmed);
    let Some(pair) = decode_base64(token).and_then(|decoded| String::from_utf8(decoded).ok()) else {
        return Err(wrong(checked.err()));
    };
    if is_document(pair.as_bytes()) {
        let data = "this is base64 of a docker config document, such as the data of a Secret: decode it (base64 -d), and let dps import read the document";
        return Err(data.to_owned());
    }
    let Some((username, password)) = pair.split_once(':') else {
        return Err(wrong(checked.err()));
    };
    let mut problems = Vec::new();
    if !kubelet_reads(token) {
        problems.push(format!(
            "the kubelet cannot read it, and then uses no pull secret of the pod at all: it is not written in the standard alphabet of base64 (A-Z a-z 0-9 + / =). {}",
            sentence(AGAIN)
        ));
    }
    match checked {
        Ok(_) if trimmed.contains(&Trimmed::LineBreak) => problems.push(
            "the password ends with a line break, which the kubelet sends, so that the registry rejects it: encode it without one (printf instead of echo)".to_owned(),
        ),
        Ok(_) if password.ends_with('\0') => problems.push(format!(
            "the password ends with NUL bytes, which the kubelet sends, so that the registry rejects it: {AGAIN}"
        )),
        Ok(_) if trimmed.contains(&Trimmed::ByteOrderMark) => problems.push(format!(
            "the user name begins with a byte order mark, which is invisible, and which the kubelet sends: {AGAIN}"
        )),
        Ok(_) => {}
        Err(InvalidCredentials::IdentityToken) => problems.push(
            "the user name <token> says that the password is an identity token, which the kubelet cannot use: create an access token at the registry, and log in with that".to_owned(),
        ),
        Err(InvalidCredentials::Malformed(what)) => problems.push(format!("it {what}: {AGAIN}")),
    }
    Ok(DecodedToken {
        username: username.to_owned(),
        password: password.into(),
        problems,
    })
}

fn wrong(invalid: Option<InvalidCredentials>) -> String {
    match invalid {
        Some(InvalidCredentials::Malformed(what)) => format!("the input {what}"),
        _ => "the input is not base64 of username:password".to_owned(),
    }
}

fn is_document(text: &[u8]) -> bool {
    serde_json::from_slice::<Json>(text).is_ok_and(|json| json.is_object())
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
