//! A password planted in every credential form is in no message of `dps render`.

use serde_json::{Value, json};

use crate::support::canary::{CANARY, assert_clean, forms};
use crate::support::dps::dps;
use crate::support::objects::private;

#[test]
fn no_message_of_render_has_the_password() {
    for (name, secret_type, data, reason) in forms() {
        let data: serde_json::Map<String, Value> = data
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        let mut input = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "type": secret_type, "stringData": data,
        })
        .to_string();
        input += &json!({
            "apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": name},
            "spec": private("registry.example.com", "login"),
        })
        .to_string();
        let (code, errors) = render(&input);
        assert_eq!(code, i32::from(reason != "Ready"), "{name}: {errors}");
        assert_clean(name, &errors);
    }
    for broken in [
        format!("apiVersion: v1\nkind: Secret\nstringData: {{password: {CANARY}\n  x"),
        format!("{{\"apiVersion\": \"v1\", \"password\": \"{CANARY}\""),
        format!("password: {CANARY}"),
        format!("apiVersion: v1\nkind: Secret\nstringData: {{password: {CANARY}}}"),
    ] {
        let (code, errors) = render(&broken);
        assert_eq!(code, 2, "{errors}");
        assert_clean("a message about unreadable input", &errors);
    }
    let wrong = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "data": {"password": CANARY, "username": [CANARY]}},
        {"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "a"}, "spec": {"type": CANARY}},
        {"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "DockerPullSecret", "metadata": {"name": "b"}, "spec": private("registry.example.com", "login")},
    ]});
    let (code, errors) = render(&wrong.to_string());
    assert_eq!(code, 1, "{errors}");
    assert_clean("a message about wrong objects", &errors);
}

fn render(input: &str) -> (i32, String) {
    let output = dps(&["render", "-f", "-"], input);
    (output.code, output.stderr)
}
