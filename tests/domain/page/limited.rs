//! What is listed for who may not list everything, and what is said while it cannot be.

use crate::page::api_server::{ALL, ApiServer, SHARED};
use crate::support::page::ServedPage;

/// The list, loaded again.
fn list(page: &ServedPage, query: &str) -> String {
    page.read(&format!("{}{query}", page.list))
}

/// Waits until the list says something by itself: requests of scripts ask for nothing again.
fn until(page: &ServedPage, words: &str) -> String {
    let begin = std::time::Instant::now();
    loop {
        let headers = [("Cookie", page.cookie.as_str()), ("X-Dps-Live", "true")];
        let body = page.send("GET", &page.list, &headers, "").body;
        if body.contains(words) {
            return body;
        }
        assert!(begin.elapsed() < std::time::Duration::from_mins(1), "{body}");
        std::thread::yield_now();
    }
}

#[test]
fn right_that_is_given_later_counts_when_the_page_is_opened_again() {
    let server = ApiServer::with(&["team/own", "other/foreign"]);
    server.refuse(&format!("GET {ALL}?"), 403);
    server.refuse(&format!("GET {SHARED}?"), 403);
    let page = server.page(&[]);
    let shown = list(&page, "");
    assert!(shown.contains("those of namespace team are shown"), "{shown}");
    assert!(shown.contains("listing ClusterDockerPullSecrets: "), "{shown}");
    assert!(shown.contains(">own</a>") && !shown.contains(">foreign</a>"), "{shown}");
    server.allow();
    let shown = list(&page, "");
    assert!(shown.contains(">own</a>") && shown.contains(">foreign</a>"), "{shown}");
    assert!(!shown.contains("notice warn\">"), "{shown}");
    // And it is not asked for any more.
    let asked = server.lists(ALL);
    list(&page, "");
    assert_eq!(server.lists(ALL), asked);
}

#[test]
fn another_failure_is_no_missing_right_and_is_tried_again() {
    let server = ApiServer::with(&["team/own", "other/foreign"]);
    server.refuse(&format!("GET {ALL}?"), 500);
    let page = server.page(&[]);
    let shown = list(&page, "");
    assert!(
        shown.contains("listing DockerPullSecrets: ") && shown.contains("the database is being repaired"),
        "{shown}"
    );
    assert!(
        !shown.contains("You may not list") && !shown.contains("There is no pull secret yet"),
        "{shown}"
    );
    assert_eq!(server.count("/namespaces/team/dockerpullsecrets?"), 0);
    server.allow();
    let shown = until(&page, ">foreign</a>");
    assert!(!shown.contains("being repaired"), "{shown}");
}

#[test]
fn kind_that_is_installed_later_is_listed_when_the_page_is_opened_again() {
    let server = ApiServer::with(&["team/own"]);
    server.refuse("/apis/pullsecrets.dev/", 404);
    let page = server.page(&[]);
    let shown = list(&page, "");
    assert!(
        shown.contains("listing DockerPullSecrets: ") && !shown.contains("You may not"),
        "{shown}"
    );
    server.allow();
    let shown = list(&page, "");
    assert!(shown.contains(">own</a>"), "{shown}");
}

#[test]
fn who_may_not_list_all_namespaces_names_one() {
    let server = ApiServer::with(&["other/foreign", "third/far"]);
    server.refuse(&format!("GET {ALL}?"), 403);
    server.refuse("/namespaces/third/dockerpullsecrets?", 403);
    let page = server.page(&[]);
    let shown = list(&page, "");
    assert!(shown.contains("There is no pull secret yet"), "{shown}");
    assert!(shown.contains("<input name=\"namespace\""), "{shown}");
    let shown = list(&page, "?namespace=other");
    assert!(shown.contains(">foreign</a>"), "{shown}");
    assert!(shown.contains("those of namespaces other, team are shown"), "{shown}");
    let shown = list(&page, "");
    assert!(shown.contains(">foreign</a>"), "it stays: {shown}");
    let shown = list(&page, "?namespace=third");
    assert!(
        shown.contains("You may not list the DockerPullSecrets of namespace third: ") && !shown.contains(">far</a>"),
        "{shown}"
    );
    // What is no name gets into no request.
    list(&page, "?namespace=a%2F..%2F..%2Fsecrets");
    assert_eq!(server.count("secrets/dockerpullsecrets") + server.count("/../"), 0);
    server.allow();
    let shown = list(&page, "");
    assert!(
        shown.contains(">far</a>") && shown.contains("<select name=\"namespace\""),
        "{shown}"
    );
}
