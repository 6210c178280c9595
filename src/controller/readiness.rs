//! What `/readyz` says: whether every watch works, and what is missing if not.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a watch counts as failing after its last error. Longer than the longest pause between two tries, since a
/// watch that works again does not say so before something happens.
const FAILING_FOR: Duration = Duration::from_secs(45);

#[derive(Default)]
struct WatchState {
    listed: bool,
    failure: Option<(Instant, String)>,
}

/// State of all watches, by their name.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<BTreeMap<String, WatchState>>);

impl Readiness {
    fn update(&self, name: &str, change: impl FnOnce(&mut WatchState)) {
        change(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(name.to_owned())
                .or_default(),
        );
    }

    /// A watch is about to start.
    pub(crate) fn expect(&self, name: &str) {
        self.update(name, |_| {});
    }

    /// A watch has the whole list.
    pub(crate) fn listed(&self, name: &str) {
        self.update(name, |watch| {
            *watch = WatchState {
                listed: true,
                failure: None,
            }
        });
    }

    /// Something came by watch.
    pub(crate) fn alive(&self, name: &str) {
        self.update(name, |watch| watch.failure = None);
    }

    /// A watch failed.
    pub(crate) fn failed(&self, name: &str, why: String) {
        self.update(name, |watch| watch.failure = Some((Instant::now(), why)));
    }

    /// What is missing, a line for each watch; empty when ready.
    pub(crate) fn missing(&self) -> Vec<String> {
        let watches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watches
            .iter()
            .filter_map(|(name, watch)| match &watch.failure {
                Some((since, why)) if !watch.listed || since.elapsed() < FAILING_FOR => Some(format!("{name}: {why}")),
                None if !watch.listed => Some(format!("{name}: not listed yet")),
                _ => None,
            })
            .collect()
    }
}

/// Why a watch failed, and what to do about it.
pub(crate) fn explain(error: &kube::runtime::watcher::Error, resource: &str) -> String {
    use kube::runtime::watcher::Error as E;
    let source = match error {
        E::InitialListFailed(source) | E::WatchStartFailed(source) | E::WatchFailed(source) => source,
        E::WatchError(status) => return format!("the API server ended the watch: {}", status.message),
        E::NoResourceVersion => return "the API server sends lists without a resource version".to_owned(),
    };
    match source {
        kube::Error::Api(status) if status.code == 404 => {
            format!(
                "the API server does not know {resource}: install the CRD (`dps crds | kubectl apply --server-side -f -`)"
            )
        }
        kube::Error::Api(status) if status.code == 403 => {
            format!("not allowed to list and watch {resource}: {}", status.message)
        }
        other => crate::kubernetes::request::describe(other),
    }
}
