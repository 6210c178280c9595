//! `pullsecrets.dev/v1alpha1`.

pub(crate) mod cluster_docker_pull_secret;
pub(crate) mod conditions;
pub(crate) mod credentials;
pub(crate) mod credentials_from;
pub(crate) mod docker_pull_secret;
pub(crate) mod pull_failures;
pub(crate) mod verification;
