//! What forwarding counts. The counters live as long as the process: a reload makes new forwarders,
//! and they count on.
//!
//! An upstream's counters are looked up once, when it is taken on. A question then costs a handful of
//! relaxed additions.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

/// All counters of forwarding. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Counters(Arc<All>);

/// What no single upstream has done.
#[derive(Debug, Default)]
pub struct All {
    /// Questions that found every upstream down.
    pub healthcheck_broken: Counter,
    /// Questions refused because of `max_concurrent`, or because there was no room for more.
    pub overloaded: Counter,
    /// Questions asked a second time because the first upstream was slow.
    pub hedges: Counter,
    /// Hedges that were answered first.
    pub hedges_won: Counter,
    /// Hedges that were due and were not asked: there had been too many.
    pub hedges_withheld: Counter,
    /// Questions that got the answer of another that was in flight.
    pub shared: Counter,
    /// Questions copied to an upstream that is asked last, to see whether it is well again.
    pub probes: Counter,
    /// Replies that were none to what had been asked.
    pub wrong_replies: Counter,
    /// Loops that were found.
    pub loops: Counter,
    /// Questions in flight.
    pub in_flight: Gauge,
    upstreams: Mutex<BTreeMap<SocketAddr, Arc<UpstreamCounters>>>,
    beyond: OnceLock<Arc<UpstreamCounters>>,
}

/// What one upstream has done, in all forwarders.
#[derive(Debug, Default)]
pub struct UpstreamCounters {
    /// Questions that it was asked.
    pub requests: Counter,
    /// How long its replies took, by rcode of their header.
    pub replies: [OnceLock<Box<Durations>>; RCODES],
    /// Questions that it did not answer.
    pub lost: Counter,
    /// Health checks that it failed.
    pub healthcheck_failures: Counter,
    /// Questions that went over a connection that was there, by [`Proto`]; over UDP: that shared a port.
    pub connections_reused: [Counter; PROTOS],
    /// Questions that went over a new connection, by [`Proto`]; over UDP: from a new port.
    pub connections_opened: [Counter; PROTOS],
    /// How many forwarders have it down.
    pub down: Gauge,
    /// How many ask it last, because it is slow or fails.
    pub ejected: Gauge,
    /// How many do not ask it, because it leads back here.
    pub isolated: Gauge,
}

/// CoreDNS's names of transports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proto {
    /// `udp`
    Udp,
    /// `tcp`
    Tcp,
    /// `tcp-tls`
    Tls,
    /// `https`
    Https,
}

/// Counts by duration: CoreDNS's buckets.
#[derive(Debug, Default)]
pub struct Durations {
    counts: [Counter; BUCKETS + 1],
    nanos: Counter,
}

/// It only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

/// It rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

/// Rcodes of a header.
pub const RCODES: usize = 16;
/// Upper bounds: 0.25 ms, doubled fifteen times.
pub const BUCKETS: usize = 16;
/// The first upper bound.
pub const FIRST_BOUND: Duration = Duration::from_micros(250);
/// Kinds of [`Proto`].
pub const PROTOS: usize = 4;
/// Upstreams with counters of their own, of 300 octets, and 150 more for each rcode that was seen. Files
/// that change may name any number in the life of a process; those beyond share the counters of `other`.
const UPSTREAMS_MAX: usize = 256;

impl Counters {
    /// The counters of an upstream.
    pub(super) fn of(&self, upstream: SocketAddr) -> Arc<UpstreamCounters> {
        let mut upstreams = self.0.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        if upstreams.len() >= UPSTREAMS_MAX && !upstreams.contains_key(&upstream) {
            return self.0.beyond.get_or_init(Arc::default).clone();
        }
        upstreams.entry(upstream).or_default().clone()
    }

    /// Every upstream that was ever asked by what metrics call it.
    pub fn upstreams(&self) -> Vec<(String, Arc<UpstreamCounters>)> {
        let upstreams = self.0.upstreams.lock().unwrap_or_else(PoisonError::into_inner);
        let named = upstreams.iter().map(|(address, counters)| (address.to_string(), counters.clone()));
        let beyond = self.0.beyond.get().map(|counters| ("other".to_owned(), counters.clone()));
        named.chain(beyond).collect()
    }
}

impl std::ops::Deref for Counters {
    type Target = All;

    fn deref(&self) -> &All {
        &self.0
    }
}

impl UpstreamCounters {
    pub(super) fn replied(&self, rcode: u16, took: Duration) {
        self.replies[usize::from(rcode) % RCODES].get_or_init(Box::default).observe(took);
    }
}

impl Durations {
    fn observe(&self, took: Duration) {
        let mut bound = FIRST_BOUND;
        let mut bucket = 0;
        while bucket < BUCKETS && took > bound {
            bound *= 2;
            bucket += 1;
        }
        self.counts[bucket].add();
        self.nanos.0.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Counts by bucket, the last for what is beyond all bounds.
    pub fn counts(&self) -> [u64; BUCKETS + 1] {
        std::array::from_fn(|bucket| self.counts[bucket].get())
    }

    /// The sum.
    pub fn secs(&self) -> f64 {
        self.nanos.get() as f64 / 1e9
    }
}

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Gauge {
    /// One more; how many there were.
    pub(super) fn rise(&self) -> i64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn fall(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many there are.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}
