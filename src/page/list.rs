//! The list: resources of both kinds, the worst first.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use strum::IntoEnumIterator as _;

use crate::api::CLUSTER_DOCKER_PULL_SECRET;
use crate::domain::listing::table::age;
use crate::domain::listing::{ListedResource, ResourceState, sort_worst_first};
use crate::domain::time::{Timestamp, since};
use crate::page::address::{PagePlace, query};
use crate::page::frame::PageFrame;
use crate::page::state::StateWord;

/// Rows of a page.
const ROWS: usize = 100;

/// Which resources are wanted. What is empty selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// The namespace.
    pub namespace: String,
    /// The state, as a class: [`StateWord::class`].
    pub state: String,
    /// The reason of `Ready`.
    pub reason: String,
    /// A part of a name, registry, Secret or message.
    pub search: String,
    /// Which page, from 0.
    pub page: usize,
}

/// The resources at some time.
#[derive(Clone, Debug, Default)]
pub struct ListedNow {
    /// Those that were read, in any order.
    pub resources: Vec<Arc<ListedResource>>,
    /// What could not be read, and why.
    pub obstacles: Vec<String>,
    /// Whether they are all that the person may see, so that none means none.
    pub is_known: bool,
    /// Whether more of them are being read.
    pub is_reading: bool,
    /// Whether namespaces have to be named, since they may not all be listed.
    pub is_limited: bool,
    /// A number that each change makes another one.
    pub version: u64,
}

/// The page.
#[derive(Template)]
#[template(path = "list.html")]
pub struct ListPage {
    /// What stands around it.
    pub frame: PageFrame,
    /// What is selected.
    pub filter: ListFilter,
    /// What could not be read, and why.
    pub obstacles: Vec<String>,
    /// How many there are of each state, among those of the namespace, reason and search.
    pub counts: Vec<StateCount>,
    /// Whether there is none at all.
    pub is_empty: bool,
    /// Whether more of them are being read. Filters come when all are there: they offer what there is to be selected.
    pub is_reading: bool,
    /// Whether namespaces have to be named, since they may not all be listed.
    pub is_limited: bool,
    /// How many there are in all, whatever is selected.
    pub total: usize,
    /// How many are selected.
    pub selected: usize,
    /// The rows of this page.
    pub rows: Vec<ListRow>,
    /// Where the previous and the next page are.
    pub previous: Option<String>,
    /// The same.
    pub next: Option<String>,
    /// Every namespace, for the filter.
    pub namespaces: Vec<String>,
    /// Every reason, for the filter.
    pub reasons: Vec<String>,
    /// Where changes are announced.
    pub live: String,
}

/// How many resources are in a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateCount {
    /// The state.
    pub word: StateWord,
    /// How many.
    pub count: usize,
    /// Where only those are.
    pub path: String,
    /// Whether only those are shown.
    pub is_chosen: bool,
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListRow {
    /// Its state.
    pub word: StateWord,
    /// Its page.
    pub path: String,
    /// Its namespace; empty for a resource for many namespaces.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its registry key.
    pub registry: String,
    /// What the registry said to the credentials: a reason.
    pub credentials: String,
    /// The reason of its state.
    pub reason: String,
    /// What it says.
    pub message: String,
    /// Pods that fail to pull.
    pub failing_pods: u64,
    /// How long it has been so.
    pub age: String,
}

impl ListFilter {
    /// Whether a resource is wanted, whatever its state. `search`: in lower case.
    fn selects(&self, search: &str, resource: &ListedResource) -> bool {
        let is = |wanted: &str, value: &str| wanted.is_empty() || wanted == value;
        let texts = [
            &resource.key.namespace,
            &resource.key.name,
            &resource.registry,
            &resource.secret,
            &resource.reason,
            &resource.message,
        ];
        is(&self.namespace, &resource.key.namespace)
            && is(&self.reason, &resource.reason)
            && (search.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(search)))
    }

    /// The query of the same filter with another state, page by page.
    fn query(&self, state: &str, page: usize) -> String {
        let page = if page == 0 { String::new() } else { page.to_string() };
        query(&[
            ("namespace", &self.namespace),
            ("state", state),
            ("reason", &self.reason),
            ("search", &self.search),
            ("page", &page),
        ])
    }
}

impl ListPage {
    /// Selects and sorts.
    pub fn new(frame: PageFrame, filter: ListFilter, listed: ListedNow, now: Timestamp) -> Self {
        let ListedNow {
            resources,
            obstacles,
            is_known,
            is_reading,
            is_limited,
            version,
        } = listed;
        let namespaces: BTreeSet<&str> = resources.iter().map(|one| one.key.namespace.as_str()).collect();
        let reasons: BTreeSet<&str> = resources.iter().map(|one| one.reason.as_str()).collect();
        let names = |set: BTreeSet<&str>| {
            set.into_iter()
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
                .collect()
        };
        let (namespaces, reasons, total) = (names(namespaces), names(reasons), resources.len());
        let search = filter.search.trim().to_lowercase();
        let found = resources.into_iter().filter(|one| filter.selects(&search, one));
        let mut found: Vec<Arc<ListedResource>> = found.collect();
        let path = |state: &str, page| frame.place.path(&[]) + &filter.query(state, page);
        let counts = ResourceState::iter().map(|state| {
            let word = StateWord::of(state);
            StateCount {
                word,
                count: found.iter().filter(|one| one.state() == state).count(),
                path: path(word.class, 0),
                is_chosen: word.class == filter.state,
            }
        });
        let counts = counts.collect();
        found.retain(|one| filter.state.is_empty() || StateWord::of(one.state()).class == filter.state);
        sort_worst_first(&mut found, |one| one);
        let first = filter.page.saturating_mul(ROWS);
        let rows = found.iter().skip(first).take(ROWS);
        Self {
            counts,
            is_empty: is_known && total == 0,
            is_reading,
            is_limited,
            total,
            selected: found.len(),
            rows: rows.map(|one| ListRow::of(one, &frame.place, now)).collect(),
            previous: filter.page.checked_sub(1).map(|page| path(&filter.state, page)),
            next: (first.saturating_add(ROWS) < found.len()).then(|| path(&filter.state, filter.page + 1)),
            namespaces,
            reasons,
            live: frame.place.live(version),
            obstacles,
            filter,
            frame,
        }
    }

    const TAB: &'static str = "Pull secrets";

    /// That the list is not complete yet, and how many there are until now.
    fn progress(&self) -> Option<String> {
        let so_far = match self.total {
            0 => String::new(),
            total => format!(", {total} so far"),
        };
        let said = format!("Pull secrets are still being read{so_far}. The others appear by themselves.");
        self.is_reading.then_some(said)
    }

    /// Whether something is selected.
    fn is_filtered(&self) -> bool {
        self.filter != ListFilter::default()
    }
}

impl ListRow {
    fn of(resource: &ListedResource, place: &PagePlace, now: Timestamp) -> Self {
        let state = resource.state();
        let (reason, message) = match state {
            ResourceState::Failing => ("PullsFailing".to_owned(), failing(resource.failing_pods)),
            _ => (resource.reason.clone(), resource.message.clone()),
        };
        Self {
            word: StateWord::of(state),
            path: path_of(resource, place),
            namespace: resource.key.namespace.clone(),
            name: resource.key.name.clone(),
            registry: resource.registry.clone(),
            credentials: resource.login.clone(),
            reason,
            message,
            failing_pods: resource.failing_pods,
            age: resource.since.map(|start| age(since(start, now))).unwrap_or_default(),
        }
    }
}

fn failing(pods: u64) -> String {
    match pods {
        1 => "1 pod fails to pull".to_owned(),
        pods => format!("{pods} pods fail to pull"),
    }
}

/// The page of a resource.
pub(super) fn path_of(resource: &ListedResource, place: &PagePlace) -> String {
    let key = &resource.key;
    let namespace = (resource.kind != CLUSTER_DOCKER_PULL_SECRET).then_some(&*key.namespace);
    place.resource(namespace, &key.name)
}
