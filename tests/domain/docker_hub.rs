//! Images written with another host of Docker Hub: no resource can serve them, so advice has to be about the image.

use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::resource::Resource;
use dps::domain::registry::dialect::DOCKER_HUB_KEY;

use super::pods::{DENIED, NOT_SENT, find_for, resource, secret};

const RATE_LIMITED: &str = "toomanyrequests: You have reached your unauthenticated pull rate limit";

#[test]
fn image_with_an_api_host_of_docker_hub_is_to_be_written_with_docker_io() {
    struct Row {
        image: &'static str,
        written: &'static str,
        secrets: Vec<PullSecret>,
        resources: Vec<Resource>,
        /// What follows the sentence about the image.
        then: &'static str,
    }
    let hub = |name: &str| resource(name, DOCKER_HUB_KEY, None);
    for row in [
        Row {
            image: "registry-1.docker.io/acme/app",
            written: "docker.io/acme/app",
            secrets: vec![secret("hub", DOCKER_HUB_KEY)],
            resources: vec![hub("hub")],
            then: "",
        },
        Row {
            image: "registry.hub.docker.com/acme/app:1",
            written: "docker.io/acme/app:1",
            secrets: vec![],
            resources: vec![hub("hub")],
            then: ". Add imagePullSecrets: [{name: hub}] to the pod's spec",
        },
        Row {
            image: "registry-1.docker.io:443/acme/app:1",
            written: "docker.io/acme/app:1",
            secrets: vec![],
            resources: vec![],
            then: ". Create a DockerPullSecret of type DockerHub in namespace \"team\"",
        },
    ] {
        for report in [NOT_SENT, DENIED, RATE_LIMITED] {
            let action = find_for(row.image, report, &row.secrets, &row.resources).action;
            let host = row.image.split('/').next().unwrap();
            let advice = format!(
                "Write the image as {}: Docker Hub credentials never match an image with the host {host}",
                row.written
            );
            let then = action
                .strip_prefix(&advice)
                .unwrap_or_else(|| panic!("{}: {action}", row.image));
            assert!(then.starts_with(row.then), "{}: {action}", row.image);
            assert_eq!(then.is_empty(), row.then.is_empty(), "{}: {action}", row.image);
        }
    }
}

#[test]
fn image_with_an_api_host_of_docker_hub_and_credentials_that_match_keeps_its_name() {
    let image = "registry-1.docker.io/acme/app";
    let own = [secret("own", "registry-1.docker.io")];
    let action = find_for(image, DENIED, &own, &[]).action;
    assert!(action.starts_with("Grant permission"), "{action}");
}
