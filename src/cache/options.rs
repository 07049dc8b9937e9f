//! What the cache of a server is told: CoreDNS's `cache` directive, bounded in octets too.

use std::time::Duration;

use crate::records::name::Name;

/// One `cache`.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Only names below these; none: all names of the server.
    pub zones: Vec<Name>,
    /// Replies with records.
    pub success: Kept,
    /// NXDOMAIN and NODATA.
    pub denial: Kept,
    /// How long SERVFAIL and NOTIMP are kept; zero: not at all.
    pub servfail: Duration,
    /// What is asked anew before it runs out.
    pub prefetch: Option<Prefetch>,
    /// What has run out and is used where upstreams fail, or while they are asked.
    pub serve_stale: Option<ServeStale>,
    /// Names whose replies with records are not kept.
    pub disable_success: Vec<Name>,
    /// Names whose negative replies are not kept.
    pub disable_denial: Vec<Name>,
    /// Whether a reply with records is preferred, even a stale one, to a negative one.
    pub prefer_positive: bool,
    /// Whether TTLs stand still while a reply is kept.
    pub keep_ttl: bool,
    /// Octets of all replies, their keys and books included.
    pub octets_max: usize,
}

/// What is kept of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// So many replies.
    pub entries_max: usize,
    /// TTLs are raised to this, in every reply that passes.
    pub ttl_secs_min: u32,
    /// TTLs are lowered to this, in every reply that passes.
    pub ttl_secs_max: u32,
}

/// `prefetch AMOUNT [WITHIN] [PERCENTAGE]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefetch {
    /// Asked for at least so many times,
    pub hits: u32,
    /// with no longer pauses than this,
    pub within: Duration,
    /// and with less than this part of its TTL left, in percent.
    pub percentage: u8,
}

/// `serve_stale [FOR] [immediate|verify [TIMEOUT]] [TTL [RECHECK]]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServeStale {
    /// How long after it ran out.
    pub for_at_most: Duration,
    /// Whether upstreams are asked first, and for how long they may take; none: they are asked afterwards.
    pub verify: Option<Verify>,
    /// The TTL of what is stale.
    pub ttl_secs: u32,
    /// How long upstreams are left alone about a name after they failed; zero: not at all.
    pub failure_recheck: Duration,
}

/// Upstreams are asked before something stale is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verify {
    /// None: as long as they take.
    pub timeout: Option<Duration>,
}

impl Options {
    /// CoreDNS's defaults (behaviour E3).
    pub fn new() -> Self {
        let kept = |ttl_secs_max| Kept { entries_max: ENTRIES_MAX, ttl_secs_min: TTL_SECS_MIN, ttl_secs_max };
        Self {
            zones: Vec::new(),
            success: kept(3600),
            denial: kept(1800),
            servfail: Duration::from_secs(5),
            prefetch: None,
            serve_stale: None,
            disable_success: Vec::new(),
            disable_denial: Vec::new(),
            prefer_positive: false,
            keep_ttl: false,
            octets_max: OCTETS_MAX,
        }
    }

    /// Octets for as many entries as may be kept, where nobody says how many: no fewer than for CoreDNS's own
    /// number, for each further one as many, and within a limit, for a number is written easily.
    pub fn usual_octets(&self) -> usize {
        let entries = self.success.entries_max.saturating_add(self.denial.entries_max);
        entries.saturating_mul(ENTRY_OCTETS).clamp(OCTETS_MAX, USUAL_OCTETS_MAX)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// CoreDNS's.
const ENTRIES_MAX: usize = 9984;
/// CoreDNS's.
const TTL_SECS_MIN: u32 = 5;
/// More than most replies have, with their keys and books.
const ENTRY_OCTETS: usize = 840;
/// 2 * 9984 of them.
const OCTETS_MAX: usize = 16 * 1024 * 1024;
/// 320,000 entries.
const USUAL_OCTETS_MAX: usize = 256 * 1024 * 1024;
