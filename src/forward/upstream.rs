//! One upstream: the way to it, and what is thought of it.

use std::{
    fmt,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

use super::{
    counters::{Gauge, UpstreamCounters},
    health::Checks,
    latency::Latency,
    line::Why,
    order::Standing,
};
use crate::answers::code;

/// Who is asked, as it was written.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) address: SocketAddr,
    pub(super) speech: Speech,
    /// The line of the file that names it.
    pub(super) origin: Option<(PathBuf, usize)>,
}

/// What is spoken to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Speech {
    /// UDP and TCP.
    Plain,
    /// TLS, with the name that was written.
    Tls(Option<String>),
    /// HTTPS.
    Https {
        /// That was written.
        name: Option<String>,
        path: String,
    },
}

/// See the module.
pub(super) struct Upstream<L> {
    pub(super) target: Target,
    pub(super) line: L,
    pub(super) counters: Arc<UpstreamCounters>,
    pub(super) latency: Latency,
    pub(super) checks: Arc<Checks>,
    /// Closed when nobody asks it any more.
    pub(super) stop: watch::Receiver<()>,
    /// Health checks that failed one after the other.
    pub(super) fails: AtomicU32,
    pub(super) is_checked: AtomicBool,
    /// Questions without a reply since the last reply.
    strikes: AtomicU32,
    /// When it replied last, in milliseconds since `made`.
    replied_at_millis: AtomicU64,
    /// Replies without use since the last of some use.
    refusals: AtomicU32,
    is_slow: AtomicBool,
    /// How many of its replies are late or lost, in parts of [`ALL`].
    late: AtomicU32,
    is_lossy: AtomicBool,
    down: Mark,
    ejected: Mark,
    isolated: Mark,
    /// Which watch for loops has isolated it.
    pub(super) isolated_by: AtomicU64,
    /// When a question may be copied to it, in milliseconds since `made`.
    probe_at_millis: AtomicU64,
    made: Instant,
}

impl Target {
    /// Whether it is the same upstream. The line of the file may have moved.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.address == other.address && self.speech == other.speech
    }
}

/// A flag that a gauge follows.
#[derive(Debug, Default)]
struct Mark(AtomicBool);

/// So many questions in a row without a reply, and others are asked first.
const STRIKES_MAX: u32 = 3;
/// For so long after a reply it may only have halted, and is still asked before those that are known to be slow.
const HALT: Duration = Duration::from_millis(200);
/// So many replies in a row without use, and it is asked last: one broken zone takes fewer.
const REFUSALS_MAX: u32 = 16;
/// Lossy: more than three replies in twenty are late or lost. Well again: less than one. Each reply moves
/// what is thought of it by a thirty-second part.
const LOSSY: u32 = ALL * 3 / 20;
const WELL_AGAIN_LATE: u32 = ALL / 20;
const ALL: u32 = 1 << 16;
const LATE_SHARE: u32 = 32;
/// How often a question is copied to an upstream that is asked last: with a timeout of 2 seconds, 8 are
/// under way at most.
const PROBE_PAUSE: Duration = Duration::from_millis(250);
/// Slow: more than four times as long as the fastest, and 25 ms. Well again: not twice, and 15 ms.
const SLOW: (u32, Duration) = (4, Duration::from_millis(25));
const WELL_AGAIN: (u32, Duration) = (2, Duration::from_millis(15));

impl<L> Upstream<L> {
    pub(super) fn new(
        target: Target,
        line: L,
        counters: Arc<UpstreamCounters>,
        checks: Arc<Checks>,
        stop: watch::Receiver<()>,
    ) -> Self {
        Self {
            target,
            line,
            counters,
            checks,
            stop,
            latency: Latency::default(),
            fails: AtomicU32::new(0),
            is_checked: AtomicBool::new(false),
            strikes: AtomicU32::new(0),
            replied_at_millis: AtomicU64::new(0),
            refusals: AtomicU32::new(0),
            is_slow: AtomicBool::new(false),
            late: AtomicU32::new(0),
            is_lossy: AtomicBool::new(false),
            down: Mark::default(),
            ejected: Mark::default(),
            isolated: Mark::default(),
            isolated_by: AtomicU64::new(0),
            probe_at_millis: AtomicU64::new(0),
            made: Instant::now(),
        }
    }

    // ----------- What happened ---------------------------------------------

    /// A question was answered.
    pub(super) fn replied(&self, rcode: u16, took: Duration, now: Instant) {
        self.latency.observe(took);
        // Zero is never.
        let at = self.millis(now).max(1);
        self.counters.replied(rcode, took);
        self.count_late(false);
        // Most say what is known already, and what is only read stays in every core's cache.
        if self.replied_at_millis.load(Ordering::Relaxed) != at {
            self.replied_at_millis.store(at, Ordering::Relaxed);
        }
        if self.strikes.load(Ordering::Relaxed) != 0 {
            self.strikes.store(0, Ordering::Relaxed);
        }
        if is_useful(rcode) {
            if self.refusals.load(Ordering::Relaxed) != 0 {
                self.refusals.store(0, Ordering::Relaxed);
            }
        } else {
            self.refusals.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A reply is late. Whether it has become one that does not answer.
    pub(super) fn is_late(&self) -> bool {
        self.count_late(true);
        self.strikes.fetch_add(1, Ordering::Relaxed) + 1 >= STRIKES_MAX
    }

    /// A question was not answered; whether the upstream is to be checked.
    pub(super) fn lost(&self, why: Why) -> bool {
        if why == Why::Ours {
            return false;
        }
        self.counters.lost.add();
        self.count_late(true);
        self.strikes.fetch_add(1, Ordering::Relaxed);
        true
    }

    fn count_late(&self, is_late: bool) {
        let late = self.late.load(Ordering::Relaxed);
        // Of two that come at the same time one may be lost.
        let now = late - late / LATE_SHARE + if is_late { ALL / LATE_SHARE } else { 0 };
        if now != late {
            self.late.store(now, Ordering::Relaxed);
        }
    }

    /// It answers health checks again, or does not any more; whether that is news.
    pub(super) fn set_down(&self, down: bool) -> bool {
        if !down {
            self.strikes.store(0, Ordering::Relaxed);
        }
        self.down.set(down, &self.counters.down)
    }

    /// It leads back here, or does not any more; whether that is news.
    pub(super) fn set_isolated(&self, isolated: bool) -> bool {
        self.isolated.set(isolated, &self.counters.isolated)
    }

    /// It is asked last, or like the others again.
    pub(super) fn set_ejected(&self, ejected: bool) {
        self.ejected.set(ejected, &self.counters.ejected);
    }

    // ----------- What it is ------------------------------------------------

    /// Whether it has not answered the last questions.
    pub(super) fn is_silent(&self) -> bool {
        self.strikes.load(Ordering::Relaxed) >= STRIKES_MAX
    }

    /// Whether it may only have halted: it answered a moment ago.
    fn has_just_replied(&self, now: Instant) -> bool {
        let at = self.replied_at_millis.load(Ordering::Relaxed);
        at > 0 && self.millis(now) < at + HALT.as_millis() as u64
    }

    pub(super) fn is_isolated(&self) -> bool {
        self.isolated.get()
    }

    /// What its replies usually take, if it may be compared with.
    pub(super) fn usual(&self, now: Instant) -> Option<Duration> {
        let answers = !self.is_silent() || self.has_just_replied(now);
        self.latency.mean().filter(|_| answers && !self.down.get() && !self.isolated.get())
    }

    /// What is to be thought of it, where the fastest takes so long.
    pub(super) fn standing(&self, fastest: Option<Duration>, now: Instant) -> Standing {
        if self.isolated.get() {
            return Standing::Isolated;
        }
        if self.down.get() {
            return Standing::Down;
        }
        let is_silent = self.is_silent();
        if is_silent && !self.has_just_replied(now) {
            Standing::Silent
        } else if self.is_slower_than(fastest) || self.refuses() {
            Standing::Slow
        } else if self.is_lossy() || is_silent {
            Standing::Unsteady
        } else {
            Standing::Well
        }
    }

    fn is_slower_than(&self, fastest: Option<Duration>) -> bool {
        let (Some(usual), Some(fastest)) = (self.latency.mean(), fastest) else { return false };
        sticky(&self.is_slow, |was_slow| {
            let (times, more) = if was_slow { WELL_AGAIN } else { SLOW };
            usual > fastest * times + more
        })
    }

    fn is_lossy(&self) -> bool {
        let late = self.late.load(Ordering::Relaxed);
        sticky(&self.is_lossy, |was_lossy| late > if was_lossy { WELL_AGAIN_LATE } else { LOSSY })
    }

    fn refuses(&self) -> bool {
        self.refusals.load(Ordering::Relaxed) >= REFUSALS_MAX
    }

    /// Whether it is time to copy a question to it. Then it is not for a while.
    pub(super) fn takes_probe(&self, now: Instant) -> bool {
        let now = self.millis(now);
        let at = self.probe_at_millis.load(Ordering::Relaxed);
        let next = now + PROBE_PAUSE.as_millis() as u64;
        now >= at && self.probe_at_millis.compare_exchange(at, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    fn millis(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.made).as_millis() as u64
    }
}

impl<L> fmt::Display for Upstream<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.target.address)?;
        match &self.target.origin {
            Some((file, line)) => write!(f, " ({}, line {line})", file.display()),
            None => Ok(()),
        }
    }
}

impl<L> Drop for Upstream<L> {
    fn drop(&mut self) {
        self.down.set(false, &self.counters.down);
        self.ejected.set(false, &self.counters.ejected);
        self.isolated.set(false, &self.counters.isolated);
    }
}

/// What depends on what it was before.
fn sticky(flag: &AtomicBool, is: impl Fn(bool) -> bool) -> bool {
    let was = flag.load(Ordering::Relaxed);
    let is = is(was);
    if is != was {
        flag.store(is, Ordering::Relaxed);
    }
    is
}

impl Mark {
    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, set: bool, gauge: &Gauge) -> bool {
        let is_news = self.get() != set && self.0.swap(set, Ordering::Relaxed) != set;
        match (is_news, set) {
            (true, true) => drop(gauge.rise()),
            (true, false) => gauge.fall(),
            (false, _) => {}
        }
        is_news
    }
}

/// Whether a reply says something of the question, and not only of who was asked.
pub(super) fn is_useful(rcode: u16) -> bool {
    !matches!(rcode, code::FORMERR | code::SERVFAIL | code::NOTIMP | code::REFUSED)
}
