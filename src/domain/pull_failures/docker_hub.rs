//! What to do about images written with a host of Docker Hub for which kubelets never use Docker Hub credentials.

use crate::domain::pull_failures::advice::Advised;
use crate::domain::pull_failures::advice::not_sent::use_credentials;
use crate::domain::pull_failures::context::DiagnosisInput;
use crate::domain::registry::dialect::DOCKER_HUB;
use crate::domain::registry::matching::serves;

/// How to write the image so that Docker Hub credentials match, and which pull secret to add if the pod has none for it.
pub(crate) fn docker_hub_name(input: &DiagnosisInput<'_>) -> Option<Advised> {
    let parsed = input.parsed.as_ref()?;
    let corrected = parsed.on_docker_hub()?;
    let (_, path) = input.image.split_once('/')?;
    let rename = format!(
        "Write the image as {DOCKER_HUB}/{path}: Docker Hub credentials never match an image with the host {}",
        parsed.host()
    );
    let has_credentials = input.context.secrets.iter().any(|secret| {
        let mut entries = secret.entries().iter();
        entries.any(|entry| entry.complete && serves(&entry.key, &corrected.repository))
    });
    if has_credentials {
        return Some(rename.into());
    }
    let credentials = match input.best_serving(&corrected) {
        Some(credentials) => use_credentials(credentials, input),
        None => format!(
            "Create a DockerPullSecret of type DockerHub in namespace {:?} and add its Secret to the pod's imagePullSecrets",
            input.context.namespace
        )
        .into(),
    };
    // No command writes the image.
    Some(Advised {
        action: format!("{rename}. {}", credentials.action),
        steps: Vec::new(),
        ..credentials
    })
}
