//! Which requests are answered.

use dps::page::guard::GuardRefusal::{self, Form, Host, Method, Session, Site};
use dps::page::guard::{GuardedSession, PageRequest};

fn session() -> GuardedSession {
    GuardedSession {
        port: 4711,
        cookie: "secret".to_owned(),
        form_token: "token".to_owned(),
    }
}

fn get() -> PageRequest<'static> {
    PageRequest {
        method: "GET",
        hosts: vec!["localhost:4711"],
        cookies: vec!["dps-session=secret"],
        ..PageRequest::default()
    }
}

fn post() -> PageRequest<'static> {
    PageRequest {
        method: "POST",
        origins: vec!["http://localhost:4711"],
        fetch_site: Some("same-origin"),
        ..get()
    }
}

/// What is different about a request.
type Change = fn(&mut PageRequest<'static>);

fn check(mut request: PageRequest<'static>, change: Change) -> Result<(), GuardRefusal> {
    change(&mut request);
    session().check(&request)
}

#[test]
fn request_of_the_person_is_answered() {
    let table: [(&str, Change); 8] = [
        ("a page", |_| {}),
        ("IPv4", |one| one.hosts = vec!["127.0.0.1:4711"]),
        ("IPv6", |one| one.hosts = vec!["[::1]:4711"]),
        ("host twice, the same", |one| {
            one.hosts = vec!["[::1]:4711", "[::1]:4711"];
        }),
        ("typed into the browser", |one| one.fetch_site = Some("none")),
        ("link of the page", |one| one.fetch_site = Some("same-origin")),
        ("other cookies", |one| {
            one.cookies = vec!["a=b; dps-session=secret; c=d"];
        }),
        // Another server of this machine can set one.
        ("foreign cookie of this name", |one| {
            one.cookies = vec!["dps-session=x; dps-session=secret"];
        }),
    ];
    for (what, change) in table {
        assert_eq!(check(get(), change), Ok(()), "{what}");
    }
    assert_eq!(check(post(), |_| {}), Ok(()));
}

#[test]
fn request_for_another_host_or_of_another_site_or_session_is_refused() {
    let table: [(&str, Change, GuardRefusal); 15] = [
        ("rebound name", |one| one.hosts = vec!["evil.example.com:4711"], Host),
        ("alike", |one| one.hosts = vec!["localhost.evil.example.com:4711"], Host),
        ("upper case", |one| one.hosts = vec!["LOCALHOST:4711"], Host),
        ("other port", |one| one.hosts = vec!["localhost:80"], Host),
        ("no port", |one| one.hosts = vec!["localhost"], Host),
        ("no host", |one| one.hosts = vec![], Host),
        ("two hosts", |one| one.hosts = vec!["localhost:4711", "evil.test"], Host),
        ("loopback alike", |one| one.hosts = vec!["127.0.0.2:4711"], Host),
        ("other method", |one| one.method = "DELETE", Method),
        ("preflight", |one| one.method = "OPTIONS", Method),
        ("other site", |one| one.fetch_site = Some("cross-site"), Site),
        (
            "other port of this host",
            |one| one.fetch_site = Some("same-site"),
            Site,
        ),
        ("no cookie", |one| one.cookies = vec![], Session),
        ("wrong cookie", |one| one.cookies = vec!["dps-session=secre"], Session),
        ("empty cookie", |one| one.cookies = vec!["dps-session="], Session),
    ];
    for (what, change, expected) in table {
        assert_eq!(check(get(), change), Err(expected), "{what}");
    }
}

#[test]
fn form_of_another_origin_is_refused() {
    let table: [(&str, Change); 5] = [
        ("none", |one| one.origins = vec![]),
        ("another", |one| one.origins = vec!["http://evil.example.com"]),
        ("another port", |one| one.origins = vec!["http://localhost:80"]),
        ("a sandbox", |one| one.origins = vec!["null"]),
        ("another name of this host", |one| {
            one.origins = vec!["http://127.0.0.1:4711"];
        }),
    ];
    for (what, change) in table {
        assert_eq!(check(post(), change), Err(Site), "{what}");
    }
}

#[test]
fn session_begins_by_a_navigation_only() {
    let start = |fetch_mode, hosts, method| {
        let request = PageRequest {
            method,
            hosts,
            fetch_mode,
            ..PageRequest::default()
        };
        session().check_start(&request)
    };
    // A file that leads here is another site.
    assert_eq!(start(Some("navigate"), vec!["127.0.0.1:4711"], "GET"), Ok(()));
    assert_eq!(start(None, vec!["127.0.0.1:4711"], "GET"), Ok(()));
    assert_eq!(start(Some("no-cors"), vec!["127.0.0.1:4711"], "GET"), Err(Site));
    assert_eq!(start(None, vec!["evil.example.com:4711"], "GET"), Err(Host));
    assert_eq!(start(None, vec!["127.0.0.1:4711"], "POST"), Err(Method));
}

#[test]
fn form_needs_the_token_of_the_session() {
    assert_eq!(session().check_form("token"), Ok(()));
    for wrong in ["", "toke", "tokens", "secret"] {
        assert_eq!(session().check_form(wrong), Err(Form), "{wrong}");
    }
}
