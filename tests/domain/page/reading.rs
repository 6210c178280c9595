//! The list is shown before all of it was read.

use crate::page::api_server::{ALL, ApiServer};
use crate::support::page::ServedPage;

/// More than the API server is asked for at once.
const MANY: usize = 300;

/// The list without waiting for the rest of it; it says that there is more.
fn partial(page: &ServedPage) -> String {
    let answer = page.get(&page.list);
    assert_eq!(answer.code, 200, "{}", answer.body);
    let is_partial = answer.body.contains("still being read") && answer.body.contains("http-equiv=\"refresh\"");
    assert!(
        is_partial && !answer.body.contains("There is no pull secret yet"),
        "{}",
        answer.body
    );
    answer.body
}

/// The same, when it has these words.
fn partial_with(page: &ServedPage, words: &str) -> String {
    let begin = std::time::Instant::now();
    loop {
        let body = partial(page);
        if body.contains(words) {
            return body;
        }
        assert!(begin.elapsed() < std::time::Duration::from_mins(1), "{body}");
    }
}

#[test]
fn first_page_comes_before_the_list_has_ended_and_is_complete_later() {
    let server = ApiServer::with(&[]);
    for number in 0..MANY {
        server.add("team", &format!("app-{number:03}"));
    }
    server.hold(&[&format!("GET {ALL}?")]);
    let page = server.page(&["--request-timeout", "5m"]);
    let shown = partial(&page);
    assert!(
        shown.contains("still being read. ") && !shown.contains(">app-"),
        "{shown}"
    );

    server.hold(&["continue="]);
    let shown = partial_with(&page, "still being read, 250 so far.");
    assert!(
        shown.contains(">app-000</a>") && shown.contains("250 of 250"),
        "{shown}"
    );

    server.hold(&[]);
    let shown = page.read(&page.list);
    assert!(shown.contains("300 of 300") && !shown.contains("being read"), "{shown}");
    assert!(shown.contains("<select name=\"namespace\""), "{shown}");
    let last = page.read(&format!("{}?page=2", page.list));
    assert!(last.contains(">app-299</a>"), "{last}");
}

#[test]
fn list_that_fails_in_the_middle_is_read_again_from_its_beginning() {
    let server = ApiServer::with(&["team/gone"]);
    for number in 0..MANY {
        server.add("team", &format!("kept-{number:03}"));
    }
    server.refuse("continue=", 500);
    let page = server.page(&[]);
    let shown = page.read(&page.list);
    assert!(shown.contains("the database is being repaired"), "{shown}");
    assert!(shown.contains("250 of 250") && shown.contains(">gone</a>"), "{shown}");

    server.remove("team", "gone");
    server.allow();
    let begin = std::time::Instant::now();
    let shown = loop {
        let shown = page.read(&page.list);
        if !shown.contains("being repaired") {
            break shown;
        }
        assert!(begin.elapsed() < std::time::Duration::from_mins(1), "{shown}");
        std::thread::yield_now();
    };
    assert!(shown.contains("300 of 300") && !shown.contains(">gone</a>"), "{shown}");
}
