//! The form: what became of it, and the command that does the same.

use askama::Template as _;
use dps::domain::verification::verdict::{Verdict, VerificationResult};
use dps::page::commands::create_command;
use dps::page::create::fields::CreateFields;
use dps::page::create::selected::selected;
use dps::page::create::{CreateOutcome, CreatePage, CreateSurroundings};
use dps::page::rights::PageRight;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::{Value, json};

use crate::page::api_server::{ApiServer, submit};
use crate::page::list::frame;
use crate::support::canary::{CANARY, assert_clean};
use crate::support::dps::dps;

fn render(fields: CreateFields, outcome: CreateOutcome) -> String {
    let around = CreateSurroundings {
        namespaces: vec!["team".to_owned()],
        right: PageRight::Allowed,
        selected: None,
        flags: Some(" --context prod".to_owned()),
    };
    CreatePage::new(frame(), fields, outcome, around).render().unwrap()
}

fn filled() -> CreateFields {
    CreateFields {
        registry_type: "PrivateRegistry".to_owned(),
        name: "app".to_owned(),
        registry_url: "registry.example.com".to_owned(),
        username: "robot$ci".to_owned(),
        namespace: "team".to_owned(),
        ..CreateFields::default()
    }
}

#[test]
fn failed_submit_is_said_first_and_has_the_focus() {
    let invalid = CreateFields {
        name: "No Name".to_owned(),
        ..filled()
    };
    let problems = invalid.form(CANARY).unwrap_err();
    let failures = [
        CreateOutcome::Invalid(problems),
        CreateOutcome::Refused("it exists".to_owned()),
        CreateOutcome::NotAccepted(Verdict::new(VerificationResult::Rejected, "401")),
        CreateOutcome::NotAccepted(Verdict::new(VerificationResult::Unreachable, "timeout")),
        CreateOutcome::Interrupted("the Secret is left".to_owned()),
    ];
    for outcome in failures {
        let html = render(invalid.clone(), outcome.clone());
        assert!(
            html.contains("<title>Error: Create · dps</title>"),
            "{outcome:?}: {html}"
        );
        assert_eq!(html.matches(" autofocus").count(), 1, "{outcome:?}");
        assert!(
            html.contains("role=\"alert\" id=\"outcome\" tabindex=\"-1\" autofocus"),
            "{outcome:?}"
        );
        assert_clean("the page", &html);
        let leads_to_the_field = html.contains("<li><a href=\"#name\">The name must be");
        assert_eq!(
            leads_to_the_field,
            matches!(outcome, CreateOutcome::Invalid(_)),
            "{html}"
        );
    }
    let empty = render(CreateFields::default(), CreateOutcome::Empty);
    assert!(empty.contains("<title>Create · dps</title>") && !empty.contains(" autofocus"));
    let accepted = render(filled(), CreateOutcome::Accepted("200".to_owned()));
    assert!(accepted.contains("<title>Create · dps</title>") && accepted.contains("tabindex=\"-1\" autofocus"));
}

#[test]
fn every_field_has_a_label_its_value_and_what_to_know_about_it() {
    let html = render(filled(), CreateOutcome::Empty);
    for id in [
        "name",
        "registry-url",
        "username",
        "password",
        "email",
        "namespace",
        "selector",
        "excluded",
        "service-accounts",
    ] {
        for part in [
            format!("<label for=\"{id}\">"),
            format!("<input id=\"{id}\" name=\"{id}\""),
            format!("<p id=\"{id}-hint\""),
        ] {
            assert_eq!(html.matches(&part).count(), 1, "{part}: {html}");
        }
    }
    assert!(
        html.contains("<input id=\"username\" name=\"username\" value=\"robot$ci\""),
        "{html}"
    );
    assert!(!html.contains("name=\"password\" value"), "{html}");
    // An empty selector is no harmless one.
    assert!(
        html.contains("Empty: selects all namespaces, also those that are created later."),
        "{html}"
    );
}

#[test]
fn command_beside_the_form_parses_and_has_no_password() {
    let shared = CreateFields {
        email: "ci@example.com".to_owned(),
        is_shared: true,
        excluded: "kube-*, monitoring".to_owned(),
        service_accounts: "default".to_owned(),
        attach_to_pods: true,
        ..filled()
    };
    let hub = CreateFields {
        registry_type: "DockerHub".to_owned(),
        username: "-robot".to_owned(),
        ..filled()
    };
    let invalid = CreateFields {
        name: "No Name".to_owned(),
        registry_url: "$(reboot)".to_owned(),
        ..filled()
    };
    let table = [
        (
            filled(),
            "dps create app -n team --registry-url registry.example.com --username 'robot$ci'",
        ),
        (
            shared,
            "dps create app -n team --registry-url registry.example.com --username 'robot$ci' --email ci@example.com --namespace-selector '' --exclude-namespace 'kube-*' --exclude-namespace monitoring --service-account default --attach-to-pods",
        ),
        (hub, "dps create app -n team --type DockerHub --username=-robot"),
        (
            invalid,
            "dps create -n team --registry-url '$(reboot)' --username 'robot$ci'",
        ),
        (CreateFields::default(), "dps create"),
    ];
    for (fields, expected) in table {
        let command = create_command(&fields, "").unwrap();
        assert_eq!(command, expected);
        // Without a terminal and a password, nothing comes of it but what is missing.
        let words = command.strip_prefix("dps ").unwrap().replace('\'', "");
        let words: Vec<&str> = words.split(' ').collect();
        let output = dps(&words, "");
        assert!(!output.stderr.contains("error: "), "{command}: {}", output.stderr);
        let html = render(fields, CreateOutcome::Empty);
        assert!(html.contains("id=\"command\">dps create --context prod"), "{html}");
    }
    let invisible = CreateFields {
        username: "robot\u{202e}".to_owned(),
        ..filled()
    };
    assert_eq!(create_command(&invisible, ""), None);
}

#[test]
fn selected_namespaces_are_those_that_would_get_the_secret() {
    let namespaces = json!([
        {"name": "team-a", "labels": {"team": "a"}},
        {"name": "team-b", "labels": {"team": "b"}},
        {"name": "opted-out", "labels": {"team": "a"}, "annotations": {"pullsecrets.dev/exclude": "true"}},
        {"name": "ending", "labels": {"team": "a"}, "deletionTimestamp": "2026-01-01T00:00:00Z"},
        {"name": "kube-system"},
    ]);
    let namespaces: Vec<ObjectMeta> = serde_json::from_value(namespaces).unwrap();
    let say = |selector: &str, excluded: &str| {
        let fields = CreateFields {
            selector: selector.to_owned(),
            excluded: excluded.to_owned(),
            ..CreateFields::default()
        };
        selected(&fields, &namespaces)
    };
    assert_eq!(say("team=a", "").unwrap(), "Selects 1 namespace now: team-a.");
    assert_eq!(say("team", "").unwrap(), "Selects 2 namespaces now: team-a, team-b.");
    assert_eq!(say("team=c", "").unwrap(), "No namespace is selected now.");
    let all = say("", "kube-*").unwrap();
    assert!(
        all.starts_with("Empty: selects all namespaces") && all.ends_with("Selects 2 namespaces now: team-a, team-b."),
        "{all}"
    );
    assert!(
        say("team in (", "")
            .unwrap_err()
            .starts_with("The selector has no closing parenthesis")
    );
    assert!(
        say("", "a/b")
            .unwrap_err()
            .starts_with("spec.excludeNamespaces \"a/b\" must be")
    );
    let many: Vec<Value> = (0..12).map(|number| json!({"name": format!("n{number:02}")})).collect();
    let many: Vec<ObjectMeta> = serde_json::from_value(json!(many)).unwrap();
    let all = selected(&CreateFields::default(), &many).unwrap();
    assert!(all.ends_with("n08, n09 and 2 more."), "{all}");
}

#[test]
fn namespaces_are_shown_without_scripts() {
    let server = ApiServer::with(&[]);
    let page = server.page(&["--allow-registry", "[2001:db8::1]:5000"]);
    let fields = [
        ("namespace", "team"),
        ("selector", "team in (team, other)"),
        ("password", CANARY),
    ];
    let shown = submit(&page, "/create", &[&fields[..], &[("do", "select")]].concat()).body;
    assert!(shown.contains("Selects 2 namespaces now: other, team."), "{shown}");
    assert!(
        shown.contains("<title>Create") && !shown.contains("id=\"outcome\""),
        "{shown}"
    );
    assert!(!shown.contains("name=\"shared\" value=\"true\" checked"), "{shown}");
    let command = ">dps create --context fake --allow-registry &#39;[2001:db8::1]:5000&#39; -n team<";
    assert!(shown.contains(command), "{shown}");
    // Who presses Enter in a field submits the form.
    let first = shown.split_once("<button type=\"submit\"").unwrap().1;
    assert!(first.starts_with(" name=\"do\" value=\"apply\""), "{shown}");
    // What is wrong elsewhere hides it not.
    let shown = submit(
        &page,
        "/create",
        &[&fields[..], &[("do", "apply"), ("shared", "true")]].concat(),
    )
    .body;
    assert!(shown.contains("Selects 2 namespaces now: other, team."), "{shown}");
    assert!(shown.contains("<title>Error: Create"), "{shown}");
    assert_clean("the form", &shown);
    let wrong = [("selector", "team in ("), ("do", "select")];
    let shown = submit(&page, "/create", &wrong).body;
    assert!(shown.contains("The selector has no closing parenthesis"), "{shown}");
    server.refuse("GET /api/v1/namespaces?", 403);
    let shown = submit(&page, "/create", &[&fields[..], &[("do", "select")]].concat()).body;
    assert!(shown.contains("Which namespaces are selected is not known"), "{shown}");

    let answer = page.get(&format!("{}/command?type=DockerHub&name=app&username=robot", page.list));
    assert_eq!(
        answer.body,
        "dps create --context fake --allow-registry '[2001:db8::1]:5000' app --type DockerHub --username robot"
    );
}
