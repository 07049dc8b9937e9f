//! Questions in flight, each once.
//!
//! Whoever asks what is asked already waits for the same answer. That spares upstreams, and it is what
//! keeps spoofers from guessing at many copies of a question at once. The first asks for all; where it is
//! gone before there is an answer, one of the others asks anew.

use std::{
    future::Future,
    hash::{Hash, Hasher},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use dashmap::{DashMap, mapref::entry::Entry};
use tokio::sync::watch;

use super::{
    asking::{Answer, Failure, Over},
    counters::Counters,
    message::Query,
};

/// See the module.
pub(super) struct Flights {
    flights: DashMap<Key, Others, foldhash::quality::RandomState>,
    flying: AtomicUsize,
    questions_max: usize,
    counters: Counters,
}

/// What makes two questions the same: everything but the id.
#[derive(Clone)]
pub(super) struct Key {
    message: Arc<[u8]>,
    over: Over,
    /// Whether the client takes more than a datagram of an upstream may have.
    takes_more: bool,
}

/// What a question comes to.
pub(super) type Outcome = Result<Answer, Failure>;

/// Who waits beside the first: made for the second.
type Others = Option<watch::Sender<Option<Outcome>>>;

/// A place for a question.
pub(super) enum Place<'f> {
    /// Nobody else asks it.
    First(First<'f>),
    /// Somebody does. Nothing will come where that one goes without an answer.
    Beside(watch::Receiver<Option<Outcome>>),
}

/// The one who asks. The question may be asked anew when it is dropped.
pub(super) struct First<'f> {
    flights: &'f Flights,
    key: Key,
    has_left: bool,
}

impl Flights {
    pub(super) fn new(questions_max: usize, counters: Counters) -> Self {
        let flights = DashMap::with_hasher(foldhash::quality::RandomState::default());
        Self { flights, flying: AtomicUsize::new(0), questions_max, counters }
    }

    /// Waits for the answer to this question with those who ask it already, or asks it.
    pub(super) async fn join<F>(&self, key: Key, ask: impl Fn() -> F) -> Outcome
    where
        F: Future<Output = Outcome>,
    {
        loop {
            match self.place(key.clone())? {
                Place::First(mut first) => {
                    let outcome = ask().await;
                    first.leave(Some(&outcome));
                    return outcome;
                }
                Place::Beside(mut told) => {
                    if let Ok(outcome) = told.wait_for(Option::is_some).await
                        && let Some(outcome) = outcome.clone()
                    {
                        return outcome;
                    }
                }
            }
        }
    }

    /// Finds a place for a question.
    pub(super) fn place(&self, key: Key) -> Result<Place<'_>, Failure> {
        let entry = match self.flights.entry(key) {
            Entry::Occupied(mut others) => {
                self.counters.shared.add();
                return Ok(Place::Beside(others.get_mut().get_or_insert_with(|| watch::Sender::new(None)).subscribe()));
            }
            Entry::Vacant(entry) => entry,
        };
        if self.flying.fetch_add(1, Ordering::Relaxed) >= self.questions_max {
            self.flying.fetch_sub(1, Ordering::Relaxed);
            self.counters.overloaded.add();
            return Err(Failure::Overloaded { questions_max: self.questions_max });
        }
        self.counters.in_flight.rise();
        let key = entry.key().clone();
        entry.insert(None);
        Ok(Place::First(First { flights: self, key, has_left: false }))
    }
}

impl First<'_> {
    fn leave(&mut self, outcome: Option<&Outcome>) {
        if std::mem::replace(&mut self.has_left, true) {
            return;
        }
        self.flights.flying.fetch_sub(1, Ordering::Relaxed);
        self.flights.counters.in_flight.fall();
        let others = self.flights.flights.remove(&self.key).and_then(|(_, others)| others);
        if let (Some(others), Some(outcome)) = (others, outcome) {
            others.send_replace(Some(outcome.clone()));
        }
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        self.leave(None);
    }
}

impl Key {
    pub(super) fn new(query: &Query, over: Over, takes_more: bool) -> Self {
        Self { message: query.message().clone(), over, takes_more }
    }

    fn parts(&self) -> (&[u8], Over, bool) {
        (&self.message[size_of::<u16>()..], self.over, self.takes_more)
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.parts().hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for Key {}
