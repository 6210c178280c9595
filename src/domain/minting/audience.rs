//! For whom a token of a ServiceAccount may be.

use crate::api::Reason;
use crate::domain::problem::Problem;

/// Audiences of API servers: a token for one of them is a login to a cluster.
const API_SERVERS: [&str; 4] = [
    "https://kubernetes.default.svc",
    "https://kubernetes.default.svc.cluster.local",
    "kubernetes.default.svc",
    "kubernetes",
];

/// Checks an audience that is named at `place`. `malformed`: the reason if it is none at all.
pub(super) fn check_audience(audience: &str, place: &str, malformed: Reason) -> Result<(), Problem> {
    if audience.is_empty() || !audience.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Problem::new(
            malformed,
            format!("the audience in {place} must be printable ASCII without spaces"),
        ));
    }
    if API_SERVERS.contains(&audience.trim_end_matches('/')) {
        return Err(Problem::new(
            Reason::AudienceRefused,
            format!(
                "the audience {audience:?} in {place} is that of an API server: a token for it would be a login to this cluster; name the audience that the cloud expects"
            ),
        ));
    }
    Ok(())
}

/// Any host may be a Quay, so whoever names it must not get a token that a cloud takes.
pub(super) fn check_audience_of_anybody(audience: &str) -> Result<(), Problem> {
    let is_of_cloud = audience == "sts.amazonaws.com"
        || audience.starts_with("api://")
        || audience.contains("//iam.googleapis.com/")
        || audience.ends_with(".svc.id.goog");
    if !is_of_cloud {
        return Ok(());
    }
    Err(Problem::new(
        Reason::AudienceRefused,
        format!(
            "the audience {audience:?} in spec.credentialsFrom.quay is that of a cloud: a token for it would be a login there for the registry; leave it out, or name the one that the registry expects"
        ),
    ))
}
