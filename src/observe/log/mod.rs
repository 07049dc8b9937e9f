//! What is said of questions: a line for each (`log`), and for those that failed (`errors`).
//!
//! ```text
//! threads ─► Pen ─► ring of Records ─┐
//! tasks ───► Logs::answered ─► ring ─┼─► Writer, a thread: lines on standard output
//!            Logs::failed ─► errors ─┘                     and, of errors, in the log of the process
//! ```
//!
//! Whoever answers never waits for a line: a record is copied into a ring, and where that is full it is
//! counted and forgotten. Where nothing is to be logged there are no rings, and no thread.

mod errors;
mod line;
mod record;
mod rules;
mod writer;

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use prometheus::IntCounter;

use self::{
    errors::Failed,
    record::Record,
    writer::{Ring, Told, Ways, Writer},
};
use super::events::Events;
use crate::respond::{Exchange, Trouble};
pub use line::Form;
pub use rules::Rules;

/// The log of a server.
pub struct Logs {
    rules: ArcSwap<Rules>,
    /// The pen of tasks, which have no thread of their own.
    shared: ArcSwapOption<Pen>,
    state: Mutex<State>,
    told: SyncSender<Told>,
    /// Tells the writer to end: there may be no room to tell it otherwise.
    ending: Arc<AtomicBool>,
    is_json: Arc<AtomicBool>,
    dropped: Dropped,
}

/// How the writer is reached.
struct State {
    rings: Arc<Mutex<Vec<Ring>>>,
    /// What it will listen to, and where it will write, as long as it is not started.
    ends: Option<(Receiver<Told>, Box<dyn io::Write + Send>)>,
    /// Closes when it has ended.
    ended: Option<Receiver<()>>,
}

/// Lines for which there was no room.
#[derive(Clone)]
struct Dropped {
    queries: IntCounter,
    errors: IntCounter,
}

/// Writes down what is answered by one plan. A thread has one of its own.
pub struct Pen {
    rules: Arc<Rules>,
    ring: SyncSender<Record>,
    dropped: IntCounter,
}

/// Records of one thread that may wait, of 340 octets: 700 KB, and 100,000 questions a second between two
/// looks of the writer.
const RING_RECORDS: usize = 2048;
/// Errors that may wait, with some 200 octets each.
const ERRORS_MAX: usize = 1024;

impl Logs {
    /// Nothing is logged yet. Questions will be to `out`; what is dropped is counted in `events`.
    pub fn new(events: &Events, out: Box<dyn io::Write + Send>) -> Self {
        let dropped =
            Dropped { queries: events.log_dropped_queries.clone(), errors: events.log_dropped_errors.clone() };
        let (told, inbox) = sync_channel(ERRORS_MAX);
        let state = State { rings: Arc::default(), ends: Some((inbox, out)), ended: None };
        Self {
            rules: ArcSwap::default(),
            shared: ArcSwapOption::empty(),
            state: Mutex::new(state),
            told,
            ending: Arc::default(),
            is_json: Arc::default(),
            dropped,
        }
    }

    /// How lines are written from now on.
    pub fn set_form(&self, form: Form) {
        self.is_json.store(form == Form::Json, Ordering::Relaxed);
    }

    /// From now on these rules hold. Threads that answer take a new [`pen`](Self::pen) with the plan that the
    /// rules belong to.
    ///
    /// # Errors
    /// The system has no thread left.
    pub fn use_rules(&self, rules: Rules) -> io::Result<()> {
        if !rules.is_empty() {
            self.start()?;
        }
        self.rules.store(Arc::new(rules));
        self.shared.store(self.pen().map(Arc::new));
        Ok(())
    }

    /// Writes down what one thread answers; none where nothing is logged.
    pub fn pen(&self) -> Option<Pen> {
        let rules = self.rules.load_full();
        if !rules.logs_questions() {
            return None;
        }
        let (ring, records) = sync_channel(RING_RECORDS);
        let rings = self.state().rings.clone();
        writer::lock(&rings).push(Ring { rules: rules.clone(), records });
        // One that has much to do looks anyway.
        let _ = self.told.try_send(Told::Look);
        Some(Pen { rules, ring, dropped: self.dropped.queries.clone() })
    }

    /// A task has answered a question, which took so long.
    pub fn answered(&self, exchange: &Exchange<'_>, took: Duration) {
        if let Some(pen) = &*self.shared.load() {
            pen.answered(exchange, || took);
        }
    }

    /// What others were asked for went wrong.
    pub fn failed(&self, Trouble { query, outcome, error }: &Trouble) {
        let rules = self.rules.load();
        let Some(errors) = outcome.route.and_then(|route| rules.errors(route)) else { return };
        let Some(failed) = Failed::new(query, outcome.rcode, error) else { return };
        if self.told.try_send(Told::Failed(errors.clone(), failed)).is_err() {
            self.dropped.errors.inc();
        }
    }

    /// Writes what waits, for no longer than this.
    pub fn finish(&self, patience: Duration) {
        self.shared.store(None);
        let Some(ended) = self.state().ended.take() else { return };
        self.ending.store(true, Ordering::Relaxed);
        let _ = self.told.try_send(Told::Look);
        // It ends by closing this: nothing is ever sent.
        let _ = ended.recv_timeout(patience);
    }

    fn start(&self) -> io::Result<()> {
        let mut state = self.state();
        let Some((inbox, out)) = state.ends.take() else { return Ok(()) };
        let (alive, ended) = sync_channel(1);
        state.ended = Some(ended);
        let ways = Ways {
            inbox,
            out,
            rings: state.rings.clone(),
            ending: self.ending.clone(),
            is_json: self.is_json.clone(),
            alive,
        };
        Writer::new(ways, self.dropped.clone()).start()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pen {
    /// Writes a question down, if a rule wants it. Only then is `took` asked for the time.
    #[inline]
    pub fn answered(&self, exchange: &Exchange<'_>, took: impl FnOnce() -> Duration) {
        if let Some(record) = self.rules.record(exchange, took)
            && self.ring.try_send(record).is_err()
        {
            self.dropped.inc();
        }
    }
}

#[cfg(test)]
mod tests;
