//! Fields while they are typed, and where somebody is after a form that failed.

use crate::support::eventually;
use crate::support::heavy;
use crate::ui::{REGISTRY_URL, Session, ready};

/// What stands under a field.
async fn hint(session: &Session, field: &str) -> String {
    let script = format!("return document.getElementById('{field}-hint').textContent");
    let hint = session.browser.evaluate(&script).await;
    hint.as_str().unwrap().to_owned()
}

async fn hint_is(session: &Session, field: &str, words: &str) {
    let is_there = async || {
        let hint = hint(session, field).await;
        if hint.contains(words) { Ok(()) } else { Err(hint) }
    };
    eventually(&format!("{field} says {words:?}"), is_there).await;
}

/// Puts texts into fields as if somebody typed them.
fn typed(texts: &[(&str, &str)]) -> String {
    let texts = serde_json::json!(texts);
    format!(
        "for (const [id, value] of {texts}) {{
            const input = document.getElementById(id);
            input.value = value;
            input.dispatchEvent(new Event('input', {{bubbles: true}}));
        }}"
    )
}

#[tokio::test]
async fn fields_are_checked_each_for_itself_and_a_failure_has_the_focus() {
    let _turn = heavy().await;
    let (space, _) = ready("ui-typing").await;
    let session = Session::begin(&["-n", &space.name]).await;
    let browser = &session.browser;
    session.open("/create").await;
    browser.click("Private registry").await;
    let before = hint(&session, "name").await;
    // All at once: none waits for another one.
    let wrong = [
        ("name", "No Name"),
        ("registry-url", "https://a@b"),
        ("username", "a:b"),
        ("email", "a b"),
    ];
    browser.evaluate(&typed(&wrong)).await;
    hint_is(&session, "name", "It must be 1 to").await;
    hint_is(&session, "registry-url", "It ").await;
    hint_is(&session, "username", "It ").await;
    hint_is(&session, "email", "It must not contain whitespace").await;
    browser.evaluate(&typed(&[("name", "")])).await;
    hint_is(&session, "name", &before).await;
    let invalid = "return document.getElementById('name').getAttribute('aria-invalid')";
    assert_eq!(browser.evaluate(invalid).await, serde_json::Value::Null);

    browser.fill_in("Name", "app").await;
    hint_is(&session, "name", "imagePullSecrets: [{name: app}]").await;
    browser.fill_in(REGISTRY_URL, "registry.example.com").await;
    let command = async || {
        let command = browser
            .evaluate("return document.getElementById('command').textContent")
            .await;
        let command = command.as_str().unwrap().to_owned();
        let expected = format!(
            "dps create --context world app -n {} --registry-url registry.example.com ",
            space.name
        );
        if command.starts_with(&expected) {
            Ok(())
        } else {
            Err(command)
        }
    };
    eventually("the command is what was typed", command).await;
    browser.click("For many namespaces").await;
    let selector = format!("kubernetes.io/metadata.name={}", space.name);
    browser.fill_in("Labels of the namespaces", &selector).await;
    hint_is(
        &session,
        "selector",
        &format!("Selects 1 namespace now: {}.", space.name),
    )
    .await;

    browser.fill_in("User name", "a:b").await;
    browser.fill_in(crate::ui::PASSWORD, "word").await;
    browser.fill_in("Email (optional; no registry needs it)", "").await;
    browser.press("Submit").await;
    browser.sees("Correct the fields that are marked below").await;
    let place = "return [document.title, document.activeElement.id]";
    let failed = serde_json::json!(["Error: Create · dps", "outcome"]);
    assert_eq!(browser.evaluate(place).await, failed);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
