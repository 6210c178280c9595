//! Secrets of rapyuta.io.

use serde_json::Value;

use crate::domain::text::shown_key;
use crate::form::field::{self, ChosenRegistry};
use crate::form::import::{Found, FoundLogin};

/// The login of a manifest of rapyuta.io; `None` if it is a Secret for something else.
pub fn rapyuta(place: &str, manifest: &Value) -> Option<Found> {
    let spec = &manifest["spec"];
    if !spec["type"]
        .as_str()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("docker"))
    {
        return None;
    }
    let field = |name: &str| spec["docker"][name].as_str().unwrap_or_default();
    let name = manifest["metadata"]["name"].as_str().unwrap_or_default();
    let place = format!("{place}: Secret {}", shown_key(name));
    let written = match field("registry") {
        "" => "https://index.docker.io/v1/",
        written => written,
    };
    let registry = ChosenRegistry::new(None, Some(written));
    let login = match &registry {
        Err(problem) => FoundLogin::Unusable(format!("its registry {problem}")),
        Ok(_) if field("password").is_empty() => FoundLogin::Unusable(
            "it has no password, because the platform never shows one: run dps create, which asks for it".to_owned(),
        ),
        Ok(_) => match field::username(field("username")).and_then(|user| field::password(&user, field("password"))) {
            Ok(credentials) => FoundLogin::Here(credentials),
            Err(problem) => FoundLogin::Unusable(format!("its login {problem}")),
        },
    };
    Some(Found {
        place,
        key: shown_key(written),
        registry: registry.ok(),
        login,
        email: field::email(field("email")).ok().flatten(),
        pull_secret: None,
        shared: None,
    })
}
