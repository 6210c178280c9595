//! The report: one check after the other.

use serde::Serialize;

use crate::domain::doctor::seen::Seen;

/// What checks are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::IntoStaticStr)]
pub enum Category {
    /// The API server.
    #[serde(rename = "API server")]
    #[strum(serialize = "API server")]
    ApiServer,
    /// The `CustomResourceDefinition`.
    #[serde(rename = "CRD")]
    #[strum(serialize = "CRD")]
    Crd,
    /// What operators may do.
    Rights,
    /// Operators that run.
    Operator,
    /// Admission policies.
    Policies,
    /// The `DockerPullSecrets`.
    Resources,
    /// How their credentials are minted.
    Minting,
    /// Their registries.
    Registries,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::IntoStaticStr, strum::EnumIter)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum CheckResult {
    /// It is as it should be.
    Ok,
    /// It works, but not as it should.
    Warn,
    /// It does not work.
    Fail,
    /// Nobody looked.
    Skipped,
}

/// Headings of the documents that checks refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::EnumIter)]
#[allow(missing_docs, reason = "the text says where it leads")]
pub enum Page {
    #[strum(serialize = "docs/install.md#install-upgrade-uninstall")]
    Install,
    #[strum(serialize = "docs/install.md#proxies-and-certificates")]
    Connection,
    #[strum(serialize = "docs/install.md#crd")]
    Crd,
    #[strum(serialize = "docs/install.md#permissions")]
    Permissions,
    #[strum(serialize = "docs/install.md#one-or-several-namespaces")]
    Namespaces,
    #[strum(serialize = "docs/install.md#admission-policies")]
    Policies,
    #[strum(serialize = "docs/production.md#replicas")]
    Replicas,
    #[strum(serialize = "docs/production.md#network")]
    Network,
    #[strum(serialize = "docs/credentials.md#registries")]
    Registries,
    #[strum(serialize = "docs/short-lived.md#before-you-begin")]
    ShortLived,
    #[strum(serialize = "docs/short-lived.md#consent")]
    Consent,
    #[strum(serialize = "docs/troubleshooting.md#dps-doctor")]
    Doctor,
    #[strum(serialize = "docs/troubleshooting.md#conditions")]
    Conditions,
    #[strum(serialize = "docs/troubleshooting.md#unreachable")]
    Unreachable,
    #[strum(serialize = "docs/troubleshooting.md#tlsfailure")]
    TlsFailure,
    #[strum(serialize = "docs/troubleshooting.md#notaregistry")]
    NotARegistry,
}

impl Page {
    /// The path from the root of the repository, with the heading.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is about.
    pub category: Category,
    /// How it ended.
    pub result: CheckResult,
    /// What was found.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Where to read more.
    pub docs: String,
}

impl Check {
    fn new(result: CheckResult, category: Category, page: Page, message: String) -> Self {
        Self {
            category,
            result,
            message,
            hint: None,
            docs: page.as_str().to_owned(),
        }
    }

    /// It is as it should be.
    pub(crate) fn ok(category: Category, page: Page, message: impl Into<String>) -> Self {
        Self::new(CheckResult::Ok, category, page, message.into())
    }

    /// It works, but not as it should.
    pub(crate) fn warn(category: Category, page: Page, message: impl Into<String>) -> Self {
        Self::new(CheckResult::Warn, category, page, message.into())
    }

    /// It does not work.
    pub(crate) fn fail(category: Category, page: Page, message: impl Into<String>) -> Self {
        Self::new(CheckResult::Fail, category, page, message.into())
    }

    /// Nobody looked at `what`, because of `why`.
    pub(crate) fn skipped(category: Category, page: Page, what: &str, why: &str) -> Self {
        Self::new(
            CheckResult::Skipped,
            category,
            page,
            format!("{what}: skipped, because {why}"),
        )
    }

    /// Nothing was read of `what`; `None` if it was.
    pub(crate) fn unread<T>(category: Category, page: Page, what: &str, seen: &Seen<T>) -> Option<Self> {
        match seen {
            Seen::Read(_) => None,
            Seen::Skipped(why) => Some(Self::skipped(category, page, what, why)),
            Seen::Failed(why) => Some(Self::fail(category, page, why.as_str())),
        }
    }

    /// With what to do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// All checks, those of a category one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// The checks.
    pub checks: Vec<Check>,
}

impl DoctorReport {
    pub(crate) fn new(checks: Vec<Check>) -> Self {
        Self { checks }
    }

    /// How many checks ended so.
    pub fn count(&self, result: CheckResult) -> usize {
        self.checks.iter().filter(|check| check.result == result).count()
    }

    /// Whether anything does not work.
    pub fn has_failures(&self) -> bool {
        self.count(CheckResult::Fail) > 0
    }
}
