//! Everything that a status says about causes and what to do, in one file to read.

use std::fmt::Write as _;

use dps::api::{Cause, PullCode, VerificationResult};
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::cause::about;
use dps::domain::pull_failures::resource::Resource;
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use super::fixes::{deployed, deployment};
use super::pods::{DENIED, JSON, NOT_SENT, WRONG, absent, find_for, holding, resource, secret};

const HOST: &str = "r.example.com";
const IMAGE: &str = "r.example.com/team/app:1";
const ECR: &str = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";

struct Example {
    title: &'static str,
    image: String,
    report: &'static str,
    secrets: Vec<PullSecret>,
    resources: Vec<Resource>,
}

impl Default for Example {
    fn default() -> Self {
        Self {
            title: "",
            image: IMAGE.to_owned(),
            report: NOT_SENT,
            secrets: Vec::new(),
            resources: Vec::new(),
        }
    }
}

fn ours(verified: Option<VerificationResult>) -> Vec<Resource> {
    vec![resource("app", HOST, verified)]
}

fn rejected() -> Vec<Example> {
    let own = || vec![secret("app", HOST)];
    let row = |title, report, verified| Example {
        title,
        report,
        secrets: own(),
        resources: ours(verified),
        ..Example::default()
    };
    let locked = "toomanyrequests: too many failed login attempts for username or IP address";
    let expired = "denied: Your authorization token has expired. Reauthenticate and try again.";
    vec![
        row("rejected, generated Secret", WRONG, None),
        Example {
            title: "rejected, other Secret",
            report: WRONG,
            secrets: own(),
            ..Example::default()
        },
        Example {
            title: "rejected, credentials of the node",
            report: "failed to fetch oauth token: unexpected status: 401 Unauthorized",
            ..Example::default()
        },
        row("rejected, no JSON key", "unknown: Unable to parse json key.", None),
        row("expired", expired, None),
        Example {
            title: "expired, Amazon ECR",
            image: format!("{ECR}/app:1"),
            report: expired,
            secrets: vec![secret("app", ECR)],
            ..Example::default()
        },
        row("locked out", locked, None),
        row("denied", DENIED, None),
        row(
            "denied, accepted credentials",
            DENIED,
            Some(VerificationResult::Accepted),
        ),
    ]
}

fn missing() -> Vec<Example> {
    let row = |title, secrets, resources| Example {
        title,
        secrets,
        resources,
        ..Example::default()
    };
    vec![
        row("missing, generated soon", vec![absent("app")], ours(None)),
        row(
            "missing, another Secret serves the image",
            vec![absent("ap")],
            ours(None),
        ),
        row("missing", vec![absent("gone")], vec![]),
        Example {
            report: "illegal base64 data at input byte 3",
            ..row(
                "malformed",
                vec![holding(
                    "bad",
                    JSON,
                    &json!({"auths": {HOST: {"auth": "%"}}}).to_string(),
                )],
                vec![],
            )
        },
    ]
}

fn not_sent() -> Vec<Example> {
    let row = |title, secrets, resources| Example {
        title,
        secrets,
        resources,
        ..Example::default()
    };
    let at = |title, image: &str| Example {
        title,
        image: image.to_owned(),
        ..Example::default()
    };
    vec![
        row("not sent, sent by now", vec![secret("hand", HOST)], vec![]),
        row(
            "not sent, empty entry",
            vec![holding("hand", JSON, &json!({"auths": {HOST: {}}}).to_string())],
            vec![],
        ),
        row("not sent, no imagePullSecrets", vec![], ours(None)),
        row(
            "not sent, other imagePullSecrets",
            vec![secret("hand", "s.example.com")],
            ours(None),
        ),
        row(
            "not sent, content of another",
            vec![secret("app", "s.example.com")],
            ours(None),
        ),
        row(
            "not sent, key of a resource does not match",
            vec![secret("app", "r.example.com:5000")],
            vec![resource("app", "r.example.com:5000", None)],
        ),
        row(
            "not sent, key does not match",
            vec![secret("hand", "r.example.com:5000")],
            vec![],
        ),
        Example {
            image: "docker.io/acme/app:1".to_owned(),
            report: DENIED,
            ..row(
                "not sent, key for Docker Hub does not match",
                vec![secret("hand", "registry-1.docker.io")],
                vec![],
            )
        },
        row(
            "not sent, wrong type",
            vec![holding("hand", ("Opaque", ".dockerconfigjson"), &json!({}).to_string())],
            vec![],
        ),
        row(
            "not sent, no entries",
            vec![holding("hand", JSON, &json!({"auths": {}}).to_string())],
            vec![],
        ),
        row("not sent, nothing there", vec![], vec![]),
        Example {
            report: DENIED,
            ..at("not sent, Docker Hub", "acme/app:1")
        },
        at(
            "not sent, another host of Docker Hub",
            "registry-1.docker.io/acme/app:1",
        ),
        at("not sent, Azure", "wood.azurecr.io/app:1"),
        at("not sent, Amazon ECR", &format!("{ECR}/app:1")),
        at("not sent, Google", "europe-docker.pkg.dev/acme/web/app:1"),
        Example {
            report: "toomanyrequests: You have reached your unauthenticated pull rate limit.",
            ..row("rate limit without credentials", vec![], ours(None))
        },
        Example {
            report: "invalid reference format",
            ..at("invalid name", "r.example.com/Team/App:1")
        },
    ]
}

#[test]
fn causes_and_advice_in_one_file() {
    let mut out = String::from("# Causes: what happened, and what to do when nothing more precise is known\n");
    for cause in Cause::iter() {
        let about = about(cause);
        write!(out, "\n## {}\n\n{}\n\n{}.\n", cause.as_str(), about.what, about.action).unwrap();
    }
    out.push_str("\n# Codes\n\n");
    for reason in [
        "",
        "RegistryUnavailable",
        "InvalidImageName",
        "ImageInspectError",
        "ErrImageNeverPull",
    ] {
        let code = PullCode::of(reason);
        writeln!(out, "{}: {}", code.as_str(), code.title()).unwrap();
    }
    out.push_str("\n# What to do, from the pod's Secrets\n");
    for example in rejected().into_iter().chain(missing()).chain(not_sent()) {
        let found = find_for(&example.image, example.report, &example.secrets, &example.resources);
        write!(
            out,
            "\n## {} ({})\n\n{}.\n",
            example.title,
            found.cause.as_str(),
            found.action
        )
        .unwrap();
        if let Some(fix) = found.fix(deployed(&deployment())) {
            writeln!(out, "\n    {fix}").unwrap();
        }
    }
    out.push_str("\n# What to do, from the report\n");
    for line in include_str!("corpus/hosts-and-rules.jsonl").lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let text = |field: &str| case[field].as_str().unwrap();
        if case["credentials"] == "sent" {
            continue;
        }
        let found = find_for(text("image"), text("message"), &[], &[]);
        write!(
            out,
            "\n## {} ({})\n\n{}.\n",
            text("id"),
            found.cause.as_str(),
            found.action
        )
        .unwrap();
    }
    insta::assert_snapshot!("causes_and_advice", out);
}
