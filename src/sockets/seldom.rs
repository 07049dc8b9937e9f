//! Faults that may come with every packet are counted each time and said seldom: a log that a
//! stranger can fill is a fault of its own.

use std::{
    sync::Mutex,
    time::{Duration, Instant},
};

/// Lets one thing be said once a minute.
#[derive(Debug, Default)]
pub struct Seldom {
    said: Mutex<Option<Instant>>,
}

const INTERVAL: Duration = Duration::from_secs(60);

impl Seldom {
    /// Nothing was said yet.
    pub const fn new() -> Self {
        Self { said: Mutex::new(None) }
    }

    /// Whether it may be said now; then it counts as said.
    pub fn is_due(&self, now: Instant) -> bool {
        let mut said = self.said.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let due = said.is_none_or(|said| now.saturating_duration_since(said) >= INTERVAL);
        if due {
            *said = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_said_again_after_a_minute() {
        let (seldom, start) = (Seldom::new(), Instant::now());
        let due = |secs| seldom.is_due(start + Duration::from_secs(secs));
        assert_eq!([0, 1, 59, 60, 61, 119, 120].map(due), [true, false, false, true, false, false, true]);
    }
}
