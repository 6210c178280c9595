//! A password planted in every credential form is in no log, status, event or metric of the operator.

use serde_json::json;

use crate::support::canary::{CANARY, assert_clean, forms};
use crate::support::objects::{Space, private, with};
use crate::support::operator::Operator;
use crate::support::world::scoped_world;

#[tokio::test]
async fn no_log_status_event_or_metric_has_the_password() {
    let world = scoped_world();
    let kubeconfig = world.install();
    let space = Space::new(world, "canary").await;
    let operator = Operator::start_with(world, &kubeconfig, &["--namespace", &space.name], "trace");
    for (name, secret_type, data, reason) in forms() {
        let data: Vec<(&str, &str)> = data.iter().map(|(key, value)| (*key, value.as_str())).collect();
        space.secret(&format!("{name}-login"), secret_type, &data).await;
        space
            .create(name, private("registry.example.com", &format!("{name}-login")))
            .await;
        space.reason(name, reason).await;
    }
    // A write that is refused: the server's words are repeated.
    space.credentials("refused-login", "user", CANARY).await;
    let annotations = json!({"secretTemplate": {"annotations": {"a": "x".repeat(60_000), "b": "x".repeat(60_000), "c": "x".repeat(60_000), "d": "x".repeat(60_000)}}});
    space
        .create(
            "big",
            with(private("registry.example.com", "refused-login"), annotations),
        )
        .await;
    space.ready("big").await;

    assert_clean("the log at level trace", &operator.log());
    assert!(
        operator.log().contains("\"level\":\"TRACE\""),
        "the log is at level trace"
    );
    assert_clean("the metrics", &operator.get("/metrics").1);
    assert_clean("/readyz", &operator.get("/readyz").1);
    let shown = world.kubectl(&["get", "dockerpullsecrets,events", "-n", &space.name, "-o", "json"]);
    assert!(shown.contains("KeyMissing"));
    assert_clean("a resource or an event", &shown);
    let (_, well) = operator.stop();
    assert!(well);
}
