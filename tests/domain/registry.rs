//! From `registryUrl` to the key that kubelets match.

use dps::api::RegistryType::{DockerHub, PrivateRegistry};
use dps::domain::registry::key::{RegistryKey, serves};

#[test]
fn accepted_spellings_become_one_key() {
    for (url, key) in [
        ("registry.example.com", "registry.example.com"),
        ("https://registry.example.com", "registry.example.com"),
        ("HTTP://Registry.Example.com/", "registry.example.com"),
        ("registry.example.com/v1", "registry.example.com"),
        ("registry.example.com/v1/", "registry.example.com"),
        ("https://registry.example.com/v2", "registry.example.com"),
        ("https://registry.example.com/v2/", "registry.example.com"),
        ("registry.example.com/v2/team", "registry.example.com/team"),
        ("registry.example.com/team/v2/", "registry.example.com/team"),
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
        ("my_registry:5000", "my_registry:5000"),
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
fn refused_spellings_say_what_is_wrong() {
    for (url, sentence) in [
        ("", "is empty"),
        ("docker.io", "is Docker Hub (docker.io): use type DockerHub"),
        ("https://index.docker.io/v1/", "is Docker Hub"),
        ("Registry-1.docker.io", "is Docker Hub"),
        ("hub.docker.com/r/acme", "is Docker Hub"),
        ("registry.hub.docker.com:443", "is Docker Hub"),
        ("user:pass@registry.example.com", "must not contain '@'"),
        ("registry.example.com/app@sha256:ab", "must not contain '@'"),
        ("registry.example.com?x", "query or fragment"),
        ("registry.example.com#x", "query or fragment"),
        (" registry.example.com", "blanks"),
        ("registry.example.com\t", "blanks"),
        (
            "oci://registry.example.com/x/",
            "must not have the scheme oci:// - write registry.example.com/x",
        ),
        ("registry.example.com:0", "impossible port \"0\""),
        ("registry.example.com:65536", "impossible port"),
        ("registry.example.com:0443", "impossible port"),
        ("registry.example.com:+80", "impossible port"),
        ("registry.example.com:", "impossible port"),
        ("registry.example.com:*", "'*' in the port"),
        ("2001:db8::1", "needs brackets"),
        ("[2001:db8::1", "closing bracket"),
        ("[2001:db8::1]x", "text behind"),
        ("[2001:db8::1]", "without a port"),
        ("[registry]:80", "no IPv6 address"),
        ("*", "'*' alone"),
        ("*:5000", "'*' alone"),
        ("https://", "has no host"),
        ("/team", "has no host"),
        (".example.com", "impossible host"),
        ("-x.example.com", "impossible host"),
        ("exa$mple.com", "impossible host"),
        ("registry.example.com/te*", "'*' in the path"),
        (
            "registry.example.com/app:1.0",
            "must not end in a tag: a key names repositories, write …/app",
        ),
        ("registry.example.com//app", "empty path segment"),
        ("registry.example.com/Team", "write …/team"),
        ("registry.example.com/te~m", "no repository name"),
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
fn surprises_are_warned_of() {
    for (url, word) in [
        ("registry.example.com:443", "not registry.example.com/…"),
        ("registry.example.com:80", ":80 is part"),
        ("registry.example.com/team", "registry.example.com/team-other"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com", "12 hours"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "12 hours"),
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
fn an_entry_serves_what_lies_below_it() {
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
