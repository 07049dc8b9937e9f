//! Which upstream is asked first, and which then: pure.

use super::{UPSTREAMS_MAX, options::Policy};

/// What is to be thought of an upstream now.
///
/// In the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// It answers as the others do.
    Well,
    /// Some of its replies are late or lost, or it has stopped answering a moment ago: asked behind those that
    /// are well, and before those of which worse is known.
    Unsteady,
    /// It is much slower than the others or refuses: asked last, but where the order is the user's.
    Slow,
    /// It has not answered the last few questions: asked last.
    Silent,
    /// It does not answer health checks either: not asked while there are others.
    Down,
    /// What it is asked comes back to us: not asked.
    Isolated,
}

/// Upstreams by their places in the set, the first to be asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Order {
    places: [u8; UPSTREAMS_MAX],
    len: usize,
}

impl Standing {
    /// Whether it is asked, but behind others, of which the best stands like this.
    pub(super) fn is_last(self, best: Self) -> bool {
        self > best && self < Self::Down
    }
}

impl Order {
    /// The order for one question: the `turn`th, with a random number to draw from.
    pub(super) fn new(policy: Policy, standings: &[Standing], turn: u32, draw: u64) -> Self {
        let mut order = Self::of(standings.len());
        order.arrange(policy, turn, draw);
        let is_users = policy == Policy::Sequential;
        let has_well = standings.contains(&Standing::Well);
        let rank = |standing| match standing {
            Standing::Well => Some(0),
            Standing::Unsteady => Some(u8::from(has_well || !is_users)),
            Standing::Slow => Some(if is_users { 0 } else { 2 }),
            Standing::Silent => Some(3),
            Standing::Down | Standing::Isolated => None,
        };
        order.sort(|place| rank(standings[place]));
        order
    }

    /// All that do not lead back here, at random: for when none is well.
    pub(super) fn of_the_down(standings: &[Standing], draw: u64) -> Self {
        let mut order = Self::of(standings.len());
        order.arrange(Policy::Random, 0, draw);
        order.sort(|place| (standings[place] == Standing::Down).then_some(0));
        order
    }

    /// Places of upstreams.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.places[..self.len].iter().map(|&place| usize::from(place))
    }

    /// The `step`th to be asked, over and over.
    pub(super) fn at(&self, step: usize) -> Option<usize> {
        (self.len > 0).then(|| usize::from(self.places[step % self.len]))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    fn of(len: usize) -> Self {
        Self { places: std::array::from_fn(|place| place as u8), len: len.min(UPSTREAMS_MAX) }
    }

    fn arrange(&mut self, policy: Policy, turn: u32, mut draw: u64) {
        let places = &mut self.places[..self.len];
        match policy {
            // 15! fits into the number that is drawn from.
            Policy::Random => {
                for left in (2..=places.len()).rev() {
                    places.swap(left - 1, (draw % left as u64) as usize);
                    draw /= left as u64;
                }
            }
            // The one whose turn it is, then the others in their order.
            Policy::RoundRobin if !places.is_empty() => {
                let first = turn as usize % places.len();
                places[..=first].rotate_right(1);
            }
            Policy::RoundRobin | Policy::Sequential => {}
        }
    }

    /// Leaves out those without a rank; those of the same stay as they are.
    fn sort(&mut self, rank: impl Fn(usize) -> Option<u8>) {
        let all = *self;
        self.len = 0;
        for wanted in 0..=3 {
            for place in all.places().filter(|&place| rank(place) == Some(wanted)) {
                self.places[self.len] = place as u8;
                self.len += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Standing::*, *};

    fn order(policy: Policy, standings: &[Standing], turn: u32, draw: u64) -> Vec<usize> {
        Order::new(policy, standings, turn, draw).places().collect()
    }

    #[test]
    fn random_comes_to_every_order() {
        let orders: BTreeSet<_> = (0..6).map(|draw| order(Policy::Random, &[Well; 3], 0, draw)).collect();
        assert_eq!(orders.len(), 6);
    }

    #[test]
    fn round_robin_puts_the_next_in_front() {
        let orders: Vec<_> = (0..4).map(|turn| order(Policy::RoundRobin, &[Well; 3], turn, 0)).collect();
        assert_eq!(orders, [[0, 1, 2], [1, 0, 2], [2, 0, 1], [0, 1, 2]]);
    }

    #[test]
    fn sequential_keeps_its_order_but_for_those_that_do_not_answer() {
        assert_eq!(order(Policy::Sequential, &[Slow, Well, Well], 7, 5), [0, 1, 2]);
        assert_eq!(order(Policy::Sequential, &[Silent, Slow, Down, Well], 7, 5), [1, 3, 0]);
    }

    #[test]
    fn what_is_slow_or_silent_is_asked_last_and_what_is_down_not_at_all() {
        for draw in 0..200 {
            assert_eq!(order(Policy::Random, &[Silent, Isolated, Slow, Well, Down], 0, draw), [3, 2, 0]);
        }
        assert_eq!(order(Policy::RoundRobin, &[Slow, Slow], 1, 0), [1, 0]);
    }

    #[test]
    fn what_was_well_a_moment_ago_is_asked_before_what_is_known_to_be_worse() {
        for draw in 0..200 {
            assert_eq!(order(Policy::Random, &[Silent, Slow, Unsteady], 0, draw), [2, 1, 0]);
            assert_eq!(order(Policy::Random, &[Unsteady, Well], 0, draw), [1, 0]);
        }
        assert_eq!(order(Policy::Sequential, &[Unsteady, Slow], 0, 0), [0, 1]);
        assert_eq!(order(Policy::Sequential, &[Slow, Unsteady], 0, 0), [0, 1]);
        assert_eq!(order(Policy::Sequential, &[Unsteady, Well, Slow], 0, 0), [1, 2, 0]);
    }

    #[test]
    fn when_all_are_down_any_of_them_is_tried_but_none_that_leads_back() {
        let firsts: BTreeSet<_> = (0..50).map(|draw| Order::of_the_down(&[Down, Isolated, Down], draw).at(0)).collect();
        assert_eq!(firsts, BTreeSet::from([Some(0), Some(2)]));
        assert_eq!(Order::of_the_down(&[Isolated], 0).at(0), None);
    }
}
