//! Arguments of every command that connects to a cluster, as kubectl has them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::cli::cluster::Cluster;
use crate::cli::completion::names;
use crate::cli::duration::timeout;
use crate::domain::text::shell::word;
use crate::kubernetes::connect::connect;
use crate::kubernetes::kubeconfig::{ConnectOptions, Impersonated};

/// The heading above them in the help.
const HEADING: &str = "Connection to the cluster";

/// Which cluster, and as whom.
#[derive(Args, Clone)]
pub(crate) struct ConnectionArguments {
    /// Kubeconfig to use, instead of $KUBECONFIG or ~/.kube/config.
    #[arg(long, value_name = "FILE", help_heading = HEADING)]
    kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig to use, instead of the current one.
    #[arg(long, value_name = "NAME", help_heading = HEADING, add = names::contexts())]
    context: Option<String>,
    /// Cluster of the kubeconfig to use, instead of the context's.
    #[arg(long, value_name = "NAME", help_heading = HEADING, add = names::clusters())]
    cluster: Option<String>,
    /// User of the kubeconfig to use, instead of the context's.
    #[arg(long, value_name = "NAME", help_heading = HEADING, add = names::users())]
    user: Option<String>,
    /// User to act as, such as system:serviceaccount:NAMESPACE:NAME. Needs the right to impersonate.
    #[arg(long = "as", value_name = "USER", value_parser = visible, help_heading = HEADING)]
    as_user: Option<String>,
    /// Group to act as. Can be repeated.
    #[arg(long = "as-group", value_name = "GROUP", value_parser = visible, requires = "as_user", help_heading = HEADING)]
    as_groups: Vec<String>,
    /// UID to act as.
    #[arg(long, value_name = "UID", value_parser = visible, requires = "as_user", help_heading = HEADING)]
    as_uid: Option<String>,
    /// Longest time for one request to the API server, such as 5s or 1m; 0: no limit.
    #[arg(long, value_name = "DURATION", value_parser = timeout, default_value = "10s", help_heading = HEADING)]
    request_timeout: Duration,
}

impl ConnectionArguments {
    /// Connects. The namespace is by default that of the context.
    pub(crate) async fn connect(&self, namespace: Option<&str>) -> Result<Cluster, String> {
        self.connect_lasting(namespace, false).await
    }

    /// The same. `is_lasting`: whether it is for longer than a command takes, so that credentials that end are renewed.
    pub(crate) async fn connect_lasting(&self, namespace: Option<&str>, is_lasting: bool) -> Result<Cluster, String> {
        let options = ConnectOptions {
            is_lasting,
            ..self.options()
        };
        let connection = connect(&options).await.map_err(|error| error.to_string())?;
        let limit = Some(self.request_timeout).filter(|limit| !limit.is_zero());
        Ok(Cluster::new(connection, namespace, limit))
    }

    fn options(&self) -> ConnectOptions {
        ConnectOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            impersonated: self.as_user.clone().map(|user| Impersonated {
                user,
                groups: self.as_groups.clone(),
                uid: self.as_uid.clone(),
            }),
            is_silent: false,
            is_lasting: false,
        }
    }

    /// The contexts of the kubeconfig, and the one that is named or selected.
    pub(crate) fn contexts(&self) -> Result<(Vec<String>, Option<String>), String> {
        let kubeconfig = self.options().read().map_err(|error| error.to_string())?;
        let named = self.context.clone().or(kubeconfig.current_context);
        let contexts = kubeconfig.contexts.into_iter().map(|context| context.name);
        Ok((contexts.collect(), named))
    }

    /// The same in a context. In another one than that which is named or selected, `--cluster` and `--user` do not count:
    /// they are meant for that one.
    pub(crate) fn in_context(&self, context: &str, is_first: bool) -> Self {
        Self {
            context: Some(context.to_owned()),
            cluster: self.cluster.clone().filter(|_| is_first),
            user: self.user.clone().filter(|_| is_first),
            ..self.clone()
        }
    }

    /// The flags that choose the same cluster and user, with a blank before each; `None` if a shell cannot have one.
    pub(crate) fn flags(&self) -> Option<String> {
        let file = self.kubeconfig.as_ref().map(|file| file.to_str().unwrap_or_default());
        let named = [
            ("--kubeconfig", file),
            ("--context", self.context.as_deref()),
            ("--cluster", self.cluster.as_deref()),
            ("--user", self.user.as_deref()),
            ("--as", self.as_user.as_deref()),
            ("--as-uid", self.as_uid.as_deref()),
        ];
        let named = named.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
        let groups = self.as_groups.iter().map(|group| ("--as-group", group.as_str()));
        let mut flags = String::new();
        for (flag, value) in named.chain(groups) {
            let value = word(value).filter(|_| !value.is_empty())?;
            flags = format!("{flags} {flag} {value}");
        }
        Some(flags)
    }

    /// A command that is to be copied, for the same cluster and user; `None` if it cannot be written for a shell.
    pub(crate) fn in_command(&self, command: &str) -> Option<String> {
        let flags = self.flags()?;
        let steps = command.split(" && ").map(|step| {
            let program = ["kubectl", "dps create"]
                .into_iter()
                .find(|program| step.starts_with(program))?;
            Some(format!("{program}{flags}{}", &step[program.len()..]))
        });
        Some(steps.collect::<Option<Vec<_>>>()?.join(" && "))
    }

    /// Whether somebody else is meant than the user of the kubeconfig.
    pub(crate) fn is_impersonating(&self) -> bool {
        self.as_user.is_some()
    }
}

/// What can be the value of a header.
fn visible(text: &str) -> Result<String, String> {
    if text.is_empty() || !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Err("write visible ASCII characters".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails that way")]
mod tests {
    use clap::Parser;

    use super::ConnectionArguments;

    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        connection: ConnectionArguments,
    }

    fn in_command(arguments: &[&str]) -> Option<String> {
        let arguments = [&["x"], arguments].concat();
        let command = "kubectl label namespace team a=b && dps create app -n team";
        Arguments::parse_from(arguments).connection.in_command(command)
    }

    #[test]
    fn command_to_copy_is_for_the_same_cluster() {
        let same = in_command(&[]).unwrap();
        assert_eq!(same, "kubectl label namespace team a=b && dps create app -n team");
        let prod = in_command(&[
            "--context",
            "arn:aws:eks:eu:1:cluster/prod",
            "--as",
            "a@b",
            "--as-group",
            "c",
        ])
        .unwrap();
        let flags = "--context arn:aws:eks:eu:1:cluster/prod --as a@b --as-group c";
        assert_eq!(
            prod,
            format!("kubectl {flags} label namespace team a=b && dps create {flags} app -n team")
        );
        for odd in ["a b", "$(x)", "it's"] {
            let command = in_command(&["--context", odd]).unwrap();
            let quoted = odd.replace('\'', r"'\''");
            let expected = format!("kubectl --context '{quoted}' label namespace");
            assert!(command.starts_with(&expected), "{command}");
        }
        assert_eq!(in_command(&["--context", "a\nb"]), None);
    }
}
