//! Addresses of the pages.

use dps::page::address::{PagePlace, context_of};

use crate::page::api_server::kubeconfig_with;
use crate::support::page::ServedPage;

#[test]
fn every_context_has_a_path_of_its_own() {
    let path = |context: &str| {
        let place = PagePlace {
            scope: "scope".to_owned(),
            context: context.to_owned(),
        };
        place.path(&[])
    };
    for (context, expected) in [
        ("", "/scope/at/-"),
        ("-", "/scope/at/~-"),
        (".", "/scope/at/~."),
        ("..", "/scope/at/~.."),
        ("~", "/scope/at/~~"),
        ("~.", "/scope/at/~~."),
        ("...", "/scope/at/..."),
        ("eu/prod", "/scope/at/eu%2Fprod"),
    ] {
        assert_eq!(path(context), expected, "{context:?}");
        let segment = expected.strip_prefix("/scope/at/").unwrap().replace("%2F", "/");
        assert_eq!(context_of(&segment), context, "{segment}");
    }
}

#[test]
fn contexts_with_odd_names_can_be_chosen() {
    let names = ["-", ".", "..", "~", "plain"];
    // Nobody listens there, and the message says which context it is.
    let file = kubeconfig_with("http://127.0.0.1:9", &names);
    let page = ServedPage::open(file.path(), &["--request-timeout", "5s"]);
    let list = page.get(&page.list).body;
    for name in names {
        let place = PagePlace {
            scope: page.list[1..].split('/').next().unwrap().to_owned(),
            context: name.to_owned(),
        };
        let path = place.path(&[]);
        assert!(list.contains(&format!("<a href=\"{path}\"")), "{name}: {list}");
        let shown = page.get(&path);
        assert_eq!(shown.code, 200, "{name}: {}", shown.body);
        let chosen = format!("aria-current=\"true\">{name}</a>");
        assert!(shown.body.contains(&chosen), "{name}: {}", shown.body);
    }
}
