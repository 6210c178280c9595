//! Which image the pod runs: nobody's, until a value says so.

use std::process::Command;

use super::{chart, of_kind, template};
use crate::support::{repository, tools};

#[test]
fn without_a_repository_nothing_is_installed_and_a_sentence_says_what_to_do() {
    let output = Command::new(tools(&["helm"]).join("helm"))
        .args(["template", &chart()])
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    for part in ["image.repository is required", "make image PUSH=", "docs/install.md"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn the_image_is_put_together_of_registry_repository_and_tag_or_digest() {
    let digest = "sha256:".to_owned() + &"0123456789abcdef".repeat(4);
    let with_digest = format!("image.registry=mirror.example.com:5000/proxy,image.tag=v1,image.digest={digest}");
    for (values, image) in [
        (
            "image.repository=localhost:5000/dps",
            "localhost:5000/dps:".to_owned() + env!("CARGO_PKG_VERSION"),
        ),
        (
            "image.repository=team/dps,image.registry=mirror.example.com,image.tag=v1",
            "mirror.example.com/team/dps:v1".to_owned(),
        ),
        (
            &*(with_digest + ",image.repository=dps"),
            format!("mirror.example.com:5000/proxy/dps@{digest}"),
        ),
    ] {
        let objects = template(&["--set", values]);
        let pod = &of_kind(&objects, "Deployment")["spec"]["template"]["spec"];
        assert_eq!(pod["containers"][0]["image"], *image, "{values}");
    }
}

/// Whoever forgets to replace it must not run what somebody else has pushed under that name.
#[test]
fn the_plain_manifests_name_an_image_that_nobody_can_publish() {
    let manifests = std::fs::read_to_string(repository().join("deploy/operator.yaml")).unwrap();
    let image = concat!(
        "image: registry.invalid/docker-pull-secret-operator:",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(manifests.matches(image).count(), 1, "{image}");
}
