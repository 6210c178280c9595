//! Asks the API server what the person may do.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;
use kube::core::ApiResource;

use crate::cli::cluster::Cluster;
use crate::page::rights::PageRight;

/// Whether the person may do something. Where that cannot be found out, the API server says so when it is tried.
pub(super) async fn right(
    cluster: &Cluster,
    verb: &str,
    resource: &ApiResource,
    namespace: Option<&str>,
    name: Option<&str>,
) -> PageRight {
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some(verb.to_owned()),
                group: Some(resource.group.clone()),
                resource: Some(resource.plural.clone()),
                namespace: namespace.map(str::to_owned),
                name: name.map(str::to_owned),
                ..ResourceAttributes::default()
            }),
            non_resource_attributes: None,
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    match cluster.call(reviews.create(&PostParams::default(), &review)).await {
        Ok(answer) if answer.status.as_ref().is_some_and(|status| !status.allowed) => {
            let place = namespace
                .map(|namespace| format!(" in namespace {namespace}"))
                .unwrap_or_default();
            let why = answer
                .status
                .and_then(|status| status.reason)
                .filter(|why| !why.is_empty());
            let why = why.map(|why| format!(" ({why})")).unwrap_or_default();
            PageRight::Denied(format!("you may not {verb} {}{place}{why}", resource.plural))
        }
        _ => PageRight::Allowed,
    }
}
