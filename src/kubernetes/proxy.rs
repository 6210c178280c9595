//! The proxy for connections to the API server.

use axum::http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use crate::domain::proxy::with_scheme;

/// The proxy for `server`, if there is one: that of its cluster in the kubeconfig whatever `NO_PROXY` says, as for kubectl, or else that of
/// the environment, as for registries. The client compares `NO_PROXY` with the proxy instead of the server, and looks for
/// `HTTPS_PROXY` only.
pub(super) fn proxy(of_cluster: Option<String>, server: &Uri) -> Result<Option<Uri>, String> {
    let proxy = of_cluster.filter(|proxy| !proxy.is_empty());
    let proxy = proxy.or_else(|| of_environment(server));
    let proxy = proxy.map(|proxy| with_scheme(&proxy).parse().map_err(|_| INVALID_PROXY.to_owned()));
    proxy.transpose()
}

/// A proxy that cannot be used. Its address may hold a password.
pub(super) const INVALID_PROXY: &str = "the proxy of the environment or the kubeconfig is not a valid URL";

fn of_environment(server: &Uri) -> Option<String> {
    let first = |names: &[&str]| {
        let values = names.iter().filter_map(|name| std::env::var(name).ok());
        values.into_iter().find(|value| !value.is_empty())
    };
    let proxy = match server.scheme_str() {
        Some("http") => first(&["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]),
        _ => first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
    };
    let exceptions = first(&["NO_PROXY", "no_proxy"]).unwrap_or_default();
    // For addresses as well, as in curl and kubectl; the matcher takes it for names only.
    if exceptions.split(',').any(|exception| exception.trim() == "*") {
        return None;
    }
    // Only whether there is an exception is of interest here.
    let matcher = Matcher::builder().all("http://proxy").no(exceptions).build();
    proxy.filter(|_| matcher.intercept(server).is_some())
}
