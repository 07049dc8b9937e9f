//! Counters of one thread, summed when somebody asks.
//!
//! A thread that answers queries has cells of its own, so no cache line is shared between cores.
//! There is one writer, so counting is a load and a store, not a locked instruction; whoever sums
//! reads numbers of a moment ago.
//!
//! The cells of a route also serve as their own sum: see [`RouteCells::absorb`].

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::{
    answers::question::HEADER_OCTETS,
    respond::{Asked, By, Looked, Outcome, Transport},
    search::finish::Finished,
};

/// The cells of one thread. Only one thread may record into them at a time.
#[repr(align(128))]
pub struct Cells {
    /// One for each route of the plan, and one for what came to none.
    routes: Box<[RouteCells]>,
    /// Answers that panicked.
    pub panics: Cell,
    /// Packets that were dropped.
    pub dropped: Dropped,
}

/// Packets that got no answer, by what was wrong.
#[derive(Default)]
pub struct Dropped {
    /// Too short to be answered.
    pub short: Cell,
    /// Responses: answering them could go on for ever.
    pub response: Cell,
    /// Replies that the kernel would not send.
    pub unsent: Cell,
}

/// What is counted for each pair of listener and zone.
#[derive(Default)]
pub struct RouteCells {
    /// By transport, family and type.
    pub requests: [[[Cell; TYPES]; 2]; 2],
    /// By who had them, and by rcode.
    pub responses: [[Cell; RCODES]; By::ALL.len()],
    /// With DNSSEC OK.
    pub dnssec_ok: Cell,
    /// Questions that were looked for in a cache, by what it had.
    pub looked: [Cell; Looked::ALL.len()],
    /// Names that were not finished, by what became of them.
    pub finished: [Cell; Finished::ALL.len()],
    /// By transport, in octets.
    pub request_sizes: [Histogram<SIZE_BUCKETS>; 2],
    /// By transport, in octets.
    pub response_sizes: [Histogram<SIZE_BUCKETS>; 2],
    /// In nanoseconds.
    pub durations: Histogram<DURATION_BUCKETS>,
}

/// A counter of one writer.
#[derive(Default)]
pub struct Cell(AtomicU64);

/// Counts by bucket, the last for what is beyond, and their sum.
pub struct Histogram<const BUCKETS: usize> {
    counts: [Cell; BUCKETS],
    sum: Cell,
}

/// CoreDNS's type labels; the last stands for all others.
pub const TYPE_NAMES: [&str; TYPES] = [
    "A", "AAAA", "CNAME", "DNSKEY", "DS", "HTTPS", "MX", "NS", "NSEC", "NSEC3", "PTR", "RRSIG", "SOA", "SRV", "TXT",
    "ANY", "AXFR", "IXFR", "other",
];
const TYPES: usize = 19;
/// NOERROR to BADCOOKIE; the last stands for all others.
pub const RCODES: usize = 25;
/// Upper bounds in octets, as CoreDNS has them.
pub const SIZE_BOUNDS: [u64; SIZE_BUCKETS - 1] =
    [0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16_000, 32_000, 48_000, 64_000];
const SIZE_BUCKETS: usize = 15;
/// The first upper bound in nanoseconds; each next is twice as long.
pub const DURATION_FIRST_NANOS: u64 = 250_000;
const DURATION_BUCKETS: usize = 17;

impl Cells {
    /// Cells for so many routes.
    pub fn new(routes: usize) -> Self {
        let routes = (0..=routes).map(|_| RouteCells::default()).collect();
        Self { routes, panics: Cell::default(), dropped: Dropped::default() }
    }

    /// Counts one answered question.
    #[inline]
    pub fn record(&self, asked: &Asked, query_octets: usize, outcome: &Outcome) {
        let cells = self.route(outcome.route);
        let transport = usize::from(asked.transport == Transport::Tcp);
        cells.requests[transport][family(asked.client)][type_index(outcome.qtype)].add(1);
        cells.responses[outcome.by as usize][usize::from(outcome.rcode).min(RCODES - 1)].add(1);
        cells.request_sizes[transport].observe(size_bucket(query_octets), query_octets as u64, 1);
        cells.response_sizes[transport].observe(size_bucket(outcome.reply_octets), outcome.reply_octets as u64, 1);
        if outcome.dnssec_ok {
            cells.dnssec_ok.add(1);
        }
        if let Some(looked) = outcome.looked {
            cells.looked[looked as usize].add(1);
        }
        if let Some(finished) = outcome.finished {
            cells.finished[finished as usize].add(1);
        }
    }

    /// Says how long questions of one route took: those of a batch share the time of the batch.
    #[inline]
    pub fn record_duration(&self, route: Option<usize>, took: Duration, questions: u64) {
        let nanos = took.as_nanos() as u64;
        let doublings = (nanos.saturating_sub(1) / DURATION_FIRST_NANOS + 1).next_power_of_two().trailing_zeros();
        let bucket = (doublings as usize).min(DURATION_BUCKETS - 1);
        self.route(route).durations.observe(bucket, nanos, questions);
    }

    /// Counts a packet that gets no answer because it is no question.
    #[inline]
    pub fn record_ignored(&self, packet: &[u8]) {
        let dropped = &self.dropped;
        let cell = if packet.len() < HEADER_OCTETS { &dropped.short } else { &dropped.response };
        cell.add(1);
    }

    /// The cells of all routes in their order, the last for what came to none.
    pub fn routes(&self) -> &[RouteCells] {
        &self.routes
    }

    /// The cells of a route; of none: what was turned away before a zone was found.
    #[inline]
    pub fn route(&self, route: Option<usize>) -> &RouteCells {
        let last = self.routes.len() - 1;
        &self.routes[route.map_or(last, |route| route.min(last))]
    }
}

impl RouteCells {
    /// Adds the counts of `other`. Whoever calls this is the one writer of these cells.
    pub fn absorb(&self, other: &Self) {
        absorb(self.requests.as_flattened().as_flattened(), other.requests.as_flattened().as_flattened());
        absorb(self.responses.as_flattened(), other.responses.as_flattened());
        absorb(&self.looked, &other.looked);
        self.dnssec_ok.add(other.dnssec_ok.get());
        absorb(&self.finished, &other.finished);
        for transport in 0..2 {
            self.request_sizes[transport].absorb(&other.request_sizes[transport]);
            self.response_sizes[transport].absorb(&other.response_sizes[transport]);
        }
        self.durations.absorb(&other.durations);
    }
}

impl Dropped {
    /// Adds the counts of `other`. Whoever calls this is the one writer of these cells.
    pub fn absorb(&self, other: &Self) {
        self.short.add(other.short.get());
        self.response.add(other.response.get());
        self.unsent.add(other.unsent.get());
    }
}

pub(super) fn absorb(cells: &[Cell], others: &[Cell]) {
    for (cell, other) in cells.iter().zip(others) {
        cell.add(other.get());
    }
}

impl Cell {
    /// Adds to the counter.
    #[inline]
    pub fn add(&self, count: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(count), Ordering::Relaxed);
    }

    /// What was counted up to about now.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl<const BUCKETS: usize> Histogram<BUCKETS> {
    #[inline]
    fn observe(&self, bucket: usize, value: u64, count: u64) {
        self.counts[bucket].add(count);
        self.sum.add(value * count);
    }

    fn absorb(&self, other: &Self) {
        absorb(&self.counts, &other.counts);
        self.sum.add(other.sum.get());
    }

    /// The count of each bucket alone.
    pub fn counts(&self) -> [u64; BUCKETS] {
        std::array::from_fn(|bucket| self.counts[bucket].get())
    }

    /// The sum of all observed values.
    pub fn sum(&self) -> u64 {
        self.sum.get()
    }
}

impl<const BUCKETS: usize> Default for Histogram<BUCKETS> {
    fn default() -> Self {
        Self { counts: std::array::from_fn(|_| Cell::default()), sum: Cell::default() }
    }
}

/// 0 for IPv4, also where a dual-stack socket shows it as a mapped address, 1 for IPv6.
#[inline]
fn family(client: SocketAddr) -> usize {
    match client {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(v6) => usize::from(v6.ip().to_ipv4_mapped().is_none()),
    }
}

/// The place of a type in [`TYPE_NAMES`].
#[inline]
fn type_index(qtype: u16) -> usize {
    match qtype {
        1 => 0,
        28 => 1,
        5 => 2,
        48 => 3,
        43 => 4,
        65 => 5,
        15 => 6,
        2 => 7,
        47 => 8,
        50 => 9,
        12 => 10,
        46 => 11,
        6 => 12,
        33 => 13,
        16 => 14,
        255 => 15,
        252 => 16,
        251 => 17,
        _ => 18,
    }
}

/// The first bucket whose bound is not below the size.
#[inline]
fn size_bucket(octets: usize) -> usize {
    SIZE_BOUNDS.iter().position(|&bound| octets as u64 <= bound).unwrap_or(SIZE_BUCKETS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_on_a_bound_is_in_the_bucket_of_the_bound() {
        assert_eq!([0, 1, 100, 101, 511, 512, 64_000, 64_001].map(size_bucket), [0, 1, 1, 2, 5, 6, 13, 14]);
        let bucket_of = |nanos| {
            let cells = Cells::new(0);
            cells.record_duration(None, Duration::from_nanos(nanos), 3);
            cells.route(None).durations.counts().iter().position(|&count| count == 3).unwrap()
        };
        let first = DURATION_FIRST_NANOS;
        assert_eq!([0, 1, first, first + 1, 2 * first, 2 * first + 1].map(bucket_of), [0, 0, 0, 1, 1, 2]);
        assert_eq!([first << 15, (first << 15) + 1, u64::MAX >> 10].map(bucket_of), [15, 16, 16]);
    }

    #[test]
    fn a_mapped_address_is_ipv4() {
        assert_eq!(
            ["192.0.2.1:1", "[::ffff:192.0.2.1]:1", "[::1]:1"].map(|text| family(text.parse().unwrap())),
            [0, 0, 1]
        );
    }

    #[test]
    fn every_label_has_its_type() {
        for (index, qtype) in
            [1, 28, 5, 48, 43, 65, 15, 2, 47, 50, 12, 46, 6, 33, 16, 255, 252, 251, 99].into_iter().enumerate()
        {
            assert_eq!(type_index(qtype), index, "{}", TYPE_NAMES[index]);
        }
    }
}
