//! The text form of a verification method: statuses carry it across restarts and upgrades.

use dps::domain::registry::manifest::ManifestReference;
use dps::domain::verification::ca_bundle::CaBundle;
use dps::domain::verification::method::VerificationMethod;
use proptest::prelude::*;

use crate::verification_inputs::method;

/// As version 0.1.0 wrote it: `URL[ REPOSITORY:REFERENCE][ with DIGEST]`.
#[test]
fn text_of_an_earlier_version_is_read_and_written_unchanged() {
    struct Row {
        text: &'static str,
        host: &'static str,
        port: u16,
        plain_http: bool,
        image: Option<(&'static str, &'static str)>,
        ca_bundle: Option<&'static str>,
    }
    let row = Row {
        text: "https://registry.example.com/v2/",
        host: "registry.example.com",
        port: 443,
        plain_http: false,
        image: None,
        ca_bundle: None,
    };
    for row in [
        Row {
            text: "http://registry.example.com:5000/v2/",
            port: 5000,
            plain_http: true,
            ..row
        },
        Row {
            text: "http://registry.example.com/v2/",
            port: 80,
            plain_http: true,
            ..row
        },
        Row {
            text: "https://[2001:db8::1]:5000/v2/",
            host: "[2001:db8::1]",
            port: 5000,
            ..row
        },
        Row {
            text: "https://registry-1.docker.io/v2/ library/alpine:latest",
            host: "registry-1.docker.io",
            image: Some(("library/alpine", "latest")),
            ..row
        },
        Row {
            text: "https://registry.example.com/v2/ team/app:sha256:abc",
            image: Some(("team/app", "sha256:abc")),
            ..row
        },
        Row {
            text: "https://registry.example.com/v2/ with 2jmj7l5rSw0yVb/vlWAYkA==",
            ca_bundle: Some("2jmj7l5rSw0yVb/vlWAYkA=="),
            ..row
        },
        Row {
            text: "https://registry.example.com/v2/ with:1 with 2jmj7l5rSw0yVb/vlWAYkA==",
            image: Some(("with", "1")),
            ca_bundle: Some("2jmj7l5rSw0yVb/vlWAYkA=="),
            ..row
        },
        row,
    ] {
        let VerificationMethod::LoginAttempt(found) = method(row.text) else {
            panic!("{}", row.text)
        };
        let image = row.image.map(|(name, tag)| (name.to_owned(), tag.to_owned()));
        assert_eq!(
            (
                found.host.as_str(),
                found.port,
                found.plain_http,
                &found.image,
                found.ca_bundle.as_deref()
            ),
            (row.host, row.port, row.plain_http, &image, row.ca_bundle),
            "{}",
            row.text
        );
        assert_eq!(method(row.text).to_string(), row.text);
    }
    // Also as version 0.1.0 wrote it.
    for text in ["not possible", "cannot be asked"] {
        assert_eq!(method(text), VerificationMethod::NotPossible);
    }
    assert_eq!(VerificationMethod::NotPossible.to_string(), "not possible");
}

#[test]
fn unknown_text_is_no_method() {
    for text in [
        "",
        "how",
        "registry.example.com",
        "ftp://registry.example.com/v2/",
        "https://registry.example.com/",
        "https://registry.example.com/v2/ app",
        "https://registry.example.com/v2/ with",
        "https://registry.example.com/v2/ app:1 with x y",
        "https://user:password@registry.example.com/v2/",
        "not possible ",
    ] {
        assert!(text.parse::<VerificationMethod>().is_err(), "{text}");
    }
}

#[test]
fn same_registry_is_decided_by_host_and_port() {
    let first = method("https://registry.example.com/v2/ app:1");
    for (other, same) in [
        ("https://registry.example.com/v2/ with x", true),
        ("http://registry.example.com:443/v2/", true),
        ("http://registry.example.com/v2/", false),
        ("https://registry.example.com:5000/v2/", false),
        ("https://registry.example.com.evil.example/v2/", false),
        ("not possible", false),
    ] {
        assert_eq!(first.is_same_registry(&method(other)), same, "{other}");
    }
    assert!(!VerificationMethod::NotPossible.is_same_registry(&VerificationMethod::NotPossible));
}

proptest! {
    #[test]
    fn method_survives_its_text(
        plain_http: bool,
        host in "([a-z0-9]{1,10}(-[a-z0-9]{1,3})?\\.){1,3}[a-z]{2,5}",
        port in proptest::option::of(1u16..),
        image in proptest::option::of(("[a-z0-9]{1,8}(/[a-z0-9._-]{0,5}[a-z0-9]){0,2}", "[A-Za-z0-9._-]{1,20}|sha256:[0-9a-f]{64}")),
        pem in proptest::option::of("[A-Za-z0-9+/]{22}=="),
    ) {
        let scheme = if plain_http { "http" } else { "https" };
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        let base = format!("{scheme}://{host}{port}/v2/").parse().unwrap();
        let image = image.map(|(repository, reference)| ManifestReference { host: None, repository, reference });
        let ca_bundle = pem.map(|version| CaBundle { pem: Vec::new(), version });
        let method = VerificationMethod::new(&base, image.as_ref(), ca_bundle.as_ref()).unwrap();
        prop_assert_eq!(method.to_string().parse(), Ok(method));
    }

    #[test]
    fn reading_any_text_does_not_panic(text: String, tail in " [a-z:. ]{0,20}") {
        let _ = text.parse::<VerificationMethod>();
        if let Ok(method) = format!("https://{text}/v2/{tail}").parse::<VerificationMethod>() {
            prop_assert_eq!(method.to_string(), format!("https://{text}/v2/{tail}"));
        }
    }
}
