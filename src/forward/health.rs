//! Whether an upstream that did not answer is there.
//!
//! As CoreDNS: nothing is checked while all is well. After a question without an answer the upstream
//! is asked again and again until it sends anything at all; it is down after more failures in a row
//! than `max_fails`.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    select,
    time::{Instant, sleep},
};

use super::{asking::Over, counters::Counters, line::Line, message::Query, upstream::Upstream};

/// How upstreams are checked.
pub(super) struct Checks {
    pub(super) query: Query,
    pub(super) over: Over,
    /// Zero: upstreams are never down.
    pub(super) max_fails: u32,
    /// Zero: the same.
    pub(super) interval: Duration,
    pub(super) runtime: Handle,
    pub(super) counters: Counters,
}

/// CoreDNS's.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Checks an upstream until it answers, if nobody does yet.
pub(super) fn check<L: Line>(upstream: &Arc<Upstream<L>>) {
    let checks = &upstream.checks;
    let is_wanted = checks.max_fails > 0 && !checks.interval.is_zero();
    if !is_wanted || upstream.is_checked.load(Ordering::Relaxed) || upstream.is_checked.swap(true, Ordering::AcqRel) {
        return;
    }
    let upstream = upstream.clone();
    checks.runtime.clone().spawn(async move {
        let mut stop = upstream.stop.clone();
        select! {
            () = until_it_answers(&upstream) => {}
            // Nothing is ever sent: this is the end of whoever would.
            _ = stop.changed() => {}
        }
        upstream.is_checked.store(false, Ordering::Release);
    });
}

async fn until_it_answers<L: Line>(upstream: &Upstream<L>) {
    let checks = &upstream.checks;
    loop {
        match upstream.line.exchange(&checks.query, checks.over, Instant::now() + TIMEOUT).await {
            Ok(_) => break,
            Err(lost) => {
                upstream.counters.healthcheck_failures.add();
                let fails = upstream.fails.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                if fails > checks.max_fails && upstream.set_down(true) {
                    tracing::warn!("upstream {upstream} is down: {}", lost.text);
                }
            }
        }
        sleep(checks.interval).await;
    }
    upstream.fails.store(0, Ordering::Relaxed);
    if upstream.set_down(false) {
        tracing::info!("upstream {upstream} is back");
    }
}
