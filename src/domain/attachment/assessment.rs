//! What the condition `Attached` says.

use crate::api::Reason;
use crate::domain::attachment::contest::{REMOVALS, WITHIN};
use crate::domain::problem::Problem;
use crate::domain::text::few::FewNames;

/// What became of one Secret in the ServiceAccounts that are to list it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttachmentView {
    /// Those that list it, in quotes.
    pub attached: FewNames,
    /// Those that will in a moment, in quotes.
    pub waiting: FewNames,
    /// Those that do not exist although the spec names them, in quotes.
    pub absent: FewNames,
    /// Those that somebody takes it out of, and who does, if that is known.
    pub contested: Vec<(String, Option<String>)>,
    /// Those that the API server does not let the operator change, and what it says.
    pub refused: Vec<(String, String)>,
}

/// A sentence, or what keeps ServiceAccounts from listing the Secret. `view`: `None` if the operator may not change any.
pub fn assess(secret: &str, view: Option<&AttachmentView>) -> Result<String, Problem> {
    let Some(view) = view else {
        return Err(Problem::new(
            Reason::NotAllowed,
            format!(
                "the operator may not change ServiceAccounts: set rbac.attachServiceAccounts in its chart, or list Secret {secret:?} in imagePullSecrets of the ServiceAccounts yourself"
            ),
        ));
    };
    if let Some((name, message)) = view.refused.first() {
        return Err(Problem::new(
            Reason::NotAllowed,
            format!("the API server refuses to list Secret {secret:?} in ServiceAccount {name:?}: {message}"),
        ));
    }
    if let Some((name, by)) = view.contested.first() {
        let by = by
            .as_ref()
            .map_or_else(String::new, |by| format!(", probably by the field manager {by:?}"));
        return Err(Problem::new(
            Reason::Contested,
            format!(
                "Secret {secret:?} was taken out of ServiceAccount {name:?} {REMOVALS} times within {} minutes{by}; the operator tries again in an hour or two. Whoever manages the ServiceAccount has to leave its imagePullSecrets alone (Argo CD: ignoreDifferences with the JSON pointer /imagePullSecrets, and the sync option RespectIgnoreDifferences=true)",
                WITHIN.as_secs() / 60
            ),
        ));
    }
    if !view.absent.is_empty() {
        return Err(Problem::new(
            Reason::ServiceAccountNotFound,
            format!("{} not exist", accounts(&view.absent, "does", "do")),
        ));
    }
    if !view.waiting.is_empty() {
        return Err(Problem::new(
            Reason::Pending,
            format!(
                "Secret {secret:?} is not listed yet in {}",
                accounts(&view.waiting, "", "").trim_end()
            ),
        ));
    }
    Ok(if view.attached.is_empty() {
        "no ServiceAccount has a name that matches spec.attachTo.serviceAccounts".to_owned()
    } else {
        format!("{} Secret {secret:?}", accounts(&view.attached, "lists", "list"))
    })
}

/// `ServiceAccount "a" lists`, `ServiceAccounts "a", "b" list`.
fn accounts(names: &FewNames, one: &str, many: &str) -> String {
    match names.count() {
        1 => format!("ServiceAccount {names} {one}"),
        _ => format!("ServiceAccounts {names} {many}"),
    }
}
