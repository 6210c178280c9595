//! What stands around every page.

use askama::Template;

use crate::page::address::PagePlace;

/// What stands around every page.
#[derive(Clone, Debug)]
pub struct PageFrame {
    /// Where the page is.
    pub place: PagePlace,
    /// The contexts of the kubeconfig.
    pub contexts: Vec<String>,
    /// The API server, with the context, for people.
    pub server: String,
    /// The token of forms.
    pub form_token: String,
}

impl PageFrame {
    /// The pages that are reached from every page. `current`: the title of the one that is shown.
    pub fn tabs(&self, current: &str) -> Vec<PageTab> {
        let tabs = [
            ("Pull secrets", None),
            ("Create", Some("create")),
            ("Import", Some("import")),
            ("Explain", Some("explain")),
            ("Doctor", Some("doctor")),
        ];
        let tabs = tabs.into_iter().map(|(title, segment)| PageTab {
            title,
            path: self.place.path(segment.as_slice()),
            is_current: title == current,
        });
        tabs.collect()
    }
}

/// A page that is reached from every page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageTab {
    /// What it is called.
    pub title: &'static str,
    /// Where it is.
    pub path: String,
    /// Whether it is shown now.
    pub is_current: bool,
}

/// A page that says what could not be done.
#[derive(Template)]
#[template(path = "problem.html")]
pub struct ProblemPage {
    /// What stands around it.
    pub frame: PageFrame,
    /// What could not be done, as a heading.
    pub title: String,
    /// Why.
    pub message: String,
}

impl ProblemPage {
    const TAB: &'static str = "";
}

/// A page for a request without a session: it has no links, and shows nothing of the cluster.
#[derive(Template)]
#[template(path = "refusal.html")]
pub struct RefusalPage<'a> {
    /// Why the request is not answered.
    pub message: &'a str,
}

/// The page that begins a session. Its address holds the token that works once; the page goes on to one that does not.
#[derive(Template)]
#[template(path = "start.html")]
pub struct StartPage {
    /// Where it goes on.
    pub path: String,
    /// The path of its icon; empty where it has none. Browsers would ask for one outside of the session.
    pub icon: String,
}
