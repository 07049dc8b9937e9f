//! Saves what the store knows in the background, so that a restart need not wait for the API.
//!
//! Whoever applies changes says that something [changed](Changes::changed). A thread saves soon after
//! the first change, then once an interval at most, and at the end once more. What cannot be saved
//! stands in the log and the metrics and hinders nobody: the file keeps what it held, and the next
//! interval tries again.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::unix_secs;
use crate::{
    objects::state::{self, Header},
    observe::events::Events,
    records::store::{Pages, Store},
};

/// Keeps a file up to date until it is dropped, which saves what is not saved yet.
pub struct Keeper {
    wishes: Arc<Wishes>,
    thread: Option<JoinHandle<()>>,
}

/// Tells a keeper. Cheap to clone, and does not keep it.
#[derive(Clone)]
pub struct Changes(Arc<Wishes>);

/// What the thread is asked for.
#[derive(Default)]
struct Wishes {
    state: Mutex<Wished>,
    woken: Condvar,
}

#[derive(Clone, Copy, Default)]
struct Wished {
    /// Something is not saved yet.
    changed: bool,
    /// This is the end.
    ended: bool,
}

/// What is saved, and where.
struct Target {
    path: PathBuf,
    fingerprint: String,
    store: Arc<Mutex<Store>>,
    events: Events,
    /// The last attempt failed, and somebody was told.
    failing: bool,
}

impl Keeper {
    /// Saves into `path` whatever `store` knows, once an `interval` at most.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(
        path: PathBuf,
        interval: Duration,
        fingerprint: String,
        store: Arc<Mutex<Store>>,
        events: Events,
    ) -> io::Result<Self> {
        let wishes = Arc::<Wishes>::default();
        let target = Target { path, fingerprint, store, events, failing: false };
        let of_thread = wishes.clone();
        let thread =
            thread::Builder::new().name("state-keeper".into()).spawn(move || run(&of_thread, target, interval))?;
        Ok(Self { wishes, thread: Some(thread) })
    }

    /// Where to say that something changed.
    pub fn changes(&self) -> Changes {
        Changes(self.wishes.clone())
    }
}

impl Changes {
    /// Says that the store knows something that is not saved, and is complete and up to date. Costs
    /// a lock that nobody holds for long.
    pub fn changed(&self) {
        let mut wished = self.0.lock();
        if !wished.changed {
            wished.changed = true;
            self.0.woken.notify_one();
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.wishes.lock().ended = true;
        self.wishes.woken.notify_one();
        if let Some(thread) = self.thread.take() {
            // One that panicked has said so.
            let _ = thread.join();
        }
    }
}

impl Wishes {
    fn lock(&self) -> MutexGuard<'_, Wished> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was to be saved still is. At the end one attempt must do.
    fn try_again(&self) {
        let mut wished = self.lock();
        wished.changed |= !wished.ended;
    }

    /// Waits until it is time to save, and takes the wish for it; none where this is the end and all
    /// is saved.
    fn next(&self, last: Option<Instant>, interval: Duration) -> Option<()> {
        let mut wished = self.lock();
        loop {
            match due(*wished, last, interval, Instant::now()) {
                Due::Now => {
                    wished.changed = false;
                    return Some(());
                }
                Due::Never => return None,
                Due::In(pause) => {
                    wished = self.woken.wait_timeout(wished, pause).unwrap_or_else(PoisonError::into_inner).0;
                }
                Due::Unknown => wished = self.woken.wait(wished).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

/// When to save.
#[derive(Debug, PartialEq, Eq)]
enum Due {
    Now,
    /// After this time, unless it is the end before.
    In(Duration),
    /// When something changes.
    Unknown,
    /// Everything is saved, and nothing will change.
    Never,
}

/// Decides when to save, where the last attempt was at `last`.
fn due(wished: Wished, last: Option<Instant>, interval: Duration, now: Instant) -> Due {
    let passed = last.map(|last| now.saturating_duration_since(last));
    match wished {
        Wished { changed: false, ended: false } => Due::Unknown,
        Wished { changed: false, ended: true } => Due::Never,
        Wished { changed: true, ended: true } => Due::Now,
        Wished { changed: true, ended: false } => match passed {
            Some(passed) if passed < interval => Due::In(interval - passed),
            _ => Due::Now,
        },
    }
}

fn run(wishes: &Wishes, mut target: Target, interval: Duration) {
    let mut last = None;
    while wishes.next(last, interval).is_some() {
        let saved = target.save();
        match (target.news(&saved), &saved) {
            (Some(news), Ok(_)) => tracing::info!("{news}"),
            (Some(news), Err(_)) => tracing::warn!("{news}"),
            (None, _) => {}
        }
        if saved.is_err() {
            wishes.try_again();
        }
        last = Some(Instant::now());
    }
}

impl Target {
    fn save(&self) -> io::Result<u64> {
        let pages = Pages::new(self.store.clone(), None);
        let saved_unix_secs = unix_secs();
        let header = Header { fingerprint: self.fingerprint.clone(), saved_unix_secs, known: pages.known() };
        let saved = state::save(&self.path, &header, pages.flatten());
        if saved.is_ok() {
            self.events.state_saved_timestamp_seconds.set(saved_unix_secs.into());
            self.events.state_saves_ok.inc();
        } else {
            self.events.state_saves_failed.inc();
        }
        saved
    }

    /// What somebody should hear of an attempt: that it failed, once until one succeeds again.
    fn news(&mut self, saved: &io::Result<u64>) -> Option<String> {
        let was_failing = std::mem::replace(&mut self.failing, saved.is_err());
        let path = self.path.display();
        match saved {
            Ok(_) => was_failing.then(|| format!("the state is saved to {path} again")),
            Err(_) if was_failing => None,
            Err(error) => {
                Some(format!("the state cannot be saved to {path}: {error}{}; it is tried again", advice(error)))
            }
        }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; make the folder, or choose another path",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; let the user that clusterdns runs as write into the folder, or choose another path"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room for it",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
