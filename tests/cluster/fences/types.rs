//! Whether the expressions of the policies fit the types that they are about.

use k8s_openapi::api::admissionregistration::v1::{ExpressionWarning, ValidatingAdmissionPolicy};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};

use crate::chart::template;
use crate::support::eventually;
use crate::support::world::scoped_world;

/// The policies of the chart whose types Kubernetes looks at: it skips subresources, such as that of tokens.
fn policies() -> Vec<Value> {
    let objects = template(&["--set", "rbac.attachServiceAccounts=true"]).into_iter();
    let policies = objects.filter(|object| object["kind"] == "ValidatingAdmissionPolicy");
    let is_checked = |policy: &Value| {
        let rules = policy["spec"]["matchConstraints"]["resourceRules"].as_array().unwrap();
        rules.iter().all(|rule| !rule["resources"].to_string().contains('/'))
    };
    policies.filter(is_checked).collect()
}

/// What Kubernetes says of the expressions of a policy, which nothing binds.
async fn warnings(api: &Api<ValidatingAdmissionPolicy>, policy: &ValidatingAdmissionPolicy) -> Vec<ExpressionWarning> {
    api.create(&PostParams::default(), policy).await.unwrap();
    let name = policy.name_any();
    let checked = eventually(&format!("{name} is checked"), || async {
        let policy = api.get(&name).await.map_err(|error| error.to_string())?;
        let status = policy.status.unwrap_or_default();
        status.type_checking.clone().ok_or_else(|| format!("{status:?}"))
    })
    .await;
    api.delete(&name, &DeleteParams::default()).await.unwrap();
    checked.expression_warnings.unwrap_or_default()
}

/// A policy that is installed together with the CRDs is checked before its types are known: then there is no warning, whatever it
/// says. So each gets one mistake more, which has to be found.
#[tokio::test]
async fn policies_are_checked_against_the_types_without_a_warning() {
    let world = scoped_world();
    world.install();
    let api: Api<ValidatingAdmissionPolicy> = Api::all(world.admin().await);
    let mut names = Vec::new();
    for mut policy in policies() {
        let validations = policy["spec"]["validations"].as_array_mut().unwrap();
        let planted = format!("spec.validations[{}].expression", validations.len());
        validations.push(json!({"expression": "object.noSuchField == \"\""}));
        let policy: ValidatingAdmissionPolicy = serde_json::from_value(policy).unwrap();
        eventually(&format!("the mistake in {} is found", policy.name_any()), || async {
            let warnings = warnings(&api, &policy).await;
            assert!(
                warnings.iter().all(|warning| warning.field_ref == planted),
                "{warnings:#?}"
            );
            (warnings.len() == 1).then_some(()).ok_or_else(|| "not yet".to_owned())
        })
        .await;
        names.push(policy.name_any());
    }
    names.sort();
    let expected = ["account-writes", "authors", "cluster-authors", "writes"];
    assert_eq!(
        names,
        expected.map(|which| format!("release-docker-pull-secret-operator-{which}.operators"))
    );
}
