//! The table: a pod that cannot pull, and the command for it.

use dps::api::Cause;
use dps::api::VerificationResult::{Accepted, Rejected};
use dps::domain::distribution::exclusion::Exclusion;
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::elsewhere::Elsewhere;
use dps::domain::pull_failures::resource::Resource;
use dps::domain::pull_failures::template::TemplateKind::{self, DaemonSet, Deployment, StatefulSet};
use serde_json::json;

use crate::pods::{DENIED, IMAGE, JSON, NOT_SENT, WRONG, absent, holding, resource, secret};

const HOST: &str = "r.example.com";
const EXPIRED: &str = "denied: Your authorization token has expired. Reauthenticate and try again.";
const LIMIT: &str = "toomanyrequests: You have reached your unauthenticated pull rate limit";

/// A pod of namespace `team` that cannot pull.
pub(super) struct Row {
    pub(super) title: &'static str,
    pub(super) cause: Cause,
    pub(super) report: &'static str,
    pub(super) image: String,
    pub(super) secrets: Vec<PullSecret>,
    pub(super) resources: Vec<Resource>,
    pub(super) elsewhere: Vec<Elsewhere>,
    /// Kind of `web`, from which the pod is made.
    pub(super) template: Option<TemplateKind>,
    /// What the pod's ServiceAccount lists by now.
    pub(super) account_lists: Vec<String>,
    pub(super) fix: Option<&'static str>,
}

impl Row {
    fn new(cause: Cause, report: &'static str, title: &'static str) -> Self {
        Self {
            title,
            cause,
            report,
            image: IMAGE.to_owned(),
            secrets: Vec::new(),
            resources: Vec::new(),
            elsewhere: Vec::new(),
            template: Some(Deployment),
            account_lists: Vec::new(),
            fix: None,
        }
    }
}

fn not_sent(title: &'static str) -> Row {
    Row::new(Cause::CredentialsNotSent, NOT_SENT, title)
}

fn app() -> Resource {
    resource("app", HOST, Some(Accepted))
}

fn cluster_wide(name: &str, key: &str) -> Resource {
    Resource {
        kind: "ClusterDockerPullSecret",
        namespace: String::new(),
        source_namespace: Some("platform".to_owned()),
        ..resource(name, key, Some(Accepted))
    }
}

fn kept_out(exclusion: Exclusion) -> Elsewhere {
    Elsewhere {
        resource: cluster_wide("shared", HOST),
        exclusion,
    }
}

/// A resource that would select the namespace with these labels.
pub(super) fn by_labels(missing: &[(&str, &str)]) -> Elsewhere {
    let missing = missing.iter();
    kept_out(Exclusion::Labels {
        selector: "team=yes".to_owned(),
        missing: missing
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
    })
}

pub(super) fn rows() -> Vec<Row> {
    let all = [
        attached(),
        of_accounts(),
        keys(),
        created(),
        brought_in(),
        missing(),
        malformed(),
        rejected(),
        limited(),
    ];
    all.into_iter().flatten().collect()
}

/// The Secret of a resource serves the image, and the pod does not list it.
fn attached() -> Vec<Row> {
    let row = |title, template, fix| Row {
        resources: vec![app()],
        template,
        fix,
        ..not_sent(title)
    };
    let attaching = |row| Row {
        resources: vec![Resource {
            attaches_to_pods: true,
            ..app()
        }],
        ..row
    };
    let others = || vec![secret("hand", "s.example.com"), secret("hub", "t.example.com")];
    vec![
        row(
            "a Deployment",
            Some(Deployment),
            Some(
                r#"kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"app"}]}}}}'"#,
            ),
        ),
        row(
            "a DaemonSet",
            Some(DaemonSet),
            Some(
                r#"kubectl -n team patch daemonset web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"app"}]}}}}'"#,
            ),
        ),
        row(
            "a StatefulSet, which waits for a pod that fails",
            Some(StatefulSet),
            Some(
                r#"kubectl -n team patch statefulset web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"app"}]}}}}' && kubectl -n team delete pod web-0"#,
            ),
        ),
        Row {
            secrets: others(),
            ..row(
                "a list that may be the ServiceAccount's stays whole",
                Some(Deployment),
                Some(
                    r#"kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"hand"},{"name":"hub"},{"name":"app"}]}}}}'"#,
                ),
            )
        },
        Row {
            secrets: others(),
            ..row("the list of a pod cannot be changed", None, None)
        },
        Row {
            resources: vec![resource("app", HOST, Some(Rejected))],
            ..row("credentials that the registry rejects", Some(Deployment), None)
        },
        Row {
            secrets: vec![secret("app", "s.example.com")],
            ..row("content that the resource did not write", Some(Deployment), None)
        },
        Row {
            secrets: vec![secret("hand", HOST)],
            resources: vec![],
            ..row("sent by now: the node tries again", Some(Deployment), None)
        },
        attaching(row(
            "new pods get it",
            Some(Deployment),
            Some("kubectl -n team rollout restart deployment web"),
        )),
        attaching(row(
            "new pods of a StatefulSet get it",
            Some(StatefulSet),
            Some("kubectl -n team delete pod web-0"),
        )),
        attaching(row("nobody makes the pod again", None, None)),
        Row {
            image: "docker.io/library/nginks:1".to_owned(),
            report: DENIED,
            resources: vec![resource("hub", "https://index.docker.io/v1/", Some(Accepted))],
            ..row("what Docker publishes is public", Some(Deployment), None)
        },
        Row {
            image: "hub.docker.com/acme/app:1".to_owned(),
            resources: vec![resource("hub", "https://index.docker.io/v1/", Some(Accepted))],
            ..row("the image has to be written anew", Some(Deployment), None)
        },
    ]
}

/// The same, with what ServiceAccounts list.
fn of_accounts() -> Vec<Row> {
    let row = |title, template, lists: &[&str], fix| Row {
        resources: vec![app()],
        template,
        account_lists: lists.iter().map(|&name| name.to_owned()).collect(),
        fix,
        ..not_sent(title)
    };
    vec![
        row(
            "nobody knows the owner",
            None,
            &[],
            Some(
                r#"kubectl -n team patch serviceaccount default --type json --patch '[{"op":"test","path":"/imagePullSecrets","value":null},{"op":"add","path":"/imagePullSecrets","value":[{"name":"app"}]}]'"#,
            ),
        ),
        row(
            "the ServiceAccount lists others by now",
            None,
            &["hand"],
            Some(
                r#"kubectl -n team patch serviceaccount default --type json --patch '[{"op":"add","path":"/imagePullSecrets/-","value":{"name":"app"}}]'"#,
            ),
        ),
        row("the ServiceAccount lists it by now", None, &["app"], None),
        Row {
            resources: vec![],
            ..row(
                "what the ServiceAccount lists by now may be for this registry",
                Some(Deployment),
                &["hand"],
                None,
            )
        },
        row(
            "pods would no longer get what the ServiceAccount lists by now",
            Some(Deployment),
            &["hand"],
            Some(
                r#"kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"hand"},{"name":"app"}]}}}}'"#,
            ),
        ),
        row(
            "new pods get what the ServiceAccount lists by now",
            Some(Deployment),
            &["app", "hand"],
            Some("kubectl -n team rollout restart deployment web"),
        ),
    ]
}

/// The key of a Secret does not match the image.
fn keys() -> Vec<Row> {
    let port = "r.example.com:5000";
    let row = |title, secrets, resources, fix| Row {
        secrets,
        resources,
        template: None,
        fix,
        ..not_sent(title)
    };
    let row_for = |image: &str, row| Row {
        image: image.to_owned(),
        ..row
    };
    vec![
        row(
            "a port too many",
            vec![secret("app", port)],
            vec![resource("app", port, None)],
            Some(
                r#"kubectl -n team patch dockerpullsecret app --type merge --patch '{"spec":{"registryUrl":"r.example.com"}}'"#,
            ),
        ),
        row(
            "another path, of a resource for many namespaces",
            vec![secret("shared", "r.example.com/other")],
            vec![cluster_wide("shared", "r.example.com/other")],
            Some(
                r#"kubectl patch clusterdockerpullsecret shared --type merge --patch '{"spec":{"registryUrl":"r.example.com"}}'"#,
            ),
        ),
        row_for(
            "[2001:db8::1]:5000/app:1",
            row(
                "another port of an address",
                vec![secret("app", "[2001:db8::1]:5001")],
                vec![resource("app", "[2001:db8::1]:5001", None)],
                Some(
                    r#"kubectl -n team patch dockerpullsecret app --type merge --patch '{"spec":{"registryUrl":"[2001:db8::1]:5000"}}'"#,
                ),
            ),
        ),
        Row {
            report: DENIED,
            ..row_for(
                "docker.io/acme/app:1",
                row(
                    "a host that matches no image of Docker Hub",
                    vec![secret("app", "registry-1.docker.io")],
                    // What an older operator took.
                    vec![resource("app", "r.example.com", None)],
                    Some(
                        r#"kubectl -n team patch dockerpullsecret app --type merge --patch '{"spec":{"registryUrl":null,"type":"DockerHub"}}'"#,
                    ),
                ),
            )
        },
        row_for(
            "R.example.com/team/app:1",
            row(
                "a host that no resource can have",
                vec![secret("app", HOST)],
                vec![app()],
                None,
            ),
        ),
        row(
            "nobody but its owner writes the Secret",
            vec![secret("hand", port)],
            vec![],
            None,
        ),
        row(
            "no user name and password",
            vec![holding("hand", JSON, &json!({"auths": {HOST: {}}}).to_string())],
            vec![],
            None,
        ),
    ]
}

/// There is no resource for the registry.
fn created() -> Vec<Row> {
    let row = |title, image: &str, template, fix| Row {
        image: image.to_owned(),
        template,
        fix,
        ..not_sent(title)
    };
    vec![
        row(
            "no resource",
            IMAGE,
            Some(Deployment),
            Some(
                r#"dps create r-example-com -n team --registry-url r.example.com && kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"r-example-com"}]}}}}'"#,
            ),
        ),
        Row {
            secrets: vec![secret("hand", "s.example.com")],
            ..row(
                "no resource, and a list that nobody can change",
                "r.example.com:5000/app:1",
                None,
                Some("dps create r-example-com-5000 -n team --registry-url r.example.com:5000"),
            )
        },
        Row {
            report: DENIED,
            secrets: vec![secret("hand", "s.example.com")],
            ..row(
                "no resource for Docker Hub",
                "acme/app:1",
                None,
                Some("dps create docker-hub -n team --type DockerHub"),
            )
        },
        Row {
            secrets: vec![secret("hand", "s.example.com")],
            ..row(
                "no resource for an address",
                "[2001:db8::1]:5000/app:1",
                None,
                Some("dps create 2001-db8-1-5000 -n team --registry-url '[2001:db8::1]:5000'"),
            )
        },
        row(
            "a login that expires within hours",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1",
            Some(Deployment),
            None,
        ),
        Row {
            resources: vec![resource("r-example-com", "s.example.com", None)],
            ..row("the name is taken", IMAGE, Some(Deployment), None)
        },
        Row {
            secrets: vec![holding("hand", ("Opaque", ".dockerconfigjson"), "{}")],
            ..row("a Secret of the wrong type", IMAGE, Some(Deployment), None)
        },
    ]
}

/// A resource for many namespaces does not select the namespace.
fn brought_in() -> Vec<Row> {
    let row = |title, elsewhere, fix| Row {
        elsewhere: vec![elsewhere],
        secrets: vec![secret("hand", "s.example.com")],
        template: None,
        fix,
        ..not_sent(title)
    };
    vec![
        row(
            "a label is missing",
            by_labels(&[("team", "yes"), ("example.com/stage", "")]),
            Some("kubectl label namespace team team=yes example.com/stage="),
        ),
        Row {
            secrets: vec![],
            template: Some(Deployment),
            ..row(
                "a label is missing, and the Deployment is known",
                by_labels(&[("team", "yes")]),
                Some(
                    r#"kubectl label namespace team team=yes && kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"shared"}]}}}}'"#,
                ),
            )
        },
        row("a label would replace another", by_labels(&[]), None),
        row(
            "the annotation",
            kept_out(Exclusion::Annotated { alone: true }),
            Some("kubectl annotate namespace team pullsecrets.dev/exclude-"),
        ),
        row(
            "not the annotation alone",
            kept_out(Exclusion::Annotated { alone: false }),
            None,
        ),
        row(
            "its name",
            kept_out(Exclusion::Named { alone: Some(2) }),
            Some(
                r#"kubectl patch clusterdockerpullsecret shared --type json --patch '[{"op":"test","path":"/spec/excludeNamespaces/2","value":"team"},{"op":"remove","path":"/spec/excludeNamespaces/2"}]'"#,
            ),
        ),
        row("a pattern", kept_out(Exclusion::Named { alone: None }), None),
        Row {
            resources: vec![resource("app", HOST, Some(Rejected))],
            ..row(
                "those of the namespace are rejected",
                by_labels(&[("team", "yes")]),
                Some("kubectl label namespace team team=yes"),
            )
        },
        Row {
            resources: vec![app()],
            ..row("those of the namespace are good", by_labels(&[("team", "yes")]), None)
        },
        Row {
            cause: Cause::PullSecretMissing,
            secrets: vec![absent("shared")],
            ..row(
                "listed already",
                by_labels(&[("team", "yes")]),
                Some("kubectl label namespace team team=yes"),
            )
        },
    ]
}

/// A Secret that the pod lists does not exist.
fn missing() -> Vec<Row> {
    let row = |title, secrets, resources, fix| Row {
        secrets,
        resources,
        fix,
        ..Row::new(Cause::PullSecretMissing, NOT_SENT, title)
    };
    vec![
        row(
            "a Secret of another name serves the image",
            vec![absent("ap"), secret("hand", "s.example.com")],
            vec![app()],
            Some(
                r#"kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"hand"},{"name":"app"},{"$patch":"delete","name":"ap"}]}}}}'"#,
            ),
        ),
        Row {
            template: None,
            ..row(
                "the list of a pod cannot be changed, missing",
                vec![absent("ap")],
                vec![app()],
                None,
            )
        },
        row(
            "a Secret of another name is rejected",
            vec![absent("ap")],
            vec![resource("app", HOST, Some(Rejected))],
            None,
        ),
        row(
            "one of two that are missing may be there later",
            vec![absent("ap"), absent("other")],
            vec![app()],
            Some(
                r#"kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"ap"},{"name":"other"},{"name":"app"}]}}}}'"#,
            ),
        ),
        row("generated soon", vec![absent("app")], vec![app()], None),
        row(
            "nobody has it",
            vec![absent("gone")],
            vec![],
            Some("dps create gone -n team --registry-url r.example.com"),
        ),
        row(
            "a name that no resource can have",
            vec![absent("my.login")],
            vec![],
            None,
        ),
        row(
            "two are missing: either may be for this registry",
            vec![absent("gone"), absent("other")],
            vec![],
            None,
        ),
    ]
}

/// A Secret that the pod lists cannot be parsed.
fn malformed() -> Vec<Row> {
    let bad = || holding("bad", JSON, &json!({"auths": {HOST: {"auth": "%"}}}).to_string());
    let row = |title, secrets, fix| Row {
        secrets,
        fix,
        ..Row::new(Cause::PullSecretMalformed, "illegal base64 data at input byte 3", title)
    };
    vec![
        row(
            "another one has the credentials",
            vec![bad(), secret("hand", HOST)],
            Some(
                r#"kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"hand"},{"$patch":"delete","name":"bad"}]}}}}'"#,
            ),
        ),
        row("no other one has the credentials", vec![bad()], None),
    ]
}

/// The registry rejects the credentials.
fn rejected() -> Vec<Row> {
    let typed = |resource| Resource {
        takes_password: true,
        ..resource
    };
    let row = |title, report, resources, fix| {
        let cause = if report == EXPIRED {
            Cause::CredentialsExpired
        } else {
            Cause::CredentialsRejected
        };
        Row {
            secrets: vec![secret("app", HOST)],
            resources,
            fix,
            ..Row::new(cause, report, title)
        }
    };
    let replace = Some("dps create app -n team --registry-url r.example.com --replace");
    vec![
        row(
            "rejected, a login that somebody can type",
            WRONG,
            vec![typed(resource("app", HOST, None))],
            replace,
        ),
        row(
            "expired, a login that somebody can type",
            EXPIRED,
            vec![typed(resource("app", HOST, None))],
            replace,
        ),
        row(
            "rejected, a login of another name",
            WRONG,
            vec![Resource {
                source: Some("robot".to_owned()),
                ..typed(resource("app", HOST, None))
            }],
            Some("dps create app -n team --registry-url r.example.com --login-secret robot --replace"),
        ),
        row(
            "rejected, a login of another form",
            WRONG,
            vec![resource("app", HOST, None)],
            None,
        ),
        row("rejected, a Secret of somebody else", WRONG, vec![], None),
        Row {
            secrets: vec![secret("shared", HOST)],
            ..row(
                "rejected, a login in another namespace",
                WRONG,
                vec![Resource {
                    verified: None,
                    ..typed(cluster_wide("shared", HOST))
                }],
                None,
            )
        },
        row(
            "rejected, a key file",
            "unknown: Unable to parse json key.",
            vec![typed(resource("app", HOST, None))],
            None,
        ),
    ]
}

/// The rate limit for pulls without credentials.
fn limited() -> Vec<Row> {
    let row = |title, resources, fix| Row {
        image: "docker.io/library/nginx:1".to_owned(),
        resources,
        fix,
        ..Row::new(Cause::RateLimitedAnonymous, LIMIT, title)
    };
    vec![
        row(
            "limited, a resource serves the image",
            vec![resource("hub", "https://index.docker.io/v1/", Some(Accepted))],
            Some(
                r#"kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"hub"}]}}}}'"#,
            ),
        ),
        row(
            "limited, no resource",
            vec![],
            Some(
                r#"dps create docker-hub -n team --type DockerHub && kubectl -n team patch deployment web --patch '{"spec":{"template":{"spec":{"imagePullSecrets":[{"name":"docker-hub"}]}}}}'"#,
            ),
        ),
    ]
}
