//! Everything is reconciled from time to time, in case an event got lost.

use std::sync::Arc;
use std::time::Duration;

use crate::controller::attach::review;
use crate::controller::context::Context;
use crate::controller::distribute;
use crate::domain::names::ObjectKey;

/// How long a round takes.
const ROUND: Duration = Duration::from_hours(1);

/// Triggers every resource once in a round, one after the other.
pub(crate) async fn resync(ctx: Arc<Context>) {
    loop {
        // What was contested or refused may be possible by now.
        review(None, &ctx);
        distribute::review(&ctx);
        let all: Vec<ObjectKey> = ctx.index().resources().collect();
        let pause = ROUND / u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
        if all.is_empty() {
            tokio::time::sleep(pause).await;
        }
        for key in &all {
            tokio::time::sleep(pause).await;
            ctx.trigger([key]);
        }
    }
}
