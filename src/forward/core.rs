//! What the questions of one forwarder have in common.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use arc_swap::ArcSwap;
use tokio::{sync::watch, time::Instant};

use super::{
    Options, UPSTREAMS_MAX,
    budget::Budget,
    counters::Counters,
    order::{Order, Standing},
    random,
    upstream::Upstream,
};

/// See the module.
pub(super) struct Core<L> {
    pub(super) options: Options,
    pub(super) counters: Counters,
    pub(super) upstreams: ArcSwap<Set<L>>,
    pub(super) budget: Budget,
    /// Told when there are other upstreams.
    pub(super) changed: watch::Sender<()>,
    turn: AtomicU32,
}

/// The upstreams of a moment.
pub(super) struct Set<L>(pub(super) Vec<Member<L>>);

/// An upstream that is asked. Cheap to clone. What runs for it ends when it is none any more.
pub(super) struct Member<L> {
    pub(super) upstream: Arc<Upstream<L>>,
    pub(super) _end: Arc<watch::Sender<()>>,
}

impl<L> Core<L> {
    pub(super) fn new(options: Options, counters: Counters, upstreams: Set<L>) -> Self {
        Self {
            options,
            counters,
            upstreams: ArcSwap::from_pointee(upstreams),
            budget: Budget::new(),
            changed: watch::Sender::new(()),
            turn: AtomicU32::new(0),
        }
    }

    /// From now on others are asked.
    pub(super) fn set_upstreams(&self, set: Set<L>) {
        self.upstreams.store(Arc::new(set));
        self.changed.send_replace(());
    }

    /// The order for the next question, and whether anyone in it is expected to answer.
    pub(super) fn order(&self, standings: &[Standing]) -> (Order, bool) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let draw = if standings.len() > 1 { random::draw() } else { 0 };
        let order = Order::new(self.options.policy, standings, turn, draw);
        if order.len() > 0 {
            return (order, true);
        }
        (Order::of_the_down(standings, draw), false)
    }
}

impl<L> Set<L> {
    /// Each upstream as it compares with the others now. Those behind the last are isolated for ever.
    pub(super) fn standings(&self, now: Instant) -> [Standing; UPSTREAMS_MAX] {
        let fastest = self.0.iter().filter_map(|member| member.upstream.usual(now)).min();
        let mut standings = [Standing::Isolated; UPSTREAMS_MAX];
        for (standing, member) in standings.iter_mut().zip(&self.0) {
            *standing = member.upstream.standing(fastest, now);
        }
        // Where none is better, nobody is asked last.
        let best = best(&standings);
        for (standing, member) in standings.iter().zip(&self.0) {
            member.upstream.set_ejected(standing.is_last(best));
        }
        standings
    }

    pub(super) fn upstream(&self, place: usize) -> &Arc<Upstream<L>> {
        &self.0[place].upstream
    }

    /// One of those that are asked last, if it is time to see how it does.
    pub(super) fn due_for_probe(&self, standings: &[Standing], now: Instant) -> Option<&Arc<Upstream<L>>> {
        let best = best(standings);
        let is_last = |(standing, _): &(&Standing, _)| standing.is_last(best);
        let mut last = standings.iter().zip(&self.0).filter(is_last).map(|(_, member)| &member.upstream);
        last.find(|upstream| upstream.takes_probe(now))
    }
}

fn best(standings: &[Standing]) -> Standing {
    standings.iter().copied().min().unwrap_or(Standing::Isolated)
}

impl<L> fmt::Display for Set<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, member) in self.0.iter().enumerate() {
            write!(f, "{}{}", if place > 0 { ", " } else { "" }, member.upstream)?;
        }
        Ok(())
    }
}

impl<L> Clone for Member<L> {
    fn clone(&self) -> Self {
        Self { upstream: self.upstream.clone(), _end: self._end.clone() }
    }
}
