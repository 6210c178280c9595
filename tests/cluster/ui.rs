//! `dps ui` in a browser, as people use it.

mod attacks;
mod contexts;
mod live;
mod looks;
mod scriptless;
mod typing;

use std::path::Path;

use crate::support::browser::Browser;
use crate::support::eventually;
use crate::support::objects::{Space, private};
use crate::support::operator::operator;
use crate::support::page::ServedPage;
use crate::support::pods::Pods;
use crate::support::world::world;

/// Labels of fields with what stands beside them.
pub(crate) const REGISTRY_URL: &str = "Registry URL (private registry only)";
pub(crate) const PASSWORD: &str = "Password or access token";
const EMAIL: &str = "Email (optional; no registry needs it)";

/// A browser that shows the page.
pub(crate) struct Session {
    pub(crate) browser: Browser,
    /// The address of the list; those of the other pages begin with it.
    pub(crate) list: String,
    page: ServedPage,
}

impl Session {
    /// With the rights of the administrator of the world that all tests share.
    async fn begin(args: &[&str]) -> Self {
        operator();
        Self::begin_with(world().kubeconfig(), args).await
    }

    pub(crate) async fn begin_with(kubeconfig: &Path, args: &[&str]) -> Self {
        Self::over(ServedPage::serve(kubeconfig, args), true).await
    }

    /// In a browser that runs no scripts.
    async fn begin_without_scripts(args: &[&str]) -> Self {
        operator();
        Self::over(ServedPage::serve(world().kubeconfig(), args), false).await
    }

    pub(crate) async fn over(page: ServedPage, scripts: bool) -> Self {
        let browser = Browser::start().await;
        browser.run_scripts(scripts).await;
        browser.open(&page.address()).await;
        // The first page goes on to it by itself.
        browser.sees("Context world").await;
        // Until all is read, it is loaded again under the hands of whoever has no scripts.
        let read = async || {
            let text = browser.text().await;
            if text.contains("still being read") {
                Err(text)
            } else {
                Ok(())
            }
        };
        eventually("all resources are read", read).await;
        Self {
            list: browser.url().await,
            browser,
            page,
        }
    }

    /// Opens a page by its path.
    pub(crate) async fn open(&self, path: &str) {
        self.browser.open(&format!("{}{path}", self.list)).await;
    }

    /// Opens the page of a resource.
    async fn open_resource(&self, space: &Space, name: &str) {
        self.open(&format!("/namespaces/{}/{name}", space.name)).await;
        self.browser.sees("How to use it").await;
    }

    /// Fills in the form for a private registry.
    pub(crate) async fn fill_in(&self, name: &str, registry: &str, username: &str, password: &str, namespace: &str) {
        let browser = &self.browser;
        browser.click("Private registry").await;
        browser.fill_in("Name", name).await;
        browser.fill_in(REGISTRY_URL, registry).await;
        browser.fill_in("User name", username).await;
        browser.fill_in(PASSWORD, password).await;
        browser.fill_in(EMAIL, "ci@example.com").await;
        browser.fill_in("Namespace", namespace).await;
    }
}

/// A namespace with a resource that is ready, for images of a registry of its own.
async fn ready(purpose: &str) -> (Space, String) {
    operator();
    let space = Space::new(world(), purpose).await;
    let registry = format!("{}.example.com", space.name);
    space.credentials("login", "user", "word").await;
    space.create("app", private(&registry, "login")).await;
    space.ready("app").await;
    (space, registry)
}

/// A pod of this namespace that fails to pull from the registry.
async fn failing_pod(space: &Space, registry: &str, pull_secrets: &[&str], report: &dyn Fn(&str) -> String) -> Pods {
    let (pods, image) = (Pods::of(space).await, format!("{registry}/team/app:1"));
    pods.create("web", &image, pull_secrets).await;
    pods.fails("web", &image, &report(&image)).await;
    let fails = |status: &dps::api::DockerPullSecretStatus| (status.failing_pods == 1).then_some(());
    space.until("app", "a failing pod", fails).await;
    pods
}

/// A user who may only look at the resources of this namespace.
fn reader(space: &Space) -> String {
    let account = format!("{}:reader", space.name);
    for what in [
        &["serviceaccount", "reader"][..],
        &[
            "role",
            "reader",
            "--verb=get,list,watch",
            "--resource=dockerpullsecrets.pullsecrets.dev",
        ],
        &[
            "rolebinding",
            "reader",
            "--role=reader",
            &format!("--serviceaccount={account}"),
        ],
    ] {
        world().kubectl(&[&["create", "-n", &space.name], what].concat());
    }
    format!("system:serviceaccount:{account}")
}
