//! Reports of any shape: nothing panics, what comes out is bounded and holds no password.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dps::domain::docker_config::kubelet_secret::PullSecret;
use dps::domain::pull_failures::patterns;
use proptest::prelude::*;
use serde_json::json;

use super::pulls::{diagnosis, typed};

const CANARY: &str = "Canary-5ubterranean+/=";

/// Words of all patterns between arbitrary text, as hosts, URLs and lists.
fn report() -> impl Strategy<Value = String> {
    let words: Vec<&'static str> = patterns::all().map(|pattern| pattern.words).collect();
    let piece = prop_oneof![
        proptest::sample::select(words).prop_map(str::to_owned),
        ".{0,40}",
        "[a-z]{1,9}\\.example(:[0-9]{1,5})?",
        "(Head|Get) \"https://[a-z.]{1,12}/v2/[a-z/]{0,9}(\\?ns=[a-z.]{0,9}|\\?scope=[a-z%:]{0,9})?\": ",
        "(proxyconnect|socks connect) tcp ?:? ?(dial tcp )?[a-z0-9.:>-]{0,12}",
        "reading manifest [a-z]{0,3} in [a-z./]{0,9}",
        Just("[".to_owned()),
        Just("]".to_owned()),
        Just(CANARY.to_owned()),
        Just(STANDARD.encode(format!("robot:{CANARY}"))),
    ];
    proptest::collection::vec(piece, 0..12).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_report_of_any_shape_gives_a_short_diagnosis_without_the_password(
        reason in "(ErrImagePull|ImagePullBackOff|.{0,30})",
        report in report(),
        image in "([a-z.]{1,9}/)?[a-z/]{0,12}(:[a-z0-9]{0,4})?|.{0,20}",
    ) {
        let document = json!({"auths": {"reg.example": {"username": "robot", "password": CANARY}}});
        let secret = typed("kubernetes.io/dockerconfigjson", ".dockerconfigjson", &document.to_string());
        let secrets = [PullSecret::new("app", Some(&secret))];
        let found = diagnosis(&reason, &report, &image, &secrets);
        prop_assert!(found.message.chars().count() <= 1001 && found.action.chars().count() <= 1001);
        for text in [&found.message, &found.action] {
            prop_assert!(!text.contains(CANARY) && !text.contains(&STANDARD.encode(format!("robot:{CANARY}"))), "{text}");
        }
    }
}

#[test]
fn patterns_are_in_lower_case_and_name_their_source() {
    for pattern in patterns::all() {
        assert_eq!(pattern.words, pattern.words.to_lowercase(), "{pattern:?}");
        assert!(!pattern.source.is_empty() && !pattern.words.is_empty(), "{pattern:?}");
    }
}
