//! Answers of others, kept for a while.
//!
//! What is kept, for how long, and what becomes of TTLs is CoreDNS's (behaviour E3), but for two
//! things: AA is not set on what somebody else said, and a denial lasts no longer than its SOA says
//! (RFC 2308 section 5). Time is an argument, and asking upstreams is for the caller: the cache says
//! who should, and [`Cache::renew`] is told what came of it.
//!
//! A reply with records is in one table and may be shadowed by a negative one in the other; so a hit
//! is one look-up, which takes the lock of a part of a table for reading and allocates nothing.

mod entry;
mod key;
pub mod options;
mod rules;
mod shelf;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::Semaphore;

use crate::{
    answers::{
        code,
        foreign::{Foreign, Shown, Ttl},
        question::{AD, QueryName, Question, RD},
    },
    records::name::Name,
};
use entry::Entry;
pub use entry::{Refresh, Renewal};
use key::Asked;
pub use options::{Options, Verify};
use rules::Class;
pub use shelf::Counters as ShelfCounters;
use shelf::Shelf;

/// Replies of upstreams. Shared by all threads.
pub struct Cache {
    options: Options,
    zones: Zones,
    disable_success: Zones,
    disable_denial: Zones,
    success: Shelf,
    denial: Shelf,
    /// One permit for each reply that is asked for anew.
    renewals: Arc<Semaphore>,
    drops: AtomicU64,
    prefetches: AtomicU64,
    stale: AtomicU64,
    unrenewed: AtomicU64,
}

/// What the cache knows about a question.
#[derive(Debug)]
pub enum Look {
    /// A reply that holds.
    Hit(Hit),
    /// A reply that has run out and may be used all the same.
    Stale(Hit),
    /// Nothing.
    Miss,
}

/// A reply that is kept.
#[derive(Debug)]
pub struct Hit {
    /// The reply,
    pub reply: Arc<Foreign>,
    /// and how it is shown to this client.
    pub shown: Shown,
    /// Given to one who should ask upstreams and tell [`Cache::renew`].
    pub refresh: Option<Refresh>,
    /// Upstreams are asked first, and the reply is used if they fail or take longer than this. `refresh` is there
    /// then, or `renewal`.
    pub verify: Option<Verify>,
    /// Somebody else is asking them already.
    pub renewal: Option<Renewal>,
    /// Whether it is a negative reply or an error.
    pub is_denial: bool,
}

/// What is counted of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Replies with records.
    pub success: ShelfCounters,
    /// Negative replies and errors.
    pub denial: ShelfCounters,
    /// Replies that were not kept because they are to another question.
    pub drops: u64,
    /// Questions that were to be asked anew in the background.
    pub prefetches: u64,
    /// Replies that were used although they had run out.
    pub stale_served: u64,
    /// Questions that were to be asked anew while too many were.
    pub unrenewed: u64,
}

/// So many replies are asked for anew at a time: with 8 KiB for each question that waits, 8 MiB. Beyond it what is
/// kept is used as it is, and the next client who asks for it may be luckier.
pub const RENEWALS_MAX: usize = 1024;

impl Cache {
    /// An empty one. Its octets are shared out to both kinds as the entries are.
    pub fn new(options: Options) -> Self {
        let (success, denial) = (options.success.entries_max.max(1), options.denial.entries_max.max(1));
        let success_octets =
            (options.octets_max as u128 * success as u128 / (success as u128 + denial as u128)) as usize;
        Self {
            zones: Zones::new(&options.zones),
            disable_success: Zones::new(&options.disable_success),
            disable_denial: Zones::new(&options.disable_denial),
            success: Shelf::new(success, success_octets),
            denial: Shelf::new(denial, options.octets_max - success_octets),
            options,
            renewals: Arc::new(Semaphore::new(RENEWALS_MAX)),
            drops: AtomicU64::new(0),
            prefetches: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            unrenewed: AtomicU64::new(0),
        }
    }

    /// What it was told. A cache survives a reload that tells it the same.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Whether names like this pass the cache.
    pub fn covers(&self, name: &QueryName) -> bool {
        self.options.zones.is_empty() || self.zones.has(name)
    }

    /// What is kept for a question. `name` is its name, read.
    pub fn look(&self, question: &Question<'_>, name: &QueryName, now: Instant) -> Look {
        if !self.covers(name) {
            return Look::Miss;
        }
        let Some(entry) = self.find(&Asked::new(question, name), now) else { return Look::Miss };
        let left_secs = entry.left_secs(now);
        let may_renew = is_for_all(question);
        if left_secs > 0 {
            let refresh = may_renew.then(|| self.prefetch(&entry, left_secs, now)).flatten();
            return Look::Hit(Hit { refresh, ..self.hit(entry, left_secs, question) });
        }
        let Renews { refresh, verify, renewal } =
            if may_renew { self.renews_stale(&entry, now) } else { Renews::default() };
        Look::Stale(Hit { refresh, verify, renewal, ..self.hit(entry, left_secs, question) })
    }

    /// What may be used where upstreams gave no reply: only where stale replies may be used at all.
    pub fn fallback(&self, question: &Question<'_>, name: &QueryName, now: Instant) -> Option<Hit> {
        self.options.serve_stale.filter(|_| self.covers(name))?;
        let entry = self.find(&Asked::new(question, name), now)?;
        let left_secs = entry.left_secs(now);
        Some(self.hit(entry, left_secs, question))
    }

    /// Counts a reply that had run out and was used.
    pub fn count_stale(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }

    /// Figures for the metrics.
    pub fn counters(&self) -> Counters {
        Counters {
            success: self.success.counters(),
            denial: self.denial.counters(),
            drops: self.drops.load(Ordering::Relaxed),
            prefetches: self.prefetches.load(Ordering::Relaxed),
            stale_served: self.stale.load(Ordering::Relaxed),
            unrenewed: self.unrenewed.load(Ordering::Relaxed),
        }
    }

    /// The entry that counts: a negative one before one with records, but for errors.
    fn find(&self, asked: &Asked<'_>, now: Instant) -> Option<Arc<Entry>> {
        let positive = self.success.get(asked);
        if self.prefers_positive()
            && let Some(good) = positive.as_ref().and_then(Entry::answering).filter(|entry| self.is_usable(entry, now))
        {
            return Some(good);
        }
        let positive = positive.filter(|entry| self.is_usable(entry, now));
        if positive.as_ref().is_some_and(|entry| !entry.is_shadowed()) {
            return positive;
        }
        let negative = self.denial.get(asked).filter(|entry| self.is_usable(entry, now));
        match (positive, negative) {
            (Some(positive), Some(negative)) if negative.reply.rcode() == code::SERVFAIL => Some(positive),
            (positive, negative) => negative.or(positive),
        }
    }

    fn prefers_positive(&self) -> bool {
        self.options.prefer_positive && self.options.serve_stale.is_some()
    }

    fn is_usable(&self, entry: &Entry, now: Instant) -> bool {
        let left_secs = entry.left_secs(now);
        let stale_secs = self.options.serve_stale.map_or(0, |stale| stale.for_at_most.as_secs() as i64);
        left_secs > 0 || -left_secs < stale_secs
    }

    /// Whether an entry that holds should be asked for anew: it is asked for often, and its end is near.
    fn prefetch(&self, entry: &Arc<Entry>, left_secs: i64, now: Instant) -> Option<Refresh> {
        let prefetch = self.options.prefetch?;
        let hits = entry.ask(prefetch.within, now);
        let near_secs = (u64::from(prefetch.percentage) * u64::from(entry.ttl_secs)).div_ceil(100);
        if hits < prefetch.hits || left_secs > near_secs as i64 {
            return None;
        }
        let refresh = self.claim(entry, false, Duration::ZERO, now)?;
        self.prefetches.fetch_add(1, Ordering::Relaxed);
        Some(refresh)
    }

    /// Who asks for what has run out, and whether the client waits for it. Each client does where failures are not
    /// remembered: for its own question, or for that of the one who was first.
    fn renews_stale(&self, entry: &Arc<Entry>, now: Instant) -> Renews {
        let Some(stale) = self.options.serve_stale else { return Renews::default() };
        let recheck = stale.failure_recheck;
        let refresh = self.claim(entry, true, recheck, now);
        let Some(verify) = stale.verify else {
            self.prefetches.fetch_add(u64::from(refresh.is_some()), Ordering::Relaxed);
            return Renews { refresh, ..Renews::default() };
        };
        let renewal = if refresh.is_none() && recheck.is_zero() { entry.renewal() } else { None };
        let verify = (refresh.is_some() || renewal.is_some()).then_some(verify);
        Renews { refresh, verify, renewal }
    }

    /// The right to renew an entry. None where somebody has it, where it is too early, and where too many are renewed.
    fn claim(&self, entry: &Arc<Entry>, stale: bool, recheck: Duration, now: Instant) -> Option<Refresh> {
        if !entry.is_claimable(recheck, now) {
            return None;
        }
        let Ok(permit) = self.renewals.clone().try_acquire_owned() else {
            self.unrenewed.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        entry.claim(stale, recheck, permit)
    }

    fn hit(&self, entry: Arc<Entry>, left_secs: i64, question: &Question<'_>) -> Hit {
        let stale_ttl_secs = self.options.serve_stale.map(|stale| stale.ttl_secs).filter(|secs| *secs > 0);
        let ttl_secs = match stale_ttl_secs {
            Some(secs) if left_secs <= 0 => secs,
            _ if self.options.keep_ttl => entry.ttl_secs,
            _ => left_secs.max(0) as u32,
        };
        let reply = entry.reply.clone();
        let shown = Shown {
            authoritative: false,
            authenticated: may_be_authenticated(question) && reply.is_authenticated(),
            ttl: Ttl::All(ttl_secs),
            turn: None,
        };
        let is_denial = Class::of(&reply).is_denial();
        Hit { is_denial, reply, shown, refresh: None, verify: None, renewal: None }
    }
}

/// What becomes of something stale.
#[derive(Default)]
struct Renews {
    refresh: Option<Refresh>,
    verify: Option<Verify>,
    renewal: Option<Renewal>,
}

/// Whether what is said to a question is for all who ask it: what a server says that is asked for no more than it knows
/// is not for who asks for all.
pub fn is_for_all(question: &Question<'_>) -> bool {
    question.flags & RD != 0
}

/// AD is for those who know it (RFC 6840 section 5.7).
fn may_be_authenticated(question: &Question<'_>) -> bool {
    question.flags & AD != 0 || question.edns.is_some_and(|edns| edns.dnssec_ok)
}

/// Zones in lower case, with the numbers of their labels.
struct Zones(Vec<(Name, usize)>);

impl Zones {
    fn new(zones: &[Name]) -> Self {
        Self(zones.iter().map(|zone| (zone.to_lower(), zone.labels().count())).collect())
    }

    fn has(&self, name: &QueryName) -> bool {
        self.0.iter().any(|(zone, labels)| name.zone_start(zone.wire(), *labels).is_some())
    }
}
