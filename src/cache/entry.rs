//! One reply that is kept, and its books: how old it is, how much it is asked for, who renews it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{OwnedSemaphorePermit, watch};

use crate::answers::foreign::Foreign;

/// A reply that is kept.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) reply: Arc<Foreign>,
    pub(super) ttl_secs: u32,
    /// What it takes in memory.
    pub(super) octets: usize,
    stored: Instant,
    /// An older one that answered what this one does not; only where such are preferred.
    last_good: Option<Arc<Self>>,
    /// Whether something negative may be kept beside this, which counts more.
    shadowed: AtomicBool,
    /// Milliseconds from `stored` to when it was last asked for, and how many times in a row until then.
    asked: AtomicU64,
    /// Whether somebody renews it, for who does not want to wait for a lock.
    renewing: AtomicBool,
    /// Where it is heard what comes of that.
    renewal: Mutex<Option<Renewal>>,
    /// Milliseconds from `stored` to when it may be tried again; 0: at once.
    retry_ms: AtomicU64,
}

/// The one who renews an entry. Dropped without a word, somebody else may try.
#[derive(Debug)]
pub struct Refresh {
    pub(super) entry: Arc<Entry>,
    /// Whether the entry had run out.
    pub(super) stale: bool,
    /// After a failure.
    recheck: Duration,
    /// Those who wait hear of it here.
    newer: watch::Sender<Option<Arc<Foreign>>>,
    /// One of so many at a time.
    _permit: OwnedSemaphorePermit,
}

/// What somebody else hears who renews an entry.
#[derive(Clone, Debug)]
pub struct Renewal(watch::Receiver<Option<Arc<Foreign>>>);

impl Entry {
    pub(super) fn new(reply: Arc<Foreign>, ttl_secs: u32, now: Instant) -> Self {
        Self {
            octets: size_of::<Self>() + reply.octets(),
            reply,
            ttl_secs,
            stored: now,
            last_good: None,
            shadowed: AtomicBool::new(false),
            asked: AtomicU64::new(0),
            renewing: AtomicBool::new(false),
            renewal: Mutex::default(),
            retry_ms: AtomicU64::new(0),
        }
    }

    /// Seconds of its TTL that are left; below zero: since it ran out.
    pub(super) fn left_secs(&self, now: Instant) -> i64 {
        i64::from(self.ttl_secs) - now.saturating_duration_since(self.stored).as_secs() as i64
    }

    /// This one if it answers its question, or the last that did.
    pub(super) fn answering(self: &Arc<Self>) -> Option<Arc<Self>> {
        if self.reply.answers_question() { Some(self.clone()) } else { self.last_good.clone() }
    }

    /// Keeps the last one that answered behind one that does not.
    pub(super) fn remember(&mut self, older: &Arc<Self>) {
        self.last_good = older.answering();
        self.octets += self.last_good.as_ref().map_or(0, |entry| entry.octets);
    }

    pub(super) fn is_shadowed(&self) -> bool {
        self.shadowed.load(Ordering::Acquire)
    }

    pub(super) fn shadow(&self) {
        self.shadowed.store(true, Ordering::Release);
    }

    /// Counts that it was asked for, and says how many times it was in a row, without longer pauses than `within`.
    pub(super) fn ask(&self, within: Duration, now: Instant) -> u32 {
        let now_ms = self.age_ms(now);
        let next = |asked: u64| {
            let (last_ms, times) = (asked >> 32, asked as u32);
            let in_a_row = u128::from(now_ms.saturating_sub(last_ms)) <= within.as_millis();
            (now_ms << 32) | u64::from(if in_a_row { times.saturating_add(1) } else { 1 })
        };
        // A count that is lost among threads is asked for again soon.
        let asked = next(self.asked.load(Ordering::Relaxed));
        self.asked.store(asked, Ordering::Relaxed);
        asked as u32
    }

    /// Goes on counting where `older` stopped.
    pub(super) fn inherit(&self, older: &Self) {
        self.asked.store(older.asked.load(Ordering::Relaxed) & u64::from(u32::MAX), Ordering::Relaxed);
    }

    /// Whether it may be renewed now: by one at a time, and by nobody for `recheck` after a failure.
    pub(super) fn is_claimable(&self, recheck: Duration, now: Instant) -> bool {
        let waits = !recheck.is_zero() && self.age_ms(now) < self.retry_ms.load(Ordering::Acquire);
        !waits && !self.renewing.load(Ordering::Relaxed)
    }

    /// The right to renew it, unless somebody else was faster.
    pub(super) fn claim(
        self: &Arc<Self>,
        stale: bool,
        recheck: Duration,
        permit: OwnedSemaphorePermit,
    ) -> Option<Refresh> {
        let mut renewal = self.renewal_slot();
        if renewal.is_some() {
            return None;
        }
        let (newer, hears) = watch::channel(None);
        *renewal = Some(Renewal(hears));
        self.renewing.store(true, Ordering::Relaxed);
        drop(renewal);
        Some(Refresh { entry: self.clone(), stale, recheck, newer, _permit: permit })
    }

    /// What is to be heard of whoever renews it now.
    pub(super) fn renewal(&self) -> Option<Renewal> {
        self.renewal_slot().clone()
    }

    fn renewal_slot(&self) -> MutexGuard<'_, Option<Renewal>> {
        self.renewal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Up to 49 days.
    fn age_ms(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.stored).as_millis().min(u128::from(u32::MAX)) as u64
    }
}

impl Refresh {
    /// Tells those who wait of a better reply, and notes when it may be tried again where there is none.
    pub(super) fn end(self, newer: Option<&Arc<Foreign>>, now: Instant) {
        let retry_ms = if newer.is_some() || self.recheck.is_zero() {
            0
        } else {
            self.entry.age_ms(now) + self.recheck.as_millis() as u64
        };
        self.entry.retry_ms.store(retry_ms, Ordering::Release);
        self.newer.send_replace(newer.cloned());
    }
}

impl Drop for Refresh {
    fn drop(&mut self) {
        let mut renewal = self.entry.renewal_slot();
        *renewal = None;
        self.entry.renewing.store(false, Ordering::Release);
    }
}

impl Renewal {
    /// The reply that takes the place of the one that is kept, as soon as it is there. None: there is no better one.
    pub async fn newer(mut self) -> Option<Arc<Foreign>> {
        let heard = self.0.wait_for(Option::is_some).await.ok()?;
        heard.clone()
    }
}
