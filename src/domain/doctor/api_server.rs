//! The API server: its version, and whether its clock agrees with this machine's.

use std::time::Duration;

use crate::domain::doctor::report::{Category, Check, Page};
use crate::domain::doctor::seen::Seen;
use crate::domain::time::{Timestamp, since};

/// The oldest version that is supported.
const OLDEST: (u32, u32) = (1, 33);

/// The largest difference of two clocks that means nothing.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(30);

/// What an API server says of itself.
#[derive(Clone, Debug)]
pub struct ApiServerView {
    /// Its address.
    pub server: String,
    /// Major and minor version, as `/version` has them: some distributions put a `+` behind a number.
    pub version: Seen<(String, String)>,
    /// Its clock, if it says so.
    pub its_time: Option<Timestamp>,
    /// This machine's clock at that moment.
    pub own_time: Timestamp,
}

impl ApiServerView {
    /// The time by the clock that counts in the cluster.
    pub fn now(&self) -> Timestamp {
        self.its_time.unwrap_or(self.own_time)
    }
}

/// Why nothing can be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAccess {
    /// The API server does not answer.
    Unreachable(String),
    /// It refuses every request of this user.
    Refused(String),
}

pub(crate) fn without_access(server: &str, obstacle: &NoAccess) -> Check {
    let fail = |message: String| Check::fail(Category::ApiServer, Page::Connection, message);
    match obstacle {
        NoAccess::Unreachable(why) => fail(format!("the API server at {server} does not answer: {why}")).hint(
            "check the kubeconfig's context (kubectl config current-context), the network, and the proxy variables",
        ),
        NoAccess::Refused(why) => fail(format!(
            "the API server at {server} refuses the requests of this user: {why}"
        ))
        .hint("check the user of the kubeconfig's context (kubectl auth whoami); --as needs the right to impersonate"),
    }
}

pub(crate) fn check(seen: &ApiServerView) -> Vec<Check> {
    version(seen).into_iter().chain(clock(seen)).collect()
}

fn version(seen: &ApiServerView) -> Option<Check> {
    let category = Category::ApiServer;
    let Seen::Read((major, minor)) = &seen.version else {
        return Check::unread(category, Page::Install, "version", &seen.version);
    };
    let server = &seen.server;
    let number = |text: &str| text.trim_end_matches('+').parse::<u32>().ok();
    Some(match (number(major), number(minor)) {
        (Some(major), Some(minor)) if (major, minor) >= OLDEST => Check::ok(
            category,
            Page::Install,
            format!("Kubernetes {major}.{minor} answers at {server}"),
        ),
        _ => {
            let (oldest_major, oldest_minor) = OLDEST;
            Check::warn(
                category,
                Page::Install,
                format!(
                    "Kubernetes {major}.{minor} answers at {server}; {oldest_major}.{oldest_minor} or newer is supported"
                ),
            )
            .hint("upgrade the cluster; what works on older versions is not tested")
        }
    })
}

fn clock(seen: &ApiServerView) -> Option<Check> {
    let (its, own) = (seen.its_time?, seen.own_time);
    // One of the two is zero.
    let (ahead, behind) = (since(its, own), since(own, its));
    let tolerance = CLOCK_TOLERANCE.as_secs();
    if ahead.max(behind) <= CLOCK_TOLERANCE {
        let message = format!("this machine's clock and the API server's differ by at most {tolerance} s");
        return Some(Check::ok(Category::ApiServer, Page::Doctor, message));
    }
    let side = if ahead > behind { "ahead of" } else { "behind" };
    let message = format!(
        "this machine's clock is {} s {side} the API server's",
        ahead.max(behind).as_secs()
    );
    let hint = "synchronize the clocks (NTP): certificates and tokens are valid by the clock, and so are the times in statuses";
    Some(Check::warn(Category::ApiServer, Page::Doctor, message).hint(hint))
}
