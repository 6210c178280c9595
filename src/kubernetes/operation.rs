//! What a request asks of the API server, in the words of its permissions.

use axum::http::{Method, Uri};

/// What a request asks for. Names and namespaces are left out, so that there are few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiOperation {
    /// The verb.
    pub(crate) verb: &'static str,
    /// Plural, with the subresource, such as `dockerpullsecrets/status`. Empty where there is none, such as for `/version`.
    pub(crate) resource: String,
}

impl ApiOperation {
    /// By the rules of the API server (`staging/src/k8s.io/apiserver/pkg/endpoints/request/requestinfo.go`).
    pub(crate) fn of(method: &Method, uri: &Uri) -> Self {
        let segments: Vec<&str> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
        let path = match segments.as_slice() {
            ["api", _, path @ ..] | ["apis", _, _, path @ ..] => path,
            _ => &[],
        };
        let path = match path {
            // These are subresources of a namespace, and not resources in it.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] => path,
            ["namespaces", _, path @ ..] | path => path,
        };
        let (resource, is_collection) = match path {
            [] => (String::new(), false),
            [resource] => ((*resource).to_owned(), true),
            [resource, _] => ((*resource).to_owned(), false),
            [resource, _, subresource, ..] => (format!("{resource}/{subresource}"), false),
        };
        let verb = match *method {
            Method::GET | Method::HEAD if is_watch(uri) => "watch",
            Method::GET | Method::HEAD if is_collection => "list",
            Method::GET | Method::HEAD => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if is_collection => "deletecollection",
            Method::DELETE => "delete",
            _ => "other",
        };
        Self { verb, resource }
    }
}

fn is_watch(uri: &Uri) -> bool {
    let mut parameters = uri.query().unwrap_or_default().split('&');
    parameters.any(|parameter| matches!(parameter, "watch=true" | "watch=1"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails that way")]
mod tests {
    use super::{ApiOperation, Method};

    #[test]
    fn verb_and_resource_are_those_of_a_role() {
        for (method, uri, verb, resource) in [
            (Method::GET, "/version", "get", ""),
            (Method::GET, "/api/v1", "get", ""),
            (Method::GET, "/api/v1/secrets?limit=200", "list", "secrets"),
            (Method::GET, "/api/v1/secrets?limit=200&watch=true", "watch", "secrets"),
            (
                Method::GET,
                "/api/v1/namespaces/team/pods?watch=1&timeoutSeconds=290",
                "watch",
                "pods",
            ),
            (
                Method::GET,
                "/api/v1/namespaces/team/pods?labelSelector=watch%3Dtrue",
                "list",
                "pods",
            ),
            (Method::GET, "/api/v1/namespaces/team/secrets/app", "get", "secrets"),
            (
                Method::POST,
                "/apis/events.k8s.io/v1/namespaces/team/events",
                "create",
                "events",
            ),
            (
                Method::PUT,
                "/apis/coordination.k8s.io/v1/namespaces/ops/leases/dps?fieldManager=dps",
                "update",
                "leases",
            ),
            (
                Method::PATCH,
                "/apis/pullsecrets.dev/v1alpha1/namespaces/team/dockerpullsecrets/status/status?force=true",
                "patch",
                "dockerpullsecrets/status",
            ),
            (
                Method::DELETE,
                "/api/v1/namespaces/team/secrets/secrets",
                "delete",
                "secrets",
            ),
            (
                Method::DELETE,
                "/api/v1/namespaces/team/secrets",
                "deletecollection",
                "secrets",
            ),
            (Method::GET, "/api/v1/namespaces", "list", "namespaces"),
            (Method::GET, "/api/v1/namespaces/status", "get", "namespaces"),
            (
                Method::PUT,
                "/api/v1/namespaces/team/finalize",
                "update",
                "namespaces/finalize",
            ),
            (
                Method::OPTIONS,
                "/api/v1/nodes/a/proxy/some/path",
                "other",
                "nodes/proxy",
            ),
        ] {
            let found = ApiOperation::of(&method, &uri.parse().unwrap());
            let expected = ApiOperation {
                verb,
                resource: resource.to_owned(),
            };
            assert_eq!(found, expected, "{method} {uri}");
        }
    }
}
