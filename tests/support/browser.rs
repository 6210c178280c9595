//! A real browser, used as a person uses it: by what is written on the page. Each has a profile of its own.
//!
//! What is awaited has [`DEADLINE`](super::DEADLINE) to become true. A word that stands for two elements is none.

mod driver;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::wd::{WebDriverCompatibleCommand, WindowHandle};
use fantoccini::{Client, Locator};
use http::Method;
use serde_json::{Value, json};
use url::{ParseError, Url};

use super::{eventually, repository};
use driver::Driver;

/// What can be clicked.
const CLICKABLE: &str = "a[href], button, summary, input, select, textarea, [role]";

/// What can be filled in.
const FIELDS: &str = "input, select, textarea";

const AXE: &str = "const done = arguments[0];
    axe.run(document).then(found => done({passes: found.passes.length, violations: found.violations}), error => done(`${error}`));";

pub struct Browser {
    client: Client,
    driver: Driver,
    /// Whether pages run their scripts.
    scripts: AtomicBool,
}

impl Browser {
    /// Starts one. Without Chromium the test fails, and says what to install.
    pub async fn start() -> Self {
        let driver = Driver::start();
        Self {
            client: driver.connect().await,
            driver,
            scripts: AtomicBool::new(true),
        }
    }

    /// Loads a page.
    pub async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page answers");
    }

    /// Where it is.
    pub async fn url(&self) -> String {
        self.client.current_url().await.expect("a page").into()
    }

    /// The result of a script (`return …`), whatever the page's policy says.
    pub async fn evaluate(&self, script: &str) -> Value {
        self.client.execute(script, Vec::new()).await.expect("the script runs")
    }

    /// What can be read on the page.
    pub async fn text(&self) -> String {
        let text = self.evaluate("return document.body.innerText").await;
        text.as_str().expect("a text").to_owned()
    }

    /// The page as it is now, with what cannot be read on it.
    pub async fn source(&self) -> String {
        let source = self.evaluate("return document.documentElement.outerHTML").await;
        source.as_str().expect("a text").to_owned()
    }

    /// Opens another tab, and goes to it. Returns the one before.
    pub async fn new_tab(&self) -> WindowHandle {
        let before = self.client.window().await.expect("a tab");
        let tab = self.client.new_window(true).await.expect("a tab");
        self.client.switch_to_window(tab.handle).await.expect("a tab");
        before
    }

    /// Goes to a tab.
    pub async fn switch_to(&self, tab: WindowHandle) {
        self.client.switch_to_window(tab).await.expect("a tab");
    }

    /// What was copied last.
    pub async fn clipboard(&self) -> String {
        let permission = json!({"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
        self.devtools("Browser.grantPermissions", permission).await;
        let read = "const done = arguments[0]; navigator.clipboard.readText().then(done, error => done(`${error}`))";
        let text = self.client.execute_async(read, Vec::new()).await.expect("it runs");
        text.as_str().expect("a text").to_owned()
    }

    /// Waits until this can be read on the page. Returns all that can be read.
    pub async fn sees(&self, words: &str) -> String {
        let seen = async || {
            let text = self.text().await;
            if text.contains(words) { Ok(text) } else { Err(text) }
        };
        eventually(&format!("the page shows {words:?}"), seen).await
    }

    /// The one element on view with this accessible name, such as the text of a button or the label of a field.
    pub async fn find(&self, selector: &str, name: &str) -> Result<Element, String> {
        self.try_find(selector, name).await.map_err(|error| error.to_string())?
    }

    async fn try_find(&self, selector: &str, name: &str) -> Result<Result<Element, String>, CmdError> {
        let (mut found, mut others) = (Vec::new(), Vec::new());
        for element in self.client.find_all(Locator::Css(selector)).await? {
            let label = format!("element/{}/computedlabel", element.element_id());
            let label = self.issue(Method::GET, &label, None).await?;
            let label = label.as_str().unwrap_or_default().to_owned();
            if !element.is_displayed().await? {
                continue;
            }
            if label == name {
                found.push(element);
            } else {
                others.push(label);
            }
        }
        Ok(match (found.pop(), found.len()) {
            (Some(element), 0) => Ok(element),
            (None, _) => Err(format!("nothing is called {name:?}, but {others:?}")),
            (_, more) => Err(format!("{} elements are called {name:?}", more + 1)),
        })
    }

    /// Clicks what is called so.
    pub async fn click(&self, name: &str) {
        self.click_one(CLICKABLE, name).await;
    }

    /// Clicks the button that is called so, whatever else is.
    pub async fn press(&self, name: &str) {
        self.click_one("button", name).await;
    }

    async fn click_one(&self, selector: &str, name: &str) {
        let click = async || {
            let element = self.find(selector, name).await?;
            element.click().await.map_err(|error| error.to_string())
        };
        eventually(&format!("a click on {name:?}"), click).await;
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        self.client.refresh().await.expect("the page answers");
    }

    /// Waits for the field with this label.
    pub async fn field(&self, label: &str) -> Element {
        eventually("a field", || self.find(FIELDS, label)).await
    }

    /// Types into the field with this label, instead of what is in it.
    pub async fn fill_in(&self, label: &str, text: &str) {
        let field = self.field(label).await;
        field.clear().await.expect("a field that can be changed");
        field.send_keys(text).await.expect("a field that can be typed into");
    }

    /// Chooses an option by its text.
    pub async fn choose(&self, label: &str, option: &str) {
        let chosen = self.field(label).await.select_by_label(option).await;
        chosen.expect("an option");
    }

    /// Whether pages run their scripts, from the next page on.
    pub async fn run_scripts(&self, run: bool) {
        self.scripts.store(run, Ordering::Relaxed);
        self.allow_scripts(run).await;
    }

    async fn allow_scripts(&self, allow: bool) {
        let disabled = json!({"value": !allow});
        self.devtools("Emulation.setScriptExecutionDisabled", disabled).await;
    }

    /// What the person has chosen for all pages, "dark" or "light".
    pub async fn prefer_color_scheme(&self, scheme: &str) {
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// The screen of a phone.
    pub async fn on_phone(&self) {
        let phone = json!({"width": 360, "height": 780, "deviceScaleFactor": 2, "mobile": true});
        self.devtools("Emulation.setDeviceMetricsOverride", phone).await;
    }

    /// The screen of a computer, as in the beginning.
    pub async fn on_desktop(&self) {
        self.devtools("Emulation.clearDeviceMetricsOverride", json!({})).await;
    }

    /// By how many pixels the page is wider than the screen.
    pub async fn overflow(&self) -> i64 {
        let script = "const page = document.documentElement; return page.scrollWidth - page.clientWidth";
        self.evaluate(script).await.as_i64().expect("a number")
    }

    /// Saves a picture of the whole page as `target/screenshots/NAME.png`.
    pub async fn screenshot(&self, name: &str) -> PathBuf {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let clip = json!({"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1});
        let picture = self.capture(&clip).await;
        let folder = repository().join("target/screenshots");
        std::fs::create_dir_all(&folder).expect("writable");
        let file = folder.join(format!("{name}.png"));
        std::fs::write(&file, picture).expect("writable");
        file
    }

    /// A PNG of the beginning of the page on a screen of this size.
    pub async fn picture(&self, width: u32, height: u32) -> Vec<u8> {
        let screen = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", screen).await;
        let clip = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let picture = self.capture(&clip).await;
        self.on_desktop().await;
        picture
    }

    async fn capture(&self, clip: &Value) -> Vec<u8> {
        let wanted = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let picture = self.devtools("Page.captureScreenshot", wanted).await;
        let picture = STANDARD.decode(picture["data"].as_str().expect("a picture"));
        picture.expect("base64")
    }

    /// What axe-core objects to on this page, a line for each element; empty if it has nothing to say.
    pub async fn axe(&self) -> String {
        let axe = std::fs::read_to_string(repository().join("tests/support/axe/axe.min.js"));
        self.evaluate(&axe.expect("axe-core")).await;
        // It needs timers. The page's own scripts are not run any more.
        self.allow_scripts(true).await;
        let found = self.client.execute_async(AXE, Vec::new()).await.expect("axe runs");
        self.allow_scripts(self.scripts.load(Ordering::Relaxed)).await;
        assert!(
            found["passes"].as_u64() > Some(0),
            "axe found nothing to check: {found}"
        );
        let violations = found["violations"].as_array().into_iter().flatten();
        violations.flat_map(objections).collect::<Vec<_>>().join("\n")
    }

    /// Errors and warnings in the browser's console since the last time: broken scripts, what the page's policy blocked,
    /// what could not be loaded.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self
            .issue(Method::POST, "se/log", Some(json!({"type": "browser"})))
            .await;
        let log = log.expect("a log");
        let entries = log.as_array().into_iter().flatten();
        let bad = entries.filter(|entry| ["SEVERE", "WARNING"].map(Value::from).contains(&entry["level"]));
        bad.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Where its profile is. It is gone when the browser has ended.
    pub fn folder(&self) -> PathBuf {
        self.driver.folder().to_owned()
    }

    /// A command of the `DevTools` protocol.
    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({"cmd": command, "params": parameters});
        let answer = self.issue(Method::POST, "goog/cdp/execute", Some(body)).await;
        answer.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    async fn issue(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, CmdError> {
        let path = path.to_owned();
        self.client.issue_cmd(Extension { method, path, body }).await
    }
}

/// The elements of one violation, and what to do about each.
fn objections(violation: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().replace('\n', " ");
    let about = format!("{} ({})", text(&violation["id"]), text(&violation["help"]));
    let elements = violation["nodes"].as_array().into_iter().flatten();
    elements
        .map(|element| {
            format!(
                "{about}: {} {}",
                text(&element["html"]),
                text(&element["failureSummary"])
            )
        })
        .collect()
}

/// A command of `WebDriver` that fantoccini does not have.
#[derive(Debug)]
struct Extension {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl WebDriverCompatibleCommand for Extension {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (self.method.clone(), self.body.as_ref().map(Value::to_string))
    }
}
