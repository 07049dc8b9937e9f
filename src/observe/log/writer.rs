//! The thread that writes: it looks into the rings by itself, so that nobody who answers has to wake it.

use std::{
    io::{self, Write},
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TryRecvError},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    Dropped, ERRORS_MAX, Form, RING_RECORDS, Rules,
    errors::{Failed, Line, Summary},
    line,
    record::Record,
};
use crate::config::logging::{Errors, Level};

/// Where the records of one pen wait.
pub(super) struct Ring {
    pub(super) rules: Arc<Rules>,
    pub(super) records: Receiver<Record>,
}

/// What the writer is told.
pub(super) enum Told {
    /// There is a new ring.
    Look,
    /// A question failed.
    Failed(Arc<Errors>, Failed),
}

/// Between the writer and the others.
pub(super) struct Ways {
    pub(super) inbox: Receiver<Told>,
    pub(super) out: Box<dyn Write + Send>,
    pub(super) rings: Arc<Mutex<Vec<Ring>>>,
    /// Set when it should write what there is, and end.
    pub(super) ending: Arc<AtomicBool>,
    /// Whether lines are JSON.
    pub(super) is_json: Arc<AtomicBool>,
    /// Closed when it has.
    #[expect(dead_code, reason = "it is there until it is dropped")]
    pub(super) alive: SyncSender<()>,
}

/// See the module.
pub(super) struct Writer {
    ways: Ways,
    dropped: Dropped,
    /// Of each server that has failures to tell.
    summaries: Vec<Summary>,
    /// Lines on their way out.
    text: String,
}

/// Between two looks into the rings.
const LOOK: Duration = Duration::from_millis(20);
/// Lines are written together, up to so many octets and a line.
const TEXT_OCTETS_MAX: usize = 64 * 1024;

impl Writer {
    pub(super) fn new(ways: Ways, dropped: Dropped) -> Self {
        Self { ways, dropped, summaries: Vec::new(), text: String::new() }
    }

    pub(super) fn start(self) -> io::Result<()> {
        thread::Builder::new().name("log".into()).spawn(|| self.run()).map(drop)
    }

    fn run(mut self) {
        let mut is_busy = false;
        loop {
            // Looked at first: what was told before is then heard.
            let ending = self.ways.ending.load(Ordering::Relaxed);
            self.listen(if ending || is_busy { Duration::ZERO } else { self.patience() });
            is_busy = self.write_records();
            let now = Instant::now();
            let due: Vec<Line> = self.summaries.iter_mut().flat_map(|summary| summary.due(now)).collect();
            due.into_iter().for_each(say);
            self.summaries.retain(|summary| summary.next().is_some());
            if ending {
                break;
            }
        }
        self.summaries.iter_mut().flat_map(Summary::finish).for_each(say);
    }

    /// Hears of failures until it is time to look elsewhere.
    fn listen(&mut self, patience: Duration) {
        let mut told = self.ways.inbox.recv_timeout(patience).ok();
        for _ in 0..ERRORS_MAX {
            match told {
                Some(Told::Failed(errors, failed)) => self.heard(&errors, failed),
                Some(Told::Look) => {}
                None => return,
            }
            told = self.ways.inbox.try_recv().ok();
        }
    }

    /// Without rings nothing comes by itself.
    fn patience(&self) -> Duration {
        const FOR_EVER: Duration = Duration::from_secs(3600);
        let rings = if lock(&self.ways.rings).is_empty() { FOR_EVER } else { LOOK };
        let next = self.summaries.iter().filter_map(Summary::next).min();
        next.map_or(rings, |next| next.saturating_duration_since(Instant::now()).min(rings))
    }

    fn heard(&mut self, errors: &Arc<Errors>, failed: Failed) {
        let known = self.summaries.iter().position(|summary| Arc::ptr_eq(&summary.errors, errors));
        let place = known.unwrap_or(self.summaries.len());
        if known.is_none() {
            self.summaries.push(Summary::new(errors.clone()));
        }
        if let Some(line) = self.summaries[place].heard(failed, Instant::now()) {
            say(line);
        }
    }

    /// Writes all that waits in the rings. Those go whose pen is gone, once they are empty. Says whether one was
    /// filling up.
    fn write_records(&mut self) -> bool {
        // Nobody who answers waits for this lock: it is taken by those who get a pen.
        let mut rings = mem::take(&mut *lock(&self.ways.rings));
        let mut most = 0;
        rings.retain(|ring| {
            for count in 0..RING_RECORDS {
                most = most.max(count);
                match ring.records.try_recv() {
                    Ok(record) => self.write_record(&record, &ring.rules),
                    Err(TryRecvError::Empty) => return true,
                    Err(TryRecvError::Disconnected) => return false,
                }
            }
            true
        });
        self.flush();
        let mut now = lock(&self.ways.rings);
        rings.append(&mut now);
        *now = rings;
        most > RING_RECORDS / 4
    }

    fn write_record(&mut self, record: &Record, rules: &Rules) {
        let form = if self.ways.is_json.load(Ordering::Relaxed) { Form::Json } else { Form::Text };
        line::write(&mut self.text, form, record, rules);
        if self.text.len() >= TEXT_OCTETS_MAX {
            self.flush();
        }
    }

    /// What cannot be written is lost, and counted.
    fn flush(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let written = self.ways.out.write_all(self.text.as_bytes()).and_then(|()| self.ways.out.flush());
        if written.is_err() {
            self.dropped.queries.inc_by(self.text.lines().count() as u64);
        }
        self.text.clear();
    }
}

/// Lines about failures go where the process says everything else.
fn say(Line { level, text }: Line) {
    match level {
        Level::Debug => tracing::debug!("plugin/errors: {text}"),
        Level::Info => tracing::info!("plugin/errors: {text}"),
        Level::Warning => tracing::warn!("plugin/errors: {text}"),
        Level::Error => tracing::error!("plugin/errors: {text}"),
    }
}

pub(super) fn lock(rings: &Mutex<Vec<Ring>>) -> MutexGuard<'_, Vec<Ring>> {
    rings.lock().unwrap_or_else(PoisonError::into_inner)
}
