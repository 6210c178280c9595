//! What the words of a report mean. The files of `patterns/` hold the classes beside the words that lead to them.

use crate::api::Cause;

/// What the words of a report mean, and everything that follows from it.
#[derive(PartialEq, Eq, Hash)]
pub struct ErrorClass {
    /// Its name, which no other class has.
    pub name: &'static str,
    /// The cause.
    pub cause: CauseRule,
    /// How far the pull got.
    pub progress: Progress,
    /// What is refused, if anything is.
    pub refuses: Refusal,
    /// What to do if its cause alone does not tell: one or more sentences without the last period. `{registry}` stands
    /// for the registry, `{host}` for the host that the report is about.
    pub remedy: Option<&'static str>,
}

impl std::fmt::Debug for ErrorClass {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name)
    }
}

/// How a cause follows from a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CauseRule {
    /// Whatever the pod sends.
    Always(Cause),
    /// No credentials were sent.
    NotSent,
    /// A permission is missing; or the registry denies everything to clients without credentials, as Docker Hub does.
    Denied,
    /// 401, with words for wrong credentials.
    Unauthorized,
    /// 401, with words for wrong credentials and for none.
    Unclear,
    /// A rate limit, which may be that for clients without credentials.
    RateLimited,
}

/// How far a pull got. Of several attempts with different credentials, the one that got furthest shows the obstacle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Progress {
    /// Not known.
    Unknown,
    /// No connection.
    Connection,
    /// Credentials were asked for.
    Asked,
    /// Credentials were judged.
    Judged,
    /// The client is known, and has to wait.
    Limited,
    /// The client is known, and is denied.
    Denied,
    /// The image was looked up.
    Image,
    /// Nothing that another attempt reports is more precise.
    Certain,
}

/// What a class says about the client. A host that is not the image's registry does not judge the pod's pull secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// It is not refused.
    None,
    /// Its credentials, their lack, or its permissions.
    Credentials,
    /// The client itself, whatever its credentials: its address, its owner or its rate.
    Client,
}
