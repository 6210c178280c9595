//! The list.

use std::sync::Arc;

use askama::Template as _;
use dps::api::{CLUSTER_DOCKER_PULL_SECRET, DOCKER_PULL_SECRET};
use dps::domain::listing::ListedResource;
use dps::domain::time::Timestamp;
use dps::page::address::PagePlace;
use dps::page::frame::PageFrame;
use dps::page::list::{ListFilter, ListPage, ListedNow};
use serde_json::json;

pub(crate) fn frame() -> PageFrame {
    PageFrame {
        place: PagePlace {
            scope: "scope".to_owned(),
            context: "arn:aws:eks:eu:1:cluster/prod".to_owned(),
        },
        contexts: vec!["arn:aws:eks:eu:1:cluster/prod".to_owned(), "<b>".to_owned()],
        server: "https://api.example.com".to_owned(),
        form_token: "token".to_owned(),
    }
}

fn resource(name: &str, ready: &str, failing: u32) -> ListedResource {
    let object = json!({
        "metadata": {"name": name, "namespace": "team", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"registryUrl": "registry.example.com"},
        "status": {"failingPods": failing, "conditions": [
            {"type": "Ready", "status": ready, "reason": if ready == "True" { "Ready" } else { "SecretNotFound" },
             "message": format!("message of {name}"), "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
    });
    ListedResource::of(DOCKER_PULL_SECRET, &object)
}

fn page(resources: Vec<ListedResource>, filter: ListFilter) -> ListPage {
    let listed = ListedNow {
        is_known: true,
        version: 3,
        ..listed(resources)
    };
    page_of(listed, filter)
}

fn listed(resources: Vec<ListedResource>) -> ListedNow {
    ListedNow {
        resources: resources.into_iter().map(Arc::new).collect(),
        ..ListedNow::default()
    }
}

fn page_of(listed: ListedNow, filter: ListFilter) -> ListPage {
    let now: Timestamp = "2026-01-01T01:00:00Z".parse().unwrap();
    ListPage::new(frame(), filter, listed, now)
}

fn names(page: &ListPage) -> Vec<&str> {
    page.rows.iter().map(|row| row.name.as_str()).collect()
}

#[test]
fn worst_come_first_and_are_counted_by_state() {
    let all = || {
        vec![
            resource("well", "True", 0),
            resource("pods", "True", 2),
            resource("broken", "False", 0),
        ]
    };
    let shown = page(all(), ListFilter::default());
    assert_eq!(names(&shown), ["broken", "pods", "well"]);
    let counts: Vec<_> = shown
        .counts
        .iter()
        .map(|count| (count.word.word, count.count))
        .collect();
    assert_eq!(
        counts,
        [("Not ready", 1), ("Pods fail", 1), ("Suspended", 0), ("Ready", 1)]
    );
    assert_eq!(shown.rows[1].message, "2 pods fail to pull");
    assert_eq!(shown.rows[0].age, "60m");

    let filter = |state: &str, reason: &str, search: &str| ListFilter {
        state: state.to_owned(),
        reason: reason.to_owned(),
        search: search.to_owned(),
        ..ListFilter::default()
    };
    assert_eq!(names(&page(all(), filter("warn", "", ""))), ["pods"]);
    assert_eq!(names(&page(all(), filter("", "Ready", ""))), ["pods", "well"]);
    assert_eq!(names(&page(all(), filter("", "", "OF WELL"))), ["well"]);
    let nothing = page(all(), filter("", "", "nothing"));
    assert_eq!((nothing.selected, nothing.total), (0, 3));
    assert!(nothing.render().unwrap().contains("Show all 3"));
}

#[test]
fn many_are_shown_page_by_page() {
    let all = || {
        (0..250)
            .map(|number| resource(&format!("r{number:03}"), "True", 0))
            .collect()
    };
    let first = page(all(), ListFilter::default());
    assert_eq!((first.rows.len(), first.previous.as_deref()), (100, None));
    let next = first.next.unwrap();
    assert_eq!(next, "/scope/at/arn%3Aaws%3Aeks%3Aeu%3A1%3Acluster%2Fprod?page=1");
    let last = page(
        all(),
        ListFilter {
            page: 2,
            ..ListFilter::default()
        },
    );
    assert_eq!((last.rows.len(), last.next.as_deref()), (50, None));
    let beyond = page(
        all(),
        ListFilter {
            page: usize::MAX,
            ..ListFilter::default()
        },
    );
    assert!(beyond.rows.is_empty());
}

#[test]
fn list_that_is_being_read_says_so_and_is_loaded_again() {
    const REFRESH: &str = "<noscript><meta http-equiv=\"refresh\" content=\"1\"></noscript>\n</head>";
    let html = |resources: Vec<ListedResource>, is_reading: bool, filter: ListFilter| {
        let listed = ListedNow {
            is_reading,
            is_known: !is_reading,
            ..listed(resources)
        };
        page_of(listed, filter).render().unwrap()
    };
    let some = || vec![resource("well", "True", 0), resource("broken", "False", 0)];
    let reading = html(some(), true, ListFilter::default());
    let sentence = "Pull secrets are still being read, 2 so far. The others appear by themselves.";
    assert!(reading.contains(sentence) && reading.contains(REFRESH), "{reading}");
    // The worst of what is known comes first; filters would not offer all yet.
    assert!(reading.find(">broken<") < reading.find(">well<"), "{reading}");
    assert!(!reading.contains("<form"), "{reading}");
    let search = ListFilter {
        search: "nothing".to_owned(),
        ..ListFilter::default()
    };
    let reading = html(some(), true, search);
    assert!(reading.contains("No pull secret matches so far."), "{reading}");
    let reading = html(Vec::new(), true, ListFilter::default());
    assert!(
        reading.contains("Pull secrets are still being read. The others") && reading.contains(REFRESH),
        "{reading}"
    );
    assert!(!reading.contains("There is no pull secret yet"), "{reading}");
    let read = html(some(), false, ListFilter::default());
    assert!(
        !read.contains("being read") && !read.contains("refresh") && read.contains("<form"),
        "{read}"
    );
}

#[test]
fn whatever_a_cluster_says_is_text() {
    let script = "<script>alert(1)</script>\u{202e}\"'onmouseover=alert(1) ";
    let object = json!({
        "metadata": {"name": script},
        "spec": {"registryUrl": script},
        "status": {"conditions": [{"type": "Ready", "status": "False", "reason": script, "message": script}]},
    });
    let resource = ListedResource::of(CLUSTER_DOCKER_PULL_SECRET, &object);
    let filter = ListFilter {
        search: "\"><script>".to_owned(),
        ..ListFilter::default()
    };
    for filter in [filter, ListFilter::default()] {
        let html = page(vec![resource.clone()], filter).render().unwrap();
        assert!(
            !html.contains("<script>") && !html.contains("\"'on") && !html.contains("<b>"),
            "{html}"
        );
    }
}

#[test]
fn without_resources_the_list_leads_to_the_form() {
    let html = page(Vec::new(), ListFilter::default()).render().unwrap();
    assert!(html.contains("There is no pull secret yet"), "{html}");
    assert!(html.contains("Create the first one"), "{html}");
}
