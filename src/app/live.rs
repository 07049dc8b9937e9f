//! The Kubernetes API as a source: what its watches say goes into the tables, soon and in few steps.
//!
//! ```text
//! watches ─► Arrival... ─► Applier: a batch ─► Feed::apply_all
//! └──────── one thread, which nobody waits for ────────┘
//! ```
//!
//! The first change after a quiet moment is served at once. While changes rush in they are gathered
//! for a pause, so that a Service of 5,000 endpoints is not published for each of its slices.

use std::{
    io,
    panic::AssertUnwindSafe,
    path::Path,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::FutureExt;
use thiserror::Error;
use tokio::{
    runtime::Builder,
    sync::oneshot,
    time::{self, Sleep},
};

use super::{
    Feed, News, Server,
    keeper::{Changes, Keeper},
    progress::Progress,
};
use crate::{
    config::{Config, Kubernetes},
    objects::{
        Change, Known, Needs, Picture,
        api::{AccessError, Api, Arrival, Failure, Pace, Watched, What},
        state::{self, Saved},
    },
    observe::tables,
    sockets::seldom::Seldom,
};

/// Follows the cluster until it is dropped.
pub struct Live {
    /// The URL of the API server.
    pub server: String,
    feed: Feed,
    complete: Arc<Complete>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// What was applied before the end is saved.
    _keeper: Option<Keeper>,
}

/// Whether the cluster was known completely once.
#[derive(Default)]
struct Complete {
    is: Mutex<bool>,
    became: Condvar,
}

/// Why the cluster cannot be watched.
#[derive(Debug, Error)]
pub enum LiveError {
    /// The configuration does not ask for it.
    #[error("[kubernetes] enabled is false: set it, or start with --kubernetes")]
    NotEnabled,
    /// There are no credentials.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// Threads.
    #[error("the system does not let the cluster be watched: {0}")]
    System(#[from] io::Error),
}

/// What takes the arrivals.
struct Applier {
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
/// From one batch to the next: what p99 of propagation allows, with a tick of the timer.
const PAUSE: Duration = Duration::from_millis(1);
/// A batch that took long may take this part of the time: a fifth of a core.
const PAUSE_OF_COST: u32 = 4;
const PAUSE_MAX: Duration = Duration::from_millis(20);
/// A defect that is met again and again must not take a core.
const DEFECT_PAUSE: Duration = Duration::from_secs(5);

impl Live {
    /// Starts to watch for a server.
    ///
    /// # Errors
    /// There is no way to the API server: no credentials, or none that can be read.
    pub fn start(config: &Config, server: &Server) -> Result<Self, LiveError> {
        Self::start_with(config, server, Pace::default())
    }

    /// Starts to watch, at this pace.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_with(config: &Config, server: &Server, pace: Pace) -> Result<Self, LiveError> {
        let Kubernetes { enabled, access, startup_timeout, state, state_interval } = config.kubernetes.clone();
        if !enabled {
            return Err(LiveError::NotEnabled);
        }
        // A thread of its own: whole lists are long work, and changes want no other thread to wake.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let asks = config.asks();
        let api = runtime.block_on(Api::start(access, &asks, pace))?;
        let url = api.server.clone();
        let feed = server.feed();
        feed.reads_from(vec![format!("the Kubernetes API at {url}")]);
        let fingerprint = format!("{url} {asks}");
        let saved = state.as_ref().and_then(|path| restore(path, &fingerprint, asks.needs, &feed));
        let (saved, since) = saved.map_or((None, SystemTime::now()), |(known, since)| (Some(known), since));
        feed.source().lag.set_since(since);
        let keep = |path| Keeper::start(path, state_interval, fingerprint, feed.store.clone(), feed.events().clone());
        let keeper = state.map(keep).transpose()?;
        let complete = Arc::<Complete>::default();
        let applier = Applier {
            progress: Progress::new(&api.watched, saved, since),
            api,
            feed: feed.clone(),
            complete: complete.clone(),
            changes: keeper.as_ref().map(Keeper::changes),
            left_out_told: Seldom::new(),
            next_batch: Instant::now(),
        };
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("cluster".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = applier.run(startup_timeout) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { server: url, feed, complete, stop: Some(stop), thread: Some(thread), _keeper: keeper })
    }

    /// Whether what is served is a state that was saved before.
    pub fn is_stale(&self) -> bool {
        self.feed.views.iter().any(|view| view.is_stale())
    }

    /// What is known, in numbers.
    pub fn summary(&self) -> String {
        let counted = self.feed.views.first().map(|view| tables::tables(view).collect::<Vec<_>>()).unwrap_or_default();
        let counts: Vec<_> = counted.iter().map(|(kind, table)| format!("{} {kind}", table.entries)).collect();
        counts.join(", ")
    }

    /// Waits until the cluster is known completely, for so long at most. Says whether it is.
    pub fn wait_for_picture(&self, patience: Duration) -> bool {
        self.complete.wait(patience)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // Where the thread has ended nobody has to be told.
        let _ = self.stop.take().map(|stop| stop.send(()));
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Complete {
    fn set(&self) {
        *self.is.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.became.notify_all();
    }

    fn wait(&self, patience: Duration) -> bool {
        let is = self.is.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.became.wait_timeout_while(is, patience, |is| !*is);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Applier {
    /// Applies until nobody watches any more. A panic leaves changes behind that were not applied: then
    /// everything is listed again, which mends it.
    async fn run(mut self, startup_timeout: Duration) {
        let mut presume = Some(Box::pin(time::sleep(startup_timeout)));
        while AssertUnwindSafe(self.follow(&mut presume)).catch_unwind().await.is_err() {
            time::sleep(DEFECT_PAUSE).await;
            self.api.restart();
        }
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
                        if Instant::now() < self.next_batch {
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
        let start = Instant::now();
        self.feed.apply_all(news);
        self.next_batch = start + (start.elapsed() * PAUSE_OF_COST).clamp(PAUSE, PAUSE_MAX);
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
                self.feed.loaded();
                let (known, scope) = (self.progress.known(), self.api.watched[watched].scope());
                news(Change::Reset(Picture { objects, left_out, known, scope }), None)
            }
            What::LeftOut(problem) => {
                self.feed.source().left_out(resource);
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
        if let Some(since) = self.progress.in_step(watched) {
            let secs = since.elapsed().unwrap_or_default().as_secs_f64();
            tracing::info!("{list}: followed again, after {secs:.1} s");
        }
        self.note_lag();
        None
    }

    fn lost(&mut self, watched: usize, failure: &Failure) -> Option<News> {
        let list = &self.api.watched[watched];
        self.feed.source().failed(list.resource(), failure.reason());
        self.progress.lost(watched, SystemTime::now());
        // To be forgotten is a matter of course: the list is read again.
        if let Failure::Gone(_) = failure {
            tracing::debug!("{list}: {failure}");
        } else {
            let advice = match failure {
                Failure::Forbidden(_) => format!("; add to the ClusterRole: {}", list.rule()),
                _ => String::new(),
            };
            self.feed.fault(&part(list), &format!("{failure}{advice}"));
            if self.progress.is_news(watched, failure.reason()) {
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

/// Begins with the tables of an earlier run, if they were saved. Says what they are complete about, and
/// of when they are.
fn restore(path: &Path, fingerprint: &str, needs: Needs, feed: &Feed) -> Option<(Known, SystemTime)> {
    let saved = state::load(path, fingerprint, needs);
    let Saved { picture, saved_unix_secs } = saved.inspect_err(|error| tracing::warn!("{error}")).ok()??;
    let (known, since) = (picture.known, UNIX_EPOCH + Duration::from_secs(saved_unix_secs.into()));
    let age_secs = since.elapsed().unwrap_or_default().as_secs();
    let text =
        format!("serving what was known {age_secs} s before the start, until the Kubernetes API shows the cluster");
    tracing::info!("{text}: {} objects", picture.objects.len());
    // Before the first record shows.
    feed.set_stale(true);
    feed.fault(SAVED_STATE, &text);
    feed.apply(Change::Reset(Picture { known: Known::default(), ..picture }));
    Some((known, since))
}

/// What `/ready` calls the state of an earlier run.
const SAVED_STATE: &str = "saved state";

/// What `/ready` calls a list that is not followed.
fn part(list: &Watched) -> String {
    format!("Kubernetes API, {list}")
}
