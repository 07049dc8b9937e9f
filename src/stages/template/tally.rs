//! What is counted of templates, as metrics want it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::line::Scope;
use crate::records::name::Name;

/// Counts. A template is no part of the fast path.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<BTreeMap<Count, u64>>);

/// What a count is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count {
    /// What happened.
    pub counted: Counted,
    /// On which listener of the plan.
    pub listener: usize,
    /// The template's, that the name is in.
    pub zone: Name,
    /// CLASS, of the question if it asks for one.
    pub class: u16,
    /// TYPE, of the question if it asks for one.
    pub kind: u16,
}

/// What happens to a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// It was for a question.
    Match,
    /// This text could not be completed.
    TemplateFailure(Section, Box<str>),
    /// What came of this text was no record.
    RecordFailure(Section, Box<str>),
}

/// A section of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs)]
pub enum Section {
    Answer,
    Authority,
    Additional,
}

/// Types are chosen by who asks: 65,536 for each template, at 300 octets. Further ones are not counted.
const COUNTS_MAX: usize = 1024;

impl Tally {
    pub(super) fn add(&self, scope: &Scope<'_>, counted: Counted) {
        let Scope { zone, class, kind, inquiry, .. } = scope;
        let count = Count { counted, listener: inquiry.listener, zone: (*zone).clone(), class: *class, kind: *kind };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.len() < COUNTS_MAX || counts.contains_key(&count) {
            *counts.entry(count).or_default() += 1;
        }
    }

    pub(super) fn counts(&self) -> Vec<(Count, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(count, number)| (count.clone(), *number)).collect()
    }
}
