//! What is shown follows the cluster, as long as somebody looks at it.

use serde_json::json;

use crate::support::eventually;
use crate::support::heavy;
use crate::support::objects::{Space, private};
use crate::support::pods::not_sent;
use crate::support::world::world;
use crate::ui::{Session, failing_pod, reader, ready};

/// Marks the page, to tell it from the same page that was loaded again.
const MARK: &str = "window.mark = 'the first'";

async fn assert_not_reloaded(session: &Session) {
    let mark = session.browser.evaluate("return window.mark").await;
    assert_eq!(mark, "the first", "the page was loaded again");
}

#[tokio::test]
async fn list_follows_the_cluster_without_a_reload() {
    let _turn = heavy().await;
    let (space, registry) = ready("ui-list").await;
    let session = Session::begin(&[]).await;
    let browser = &session.browser;
    session.open(&format!("?namespace={}", space.name)).await;
    let text = browser.sees(&registry).await;
    assert!(text.contains("1 of ") && text.contains("Ready"), "{text}");
    browser.evaluate(MARK).await;

    space.create("second", private("second.example.com", "absent")).await;
    // Others may have the same reason, and a row comes before its status.
    eventually("the worst is first", || async {
        let text = browser.sees("second.example.com").await;
        let is_right = text.contains("2 of ")
            && text.contains("SecretNotFound")
            && text.rfind("second").unwrap() < text.rfind("app").unwrap();
        is_right.then_some(()).ok_or(text)
    })
    .await;
    let pods = failing_pod(&space, &registry, &[], &not_sent).await;
    browser.sees("1 pod fails to pull").await;
    pods.delete("web").await;
    space.delete("second").await;
    let healed = async || {
        let text = browser.text().await;
        let is_healed = text.contains("1 of ") && !text.contains("second") && !text.contains("fails to pull");
        if is_healed { Ok(()) } else { Err(text) }
    };
    eventually("the list shows one that is well", healed).await;
    assert_not_reloaded(&session).await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn resource_follows_its_status_and_keeps_what_a_person_is_at() {
    let _turn = heavy().await;
    let (space, registry) = ready("ui-resource").await;
    let session = Session::begin(&[]).await;
    let browser = &session.browser;
    session.open_resource(&space, "app").await;
    browser.evaluate(MARK).await;
    browser.click("YAML").await;
    browser.evaluate("document.querySelector('#yaml pre').focus()").await;
    let pods = failing_pod(&space, &registry, &[], &not_sent).await;
    let text = browser.sees("Pods that fail to pull (1)").await;
    assert!(
        text.contains("CredentialsNotSent") && text.contains("This command mends it"),
        "{text}"
    );
    let focused = "return document.activeElement.closest('details')?.id";
    assert_eq!(browser.evaluate(focused).await, "yaml");
    browser.sees("kind: DockerPullSecret").await;

    let command = browser
        .evaluate("return document.querySelector('.card [data-copy]').textContent")
        .await;
    let command = command.as_str().unwrap().to_owned();
    assert!(command.contains(&space.name), "{command}");
    browser.click(&format!("Copy {command}")).await;
    assert_eq!(browser.clipboard().await, command);

    // What changes elsewhere in the cluster does not touch this page: a person may be selecting a text.
    browser
        .evaluate("document.querySelector('.card').mark = 'the same'")
        .await;
    let other = Space::new(world(), "ui-other").await;
    other.create("other", private("other.example.com", "absent")).await;
    other.reason("other", "SecretNotFound").await;
    pods.runs("web").await;
    let healed = async || {
        let text = browser.text().await;
        if text.contains("Pods that fail") {
            Err(text)
        } else {
            Ok(())
        }
    };
    eventually("the failing pod is gone", healed).await;
    space.change("app", json!({"suspend": true})).await;
    browser.sees("Resume").await;
    assert_not_reloaded(&session).await;
    space.delete("app").await;
    browser.sees("DockerPullSecret app does not exist.").await;
    assert_not_reloaded(&session).await;
}

#[tokio::test]
async fn unchanged_part_of_a_page_is_left_alone() {
    let _turn = heavy().await;
    let (space, _) = ready("ui-same").await;
    let session = Session::begin(&[]).await;
    session.open_resource(&space, "app").await;
    let browser = &session.browser;
    browser
        .evaluate(
            "document.querySelector('#live .actions').mark = 'the same'; window.updates = 0;
        const fetch = window.fetch; window.fetch = (...all) => { window.updates++; return fetch(...all) }",
        )
        .await;
    let other = Space::new(world(), "ui-elsewhere").await;
    other.create("other", private("elsewhere.example.com", "absent")).await;
    let looked = async || {
        let updates = browser.evaluate("return window.updates").await;
        // The second has begun when the first was shown.
        if updates.as_u64() > Some(1) {
            Ok(())
        } else {
            Err(updates.to_string())
        }
    };
    eventually("the page is looked at again", looked).await;
    let mark = browser
        .evaluate("return document.querySelector('#live .actions').mark")
        .await;
    assert_eq!(mark, "the same");
}

#[tokio::test]
async fn first_resource_takes_the_place_of_the_invitation() {
    let _turn = heavy().await;
    let (space, _) = ready("ui-first").await;
    let account = reader(&space);
    space.delete("app").await;
    let session = Session::begin(&["-n", &space.name, "--as", &account]).await;
    let browser = &session.browser;
    let text = browser.sees("There is no pull secret yet").await;
    let notice = format!("those of namespace {} are shown", space.name);
    // Somebody who may not list all namespaces can name another one.
    assert!(text.contains(&notice) && text.contains("Filter"), "{text}");
    browser.evaluate(MARK).await;
    space.create("first", private("first.example.com", "absent")).await;
    let text = browser.sees("SecretNotFound").await;
    assert!(
        !text.contains("There is no pull secret yet") && text.contains("Filter"),
        "{text}"
    );
    space.delete("first").await;
    browser.sees("There is no pull secret yet").await;
    assert_not_reloaded(&session).await;
}

#[tokio::test]
async fn many_tabs_work_and_notice_the_end_of_dps_ui() {
    let _turn = heavy().await;
    let (space, _) = ready("ui-tabs").await;
    let session = Session::begin(&[]).await;
    // A browser keeps six connections to a server.
    for _ in 0..8 {
        session.browser.new_tab().await;
        session.open_resource(&space, "app").await;
    }
    let silence = "dps ui does not answer";
    let Session { browser, page, .. } = session;
    assert!(!browser.text().await.contains(silence));
    drop(page);
    browser.sees(silence).await;
}
