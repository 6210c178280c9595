//! ServiceAccounts that credentials are minted with: whether an operator may use them is up to each namespace.

use std::collections::BTreeSet;

use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::resources::ResourceView;
use crate::domain::doctor::rights::table::MINT_RIGHTS;
use crate::domain::doctor::rights::{OperatorAccount, RightQuestion};
use crate::domain::names::ObjectKey;
use crate::domain::text::few::FewNames;

/// Most ServiceAccounts to ask about: whoever may create resources decides how many they name.
const ASKERS: usize = 200;

/// The ServiceAccounts of these resources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Askers {
    /// Those to ask about.
    pub asked: Vec<ObjectKey>,
    /// How many others there are.
    pub left_out: usize,
}

impl Askers {
    /// The ServiceAccounts that these resources name in namespaces; none of these means all.
    pub fn of<'a>(resources: impl IntoIterator<Item = &'a ResourceView>, namespaces: &[String]) -> Self {
        let works_in = |asker: &&ObjectKey| namespaces.is_empty() || namespaces.contains(&asker.namespace);
        let askers = resources.into_iter().filter_map(|resource| resource.asker.as_ref());
        let mut asked: Vec<ObjectKey> = askers
            .filter(works_in)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .cloned()
            .collect();
        let left_out = asked.len().saturating_sub(ASKERS);
        asked.truncate(ASKERS);
        Self { asked, left_out }
    }

    pub(super) fn questions(&self) -> impl Iterator<Item = RightQuestion> {
        self.asked.iter().flat_map(|asker| {
            MINT_RIGHTS.into_iter().flat_map(move |right| {
                right.verbs.iter().map(move |verb| RightQuestion {
                    right,
                    verb,
                    namespace: Some(asker.namespace.clone()),
                    name: Some(asker.name.clone()),
                })
            })
        })
    }
}

/// `refused`: what an account may not do with ServiceAccounts. Whoever wants credentials minted has to allow it, so it is no failure
/// of the operator.
pub(super) fn check(account: &OperatorAccount, refused: &[&RightQuestion]) -> Vec<Check> {
    let (category, page) = (Category::Rights, Page::Consent);
    let Askers { asked, left_out } = &account.askers;
    let is_refused = |asker: &&ObjectKey| {
        let is_it = |question: &&RightQuestion| {
            question.namespace.as_ref() == Some(&asker.namespace) && question.name.as_ref() == Some(&asker.name)
        };
        refused.iter().any(is_it)
    };
    let missing: Vec<&ObjectKey> = asked.iter().filter(is_refused).collect();
    let mut checks = Vec::new();
    match (missing.as_slice(), asked.len()) {
        ([], 0) => {}
        ([], count) => {
            let accounts = if count == 1 {
                "the ServiceAccount"
            } else {
                "all ServiceAccounts"
            };
            let named: FewNames = asked.iter().map(ToString::to_string).collect();
            let message = format!("{} may use {accounts} of spec.credentialsFrom: {named}", account.shown);
            checks.push(Check::ok(category, page, message));
        }
        (missing, _) => {
            let (accounts, them) = if missing.len() == 1 {
                ("ServiceAccount", "it")
            } else {
                ("ServiceAccounts", "them")
            };
            let message = format!(
                "{} may not use {accounts} {} of spec.credentialsFrom: no credentials are minted with {them}",
                account.shown,
                missing.iter().map(ToString::to_string).collect::<FewNames>()
            );
            let hint = format!(
                "name {them} in minting.serviceAccounts of the chart, or let the namespace consent with a Role for get on serviceaccounts and create on serviceaccounts/token"
            );
            checks.push(Check::warn(category, page, message).hint(hint));
        }
    }
    if *left_out > 0 {
        let what = format!("{left_out} more ServiceAccounts that credentials are minted with");
        let why = format!("only {ASKERS} are asked about; name a namespace with --namespace");
        checks.push(Check::skipped(category, page, &what, &why));
    }
    checks
}
