//! Credentials that are minted once for many namespaces: what is distributed, when, and what a new process believes.

use std::collections::hash_map::RandomState;
use std::time::Duration;

use dps::api::{ClusterDockerPullSecret, DockerPullSecretStatus, Reason};
use dps::domain::credential_source::minted as resolved;
use dps::domain::credentials::RegistryCredentials;
use dps::domain::minting::failure::MintFailure;
use dps::domain::minting::judgement::Minting;
use dps::domain::minting::ledger::{MintKey, MintRecord};
use dps::domain::minting::minted::{MintedCredentials, minted_for};
use dps::domain::reconcile::decide::copies::{Distribute, is_version_of};
use dps::domain::reconcile::decide::{Decision, Subject, decide};
use dps::domain::reconcile::memory::ResourceMemory;
use dps::domain::reconcile::observed::Observed;
use dps::domain::registry::key::RegistryKey;
use dps::domain::secret::desired::document_of;
use dps::domain::secret::plan::plan_of;
use dps::domain::spec::declaration::Declaration;
use dps::domain::status::build::build_status;
use dps::domain::time::{Timestamp, after};
use dps::domain::verification::fingerprint::Fingerprinter;
use dps::domain::verification::ledger::Ledger;
use dps::domain::verification::queue::VerificationQueue;
use dps::domain::verification::state::VerificationState;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};

use crate::minting::exchange::{ECR, ROLE};
use crate::minting::{account, identity, noon};

fn later(seconds: u64) -> Timestamp {
    after(noon(), Duration::from_secs(seconds))
}

fn credentials(password: &str, issued_at: Timestamp) -> MintedCredentials {
    MintedCredentials {
        credentials: RegistryCredentials::new("AWS", password).unwrap(),
        issued_at,
        expires_at: after(issued_at, Duration::from_hours(1)),
    }
}

fn resource(fields: &Value) -> Declaration {
    let mut spec = json!({"type": "PrivateRegistry", "registryUrl": ECR, "namespaceSelector": {}, "verification": {"mode": "Disabled"},
        "credentialsFrom": {"namespace": "platform", "serviceAccountRef": {"name": "puller"}, "aws": {"roleArn": ROLE}}});
    for (field, value) in fields.as_object().into_iter().flatten() {
        spec[field] = value.clone();
    }
    let resource = json!({"apiVersion": "pullsecrets.dev/v1alpha1", "kind": "ClusterDockerPullSecret", "spec": spec,
        "metadata": {"name": "shared", "uid": "uid", "generation": 1}});
    Declaration::from(&serde_json::from_value::<ClusterDockerPullSecret>(resource).unwrap())
}

fn minting(record: MintRecord) -> Minting {
    let identity = identity(ECR, account("aws", json!({"roleArn": ROLE})), &[]).unwrap();
    Minting {
        latest: noon(),
        key: MintKey::new("platform", &identity, "uid-of-account").for_many_namespaces(),
        identity,
        record,
    }
}

/// One resource, reconcile after reconcile.
#[derive(Default)]
struct Process {
    status: Option<DockerPullSecretStatus>,
}

impl Process {
    fn decide(&mut self, record: MintRecord, now: Timestamp) -> Decision {
        self.decide_on(&resource(&json!({})), Some(Ok(minting(record))), true, now)
    }

    fn decide_on(
        &mut self,
        declaration: &Declaration,
        minting: Option<Result<Minting, dps::domain::problem::Problem>>,
        may_read_source: bool,
        now: Timestamp,
    ) -> Decision {
        let reference = declaration.reference().unwrap();
        let subject = Subject {
            reference: &reference,
            declaration,
            previous: self.status.as_ref(),
        };
        let observed = Observed {
            minting,
            may_read_source,
            ..Observed::default()
        };
        let mut verification = VerificationState {
            ledger: Ledger::new(Fingerprinter::new([RandomState::new(), RandomState::new()])),
            queue: VerificationQueue::new(1, now),
        };
        let decision = decide(&subject, &observed, &ResourceMemory::default(), &mut verification, now);
        self.status = Some(build_status(self.status.as_ref(), Some(1), &decision.finding, now));
        decision
    }

    fn digest(&self) -> Option<&str> {
        self.status.as_ref()?.minted.as_ref()?.digest.as_deref()
    }

    fn reason(&self) -> &str {
        let conditions = &self.status.as_ref().unwrap().conditions;
        let resolved = conditions.iter().find(|one| one.type_ == "CredentialsResolved");
        &resolved.unwrap().reason
    }
}

fn known(minted: MintedCredentials) -> MintRecord {
    MintRecord {
        minted: Some(minted),
        ..MintRecord::default()
    }
}

#[test]
fn status_tells_of_credentials_before_any_namespace_has_them() {
    let mut process = Process::default();
    let minted = |number: u64| known(credentials(&format!("password-{number}"), later(number * 2400)));
    let mut digests = Vec::new();
    for number in 0..3 {
        let now = later(number * 2400 + 1);
        let first = process.decide(minted(number), now);
        assert_eq!((first.distribute, first.next), (Distribute::Keep, Some(Duration::ZERO)));
        let digest = process.digest().unwrap().to_owned();
        let Distribute::Content(Some(content)) = process.decide(minted(number), now).distribute else {
            panic!("it is distributed");
        };
        assert!(is_version_of(&content.version, &digest) && content.identity.is_some());
        assert_eq!(process.digest(), Some(&*digest));
        digests.push(digest);
    }
    digests.dedup();
    assert_eq!(digests.len(), 3, "each has its own");

    // They end, and what they were is still known.
    let failed = MintRecord {
        failure: Some(MintFailure::new(Reason::ExchangeUnreachable, "no answer")),
        failures: 1,
        last_attempt: Some(later(8400)),
        ..minted(2)
    };
    let expired = process.decide(failed, later(8401));
    assert_eq!(expired.distribute, Distribute::Content(None));
    assert_eq!(
        (process.reason(), process.digest()),
        ("Expired", digests.last().map(String::as_str))
    );
}

#[test]
fn what_is_not_allowed_or_invalid_says_so() {
    let mut process = Process::default();
    let refused = process.decide_on(&resource(&json!({})), None, false, noon());
    assert_eq!((refused.mints, process.reason()), (None, "NotAllowed"));
    let login = json!({"namespace": "platform", "name": "login"});
    let from = |namespace: &str| json!({"credentialsFrom": {"namespace": namespace, "serviceAccountRef": {"name": "a"}, "aws": {}}});
    for (fields, words) in [
        (
            json!({"credentialsRef": login}),
            "exactly one of credentialsRef and credentialsFrom",
        ),
        (
            json!({"credentialsFrom": null}),
            "exactly one of credentialsRef and credentialsFrom",
        ),
        (
            from("a.b"),
            "spec.credentialsFrom.namespace \"a.b\" is not the name of a namespace",
        ),
    ] {
        let problem = resource(&fields).spec.unwrap_err();
        assert!(problem.message.contains(words), "{}", problem.message);
    }
}

type Change = fn(&mut Secret, &MintKey);

/// A tenant may write anything into a copy, but not the status.
#[test]
fn copy_counts_only_with_the_digest_that_the_status_tells_of() {
    let declaration = resource(&json!({}));
    let spec = declaration.spec.as_ref().unwrap();
    let key = minting(MintRecord::default()).key;
    let copy = |password: &str, key: &MintKey| {
        let resolved = resolved(spec, &key.identity, "a role", credentials(password, noon()));
        let plan = plan_of("", declaration.reference().as_ref(), spec, resolved);
        (
            plan.minted_for().unwrap().to_owned(),
            plan.desired.copy_in("team", "1").secret(),
        )
    };
    let (digest, written) = copy("password", &key);
    let believed = |secret: &Secret| {
        let registry = RegistryKey::new(dps::api::RegistryType::PrivateRegistry, Some(ECR)).unwrap();
        let stored = MintedCredentials::stored(secret, document_of(secret).unwrap(), &key.identity, &registry);
        stored.filter(|_| minted_for(secret.metadata.annotations.as_ref()) == Some(&*digest))
    };
    assert_eq!(believed(&written), Some(credentials("password", noon())));
    let changes: [(&str, Change); 4] = [
        ("another document", |secret, _| {
            let document = json!({"auths": {ECR: {"username": "AWS", "password": "forged"}}}).to_string();
            let data = secret.data.as_mut().unwrap();
            data.insert(".dockerconfigjson".to_owned(), ByteString(document.into_bytes()));
        }),
        ("a later end", |secret, _| {
            let annotations = secret.metadata.annotations.as_mut().unwrap();
            annotations.insert(
                "pullsecrets.dev/expires-at".to_owned(),
                "2036-11-27T12:00:00Z".to_owned(),
            );
        }),
        ("all of it, with a digest of its own", |secret, key| {
            let forged = credentials("forged", noon());
            let document = document_of(secret).unwrap().to_vec();
            let annotations = forged.annotations(&key.identity, &document);
            secret.metadata.annotations.as_mut().unwrap().extend(annotations);
            let text = String::from_utf8(document)
                .unwrap()
                .replace("password\":\"password", "password\":\"forged");
            let annotations = forged.annotations(&key.identity, text.as_bytes());
            secret.metadata.annotations.as_mut().unwrap().extend(annotations);
            let data = secret.data.as_mut().unwrap();
            data.insert(".dockerconfigjson".to_owned(), ByteString(text.into_bytes()));
        }),
        ("no digest", |secret, _| {
            secret.metadata.annotations = None;
        }),
    ];
    for (what, change) in changes {
        let mut secret = written.clone();
        change(&mut secret, &key);
        assert_eq!(believed(&secret), None, "{what}");
    }
    let own = MintKey {
        identity: key.identity.trim_start_matches("many ").to_owned(),
        ..key.clone()
    };
    assert_ne!(own, key, "those of one namespace have another key");
    assert_eq!(believed(&copy("password", &own).1), None);
}
