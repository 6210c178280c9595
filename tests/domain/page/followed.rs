//! Which lists are followed, and what is said of them.

use dps::page::followed::FollowedList::{AllNamespaces, Namespace, Shared};
use dps::page::followed::FollowedLists;
use dps::page::followed::ListStanding::{Failed, Followed, Forbidden, Reading, Unknown};

#[test]
fn refusal_of_all_namespaces_leaves_those_that_are_named() {
    let mut lists = FollowedLists::default();
    assert!(lists.is_reading() && !lists.is_asking() && !lists.is_known() && !lists.is_limited());
    assert!(lists.set(&Shared, Forbidden("no".to_owned())));
    assert!(lists.set(&AllNamespaces, Forbidden("no".to_owned())));
    assert!(lists.add("team") && !lists.add("team"));
    assert!(lists.is_limited() && lists.is_reading() && !lists.is_known());
    lists.set(&Namespace("team".to_owned()), Forbidden("never".to_owned()));
    let said = lists.obstacles().join("\n");
    assert!(
        said.contains("none are shown") && said.contains("namespace team: never"),
        "{said}"
    );
    assert!(!lists.is_known() && !lists.is_reading());
    lists.set(&Namespace("team".to_owned()), Followed);
    assert!(lists.is_known());

    assert!(lists.ask_again() && lists.is_asking());
    // What is known meanwhile stays, and the same answer again is awaited all the same.
    assert!(lists.is_limited() && lists.is_known() && !lists.is_reading());
    assert!(lists.set(&Shared, Forbidden("no".to_owned())) && !lists.set(&Shared, Forbidden("no".to_owned())));
    assert!(lists.set(&AllNamespaces, Reading) && lists.is_reading() && !lists.is_asking());
    assert!(lists.set(&AllNamespaces, Followed));
    assert!(!lists.has(&Namespace("team".to_owned())) && !lists.is_limited());
    lists.set(&Shared, Unknown("what".to_owned()));
    assert_eq!(lists.obstacles(), ["what"]);
    assert!(lists.is_known());
    lists.set(&AllNamespaces, Failed("broken".to_owned()));
    assert!(!lists.is_known() && !lists.is_limited(), "{:?}", lists.obstacles());
    assert!(!lists.set(&Namespace("gone".to_owned()), Reading), "nobody follows it");
}
