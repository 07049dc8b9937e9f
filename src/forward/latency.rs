//! How long an upstream usually takes.
//!
//! A mean and a mean deviation, as TCP estimates its round trips (RFC 6298): four deviations above
//! the mean is where few replies still come. Both are in one word, so that readers see a pair.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Latency(AtomicU64);

/// Before anything is known.
const PATIENCE_AT_FIRST: Duration = Duration::from_millis(100);
/// Another upstream is not asked sooner: many replies of a resolver that has to look take as long.
const PATIENCE_MIN: Duration = Duration::from_millis(5);
/// It is asked not much later than that: clients ask again after seconds.
const PATIENCE_MAX: Duration = Duration::from_millis(400);
/// Above what is usual, for the sake of upstreams that always take equally long.
const PATIENCE_ABOVE: Duration = Duration::from_millis(4);
/// The mean moves by an eighth of what is new, the deviation by a quarter.
const MEAN_SHARE: i64 = 8;
const DEVIATION_SHARE: i64 = 4;

impl Latency {
    /// Nobody waits any more for a reply that has not come for so long.
    pub(super) fn is_at_least(&self, waited: Duration) {
        if self.mean().is_none_or(|mean| waited > mean) {
            self.observe(waited);
        }
    }

    /// A reply took so long.
    pub(super) fn observe(&self, took: Duration) {
        // Of two that come at the same time one may be lost.
        let took = i64::try_from(took.as_micros()).unwrap_or(i64::MAX).min(i64::from(u32::MAX));
        let (mean, deviation) = match self.micros() {
            None => (took, took / 2),
            Some((mean, deviation)) => {
                let off = took - mean;
                (mean + off / MEAN_SHARE, deviation + (off.abs() - deviation) / DEVIATION_SHARE)
            }
        };
        self.0.store((mean.max(1) as u64) << 32 | deviation as u64, Ordering::Relaxed);
    }

    /// The mean; nothing before the first reply.
    pub(super) fn mean(&self) -> Option<Duration> {
        self.micros().map(|(mean, _)| Duration::from_micros(mean as u64))
    }

    /// After how long a reply is late.
    pub(super) fn patience(&self) -> Duration {
        let Some((mean, deviation)) = self.micros() else { return PATIENCE_AT_FIRST };
        let usual = Duration::from_micros((mean + 4 * deviation) as u64);
        usual.max(Duration::from_micros(mean as u64) + PATIENCE_ABOVE).clamp(PATIENCE_MIN, PATIENCE_MAX)
    }

    fn micros(&self) -> Option<(i64, i64)> {
        let word = self.0.load(Ordering::Relaxed);
        (word != 0).then_some(((word >> 32) as i64, (word & u64::from(u32::MAX)) as i64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(millis: impl IntoIterator<Item = u64>) -> Latency {
        let latency = Latency::default();
        millis.into_iter().for_each(|millis| latency.observe(Duration::from_millis(millis)));
        latency
    }

    #[test]
    fn steady_upstreams_are_late_some_milliseconds_above_what_is_usual() {
        let latency = after([20; 50]);
        assert_eq!(latency.mean(), Some(Duration::from_millis(20)));
        let patience = latency.patience();
        assert!((Duration::from_millis(24)..Duration::from_millis(26)).contains(&patience), "{patience:?}");
    }

    #[test]
    fn one_miss_in_ten_is_not_late() {
        let latency = after((0..200).map(|turn| if turn % 10 == 0 { 60 } else { 1 }));
        assert!(latency.patience() > Duration::from_millis(20), "{:?}", latency.patience());
    }

    #[test]
    fn patience_has_bounds() {
        assert_eq!(after([]).patience(), PATIENCE_AT_FIRST);
        assert_eq!(after([0; 50]).patience(), PATIENCE_MIN);
        assert_eq!(after([5000; 50]).patience(), PATIENCE_MAX);
        assert_eq!(after([u64::MAX / 1_000_000]).patience(), PATIENCE_MAX);
    }
}
