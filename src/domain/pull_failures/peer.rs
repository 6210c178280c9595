//! The host that a report speaks of, when that is not the registry of the image.
//!
//! Container runtimes ask mirrors and proxies that only the node knows; registries send them on to token servers and to
//! the storage that holds the layers. What such a host answers is no judgment of the pod's pull secrets.

use crate::domain::registry::dialect::{Dialect, is_docker_hub_host};
use crate::domain::registry::image::Image;

mod proxy;
pub(crate) use proxy::refuses as proxy_refuses;

/// What a host that is not the image's registry has to do with the pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// The node asks it instead of the registry.
    Mirror,
    /// The image names no registry, and the node's configuration chose this one (containers/image only).
    ShortNameRegistry,
    /// The node connects through it.
    Proxy,
    /// The registry has it judge credentials.
    TokenServer,
    /// The registry keeps layers there.
    Storage,
}

/// A host that is not the image's registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// What it is.
    pub role: Role,
    /// `host[:port]`, if the report names it.
    pub host: Option<String>,
}

/// Registries that serve manifests by redirecting to other hosts, and never ask for credentials.
const REDIRECTING: [&str; 2] = ["registry.k8s.io", "k8s.gcr.io"];

/// Hosts that store layers for registries, by the end of their names.
const STORAGE: [&str; 8] = [
    ".cloudfront.net",
    ".amazonaws.com",
    ".blob.core.windows.net",
    ".googleapis.com",
    ".cloudflarestorage.com",
    ".cloudflare.docker.com",
    ".githubusercontent.com",
    ".aliyuncs.com",
];

/// What a report says when the manifest was read and a layer or the image's configuration could not be.
const PAST_THE_MANIFEST: [&str; 7] = [
    "parsing image configuration",
    "httpreadseeker",
    "error pulling image configuration",
    "reading blob",
    "writing blob",
    "fetching blob",
    "download failed after attempts",
];

/// How storage refuses.
const REFUSED: [&str; 3] = ["403", "forbidden", "access denied"];

/// The host that one attempt's report speaks of; `None`: the image's registry, as far as is known.
pub(crate) fn peer(report: &str, image: &str) -> Option<Peer> {
    let registry = Image::parse(image).unwrap_or_else(|_| Image::meant(image));
    let written = report;
    let report = report.to_lowercase();
    proxy::peer(written).or_else(|| match Request::of(&report) {
        Some(request) => asked(&request, &report, &registry),
        None => named(&report, &registry, is_short(image)),
    })
}

/// Whether an image names no registry.
fn is_short(image: &str) -> bool {
    !image
        .split_once('/')
        .is_some_and(|(host, _)| host.contains(['.', ':']) || host == "localhost")
}

/// Whether a registry never asks for credentials, so that none can help.
pub(crate) fn takes_no_credentials(image: &str) -> bool {
    Image::parse(image).is_ok_and(|image| REDIRECTING.contains(&image.host()))
}

/// Whether a registry itself never answers with a web page, so that one comes from a gateway in front of it.
pub(crate) fn answers_in_json(image: &str) -> bool {
    Image::parse(image).is_ok_and(|image| image.is_docker_hub() || is_google(image.host()))
}

/// Whether a registry is one of Google's.
pub(crate) fn is_google(host: &str) -> bool {
    Dialect::of(host) == Dialect::Google
}

/// A request whose URL stands in a report.
struct Request<'a> {
    host: &'a str,
    path: &'a str,
    query: &'a str,
}

impl<'a> Request<'a> {
    /// The last request of a report. Other URLs, such as those of help pages, are not preceded by a method.
    fn of(report: &'a str) -> Option<Self> {
        let words: Vec<&str> = report.split_whitespace().collect();
        let asks = |index: usize| {
            let word = |back: usize| index.checked_sub(back).map_or("", |index| words[index]);
            match word(1).trim_matches(|c: char| !c.is_ascii_alphanumeric()) {
                "get" | "head" | "post" => true,
                "to" => word(2) == "request",
                "code" => word(2) == "status",
                "at" => word(2) == "content",
                _ => false,
            }
        };
        let mut indexes = (0..words.len()).rev().filter(|index| asks(*index));
        indexes.find_map(|index| Self::parse(words[index]))
    }

    fn parse(word: &'a str) -> Option<Self> {
        let (_, rest) = word.split_once("://")?;
        let rest = rest.trim_end_matches(['"', ':', ',', ']', ')', '.']);
        let end = rest.find(['/', '?', '"']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let host = authority.rsplit('@').next().filter(|host| is_host_text(host))?;
        Some(Self { host, path, query })
    }

    fn wants_token(&self) -> bool {
        self.path.ends_with("/token") || self.path.contains("/jwt/auth") || self.path.contains("/oauth2/")
    }

    /// Whether a token was requested for another repository than the image's.
    fn scope_is_of_another(&self, image: &Image) -> bool {
        let path = image.repository.split_once('/').map_or("", |(_, path)| path);
        let decoded = self.query.replace("%3a", ":").replace("%2f", "/");
        let mut scopes = decoded
            .split('&')
            .filter_map(|field| field.strip_prefix("scope=repository:"))
            .filter_map(|scope| scope.split(':').next())
            .peekable();
        scopes.peek().is_some() && scopes.all(|repository| repository != path)
    }
}

/// Whether a text can be `host[:port]`: whatever else a report has in its place is not repeated.
fn is_host_text(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    !text.is_empty() && text.len() <= 260 && text.chars().all(allowed)
}

/// The host at the beginning of a text.
fn host_at(text: &str) -> Option<String> {
    let word = text.split_whitespace().next()?;
    let word = word.split('/').next()?.trim_end_matches([':', ',', ']', '"']);
    let host = word.rsplit('@').next()?;
    is_host_text(host).then(|| host.to_owned())
}

/// From the URL of the request that failed.
fn asked(request: &Request<'_>, report: &str, image: &Image) -> Option<Peer> {
    let host = Some(request.host.to_owned());
    let is_registry = is_host_of(request.host, image);
    if request.wants_token() || report.contains(" token: ") {
        let role = match is_foreign_token_server(request, image) {
            true => Role::Mirror,
            false if is_registry => return None,
            false => Role::TokenServer,
        };
        return Some(Peer { role, host });
    }
    let is_layer = request.path.contains("/blobs/") || PAST_THE_MANIFEST.iter().any(|words| report.contains(words));
    if is_registry {
        // The registry refers to its storage only whoever may read the image; older runtimes name the first URL.
        let refused = is_layer && request.path.contains("/blobs/") && report.contains("403 forbidden");
        let role = Role::Storage;
        return refused.then_some(Peer { role, host: None });
    }
    let is_known = STORAGE.iter().any(|end| request.host.ends_with(end));
    let is_api = request.path.starts_with("/v2/");
    // containerd sends its mirrors `ns`, so a host that was asked for a layer without it was named by the registry.
    let stores = if is_layer {
        is_known || !is_api || report.contains("httpreadseeker")
    } else {
        is_known && !is_api
    };
    let is_storage = stores || REDIRECTING.contains(&image.host());
    // containerd tells mirrors for which registry it asks (`core/remotes/docker/resolver.go`).
    let asked_for = request.query.split('&').find_map(|field| field.strip_prefix("ns="));
    let asked_for = asked_for.map(|registry| registry.replace("%3a", ":"));
    let role = match asked_for {
        Some(asked_for) if !is_host_of(&asked_for, image) => return None,
        None if is_storage => Role::Storage,
        Some(_) | None => Role::Mirror,
    };
    Some(Peer { role, host })
}

/// Without the URL of a request.
fn named(report: &str, image: &Image, is_short: bool) -> Option<Peer> {
    // containers/image: `docker_client.go` and `docker_image_src.go`; containerd before 1.7: `remotes/docker/resolver.go`.
    let reading = report
        .split_once("reading manifest ")
        .and_then(|(_, rest)| Some(rest.split_once(" in ")?.1));
    let others = ["pinging container registry ", "pulling from host "]
        .iter()
        .find_map(|words| Some(report.split_once(words)?.1));
    let host = reading.or(others).and_then(host_at);
    // CRI-O first tells which of several registries it has chosen.
    let source = || {
        let (_, rest) = report.split_once("initializing source docker://")?;
        host_at(rest).filter(|host| !is_host_of(host, image))
    };
    let host = host.or_else(source);
    if let Some(host) = host.filter(|host| host.contains(['.', ':'])) {
        let host = (!is_host_of(&host, image)).then_some(host)?;
        let role = if is_short {
            Role::ShortNameRegistry
        } else {
            Role::Mirror
        };
        return Some(Peer { role, host: Some(host) });
    }
    let is_layer = PAST_THE_MANIFEST.iter().any(|words| report.contains(words));
    if report.contains("<?xml") || (is_layer && REFUSED.iter().any(|words| report.contains(words))) {
        return Some(Peer {
            role: Role::Storage,
            host: None,
        });
    }
    // Docker Hub asks for tokens, never for basic authentication.
    (image.is_docker_hub() && report.contains("no basic auth credentials")).then_some(Peer {
        role: Role::Mirror,
        host: None,
    })
}

fn is_host_of(host: &str, image: &Image) -> bool {
    let bare = |host: &str| host.trim_end_matches(":443").to_lowercase();
    bare(host) == bare(image.host()) || (image.is_docker_hub() && is_docker_hub_host(&bare(host)))
}

fn is_foreign_token_server(request: &Request<'_>, image: &Image) -> bool {
    let bare = |host| str::trim_end_matches(host, ":443");
    let registry = bare(image.host());
    let expected = Dialect::of(registry).token_server(registry);
    expected.is_some_and(|expected| expected != bare(request.host)) || request.scope_is_of_another(image)
}
