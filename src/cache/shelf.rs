//! Where replies of one kind are kept, within so many entries and so many octets.
//!
//! At the limit something that is not asked for much goes (S3-FIFO with a clock, by octets), and is counted. A
//! reply that is larger than a whole part of the shelf is not kept at all, and counted as well.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use foldhash::quality::RandomState;
use quick_cache::{Lifecycle, OptionsBuilder, Weighter, sync};

use super::{
    entry::Entry,
    key::{Asked, Key},
};

/// Replies of one kind.
pub(super) struct Shelf {
    kept: sync::Cache<Key, Arc<Entry>, Weight, RandomState, Evictions>,
    evictions: Arc<AtomicU64>,
}

/// What a shelf holds and has lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Replies that are kept.
    pub entries: usize,
    /// What they count for against the limit of octets: an entry counts for no less than its part of it.
    pub octets: u64,
    /// What had to go to make room.
    pub evictions: u64,
}

/// Octets of an entry, and no fewer than would let too many in.
#[derive(Clone)]
struct Weight {
    octets_min: u64,
}

#[derive(Clone)]
struct Evictions(Arc<AtomicU64>);

impl Shelf {
    pub(super) fn new(entries_max: usize, octets_max: usize) -> Self {
        let entries_max = entries_max.max(1);
        let shards = (entries_max / ENTRIES_PER_SHARD).min(octets_max / OCTETS_PER_SHARD).clamp(1, SHARDS_MAX);
        let shards = 1 << shards.ilog2();
        let octets_per_shard = octets_max / shards;
        // So that one more than the limit is always too heavy, and the limit is not.
        let octets_min = octets_per_shard / (entries_max / shards + 1) + 1;
        let options = OptionsBuilder::new()
            .shards(shards)
            .estimated_items_capacity(entries_max)
            .weight_capacity((octets_per_shard * shards) as u64)
            .build()
            .expect("both capacities are given");
        let evictions = Arc::new(AtomicU64::new(0));
        let weight = Weight { octets_min: octets_min as u64 };
        let kept = sync::Cache::with_options(options, weight, RandomState::default(), Evictions(evictions.clone()));
        Self { kept, evictions }
    }

    pub(super) fn get(&self, asked: &Asked<'_>) -> Option<Arc<Entry>> {
        self.kept.get(asked)
    }

    /// Without counting it as asked for.
    pub(super) fn peek(&self, asked: &Asked<'_>) -> Option<Arc<Entry>> {
        self.kept.peek(asked)
    }

    pub(super) fn insert(&self, asked: &Asked<'_>, entry: Arc<Entry>) {
        self.kept.insert(asked.to_key(), entry);
    }

    pub(super) fn remove(&self, asked: &Asked<'_>) {
        self.kept.remove(asked);
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            entries: self.kept.len(),
            octets: self.kept.weight(),
            evictions: self.evictions.load(Ordering::Relaxed),
        }
    }
}

impl Weighter<Key, Arc<Entry>> for Weight {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        let octets = key.octets() + entry.octets + BOOKS_OCTETS;
        self.octets_min.max(octets as u64)
    }
}

impl Lifecycle<Key, Arc<Entry>> for Evictions {
    type RequestState = ();

    // What is replaced is no eviction, and comes by another way.
    fn before_evict(&self, (): &mut (), _: &Key, _: &mut Arc<Entry>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// The place in a table, counts of the two `Arc`, and what the allocator rounds up.
const BOOKS_OCTETS: usize = 128;
/// Threads rarely meet in one of so many: 16 for CoreDNS's 9984 entries.
const SHARDS_MAX: usize = 64;
/// Enough that names are spread evenly.
const ENTRIES_PER_SHARD: usize = 512;
/// Room for some messages of any size, with their books.
const OCTETS_PER_SHARD: usize = 256 * 1024;
