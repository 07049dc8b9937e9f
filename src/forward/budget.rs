//! How many questions may be asked twice.
//!
//! Each question earns a tenth of a hedge, and few are saved up: upstreams that are slow because they
//! have too much to do get a tenth more to do, not twice as much.

use std::sync::atomic::{AtomicU32, Ordering};

/// See the module.
#[derive(Debug)]
pub(super) struct Budget(AtomicU32);

/// What a question earns.
const EARNED: u32 = 10;
/// What a hedge costs.
const COST: u32 = 100;
/// What can be saved up: twenty hedges.
const SAVED_MAX: u32 = 20 * COST;

impl Budget {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(SAVED_MAX))
    }

    /// A question was asked.
    pub(super) fn earn(&self) {
        let saved = self.0.load(Ordering::Relaxed);
        if saved < SAVED_MAX {
            // What another thread does at the same time is a matter of one hedge.
            self.0.fetch_add(EARNED, Ordering::Relaxed);
        }
    }

    /// Pays for a hedge, if it can.
    pub(super) fn spend(&self) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |saved| saved.checked_sub(COST)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_in_ten_is_asked_twice_when_all_are_slow() {
        let budget = Budget::new();
        while budget.spend() {}
        let hedges = (0..1000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(hedges.count(), 100);
    }

    #[test]
    fn not_more_than_twenty_are_saved_up() {
        let budget = Budget::new();
        (0..1000).for_each(|_| budget.earn());
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 20);
    }
}
