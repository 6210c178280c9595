//! A tenant whose wrong passwords make others wait at the registry that they share.

use std::time::Duration;

use super::super::support::eventually;
use super::super::support::objects::Space;
use super::super::support::world::world;
use super::figures::{Bound, Figure, Table};
use super::servers::{self, SHARED};
use super::{stalls, wrong_logins};

const WRONG: usize = 20;

pub(crate) async fn measure(table: &mut Table) {
    let logins = servers::shared();
    let world = world();
    world.install();
    let (wrong, right) = (
        Space::new(world, "neighbors-wrong").await,
        Space::new(world, "neighbors-right").await,
    );
    let operator = wrong_logins::operator(world, &[&wrong, &right], &[]);
    let registry = format!("registry.shared.test:{SHARED}");
    wrong_logins::create(&wrong, WRONG, "mallory", |_| registry.clone()).await;
    eventually("the first wrong password is tried", || async {
        if logins.of("mallory") > 0 {
            Ok(())
        } else {
            Err(String::new())
        }
    })
    .await;
    let verdict = stalls::verdict(&right, "bob", &registry).await;
    drop(operator);
    wrong_logins::clear(&wrong).await;
    wrong_logins::clear(&right).await;
    table.add(
        &format!("verdict for a tenant beside {WRONG} wrong passwords of another one"),
        verdict,
        Bound::AtMost(Figure::Time(Duration::from_secs(3))),
        "36.6 s",
    );
}
