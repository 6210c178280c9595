//! Requests that mean harm, sent to the real server.

use std::path::Path;

use crate::support::page::ServedPage;

const NOWHERE: &str = "/nonexistent/kubeconfig";

fn open() -> ServedPage {
    ServedPage::open(Path::new(NOWHERE), &[])
}

#[test]
fn start_token_works_once() {
    let page = ServedPage::serve(Path::new(NOWHERE), &[]);
    let wrong = page.get("/start?token=wrong");
    assert_eq!((wrong.code, wrong.header("set-cookie")), (403, ""));
    assert_eq!(page.get("/start").code, 403);
    let first = page.get(&page.start);
    assert_eq!(first.code, 200);
    let cookie = first.header("set-cookie").to_owned();
    assert!(
        cookie.ends_with("; HttpOnly; SameSite=Strict") && cookie.contains("; Path=/"),
        "{cookie}"
    );
    let second = page.get(&page.start);
    assert_eq!((second.code, second.header("set-cookie")), (403, ""));
    let token = page.start.split_once('=').unwrap().1;
    assert!(!first.body.contains(token) && !second.body.contains(token));
}

/// What it is, method, path, headers, and the code of the answer.
type Attack<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], u16);

#[test]
fn foreign_requests_are_refused_and_told_nothing() {
    let page = open();
    let here = format!("127.0.0.1:{}", page.port);
    let (cookie, origin) = (page.cookie.as_str(), format!("http://{here}"));
    let foreign = format!("evil.example.com:{}", page.port);
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let create = format!("{}/create", page.list);
    let table: [Attack<'_>; 12] = [
        (
            "foreign host",
            "GET",
            &page.list,
            &[("Host", &foreign), ("Cookie", cookie)],
            421,
        ),
        (
            "foreign host at the start",
            "GET",
            "/start?token=x",
            &[("Host", &foreign)],
            421,
        ),
        ("no cookie", "GET", &page.list, &[], 403),
        (
            "no cookie for a file",
            "GET",
            &format!("{}/assets/style.css", scope(&page)),
            &[],
            403,
        ),
        ("outside of the session", "GET", "/", &[("Cookie", cookie)], 403),
        ("other scope", "GET", "/abc/at/-", &[("Cookie", cookie)], 403),
        (
            "framed by another site",
            "GET",
            &page.list,
            &[("Cookie", cookie), ("Sec-Fetch-Site", "cross-site")],
            403,
        ),
        (
            "fetched from another port",
            "GET",
            &page.list,
            &[("Cookie", cookie), ("Sec-Fetch-Site", "same-site")],
            403,
        ),
        (
            "cross-site form",
            "POST",
            &create,
            &[("Cookie", cookie), ("Origin", "http://evil.example.com"), form],
            403,
        ),
        ("form without origin", "POST", &create, &[("Cookie", cookie), form], 403),
        (
            "form without token",
            "POST",
            &create,
            &[("Cookie", cookie), ("Origin", &origin), form],
            403,
        ),
        (
            "other method",
            "PUT",
            &create,
            &[("Cookie", cookie), ("Origin", &origin), form],
            405,
        ),
    ];
    for (what, method, path, headers, expected) in table {
        let answer = page.send(method, path, headers, "name=app");
        assert_eq!(answer.code, expected, "{what}: {}", answer.body);
        for secret in [page.cookie.split_once('=').unwrap().1, &page.start[1..]] {
            assert!(!answer.body.contains(secret) && !answer.head.contains(secret), "{what}");
        }
        assert!(
            !answer.head.to_lowercase().contains("access-control-allow"),
            "{what}: {}",
            answer.head
        );
    }
}

fn scope(page: &ServedPage) -> String {
    let scope = page.list[1..].split('/').next().unwrap();
    format!("/{scope}")
}

#[test]
fn every_answer_is_protected() {
    let page = open();
    let style = format!("{}/assets/style.css", scope(&page));
    let missing = format!("{}/nothing", page.list);
    for path in [page.list.as_str(), &style, &missing, "/", "/start"] {
        let answer = page.get(path);
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{path}: {policy}"
        );
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"),
            "{path}: {policy}"
        );
        for (header, value) in [
            ("x-frame-options", "DENY"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(header), value, "{path}");
        }
    }
}

#[test]
fn tricks_with_paths_lead_nowhere() {
    let page = open();
    let scope = scope(&page);
    let list = &page.list;
    for path in [
        format!("{scope}/assets/../../start"),
        format!("{scope}/assets/%2e%2e%2f%2e%2e%2fCargo.toml"),
        format!("{scope}/assets/..%5c..%5cCargo.toml"),
        format!("{list}/namespaces/..%2f..%2fsecrets/x"),
        format!("{list}/namespaces/team/app%3fwatch=true"),
        format!("{list}/namespaces/team/app%00"),
        format!("{list}/shared/%252e%252e"),
        format!("{scope}/at/nowhere"),
        format!("{scope}/at/%2e%2e"),
        format!("//{}", page.port),
    ] {
        let answer = page.get(&path);
        assert!(matches!(answer.code, 400 | 403 | 404 | 502), "{path}: {}", answer.code);
        assert!(!answer.body.contains("[package]"), "{path}");
    }
    for request in [
        "GET http://evil.example.com/ HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n",
        "GET / HTTP/9.9\r\n",
    ] {
        let answer = page.send_bytes(format!("{request}\r\n\r\n").as_bytes());
        assert!(matches!(answer.code, 0 | 400 | 421), "{request}: {}", answer.code);
    }
}

#[test]
fn without_a_cluster_every_page_says_so() {
    let page = open();
    for path in [
        "",
        "/create",
        "/import",
        "/explain",
        "/doctor",
        "/namespaces/team/app",
        "/shared/app",
    ] {
        let answer = page.get(&format!("{}{path}", page.list));
        assert_eq!(answer.code, 502, "{path}: {}", answer.body);
        assert!(
            answer
                .body
                .contains("cannot read the kubeconfig /nonexistent/kubeconfig"),
            "{path}: {}",
            answer.body
        );
    }
}
