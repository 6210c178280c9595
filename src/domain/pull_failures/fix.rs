//! The command that mends the cause of a failed pull, where one can. It is there to be copied and run as it is.
//!
//! Advice says which steps are needed; here they become a command. A name of a cluster is never trusted: everything in a command is a
//! plain name, or there is no command.

mod command;
pub(crate) mod steps;

use crate::domain::pull_failures::template::PodTemplate;
use crate::domain::registry::key::RegistryKey;
use crate::domain::text::invisible::WORD_LENGTH;

/// Longest command, in characters.
const LENGTH: usize = 400;

/// Something that one command changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FixStep {
    /// Pods list a Secret, and one that they list now no longer.
    List {
        secret: Option<String>,
        instead_of: Option<String>,
    },
    /// The pod is created again, as it would be now.
    Recreate,
    /// A resource serves another registry.
    SetRegistry {
        resource: ResourceName,
        registry: RegistryKey,
    },
    /// A resource is created in the namespace of the pod.
    Create { name: String, registry: RegistryKey },
    /// The login of a resource in the namespace of the pod is replaced; somebody types it.
    ReplaceLogin {
        name: String,
        registry: RegistryKey,
        /// The Secret that holds it.
        login: String,
    },
    /// The namespace of the pod gets labels.
    Label(Vec<(String, String)>),
    /// It loses the annotation that keeps Secrets out.
    RemoveAnnotation,
    /// A resource no longer excludes it by name.
    Include {
        resource: String,
        /// Place in `spec.excludeNamespaces`.
        index: usize,
    },
}

/// The resource that a command changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourceName {
    pub(crate) kind: &'static str,
    /// Empty for a cluster-scoped one.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// What mends a cause, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fix {
    steps: Vec<FixStep>,
    /// The names of the pod's pull secrets.
    listed: Vec<String>,
}

/// The pod that is to pull.
#[derive(Clone, Copy, Debug)]
pub struct PodToFix<'a> {
    /// Its namespace.
    pub namespace: &'a str,
    /// Its name; `None` if it does not exist yet.
    pub name: Option<&'a str>,
    /// What it is made from, if that is certain.
    pub template: Option<&'a PodTemplate>,
    /// Name of its ServiceAccount.
    pub account: &'a str,
    /// What the ServiceAccount lists, as far as is known.
    pub account_lists: &'a [String],
}

impl Fix {
    /// `listed`: the names of the pod's pull secrets.
    pub(crate) fn new(steps: Vec<FixStep>, listed: &[&str]) -> Self {
        Self {
            steps,
            listed: listed.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    /// The command for a pod; `None` if no command can mend the cause. Where only the last step is left to people, it is the command
    /// for the others: the action says the rest.
    pub fn command(&self, pod: PodToFix<'_>) -> Option<String> {
        let commands = self.steps.iter().map(|step| command::of(step, &self.listed, pod));
        let commands: Vec<String> = commands.map_while(|command| command).collect();
        let command = commands.join(" && ");
        // What is longer is cut when it is printed.
        let is_short = command.len() <= LENGTH && command.split(' ').all(|word| word.len() <= WORD_LENGTH);
        (!command.is_empty() && is_short).then_some(command)
    }
}
