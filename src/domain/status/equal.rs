//! Whether a status has to be written.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use strum::IntoEnumIterator as _;

use crate::api::{ConditionType, DockerPullSecretStatus};

/// Whether `stored` says what `wanted` says. Conditions of types that are not the operator's do not count.
///
/// Both sides are taken apart without `..`, so that a new field of the status cannot be forgotten here.
pub fn is_up_to_date(stored: Option<&DockerPullSecretStatus>, wanted: &DockerPullSecretStatus) -> bool {
    let Some(stored) = stored else { return false };
    let DockerPullSecretStatus {
        observed_generation,
        secret_name,
        registry_key,
        image_pattern,
        warnings,
        verification,
        minted,
        namespaces,
        failures,
        failing_pods,
        pull_failures,
        conditions,
    } = stored;
    let DockerPullSecretStatus {
        observed_generation: wanted_generation,
        secret_name: wanted_secret,
        registry_key: wanted_key,
        image_pattern: wanted_pattern,
        warnings: wanted_warnings,
        verification: wanted_verification,
        minted: wanted_minted,
        namespaces: wanted_namespaces,
        failures: wanted_of_namespaces,
        failing_pods: wanted_pods,
        pull_failures: wanted_failures,
        conditions: wanted_conditions,
    } = wanted;
    let is_ours = |condition: &&Condition| ConditionType::iter().any(|ours| ours.as_str() == condition.type_);
    observed_generation == wanted_generation
        && secret_name == wanted_secret
        && registry_key == wanted_key
        && image_pattern == wanted_pattern
        && warnings == wanted_warnings
        && verification == wanted_verification
        && minted == wanted_minted
        && namespaces == wanted_namespaces
        && failures == wanted_of_namespaces
        && failing_pods == wanted_pods
        && pull_failures == wanted_failures
        && conditions.iter().filter(is_ours).count() == wanted_conditions.len()
        && wanted_conditions.iter().all(|condition| conditions.contains(condition))
}

/// Whether two statuses of a resource for many namespaces tell of the same state: only numbers, names and words differ.
pub fn differ_in_numbers(first: &DockerPullSecretStatus, second: &DockerPullSecretStatus) -> bool {
    let state = |status: &DockerPullSecretStatus| -> Vec<(String, String, String)> {
        let conditions = status.conditions.iter();
        conditions
            .map(|one| (one.type_.clone(), one.status.clone(), one.reason.clone()))
            .collect()
    };
    state(first) == state(second)
        && (&first.verification, first.observed_generation) == (&second.verification, second.observed_generation)
        && (&first.secret_name, &first.registry_key) == (&second.secret_name, &second.registry_key)
        && first.image_pattern == second.image_pattern
        && first.minted == second.minted
}
