//! A tenant whose wrong passwords make others wait at the registry that they share.

use std::time::Duration;

use super::super::support::eventually;
use super::super::support::objects::Space;
use super::super::support::world::world;
use super::figures::{Bound, Figure, Table};
use super::servers::{self, SHARED};
use super::tenants;

const WRONG: usize = 20;

pub(crate) async fn measure(table: &mut Table) {
    let logins = servers::shared();
    let world = world();
    world.install();
    let (wrong, right) = (
        Space::new(world, "neighbors-wrong").await,
        Space::new(world, "neighbors-right").await,
    );
    let operator = tenants::operator(world, &[&wrong, &right], &[]);
    let registry = format!("registry.shared.test:{SHARED}");
    tenants::create(&wrong, WRONG, "mallory", |_| registry.clone()).await;
    eventually("the first wrong password is tried", || async {
        if logins.of("mallory") > 0 {
            Ok(())
        } else {
            Err(String::new())
        }
    })
    .await;
    let verdict = tenants::verdict(&right, "bob", &registry).await;
    drop(operator);
    tenants::clear(&wrong).await;
    tenants::clear(&right).await;
    table.add(
        &format!("verdict for a tenant beside {WRONG} wrong passwords of another one"),
        verdict,
        Bound::AtMost(Figure::Time(Duration::from_secs(3))),
        "36.6 s",
    );
}
