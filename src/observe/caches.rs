//! What caches hold and have done, as CoreDNS's families.
//!
//! How questions fared in a cache is counted where all questions are, in the cells of their routes; the rest
//! is read off the caches when somebody asks. Names of the cluster never come to a cache here: CoreDNS looks
//! for them in its own first, and counts each as a request and, where `disable` keeps them out, as a miss.
//!
//! A cache that serves several addresses has its own figures at the first of them, so that sums are right.

use std::{collections::BTreeMap, sync::Arc};

use prometheus::proto::MetricFamily;

use super::{
    cells::{self, Cell},
    families::Family,
};
use crate::{
    cache::{Cache, Counters, ShelfCounters},
    respond::Looked,
};

/// What a cache is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct CacheLabels {
    pub(super) server: String,
    /// With commas between them.
    pub(super) zones: String,
}

/// Sums over caches of one name.
#[derive(Default)]
pub(super) struct CacheTotals {
    looked: [Cell; Looked::ALL.len()],
    counters: Counters,
}

/// By their names.
pub(super) type Caches = BTreeMap<CacheLabels, CacheTotals>;

impl CacheTotals {
    /// Adds how questions fared.
    pub(super) fn absorb_looked(&self, looked: &[Cell]) {
        cells::absorb(&self.looked, looked);
    }

    /// Adds what `other` counted.
    pub(super) fn absorb(&mut self, other: &Self) {
        self.absorb_looked(&other.looked);
        self.add(&other.counters);
    }

    /// Adds what a cache has done and holds.
    pub(super) fn add(&mut self, counters: &Counters) {
        let add = |sum: &mut ShelfCounters, shelf: &ShelfCounters| {
            sum.entries += shelf.entries;
            sum.octets += shelf.octets;
            sum.evictions += shelf.evictions;
        };
        add(&mut self.counters.success, &counters.success);
        add(&mut self.counters.denial, &counters.denial);
        self.counters.drops += counters.drops;
        self.counters.prefetches += counters.prefetches;
        self.counters.stale_served += counters.stale_served;
        self.counters.unrenewed += counters.unrenewed;
    }

    /// Adds what a cache has done. It is gone, with all it held.
    pub(super) fn add_past(&mut self, cache: &Arc<Cache>) {
        let past = |shelf: ShelfCounters| ShelfCounters { evictions: shelf.evictions, ..ShelfCounters::default() };
        let counters = cache.counters();
        self.add(&Counters { success: past(counters.success), denial: past(counters.denial), ..counters });
    }

    fn looked(&self, looked: Looked) -> u64 {
        self.looked[looked as usize].get()
    }
}

/// The families of all caches.
pub(super) fn families(caches: &Caches) -> [MetricFamily; 10] {
    let mut requests = Family::counter("coredns_cache_requests_total", "The count of cache requests.");
    let mut hits = Family::counter("coredns_cache_hits_total", "The count of cache hits.");
    let mut misses = Family::counter(
        "coredns_cache_misses_total",
        "The count of cache misses. Deprecated, derive misses from cache hits/requests counters.",
    );
    let mut entries = Family::gauge("coredns_cache_entries", "The number of elements in the cache.");
    let mut octets = Family::gauge("clusterdns_cache_octets", "What these count for against the limit of octets.");
    let mut evictions = Family::counter("coredns_cache_evictions_total", "The count of cache evictions.");
    let mut drops = Family::counter(
        "coredns_cache_drops_total",
        "The number responses that are not cached, because the reply is malformed.",
    );
    let mut prefetches =
        Family::counter("coredns_cache_prefetch_total", "The number of times the cache has prefetched a cached item.");
    let mut stale =
        Family::counter("coredns_cache_served_stale_total", "The number of requests served from stale cache entries.");
    let mut unrenewed = Family::counter(
        "clusterdns_cache_renewals_refused_total",
        "Replies that were used as they were and not asked for anew, because too many were asked for anew.",
    );
    for (CacheLabels { server, zones }, totals) in caches {
        let labels = [("server", &**server), ("view", ""), ("zones", zones)];
        let counters = &totals.counters;
        requests.push(&labels, Looked::ALL.into_iter().map(|looked| totals.looked(looked)).sum());
        misses.push(&labels, totals.looked(Looked::Missed));
        drops.push(&labels, counters.drops);
        prefetches.push(&labels, counters.prefetches);
        stale.push(&labels, counters.stale_served);
        unrenewed.push(&labels, counters.unrenewed);
        let kinds = [("success", Looked::Success, counters.success), ("denial", Looked::Denial, counters.denial)];
        for (kind, looked, shelf) in kinds {
            let labels = [&labels[..], &[("type", kind)]].concat();
            hits.push(&labels, totals.looked(looked));
            entries.push(&labels, shelf.entries as u64);
            octets.push(&labels, shelf.octets);
            evictions.push(&labels, shelf.evictions);
        }
    }
    [requests, hits, misses, entries, octets, evictions, drops, prefetches, stale, unrenewed].map(Family::finish)
}
