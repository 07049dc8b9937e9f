//! Takes what the watches say, a batch at a time, and puts it into the tables.

use std::{
    panic::{self, AssertUnwindSafe},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::FutureExt;
use tokio::time::{self, Sleep};

use super::{Complete, SAVED_STATE, progress::Progress};
use crate::{
    app::{Feed, News, keeper::Changes},
    objects::{
        Change, Picture,
        api::{Api, Arrival, Failure, Watched, What},
    },
    sockets::seldom::Seldom,
};

/// See the module.
pub(super) struct Applier {
    api: Api,
    feed: Feed,
    progress: Progress,
    complete: Arc<Complete>,
    changes: Option<Changes>,
    left_out_told: Seldom,
    /// Until then what arrives is gathered.
    next_batch: Instant,
}

/// As many changes go into the tables at once: a batch of slices is decoded and small.
const BATCH_MAX: usize = 1024;
/// Between two batches, four times what the first cost: a rush of changes takes a fifth of a core.
const PAUSE_OF_COST: u32 = 4;
/// What p99 of propagation allows.
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// A shorter pause is none: changes that are cheap are applied as they come.
const TICK: Duration = Duration::from_millis(1);
/// A right that was there is missing for so long before anybody is told.
const RIGHTS_PATIENCE: Duration = Duration::from_secs(10);
/// A defect that is met again and again must not take a core.
const DEFECT_PAUSE: Duration = Duration::from_secs(5);

impl Applier {
    pub(super) fn new(
        api: Api,
        feed: Feed,
        progress: Progress,
        complete: Arc<Complete>,
        changes: Option<Changes>,
    ) -> Self {
        Self { api, feed, progress, complete, changes, left_out_told: Seldom::new(), next_batch: Instant::now() }
    }

    /// Applies until nobody watches any more.
    pub(super) async fn run(mut self, startup_timeout: Duration) {
        let mut presume = Some(Box::pin(time::sleep(startup_timeout)));
        while AssertUnwindSafe(self.follow(&mut presume)).catch_unwind().await.is_err() {
            time::sleep(DEFECT_PAUSE).await;
            self.mend();
        }
    }

    /// A panic leaves changes behind that were not applied, or not published: until everything is listed
    /// again, what is not known may exist.
    fn mend(&mut self) {
        self.progress.begin_again();
        self.api.restart();
        let (feed, known) = (&self.feed, self.progress.known());
        // What panicked once may do so again; it hinders nothing else.
        let _ = panic::catch_unwind(AssertUnwindSafe(|| {
            feed.vouch(known);
            feed.publish_all();
        }));
    }

    async fn follow(&mut self, presume: &mut Option<Pin<Box<Sleep>>>) {
        loop {
            let timed_out = async {
                match presume.as_mut() {
                    Some(sleep) => sleep.await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                arrival = self.api.next() => match arrival {
                    Some(arrival) => {
                        // A timer has ticks of a millisecond.
                        if self.next_batch.saturating_duration_since(Instant::now()) >= TICK {
                            time::sleep_until(self.next_batch.into()).await;
                        }
                        self.take(arrival);
                    }
                    None => return,
                },
                () = timed_out => {
                    *presume = None;
                    self.presume();
                }
            }
        }
    }

    /// Applies what has arrived, and what arrived meanwhile.
    fn take(&mut self, first: Arrival) {
        let mut news = Vec::new();
        let mut next = Some(first);
        while let Some(arrival) = next {
            news.extend(self.heard(arrival));
            next = if news.len() < BATCH_MAX { self.api.try_next() } else { None };
        }
        if news.is_empty() {
            return;
        }
        let has_list = news.iter().any(|news| matches!(news.change, Change::Reset(_)));
        let (start, cost) = (Instant::now(), worked());
        self.feed.apply_all(news);
        let cost = worked().saturating_sub(cost);
        self.next_batch = start + (cost * PAUSE_OF_COST).min(PAUSE_MAX);
        if has_list {
            self.feed.loaded();
        }
        if self.progress.is_complete() {
            if has_list {
                self.feed.set_stale(false);
                self.feed.clear(SAVED_STATE);
                self.complete.set();
            }
            self.changes.iter().for_each(Changes::changed);
        }
    }

    /// The API server had its time: a saved state is taken for the cluster from here on.
    fn presume(&mut self) {
        self.progress.presume();
        self.feed.vouch(self.progress.known());
        if self.progress.is_stale() {
            tracing::warn!(
                "the Kubernetes API has not shown the cluster yet: what the saved state lacks does not exist"
            );
        }
    }

    /// What an arrival changes.
    fn heard(&mut self, arrival: Arrival) -> Option<News> {
        let Arrival { watched, what, received } = arrival;
        let news = |change, triggered_unix_secs| Some(News { change, received, triggered_unix_secs });
        let resource = self.api.watched[watched].resource();
        match what {
            What::Applied { object, triggered_unix_secs } => {
                self.feed.source().happened(resource, "applied");
                news(Change::Apply(object), triggered_unix_secs)
            }
            What::Deleted(key) => {
                self.feed.source().happened(resource, "deleted");
                news(Change::Delete(key), None)
            }
            What::Listed { objects, left_out } => {
                self.feed.source().happened(resource, "listed");
                self.progress.listed(watched);
                let list = &self.api.watched[watched];
                if left_out.is_empty() {
                    self.feed.clear(&unreadable(list));
                }
                let (known, scope) = (self.progress.known(), list.scope());
                news(Change::Reset(Picture { objects, left_out, known, scope }), None)
            }
            What::LeftOut(problem) => {
                self.feed.source().left_out(resource);
                self.feed.fault(&unreadable(&self.api.watched[watched]), &problem.to_string());
                if self.left_out_told.is_due(received) {
                    tracing::warn!("{problem}; clusterdns_objects_left_out_total counts more of them");
                }
                None
            }
            What::InStep => self.in_step(watched),
            What::Lost(failure) => self.lost(watched, &failure),
            What::Requested(requested) => {
                self.feed.source().requested(&self.api.host, requested.code, requested.took);
                None
            }
        }
    }

    fn in_step(&mut self, watched: usize) -> Option<News> {
        let list = &self.api.watched[watched];
        self.feed.clear(&part(list));
        if let Some(since) = self.progress.in_step(watched, SystemTime::now()) {
            let secs = since.elapsed().unwrap_or_default().as_secs_f64();
            tracing::info!("{list}: followed again, after {secs:.1} s");
        }
        self.note_lag();
        None
    }

    fn lost(&mut self, watched: usize, failure: &Failure) -> Option<News> {
        let list = &self.api.watched[watched];
        self.feed.source().failed(list.resource(), failure.reason());
        let now = SystemTime::now();
        self.progress.lost(watched, failure.reason(), now);
        let passing = match failure {
            // The list is read again.
            Failure::Gone(_) => true,
            // An API server that has just started knows of no rights for a moment.
            Failure::Forbidden(_) => self.progress.is_young(watched, RIGHTS_PATIENCE, now),
            _ => false,
        };
        if passing {
            tracing::debug!("{list}: {failure}");
        } else {
            let advice = match failure {
                Failure::Forbidden(_) => format!("; add to the ClusterRole: {}", list.rule()),
                _ => String::new(),
            };
            self.feed.fault(&part(list), &format!("{failure}{advice}"));
            if self.progress.is_news(watched, failure.reason(), now) {
                tracing::warn!("{list}: {failure}{advice}; what is known stays in service, trying again");
            }
        }
        self.note_lag();
        None
    }

    fn note_lag(&self) {
        match self.progress.behind_since() {
            Some(since) => self.feed.source().lag.set_since(since),
            None => self.feed.source().lag.clear(),
        }
    }
}

/// How long this thread has worked so far: on a busy machine the time that passes is mostly that of others, and who
/// was made to wait by them must not wait four times as long again.
#[cfg(target_os = "linux")]
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// The time that passes is all that is known here.
#[cfg(not(target_os = "linux"))]
fn worked() -> Duration {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// What `/ready` calls a list that is not followed.
fn part(list: &Watched) -> String {
    format!("Kubernetes API, {list}")
}

/// What `/ready` calls objects of a list that cannot be read; the last one is named.
fn unreadable(list: &Watched) -> String {
    format!("{list} that cannot be read")
}
