//! Which cluster of the kubeconfig is meant, and as whom.

use std::io::ErrorKind;
use std::path::PathBuf;

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError, NamedContext};

use crate::kubernetes::client_errors::describe_kubeconfig;

/// Most names in a message.
const NAMES: usize = 10;

/// Which cluster to connect to, and as whom. By default what the kubeconfig selects.
#[derive(Clone, Default)]
pub(crate) struct ConnectOptions {
    pub(crate) kubeconfig: Option<PathBuf>,
    pub(crate) context: Option<String>,
    pub(crate) cluster: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) impersonated: Option<Impersonated>,
    /// Whether nobody may be asked and nothing be said: it is a shell that waits.
    pub(crate) is_silent: bool,
    /// Whether the client is needed for longer than a command takes.
    pub(crate) is_lasting: bool,
}

/// Whom the API server takes the requests for.
#[derive(Clone)]
pub(crate) struct Impersonated {
    pub(crate) user: String,
    pub(crate) groups: Vec<String>,
    pub(crate) uid: Option<String>,
}

impl ConnectOptions {
    /// Whether something of a kubeconfig is meant, so that the pod's own cluster is not.
    pub(super) fn needs_kubeconfig(&self) -> bool {
        self.kubeconfig.is_some() || self.context.is_some() || self.cluster.is_some() || self.user.is_some()
    }

    /// The kubeconfig that is meant.
    pub(crate) fn read(&self) -> Result<Kubeconfig, NoKubeconfig> {
        if let Some(file) = &self.kubeconfig {
            return Kubeconfig::read_from(file).map_err(|error| NoKubeconfig::Unusable(describe_kubeconfig(&error)));
        }
        let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
        let named: Vec<PathBuf> = std::env::split_paths(&named)
            .filter(|file| !file.as_os_str().is_empty())
            .collect();
        if !named.is_empty() {
            return merged(&named).map_err(|error| NoKubeconfig::Unusable(describe_kubeconfig(&error)));
        }
        Kubeconfig::read().map_err(|error| {
            let why = describe_kubeconfig(&error);
            if is_absent(&error) {
                NoKubeconfig::Absent(why)
            } else {
                NoKubeconfig::Unusable(why)
            }
        })
    }
}

/// Why there is no kubeconfig.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoKubeconfig {
    /// None is named, and there is none where it usually is.
    #[error("{0}")]
    Absent(String),
    /// It cannot be read, or is not valid.
    #[error("{0}")]
    Unusable(String),
}

/// The files of `$KUBECONFIG`. As for kubectl, one may be missing.
fn merged(files: &[PathBuf]) -> Result<Kubeconfig, KubeconfigError> {
    let (mut all, mut missing) = (None, None);
    for file in files {
        match Kubeconfig::read_from(file) {
            Ok(next) => all = Some(all.unwrap_or_else(Kubeconfig::default).merge(next)?),
            Err(error) if is_absent(&error) => missing = missing.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    match (all, missing) {
        (None, Some(error)) => Err(error),
        (all, _) => Ok(all.unwrap_or_default()),
    }
}

fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(error, _) => {
            matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
        }
        _ => false,
    }
}

/// What is chosen of a kubeconfig.
pub(super) struct Choice {
    pub(super) kubeconfig: Kubeconfig,
    pub(super) options: KubeConfigOptions,
    /// The context; absent if only a cluster was named, and no context is selected.
    pub(super) context: Option<String>,
    /// The proxy of the cluster.
    pub(super) proxy: Option<String>,
}

/// Chooses. The error says what there is instead.
pub(super) fn choose(mut kubeconfig: Kubeconfig, wanted: &ConnectOptions) -> Result<Choice, String> {
    let selected = kubeconfig.current_context.clone().filter(|name| !name.is_empty());
    let context = wanted.context.clone().or(selected);
    if context.is_none() && wanted.cluster.is_some() {
        // As for kubectl, a cluster is enough.
        kubeconfig.contexts.insert(0, NamedContext::default());
        if let Some(first) = kubeconfig.contexts.first_mut() {
            first.context = Some(kube::config::Context::default());
        }
    }
    let options = KubeConfigOptions {
        context: Some(context.clone().unwrap_or_default()),
        cluster: wanted.cluster.clone(),
        user: wanted.user.clone(),
    };
    let proxy = check(&kubeconfig, context.as_deref(), wanted)?;
    Ok(Choice {
        kubeconfig,
        options,
        context,
        proxy,
    })
}

/// The proxy of the cluster, once everything that is named was found.
fn check(kubeconfig: &Kubeconfig, context: Option<&str>, wanted: &ConnectOptions) -> Result<Option<String>, String> {
    let contexts = || list(kubeconfig.contexts.iter().map(|named| named.name.as_str()));
    let clusters = || list(kubeconfig.clusters.iter().map(|named| named.name.as_str()));
    let of_context = match context {
        None if wanted.cluster.is_some() => None,
        None if kubeconfig.contexts.is_empty() => return Err("the kubeconfig has no context".to_owned()),
        None => {
            return Err(format!(
                "the kubeconfig selects no context; choose one with --context: {}",
                contexts()
            ));
        }
        Some(name) => {
            let named = kubeconfig.contexts.iter().find(|named| named.name == name);
            let context = named.and_then(|named| named.context.as_ref());
            let absent = || format!("the kubeconfig has no context {name:?}; it has {}", contexts());
            Some((name, context.ok_or_else(absent)?))
        }
    };
    if let Some(user) = &wanted.user
        && !kubeconfig.auth_infos.iter().any(|named| named.name == *user)
    {
        let users = list(kubeconfig.auth_infos.iter().map(|named| named.name.as_str()));
        return Err(format!("the kubeconfig has no user {user:?}; it has {users}"));
    }
    let find = |name: &str| {
        let named = kubeconfig.clusters.iter().find(|named| named.name == name);
        named.and_then(|named| named.cluster.as_ref())
    };
    let cluster = match (&wanted.cluster, of_context) {
        (Some(name), _) => {
            find(name).ok_or_else(|| format!("the kubeconfig has no cluster {name:?}; it has {}", clusters()))?
        }
        (None, Some((context, found))) => find(&found.cluster).ok_or_else(|| {
            let name = &found.cluster;
            format!(
                "context {context:?} is for cluster {name:?}, which the kubeconfig does not have; it has {}",
                clusters()
            )
        })?,
        (None, None) => return Err(describe_kubeconfig(&KubeconfigError::CurrentContextNotSet)),
    };
    Ok(cluster.proxy_url.clone())
}

/// Names for a message.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    if names.is_empty() {
        return "none".to_owned();
    }
    let more = names.len().saturating_sub(NAMES);
    names.truncate(NAMES);
    let listed = names.join(", ");
    if more == 0 {
        listed
    } else {
        format!("{listed} and {more} more")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails that way")]
mod tests {
    use kube::config::Kubeconfig;

    use super::{ConnectOptions, choose, list};

    const TWO: &str = r"
        current-context: a
        contexts:
        - {name: a, context: {cluster: one, user: x}}
        - {name: b, context: {cluster: two, user: y}}
        - {name: broken, context: {cluster: gone, user: y}}
        clusters:
        - {name: one, cluster: {server: 'https://one.example.com'}}
        - {name: two, cluster: {server: 'https://two.example.com', proxy-url: 'http://proxy.example.com'}}
        users:
        - {name: x, user: {}}
        - {name: y, user: {}}
    ";

    fn wanted(context: &str, cluster: &str, user: &str) -> ConnectOptions {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ConnectOptions {
            context: given(context),
            cluster: given(cluster),
            user: given(user),
            ..ConnectOptions::default()
        }
    }

    #[test]
    fn what_is_named_is_chosen_or_the_message_says_what_there_is() {
        let nothing_selected = TWO.replace("current-context: a", "");
        let proxy = Some("http://proxy.example.com");
        for (kubeconfig, (context, cluster, user), expected) in [
            (TWO, ("", "", ""), Ok((Some("a"), None))),
            (TWO, ("b", "", ""), Ok((Some("b"), proxy))),
            (TWO, ("", "two", ""), Ok((Some("a"), proxy))),
            (TWO, ("broken", "two", "x"), Ok((Some("broken"), proxy))),
            (&nothing_selected, ("", "two", "x"), Ok((None, proxy))),
            (
                TWO,
                ("c", "", ""),
                Err("the kubeconfig has no context \"c\"; it has a, b, broken"),
            ),
            (
                TWO,
                ("", "three", ""),
                Err("the kubeconfig has no cluster \"three\"; it has one, two"),
            ),
            (TWO, ("", "", "z"), Err("the kubeconfig has no user \"z\"; it has x, y")),
            (
                TWO,
                ("broken", "", ""),
                Err("context \"broken\" is for cluster \"gone\", which the kubeconfig does not have; it has one, two"),
            ),
            (
                &nothing_selected,
                ("", "", "x"),
                Err("the kubeconfig selects no context; choose one with --context: a, b, broken"),
            ),
            ("{}", ("", "", ""), Err("the kubeconfig has no context")),
            (
                "{}",
                ("a", "", ""),
                Err("the kubeconfig has no context \"a\"; it has none"),
            ),
        ] {
            let kubeconfig = Kubeconfig::from_yaml(kubeconfig).unwrap();
            let chosen = choose(kubeconfig, &wanted(context, cluster, user));
            let chosen = chosen
                .as_ref()
                .map(|chosen| (chosen.context.as_deref(), chosen.proxy.as_deref()));
            assert_eq!(
                chosen.map_err(String::as_str),
                expected,
                "{context:?} {cluster:?} {user:?}"
            );
        }
    }

    #[test]
    fn long_list_of_names_is_cut() {
        let names: Vec<String> = (10..30).map(|number| format!("c{number}")).collect();
        let listed = list(names.iter().map(String::as_str));
        assert_eq!(listed, "c10, c11, c12, c13, c14, c15, c16, c17, c18, c19 and 10 more");
    }
}
