//! Whose rights count, and which cluster is shown.

use serde_json::Value;

use crate::support::heavy;
use crate::support::objects::Space;
use crate::support::world::world;
use crate::ui::{Session, reader, ready};

#[tokio::test]
async fn what_a_person_may_not_do_is_off_and_refused() {
    let _turn = heavy().await;
    let (space, _) = ready("ui-viewer").await;
    let account = reader(&space);
    let session = Session::begin(&["-n", &space.name, "--as", &account]).await;
    let browser = &session.browser;
    browser
        .sees(&format!("those of namespace {} are shown", space.name))
        .await;
    browser.click("app").await;
    let text = browser.sees("How to use it").await;
    let why = format!("you may not patch dockerpullsecrets in namespace {}", space.name);
    assert!(text.contains(&format!("Verify and suspend are off: {why}")), "{text}");
    assert!(
        text.contains("Delete is off: you may not delete dockerpullsecrets"),
        "{text}"
    );
    assert!(!text.contains("Delete …"), "{text}");
    for name in ["Verify now", "Suspend"] {
        let button = browser.find("button", name).await.unwrap();
        assert!(!button.is_enabled().await.unwrap(), "{name}");
    }
    // Somebody who does it all the same.
    browser
        .evaluate("document.querySelectorAll('button').forEach(button => { button.disabled = false })")
        .await;
    browser.press("Suspend").await;
    let text = browser.sees("It was not changed").await;
    assert!(text.contains("forbidden") && text.contains("cannot patch"), "{text}");
    session.open(&format!("/namespaces/{}/app/delete", space.name)).await;
    browser.press("Delete app").await;
    let text = browser.sees("It was not changed").await;
    assert!(text.contains("cannot delete"), "{text}");
    let resource = space.resources.get("app").await.unwrap();
    assert!(!resource.spec.suspend && resource.metadata.deletion_timestamp.is_none());

    session.open("/create").await;
    let text = browser.sees("You cannot create one here").await;
    assert!(text.contains("you may not create dockerpullsecrets"), "{text}");
    // They may have the right in another namespace.
    session
        .fill_in("other", "registry.invalid", "robot", "word", &space.name)
        .await;
    browser.press("Submit").await;
    let text = browser.sees("Nothing was written: ").await;
    assert!(text.contains("forbidden"), "{text}");
    assert!(!text.contains("Type the password again"), "{text}");
}

#[tokio::test]
async fn each_tab_keeps_the_context_that_was_chosen_there() {
    let _turn = heavy().await;
    let (first, _) = ready("ui-here").await;
    let (second, _) = ready("ui-there").await;
    let account = reader(&second);
    let file = two_contexts(&second, &account);
    let session = Session::begin_with(file.path(), &[]).await;
    let browser = &session.browser;
    session.open(&format!("?namespace={}", first.name)).await;
    browser.sees("1 of ").await;
    let tab = browser.new_tab().await;
    session.open("").await;
    browser.click("Context world").await;
    browser.click("eu/prod").await;
    let text = browser.sees("Context eu/prod").await;
    let is_other = |text: &str| text.contains(&second.name) && !text.contains(&first.name);
    assert!(is_other(&text) && text.contains("1 of 1"), "{text}");
    browser.click("app").await;
    let text = browser.sees("Verify and suspend are off").await;
    assert!(is_other(&text), "{text}");
    // Commands are for this context; one that needs quotes is for the reader to complete.
    browser.click("Explain").await;
    browser.sees("Explain a pull").await;
    let namespace = browser.field("Namespace").await;
    assert_eq!(namespace.prop("value").await.unwrap().unwrap(), second.name);

    browser.switch_to(tab).await;
    browser.reload().await;
    let text = browser.sees("Context world").await;
    assert!(text.contains(&first.name) && text.contains("1 of "), "{text}");
    browser.click("app").await;
    browser.press("Verify now").await;
    browser.sees("Context world").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

/// A kubeconfig with the world, and the same as another user with a namespace.
fn two_contexts(space: &Space, account: &str) -> tempfile::NamedTempFile {
    let config = world().kubectl(&["config", "view", "--raw", "-o", "json"]);
    let mut config: Value = serde_json::from_str(&config).unwrap();
    let token = world().kubectl(&["create", "token", "reader", "-n", &space.name]);
    let list = |config: &mut Value, name: &str, entry: Value| config[name].as_array_mut().unwrap().push(entry);
    list(
        &mut config,
        "users",
        serde_json::json!({"name": account, "user": {"token": token.trim()}}),
    );
    let context = serde_json::json!({"cluster": "world", "user": account, "namespace": space.name});
    list(
        &mut config,
        "contexts",
        serde_json::json!({"name": "eu/prod", "context": context}),
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), config.to_string()).unwrap();
    file
}
