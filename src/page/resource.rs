//! One resource.

mod timeline;
mod verification;

use askama::Template;
use serde_json::Value;

use crate::api::{CLUSTER_DOCKER_PULL_SECRET, ConditionType, DockerPullSecretStatus, NamespaceFailure, PullFailure};
use crate::domain::listing::{ListedResource, ResourceState};
use crate::domain::registry::key::RegistryKey;
use crate::domain::status::conditions::condition;
use crate::domain::time::Timestamp;
use crate::page::address::query;
use crate::page::commands::{ResourceCommands, is_plain};
use crate::page::frame::PageFrame;
use crate::page::list::path_of;
use crate::page::resource::timeline::timeline;
use crate::page::resource::verification::VerificationCard;
use crate::page::rights::PageRight;
use crate::page::state::StateWord;

/// What was read about a resource.
#[derive(Clone, Debug)]
pub struct SeenResource {
    /// Its kind.
    pub kind: &'static str,
    /// The object.
    pub object: Value,
    /// It as YAML.
    pub yaml: String,
    /// The Events about it; why there are none.
    pub events: Result<Vec<Value>, String>,
    /// Whether the person may change it.
    pub patch: PageRight,
    /// Whether the person may delete it.
    pub delete: PageRight,
    /// A number that each change of a resource makes another one.
    pub version: u64,
}

/// The page.
#[derive(Template)]
#[template(path = "resource.html")]
pub struct ResourcePage {
    frame: PageFrame,
    resource: ListedResource,
    path: String,
    live: String,
    word: StateWord,
    is_shared: bool,
    facts: Vec<(&'static str, String)>,
    conditions: Vec<ConditionCard>,
    verification: VerificationCard,
    warnings: Vec<String>,
    failures: Vec<FailureCard>,
    namespace_failures: Vec<NamespaceFailure>,
    timeline: Vec<TimelineEntry>,
    events_problem: Option<String>,
    commands: Option<ResourceCommands>,
    patch: PageRight,
    delete: PageRight,
    yaml: String,
}

/// A condition in words.
struct ConditionCard {
    title: &'static str,
    word: StateWord,
    reason: String,
    message: String,
}

/// Pods that fail for one cause.
struct FailureCard {
    failure: PullFailure,
    fix: Option<String>,
    explain: String,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
struct TimelineEntry {
    time: Timestamp,
    title: String,
    message: String,
    /// Whether it tells how a verification ended.
    is_verification: bool,
}

impl ResourcePage {
    /// `fix`: makes a command of the status one for the context of the page. `flags`: those for it, if they can be written.
    pub fn new(
        frame: PageFrame,
        seen: SeenResource,
        flags: Option<&str>,
        fix: impl Fn(&str) -> Option<String>,
    ) -> Self {
        let resource = ListedResource::of(seen.kind, &seen.object);
        // One that another version wrote is shown as far as it is understood.
        let status: DockerPullSecretStatus = serde_json::from_value(seen.object["status"].clone()).unwrap_or_default();
        let path = path_of(&resource, &frame.place);
        let events = seen.events.as_deref().unwrap_or_default();
        let failures = status.pull_failures.iter().map(|failure| FailureCard {
            fix: failure.fix.as_deref().filter(|fix| is_plain(fix)).and_then(&fix),
            explain: frame.place.path(&["explain"])
                + &query(&[
                    ("namespace", &failure.namespace),
                    ("subject", &format!("pod/{}", failure.pod)),
                ]),
            failure: failure.clone(),
        });
        let timeline = timeline(&seen.object, &status, events);
        let commands = flags.map(|flags| ResourceCommands::of(&resource, flags));
        Self {
            live: frame.place.live(seen.version),
            word: StateWord::of(resource.state()),
            is_shared: seen.kind == CLUSTER_DOCKER_PULL_SECRET,
            verification: VerificationCard::of(&seen.object, &status, &timeline),
            facts: facts(&resource, &seen.object, &status),
            conditions: conditions(&status),
            failures: failures.collect(),
            warnings: status.warnings,
            timeline,
            events_problem: seen.events.err(),
            namespace_failures: status.failures,
            commands,
            patch: seen.patch,
            delete: seen.delete,
            yaml: seen.yaml,
            path,
            resource,
            frame,
        }
    }

    const TAB: &'static str = "Pull secrets";

    /// What it has to say first.
    fn message(&self) -> &str {
        match self.resource.state() {
            ResourceState::Failing => "The Secret is right, but pods fail to pull: see below.",
            _ => &self.resource.message,
        }
    }
}

/// What is worth knowing at a glance. Empty ones are left out.
fn facts(resource: &ListedResource, object: &Value, status: &DockerPullSecretStatus) -> Vec<(&'static str, String)> {
    let text = |pointer: &str| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    let credentials = match text("/spec/credentialsRef/namespace").as_str() {
        "" => text("/spec/credentialsRef/name"),
        namespace => format!("{namespace}/{}", text("/spec/credentialsRef/name")),
    };
    let minted = match (&status.minted, text("/spec/credentialsFrom/namespace").as_str()) {
        (None, _) => String::new(),
        (Some(minted), "") => minted.identity.clone(),
        (Some(minted), namespace) => format!("{}, asked for in namespace {namespace}", minted.identity),
    };
    let expires = status.minted.as_ref().and_then(|minted| minted.expires_at.as_ref());
    let all = [
        ("Registry", resource.registry.clone()),
        ("Images", images(&resource.registry)),
        ("Generated Secret", resource.secret.clone()),
        ("Credentials in Secret", credentials),
        ("Credentials minted for", minted),
        ("Expires", expires.map_or_else(String::new, |time| time.0.to_string())),
        (
            "Namespaces",
            status
                .namespaces
                .as_ref()
                .map(|counts| counts.summary.clone())
                .unwrap_or_default(),
        ),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}

fn images(registry: &str) -> String {
    match RegistryKey::of_config_entry(registry) {
        None => String::new(),
        Some(key) if key.is_docker_hub() => "those of Docker Hub, such as acme/app:1".to_owned(),
        Some(_) => format!("those that begin with {registry}"),
    }
}

fn conditions(status: &DockerPullSecretStatus) -> Vec<ConditionCard> {
    let titles = [
        (ConditionType::CredentialsResolved, "The credentials were found"),
        (ConditionType::SecretSynced, "The Secret is written"),
        (
            ConditionType::CredentialsAccepted,
            "The registry accepts the credentials",
        ),
        (ConditionType::PullsHealthy, "Pods pull their images"),
        (ConditionType::Attached, "The ServiceAccounts list the Secret"),
    ];
    let shown = titles.into_iter().filter_map(|(kind, title)| {
        let condition = condition(status, kind)?;
        let is_true = match condition.status.as_str() {
            "True" => Some(true),
            "False" => Some(false),
            _ => None,
        };
        Some(ConditionCard {
            title,
            word: StateWord::of_condition(is_true),
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        })
    });
    shown.collect()
}
