//! What a watch has learnt of its server, and what follows for the next round. Pure: chance is an
//! argument.

use std::time::Duration;

use super::{Pace, failure::Failure, said::Form};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The server sends bookmarks.
    pub(super) bookmarks: bool,
    /// How often it failed since it was last well for a while.
    failures: u32,
    /// It failed last because the server had forgotten what happened since.
    forgotten: bool,
    /// So many watches in a row fell silent without a single line.
    silences: u32,
    /// So many streamed lists in a row did not become whole.
    doubts: u32,
    /// So often what came made no sense since it was last well for a while.
    garbles: u32,
}

impl Past {
    /// A watch lived for a while.
    pub(super) fn settled(&mut self) {
        self.failures = 0;
        // Whoever comes back to it after each list would go on like that for ever.
        if self.form() == Form::Protobuf {
            self.garbles = 0;
        }
    }

    /// A watch failed, after some lines or none. Says whether the list must be read again, for the
    /// server cannot go on from where the watch was.
    pub(super) fn failed(&mut self, failure: &Failure, heard: bool) -> bool {
        let forgotten = matches!(failure, Failure::Gone(_));
        // The server is back, and nothing but the list is missing. One that forgets at once and always
        // is another matter.
        if forgotten && !self.forgotten {
            self.failures = 0;
        }
        self.forgotten = forgotten;
        let garbles = match failure {
            Failure::Garbled(_) => 1,
            Failure::Refused(NOT_ACCEPTABLE, _) => GARBLES_MAX,
            _ => 0,
        };
        self.garbles = self.garbles.saturating_add(garbles);
        self.silences = if matches!(failure, Failure::Silent(_)) && !heard { self.silences + 1 } else { 0 };
        match failure {
            Failure::Gone(_) | Failure::Garbled(_) | Failure::Defect => true,
            // A server whose data were restored from an older day does not know our version: it says so
            // in several ways, or nothing at all until it gets there.
            Failure::Refused(..) | Failure::Failing(..) => self.failures >= REFUSALS_MAX,
            Failure::Silent(_) => self.silences >= SILENCES_MAX,
            _ => false,
        }
    }

    /// What the next reply is wished for in: in protobuf as long as that makes sense.
    pub(super) fn form(&self) -> Form {
        if self.garbles < GARBLES_MAX { Form::Protobuf } else { Form::Json }
    }

    /// Whether the next list is asked for as events: not of a server that does not have that, and not
    /// where it goes wrong again and again, for whatever is in between.
    pub(super) fn streams(&self) -> bool {
        self.doubts < DOUBTS_MAX && self.failures < REFUSALS_MAX
    }

    /// A streamed list became whole.
    pub(super) fn streamed(&mut self) {
        (self.bookmarks, self.doubts) = (true, 0);
    }

    /// A streamed list did not become whole. `refused`: the server says that it has no such thing.
    pub(super) fn not_streamed(&mut self, refused: bool) {
        self.doubts += if refused { DOUBTS_MAX } else { 1 };
    }

    /// How long to wait: each time twice as long as before, with `chance` from 0 to 1, so that replicas do
    /// not come back together.
    pub(super) fn pause(&mut self, pace: &Pace, wish: Option<Duration>, chance: f64) -> Duration {
        let doubled = pace.first_pause.saturating_mul(1 << self.failures.min(DOUBLINGS_MAX));
        self.failures += 1;
        let pause = doubled.min(pace.longest_pause).mul_f64(0.5 + chance / 2.0);
        pause.max(wish.unwrap_or_default().min(pace.longest_pause))
    }
}

/// So often a server may fail to go on from where we were, or to stream a list.
const REFUSALS_MAX: u32 = 3;
/// One silence may be the network's.
const SILENCES_MAX: u32 = 2;
/// One stream may have met a restart.
const DOUBTS_MAX: u32 = 2;
/// What stands between us and the server may not be made for anything but text.
const GARBLES_MAX: u32 = 3;
/// 406: it has none of the forms that were asked for.
const NOT_ACCEPTABLE: u16 = 406;
/// 200 ms doubled so often is beyond any pause.
const DOUBLINGS_MAX: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    const SILENT: Failure = Failure::Silent(Duration::ZERO);

    fn failing() -> Failure {
        Failure::Failing(504, String::new())
    }

    #[test]
    fn a_server_that_cannot_go_on_is_listed_again() {
        let mut past = Past::default();
        let mut fails = |failure: Failure, heard| {
            let again = past.failed(&failure, heard);
            past.pause(&Pace::default(), None, 0.0);
            again
        };
        assert_eq!([(); 4].map(|()| fails(failing(), false)), [false, false, false, true]);
        assert!(fails(Failure::Gone(String::new()), true) && fails(Failure::Garbled(String::new()), true));
        assert_eq!([false, true, false, false].map(|heard| fails(SILENT, heard)), [false, false, false, true]);
        assert!(!fails(Failure::Unreachable(String::new()), false));
    }

    #[test]
    fn pauses_double_until_it_was_well_or_forgotten() {
        let (mut past, pace) = (Past::default(), Pace::default());
        let millis = |past: &mut Past| past.pause(&pace, None, 1.0).as_millis();
        assert_eq!([(); 7].map(|()| millis(&mut past)), [200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(past.pause(&pace, None, 0.0), pace.longest_pause / 2);
        past.failed(&Failure::Gone(String::new()), false);
        assert_eq!([(); 2].map(|()| millis(&mut past)), [200, 400]);
        past.failed(&Failure::Gone(String::new()), false);
        assert_eq!(millis(&mut past), 800, "it forgets each time");
        past.settled();
        assert_eq!(past.pause(&pace, Some(Duration::from_secs(1)), 0.0), Duration::from_secs(1));
        assert_eq!(past.pause(&pace, Some(Duration::from_secs(3600)), 0.0), pace.longest_pause);
    }

    #[test]
    fn protobuf_is_asked_for_until_it_makes_no_sense() {
        let garbled = Failure::Garbled(String::new());
        let mut past = Past::default();
        for _ in 0..2 {
            assert_eq!(past.form(), Form::Protobuf);
            past.failed(&garbled, true);
            past.failed(&garbled, true);
            past.settled();
        }
        for _ in 0..GARBLES_MAX {
            past.failed(&garbled, true);
        }
        past.settled();
        assert_eq!(past.form(), Form::Json, "and it stays so");
        let mut refused = Past::default();
        refused.failed(&Failure::Refused(406, String::new()), false);
        assert_eq!(refused.form(), Form::Json);
    }

    #[test]
    fn lists_are_streamed_while_that_works() {
        let mut past = Past::default();
        past.not_streamed(false);
        assert!(past.streams(), "a restart in the middle of one");
        past.streamed();
        past.not_streamed(false);
        past.not_streamed(false);
        assert!(!past.streams());
        let mut refused = Past::default();
        refused.not_streamed(true);
        assert!(!refused.streams());
        let mut failing = Past::default();
        for _ in 0..REFUSALS_MAX {
            failing.pause(&Pace::default(), None, 0.0);
        }
        assert!(!failing.streams(), "pages may come through");
        failing.settled();
        assert!(failing.streams());
    }
}
