//! What others write is a text, of which everything is seen.

use askama::Template;
use dps::api::DOCKER_PULL_SECRET;
use dps::domain::verification::verdict::{Verdict, VerificationResult};
use dps::page::create::fields::CreateFields;
use dps::page::create::{CreateOutcome, CreatePage, CreateSurroundings};
use dps::page::delete::DeletePage;
use dps::page::explain::{ExplainAnswer, ExplainFields, ExplainPage};
use dps::page::frame::ProblemPage;
use dps::page::import::{FoundRow, ImportPage, ImportStep, ImportSurroundings, ImportedRow};
use dps::page::rights::PageRight;
use serde_json::{Value, json};

use crate::page::list::frame;
use crate::page::resource;

/// Turns the rest of a line around, hides, rings a bell, and is no HTML.
const ODD: &str = "a\u{202e}b\u{200b}c\u{7}<script>";
const SHOWN: &str = r"a\u{202e}b\u{200b}c\u{7}&#60;script&#62;";

fn assert_visible(what: &str, html: &str, times: usize) {
    for hidden in ['\u{202e}', '\u{200b}', '\u{7}'] {
        let place = html
            .find(hidden)
            .map(|at| &html[html.floor_char_boundary(at.saturating_sub(200))..at]);
        assert_eq!(place, None, "{what}: {hidden:?}");
    }
    assert!(!html.contains("<script>"), "{what}: {html}");
    assert_eq!(html.matches(SHOWN).count(), times, "{what}: {html}");
}

#[test]
fn everything_on_the_page_of_a_resource_is_seen() {
    let object = json!({
        "metadata": {"name": ODD, "namespace": ODD, "uid": ODD, "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"credentialsRef": {"name": ODD}, "registryUrl": ODD},
        "status": {
            "registryKey": ODD, "secretName": ODD, "warnings": [ODD], "failingPods": 1,
            "failures": [{"namespace": ODD, "reason": ODD, "message": ODD}],
            "namespaces": {"selected": 1, "ready": 1, "failing": 0, "summary": ODD},
            "pullFailures": [{"code": "DEP_E153", "cause": "AccessDenied", "count": 1, "image": ODD, "namespace": ODD, "pod": ODD, "container": ODD, "firstSeen": "2026-01-01T00:00:00Z",
                "message": ODD, "action": ODD, "namespaces": [{"name": ODD, "count": 1}]}],
            "verification": {"result": "Rejected", "message": ODD},
            "conditions": [
                {"type": "Ready", "status": "False", "reason": ODD, "message": ODD, "lastTransitionTime": "2026-01-01T00:00:00Z"},
                {"type": "SecretSynced", "status": "True", "reason": ODD, "message": ODD, "lastTransitionTime": "2026-01-01T00:00:00Z"},
            ],
        },
    });
    let event = json!({"reason": ODD, "message": ODD, "lastTimestamp": "2026-01-01T00:00:00Z"});
    let html = resource::page(&object, vec![event]);
    let status: Value = object["status"].clone();
    assert!(
        serde_json::from_value::<dps::api::DockerPullSecretStatus>(status).is_ok(),
        "all of it is read"
    );
    assert_visible("the page of a resource", &html, html.matches(SHOWN).count());
    assert!(html.matches(SHOWN).count() >= 25, "{}", html.matches(SHOWN).count());
    let html = DeletePage::new(frame(), DOCKER_PULL_SECRET, &object, Some(""))
        .render()
        .unwrap();
    assert!(html.matches(SHOWN).count() >= 5, "{html}");
    assert_visible("the page before deletion", &html, html.matches(SHOWN).count());
}

#[test]
fn everything_on_other_pages_is_seen() {
    let odd = || ODD.to_owned();
    let problem = ProblemPage {
        frame: frame(),
        title: odd(),
        message: odd(),
    };
    assert_visible("a problem", &problem.render().unwrap(), 3);
    let explain = |answer| {
        let page = ExplainPage::new(frame(), ExplainFields::default(), Vec::new(), answer);
        page.render().unwrap()
    };
    assert_visible(
        "a problem of an explanation",
        &explain(ExplainAnswer::Problem(odd())),
        1,
    );
    let report = ExplainAnswer::Report(Box::new(report()), vec![odd()]);
    let html = explain(report);
    assert_visible("an explanation", &html, html.matches(SHOWN).count());
    assert!(html.matches(SHOWN).count() >= 14, "{html}");

    let around = CreateSurroundings {
        namespaces: Vec::new(),
        right: PageRight::Denied(odd()),
        selected: Some(odd()),
        flags: None,
    };
    let outcome = CreateOutcome::NotAccepted(Verdict::new(VerificationResult::Rejected, ODD));
    let page = CreatePage::new(frame(), CreateFields::default(), outcome, around);
    assert_visible("the form", &page.render().unwrap(), 3);
    let rest = FoundRow {
        key: odd(),
        user: odd(),
        name: Some(odd()),
        why: Some(odd()),
        is_chosen: true,
    };
    let step = ImportStep::Done {
        rows: vec![ImportedRow {
            key: odd(),
            is_imported: false,
            message: odd(),
            path: None,
        }],
        rest: Some((1, vec![rest])),
    };
    let around = ImportSurroundings {
        problem: Some(odd()),
        ..ImportSurroundings::default()
    };
    let page = ImportPage::new(frame(), around, step);
    assert_visible("an import", &page.render().unwrap(), 8);
}

/// What was typed goes back as it was: it may be a part of the name of a user.
#[test]
fn what_was_typed_stays_as_it_was() {
    let fields = CreateFields {
        username: ODD.to_owned(),
        ..CreateFields::default()
    };
    let around = CreateSurroundings {
        namespaces: Vec::new(),
        right: PageRight::Allowed,
        selected: None,
        flags: None,
    };
    let html = CreatePage::new(frame(), fields, CreateOutcome::Empty, around)
        .render()
        .unwrap();
    assert!(
        html.contains("value=\"a\u{202e}b\u{200b}c\u{7}&#60;script&#62;\""),
        "{html}"
    );
}

fn report() -> dps::explain::report::Report {
    use dps::api::{Cause, PullCode};
    use dps::domain::pull_failures::diagnosis::Blame;
    use dps::explain::report::{ExplainedFailure, ExplainedImage, ImageUse, Report};
    use dps::explain::secrets::{EntryView, SecretState, SecretView, SecretsView};
    let odd = || ODD.to_owned();
    let subject = ImageUse {
        namespace: odd(),
        pod: Some(odd()),
        container: Some(odd()),
        image: odd(),
    };
    let secret = SecretView {
        name: odd(),
        state: SecretState::Malformed,
        why: Some(odd()),
        generated_by: Some(odd()),
        generated_by_kind: Some(DOCKER_PULL_SECRET),
        expires_at: None,
        entries: vec![EntryView {
            key: odd(),
            order: None,
            why: Some(odd()),
        }],
    };
    Report {
        failures: vec![ExplainedFailure {
            subject: subject.clone(),
            code: PullCode::DEP_E153,
            cause: Cause::AccessDenied,
            blame: Some(Blame {
                kind: DOCKER_PULL_SECRET,
                namespace: odd(),
                name: odd(),
            }),
            message: odd(),
            action: odd(),
            fix: Some(odd()),
        }],
        images: vec![ExplainedImage {
            subject,
            view: SecretsView {
                repository: None,
                matching_entries: 0,
                secrets: vec![secret],
            },
            note: Some(odd()),
        }],
    }
}
