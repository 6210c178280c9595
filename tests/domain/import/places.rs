//! Where logins are looked for, if no place is named.

use std::path::Path;

use serde_json::json;

use crate::support::dps::{Output, dps_in};

/// Files below the home folder, those that count less first; and the variable that names each or its folder.
const FILES: [(&str, Option<(&str, &str)>); 5] = [
    (".docker/config.json", None),
    (".config/containers/auth.json", None),
    ("run/containers/auth.json", Some(("XDG_RUNTIME_DIR", "run"))),
    ("podman.json", Some(("REGISTRY_AUTH_FILE", "podman.json"))),
    ("docker/config.json", Some(("DOCKER_CONFIG", "docker"))),
];

const VARIABLES: [&str; 4] = [
    "XDG_RUNTIME_DIR",
    "REGISTRY_AUTH_FILE",
    "DOCKER_CONFIG",
    "DOCKER_AUTH_CONFIG",
];

fn import(home: &Path, variables: &[(&str, String)]) -> Output {
    let unset = VARIABLES.map(|name| (name, ""));
    let set = variables.iter().map(|(name, value)| (*name, value.as_str()));
    let variables: Vec<(&str, &str)> = [("HOME", home.to_str().unwrap())]
        .into_iter()
        .chain(unset)
        .chain(set)
        .collect();
    dps_in(&variables, &["import", "--export", "--no-verify", "--all"], "")
}

fn config(registry: &str) -> String {
    json!({"auths": {registry: {"username": "robot", "password": "a-password"}}}).to_string()
}

#[test]
fn first_place_that_has_logins_is_the_one() {
    let home = tempfile::tempdir().unwrap();
    let nothing = import(home.path(), &[]);
    assert_eq!(nothing.code, 2);
    let words =
        "dps import: there is no docker config of yours: name one with --from, or pull secrets with --pull-secrets\n";
    assert_eq!(nothing.stderr, words);

    let mut variables = Vec::new();
    let check = |variables: &[(&str, String)], registry: &str, place: &str| {
        let found = import(home.path(), variables);
        assert_eq!(found.code, 0, "{place}: {}", found.stderr);
        assert!(
            found.stdout.contains(&format!("registryUrl: {registry}\n")),
            "{place}: {}",
            found.stdout
        );
        assert_eq!(found.stdout.matches("registryUrl").count(), 1, "{place}");
        assert!(found.stderr.contains(place), "{}", found.stderr);
    };
    for (number, (file, variable)) in FILES.into_iter().enumerate() {
        let (path, registry) = (home.path().join(file), format!("r{number}.example.com"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, config(&registry)).unwrap();
        variables.extend(variable.map(|(name, value)| (name, home.path().join(value).display().to_string())));
        check(&variables, &registry, path.to_str().unwrap());
    }
    variables.push(("DOCKER_AUTH_CONFIG", config("ci.example.com")));
    check(&variables, "ci.example.com", "DOCKER_AUTH_CONFIG");
}
