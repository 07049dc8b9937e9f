//! What goes wrong on the way to an answer, for the log.
//!
//! A client may have an answer all the same: an alias exists, whatever becomes of its target. CoreDNS asks for the
//! target by a question of its own, so that its failure has a line in the log; so it has here.

use std::{
    mem,
    sync::{MutexGuard, PoisonError},
};

use super::{
    Outcome, Trouble,
    led::Books,
    onward::{Onward, Unsaid},
    query::Query,
};
use crate::answers::question::QueryName;

/// Of one question: a template may lead to a hundred names.
const TROUBLES_MAX: usize = 16;

impl Onward {
    /// Keeps what went wrong with a question.
    pub(super) fn note(&self, query: &Query, unsaid: Unsaid) {
        let Some(error) = unsaid.error else { return };
        let mut troubles = self.lock();
        if troubles.len() < TROUBLES_MAX {
            let mut name = QueryName::new();
            let (Books { route, by, .. }, qtype) = (unsaid.books, query.read(&mut name).qtype);
            let outcome = Outcome { rcode: unsaid.rcode, route, qtype, by, ..Outcome::default() };
            troubles.push(Trouble { query: query.message().to_vec(), outcome, error });
        }
    }

    /// All of it.
    pub(super) fn troubles(&self) -> Vec<Trouble> {
        mem::take(&mut *self.lock())
    }

    /// A name leads on and on: it is counted where it has got to.
    pub(super) fn endless(&self, query: &Query) -> Unsaid {
        let mut name = QueryName::new();
        let qtype = query.read(&mut name).qtype;
        let route = self.responder.plan().listeners[self.asked.listener].route(&name, qtype);
        Unsaid::endless(route.map_or_else(Books::default, Books::of))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
