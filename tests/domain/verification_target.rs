//! Where a login attempt goes: the registry's host, the way to log in, and the addresses that are refused.

use dps::api::RegistryType;
use dps::domain::registry::key::RegistryKey;
use dps::domain::registry::manifest::ManifestReference;
use dps::domain::verification::address::{Policy, is_internal};
use dps::domain::verification::answer::RequestFailure as F;
use dps::domain::verification::attempt::LoginTarget;
use dps::domain::verification::challenge::{Challenge, LoginOffer, parse};
use dps::domain::verification::realm::is_trusted;
use dps::domain::verification::requester::Requester;
use url::Url;

#[test]
fn challenge_is_read_as_registries_write_it() {
    let bearer = |realm: &str, service: Option<&str>| {
        LoginOffer::Supported(Challenge::Bearer {
            realm: realm.to_owned(),
            service: service.map(str::to_owned),
        })
    };
    let unknown = |names: &[&str]| LoginOffer::Unsupported(names.iter().map(|&name| name.to_owned()).collect());
    for (headers, offer) in [
        (
            &["Basic realm=\"x\", Bearer realm=\"https://a/t\",service=\"s\""][..],
            bearer("https://a/t", Some("s")),
        ),
        (
            &["Negotiate", "bEARER Realm=\"https://a/t\""],
            bearer("https://a/t", None),
        ),
        (
            &[r#"Bearer realm="https://a/t?a=\"b\"",service=s"#],
            bearer("https://a/t?a=\"b\"", Some("s")),
        ),
        (
            &["Digest realm=\"x\", nonce=\"a,b\", qop=\"auth\"", "Basic realm=\"x\""],
            LoginOffer::Supported(Challenge::Basic),
        ),
        (&["BASIC"], LoginOffer::Supported(Challenge::Basic)),
        (&["Negotiate, Digest realm=\"x\""], unknown(&["Negotiate", "Digest"])),
        (&["Bearer service=\"x\""], unknown(&["Bearer"])),
        (&["Bearer realm=\"\""], unknown(&["Bearer"])),
        (
            &["\u{1}\u{2}", "Basic realm=\"x\""],
            LoginOffer::Supported(Challenge::Basic),
        ),
        (&[","], LoginOffer::Missing),
        (&[], LoginOffer::Missing),
    ] {
        let headers: Vec<String> = headers.iter().map(|&header| header.to_owned()).collect();
        assert_eq!(parse(&headers), offer, "{headers:?}");
    }
}

#[test]
fn login_target_is_the_host_of_the_registry_key() {
    let private = |url| RegistryKey::new(RegistryType::PrivateRegistry, Some(url)).unwrap();
    let base = |registry: &RegistryKey, image: Option<&str>, plain| {
        let image = image.map(|image| ManifestReference::parse(image).unwrap());
        LoginTarget::new(registry, image.as_ref(), plain).map(|target| target.base.to_string())
    };
    assert_eq!(
        base(&RegistryKey::docker_hub(), None, false).unwrap(),
        "https://registry-1.docker.io/v2/"
    );
    assert_eq!(
        base(&private("r.example.com:5000/team"), None, false).unwrap(),
        "https://r.example.com:5000/v2/"
    );
    assert_eq!(
        base(&private("r.example.com"), None, true).unwrap(),
        "http://r.example.com/v2/"
    );
    assert_eq!(
        base(&private("[::1]:5000"), None, false).unwrap(),
        "https://[::1]:5000/v2/"
    );
    let wildcard = private("*.example.com");
    assert_eq!(
        base(&wildcard, None, false).unwrap_err().result.as_str(),
        "NotVerifiable"
    );
    assert_eq!(
        base(&wildcard, Some("app:1"), false).unwrap_err().result.as_str(),
        "NotVerifiable"
    );
    assert_eq!(
        base(&wildcard, Some("a.example.com/app:1"), false).unwrap(),
        "https://a.example.com/v2/"
    );
    // Never to a host that no kubelet would send the credentials to.
    for (registry, image) in [
        (&wildcard, "a.exmaple.com/app:1"),
        (&private("r.example.com"), "quay.io/team/app:1"),
        (&private("r.example.com/team"), "r.example.com/other/app:1"),
        (&RegistryKey::docker_hub(), "quay.io/team/app:1"),
    ] {
        let refused = base(registry, Some(image), false).unwrap_err();
        assert_eq!(refused.result.as_str(), "NotVerifiable", "{image}");
        assert!(refused.message.contains("nothing was sent"), "{}", refused.message);
    }
    for (registry, image) in [
        (&private("r.example.com/team"), "r.example.com/team/app:1"),
        (&RegistryKey::docker_hub(), "docker.io/team/app:1"),
        (&RegistryKey::docker_hub(), "index.docker.io/team/app:1"),
    ] {
        assert!(base(registry, Some(image), false).is_ok(), "{image}");
    }

    let image = ManifestReference::parse("alpine").unwrap();
    let hub = LoginTarget::new(&RegistryKey::docker_hub(), Some(&image), false).unwrap();
    assert_eq!(hub.image.unwrap().repository, "library/alpine");
    for (image, host, repository, reference) in [
        ("app", None, "app", "latest"),
        ("team/app:1.0", None, "team/app", "1.0"),
        (
            "r.example.com:5000/team/app",
            Some("r.example.com:5000"),
            "team/app",
            "latest",
        ),
        ("localhost/app:x", Some("localhost"), "app", "x"),
        ("team/app:1@sha256:abc", None, "team/app", "sha256:abc"),
    ] {
        let parsed = ManifestReference::parse(image).unwrap();
        assert_eq!(
            (
                parsed.host.as_deref(),
                parsed.repository.as_str(),
                parsed.reference.as_str()
            ),
            (host, repository, reference),
            "{image}"
        );
    }
    for image in [
        "", "Team/app", "a//b", "../x", "a/..", "app:..", "app:a b", "app:", "a?b",
    ] {
        assert!(ManifestReference::parse(image).is_err(), "{image}");
    }
}

/// Whether credentials for a registry may be sent to a token server.
#[test]
fn token_server_is_of_the_same_domain_or_known_or_allowed() {
    for (registry, token_server, is_so) in [
        ("registry.example.com", "registry.example.com", true),
        ("registry.example.com:5000", "registry.example.com:5001", true),
        ("registry.example.com", "auth.example.com", true),
        ("registry.example.co.uk", "auth.example.co.uk", true),
        ("registry.example.com", "auth.example.org", false),
        ("a.co.uk", "b.co.uk", false),
        ("mallory.github.io", "alice.github.io", false),
        ("registry-1.docker.io", "auth.docker.io", true),
        ("registry.example.com", "auth.docker.io", false),
        ("registry.gitlab.com", "gitlab.com", true),
        ("registry.example.com", "allowed.example.net", true),
        ("10.0.0.1:5000", "10.0.0.1:5001", true),
        ("10.0.0.1", "11.0.0.1", false),
        ("registry", "auth", false),
        ("localhost:5000", "localhost:5001", true),
    ] {
        let url = |host: &str| Url::parse(&format!("https://{host}/v2/")).unwrap();
        let allowed = ["Allowed.example.net".to_owned()];
        let found = is_trusted(&url(registry), &url(token_server), &allowed);
        assert_eq!(found, is_so, "{registry} {token_server}");
    }
}

#[test]
fn address_of_no_registry_is_refused() {
    let policy = Policy {
        deny: vec!["10.0.0.0/8".parse().unwrap(), "fd12::/16".parse().unwrap()],
        ..Policy::default()
    };
    for address in [
        "127.0.0.1",
        "127.8.9.1",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "::ffff:169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "0.1.2.3",
        "::",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "10.1.2.3",
        "::ffff:10.1.2.3",
        "64:ff9b::a01:203",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "168.63.129.16",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd12::1",
        "fd00:42::42",
        "fd00:c1::a9fe:a9fe",
        "192.0.0.192",
        // Wherever the address is in it (RFC 6052): a prefix of 48, 64 and 96 bits, and none that is refused.
        "64:ff9b:1:a9fe:a9:fe00::",
        "64:ff9b:1:7:a9:fea9:fe00:0",
        "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1::808:808",
        "2002:a9fe:a9fe::1",
        "2002:7f00:1::1",
        // Teredo: the address of the client is inverted.
        "2001:0:4136:e378:8000:63bf:5601:5601",
        "::127.0.0.1",
        "::ffff:0:7f00:1",
    ] {
        assert!(policy.refuses(address.parse().unwrap()).is_some(), "{address}");
    }
    for address in [
        "192.0.2.1",
        "192.168.1.1",
        "172.16.0.1",
        "2001:db8::1",
        "64:ff9b::808:808",
        "fd13::1",
        "11.0.0.1",
        "2002:808:808::1",
        "2001:4860:4860::8888",
    ] {
        assert_eq!(policy.refuses(address.parse().unwrap()), None, "{address}");
    }
}

#[test]
fn address_of_a_network_of_its_own_is_internal() {
    for (address, internal) in [
        ("10.1.2.3", true),
        ("172.16.0.1", true),
        ("172.32.0.1", false),
        ("192.168.1.1", true),
        ("100.64.0.1", true),
        ("100.128.0.1", false),
        ("198.18.0.1", true),
        ("192.0.0.8", true),
        ("127.0.0.1", true),
        ("169.254.1.1", true),
        ("8.8.8.8", false),
        ("192.0.2.1", false),
        ("fd12::1", true),
        ("fe80::1", true),
        ("fec0::1", true),
        ("::1", true),
        ("::ffff:10.1.2.3", true),
        ("64:ff9b::a01:203", true),
        ("64:ff9b::808:808", false),
        ("64:ff9b:1::808:808", true),
        ("2002:a01:203::1", true),
        ("2001:4860:4860::8888", false),
    ] {
        assert_eq!(is_internal(address.parse().unwrap()), internal, "{address}");
    }
}

/// A status must not be a port scanner for internal networks.
#[test]
fn failure_at_an_internal_address_is_told_to_nobody_else() {
    let why = || "connection refused".to_owned();
    let withheld = |sent| F::Withheld { sent };
    for (failure, told) in [
        (F::Unreachable(why()), withheld(false)),
        (F::Handshake(why()), withheld(false)),
        (F::Unanswered(why()), withheld(true)),
        (F::Malformed(why()), withheld(true)),
        (F::Tls(why()), F::Tls(why())),
        (F::Forbidden(why()), F::Forbidden(why())),
    ] {
        assert_eq!(failure.clone().told_to(Requester::Operator, true), told);
        for (requester, is_internal) in [
            (Requester::Operator, false),
            (Requester::Person, true),
            (Requester::Person, false),
        ] {
            assert_eq!(
                failure.clone().told_to(requester, is_internal),
                failure,
                "{requester:?}"
            );
        }
    }
}
