//! Image names, and the keys that do not serve them.

use dps::domain::registry::image::Image;
use dps::domain::registry::mismatch::mismatch;

#[test]
fn image_name_is_parsed_as_by_the_kubelet() {
    for (image, repository) in [
        ("nginx", "docker.io/library/nginx"),
        (
            "nginx:1.27@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "docker.io/library/nginx",
        ),
        ("acme/app", "docker.io/acme/app"),
        ("index.docker.io/app", "docker.io/library/app"),
        ("localhost/app", "localhost/app"),
        ("r.example.com:5000/a/b__c-d.e:tag", "r.example.com:5000/a/b__c-d.e"),
        ("[2001:db8::1]:5000/app", "[2001:db8::1]:5000/app"),
        ("Upper.example/app", "Upper.example/app"),
        // No host has a '_', so a kubelet takes all of it for a path.
        ("r_x.io/a", "r_x.io/a"),
    ] {
        assert_eq!(Image::parse(image).unwrap().repository, repository);
    }
    for image in [
        "",
        "a//b",
        "a:",
        "a@sha256:abc",
        "https://a.b/c",
        "a b",
        "r.example.com/App",
        "a/-b",
        "a/b..c",
        "a/b___c",
        "r_x.io:5000/a",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ] {
        assert!(Image::parse(image).is_err(), "{image}");
    }
    assert_eq!(
        Image::meant("https://R.example.com:5000/Team/App:1").repository,
        "r.example.com:5000/team/app"
    );
}

#[test]
fn mismatch_of_key_and_image_is_explained() {
    let image = "r.example.com:5000/team/app";
    for (key, near, part) in [
        ("r.example.com", true, "it has no port, but the image has port 5000"),
        (
            "r.example.com:443",
            true,
            "it has port 443, but the image has port 5000",
        ),
        ("R.example.com:5000", true, "case-sensitively"),
        (
            "r.example.com:5000/other",
            true,
            "its path \"/other\" is not the beginning of the path of the image",
        ),
        ("https://r.example.com:5000/v2", true, "its path \"/v2\""),
        ("*.com:5000", false, "each * matches one part"),
        ("s.example.com:5000", false, "a host other than"),
        ("r.example.com:5000 ", true, "cannot parse"),
    ] {
        let mismatch = mismatch(key, image).unwrap();
        assert_eq!(mismatch.near, near, "{key}");
        assert!(mismatch.why.contains(part), "{key}: {}", mismatch.why);
    }
    assert_eq!(mismatch("*.example.com:5000/te", image), None);
    for key in [
        "https://index.docker.io/v1",
        "registry-1.docker.io",
        "hub.docker.com",
        "DOCKER.io",
    ] {
        let mismatch = mismatch(key, "docker.io/acme/app").unwrap();
        assert!(
            mismatch.near && mismatch.why.contains("https://index.docker.io/v1/"),
            "{key}"
        );
    }
}
