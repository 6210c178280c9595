//! Copies that the API server refuses to delete.

use dps::api::DockerPullSecretStatus;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::{alone, clear, fleet, start};
use crate::support::eventually;
use crate::support::fleet::Fleet;

async fn dry_deletion(fleet: &Fleet, name: &str) -> Result<(), String> {
    let params = DeleteParams {
        dry_run: true,
        ..DeleteParams::default()
    };
    let answer = fleet.secrets("0").delete(name, &params).await;
    answer.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_copy_that_cannot_be_deleted_is_named_until_it_is_gone() {
    let (_alone, world) = alone().await;
    let operator = start(world, &[]);
    let fleet = fleet(world, "undeletable", 2).await;
    let name = fleet.create("login", json!({})).await;
    fleet.stands(&name, "Ready", "2/2").await;
    let kept = fleet.namespace("0");
    // Its words repeat what is in the Secret.
    let validation = json!({"expression": "false", "message": "kept",
        "messageExpression": "'kept: ' + string(oldObject.data['.dockerconfigjson'])"});
    let file = world.restrict(&kept, "secrets", "DELETE", &validation);
    eventually("the policy is in force", || async {
        let answer = dry_deletion(&fleet, &name).await;
        answer
            .as_ref()
            .is_err_and(|refused| refused.contains("kept: "))
            .then_some(())
            .ok_or(format!("{answer:?}"))
    })
    .await;
    fleet.label("0", Value::Null).await;
    let words = format!("still there, in {kept:?}: the API server refuses its deletion");
    let tells = |status: &DockerPullSecretStatus| status.warnings.iter().any(|warning| warning.contains(&words));
    fleet.until(&name, "tells of it", tells).await;
    fleet.stands(&name, "Ready", "1/1").await;
    world.kubectl(&["delete", "-f", &file]);
    eventually("the policy is gone", || dry_deletion(&fleet, &name)).await;
    // A change is tried at once, and not after the pause of a minute.
    fleet.change(&name, json!({"email": "ci@example.com"})).await;
    fleet.until(&name, "tells of it no more", |status| !tells(status)).await;
    assert!(fleet.secrets("0").get_opt(&name).await.unwrap().is_none());
    let log = operator.log();
    assert!(!log.contains("kept: "), "{log}");
    clear(&fleet, &name).await;
}
