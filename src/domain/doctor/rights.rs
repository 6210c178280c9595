//! What an operator must be allowed to do, and whether it is.

mod askers;
mod grant;
mod table;

pub use askers::Askers;
pub use grant::{grant_commands, missing_rights, questions_about};
pub use table::{ATTACH_RIGHT, CLUSTER_RIGHTS, EVICT_RIGHT, LEASE_RIGHT, MINT_RIGHTS, RIGHTS, Right};

use crate::api::FIELD_MANAGER;
use crate::domain::doctor::installation::{Installation, place};
use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::seen::Seen;
use crate::domain::names::ObjectKey;

/// One question to the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RightQuestion {
    /// The rule that it belongs to.
    pub right: Right,
    /// One of its verbs.
    pub verb: &'static str,
    /// Where; `None` means in all namespaces.
    pub namespace: Option<String>,
    /// Name of the object, if it is about one.
    pub name: Option<String>,
}

/// An account of an operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorAccount {
    /// The user; `None` is the one that asks.
    pub user: Option<String>,
    /// How messages name it.
    pub shown: String,
    /// Namespaces where it works; none means all.
    pub namespaces: Vec<String>,
    /// Its Lease.
    pub lease: Option<ObjectKey>,
    /// Whether it changes ServiceAccounts.
    pub attaches_to_accounts: bool,
    /// Whether it reconciles ClusterDockerPullSecrets.
    pub has_cluster_resources: bool,
    /// Whether it evicts pods.
    pub evicts_pods: bool,
    /// ServiceAccounts that it mints credentials with.
    pub askers: Askers,
    /// Name of the chart's Roles for it.
    pub role: String,
}

/// An account, and the questions that the API server answered with no.
#[derive(Clone, Debug)]
pub struct AccountRights {
    /// The account.
    pub account: OperatorAccount,
    /// What it may not do.
    pub refused: Seen<Vec<RightQuestion>>,
}

/// Whose rights count: those of the operators that are installed, or else those of the user who asks. `user` is who asks;
/// namespaces and Lease are those that the user named.
pub fn accounts(
    installations: &Seen<Vec<Installation>>,
    user: Option<&str>,
    namespaces: &[String],
    lease: Option<&ObjectKey>,
) -> Seen<Vec<OperatorAccount>> {
    let own = || OperatorAccount {
        user: None,
        shown: user.unwrap_or("you").to_owned(),
        namespaces: namespaces.to_vec(),
        lease: lease.cloned(),
        attaches_to_accounts: false,
        has_cluster_resources: false,
        evicts_pods: false,
        askers: Askers::default(),
        role: account_name(user).unwrap_or(FIELD_MANAGER).to_owned(),
    };
    match installations {
        Seen::Read(installations) if !installations.is_empty() => {
            let of = |installation: &Installation| {
                let account = installation.user();
                OperatorAccount {
                    user: (user != Some(&account)).then(|| account.clone()),
                    shown: account,
                    namespaces: if namespaces.is_empty() {
                        installation.namespaces.clone()
                    } else {
                        namespaces.to_vec()
                    },
                    lease: installation.lease.clone(),
                    attaches_to_accounts: installation.attaches_to_accounts,
                    has_cluster_resources: installation.has_cluster_resources,
                    evicts_pods: installation.evicts_pods,
                    askers: Askers::default(),
                    role: installation.deployment.name.clone(),
                }
            };
            Seen::Read(installations.iter().map(of).collect())
        }
        Seen::Read(_) => Seen::Read(vec![own()]),
        Seen::Skipped(_) | Seen::Failed(_) if account_name(user).is_some() => Seen::Read(vec![own()]),
        Seen::Skipped(why) | Seen::Failed(why) => Seen::Skipped(format!(
            "the operator's ServiceAccount is not known ({why}); name it with --as system:serviceaccount:NAMESPACE:NAME"
        )),
    }
}

/// The name of a `ServiceAccount`, if the user is one.
fn account_name(user: Option<&str>) -> Option<&str> {
    let (_, name) = user?.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    Some(name)
}

impl OperatorAccount {
    /// All that it has to be allowed to do.
    pub fn questions(&self) -> Vec<RightQuestion> {
        let places: Vec<Option<String>> = match self.namespaces.as_slice() {
            [] => vec![None],
            some => some.iter().cloned().map(Some).collect(),
        };
        let ask = |right: Right, namespace: Option<String>| {
            let verbs = right.verbs.iter();
            verbs.map(move |verb| RightQuestion {
                right,
                verb,
                namespace: namespace.clone(),
                name: None,
            })
        };
        let attach = self.attaches_to_accounts.then_some(ATTACH_RIGHT);
        let evict = self.evicts_pods.then_some(EVICT_RIGHT);
        let mut questions = Vec::new();
        for namespace in places {
            let rights = RIGHTS.into_iter().chain(attach).chain(evict);
            questions.extend(rights.flat_map(|right| ask(right, namespace.clone())));
        }
        if self.has_cluster_resources {
            questions.extend(CLUSTER_RIGHTS.into_iter().flat_map(|right| ask(right, None)));
        }
        if let Some(lease) = &self.lease {
            questions.extend(LEASE_RIGHT.verbs.iter().map(|verb| RightQuestion {
                right: LEASE_RIGHT,
                verb,
                namespace: Some(lease.namespace.clone()),
                name: (*verb != "create").then(|| lease.name.clone()),
            }));
        }
        questions.extend(self.askers.questions());
        questions
    }

    /// The role of the chart that grants a right.
    fn role_for(&self, right: Right) -> String {
        let Self { role, namespaces, .. } = self;
        if right == LEASE_RIGHT {
            format!("Role {role}-lease")
        } else if namespaces.is_empty() || right.is_of_cluster() {
            format!("ClusterRole {role}")
        } else {
            format!("Role {role}")
        }
    }
}

pub(crate) fn check(accounts: &Seen<Vec<AccountRights>>) -> Vec<Check> {
    let Seen::Read(accounts) = accounts else {
        return Check::unread(Category::Rights, Page::Permissions, "the operator's rights", accounts)
            .into_iter()
            .collect();
    };
    accounts.iter().flat_map(check_account).collect()
}

fn check_account(AccountRights { account, refused }: &AccountRights) -> Vec<Check> {
    let (category, page) = (Category::Rights, Page::Permissions);
    let place_of_work = place(&account.namespaces);
    let Seen::Read(refused) = refused else {
        let what = format!("rights of {} in {place_of_work}", account.shown);
        return Check::unread(category, page, &what, refused).into_iter().collect();
    };
    let (of_askers, refused): (Vec<_>, Vec<_>) = refused
        .iter()
        .partition(|question| MINT_RIGHTS.contains(&question.right));
    let of_askers = askers::check(account, &of_askers);
    if refused.is_empty() {
        let message = format!("{} may do all that the operator does in {place_of_work}", account.shown);
        return [Check::ok(category, page, message)]
            .into_iter()
            .chain(of_askers)
            .collect();
    }
    let rights = RIGHTS
        .into_iter()
        .chain(CLUSTER_RIGHTS)
        .chain([ATTACH_RIGHT, EVICT_RIGHT, LEASE_RIGHT]);
    let refusals = rights.filter_map(|right| {
        let missing = refused.iter().copied().filter(|question| question.right == right);
        refusal(account, right, &missing.collect::<Vec<_>>())
    });
    refusals.chain(of_askers).collect()
}

/// The questions about a right that were answered with no; `None` if there are none.
fn refusal(account: &OperatorAccount, right: Right, missing: &[&RightQuestion]) -> Option<Check> {
    if missing.is_empty() {
        return None;
    }
    let verbs = right.verbs.iter().copied();
    let verbs: Vec<&str> = verbs
        .filter(|verb| missing.iter().any(|one| one.verb == *verb))
        .collect();
    let mut namespaces: Vec<String> = missing.iter().filter_map(|one| one.namespace.clone()).collect();
    namespaces.dedup();
    namespaces.sort();
    namespaces.dedup();
    let place = if right.is_of_cluster() {
        String::new()
    } else {
        format!(" in {}", place(&namespaces))
    };
    let message = format!(
        "{} may not {} {}{place}: {}",
        account.shown,
        verbs.join(", "),
        right.name(),
        right.without
    );
    let remedy = if right == ATTACH_RIGHT {
        "set rbac.attachServiceAccounts to true in the chart"
    } else if right == EVICT_RIGHT {
        "set recovery.enabled to true in the chart"
    } else if right.is_of_cluster() {
        "set clusterResources.enabled to true in the chart, or apply deploy/"
    } else {
        "upgrade the release with --reset-then-reuse-values, or apply deploy/"
    };
    let hint = format!("the chart's {} grants it; {remedy}", account.role_for(right));
    Some(Check::fail(Category::Rights, Page::Permissions, message).hint(hint))
}
