//! What the watch of resources remembers and forgets.

use serde_json::{Value, json};

use super::{World, unverified};
use crate::api::{DockerPullSecret, DockerPullSecretStatus};
use crate::controller::store::stored_resource::Of;
use crate::controller::watches::drive::Watched as _;
use crate::domain::names::Uid;
use crate::domain::reconcile::memory::PublishedStatus;

fn object(name: &str, uid: &str, version: &str, spec: &Value) -> Of<DockerPullSecret> {
    let meta = json!({"name": name, "namespace": "team", "uid": uid, "resourceVersion": version, "generation": 1});
    serde_json::from_str(&json!({"metadata": meta, "spec": spec}).to_string()).unwrap()
}

/// One that this version of the operator cannot read.
fn unparsable(uid: &str) -> Of<DockerPullSecret> {
    object("odd", uid, "1", &json!({"type": "Other"}))
}

impl World {
    fn is_remembered(&self, uid: &str) -> bool {
        self.ctx.memories().update(&Uid::new(uid), |_| ()).is_some()
    }

    /// The watch was cut, and lists again.
    fn relist(&mut self, objects: Vec<Of<DockerPullSecret>>) {
        self.watched.list_begins();
        for object in objects {
            self.watched.listed(object);
        }
        self.watched.list_ends(false);
    }
}

#[tokio::test]
async fn a_resource_that_never_parsed_is_forgotten_with_its_deletion() {
    let mut world = World::new(&unverified());
    world.watched.applied(unparsable("uid-odd"));
    assert!(world.is_remembered("uid-odd"));
    world.watched.deleted(unparsable("uid-odd"));
    assert!(!world.is_remembered("uid-odd"));
}

#[tokio::test]
async fn what_a_new_list_does_not_show_is_forgotten() {
    let mut world = World::new(&unverified());
    world.watched.applied(unparsable("uid-odd"));
    let recreated = object("app", "uid-new", "9", &unverified());
    world.relist(vec![recreated]);
    let remembered = ["uid-odd", "uid-app", "uid-new"].map(|uid| world.is_remembered(uid));
    assert_eq!(remembered, [false, false, true]);
    assert_eq!(world.ctx.index().resources().count(), 1);
}

#[tokio::test]
async fn a_new_list_brings_back_what_was_published() {
    let mut world = World::new(&unverified());
    let uid = Uid::new("uid-app");
    let published = |version: &str| PublishedStatus {
        resource_version: Some(version.to_owned()),
        status: DockerPullSecretStatus::default(),
    };
    world
        .ctx
        .memories()
        .update(&uid, |memory| memory.published = Some(published("7")));
    world.relist(vec![object("app", "uid-app", "6", &unverified())]);
    assert!(world.ctx.memory(&uid).published.is_some(), "an older list");
    world.relist(vec![object("app", "uid-app", "8", &unverified())]);
    assert!(world.ctx.memory(&uid).published.is_none());
}
