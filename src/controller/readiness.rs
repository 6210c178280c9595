//! What `/readyz` says: whether every watch works and the API server answers, and what is missing if not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a watch counts as failing after its last error. Longer than the longest pause between two tries, since a
/// watch that works again does not say so before something happens.
const FAILING_FOR: Duration = Duration::from_secs(45);

#[derive(Default)]
struct WatchState {
    listed: bool,
    failure: Option<(Instant, String)>,
}

/// How long the API server may say nothing.
const SILENT_FOR: Duration = Duration::from_secs(20);

#[derive(Default)]
struct State {
    /// By the name of the watch.
    watches: BTreeMap<String, WatchState>,
    /// When the API server last answered.
    answered: Option<Instant>,
}

/// What `/readyz` depends on.
#[derive(Default)]
pub(crate) struct Readiness(Mutex<State>);

impl Readiness {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, name: &str, change: impl FnOnce(&mut WatchState)) {
        change(self.state().watches.entry(name.to_owned()).or_default());
    }

    /// The API server answered.
    pub(crate) fn answered(&self) {
        self.state().answered = Some(Instant::now());
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

    /// Why the watch of this resource fails, if it does.
    pub(crate) fn failure(&self, resource: &str) -> Option<String> {
        let state = self.state();
        let mut watches = state.watches.iter();
        let (_, watch) = watches.find(|(name, _)| name.split(' ').next() == Some(resource))?;
        watch.failure.as_ref().map(|(_, why)| why.clone())
    }

    /// Each watch, and whether it has listed and does not fail.
    pub(crate) fn watches(&self) -> Vec<(String, bool)> {
        let state = self.state();
        let watches = state.watches.iter();
        let all = watches.map(|(name, watch)| (name.clone(), watch.listed && watch.failure.is_none()));
        all.collect()
    }

    /// What is missing, line by line; empty when ready.
    pub(crate) fn missing(&self) -> Vec<String> {
        let state = self.state();
        let silence = state.answered.map(|answered| answered.elapsed());
        let silence = silence.filter(|silence| *silence >= SILENT_FOR);
        let silence =
            silence.map(|silence| format!("the API server has not answered for {} seconds", silence.as_secs()));
        let watches = state.watches.iter();
        let failing = watches.filter_map(|(name, watch)| match &watch.failure {
            Some((since, why)) if !watch.listed || since.elapsed() < FAILING_FOR => Some(format!("{name}: {why}")),
            None if !watch.listed => Some(format!("{name}: not listed yet")),
            _ => None,
        });
        silence.into_iter().chain(failing).collect()
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
