//! A tenant whose registries name somebody else's token server, and try passwords there.

use std::time::{Duration, Instant};

use super::super::support::objects::Space;
use super::super::support::world::world;
use super::figures::{Bound, Figure, Table};
use super::isolation::REALMS;
use super::servers::{self, Answer, REALM, TOKEN, response};
use super::tenants;

const WATCHED: Duration = Duration::from_mins(1);

pub(crate) async fn measure(table: &mut Table) {
    servers::serve(REALM, |_| {
        let realm = format!("Bearer realm=\"http://token.victim.test:{TOKEN}/token\",service=\"registry\"");
        Answer::Now(response("401 Unauthorized", &format!("WWW-Authenticate: {realm}\r\n")))
    });
    let logins = servers::serve(TOKEN, |_| Answer::Now(response("401 Unauthorized", "")));
    let world = world();
    world.install();
    let space = Space::new(world, "tokens").await;
    // As one that is well known: nothing but the pauses keeps the passwords away from it.
    let arguments = ["--allow-token-server", "token.victim.test"];
    let operator = tenants::operator(world, &[&space], &arguments);
    let begin = Instant::now();
    tenants::create(&space, REALMS, "admin", |index| {
        format!("realm{index}.tenant.test:{REALM}")
    })
    .await;
    tokio::time::sleep(WATCHED.saturating_sub(begin.elapsed())).await;
    let times = logins.times("admin");
    let first = times.first().expect("an attempt");
    // A minute from the first one on.
    tokio::time::sleep((*first + WATCHED).saturating_duration_since(Instant::now())).await;
    let count = logins.of("admin");
    drop(operator);
    tenants::clear(&space).await;
    table.add(
        &format!("failed logins in 60 s at a token server that {REALMS} registries name"),
        Figure::Count(count),
        Bound::AtMost(Figure::Count(4)),
        "60 in 1.5 s",
    );
}
