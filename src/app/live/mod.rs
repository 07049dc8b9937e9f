//! The Kubernetes API as a source: what its watches say goes into the tables, soon and in few steps.
//!
//! ```text
//! watches ─► Arrival... ─► Applier: a batch ─► Feed::apply_all
//! └──────── one thread, which nobody waits for ────────┘
//! ```
//!
//! The first change after a quiet moment is served at once. While changes rush in they are gathered
//! for a pause, so that a Service of 5,000 endpoints is not published for each of its slices.

mod applier;
mod progress;

use std::{
    io,
    path::Path,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use thiserror::Error;
use tokio::{runtime::Builder, sync::oneshot};

use super::{Feed, Server, keeper::Keeper};
use crate::{
    config::{Config, Kubernetes},
    objects::{
        Change, Known, Needs, Picture,
        api::{AccessError, Api, Pace},
        state::{self, Saved},
    },
    observe::tables,
};
use applier::Applier;
use progress::Progress;

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

impl Live {
    /// Starts to watch for a server.
    ///
    /// # Errors
    /// There is no way to the API server: no credentials, or none that can be read.
    pub fn start(config: &Config, server: &Server) -> Result<Self, LiveError> {
        Self::follow(config, server.feed(), Pace::default())
    }

    /// Starts to watch for whoever reads what is fed here, at this pace.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn follow(config: &Config, feed: Feed, pace: Pace) -> Result<Self, LiveError> {
        let Kubernetes { enabled, access, startup_timeout, state, state_interval } = config.kubernetes.clone();
        if !enabled {
            return Err(LiveError::NotEnabled);
        }
        // A thread of its own: whole lists are long work, and changes want no other thread to wake.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let asks = config.asks();
        let api = runtime.block_on(Api::start(access, &asks, pace))?;
        let url = api.server.clone();
        feed.reads_from(vec![format!("the Kubernetes API at {url}")]);
        let fingerprint = format!("{url} {asks}");
        let saved = state.as_ref().and_then(|path| restore(path, &fingerprint, asks.needs, &feed));
        let (saved, since) = saved.map_or((None, SystemTime::now()), |(known, since)| (Some(known), since));
        feed.source().lag.set_since(since);
        let keep = |path| Keeper::start(path, state_interval, fingerprint, feed.store.clone(), feed.events().clone());
        let keeper = state.map(keep).transpose()?;
        let complete = Arc::<Complete>::default();
        let progress = Progress::new(&api.watched, saved, since);
        let changes = keeper.as_ref().map(Keeper::changes);
        let applier = Applier::new(api, feed.clone(), progress, complete.clone(), changes);
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("cluster".into()).spawn(move || {
            // As a task among the others: what `block_on` waits for itself is polled only after another look
            // at all sockets.
            let applied = runtime.spawn(applier.run(startup_timeout));
            runtime.block_on(async {
                tokio::select! {
                    _ = applied => {}
                    _ = stopped => {}
                }
            });
            // A name that is being looked up, or a program that fetches credentials, is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { server: url, feed, complete, stop: Some(stop), thread: Some(thread), _keeper: keeper })
    }

    /// Whether what is served is a state that was saved before.
    pub fn is_stale(&self) -> bool {
        self.feed.views().iter().any(|view| view.is_stale())
    }

    /// What is known, in numbers.
    pub fn summary(&self) -> String {
        let views = self.feed.views();
        let counted = views.first().map(|view| tables::tables(view).collect::<Vec<_>>()).unwrap_or_default();
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
