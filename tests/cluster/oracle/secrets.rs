//! Sets of Secrets in every shape: which credentials are tried, and in which order.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use dps::domain::docker_config::kubelet_secret::{Content, PullSecret, Tried, tried};
use dps::domain::pull_failures::context::PullContext;
use dps::domain::registry::image::Image;
use dps::domain::registry::matching::parts;
use dps::explain::secrets::explain_secrets;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use super::{image, key, related};
use crate::support::oracle::{Oracle, TriedCredentials};

/// A Secret before it is sent anywhere. `MARK` in the document stands for what makes each entry recognisable.
#[derive(Clone, Debug)]
struct Case {
    kind: &'static str,
    key: &'static str,
    document: Vec<u8>,
    /// Keys of its entries and the mark of each.
    marks: BTreeMap<String, String>,
}

/// One member of an entry: its name in some spelling, and a value in JSON.
fn member(mark: &str) -> impl Strategy<Value = String> + use<> {
    let name = prop_oneof![
        8 => Just("username"), 8 => Just("password"), 8 => Just("auth"), 1 => Just("email"),
        1 => "(Username|USERNAME|PassWord|Auth|AUTH|pa\u{17f}\u{17f}word|u\u{17f}ername|Email|provider|other)".prop_map(|name: String| &*name.leak()),
    ];
    let mark = mark.to_owned();
    (name, value(mark)).prop_map(|(name, value): (&str, (String, String))| {
        let value = if name.eq_ignore_ascii_case("auth") {
            value.1
        } else {
            value.0
        };
        format!("{}:{value}", json!(name))
    })
}

/// A value for a text, and one for `auth`, in JSON.
fn value(mark: String) -> impl Strategy<Value = (String, String)> {
    let odd = prop_oneof![
        6 => Just("null"), 6 => Just("\"\""), 1 => Just("1"), 1 => Just("true"), 1 => Just("{}"), 1 => Just("[\"a\"]"),
    ];
    let shape = prop_oneof![60 => Just(0u8), 20 => Just(1), 8 => Just(2), 8 => Just(3), 4 => 4u8..14];
    (odd, shape, prop_oneof![14 => Just(false), 1 => Just(true)]).prop_map(move |(odd, shape, is_odd)| {
        if is_odd {
            return (odd.to_owned(), odd.to_owned());
        }
        let pair = |suffix: &str| format!("{mark}:p{mark}{suffix}");
        let auth = match shape {
            0 => STANDARD.encode(pair("")),
            1 => STANDARD_NO_PAD.encode(pair("x")),
            2 => {
                let mut text = STANDARD.encode(pair(""));
                text.insert_str(4, "\r\n");
                text + "\n"
            }
            3 => STANDARD.encode(format!("{mark}:")),
            4 => STANDARD.encode(&mark),
            5 => STANDARD.encode(pair("")) + "=",
            6 => format!(" {}", STANDARD.encode(pair(""))),
            7 => STANDARD.encode(pair("")) + " ",
            8 => STANDARD.encode(format!(":p{mark}")),
            9 => "\n".to_owned(),
            // Bits after the last byte.
            10 => STANDARD_NO_PAD.encode(pair("x")) + "B",
            11 => STANDARD.encode(":"),
            12 => STANDARD.encode([mark.as_bytes(), b":\xff\xfe"].concat()),
            _ => "not base64!".to_owned(),
        };
        (json!(mark).to_string(), json!(auth).to_string())
    })
}

fn entry(mark: &str) -> impl Strategy<Value = String> + use<> {
    let whole = Just(format!("{{\"username\":\"{mark}\",\"password\":\"p{mark}\"}}"));
    prop_oneof![
        20 => whole,
        40 => prop::collection::vec(member(mark), 0..4).prop_map(|members| format!("{{{}}}", members.join(","))),
        3 => Just("null".to_owned()),
        1 => "(1|\"a\"|\\[\\]|false)",
    ]
}

fn entries(image: &str) -> impl Strategy<Value = (String, BTreeMap<String, String>)> + use<> {
    let keys = prop::collection::vec(prop_oneof![1 => key(), 3 => related(image)], 0..4);
    keys.prop_flat_map(|mut keys| {
        // Entries of one Secret that mean the same key are tried in an order that changes from pull to pull.
        let mut seen = Vec::new();
        keys.retain(|key| {
            let new = !seen.contains(&parts(key));
            seen.push(parts(key));
            new
        });
        let marks: BTreeMap<String, String> = (0..)
            .map(|n| format!("m{n}z"))
            .zip(&keys)
            .map(|(mark, key)| (key.clone(), mark))
            .collect();
        let all: Vec<_> = marks.values().map(|mark| entry(mark)).collect();
        (all, Just(marks)).prop_map(|(all, marks)| {
            let members: Vec<String> = marks
                .keys()
                .zip(all)
                .map(|(key, entry)| format!("{}:{entry}", json!(key)))
                .collect();
            (format!("{{{}}}", members.join(",")), marks)
        })
    })
}

/// The document around entries. The second one, if used, adds to the first.
fn document(flat: bool, auths: &str, shape: u8) -> String {
    if flat {
        return match shape {
            0 => "null".to_owned(),
            1 => format!("[{auths}]"),
            2 => format!("{auths} x"),
            _ => format!(" {auths}\n"),
        };
    }
    match shape {
        0 => "null".to_owned(),
        1 => "[]".to_owned(),
        2 => "\"text\"".to_owned(),
        3 => format!("{{\"auths\":{auths}"),
        4 => "{\"auths\":[]}".to_owned(),
        5 => "{\"auths\":null}".to_owned(),
        6 => auths.to_owned(),
        7 => format!("{{\"auths\":{auths},\"HttpHeaders\":{{\"a\":1}}}}"),
        8 => format!("{{\"httpheaders\":{{\"a\":\"b\",\"c\":null}},\"Auths\":{auths}}}"),
        9 => format!("{{\"auths\":{auths},\"HttpHeaders\":null,\"credsStore\":\"x\"}}"),
        10 => format!("{{\"auths\":{auths},\"AUTHS\":null}}"),
        11 => format!("{{\"AUTHS\":{auths},\"auths\":{{}}}}"),
        12 => format!("{{\"auth\u{17f}\":{auths}}}"),
        13 => format!("{{\"auths\":{auths},\"HttpHeaders\":[]}}"),
        _ => format!("{{\"auths\":{auths}}}"),
    }
}

fn secret(image: &str) -> impl Strategy<Value = Case> + use<> {
    const JSON: (&str, &str) = ("kubernetes.io/dockerconfigjson", ".dockerconfigjson");
    const LEGACY: (&str, &str) = ("kubernetes.io/dockercfg", ".dockercfg");
    let kind = prop_oneof![
        16 => Just(JSON), 8 => Just(LEGACY), 1 => Just(("Opaque", JSON.1)), 1 => Just((JSON.0, LEGACY.1)), 1 => Just((LEGACY.0, JSON.1)),
    ];
    let shape = prop_oneof![6 => Just(99u8), 1 => 5u8..13, 1 => prop_oneof![5 => Just(99u8), 1 => 0u8..14]];
    let broken = prop_oneof![60 => Just(0u8), 1 => Just(1), 1 => Just(2)];
    (kind, shape, entries(image), broken).prop_map(|((kind, key), shape, (auths, marks), broken)| {
        let document = document(kind == LEGACY.0, &auths, shape).into_bytes();
        let document = match broken {
            1 => Vec::new(),
            // Not UTF-8, in a name that nobody looks at.
            2 if document.starts_with(b"{\"auths\"") => [b"{\"x\xff\":1,", &document[1..]].concat(),
            _ => document,
        };
        Case {
            kind,
            key,
            document,
            marks,
        }
    })
}

fn secrets_and_image() -> impl Strategy<Value = (Vec<Case>, String)> {
    image().prop_flat_map(|image| (prop::collection::vec(secret(&image), 1..4), Just(image)))
}

fn ours(cases: &[Case]) -> Vec<PullSecret> {
    let read = |(index, case): (usize, &Case)| {
        let secret = Secret {
            type_: Some(case.kind.to_owned()),
            data: Some(BTreeMap::from([(
                case.key.to_owned(),
                ByteString(case.document.clone()),
            )])),
            ..Secret::default()
        };
        PullSecret::new(&index.to_string(), Some(&secret))
    };
    cases.iter().enumerate().map(read).collect()
}

#[derive(Default)]
struct Counts {
    sets: u32,
    spoilt: u32,
    tried: u32,
    several: u32,
    incomplete: u32,
    shown: u32,
}

fn compare(oracle: &mut Oracle, cases: &[Case], image: &str, counts: &mut Counts) -> Result<(), TestCaseError> {
    let requested: Vec<(&str, &str, &[u8])> = cases
        .iter()
        .map(|case| (case.kind, case.key, case.document.as_slice()))
        .collect();
    let expected = oracle.tried_of(&requested, image);
    let shown: Vec<_> = cases
        .iter()
        .map(|case| (case.kind, String::from_utf8_lossy(&case.document)))
        .collect();
    let secrets = ours(cases);
    counts.sets += 1;
    let malformed = secrets.iter().any(|one| matches!(one.content, Content::Malformed(_)));
    prop_assert_eq!(malformed, expected.is_none(), "malformed: {:?}", shown);
    let found = tried(&secrets, image);
    let Some(expected) = expected else {
        counts.spoilt += 1;
        prop_assert_eq!(found.len(), 0);
        return Ok(());
    };
    counts.several += u32::from(expected.len() > 1);
    prop_assert_eq!(found.len(), expected.len(), "{} of {:?}: {:?}", image, shown, expected);
    for (ours, theirs) in found.iter().zip(&expected) {
        let TriedCredentials {
            secret,
            username,
            password,
        } = theirs;
        let entry = &secrets[ours.secret].entries()[ours.entry];
        let complete = !username.is_empty() && !password.is_empty();
        counts.tried += 1;
        counts.incomplete += u32::from(!complete);
        prop_assert_eq!(
            (ours.secret, entry.complete),
            (*secret, complete),
            "{} of {:?}",
            entry.key,
            shown
        );
        let mark = &cases[ours.secret].marks[&entry.key];
        let recognisable = username.contains('m') || password.contains('m');
        let same = username.contains(mark.as_str()) || password.contains(mark.as_str());
        prop_assert!(
            same || !recognisable,
            "{} and not {:?} for {} of {:?}",
            entry.key,
            theirs,
            image,
            shown
        );
    }
    // What `dps explain` shows is this order, for names that are not read as others.
    if Image::parse(image).is_ok_and(|parsed| parsed.repository == image) {
        counts.shown += u32::from(found.len() > 1);
        prop_assert_eq!(order_shown(&secrets, image), found);
    }
    Ok(())
}

fn order_shown(secrets: &[PullSecret], image: &str) -> Vec<Tried> {
    let around = PullContext {
        namespace: "team",
        secrets,
        resources: &[],
        elsewhere: &[],
    };
    let mut order = Vec::new();
    for (secret, looked) in explain_secrets(image, around).secrets.iter().enumerate() {
        let positions = looked
            .entries
            .iter()
            .enumerate()
            .filter_map(|(entry, one)| Some((one.order?, secret, entry)));
        order.extend(positions);
    }
    order.sort_unstable();
    let tried = order.into_iter().map(|(_, secret, entry)| Tried { secret, entry });
    tried.collect()
}

/// Documents whose reading generated ones have found to be no matter of course; whether credentials are tried for
/// `r.io/app`, and whether it is complete. None: the kubelet cannot read the document.
const FOUND: [(&str, Option<&[bool]>); 12] = [
    (r#"{"auths":{"r.io":{"username":"u","password":"p"}}}"#, Some(&[true])),
    // The last of several fields counts, whatever its spelling.
    (
        r#"{"auths":{"r.io":{"password":"p","username":"","Username":"u"}}}"#,
        Some(&[true]),
    ),
    (
        r#"{"auths":{"r.io":{"password":"p","username":"u","Username":""}}}"#,
        Some(&[false]),
    ),
    (
        r#"{"auths":{"r.io":{"password":"p","username":"u","Username":null}}}"#,
        Some(&[true]),
    ),
    (
        r#"{"auths":{"r.io":{"password":"p","username":1,"Username":"u"}}}"#,
        None,
    ),
    // Maps are filled one after the other, and null empties them.
    (
        r#"{"AUTHS":{"r.io":{"username":"u","password":"p"}},"auths":{}}"#,
        Some(&[true]),
    ),
    (
        r#"{"auths":{"r.io":{"username":"u","password":"p"}},"Auths":null}"#,
        Some(&[]),
    ),
    (
        r#"{"auths":{"r.io":{"username":"u","password":"p"},"r.io":null}}"#,
        Some(&[false]),
    ),
    (r#"{"auths":{"r.io":{"auth":"%"},"r.io":null}}"#, None),
    (r#"{"auths":{"r.io":null}}"#, Some(&[false])),
    (r#"{"auths":{},"HTTPHEADERS":{"a":1}}"#, None),
    (
        r#"{"auths":{"r.io":{"username":"u","pa\u017f\u017fword":"p"}}}"#,
        Some(&[true]),
    ),
];

#[test]
fn documents_that_surprise() {
    let mut oracle = Oracle::start();
    for (document, expected) in FOUND {
        let case = Case {
            kind: "kubernetes.io/dockerconfigjson",
            key: ".dockerconfigjson",
            document: document.as_bytes().to_vec(),
            marks: BTreeMap::new(),
        };
        let theirs = oracle.tried_of(&[(case.kind, case.key, &case.document)], "r.io/app");
        let theirs = theirs.map(|credentials| {
            let complete = |pair: &TriedCredentials| !pair.username.is_empty() && !pair.password.is_empty();
            credentials.iter().map(complete).collect::<Vec<_>>()
        });
        assert_eq!(theirs.as_deref(), expected, "kubelet: {document}");
        let secrets = ours(&[case]);
        let malformed = matches!(secrets[0].content, Content::Malformed(_));
        let found = tried(&secrets, "r.io/app");
        let found: Vec<bool> = found
            .iter()
            .map(|one| secrets[0].entries()[one.entry].complete)
            .collect();
        assert_eq!((!malformed).then_some(found.as_slice()), expected, "ours: {document}");
    }
}

#[test]
fn credentials_of_generated_secrets_are_tried_as_by_the_kubelet() {
    let oracle = RefCell::new(Oracle::start());
    let counts = RefCell::new(Counts::default());
    let mut runner = TestRunner::new(Config {
        cases: 12_000,
        failure_persistence: None,
        ..Config::default()
    });
    let result = runner.run(&secrets_and_image(), |(cases, image)| {
        compare(&mut oracle.borrow_mut(), &cases, &image, &mut counts.borrow_mut())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let Counts {
        sets,
        spoilt,
        tried,
        several,
        incomplete,
        shown,
    } = *counts.borrow();
    let counted = format!(
        "{sets} sets, {spoilt} spoilt, {tried} credentials, {incomplete} incomplete; {several} sets with several, {shown} of them shown"
    );
    println!("{counted}");
    assert!(
        (1_000..sets / 2).contains(&spoilt) && sets >= 5_000 && tried >= 3_000 && incomplete >= 500,
        "too few cases to mean anything: {counted}"
    );
    assert!(
        several >= 1_000 && shown >= 500,
        "too few cases to mean anything: {counted}"
    );
}
