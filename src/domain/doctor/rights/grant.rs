//! What keeps a person from minting with a ServiceAccount, and the commands that an administrator runs.

use crate::domain::doctor::rights::RightQuestion;
use crate::domain::doctor::rights::askers::Askers;
use crate::domain::names::ObjectKey;
use crate::domain::text::shell::word;

/// Where the name of a user belongs that nobody knows.
const NOBODY: &str = "YOUR_USER_NAME";

/// What to ask the API server about a ServiceAccount.
pub fn questions_about(asker: &ObjectKey) -> Vec<RightQuestion> {
    let only = Askers {
        asked: vec![asker.clone()],
        left_out: 0,
    };
    only.questions().collect()
}

/// Which rights are missing. `refused`: at least one.
pub fn missing_rights(user: Option<&str>, asker: &ObjectKey, refused: &[RightQuestion]) -> String {
    let rights = refused
        .iter()
        .map(|question| format!("{} on {}", question.verb, question.right.name()));
    let (name, namespace) = (&asker.name, &asker.namespace);
    format!(
        "{} may not use ServiceAccount {name:?} in namespace {namespace:?}: missing rights: {}; an administrator of the namespace can grant them",
        user.unwrap_or("you"),
        rights.collect::<Vec<_>>().join(", ")
    )
}

/// The commands that grant them, a Role and its binding for each. They are for this one ServiceAccount.
pub fn grant_commands(user: Option<&str>, asker: &ObjectKey, refused: &[RightQuestion]) -> Vec<String> {
    let account = user.and_then(|user| user.strip_prefix("system:serviceaccount:"));
    let subject = match (account, user) {
        (Some(account), _) => format!("--serviceaccount={account}"),
        (None, user) => format!("--user={}", word(user.unwrap_or(NOBODY)).unwrap_or(NOBODY.to_owned())),
    };
    let (name, namespace) = (&asker.name, &asker.namespace);
    let commands = refused.iter().flat_map(|question| {
        let right = question.right.name();
        let role = format!("{name}-{}", if right.contains('/') { "tokens" } else { "reading" });
        [
            format!(
                "kubectl create role {role} -n {namespace} --verb={} --resource={right} --resource-name={name}",
                question.verb
            ),
            format!("kubectl create rolebinding {role} -n {namespace} --role={role} {subject}"),
        ]
    });
    commands.collect()
}
