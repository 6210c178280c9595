//! The regular expression for the images that credentials serve. The cluster tests compare it with the kubelet, and try it
//! on a real API server.

use dps::api::RegistryType;
use dps::domain::registry::image_pattern::{LENGTH, image_pattern};
use dps::domain::registry::key::RegistryKey;
use regex::Regex;

fn pattern(url: Option<&str>) -> Option<String> {
    let kind = url.map_or(RegistryType::DockerHub, |_| RegistryType::PrivateRegistry);
    image_pattern(&RegistryKey::new(kind, url).unwrap())
}

/// A registry, and images that are served and that are not.
type Row = (Option<&'static str>, &'static [&'static str], &'static [&'static str]);

const ROWS: [Row; 10] = [
    (
        None,
        &[
            "nginx",
            "nginx:1.27",
            "acme/app",
            "docker.io/nginx",
            "docker.io/acme/app:1",
            "index.docker.io/acme/app",
        ],
        &[
            "registry.example.com/nginx",
            "localhost:5000/app",
            "registry-1.docker.io/acme/app",
            "ghcr.io/acme/app",
        ],
    ),
    (
        Some("registry.example.com"),
        &["registry.example.com/app", "registry.example.com/team/app:1.0"],
        &[
            "registryxexample.com/app",
            "registry.example.com:5000/app",
            "docker.io/registry.example.com/app",
            "nginx",
        ],
    ),
    (
        Some("registry.example.com:5000/team"),
        &["registry.example.com:5000/team/app", "registry.example.com:5000/teams"],
        &["registry.example.com:5000/app", "registry.example.com/team/app"],
    ),
    (Some("localhost"), &["localhost/app"], &["localhost:5000/app", "nginx"]),
    (
        Some("registry:5000"),
        &["registry:5000/app"],
        &["registry/app", "registry:50001/app"],
    ),
    (
        Some("[2001:db8::1]:5000"),
        &["[2001:db8::1]:5000/app"],
        &["[2001:db8::2]:5000/app"],
    ),
    (
        Some("2*:5000"),
        &["2a:5000/app", "[2001:db8::1]:5000/app"],
        &["[::1]:5000/app", "2.a:5000/app"],
    ),
    (
        Some("*.example.com"),
        &["a.example.com/app", "A-b.example.com/app"],
        &["a.b.example.com/app", "example.com/app", "a.example.com:5000/app"],
    ),
    // It covers `docker.io`, whose images need not say so.
    (
        Some("*.io"),
        &[
            "nginx",
            "acme/app",
            "index.docker.io/app",
            "quay.io/app",
            "dockerx.io/app",
        ],
        &[
            "localhost/app",
            "Team/app",
            "registry.example.com/app",
            "a.quay.io/app",
            "registry:5000/app",
        ],
    ),
    (
        Some("*.io/li"),
        &[
            "nginx",
            "docker.io/nginx",
            "library/nginx",
            "linux/app",
            "docker.io/linux/app",
            "quay.io/linux",
        ],
        &[
            "acme/app",
            "docker.io/acme/app",
            "quay.io/nginx",
            "li.example.com/app",
            "li:5000/app",
        ],
    ),
];

#[test]
fn images_match_as_the_kubelet_matches_them() {
    for (url, served, others) in ROWS {
        let pattern = pattern(url);
        let matches = |image: &str| {
            pattern
                .as_ref()
                .is_some_and(|one| Regex::new(one).unwrap().is_match(image))
        };
        for image in served {
            assert!(matches(image), "{url:?} serves {image}: {pattern:?}");
        }
        for image in others {
            assert!(!matches(image), "{url:?} does not serve {image}: {pattern:?}");
        }
    }
}

#[test]
fn a_pattern_is_never_longer_than_a_status_may_hold() {
    let long = format!("{}example.com/{}", "registry.".repeat(24), "a-".repeat(120) + "a");
    assert!(pattern(Some(&long)).is_some_and(|pattern| pattern.len() <= LENGTH));
    let wild = format!("*i*n*d*e*x*.*d*o*c*k*e*r*.*i*o*/{}", "a-".repeat(100) + "a");
    assert_eq!(pattern(Some(&wild)), None);
}
