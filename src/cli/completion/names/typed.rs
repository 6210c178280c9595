//! What was typed so far.

use std::path::PathBuf;

use crate::cli::completion::KUBECTL_COMMAND;
use crate::cli::create::OPERATOR_NAMESPACE;
use crate::kubernetes::kubeconfig::ConnectOptions;

/// The flags that say which names are meant.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) options: ConnectOptions,
    namespace: Option<String>,
    /// `--replace`.
    pub(super) replaces: bool,
    /// `--namespace-selector`: a ClusterDockerPullSecret is meant.
    pub(super) selects: bool,
}

impl Typed {
    pub(super) fn now() -> Self {
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        let words = words.skip_while(|word| word != "--" && word != KUBECTL_COMMAND).skip(1);
        Self::of(words)
    }

    /// The namespace that is meant; `None`: that of the context.
    pub(super) fn namespace(&self) -> Option<&str> {
        let default = self.selects.then_some(OPERATOR_NAMESPACE);
        self.namespace.as_deref().or(default)
    }

    fn of(words: impl Iterator<Item = String>) -> Self {
        let mut typed = Self::default();
        typed.options.is_silent = true;
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let (flag, joined) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value.to_owned())),
                None => match word.strip_prefix("-n") {
                    Some(value) if !value.is_empty() => ("-n", Some(value.to_owned())),
                    _ => (word.as_str(), None),
                },
            };
            let slot = match flag {
                "--kubeconfig" => {
                    let value = joined.or_else(|| words.next());
                    typed.options.kubeconfig = value.map(PathBuf::from);
                    continue;
                }
                "--replace" => {
                    typed.replaces = true;
                    continue;
                }
                "--namespace-selector" => {
                    typed.selects = true;
                    continue;
                }
                "--context" => &mut typed.options.context,
                "--cluster" => &mut typed.options.cluster,
                "--user" => &mut typed.options.user,
                "-n" | "--namespace" => &mut typed.namespace,
                _ => continue,
            };
            let value = joined.or_else(|| words.next());
            *slot = value.filter(|value| !value.is_empty());
        }
        typed
    }
}

#[cfg(test)]
mod tests {
    use super::Typed;

    #[test]
    fn flags_that_choose_a_cluster_are_read_as_far_as_they_are_typed() {
        for (line, context, namespace) in [
            ("dps list", None, None),
            ("dps list -n team --context=b", Some("b"), Some("team")),
            ("dps verify --namespace team --context b x", Some("b"), Some("team")),
            ("dps list -nteam", None, Some("team")),
            ("dps list --context", None, None),
            ("dps list --namespace=", None, None),
            (
                "dps create --namespace-selector a=b",
                None,
                Some("docker-pull-secret-operator"),
            ),
            ("dps create -n team --namespace-selector=a=b", None, Some("team")),
        ] {
            let typed = Typed::of(line.split(' ').map(str::to_owned));
            let found = (typed.options.context.as_deref(), typed.namespace());
            assert_eq!(found, (context, namespace), "{line}");
        }
    }
}
