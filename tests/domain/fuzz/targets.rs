//! What has to hold for every input of the parsers that read what users, registries and kubelets write.
//!
//! Each target takes any bytes. `tests/domain/fuzz.rs` feeds them from proptest, `fuzz/` from libFuzzer. An input is text:
//! first a line for each short parameter, then the document or the message as it is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::api::RegistryType;
use dps::domain::credential_source::from_secret::resolve_document;
use dps::domain::credentials::RegistryCredentials;
use dps::domain::credentials::repetition::{LEFT_OUT, Unrepeatable};
use dps::domain::docker_config::canonical::canonical;
use dps::domain::docker_config::kubelet_secret::{Content, PullSecret, tried};
use dps::domain::docker_config::user_document::find;
use dps::domain::problem::Problem;
use dps::domain::pull_failures::classify;
use dps::domain::registry::image::Image;
use dps::domain::registry::key::RegistryKey;
use dps::domain::registry::matching;
use dps::domain::registry::mismatch::mismatch;
use dps::domain::text;
use dps::domain::verification::challenge::{Challenge, LoginOffer, parse};
use dps::domain::verification::realm::token_url;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::Value;

type Target = fn(&[u8]);

/// Every target by its name, which is also that of its folder in `seeds`.
const TARGETS: [(&str, Target); 6] = [
    ("challenge", challenge),
    ("config_document", config_document),
    ("credentials", credentials),
    ("image", image),
    ("kubelet_message", kubelet_message),
    ("registry_key", registry_key),
];

/// Runs the target of a name. An input that holds the password itself, as libFuzzer finds it, proves nothing.
pub(crate) fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).expect("a target");
    if !String::from_utf8_lossy(data).contains("5ubterranean") {
        target(data);
    }
}

/// A password that must never come back.
const CANARY: &str = "Canary-5ubterranean+/=";

/// Longest sentence beside the words that it repeats, and how often and how much longer it may repeat them.
const SENTENCE: usize = 600;
const REPETITION: usize = 16;

/// `spec.registryUrl`.
fn registry_key(data: &[u8]) {
    let url = String::from_utf8_lossy(data);
    match private(&url) {
        Err(problem) => assert!(problem.message.len() <= SENTENCE + REPETITION * url.len()),
        Ok(key) => {
            assert!(key.as_str().len() <= url.len(), "{key:?}");
            assert_eq!(private(key.as_str()).as_ref(), Ok(&key), "{url:?}");
            assert_eq!(RegistryKey::of_config_entry(key.as_str()).as_ref(), Some(&key));
            let named = key.as_str().replace('*', "x");
            // A path may also end where the name of a repository goes on, and `inde*` is not only `index`, which is Docker Hub.
            let other = key.as_str().replace('*', "y");
            let mut images = [named.clone() + "/app", named.clone() + "x/app", other + "/app"].into_iter();
            let served =
                |name: String| Image::parse(&name).is_ok_and(|image| matching::serves(key.as_str(), &image.repository));
            // No repository has a longer path.
            assert!(
                named.len() > 250 || images.any(served),
                "{url:?} is taken, and serves no image"
            );
        }
    }
    for pasted in [format!("https://user:{CANARY}@{url}"), format!("{url}{CANARY}@{url}")] {
        let refused = private(&pasted).expect_err("it has credentials inside");
        assert_hidden(&refused.message);
    }
}

fn private(url: &str) -> Result<RegistryKey, Problem> {
    RegistryKey::new(RegistryType::PrivateRegistry, Some(url))
}

/// An image as a pod names it.
fn image(data: &[u8]) {
    let name = String::from_utf8_lossy(data);
    let _ = Image::meant(&name);
    let Ok(image) = Image::parse(&name) else { return };
    assert!(image.repository.len() <= "docker.io/library/".len() + name.len());
    assert_eq!(Image::parse(&image.repository).as_ref(), Ok(&image), "{name:?}");
    let key = if image.is_docker_hub() {
        RegistryKey::docker_hub().as_str().to_owned()
    } else {
        image.host().to_owned()
    };
    // An image name may have any digits between brackets, also such as are no address.
    if !key.starts_with('[') {
        assert!(matching::serves(&key, &image.repository), "{name:?}: {key}");
        assert_eq!(mismatch(&key, &image.repository), None, "{name:?}");
    }
}

/// `auth`, and words that repeat a password.
fn credentials(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for token in [text.to_string(), STANDARD.encode(data)] {
        if let Ok(found) = RegistryCredentials::from_auth(&token, &mut Vec::new()) {
            assert!(!found.username().is_empty() && !found.username().contains(':') && !found.password().is_empty());
            let again =
                RegistryCredentials::from_auth(&found.auth(), &mut Vec::new()).expect("what it writes, it reads");
            assert_eq!(again.username(), found.username());
            assert_eq!(again.password(), without_line_break(found.password()));
        }
    }
    let planted = RegistryCredentials::new("user", CANARY).expect("usable");
    assert_hidden(&format!("{planted:?}"));
    let auth = planted.auth();
    let secrets = Unrepeatable::new(&planted);
    for said in [CANARY, &auth] {
        assert_eq!(secrets.repeat(&format!("{text} {said} {text}")), LEFT_OUT);
    }
}

fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// The registry as a user writes it, an image; then a docker config document as a user gives it and as a kubelet reads it.
fn config_document(data: &[u8]) {
    let (url, rest) = line(data);
    let (name, document) = line(rest);
    let registry = private(&url).unwrap_or_else(|_| RegistryKey::docker_hub());
    let image = Image::meant(&name);
    as_a_user_gives_it(document, &registry);
    as_a_kubelet_reads_it(document, &image);
    if let Ok(document) = serde_json::from_slice::<Value>(document) {
        for secret in [CANARY.to_owned(), STANDARD.encode(format!("user:{CANARY}"))] {
            let planted = plant(&document, &secret).to_string();
            let found = find(planted.as_bytes(), &registry);
            assert_hidden(&format!("{:?}", found.map(|found| (found.credentials, found.warnings))));
            if let Err(problem) = resolve_document("here", planted.as_bytes(), &registry) {
                assert_hidden(&problem.message);
            }
            for kind in KINDS {
                assert_hidden(what_is_wrong(&pull_secret(kind, planted.as_bytes()).content));
            }
        }
    }
}

fn as_a_user_gives_it(document: &[u8], registry: &RegistryKey) {
    match find(document, registry) {
        Err(_) => {
            let problem = resolve_document("here", document, registry).expect_err("the same document");
            assert!(problem.message.len() <= SENTENCE + REPETITION * (document.len() + registry.as_str().len()));
        }
        Ok(found) => {
            let written = canonical(registry, &found.credentials, found.email.as_deref());
            let again = find(&written, registry).expect("what it writes, it reads");
            assert_eq!(again.credentials.username(), found.credentials.username());
            assert_eq!(again.email, found.email);
            let secret = pull_secret(KINDS[0], &written);
            let entries: Vec<(&str, bool)> = secret
                .entries()
                .iter()
                .map(|entry| (entry.key.as_str(), entry.complete))
                .collect();
            assert_eq!(entries, [(registry.as_str(), true)], "a kubelet reads what it writes");
        }
    }
}

const KINDS: [&str; 2] = ["kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"];

fn pull_secret(kind: &str, document: &[u8]) -> PullSecret {
    let key = if kind == KINDS[0] {
        ".dockerconfigjson"
    } else {
        ".dockercfg"
    };
    let secret = Secret {
        type_: Some(kind.to_owned()),
        data: Some([(key.to_owned(), ByteString(document.to_vec()))].into()),
        ..Secret::default()
    };
    PullSecret::new("app", Some(&secret))
}

fn what_is_wrong(content: &Content) -> &str {
    match content {
        Content::Ignored(what) | Content::Malformed(what) => what,
        _ => "",
    }
}

fn as_a_kubelet_reads_it(document: &[u8], image: &Image) {
    for kind in KINDS {
        let secrets = [pull_secret(kind, document)];
        let entries = secrets[0].entries();
        assert!(what_is_wrong(&secrets[0].content).len() <= SENTENCE + REPETITION * document.len());
        let sent = tried(&secrets, &image.repository);
        assert!(sent.len() <= entries.len());
        for one in sent {
            let key = &entries[one.entry].key;
            assert_eq!(one.secret, 0);
            // Docker Hub's key is only used when no other is.
            assert!(matching::serves(key, &image.repository), "{key:?} for {image:?}");
        }
        for entry in entries {
            let _ = mismatch(&entry.key, &image.repository);
            let _ = text::shown_key(&entry.key);
        }
    }
}

/// A document with a secret at the end of every text in it. Registry keys and programs are named in messages.
fn plant(value: &Value, secret: &str) -> Value {
    match value {
        Value::String(text) if text.is_empty() => Value::from(secret),
        Value::String(text) => Value::from(format!("{text}{secret}")),
        Value::Array(items) => items.iter().map(|item| plant(item, secret)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| {
                let program = name.to_ascii_lowercase().starts_with("cred");
                let planted = if program { member.clone() } else { plant(member, secret) };
                (name.clone(), planted)
            })
            .collect(),
        other => other.clone(),
    }
}

/// A waiting reason, an image; then the message of a kubelet.
fn kubelet_message(data: &[u8]) {
    let (reason, rest) = line(data);
    let (image, message) = line(rest);
    let message = String::from_utf8_lossy(message);
    let _ = classify::read(&reason, &message, &image);
    let (_, inner) = text::unwrap(&message);
    assert!(message.contains(inner));
    let attempts = text::attempts(inner);
    assert!(!attempts.is_empty() && attempts.iter().all(|attempt| inner.contains(attempt)));
    assert!(attempts.iter().map(|attempt| attempt.len()).sum::<usize>() <= inner.len());
    assert!(text::without_names(&message, &image).len() <= message.len());
    let _ = text::failed_to_pull(&message);
    assert!(text::missing_pull_secrets(&message).all(|name| message.contains(name)));

    for length in [0, 1, 40, 400] {
        let shown = text::excerpt(&message, length);
        assert!(shown.chars().count() <= length + 1, "{length}: {shown:?}");
        assert!(!shown.contains(['\n', '\r', '\t']), "{shown:?}");
    }
    // As a URL can hold it.
    let user = format!("user:{}", CANARY.replace('/', "%2F"));
    for said in [
        format!("https://{user}@r.example.com/v2/"),
        format!("\"https://{user}@r.example.com/v2/app?x=1\":"),
        format!("https://r.example.com/token?password={CANARY}&service=r"),
        format!("Authorization: Basic {CANARY}"),
        format!("\"authorization\": \"Bearer {CANARY}\""),
    ] {
        // Blanks around it, as every runtime writes them.
        assert_hidden(&text::excerpt(&format!("{message} {said} {message}"), usize::MAX));
    }
}

/// `WWW-Authenticate` headers, one in a line.
fn challenge(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let headers: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let length = text.len();
    match parse(&headers) {
        LoginOffer::Supported(Challenge::Bearer { realm, service }) => {
            assert!(!realm.is_empty() && realm.len() + service.as_ref().map_or(0, String::len) <= 2 * length);
            let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
            let more = service.as_ref();
            let more = more.map_or_else(String::new, |service| format!(",service=\"{}\"", quoted(service)));
            let header = format!("Bearer realm=\"{}\"{more}", quoted(&realm));
            is_requested_safely(&realm, service.as_deref());
            let reparsed = parse(std::slice::from_ref(&header));
            assert_eq!(
                reparsed,
                LoginOffer::Supported(Challenge::Bearer { realm, service }),
                "{header}"
            );
        }
        LoginOffer::Supported(Challenge::Basic) => assert!(text.to_ascii_lowercase().contains("basic")),
        LoginOffer::Unsupported(names) => assert!(names.iter().all(|name| text.contains(name.as_str()))),
        LoginOffer::Missing => {}
    }
}

/// Nobody is sent where a password could be read on the way.
fn is_requested_safely(realm: &str, service: Option<&str>) {
    for scheme in ["https", "http"] {
        let base = format!("{scheme}://r.example.com/v2/").parse().expect("a URL");
        match token_url(&base, realm, service, None, Some("user")) {
            Ok(url) => {
                assert!(
                    url.scheme() == "https" || (url.scheme() == "http" && scheme == "http"),
                    "{url}"
                );
                assert!(
                    url.host().is_some() && url.username().is_empty() && url.password().is_none(),
                    "{url}"
                );
                assert!(url.query_pairs().any(|pair| pair == ("account".into(), "user".into())));
            }
            Err(why) => assert!(why.len() <= SENTENCE + REPETITION * realm.len()),
        }
    }
}

fn line(data: &[u8]) -> (String, &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let rest = data.get(end + 1..).unwrap_or_default();
    (String::from_utf8_lossy(&data[..end]).into_owned(), rest)
}

fn assert_hidden(text: &str) {
    let auth = STANDARD.encode(format!("user:{CANARY}"));
    for shape in [CANARY, "5ubterranean", auth.trim_end_matches('=')] {
        assert!(!text.contains(shape), "{text}");
    }
}
