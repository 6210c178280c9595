//! What an exchange says of clocks, clouds and tokens.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::domain::credentials::repetition::Unrepeatable;
use crate::domain::minting::claims::Claims;
use crate::domain::minting::exchange::{Exchange, ExchangeStage};
use crate::domain::text::excerpt;
use crate::domain::time::{Timestamp, after};

/// Difference between two clocks from which on it is worth a word.
const SKEW: Duration = Duration::from_mins(2);

/// Longest text of a cloud that is repeated, in characters.
const TEXT_LENGTH: usize = 200;

impl Exchange {
    pub(super) fn is_skewed(&self) -> bool {
        self.ahead.unsigned_abs() > SKEW
    }

    /// The difference between the clocks in words, without a final stop.
    pub(super) fn skew(&self) -> String {
        let minutes = self.ahead.unsigned_abs().as_secs() / 60;
        let how = if self.ahead.is_positive() { "behind" } else { "ahead of" };
        format!(
            "the operator's clock is {minutes} minutes {how} that of {}: set the clock of its node",
            self.who_answers()
        )
    }

    /// The time at the cloud, as far as is known.
    pub(super) fn cloud_time(&self, now: Timestamp) -> Timestamp {
        let ahead = self.ahead.unsigned_abs();
        if !self.is_skewed() {
            now
        } else if self.ahead.is_positive() {
            after(now, ahead)
        } else {
            now.checked_sub(ahead).unwrap_or(now)
        }
    }

    /// Who has to answer the request that was sent last.
    pub fn who_answers(&self) -> &'static str {
        match &self.stage {
            ExchangeStage::AwsSession => "AWS STS",
            ExchangeStage::Ecr(_) => "Amazon ECR",
            ExchangeStage::Entra => "Microsoft Entra",
            ExchangeStage::AcrRefresh | ExchangeStage::AcrAccess => "Azure Container Registry",
            ExchangeStage::GoogleSubject => "Google's token server",
            ExchangeStage::GoogleAccount => "Google",
            ExchangeStage::Quay => "Quay",
        }
    }

    /// What a cloud says, as it may be repeated: the first sentence, since the rest is different each time, and no secret.
    pub(super) fn words(&self, text: &str) -> String {
        let end = ["\r", "\n", " Trace ID:", " Correlation ID:", " Timestamp:"]
            .iter()
            .filter_map(|mark| text.find(mark))
            .min();
        let text = &text[..end.unwrap_or(text.len())];
        if text.trim().is_empty() {
            return "no message".to_owned();
        }
        format!("{:?}", excerpt(&self.unrepeatable().repeat(text), TEXT_LENGTH))
    }

    /// Every spelling of the secrets so far: a megabyte, which no exchange keeps while it waits.
    fn unrepeatable(&self) -> Unrepeatable {
        let mut unrepeatable = Unrepeatable::default().knowing(&self.identity.host);
        for secret in &self.secrets {
            unrepeatable.add_token(secret.expose_secret());
        }
        unrepeatable
    }

    /// Issuer, subject and audience of the token, which the cloud has to trust.
    pub(super) fn trusted(&self) -> String {
        let Claims { iss, sub, aud, .. } = &self.claims;
        format!("issuer {iss}, subject {sub}, audience {}", aud.join(", "))
    }
}
