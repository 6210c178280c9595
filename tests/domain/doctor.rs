//! What `dps doctor` makes of what it saw, case by case.

mod askers;
mod clusters;
mod installations;
mod issuer;
mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use dps::api::crd;
use dps::domain::doctor::api_server::{ApiServerView, NoAccess};
use dps::domain::doctor::custom_resource::CustomResource;
use dps::domain::doctor::installation::Installation;
use dps::domain::doctor::lease::{LeaseState, LeaseView};
use dps::domain::doctor::policies::Policies;
use dps::domain::doctor::registries::{RegistriesView, RegistryAnswer, RegistryInUse};
use dps::domain::doctor::report::CheckResult::{Fail, Ok as Good, Skipped, Warn};
use dps::domain::doctor::report::{Category, CheckResult, DoctorReport};
use dps::domain::doctor::resources::ResourceView;
use dps::domain::doctor::rights::{AccountRights, OperatorAccount, accounts};
use dps::domain::doctor::seen::Seen::{self, Failed, Read};
use dps::domain::doctor::{Observations, examine, without_access};
use dps::domain::names::ObjectKey;
use dps::domain::registry::dialect::Dialect;
use dps::domain::time::Timestamp;
use dps::domain::verification::answer::RequestFailure;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

const NAME: &str = "dps-docker-pull-secret-operator";

fn second(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// An operator for these namespaces, in `ops`, with a Lease of its own.
fn installation(name: &str, namespaces: &[&str]) -> Installation {
    Installation {
        deployment: ObjectKey::new("ops", name),
        service_account: name.to_owned(),
        namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
        lease: Some(ObjectKey::new("ops", name)),
        replicas: 2,
        attaches_to_pods: false,
        attaches_to_accounts: false,
        has_cluster_resources: false,
        evicts_pods: false,
    }
}

/// The CRD as the API server has it, with something changed.
fn definition(change: impl FnOnce(&mut Value)) -> Seen<Option<Box<CustomResourceDefinition>>> {
    established(crd(), change)
}

fn established(mut crd: Value, change: impl FnOnce(&mut Value)) -> Seen<Option<Box<CustomResourceDefinition>>> {
    crd["status"] = json!({
        "acceptedNames": crd["spec"]["names"],
        "storedVersions": ["v1alpha1"],
        "conditions": [
            {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found"},
            {"type": "Established", "status": "True", "reason": "InitialNamesAccepted", "message": "accepted"},
        ],
    });
    change(&mut crd);
    Read(Some(Box::new(serde_json::from_value(crd).unwrap())))
}

/// The fields of `status` in a CRD.
fn status_fields(crd: &mut Value) -> &mut serde_json::Map<String, Value> {
    let path = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
    crd.pointer_mut(path).unwrap().as_object_mut().unwrap()
}

fn policies(bound: &[(&str, bool)]) -> Policies {
    let name = |part: &str| format!("{NAME}-{part}.ops");
    Policies {
        names: bound.iter().map(|(part, _)| name(part)).collect(),
        bound: bound.iter().map(|(part, denies)| (name(part), *denies)).collect(),
    }
}

fn lease(change: impl FnOnce(&mut LeaseState)) -> LeaseView {
    let mut state = LeaseState {
        holder: "dps-0_7f".to_owned(),
        renewed_at: Some(second(997)),
        duration: Duration::from_secs(30),
        version: "1".to_owned(),
        is_renewed: false,
    };
    change(&mut state);
    LeaseView {
        key: ObjectKey::new("ops", NAME),
        state: Read(Some(state)),
    }
}

fn resource(reason: Option<&str>) -> ResourceView {
    ResourceView {
        not_ready: reason.map(str::to_owned),
        registry: None,
        asker: None,
        minting: None,
    }
}

/// `r.example.com` with this answer.
fn registry(answer: RegistryAnswer) -> RegistriesView {
    let registry = RegistryInUse {
        base: "https://r.example.com/v2/".parse().unwrap(),
        resources: 1,
        has_ca_bundle: false,
    };
    RegistriesView {
        left_out: 0,
        answers: vec![(registry, answer)],
        of_clouds: BTreeMap::new(),
        node_providers: Read(BTreeSet::new()),
    }
}

fn fails(observed: &mut Observations, failure: RequestFailure) {
    observed.registries = Some(registry(RegistryAnswer::Failed(failure)));
}

fn account(installations: &Seen<Vec<Installation>>) -> OperatorAccount {
    let Read(mut accounts) = accounts(installations, Some("admin"), &[], None) else {
        panic!("no accounts")
    };
    accounts.remove(0)
}

/// The rights of the first account, without those whose verb and resource are named.
fn refused(observed: &mut Observations, refused: &[(&str, &str)]) {
    let account = account(&observed.installations);
    let questions = account.questions().into_iter();
    let is_refused = |verb: &str, resource: &str| refused.contains(&(verb, resource));
    observed.rights = Read(vec![AccountRights {
        refused: Read(
            questions
                .filter(|one| is_refused(one.verb, one.right.resource))
                .collect(),
        ),
        account,
    }]);
}

fn good() -> Observations {
    let mut observed = Observations {
        namespaces: Vec::new(),
        api_server: ApiServerView {
            server: "https://127.0.0.1:6443".to_owned(),
            version: Read(("1".to_owned(), "37+".to_owned())),
            its_time: Some(second(1000)),
            own_time: second(1000),
        },
        custom_resource: CustomResource {
            kind: "DockerPullSecret",
            definition: definition(|_| {}),
            is_served: Read(true),
        },
        cluster_custom_resource: CustomResource {
            kind: "ClusterDockerPullSecret",
            definition: Read(None),
            is_served: Read(false),
        },
        installations: Read(vec![installation(NAME, &[])]),
        rights: Read(Vec::new()),
        leases: vec![lease(|_| {})],
        policies: Read(policies(&[("writes", true), ("authors", true), ("tokens", true)])),
        resources: Read(vec![resource(None), resource(None)]),
        cluster_resources: Read(Vec::new()),
        issuer: None,
        registries: Some(registry(RegistryAnswer::Answered(401, None))),
    };
    refused(&mut observed, &[]);
    observed
}

/// What was seen of a good installation but for a change, and which checks are then not OK.
struct Case {
    name: &'static str,
    change: fn(&mut Observations),
    expected: &'static [(Category, CheckResult)],
}

use Category::{ApiServer as Server, Crd, Operator, Policies as Policy, Registries, Resources, Rights};

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { name: "a good installation", change: |_| {}, expected: &[] },
    Case { name: "an old version", change: |o| o.api_server.version = Read(("1".into(), "32".into())), expected: &[(Server, Warn)] },
    Case { name: "an unreadable version", change: |o| o.api_server.version = Seen::denied("get /version"), expected: &[(Server, Skipped)] },
    Case { name: "a clock 30 s behind", change: |o| o.api_server.own_time = second(970), expected: &[] },
    Case { name: "a clock 31 s behind", change: |o| o.api_server.own_time = second(969), expected: &[(Server, Warn)] },
    Case { name: "a clock an hour ahead", change: |o| o.api_server.own_time = second(4600), expected: &[(Server, Warn)] },
    Case { name: "no CRD", change: |o| o.custom_resource.definition = Read(None), expected: &[(Crd, Fail)] },
    Case { name: "a CRD that cannot be read", change: |o| o.custom_resource.definition = Seen::denied("get CustomResourceDefinitions"), expected: &[(Crd, Skipped)] },
    Case { name: "a CRD that cannot be read and is not served", change: |o| { o.custom_resource.definition = Seen::denied("get CustomResourceDefinitions"); o.custom_resource.is_served = Read(false); }, expected: &[(Crd, Fail), (Crd, Skipped)] },
    Case { name: "a CRD with the names of another one", change: |o| o.custom_resource.definition = definition(|crd| crd["status"]["conditions"] = json!([{"type": "NamesAccepted", "status": "False", "message": "\"dps\" is already in use"}, {"type": "Established", "status": "False", "message": "not all names are accepted"}])), expected: &[(Crd, Fail)] },
    Case { name: "an older CRD", change: |o| o.custom_resource.definition = definition(|crd| drop(status_fields(crd).remove("pullFailures"))), expected: &[(Crd, Fail)] },
    Case { name: "a newer CRD", change: |o| o.custom_resource.definition = definition(|crd| drop(status_fields(crd).insert("weather".into(), json!({"type": "string"})))), expected: &[(Crd, Warn)] },
    Case { name: "a CRD with other rules", change: |o| o.custom_resource.definition = definition(|crd| status_fields(crd)["secretName"] = json!({"type": "string", "maxLength": 3})), expected: &[(Crd, Warn)] },
    Case { name: "a CRD of another version", change: |o| o.custom_resource.definition = definition(|crd| crd["spec"]["versions"][0]["name"] = json!("v1")), expected: &[(Crd, Fail)] },
    Case { name: "objects of another version", change: |o| o.custom_resource.definition = definition(|crd| crd["status"]["storedVersions"] = json!(["v1alpha1", "v1"])), expected: &[(Crd, Warn)] },
    Case { name: "missing rights", change: |o| refused(o, &[("list", "pods"), ("watch", "pods"), ("patch", "secrets"), ("update", "leases")]), expected: &[(Rights, Fail), (Rights, Fail), (Rights, Fail)] },
    Case { name: "missing rights in one namespace", change: |o| { o.installations = Read(vec![installation(NAME, &["team-a"])]); refused(o, &[("list", "pods"), ("patch", "dockerpullsecrets")]); }, expected: &[(Rights, Fail), (Rights, Fail)] },
    Case { name: "rights that nobody may ask for", change: |o| o.rights = Read(vec![AccountRights { account: account(&o.installations), refused: Seen::denied("create SubjectAccessReviews") }]), expected: &[(Rights, Skipped)] },
    Case { name: "no installation", change: |o| { o.installations = Read(Vec::new()); o.leases.clear(); }, expected: &[(Operator, Fail)] },
    Case { name: "an installation without replicas", change: |o| { o.installations = Read(vec![Installation { replicas: 0, ..installation(NAME, &[]) }]); o.leases.clear(); }, expected: &[(Operator, Fail)] },
    Case { name: "a Lease that is named, without a Deployment", change: |o| o.installations = Read(Vec::new()), expected: &[] },
    Case { name: "replicas without a Lease", change: |o| o.installations = Read(vec![Installation { lease: None, ..installation(NAME, &[]) }]), expected: &[(Operator, Warn)] },
    Case { name: "Deployments that cannot be read", change: |o| { o.installations = Seen::denied("list Deployments"); o.leases.clear(); }, expected: &[(Operator, Skipped), (Policy, Skipped)] },
    Case { name: "a Lease that nobody holds", change: |o| o.leases = vec![lease(|lease| lease.holder.clear())], expected: &[(Operator, Fail)] },
    Case { name: "a Lease that does not exist", change: |o| o.leases = vec![LeaseView { state: Read(None), ..lease(|_| {}) }], expected: &[(Operator, Fail)] },
    Case { name: "a Lease that was renewed 30 s ago", change: |o| o.leases = vec![lease(|lease| lease.renewed_at = Some(second(970)))], expected: &[] },
    Case { name: "a Lease that nobody renews", change: |o| o.leases = vec![lease(|lease| lease.renewed_at = Some(second(969)))], expected: &[(Operator, Fail)] },
    Case { name: "a Lease of a holder with another clock", change: |o| o.leases = vec![lease(|lease| { lease.renewed_at = Some(second(0)); lease.is_renewed = true; })], expected: &[] },
    Case { name: "a Lease that cannot be read", change: |o| o.leases = vec![LeaseView { state: Seen::denied("get Lease ops/x"), ..lease(|_| {}) }], expected: &[(Operator, Skipped)] },
    Case { name: "no policies", change: |o| o.policies = Read(Policies::default()), expected: &[(Policy, Warn), (Policy, Warn), (Policy, Warn)] },
    Case { name: "a policy without a binding", change: |o| { let mut all = policies(&[("writes", true), ("authors", true), ("tokens", true)]); all.bound.clear(); o.policies = Read(all); }, expected: &[(Policy, Warn), (Policy, Warn), (Policy, Warn)] },
    Case { name: "a policy that only warns", change: |o| o.policies = Read(policies(&[("writes", true), ("authors", false), ("tokens", true)])), expected: &[(Policy, Warn)] },
    Case { name: "an operator that attaches, without its policies", change: |o| o.installations = Read(vec![Installation { attaches_to_pods: true, attaches_to_accounts: true, ..installation(NAME, &[]) }]), expected: &[(Policy, Warn), (Policy, Warn)] },
    Case { name: "an operator that attaches, with its policies", change: |o| { o.installations = Read(vec![Installation { attaches_to_pods: true, attaches_to_accounts: true, ..installation(NAME, &[]) }]); o.policies = Read(policies(&[("writes", true), ("authors", true), ("tokens", true), ("account-writes", true), ("attach-pods", true)])); }, expected: &[] },
    Case { name: "an operator that may not change ServiceAccounts", change: |o| { o.installations = Read(vec![Installation { attaches_to_accounts: true, ..installation(NAME, &[]) }]); o.policies = Read(policies(&[("writes", true), ("authors", true), ("tokens", true), ("account-writes", true)])); refused(o, &[("patch", "serviceaccounts")]); }, expected: &[(Rights, Fail)] },
    Case { name: "policies that cannot be read", change: |o| o.policies = Seen::denied("list ValidatingAdmissionPolicies"), expected: &[(Policy, Skipped)] },
    Case { name: "resources that are not ready", change: |o| o.resources = Read(vec![resource(Some("KeyMissing")), resource(Some("Rejected")), resource(Some("Rejected")), resource(Some("")), resource(Some("LockedOut")), resource(None)]), expected: &[(Resources, Warn)] },
    Case { name: "resources of one namespace", change: |o| { o.namespaces = vec!["team-a".into()]; o.resources = Read(vec![resource(Some("FromTheFuture"))]); }, expected: &[(Resources, Warn)] },
    Case { name: "no resources", change: |o| o.resources = Read(Vec::new()), expected: &[] },
    Case { name: "resources that cannot be read", change: |o| o.resources = Failed("cannot list DockerPullSecrets: the API server returned 500".into()), expected: &[(Resources, Fail)] },
    Case { name: "a registry that cannot be reached", change: |o| fails(o, RequestFailure::Unreachable("Connection refused (os error 111)".into())), expected: &[(Registries, Warn)] },
    Case { name: "a registry with an unknown certificate", change: |o| fails(o, RequestFailure::Tls("the certificate is signed by an authority that is not trusted".into())), expected: &[(Registries, Warn)] },
    Case { name: "a registry with a certificate that its resource names", change: |o| { fails(o, RequestFailure::Tls("unknown".into())); o.registries.as_mut().unwrap().answers[0].0.has_ca_bundle = true; }, expected: &[] },
    Case { name: "a registry that may not be contacted", change: |o| fails(o, RequestFailure::Forbidden("127.0.0.1 is a loopback address".into())), expected: &[(Registries, Warn)] },
    Case { name: "something that speaks no HTTP", change: |o| fails(o, RequestFailure::Malformed("the response is not valid HTTP".into())), expected: &[(Registries, Warn)] },
    Case { name: "a registry with a problem", change: |o| o.registries = Some(registry(RegistryAnswer::Answered(503, None))), expected: &[(Registries, Warn)] },
    Case { name: "a registry that redirects", change: |o| o.registries = Some(registry(RegistryAnswer::Answered(302, Some("login.example.com".into())))), expected: &[(Registries, Warn)] },
    Case { name: "a web server", change: |o| o.registries = Some(registry(RegistryAnswer::Answered(404, None))), expected: &[(Registries, Warn)] },
    Case { name: "a machine that cannot connect", change: |o| o.registries = Some(registry(RegistryAnswer::Local("too many files and connections are open".into()))), expected: &[(Registries, Skipped)] },
    Case { name: "many registries", change: |o| o.registries.as_mut().unwrap().left_out = 7, expected: &[(Registries, Skipped)] },
    Case { name: "a registry of the cloud of the nodes", change: |o| { let view = o.registries.as_mut().unwrap(); view.of_clouds.insert("aws", (Dialect::Ecr, 2)); view.node_providers = Read(["aws".to_owned()].into()); }, expected: &[] },
    Case { name: "a registry of a cloud, and nodes that cannot be read", change: |o| { let view = o.registries.as_mut().unwrap(); view.of_clouds.insert("aws", (Dialect::Ecr, 2)); view.node_providers = Seen::denied("list Nodes"); }, expected: &[(Registries, Skipped)] },
];

fn text(report: &DoctorReport, shown: impl Fn(CheckResult) -> bool) -> String {
    let mut text = String::new();
    for check in report.checks.iter().filter(|check| shown(check.result)) {
        let (category, result): (&str, &str) = (check.category.into(), check.result.into());
        writeln!(text, "{result} {category}: {} [{}]", check.message, check.docs).unwrap();
        if let Some(hint) = &check.hint {
            writeln!(text, "     {hint}").unwrap();
        }
    }
    text
}

#[test]
fn each_case_has_its_results_and_its_words() {
    let healthy = text(&examine(&good()), |_| true);
    let mut out = format!("## a good installation\n\n{healthy}");
    for case in CASES.iter().chain(clusters::CASES).chain(askers::CASES) {
        let mut observed = good();
        (case.change)(&mut observed);
        let report = examine(&observed);
        let bad = report.checks.iter().filter(|check| check.result != Good);
        let bad: Vec<_> = bad.map(|check| (check.category, check.result)).collect();
        assert_eq!(bad, case.expected, "{}: {}", case.name, text(&report, |_| true));
        let expects_failure = case.expected.iter().any(|(_, result)| *result == Fail);
        assert_eq!(report.has_failures(), expects_failure, "{}", case.name);
        let all = text(&report, |_| true);
        let new: Vec<&str> = all
            .lines()
            .filter(|line| !healthy.lines().any(|known| known == *line))
            .collect();
        if !new.is_empty() {
            write!(out, "\n## {}\n\n{}\n", case.name, new.join("\n")).unwrap();
        }
    }
    for obstacle in [
        NoAccess::Unreachable("Connection refused (os error 111)".to_owned()),
        NoAccess::Refused("Unauthorized".to_owned()),
    ] {
        let report = without_access("https://127.0.0.1:6443", &obstacle);
        assert!(report.has_failures());
        write!(out, "\n## no access\n\n{}", text(&report, |_| true)).unwrap();
    }
    insta::assert_snapshot!("doctor_messages", out);
}

#[test]
fn a_check_that_is_not_ok_says_what_to_do() {
    for case in CASES.iter().chain(clusters::CASES).chain(askers::CASES) {
        let mut observed = good();
        (case.change)(&mut observed);
        for check in examine(&observed).checks {
            let has_remedy = check.hint.is_some() || matches!(check.result, Good | Skipped);
            // The message of a request that failed is all that is known.
            assert!(
                has_remedy || check.message.starts_with("cannot "),
                "{}: {}",
                case.name,
                check.message
            );
        }
    }
}

#[test]
fn without_a_look_at_registries_nothing_is_said_of_them() {
    let observed = Observations {
        registries: None,
        ..good()
    };
    let report = examine(&observed);
    assert!(report.checks.iter().all(|check| check.category != Registries));
}
