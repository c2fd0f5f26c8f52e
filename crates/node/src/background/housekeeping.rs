//! What is due by time: expired shards and overdue queries.

use super::Stop;
use crate::node::Inner;
use crate::reserve;
use std::time::Duration;

/// How often it looks when no query has a time limit.
const TICK: Duration = Duration::from_secs(1);
/// How often it looks when queries have one.
const SHORT_TICK: Duration = Duration::from_millis(50);

/// Looks at every tick what is due.
pub(super) fn keep_house(inner: &Inner, stop: &Stop) -> Result<(), String> {
    let clock = &inner.world.clock;
    let timed = !inner.options.query_timeout.is_zero() || !inner.options.log_queries_after.is_zero();
    let tick = if timed { SHORT_TICK } else { TICK };
    let interval = inner.options.retention_interval.map(|span| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX));
    let mut checked = clock.monotonic_ns();
    while !stop.rest(tick) {
        let now = clock.monotonic_ns();
        inner.queries.stop_overdue(now);
        reserve::renew(&*inner.world.disk);
        if interval.is_some_and(|interval| now.saturating_sub(checked) >= interval) {
            checked = now;
            match inner.enforce_retention() {
                Ok(0) => {}
                Ok(dropped) => tracing::info!(dropped, "expired shards dropped"),
                Err(error) => tracing::warn!(%error, "expired shards could not be dropped, it will be tried again"),
            }
        }
    }
    Ok(())
}
