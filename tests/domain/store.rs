//! What is kept for long.

use dps::controller::store::compressed_json::CompressedJson;
use dps::domain::status::build::build_status;
use dps::domain::status::outcome::{Finding, Outcome};
use dps::domain::time::Timestamp;
use proptest::prelude::*;

use super::status::good;

proptest! {
    #[test]
    fn every_text_comes_back(text in ".{0,3000}") {
        prop_assert_eq!(CompressedJson::new(&text).text(), text.as_bytes());
    }

    #[test]
    fn texts_are_equal_when_they_are_packed_if_they_are(one in "[ab]{0,4}", other in "[ab]{0,4}") {
        prop_assert_eq!(CompressedJson::new(&one) == CompressedJson::new(&other), one == other);
    }
}

/// The sample that it is compared with has to resemble what is published today.
#[test]
fn a_status_takes_a_third_of_its_text() {
    let outcome = Outcome {
        credentials: Ok("credentials read from keys \"username\" and \"password\" of Secret \"reg\"".to_owned()),
        secret: Ok("Secret \"shop\" holds the credentials for quay.io/acme".to_owned()),
        secret_name: Some("shop".to_owned()),
        registry_key: Some("quay.io/acme".to_owned()),
        ..good()
    };
    let status = build_status(
        None,
        Some(7),
        &Finding::Decided(Box::new(outcome)),
        Timestamp::UNIX_EPOCH,
    );
    // With its fields in the order in which the cache has them.
    let text = serde_json::to_value(status).unwrap().to_string();
    let size = CompressedJson::new(&text).size();
    assert!(size * 3 < text.len(), "{size} of {}", text.len());
}
