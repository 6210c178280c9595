//! What the requests of the page share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::cli::connection::ConnectionArguments;
use crate::cli::login::{ca_bundle, log_in_to};
use crate::cli::ui::Ui;
use crate::cli::ui::kept::KeptCredentials;
use crate::cli::ui::live::LiveCluster;
use crate::cli::ui::session::Session;
use crate::domain::credentials::RegistryCredentials;
use crate::domain::spec::validate::ValidatedSpec;
use crate::domain::text::shell::word;
use crate::domain::time::Timestamp;
use crate::domain::verification::verdict::Verdict;
use crate::page::address::{PagePlace, context_of};
use crate::page::frame::PageFrame;
use crate::page::login_limit::LoginLimit;

/// Longest time that a page waits for a connection.
const CONNECTING: Duration = Duration::from_secs(20);

/// What the requests share.
pub(super) struct UiState {
    pub(super) arguments: Ui,
    pub(super) session: Session,
    /// The contexts of the kubeconfig, in its order.
    contexts: Vec<String>,
    /// The context that is shown first; empty without a kubeconfig.
    pub(super) first: String,
    /// The clusters that were looked at, by context. A plugin of one that waits for somebody holds up no other.
    clusters: Mutex<HashMap<String, Arc<OnceCell<Arc<LiveCluster>>>>>,
    /// When a person last did something.
    used: Mutex<Instant>,
    /// What is left of the config that was read last.
    kept: Mutex<KeptCredentials>,
    /// Login attempts that registries rejected.
    limit: tokio::sync::Mutex<LoginLimit>,
    /// Certificates of registries, in addition to the system's.
    ca_bundle: Option<Vec<u8>>,
}

impl UiState {
    pub(super) fn new(arguments: Ui, session: Session) -> Result<Self, String> {
        // Without a kubeconfig, there may still be a cluster around this pod; connecting says what is wrong.
        let (mut contexts, named) = arguments.connection.contexts().unwrap_or_default();
        // kubectl cannot choose one without a name.
        contexts.retain(|name| !name.is_empty());
        Ok(Self {
            first: named.filter(|name| contexts.contains(name)).unwrap_or_default(),
            contexts,
            clusters: Mutex::default(),
            used: Mutex::new(Instant::now()),
            kept: Mutex::default(),
            limit: tokio::sync::Mutex::default(),
            ca_bundle: ca_bundle(arguments.ca_file.as_deref())?,
            arguments,
            session,
        })
    }

    /// Where the pages of a context are.
    pub(super) fn place(&self, context: &str) -> PagePlace {
        PagePlace {
            scope: self.session.scope.clone(),
            context: context.to_owned(),
        }
    }

    /// What stands around a page. `server`: empty if nobody knows.
    pub(super) fn frame(&self, context: &str, server: &str) -> PageFrame {
        PageFrame {
            place: self.place(context),
            contexts: self.contexts.clone(),
            server: server.to_owned(),
            form_token: self.session.guarded.form_token.clone(),
        }
    }

    /// The context of a path; `None` if the kubeconfig has no such context.
    pub(super) fn context(&self, segment: &str) -> Option<String> {
        match context_of(segment) {
            "" => Some(String::new()),
            name => self.contexts.iter().find(|known| *known == name).cloned(),
        }
    }

    /// The cluster of a context. Connects once.
    pub(super) async fn cluster(&self, context: &str) -> Result<Arc<LiveCluster>, String> {
        let cell = {
            let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(clusters.entry(context.to_owned()).or_default())
        };
        let connection = self.connection(context);
        let connect = || async {
            let namespace = self.arguments.namespace.as_deref();
            let cluster = connection.connect_lasting(namespace, true).await?;
            Ok::<_, String>(LiveCluster::begin(cluster))
        };
        let connected = tokio::time::timeout(CONNECTING, cell.get_or_try_init(connect)).await;
        let waits = |_| {
            "connecting takes a long time: a credential plugin may be waiting for input in the terminal of dps ui"
                .to_owned()
        };
        connected.map_err(waits)?.map(Arc::clone)
    }

    /// How to connect to the cluster of a context.
    pub(super) fn connection(&self, context: &str) -> ConnectionArguments {
        match context {
            "" => self.arguments.connection.clone(),
            context => self.arguments.connection.in_context(context, context == self.first),
        }
    }

    /// The flags of `dps create` and `dps import` for the same cluster, user, certificates and networks, with a blank before each; `None`
    /// if a shell cannot have one.
    pub(super) fn flags(&self, context: &str) -> Option<String> {
        let mut flags = self.connection(context).flags()?;
        if let Some(file) = &self.arguments.ca_file {
            flags = format!("{flags} --ca-file {}", word(file.to_str()?)?);
        }
        Some(flags + &self.arguments.targets.flags()?)
    }

    /// What is left of the config that was read last.
    pub(super) fn kept(&self) -> MutexGuard<'_, KeptCredentials> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs in to a registry, unless that was rejected too often. One attempt is made at a time, so that each counts for the next.
    pub(super) async fn log_in(
        &self,
        spec: &ValidatedSpec,
        credentials: RegistryCredentials,
    ) -> Result<Verdict, String> {
        let mut limit = self.limit.lock().await;
        let (registry, username) = (&spec.registry, credentials.username().to_owned());
        limit.begin(registry, &username, Timestamp::now())?;
        let (image, plain_http) = (spec.verification.image.as_ref(), spec.verification.plain_http);
        let (targets, ca_bundle) = (&self.arguments.targets, self.ca_bundle.as_deref());
        let verdict = log_in_to(registry, image, plain_http, credentials, targets, ca_bundle).await?;
        limit.end(registry, &username, &verdict);
        Ok(verdict)
    }

    /// Takes note that a person did something.
    pub(super) fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// When a person last did something.
    pub(super) fn used(&self) -> Instant {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
