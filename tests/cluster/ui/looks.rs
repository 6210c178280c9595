//! Every page, light and dark, on a computer and on a phone, for people who see and who do not.

use crate::support::canary::CANARY;
use crate::support::heavy;
use crate::support::pods::not_sent;
use crate::support::registries::registries;
use crate::support::repository;
use crate::ui::{PASSWORD, Session, failing_pod, reader, ready};

/// Looks at the page that is shown, and saves pictures of it.
async fn inspect(session: &Session, name: &str) {
    let browser = &session.browser;
    for scheme in ["light", "dark"] {
        browser.prefer_color_scheme(scheme).await;
        assert_eq!(browser.axe().await, "", "{name}, {scheme}");
        browser.screenshot(&format!("ui-{name}-{scheme}")).await;
    }
    browser.prefer_color_scheme("light").await;
    browser.on_phone().await;
    assert_eq!(browser.overflow().await, 0, "{name} on a phone");
    assert_eq!(browser.axe().await, "", "{name} on a phone");
    browser.screenshot(&format!("ui-{name}-phone")).await;
    browser.on_desktop().await;
    assert_eq!(browser.overflow().await, 0, "{name}");
    assert_eq!(browser.complaints().await, Vec::<String>::new(), "{name}");
}

#[tokio::test]
async fn pages_that_show_something_are_accessible_and_fit() {
    let _turn = heavy().await;
    let (space, registry) = ready("shop").await;
    failing_pod(&space, &registry, &[], &not_sent).await;
    let session = Session::begin(&["-n", &space.name]).await;
    let browser = &session.browser;
    session.open(&format!("?namespace={}", space.name)).await;
    browser.sees("1 pod fails to pull").await;
    inspect(&session, "list").await;
    session.open("?search=nothing-is-called-so").await;
    browser.sees("No pull secret matches.").await;
    inspect(&session, "list-without-match").await;
    session.open_resource(&space, "app").await;
    browser.sees("Pods that fail to pull (1)").await;
    let picture = browser.picture(1200, 760).await;
    assert!(
        picture.len() < 150_000,
        "the picture in the README has {} bytes",
        picture.len()
    );
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(repository().join("docs/images/page.png"), picture).unwrap();
    }
    for part in ["What the node reports", "The same by command", "YAML"] {
        browser.click(part).await;
    }
    inspect(&session, "resource").await;
    session.open("/explain?subject=").await;
    browser.sees("This command mends it").await;
    browser.click("What the node reports").await;
    inspect(&session, "explain").await;
    session.open("/doctor").await;
    browser.sees("Check of the installation").await;
    inspect(&session, "doctor").await;
    session.open(&format!("/namespaces/{}/app/delete", space.name)).await;
    browser.sees("Keep it").await;
    inspect(&session, "delete").await;
    session.open("/namespaces/nowhere/absent").await;
    browser.sees("It is gone").await;
    let complaints = browser.complaints().await;
    assert!(
        complaints.iter().all(|line| line.contains("status of 404")),
        "{complaints:?}"
    );
    inspect(&session, "problem").await;

    let account = reader(&space);
    let session = Session::begin(&["-n", &space.name, "--as", &account]).await;
    session.open_resource(&space, "app").await;
    inspect(&session, "resource-of-a-reader").await;
    // The page of the resource would be missing.
    session.open("").await;
    space.delete("app").await;
    session.browser.sees("There is no pull secret yet").await;
    inspect(&session, "list-empty").await;
}

#[tokio::test]
async fn forms_are_accessible_and_fit() {
    let _turn = heavy().await;
    let (space, _) = ready("ui-forms").await;
    let all = registries();
    let session = Session::begin(&["-n", &space.name, "--ca-file", all.get("caFile")]).await;
    let browser = &session.browser;
    session.open("/create").await;
    browser.click("For many namespaces").await;
    browser.click("Attach it, so that nobody has to list it").await;
    inspect(&session, "create").await;
    session
        .fill_in("Not_a_name", "https://user@registry/", "robot", CANARY, "No_namespace")
        .await;
    browser.press("Submit").await;
    browser.sees("Correct the fields that are marked below").await;
    inspect(&session, "create-with-errors").await;
    session
        .fill_in("other", all.get("basic"), "robot", CANARY, &space.name)
        .await;
    browser.press("Submit").await;
    browser.sees("Rejected: ").await;
    inspect(&session, "create-rejected").await;
    browser.fill_in(PASSWORD, all.get("password")).await;
    browser.press("YAML for Git").await;
    browser.sees("kind: DockerPullSecret").await;
    inspect(&session, "create-yaml").await;

    session.open("/import").await;
    browser.press("Read it").await;
    browser.sees("Choose a file, or paste its text.").await;
    inspect(&session, "import").await;
    let login = serde_json::json!({"username": "robot", "password": all.get("password")});
    let config = serde_json::json!({
        "auths": {(all.get("basic")): login, "stored.example.com": {}}, "credsStore": "desktop",
    });
    browser.fill_in("Or its text", &config.to_string()).await;
    browser.press("Read it").await;
    browser.sees("in the credential helper desktop").await;
    inspect(&session, "import-choice").await;
    browser.press("Import").await;
    browser.sees("wrote DockerPullSecret").await;
    inspect(&session, "import-done").await;
}
