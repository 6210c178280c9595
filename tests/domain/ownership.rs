//! Whose a Secret is.

use dps::domain::pull_failures::resource::Resource;
use dps::domain::secret::ownership::is_own;
use dps::domain::spec::declaration::Declaration;
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

#[test]
fn resource_whose_secret_name_is_taken_owns_no_secret() {
    for (reason, owns) in [
        ("NameConflict", false),
        ("OwnedByOther", false),
        ("WrongSecretType", false),
        ("SecretImmutable", true),
        ("Stale", true),
        ("CredentialsNotResolved", true),
    ] {
        let declaration = Declaration::from(&super::resource(&super::private("r.example.com")));
        assert!(Resource::of(&declaration, None).unwrap().owns, "nothing is known yet");
        let condition = json!({"type": "SecretSynced", "status": "False", "reason": reason, "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        let status = serde_json::from_value(json!({"conditions": [condition]})).unwrap();
        assert_eq!(
            Resource::of(&declaration, Some(&status)).unwrap().owns,
            owns,
            "{reason}"
        );
    }
}

#[test]
fn secret_is_own_by_its_controller_or_its_field_manager() {
    let owner = |kind: &str, uid: &str| json!([{"apiVersion": "pullsecrets.dev/v1alpha1", "kind": kind, "name": "app", "uid": uid, "controller": true}]);
    let ours = json!([{"manager": "docker-pull-secret-operator", "operation": "Apply", "fieldsV1": {"f:data": {"f:.dockerconfigjson": {}}}}]);
    for (what, meta, own) in [
        ("somebody's", json!({}), false),
        (
            "its own",
            json!({"ownerReferences": owner("DockerPullSecret", "uid-app")}),
            true,
        ),
        (
            "another's",
            json!({"ownerReferences": owner("DockerPullSecret", "uid-b"), "managedFields": ours}),
            false,
        ),
        (
            "of another kind",
            json!({"ownerReferences": owner("Deployment", "uid-b")}),
            false,
        ),
        ("left behind", json!({"managedFields": ours}), true),
    ] {
        let secret: Secret = serde_json::from_value(json!({"metadata": meta})).unwrap();
        assert_eq!(is_own(&secret, "uid-app"), own, "{what}");
    }
}
