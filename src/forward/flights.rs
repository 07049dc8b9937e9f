//! Questions in flight, each once.
//!
//! Whoever asks what is asked already waits for the same answer. That spares upstreams, and it is what
//! keeps spoofers from guessing at many copies of a question at once. A flight is a future that all
//! its askers poll: it goes on while one of them is there.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use dashmap::{DashMap, mapref::entry::Entry};
use futures_util::future::{FutureExt, Shared, WeakShared};

use super::{
    asking::{Answer, Failure, Over},
    counters::Counters,
};

/// See the module.
pub(super) struct Flights {
    sky: Arc<Sky>,
    questions_max: usize,
    number: AtomicU64,
}

struct Sky {
    flights: DashMap<Key, Flight, foldhash::quality::RandomState>,
    flying: AtomicUsize,
    counters: Counters,
}

/// What makes two questions the same.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Everything behind the id.
    pub(super) query: Bytes,
    pub(super) over: Over,
    /// Whether the client takes more than a datagram of an upstream may have.
    pub(super) takes_more: bool,
}

struct Flight {
    number: u64,
    shared: WeakShared<Outcome>,
}

/// The place of a question; free again when it is dropped.
struct Place {
    sky: Arc<Sky>,
    key: Key,
    number: u64,
}

type Outcome = Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send>>;

impl Flights {
    pub(super) fn new(questions_max: usize, counters: Counters) -> Self {
        let flights = DashMap::with_hasher(foldhash::quality::RandomState::default());
        Self {
            sky: Arc::new(Sky { flights, flying: AtomicUsize::new(0), counters }),
            questions_max,
            number: AtomicU64::new(0),
        }
    }

    /// Joins the flight of this question, or begins one.
    pub(super) fn join<F>(&self, key: Key, begin: impl FnOnce() -> F) -> Result<Shared<Outcome>, Failure>
    where
        F: Future<Output = Result<Answer, Failure>> + Send + 'static,
    {
        let counters = &self.sky.counters;
        let entry = self.sky.flights.entry(key);
        if let Entry::Occupied(flight) = &entry
            && let Some(shared) = flight.get().shared.upgrade()
        {
            counters.shared.add();
            return Ok(shared);
        }
        if self.sky.flying.fetch_add(1, Ordering::Relaxed) >= self.questions_max {
            self.sky.flying.fetch_sub(1, Ordering::Relaxed);
            counters.overloaded.add();
            return Err(Failure::Overloaded { questions_max: self.questions_max });
        }
        counters.in_flight.rise();
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let place = Place { sky: self.sky.clone(), key: entry.key().clone(), number };
        let course = begin();
        let outcome: Outcome = Box::pin(async move {
            let _place = place;
            course.await
        });
        let shared = outcome.shared();
        if let Some(weak) = shared.downgrade() {
            entry.insert(Flight { number, shared: weak });
        }
        Ok(shared)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.sky.flying.fetch_sub(1, Ordering::Relaxed);
        self.sky.counters.in_flight.fall();
        // Where all its askers had gone, the same question may fly anew.
        self.sky.flights.remove_if(&self.key, |_, flight| flight.number == self.number);
    }
}
