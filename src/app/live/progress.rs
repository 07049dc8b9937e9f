//! How far the watches are: which lists are whole, which are followed, and what follows from that.
//! Pure: times are arguments.

use std::time::{Duration, SystemTime};

use crate::objects::{Kind, Known, api::Watched};

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
}

impl Progress {
    /// Nothing is listed, or followed since `since`: the start, or the time of the saved state.
    pub(super) fn new(watched: &[Watched], saved: Option<Known>, since: SystemTime) -> Self {
        let list = |watched: &Watched| List {
            kind: watched.kind,
            listed: false,
            behind_since: Some(since),
            failing: None,
            told: None,
        };
        Self { lists: watched.iter().map(list).collect(), saved, presumed: false }
    }

    /// A list is whole.
    pub(super) fn listed(&mut self, watched: usize) {
        self.lists[watched].listed = true;
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
    pub(super) fn in_step(&mut self, watched: usize) -> Option<SystemTime> {
        let list = &mut self.lists[watched];
        let since = list.behind_since.take();
        list.failing = None;
        list.told.take().and(since)
    }

    /// A list is not followed since `now`, or since it was lost before.
    pub(super) fn lost(&mut self, watched: usize, reason: &'static str, now: SystemTime) {
        let list = &mut self.lists[watched];
        list.behind_since.get_or_insert(now);
        if list.failing.is_none_or(|(failing, _)| failing != reason) {
            list.failing = Some((reason, now));
        }
    }

    /// Whether a list that was whole once has failed for its present reason for less than this time.
    pub(super) fn is_young(&self, watched: usize, time: Duration, now: SystemTime) -> bool {
        let List { listed, failing, .. } = self.lists[watched];
        listed && failing.is_none_or(|(_, since)| now.duration_since(since).unwrap_or_default() < time)
    }

    /// Says whether it is news that a list is not followed for this reason.
    pub(super) fn is_news(&mut self, watched: usize, reason: &'static str) -> bool {
        self.lists[watched].told.replace(reason) != Some(reason)
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
        progress.in_step(0);
        for (secs, reason) in [(20, "unreachable"), (40, "forbidden"), (45, "forbidden")] {
            progress.lost(0, reason, at(secs));
        }
        assert_eq!([40, 49, 50].map(|secs| progress.is_young(0, time, at(secs))), [true, true, false]);
    }

    #[test]
    fn the_oldest_loss_counts_until_all_lists_are_followed() {
        let mut progress = progress(Asks::default(), None);
        (0..3).for_each(|list| assert_eq!(progress.in_step(list), None));
        assert_eq!(progress.behind_since(), None);
        [(0, 5), (1, 6), (0, 7)].iter().for_each(|&(list, secs)| progress.lost(list, "unreachable", at(secs)));
        assert_eq!(progress.behind_since(), Some(at(5)));
        assert_eq!(
            ["unreachable", "unreachable", "forbidden"].map(|why| progress.is_news(0, why)),
            [true, false, true]
        );
        assert_eq!((progress.in_step(0), progress.in_step(0)), (Some(at(5)), None));
        assert_eq!(progress.behind_since(), Some(at(6)));
        assert_eq!(progress.in_step(1), None, "nobody was told that it was lost");
    }
}
