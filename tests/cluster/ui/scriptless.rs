//! Everything that the page can do, in a browser that runs no scripts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::api::ListParams;
use serde_json::json;

use crate::support::canary::{CANARY, assert_clean};
use crate::support::eventually;
use crate::support::heavy;
use crate::support::objects::Space;
use crate::support::operator::operator;
use crate::support::pods::{Pods, not_sent};
use crate::support::registries::registries;
use crate::support::world::world;
use crate::ui::Session;

/// Loads the page again until this can be read on it: nothing does that by itself here.
async fn reload_until(session: &Session, words: &str) -> String {
    let shown = async || {
        session.browser.reload().await;
        let text = session.browser.text().await;
        if text.contains(words) { Ok(text) } else { Err(text) }
    };
    eventually(&format!("the page shows {words:?}"), shown).await
}

#[tokio::test]
async fn login_is_created_used_explained_paused_and_deleted() {
    let _turn = heavy().await;
    operator();
    let (all, space) = (registries(), Space::new(world(), "ui-plain").await);
    let (registry, password) = (all.get("basic"), all.get("password"));
    let session = Session::begin_without_scripts(&["--ca-file", all.get("caFile")]).await;
    let browser = &session.browser;

    // A field that is wrong, then a password that is.
    browser.click("Create").await;
    session
        .fill_in("company", "https://user@registry/v2/", "robot", CANARY, &space.name)
        .await;
    browser.click("Submit").await;
    let text = browser.sees("Correct the fields that are marked below").await;
    assert!(text.contains("The registry URL "), "{text}");
    assert_clean("the page of a wrong field", &browser.source().await);
    session.fill_in("company", registry, "robot", CANARY, &space.name).await;
    browser.click("Submit").await;
    let text = browser.sees("Rejected: ").await;
    assert!(text.contains("Nothing was written."), "{text}");
    assert_clean("the page of a wrong password", &browser.source().await);
    let field = browser.field(crate::ui::PASSWORD).await;
    assert_eq!(field.prop("value").await.unwrap().unwrap(), "");
    let written = space.resources.list(&ListParams::default()).await.unwrap();
    assert!(written.items.is_empty() && space.secrets.get_opt("company-login").await.unwrap().is_none());

    // What was typed is still there, but for the password.
    browser.fill_in(crate::ui::PASSWORD, password).await;
    browser.click("Only verify the credentials").await;
    browser.sees("Accepted: ").await;
    browser.fill_in(crate::ui::PASSWORD, password).await;
    browser.click("YAML for Git").await;
    let text = browser.sees("kind: DockerPullSecret").await;
    assert!(
        text.contains("kubectl --context world create secret generic company-login"),
        "{text}"
    );
    assert!(!browser.source().await.contains(password));
    browser.fill_in(crate::ui::PASSWORD, password).await;
    browser.click("Submit").await;
    browser.sees("How to use it").await;
    let text = reload_until(&session, "send these credentials to").await;
    assert!(text.contains("imagePullSecrets: [{name: company}]"), "{text}");

    let (pods, image) = (Pods::of(&space).await, format!("{registry}/team/app:1.0"));
    pods.create("web", &image, &[]).await;
    pods.fails("web", &image, &not_sent(&image)).await;
    let text = reload_until(&session, "Pods that fail to pull (1)").await;
    assert!(text.contains("CredentialsNotSent"), "{text}");
    browser.click(&format!("{}/web", space.name)).await;
    let text = browser.sees("Explanation").await;
    assert!(
        text.contains("imagePullSecrets lists no Secret.") && text.contains("This command mends it:"),
        "{text}"
    );
    browser.fill_in("Image", &image).await;
    browser.press("Explain").await;
    browser.sees("that a new pod is to pull").await;
    browser.click("Pull secrets").await;
    browser.choose("Namespace", &space.name).await;
    browser.click("Filter").await;
    let text = browser.sees("1 of ").await;
    assert!(text.contains("1 pod fails to pull"), "{text}");
    browser.click("company").await;

    browser.click("Verify now").await;
    browser.sees("How to use it").await;
    let resource = space.resources.get("company").await.unwrap();
    let requested = resource.metadata.annotations.unwrap_or_default();
    assert!(requested.contains_key(dps::api::VERIFY_ANNOTATION), "{requested:?}");
    browser.click("Suspend").await;
    browser.click("Resume").await;
    browser.click("Delete …").await;
    let text = browser.sees("Secret company is deleted with it.").await;
    assert!(
        text.contains("Secret company-login with the credentials stays."),
        "{text}"
    );
    browser.click("Delete company").await;
    // Nothing brings this page up to date. Other tests have resources too.
    let text = browser.sees("Create a pull secret").await;
    assert!(!text.contains(&space.name), "{text}");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn pasted_config_is_imported_and_what_cannot_be_says_why() {
    let _turn = heavy().await;
    operator();
    let (all, space) = (registries(), Space::new(world(), "ui-import").await);
    let session = Session::begin_without_scripts(&["-n", &space.name, "--ca-file", all.get("caFile")]).await;
    let browser = &session.browser;
    browser.click("Import").await;
    browser.click("Read it").await;
    browser.sees("Choose a file, or paste its text.").await;

    let auth = |password: &str| json!({"auth": STANDARD.encode(format!("robot:{password}"))});
    let config = json!({
        "auths": {
            (all.get("basic")): auth(all.get("password")),
            (all.get("bearer")): auth(CANARY),
            "stored.example.com": {},
            "https://<script>alert(1)</script>/v2/": auth(CANARY),
        },
        "credsStore": "desktop",
    });
    browser.fill_in("Or its text", &config.to_string()).await;
    browser.click("Read it").await;
    let text = browser.sees("stored.example.com").await;
    assert!(
        text.contains("its credentials are in the credential helper desktop of the machine"),
        "{text}"
    );
    assert_clean("what was found", &browser.source().await);
    assert!(text.contains("<script>alert(1)</script>"), "{text}");
    browser.press("Import").await;
    let text = browser.sees("Not imported").await;
    assert!(
        text.contains("wrote DockerPullSecret") && text.contains("Rejected: "),
        "{text}"
    );
    assert_clean("what was imported", &browser.source().await);
    let names = space.resources.list(&ListParams::default()).await.unwrap();
    let names: Vec<_> = names
        .iter()
        .map(|resource| resource.spec.registry_url.clone())
        .collect();
    assert_eq!(json!(names), json!([all.get("basic")]));

    // What was not imported can be tried again; what is no registry cannot.
    assert!(
        text.contains("What is left") && !text.contains("stored.example.com"),
        "{text}"
    );

    // What cannot be read.
    session.open("/import").await;
    browser
        .fill_in("Or its text", &format!("{{\"auths\": {{\"{CANARY}"))
        .await;
    browser.click("Read it").await;
    browser.sees("The config").await;
    assert_clean("what cannot be read", &browser.source().await);
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}
