//! One namespace with one resource, whose pods fail and heal.

use std::time::Duration;

use dps::api::{DockerPullSecret, PullFailure};
use kube::api::ListParams;

use crate::support::canary::CANARY;
use crate::support::objects::{Space, condition, condition_of, private_verified};
use crate::support::pods::Pods;
use crate::support::within;
use crate::support::world::World;

/// Longest time until a kubelet has tried again: its pauses double from 10 s on.
pub(super) const RETRY: Duration = Duration::from_mins(4);

/// A namespace with the resource `app`, whose credentials are in the Secret `login`.
pub(super) struct Case {
    pub(super) world: &'static World,
    pub(super) space: Space,
    pub(super) pods: Pods,
}

impl Case {
    pub(super) async fn new(world: &'static World, purpose: &str) -> Self {
        let space = Space::new(world, purpose).await;
        let pods = Pods::of(&space).await;
        Self { world, space, pods }
    }

    /// With a resource for a registry and credentials that are written at once.
    pub(super) async fn with(world: &'static World, purpose: &str, registry: &str, user: &str, password: &str) -> Self {
        let case = Self::new(world, purpose).await;
        case.space.credentials("login", user, password).await;
        case.space.create("app", private_verified(registry, "login")).await;
        case.space
            .until_within(RETRY, "app", "a Secret", |status| {
                status.secret_name.as_ref().map(|_| ())
            })
            .await;
        case
    }

    pub(super) async fn good(world: &'static World, purpose: &str, registry: &str) -> Self {
        let case = Self::with(world, purpose, registry, "robot", world.registry("password")).await;
        case.space.ready("app").await;
        case
    }

    /// Waits until the resource names this cause, and returns it with its only failure.
    pub(super) async fn fails(&self, cause: &str) -> (DockerPullSecret, PullFailure) {
        let what = format!("{} names {cause}", self.space.name);
        let reported = within(RETRY, &what, || async {
            let resource = self
                .space
                .resources
                .get("app")
                .await
                .map_err(|error| error.to_string())?;
            let status = resource.status.clone().unwrap_or_default();
            let named =
                condition(&status, "PullsHealthy").is_some_and(|one| one.reason == cause && one.status == "False");
            if named {
                Ok(resource)
            } else {
                Err(format!("{:?} {:?}", status.conditions, status.pull_failures))
            }
        })
        .await;
        let failures = &reported.status.as_ref().unwrap().pull_failures;
        assert_eq!(failures.len(), 1, "{failures:?}");
        let message = &condition_of(&reported, "PullsHealthy").message;
        assert!(message.starts_with(failures[0].code.as_str()), "{message}");
        let failure = failures[0].clone();
        (reported, failure)
    }

    /// Waits until the pods run and the resource is well again, by themselves.
    pub(super) async fn heals(&self) {
        self.heals_with("app").await;
    }

    /// The same, with another resource.
    pub(super) async fn heals_with(&self, name: &str) {
        let what = format!("{} heals", self.space.name);
        within(RETRY, &what, || async {
            let resource = self
                .space
                .resources
                .get(name)
                .await
                .map_err(|error| error.to_string())?;
            let status = resource.status.unwrap_or_default();
            let is = |kind| condition(&status, kind).is_some_and(|condition| condition.status == "True");
            let pods = self
                .pods
                .api
                .list(&ListParams::default())
                .await
                .map_err(|error| error.to_string())?;
            let phases: Vec<_> = pods
                .items
                .iter()
                .map(|pod| pod.status.as_ref().and_then(|status| status.phase.clone()))
                .collect();
            let run = phases.iter().all(|phase| phase.as_deref() == Some("Running"));
            if is("PullsHealthy") && is("Ready") && run {
                Ok(())
            } else {
                Err(format!("{phases:?} {:?}", status.conditions))
            }
        })
        .await;
    }

    /// The image team/app:1.0 at a registry.
    pub(super) fn image(&self, registry: &str) -> String {
        format!("{}/team/app:1.0", self.world.registry(registry))
    }
}

pub(super) fn says(failure: &PullFailure, part: &str) {
    assert!(failure.action.contains(part), "{failure:?}");
    assert!(!format!("{failure:?}").contains(CANARY));
}

/// No command can do it: every one that is printed is run in `fixes.rs`.
pub(super) fn is_for_people(failure: &PullFailure) {
    assert_eq!(failure.fix, None, "{failure:?}");
}
