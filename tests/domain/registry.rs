//! From `registryUrl` to the key that kubelets match.

use dps::api::RegistryType::{DockerHub, PrivateRegistry};
use dps::domain::registry::key::{RegistryKey, serves};

#[test]
fn registry_url_accepted_spelling_becomes_canonical_key() {
    for (url, key) in [
        ("registry.example.com", "registry.example.com"),
        ("https://registry.example.com", "registry.example.com"),
        ("HTTP://Registry.Example.com/", "registry.example.com"),
        ("registry.example.com/v1", "registry.example.com"),
        ("registry.example.com/v1/", "registry.example.com"),
        ("https://registry.example.com/v2", "registry.example.com"),
        ("https://registry.example.com/v2/", "registry.example.com"),
        ("registry.example.com/v2/team", "registry.example.com/team"),
        // Groups and projects may be called so.
        ("registry.example.com/team/v2/", "registry.example.com/team/v2"),
        ("registry.gitlab.com/acme/v2", "registry.gitlab.com/acme/v2"),
        ("registry.example.com/team/v1", "registry.example.com/team/v1"),
        ("registry.example.com/v1/team/v2", "registry.example.com/team/v2"),
        ("registry.example.com/team-", "registry.example.com/team-"),
        ("registry.example.com/a__b/c--d.e", "registry.example.com/a__b/c--d.e"),
        (
            "registry.example.com:5000/team/app/",
            "registry.example.com:5000/team/app",
        ),
        ("registry.example.com/v2team", "registry.example.com/v2team"),
        ("*.example.com", "*.example.com"),
        ("reg*.example.com:443", "reg*.example.com:443"),
        ("[2001:DB8::1]:5000", "[2001:db8::1]:5000"),
        ("127.0.0.1:5000", "127.0.0.1:5000"),
        ("localhost", "localhost"),
        ("localhost/team", "localhost/team"),
        ("registry:5000", "registry:5000"),
        ("reg*:5000", "reg*:5000"),
    ] {
        assert_eq!(
            RegistryKey::new(PrivateRegistry, Some(url)).unwrap().as_str(),
            key,
            "{url}"
        );
    }
    assert_eq!(
        RegistryKey::new(DockerHub, None).unwrap().as_str(),
        "https://index.docker.io/v1/"
    );
}

#[test]
fn registry_url_no_image_can_have_is_refused_with_remedy() {
    for (url, sentence) in [
        ("", "is empty"),
        ("docker.io", "is Docker Hub (docker.io): use type DockerHub"),
        ("https://index.docker.io/v1/", "is Docker Hub"),
        ("Registry-1.docker.io", "is Docker Hub"),
        ("hub.docker.com/r/acme", "is Docker Hub"),
        ("registry-1.docker.io/acme", "write images as docker.io/..., because"),
        (
            "registry.hub.docker.com",
            "never match an image written registry.hub.docker.com/...",
        ),
        ("registry.hub.docker.com:443", "is Docker Hub"),
        ("user:pass@registry.example.com", "must not contain '@'"),
        ("registry.example.com/app@sha256:ab", "must not contain '@'"),
        ("registry.example.com?x", "query or fragment"),
        ("registry.example.com#x", "query or fragment"),
        (" registry.example.com", "whitespace"),
        ("registry.example.com\t", "whitespace"),
        (
            "oci://registry.example.com/x/",
            "must not have the scheme oci://: write registry.example.com/x",
        ),
        ("registry.example.com:0", "invalid port \"0\""),
        ("registry.example.com:65536", "invalid port"),
        ("registry.example.com:0443", "invalid port"),
        ("registry.example.com:+80", "invalid port"),
        ("registry.example.com:", "invalid port"),
        ("registry.example.com:*", "'*' in the port"),
        ("2001:db8::1", "needs brackets"),
        ("[2001:db8::1", "closing bracket"),
        ("[2001:db8::1]x", "unexpected text after the IPv6 address"),
        ("[2001:db8::1]", "without a port"),
        ("[registry]:80", "no IPv6 address"),
        ("*", "'*' alone"),
        ("*:5000", "'*' alone"),
        ("https://", "has no host"),
        ("/team", "has no host"),
        (".example.com", "invalid host"),
        ("-x.example.com", "invalid host"),
        ("exa$mple.com", "invalid host"),
        ("registry.example.com/te*", "'*' in the path"),
        (
            "registry.example.com/app:1.0",
            "must not end in a tag: a key names repositories, write .../app",
        ),
        ("registry.example.com//app", "empty path segment"),
        ("registry.example.com/Team", "write .../team"),
        ("registry.example.com/te~m", "no repository name"),
        // In an image name these are namespaces of Docker Hub.
        ("registry", "write it with its port, such as registry:80"),
        ("https://nexus/library", "\"nexus\" without a dot or port"),
        ("https://privateRepository/", "such as privaterepository:80"),
        ("reg*", "without a dot or port"),
        ("localhost.", "invalid host"),
        ("docker_test.example.edu", "'_' in the host name"),
        ("my_registry:5000", "'_' in the host name"),
        ("*_x.example.com", "'_' in the host name"),
        ("[::ffff:192.0.2.1]:5000", "write [0:0:0:0:0:ffff:c000:201]:5000"),
        (
            "https://registry.example.com/v2/_catalog",
            "\"_catalog\", which no repository name can have",
        ),
        ("registry.example.com/-team", "\"-team\""),
        ("registry.example.com/.team", "\".team\""),
        ("registry.example.com/../team", "\"..\""),
        ("registry.example.com/a..b/c", "\"a..b\""),
        ("registry.example.com/a-/c", "\"a-\""),
        ("registry.example.com/a___b", "\"a___b\""),
        ("registry.example.com/v2/v1/team", "takes it for the version of the API"),
    ] {
        let problem = RegistryKey::new(PrivateRegistry, Some(url)).unwrap_err();
        assert!(problem.message.contains(sentence), "{url:?}: {}", problem.message);
        assert!(problem.message.starts_with("spec.registryUrl "), "{}", problem.message);
        assert!(!problem.message.contains("pass@"), "user info is not repeated");
    }
    assert!(
        RegistryKey::new(PrivateRegistry, None)
            .unwrap_err()
            .message
            .contains("is required")
    );
    assert!(
        RegistryKey::new(DockerHub, Some("x"))
            .unwrap_err()
            .message
            .contains("left out")
    );
}

#[test]
fn registry_key_with_surprising_effect_warns() {
    for (url, word) in [
        ("registry.example.com:443", "not registry.example.com/..."),
        ("registry.example.com:80", ":80 is part"),
        ("registry.example.com/team", "registry.example.com/team-other"),
    ] {
        let warnings = RegistryKey::new(PrivateRegistry, Some(url)).unwrap().warnings();
        assert!(warnings.len() == 1 && warnings[0].contains(word), "{url}: {warnings:?}");
    }
    for quiet in ["registry.example.com", "registry.example.com:5000", "*.example.com"] {
        assert_eq!(
            RegistryKey::new(PrivateRegistry, Some(quiet)).unwrap().warnings(),
            [""; 0]
        );
    }
}

#[test]
fn config_entry_serves_what_lies_below_it() {
    let key = |text: &str| RegistryKey::of_config_entry(text).unwrap();
    for (entry, wanted, expected) in [
        ("registry.example.com", "registry.example.com", true),
        ("https://registry.example.com/v2/", "registry.example.com/team", true),
        ("registry.example.com/team", "registry.example.com/team/app", true),
        ("registry.example.com/te", "registry.example.com/team", false),
        ("registry.example.com/team", "registry.example.com", false),
        ("registry.example.com:5000", "registry.example.com", false),
        ("*.example.com", "registry.example.com/team", true),
        ("registry.example.com", "*.example.com", false),
        ("docker.io", "https://index.docker.io/v1/", true),
        ("index.docker.io", "https://index.docker.io/v1/", true),
        ("*.io", "https://index.docker.io/v1/", false),
    ] {
        assert_eq!(serves(&key(entry), &key(wanted)), expected, "{entry} for {wanted}");
    }
    assert_eq!(
        RegistryKey::of_config_entry("docker.io/acme"),
        None,
        "a part of Docker Hub only"
    );
    assert_eq!(RegistryKey::of_config_entry("user@registry"), None);
}
