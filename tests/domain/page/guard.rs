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

#[test]
fn request_is_answered_to_this_machine_with_the_session_only() {
    let table: [(&str, PageRequest<'_>, Result<(), GuardRefusal>); 29] = [
        ("a page", get(), Ok(())),
        (
            "IPv4",
            PageRequest {
                hosts: vec!["127.0.0.1:4711"],
                ..get()
            },
            Ok(()),
        ),
        (
            "IPv6",
            PageRequest {
                hosts: vec!["[::1]:4711"],
                ..get()
            },
            Ok(()),
        ),
        (
            "host twice, the same",
            PageRequest {
                hosts: vec!["[::1]:4711", "[::1]:4711"],
                ..get()
            },
            Ok(()),
        ),
        (
            "typed into the browser",
            PageRequest {
                fetch_site: Some("none"),
                ..get()
            },
            Ok(()),
        ),
        (
            "link of the page",
            PageRequest {
                fetch_site: Some("same-origin"),
                ..get()
            },
            Ok(()),
        ),
        (
            "other cookies",
            PageRequest {
                cookies: vec!["a=b; dps-session=secret; c=d"],
                ..get()
            },
            Ok(()),
        ),
        ("a form", post(), Ok(())),
        (
            "rebound name",
            PageRequest {
                hosts: vec!["evil.example.com:4711"],
                ..get()
            },
            Err(Host),
        ),
        (
            "name that begins alike",
            PageRequest {
                hosts: vec!["localhost.evil.example.com:4711"],
                ..get()
            },
            Err(Host),
        ),
        (
            "upper case",
            PageRequest {
                hosts: vec!["LOCALHOST:4711"],
                ..get()
            },
            Err(Host),
        ),
        (
            "other port",
            PageRequest {
                hosts: vec!["localhost:80"],
                ..get()
            },
            Err(Host),
        ),
        (
            "no port",
            PageRequest {
                hosts: vec!["localhost"],
                ..get()
            },
            Err(Host),
        ),
        ("no host", PageRequest { hosts: vec![], ..get() }, Err(Host)),
        (
            "two hosts",
            PageRequest {
                hosts: vec!["localhost:4711", "evil.example.com"],
                ..get()
            },
            Err(Host),
        ),
        (
            "other loopback address",
            PageRequest {
                hosts: vec!["127.0.0.2:4711"],
                ..get()
            },
            Err(Host),
        ),
        (
            "other method",
            PageRequest {
                method: "DELETE",
                ..get()
            },
            Err(Method),
        ),
        (
            "preflight",
            PageRequest {
                method: "OPTIONS",
                ..get()
            },
            Err(Method),
        ),
        (
            "other site",
            PageRequest {
                fetch_site: Some("cross-site"),
                ..get()
            },
            Err(Site),
        ),
        (
            "other port of this host",
            PageRequest {
                fetch_site: Some("same-site"),
                ..get()
            },
            Err(Site),
        ),
        (
            "no cookie",
            PageRequest {
                cookies: vec![],
                ..get()
            },
            Err(Session),
        ),
        (
            "wrong cookie",
            PageRequest {
                cookies: vec!["dps-session=secre"],
                ..get()
            },
            Err(Session),
        ),
        (
            "empty cookie",
            PageRequest {
                cookies: vec!["dps-session="],
                ..get()
            },
            Err(Session),
        ),
        (
            "cookie of another server of this machine",
            PageRequest {
                cookies: vec!["dps-session=secret; dps-session=x"],
                ..get()
            },
            Ok(()),
        ),
        (
            "form without origin",
            PageRequest {
                origins: vec![],
                ..post()
            },
            Err(Site),
        ),
        (
            "form of another origin",
            PageRequest {
                origins: vec!["http://evil.example.com"],
                ..post()
            },
            Err(Site),
        ),
        (
            "form of another port",
            PageRequest {
                origins: vec!["http://localhost:80"],
                ..post()
            },
            Err(Site),
        ),
        (
            "form of a sandbox",
            PageRequest {
                origins: vec!["null"],
                ..post()
            },
            Err(Site),
        ),
        (
            "form of another name of this host",
            PageRequest {
                origins: vec!["http://127.0.0.1:4711"],
                ..post()
            },
            Err(Site),
        ),
    ];
    for (what, request, expected) in table {
        assert_eq!(session().check(&request), expected, "{what}");
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
