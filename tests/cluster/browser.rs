//! The browser of the tests itself: what it is to find is found, and what it is to miss is missed.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::response::{Html, Response};
use axum::routing::get;
use futures::FutureExt as _;

use crate::support::browser::Browser;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'";

const STYLE: &str = "body { color: #111; background: #fff } @media (prefers-color-scheme: dark) { body { color: #eee; background: #111 } }";

const SCRIPT: &str =
    "const say = (id, text) => { const place = document.getElementById(id); if (place) place.textContent = text };
    say('live', 'The script has run.');
    setTimeout(() => say('late', 'This came late.'), 300)";

const FORM: &str = r#"
    <h1>Registry</h1>
    <noscript><p>Nothing moves here.</p></noscript>
    <p id="live"></p><p id="late"></p>
    <p><a href="/elsewhere">Elsewhere</a></p>
    <form method="post" action="/">
        <p><label for="name">User name</label> <input id="name" name="name" value="nobody"></p>
        <p><label>Type <select name="type"><option value="1">Docker Hub</option><option value="2">Private registry</option></select></label></p>
        <p><button type="button" hidden>Create</button> <button>Create</button></p>
        <p><button type="button">Twice</button> <button type="button">Twice</button></p>
    </form>"#;

fn page(body: &str) -> Html<String> {
    let head = "<meta charset=utf-8><meta name=viewport content='width=device-width, initial-scale=1'><title>Test</title>\
        <link rel=stylesheet href=/style.css><script src=/script.js defer></script>";
    Html(format!(
        "<!doctype html><html lang=en><head>{head}</head><body><main>{body}</main></body></html>"
    ))
}

/// Serves the pages of these tests, and says where.
async fn serve() -> String {
    let written = |form: String| async move { page(&format!("<h1>Written</h1><p>{form}</p>")) };
    let wide = "<h1>Wide</h1><p>A_word_that_does_not_fit_on_the_screen_of_a_phone_as_it_is_never_divided</p>";
    let bad = r#"<h1>Bad</h1><img src="/missing.png"><input name="nameless"><script>document.title = "run"</script>"#;
    let pages = Router::new()
        .route("/", get(async || page(FORM)).post(written))
        .route("/elsewhere", get(async || page("<h1>Another page</h1>")))
        .route("/wide", get(async move || page(wide)))
        .route("/bad", get(async move || page(bad)))
        .route(
            "/script.js",
            get(async || ([("content-type", "text/javascript")], SCRIPT)),
        )
        .route("/style.css", get(async || ([("content-type", "text/css")], STYLE)));
    let with_policy = axum::middleware::map_response(async |mut response: Response| {
        let policy = POLICY.parse().unwrap();
        response.headers_mut().insert("content-security-policy", policy);
        response
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, pages.layer(with_policy)).await });
    format!("http://{address}")
}

#[tokio::test]
async fn page_is_used_by_what_is_written_on_it() {
    let (browser, site) = (Browser::start().await, serve().await);
    browser.open(&site).await;
    let text = browser.sees("This came late.").await;
    assert!(
        text.contains("The script has run.") && !text.contains("Nothing moves"),
        "{text}"
    );

    browser.click("Elsewhere").await;
    browser.sees("Another page").await;
    assert_eq!(browser.url().await, format!("{site}/elsewhere"));

    browser.open(&site).await;
    let missing = browser.find("a, button", "Delete").await.unwrap_err();
    assert_eq!(
        missing,
        r#"nothing is called "Delete", but ["Elsewhere", "Create", "Twice", "Twice"]"#
    );
    let twice = browser.find("button", "Twice").await.unwrap_err();
    assert_eq!(twice, r#"2 elements are called "Twice""#);

    let name = browser.field("User name").await;
    assert_eq!(name.prop("value").await.unwrap().unwrap(), "nobody");
    browser.fill_in("User name", "robot").await;
    browser.choose("Type", "Private registry").await;
    browser.click("Create").await;
    browser.sees("name=robot&type=2").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn page_without_scripts_runs_none_and_is_used_all_the_same() {
    let (browser, site) = (Browser::start().await, serve().await);
    browser.run_scripts(false).await;
    browser.open(&site).await;
    let text = browser.sees("Nothing moves here.").await;
    assert!(!text.contains("has run"), "{text}");
    assert_eq!(browser.axe().await, "");
    let text = browser.text().await;
    assert!(!text.contains("has run"), "{text}");
    browser.fill_in("User name", "robot").await;
    browser.click("Create").await;
    browser.sees("name=robot&type=1").await;

    browser.run_scripts(true).await;
    browser.open(&site).await;
    browser.sees("The script has run.").await;
}

#[tokio::test]
async fn what_is_wrong_with_a_page_is_found() {
    let (browser, site) = (Browser::start().await, serve().await);
    browser.open(&site).await;
    assert_eq!(browser.axe().await, "");
    assert_eq!(browser.complaints().await, Vec::<String>::new());

    browser.open(&format!("{site}/bad")).await;
    let violations = browser.axe().await;
    let rules: Vec<&str> = violations.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(rules, ["image-alt", "label"], "{violations}");
    assert!(violations.contains(r#"<img src="/missing.png">"#), "{violations}");
    let complaints = browser.complaints().await;
    let blocked = |what: &str| {
        complaints
            .iter()
            .any(|line| line.contains("Content Security Policy") && line.contains(what))
    };
    assert!(blocked("inline script") && blocked("missing.png"), "{complaints:?}");
    assert_eq!(browser.evaluate("return document.title").await, "Test");
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test]
async fn looks_follow_the_color_scheme_and_the_screen() {
    let (browser, site) = (Browser::start().await, serve().await);
    browser.open(&format!("{site}/wide")).await;
    let background = async || {
        browser
            .evaluate("return getComputedStyle(document.body).backgroundColor")
            .await
    };
    for (scheme, color) in [("dark", "rgb(17, 17, 17)"), ("light", "rgb(255, 255, 255)")] {
        browser.prefer_color_scheme(scheme).await;
        assert_eq!(background().await, color, "{scheme}");
    }
    assert_eq!(browser.overflow().await, 0);
    browser.on_phone().await;
    assert!(browser.overflow().await > 0);
    assert_eq!(size(&browser.screenshot("browser-wide-on-phone").await).0 % 2, 0);
    browser.open(&site).await;
    assert_eq!(browser.overflow().await, 0);
    assert_eq!(size(&browser.screenshot("browser-on-phone").await).0, 2 * 360);
    browser.on_desktop().await;
    assert_eq!(size(&browser.screenshot("browser").await).0, 1280);
}

/// Width and height of a PNG.
fn size(picture: &Path) -> (u32, u32) {
    let bytes = std::fs::read(picture).unwrap();
    assert_eq!(bytes[..8], *b"\x89PNG\r\n\x1a\n");
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    (number(16), number(20))
}

#[tokio::test]
async fn nothing_is_left_of_a_browser_also_when_its_test_fails() {
    let mut folder = PathBuf::new();
    let failing = AssertUnwindSafe(async {
        let browser = Browser::start().await;
        folder = browser.folder();
        assert!(!processes_with(&folder).is_empty());
        assert_eq!(browser.text().await, "a test that fails");
    });
    failing.catch_unwind().await.unwrap_err();
    assert_eq!(processes_with(&folder), Vec::<String>::new());
    assert!(!folder.exists());
}

/// Command lines of the processes that name this folder.
fn processes_with(folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    let all = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = all.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let lines = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    lines.filter(|line| line.contains(&folder)).collect()
}
