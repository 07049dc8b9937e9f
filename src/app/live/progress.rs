//! How far the watches are: which lists are whole, which are followed, and what follows from that.
//! Pure: times are arguments.

use std::time::{Duration, SystemTime};

use crate::objects::{
    Kind, Known,
    api::{FORGOTTEN, Watched},
};

/// See the module.
pub(super) struct Progress {
    lists: Box<[List]>,
    /// What the saved state was complete about that the tables began with.
    saved: Option<Known>,
    /// Whether the API server had its time: the saved state is taken for the cluster.
    presumed: bool,
}

struct List {
    kind: Kind,
    /// It was whole once: from then on it only changes.
    listed: bool,
    /// Since when it is not followed.
    behind_since: Option<SystemTime>,
    /// Why not, and since when for this reason.
    failing: Option<(&'static str, SystemTime)>,
    /// Why not, as far as it was said.
    told: Option<&'static str>,
    /// When something was said last.
    told_at: Option<SystemTime>,
    /// From when to when it was not followed last.
    was_behind: Option<(SystemTime, SystemTime)>,
}

/// A list that changes its mind is told of no more often.
const TOLD_INTERVAL: Duration = Duration::from_secs(60);
/// A server that has forgotten what happened since says so at once.
const FORGOTTEN_MAX: Duration = Duration::from_secs(10);

impl Progress {
    /// Nothing is listed, or followed since `since`: the start, or the time of the saved state.
    pub(super) fn new(watched: &[Watched], saved: Option<Known>, since: SystemTime) -> Self {
        let list = |watched: &Watched| List {
            kind: watched.kind,
            listed: false,
            behind_since: Some(since),
            failing: None,
            told: None,
            told_at: None,
            was_behind: None,
        };
        Self { lists: watched.iter().map(list).collect(), saved, presumed: false }
    }

    /// A list is whole.
    pub(super) fn listed(&mut self, watched: usize) {
        self.lists[watched].listed = true;
    }

    /// A list was whole and was not applied: nothing is known any more but by another one.
    pub(super) fn begin_again(&mut self) {
        self.lists.iter_mut().for_each(|list| list.listed = false);
    }

    /// The API server had its time.
    pub(super) fn presume(&mut self) {
        self.presumed = true;
    }

    /// Whether every list was whole once.
    pub(super) fn is_complete(&self) -> bool {
        self.lists.iter().all(|list| list.listed)
    }

    /// Whether something that is served may be from the saved state.
    pub(super) fn is_stale(&self) -> bool {
        self.saved.is_some() && !self.is_complete()
    }

    /// The kinds that are known completely, or taken to be.
    pub(super) fn known(&self) -> Known {
        let saved = self.saved.filter(|_| self.presumed).unwrap_or_default();
        let known = |kind: Kind, saved: bool| {
            let mut lists = self.lists.iter().filter(|list| list.kind == kind).peekable();
            saved || lists.peek().is_some() && lists.all(|list| list.listed)
        };
        Known {
            services: known(Kind::Service, saved.services),
            endpoints: known(Kind::EndpointSlice, saved.endpoints),
            namespaces: known(Kind::Namespace, saved.namespaces),
            pods: known(Kind::Pod, saved.pods),
        }
    }

    /// A list is followed. Says since when it was not, if that was told.
    pub(super) fn in_step(&mut self, watched: usize, now: SystemTime) -> Option<SystemTime> {
        let list = &mut self.lists[watched];
        let since = list.behind_since.take();
        list.was_behind = since.map(|since| (since, now));
        list.failing = None;
        list.told.take().and(since)
    }

    /// A list is not followed since `now`, or since it was lost before.
    pub(super) fn lost(&mut self, watched: usize, reason: &'static str, now: SystemTime) {
        let list = &mut self.lists[watched];
        // It was followed only until the server had looked: what it missed before is still missing.
        let young = |until: &SystemTime| now.duration_since(*until).unwrap_or_default() < FORGOTTEN_MAX;
        let before = list.was_behind.take().filter(|(_, until)| reason == FORGOTTEN && young(until));
        list.behind_since.get_or_insert(before.map_or(now, |(since, _)| since));
        if list.failing.is_none_or(|(failing, _)| failing != reason) {
            list.failing = Some((reason, now));
        }
    }

    /// Whether a list that was whole once has failed for its present reason for less than this time.
    pub(super) fn is_young(&self, watched: usize, time: Duration, now: SystemTime) -> bool {
        let List { listed, failing, .. } = self.lists[watched];
        listed && failing.is_none_or(|(_, since)| now.duration_since(since).unwrap_or_default() < time)
    }

    /// Says whether it is to be told that a list is not followed for this reason.
    pub(super) fn is_news(&mut self, watched: usize, reason: &'static str, now: SystemTime) -> bool {
        let list = &mut self.lists[watched];
        let pause = |told_at: SystemTime| now.duration_since(told_at).unwrap_or(TOLD_INTERVAL) < TOLD_INTERVAL;
        let news = list.told != Some(reason) && !list.told_at.is_some_and(pause);
        if news {
            (list.told, list.told_at) = (Some(reason), Some(now));
        }
        news
    }

    /// Since when some list is not followed; none while all are.
    pub(super) fn behind_since(&self) -> Option<SystemTime> {
        self.lists.iter().filter_map(|list| list.behind_since).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::objects::api::Asks;

    fn at(secs: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(secs)
    }

    /// Namespaces, Services and EndpointSlices.
    fn progress(asks: Asks, saved: Option<Known>) -> Progress {
        Progress::new(&Asks { endpoints: true, ..asks }.watched(), saved, at(1))
    }

    #[test]
    fn a_kind_is_known_when_all_of_its_lists_are_whole() {
        let mut progress = progress(Asks { namespaces: vec!["a".into(), "b".into()], ..Asks::default() }, None);
        [0, 1, 2, 4].iter().for_each(|&list| progress.listed(list));
        assert_eq!(progress.known(), Known { namespaces: true, ..Known::default() });
        progress.listed(3);
        assert!(progress.known().services && !progress.known().endpoints && !progress.is_complete());
        progress.listed(5);
        assert_eq!(progress.known(), Known { pods: false, ..Known::ALL });
        assert!(progress.is_complete());
    }

    #[test]
    fn a_saved_state_is_taken_for_the_cluster_when_the_api_had_its_time() {
        let saved = Known { pods: false, ..Known::ALL };
        let mut progress = progress(Asks::default(), Some(saved));
        assert_eq!((progress.known(), progress.is_stale()), (Known::default(), true));
        progress.presume();
        assert_eq!((progress.known(), progress.is_stale()), (saved, true));
        (0..3).for_each(|list| progress.listed(list));
        assert!(!progress.is_stale());
    }

    #[test]
    fn without_a_saved_state_time_makes_nothing_known() {
        let mut progress = progress(Asks::default(), None);
        progress.presume();
        assert_eq!((progress.known(), progress.is_stale()), (Known::default(), false));
    }

    #[test]
    fn a_reason_is_young_only_where_there_was_something_to_lose() {
        let mut progress = progress(Asks::default(), None);
        let time = Duration::from_secs(10);
        progress.lost(0, "forbidden", at(1));
        assert!(!progress.is_young(0, time, at(2)));
        progress.listed(0);
        progress.in_step(0, at(3));
        for (secs, reason) in [(20, "unreachable"), (40, "forbidden"), (45, "forbidden")] {
            progress.lost(0, reason, at(secs));
        }
        assert_eq!([40, 49, 50].map(|secs| progress.is_young(0, time, at(secs))), [true, true, false]);
    }

    #[test]
    fn the_oldest_loss_counts_until_all_lists_are_followed() {
        let mut progress = progress(Asks::default(), None);
        (0..3).for_each(|list| assert_eq!(progress.in_step(list, at(2)), None));
        assert_eq!(progress.behind_since(), None);
        [(0, 5), (1, 6), (0, 7)].iter().for_each(|&(list, secs)| progress.lost(list, "unreachable", at(secs)));
        assert_eq!(progress.behind_since(), Some(at(5)));
        assert_eq!((progress.in_step(0, at(8)), progress.in_step(1, at(9))), (None, None), "nobody was told");
        assert_eq!(progress.behind_since(), None);
    }

    #[test]
    fn a_loss_is_told_once_and_its_end_too() {
        let mut progress = progress(Asks::default(), None);
        let mut told = |secs, reason| {
            progress.lost(0, reason, at(secs));
            progress.is_news(0, reason, at(secs))
        };
        assert_eq!(
            [told(5, "unreachable"), told(6, "unreachable"), told(7, "failing"), told(8, "unreachable")],
            [true, false, false, false]
        );
        assert!(told(65, "failing"), "it lasts, and is another one");
        assert_eq!((progress.in_step(0, at(70)), progress.in_step(0, at(71))), (Some(at(1)), None));
    }

    #[test]
    fn who_is_forgotten_at_once_was_never_back() {
        let mut progress = progress(Asks::default(), None);
        progress.in_step(0, at(10));
        progress.lost(0, FORGOTTEN, at(12));
        progress.in_step(1, at(10));
        progress.lost(1, FORGOTTEN, at(100));
        let since = |list: usize| progress.lists[list].behind_since;
        assert_eq!((since(0), since(1)), (Some(at(1)), Some(at(100))));
    }
}
