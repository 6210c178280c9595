//! The part of a conversation that is about an image: whether everybody may read it, and whether the credentials may.

use crate::domain::verification::answer::{Authorization, RegistryRequest, RegistryResponse, speaks_of_lockout};
use crate::domain::verification::challenge::{Challenge, LoginOffer, parse};
use crate::domain::verification::conversation::{Conversation, Stage, Step, done};
use crate::domain::verification::verdict::{Verdict, VerificationResult as R};

impl Conversation {
    /// Whether a refusal is about the image: the credentials were accepted before, or are known but not permitted.
    pub(super) fn is_about_image(&self, response: &RegistryResponse) -> bool {
        let is_permission = response.status == 403 && self.stage == Stage::Image;
        !speaks_of_lockout(response) && (self.accepted.is_some() || is_permission)
    }

    pub(super) fn request_image(&mut self, stage: Stage, authorization: Authorization) -> Step {
        let target = &self.attempt.target;
        let Some(image) = &target.image else {
            return done(R::NotVerifiable, "no image is set");
        };
        let mut url = target.base.clone();
        url.set_path(&format!("/v2/{}/manifests/{}", image.repository, image.reference));
        let request = RegistryRequest {
            head: true,
            url,
            authorization,
        };
        self.send(stage, request)
    }

    pub(super) fn after_anonymous_refusal(&mut self, response: &RegistryResponse) -> Step {
        if let LoginOffer::Supported(challenge) = parse(&response.challenges) {
            self.challenge = Some(challenge);
        }
        match self.challenge {
            // Registries with tokens refuse public images too, until the client has an anonymous token.
            Some(Challenge::Bearer { .. }) if response.status == 401 => {
                self.request_token(Stage::AnonymousToken, Authorization::None, true)
            }
            _ => self.log_in_for_image(),
        }
    }

    pub(super) fn log_in_for_image(&mut self) -> Step {
        match self.challenge {
            Some(Challenge::Bearer { .. }) => self.request_token(Stage::ImageToken, Authorization::Basic, true),
            _ => self.request_image(Stage::Image, Authorization::Basic),
        }
    }

    pub(super) fn public_image(&mut self, summary: &str) -> Step {
        match self.accepted.take() {
            Some(accepted) => done(R::Accepted, format!("{accepted}; everybody may read the image")),
            None => done(
                R::NotVerifiable,
                format!(
                    "{summary}; neither the registry nor this image requires credentials, so they cannot be verified; {}",
                    self.requester.private_image()
                ),
            ),
        }
    }

    pub(super) fn missing_image(&mut self, summary: &str) -> Step {
        let why = "the image does not exist, or the credentials may not see it";
        match self.accepted.take() {
            Some(accepted) => done(R::Accepted, format!("{accepted}; {summary}: {why}")),
            None => done(R::NotVerifiable, format!("{summary}: {why}")),
        }
    }
}

pub(super) fn image_denied(summary: &str) -> Step {
    Step::Done(Verdict {
        image_denied: true,
        ..Verdict::new(
            R::Rejected,
            format!("{summary}; the credentials may not read this image; grant them permission to pull it"),
        )
    })
}
