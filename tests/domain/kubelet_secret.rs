//! Pull secrets as a kubelet reads them.

use dps::domain::credentials::repetition::LEFT_OUT;
use dps::domain::docker_config::kubelet_secret::{Content, PullSecret, redact, tried};

use super::pods::{JSON, holding, secret};

#[test]
fn pull_secret_is_read_as_by_the_kubelet() {
    let json = |document: &str| holding("one", JSON, document).content;
    for document in [
        r#"{"auths":{"a":{"auth":"!!!"}}}"#,
        r#"{"auths":{"a":{"auth":"dXNlcg=="}}}"#,
        r#"{"auths":[]}"#,
        r#"{"auths":{"a":1}}"#,
        r#"{"auths":{"a":{"password":5}}}"#,
        r#"{"HttpHeaders":{"a":1}}"#,
        "[]",
    ] {
        assert!(matches!(json(document), Content::Malformed(_)), "{document}");
    }
    for (document, complete) in [
        (r#"{"AUTHS":{"a":{"Auth":"dTpw"}}}"#, true),
        (r#"{"auths":{"a":{"auth":"dTpw\n"}}}"#, true),
        (r#"{"auths":{"a":{"username":"u","password":"p"}}}"#, true),
        (r#"{"auths":{"a":{"username":"u"}}}"#, false),
        (r#"{"auths":{"a":null}}"#, false),
    ] {
        let Content::Entries(entries) = json(document) else {
            panic!("{document}")
        };
        assert_eq!((entries.len(), entries[0].complete), (1, complete), "{document}");
    }
    assert!(matches!(
        json(r#"{"a.example.com":{"username":"u"}}"#),
        Content::Ignored(_)
    ));
    let opaque = holding("one", ("Opaque", ".dockerconfigjson"), "{}");
    assert!(matches!(opaque.content, Content::Ignored(_)));
    let legacy = ("kubernetes.io/dockercfg", ".dockercfg");
    let legacy = holding("one", legacy, r#"{"a":{"auth":"dTpw"}}"#);
    assert!(matches!(legacy.content, Content::Entries(_)));
    let secret = secret("app", "r.example.com");
    let short = holding("short", JSON, r#"{"auths":{"a":{"username":"u","password":"p"}}}"#);
    // Its password is a part of what stands for another.
    let acted = holding("acted", JSON, r#"{"auths":{"a":{"username":"u","password":"acted"}}}"#);
    let all = [secret.clone(), short, acted];
    for (said, shown) in [
        ("it was Canary-5ubterranean", LEFT_OUT),
        ("a pup", LEFT_OUT),
        ("it was ACTED", LEFT_OUT),
        ("Authorization: Basic dTpw", LEFT_OUT),
        ("no: 401", "no: 401"),
        ("r.example.com/acted: 401", "r.example.com/[redacted]: 401"),
    ] {
        assert_eq!(redact(said, &all, "r.example.com/acted"), shown, "{said}");
    }
    assert!(!format!("{secret:?}").contains("Canary"));
    let spoilt = [
        secret,
        PullSecret {
            name: "x".to_owned(),
            content: Content::Malformed(String::new()),
        },
    ];
    assert_eq!(tried(&spoilt[..1], "r.example.com/app").len(), 1);
    assert_eq!(tried(&spoilt, "r.example.com/app"), []);
}
