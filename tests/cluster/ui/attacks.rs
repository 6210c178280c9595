//! What is typed is not shown, and what others write is a text and no part of the page.

use std::path::Path;

use crate::support::browser::Browser;
use crate::support::canary::{CANARY, assert_clean};
use crate::support::heavy;
use crate::support::objects::Space;
use crate::support::operator::operator;
use crate::support::registries::{Registries, Scripted, answer, registries};
use crate::support::world::world;
use crate::ui::{PASSWORD, Session, failing_pod, ready};

/// What would take over a page that takes it for HTML.
const MARKUP: &str = "</pre><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><a href='javascript:alert(1)'>Verify now</a>";

async fn assert_inert(browser: &Browser) {
    let text = browser.sees("<script>document.title='owned'").await;
    assert!(text.contains("onerror="), "{text}");
    let made = "return [document.title.includes('owned'), document.querySelectorAll('main img, main script, a[href^=javascript]').length]";
    assert_eq!(browser.evaluate(made).await, serde_json::json!([false, 0]));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn markup_in_a_pods_message_and_in_a_registrys_answer_is_a_text() {
    let _turn = heavy().await;
    let (space, registry) = ready("ui-markup").await;
    let report = |image: &str| format!("failed to pull \"{image}\": {MARKUP}: 401 Unauthorized");
    failing_pod(&space, &registry, &["app"], &report).await;
    let session = Session::begin(&["--ca-file", registries().get("caFile")]).await;
    let browser = &session.browser;
    session.open_resource(&space, "app").await;
    browser.click("What the node reports").await;
    assert_inert(browser).await;
    session
        .open(&format!("/explain?namespace={}&subject=pod/web", space.name))
        .await;
    browser.click("What the node reports").await;
    assert_inert(browser).await;

    let body =
        serde_json::json!({"errors": [{"code": "UNAUTHORIZED", "message": MARKUP, "detail": MARKUP}]}).to_string();
    let json = "Content-Type: application/json";
    let server = Scripted::secure(move |head, _| {
        let challenge = "Www-Authenticate: Basic realm=\"<img src=x onerror=alert(1)>\"";
        if head.to_lowercase().contains("authorization:") {
            answer("403 Forbidden", &[json], &body)
        } else {
            answer("401 Unauthorized", &[json, challenge], &body)
        }
    });
    session.open("/create").await;
    session
        .fill_in("app", &server.address, "robot", CANARY, &space.name)
        .await;
    browser.press("Only verify the credentials").await;
    browser.sees("Nothing was written").await;
    let made = "return [document.title.includes('owned'), document.querySelectorAll('main img, main script').length]";
    assert_eq!(browser.evaluate(made).await, serde_json::json!([false, 0]));
    session.open("/create").await;
    session.fill_in(MARKUP, MARKUP, "robot", CANARY, &space.name).await;
    browser.press("Submit").await;
    browser.sees("Correct the fields that are marked below").await;
    assert_eq!(browser.evaluate(made).await, serde_json::json!([false, 0]));
    session
        .open("/explain?namespace=default&image=%3Cscript%3Edocument.title%3D'owned'%3C/script%3E")
        .await;
    browser.sees("is").await;
    assert_eq!(browser.evaluate(made).await, serde_json::json!([false, 0]));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn password_is_in_no_page_no_address_and_nothing_that_the_browser_keeps() {
    let _turn = heavy().await;
    operator();
    let (all, space) = (registries(), Space::new(world(), "ui-canary").await);
    let session = Session::begin(&["-n", &space.name, "--ca-file", all.get("caFile")]).await;
    let browser = &session.browser;
    for (button, shown) in [
        ("Only verify the credentials", "Rejected: "),
        ("YAML for Git", "Rejected: "),
        ("Submit", "Rejected: "),
    ] {
        session.open("/create").await;
        session
            .fill_in(
                "app",
                all.get("basic"),
                &format!("robot-{}", button.len()),
                CANARY,
                &space.name,
            )
            .await;
        browser.press(button).await;
        browser.sees(shown).await;
        assert_clean(button, &browser.source().await);
        assert_clean(button, &browser.url().await);
        let field = browser.field(PASSWORD).await;
        assert_eq!(field.prop("value").await.unwrap().unwrap(), "");
    }
    // A login that cannot be tried, but is written all the same.
    session.open("/create").await;
    session
        .fill_in("app", "registry.invalid", "robot", CANARY, &space.name)
        .await;
    browser.press("Submit").await;
    let text = browser.sees("To write it all the same, check the box").await;
    assert!(text.contains("Nothing was written."), "{text}");
    assert_clean("a login that cannot be tried", &browser.source().await);
    browser.fill_in(PASSWORD, CANARY).await;
    browser
        .click("Write it even if dps cannot verify the credentials from this machine")
        .await;
    browser.press("Submit").await;
    browser.sees("send these credentials to").await;
    assert_clean("the page of the resource", &browser.source().await);
    for path in ["", "/create", "/import", "/explain?subject=", "/doctor"] {
        session.open(path).await;
        assert_clean(path, &browser.source().await);
    }
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    let folder = browser.folder();
    assert!(files(&folder).count() > 10, "the browser has a profile");
    for file in files(&folder) {
        let text = std::fs::read(&file).unwrap_or_default();
        // Texts of a form are kept in UTF-16 as well.
        assert_clean(
            &file.display().to_string(),
            &String::from_utf8_lossy(&text).replace('\0', ""),
        );
    }
}

/// Every file in a folder.
fn files(folder: &Path) -> Box<dyn Iterator<Item = std::path::PathBuf>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    Box::new(entries.flat_map(|entry| {
        let path = entry.path();
        if path.is_dir() && !path.is_symlink() {
            files(&path)
        } else {
            Box::new(std::iter::once(path))
        }
    }))
}

#[tokio::test]
async fn fourth_login_that_is_rejected_is_not_tried() {
    let _turn = heavy().await;
    operator();
    let (all, space) = (Registries::start(), Space::new(world(), "ui-limit").await);
    let session = Session::begin(&["-n", &space.name, "--ca-file", all.get("caFile")]).await;
    let browser = &session.browser;
    browser.click("Create").await;
    session
        .fill_in("app", all.get("bearer"), "robot", CANARY, &space.name)
        .await;
    for _ in 0..3 {
        browser.press("Submit").await;
        browser.sees("Rejected: ").await;
        browser.fill_in(PASSWORD, CANARY).await;
    }
    let attempts = all.attempts_at_token_server().len();
    // Also a login that is right has to wait.
    browser.fill_in(PASSWORD, all.get("password")).await;
    browser.press("Submit").await;
    let text = browser.sees("has rejected this user 3 times within 5 minutes").await;
    assert!(text.contains("Nothing was written"), "{text}");
    assert_eq!(all.attempts_at_token_server().len(), attempts);
    // Another user of the same registry is none of this.
    browser.fill_in("User name", "stranger").await;
    browser.fill_in(PASSWORD, all.get("password")).await;
    browser.press("Only verify the credentials").await;
    browser.sees("Accepted").await;
}
