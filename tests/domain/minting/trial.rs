//! What is said of an attempt from a terminal, and that nothing secret is in it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::domain::credentials::RegistryCredentials;
use dps::domain::doctor::rights::{grant_commands, missing_rights, questions_about};
use dps::domain::minting::exchange::{CloudResponse, Minted};
use dps::domain::minting::minted::MintedCredentials;
use dps::domain::minting::trial::{MintTrial, for_person, proof_request, token_answer};
use dps::domain::names::ObjectKey;
use dps::domain::secret::masked::masked;
use dps::domain::spec::validate::validate;
use serde_json::json;

use crate::minting::exchange::{ECR, ROLE, STS_ANSWER, ecr_answer, good, proof, tell};
use crate::minting::{account, account_token, identity, noon};
use crate::resource;

const CANARY: &str = "canary-5ubterranean";

fn minted() -> MintedCredentials {
    let credentials = RegistryCredentials::new("AWS", CANARY).unwrap();
    MintedCredentials::new(credentials, noon(), None, "2026-11-28T00:00:00Z".parse().unwrap())
}

#[test]
fn trial_names_identity_end_and_renewal_and_no_password() {
    let identity = identity(ECR, account("aws", json!({"roleArn": ROLE})), &[]).unwrap();
    let skew = Some("the operator's clock is 5 minutes behind that of AWS STS: set the clock of its node".to_owned());
    let credentials = minted();
    // Without a UID, the earliest time of all: after 60 % of 12 hours.
    let trial = MintTrial::new(&identity, &Minted { credentials, skew }, None);
    assert_eq!(
        trial.sentence(ECR),
        format!(
            "credentials of {ROLE} for {ECR}, user name AWS, valid until 2026-11-28T00:00:00Z; the operator would renew them at 2026-11-27T19:12:00Z; ClockSkew: the clock of this machine is 5 minutes behind that of AWS STS: set it"
        )
    );
    assert!(!serde_json::to_string(&trial).unwrap().contains(CANARY));
    assert_eq!(
        proof_request(&identity.proof, "team"),
        "create a token of ServiceAccount \"puller\" in namespace \"team\", for the audience \"sts.amazonaws.com\" alone, valid for 600 s"
    );
}

#[test]
fn answer_of_the_api_server_is_told_without_the_token() {
    let token = account_token("sts.amazonaws.com");
    let told = token_answer(&token);
    assert_eq!(
        told,
        "a token with issuer https://issuer.example.com, subject system:serviceaccount:team:puller, audience sts.amazonaws.com, valid until 2026-11-27T12:10:00Z"
    );
    assert_eq!(token_answer(CANARY), "a token that cannot be read here");
}

/// The words that are replaced are those that exchanges use.
#[test]
fn messages_for_a_person_do_not_speak_of_the_operators_clock_and_retries() {
    let identity = identity(ECR, account("aws", json!({"roleArn": ROLE})), &[]).unwrap();
    let limited = CloudResponse {
        status: 429,
        ..good("")
    };
    let failure = tell(identity.clone(), proof("sts.amazonaws.com"), &[limited], noon())
        .end
        .unwrap_err();
    assert!(failure.problem.message.contains("the operator"));
    let told = for_person(&failure.problem.message);
    assert!(
        told.ends_with("; try again later") && !told.contains("the operator"),
        "{told}"
    );
    // The clouds are ahead by an hour.
    let late = |body: String| CloudResponse {
        date: Some("2026-11-27T13:00:00Z".parse().unwrap()),
        ..good(body)
    };
    let answers = [
        late(STS_ANSWER.to_owned()),
        late(ecr_answer(false, noon().as_second() + 43_200).to_string()),
    ];
    let minted = tell(identity, proof("sts.amazonaws.com"), &answers, noon())
        .end
        .unwrap();
    assert_eq!(
        for_person(&minted.skew.unwrap()),
        "the clock of this machine is 60 minutes behind that of Amazon ECR: set it"
    );
}

#[test]
fn secret_is_shown_with_a_mask_and_nothing_that_was_made_of_the_password() {
    let spec = json!({"type": "PrivateRegistry", "registryUrl": ECR,
        "credentialsFrom": {"serviceAccountRef": {"name": "puller"}, "aws": {}}});
    let shown = masked("team", None, &validate(&resource(&spec)).unwrap(), &minted());
    let text = shown.to_string();
    for secret in [CANARY, "5ubterranean", &STANDARD.encode(format!("AWS:{CANARY}"))[..20]] {
        assert!(!text.contains(secret), "{text}");
    }
    let document: serde_json::Value =
        serde_json::from_str(shown["stringData"][".dockerconfigjson"].as_str().unwrap()).unwrap();
    assert_eq!(
        document["auths"][ECR],
        json!({"username": "AWS", "password": "********", "auth": "********"})
    );
    assert!(shown["data"].is_null());
    let annotations = &shown["metadata"]["annotations"];
    assert_eq!(annotations["pullsecrets.dev/expires-at"], "2026-11-28T00:00:00Z");
    assert_eq!(annotations["pullsecrets.dev/minted-for"], "********");
}

#[test]
fn missing_right_is_named_with_the_commands_that_grant_it() {
    let asker = ObjectKey::new("team", "puller");
    let all = questions_about(&asker);
    let tokens = &all[1..];
    assert_eq!(
        missing_rights(Some("alice"), &asker, tokens),
        "alice may not use ServiceAccount \"puller\" in namespace \"team\": missing rights: create on serviceaccounts/token; an administrator of the namespace can grant them"
    );
    assert_eq!(
        grant_commands(Some("alice smith"), &asker, tokens),
        [
            "kubectl create role puller-tokens -n team --verb=create --resource=serviceaccounts/token --resource-name=puller",
            "kubectl create rolebinding puller-tokens -n team --role=puller-tokens --user='alice smith'",
        ]
    );
    let commands = grant_commands(Some("system:serviceaccount:ci:deployer"), &asker, &all);
    assert_eq!(commands.len(), 4);
    assert_eq!(
        commands[1],
        "kubectl create rolebinding puller-reading -n team --role=puller-reading --serviceaccount=ci:deployer"
    );
    assert!(grant_commands(None, &asker, tokens)[1].ends_with("--user=YOUR_USER_NAME"));
}
