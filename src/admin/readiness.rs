//! Whether clients should be sent here, and what is wrong if anything is.
//!
//! A stage that must come up holds a [`Latch`]. Once no latch holds, the server is ready, and it
//! stays ready until it drains: a fault later on, such as an API server that is gone, would be
//! seen by every replica at once, and to take them all out of service turns old answers into none.
//! The fault stands in the body instead. Whoever wants it otherwise says so
//! ([`Readiness::monitor_continuously`]).

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// See the module.
#[derive(Default)]
pub struct Readiness(Mutex<State>);

#[derive(Default)]
struct State {
    latches: u64,
    missing: BTreeMap<u64, Missing>,
    faults: BTreeMap<String, String>,
    sources: u64,
    /// The faults of each source that is there.
    of_sources: BTreeMap<u64, BTreeMap<String, String>>,
    was_ready: bool,
    continuously: bool,
    draining: bool,
}

/// What a latch waits for.
struct Missing {
    stage: String,
    reason: String,
}

/// Held by a stage that must come up. One that is dropped while it holds, as when its stage
/// panics, holds for ever: what is not known to be ready is not ready.
pub struct Latch {
    readiness: Arc<Readiness>,
    id: u64,
    stage: String,
}

/// What is wrong with one source of the cluster: it goes with that source.
pub struct Faults {
    readiness: Arc<Readiness>,
    source: u64,
}

/// What `/ready` answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether clients should be sent here.
    pub ready: bool,
    /// `OK` or what is missing, then a line for each detail.
    pub body: String,
}

impl Readiness {
    /// Ready, as long as no latch is taken.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Whether what holds counts also after the server was ready: CoreDNS's `monitor continuously`.
    pub fn monitor_continuously(&self, continuously: bool) {
        self.state().continuously = continuously;
    }

    /// Takes a latch for a stage, by the name of CoreDNS's plugin. Take all latches of the start
    /// before the first one lets go.
    pub fn latch(self: &Arc<Self>, stage: &str, reason: &str) -> Latch {
        let mut state = self.state();
        state.latches += 1;
        let latch = Latch { readiness: self.clone(), id: state.latches, stage: stage.to_owned() };
        drop(state);
        latch.not_ready(reason);
        latch
    }

    /// Shows a fault that does not keep clients away. One part has one fault, the last one.
    pub fn fault(&self, part: &str, text: &str) {
        self.state().faults.insert(part.to_owned(), text.to_owned());
    }

    /// The part is well again.
    pub fn clear(&self, part: &str) {
        self.state().faults.remove(part);
    }

    /// A source of the cluster that has no faults yet.
    pub fn faults(self: &Arc<Self>) -> Faults {
        let mut state = self.state();
        state.sources += 1;
        let source = state.sources;
        state.of_sources.insert(source, BTreeMap::new());
        Faults { readiness: self.clone(), source }
    }

    /// No more clients, please.
    pub fn draining(&self) {
        self.state().draining = true;
    }

    /// Whether clients should be sent here, and what is wrong.
    pub fn answer(&self) -> Answer {
        let mut state = self.state();
        state.note();
        if state.draining {
            return Answer { ready: false, body: "Shutting down".to_owned() };
        }
        let ready = state.was_ready && (state.missing.is_empty() || !state.continuously);
        let mut body = if ready { "OK".to_owned() } else { state.stages() };
        let missing = state.missing.values().map(|Missing { stage, reason }| (stage, reason));
        let lines = missing.chain(&state.faults).chain(state.of_sources.values().flatten());
        for (source, text) in lines.clone().take(LINES_MAX) {
            // Writing to a string cannot fail.
            let _ = write!(body, "\n{}", one_line(&format!("{source}: {text}")));
        }
        let left_off = lines.count().saturating_sub(LINES_MAX);
        if left_off > 0 {
            let _ = write!(body, "\nand {left_off} more");
        }
        Answer { ready, body }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Latch {
    /// Holds, for this reason.
    pub fn not_ready(&self, reason: &str) {
        let missing = Missing { stage: self.stage.clone(), reason: reason.to_owned() };
        self.readiness.state().missing.insert(self.id, missing);
    }

    /// Lets go: the stage is up, or nobody waits for it any more.
    pub fn ready(&self) {
        let mut state = self.readiness.state();
        state.missing.remove(&self.id);
        state.note();
    }

    /// Holds as long as there is a reason, such as
    /// [`incomplete`](crate::observe::tables::incomplete) gives.
    pub fn update(&self, reason: Option<String>) {
        match reason {
            Some(reason) => self.not_ready(&reason),
            None => self.ready(),
        }
    }
}

impl Faults {
    /// Shows a fault that does not keep clients away. One part has one fault, the last one.
    pub fn fault(&self, part: &str, text: &str) {
        if let Some(faults) = self.readiness.state().of_sources.get_mut(&self.source) {
            faults.insert(part.to_owned(), text.to_owned());
        }
    }

    /// The part is well again.
    pub fn clear(&self, part: &str) {
        if let Some(faults) = self.readiness.state().of_sources.get_mut(&self.source) {
            faults.remove(part);
        }
    }

    /// The source is nobody's any more, and whatever is wrong with it.
    pub fn end(&self) {
        self.readiness.state().of_sources.remove(&self.source);
    }
}

impl State {
    /// Remembers that nothing is missing.
    fn note(&mut self) {
        self.was_ready |= self.missing.is_empty();
    }

    /// The stages that are not up, in CoreDNS's form.
    fn stages(&self) -> String {
        let mut stages: Vec<_> = self.missing.values().map(|missing| &*missing.stage).collect();
        stages.sort_unstable();
        stages.dedup();
        stages.join(",")
    }
}

/// Texts come from files and servers of others.
fn one_line(text: &str) -> String {
    let end = text.chars().nth(LINE_CHARS_MAX).map(|_| '…');
    let kept = text.chars().take(LINE_CHARS_MAX - end.iter().len());
    kept.map(|c| if c.is_control() { ' ' } else { c }).chain(end).collect()
}

/// What fits on a screen: with lines of 300 characters a body of some 10 KB.
const LINES_MAX: usize = 32;
const LINE_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(readiness: &Readiness) -> (bool, String) {
        let Answer { ready, body } = readiness.answer();
        (ready, body)
    }

    #[test]
    fn it_is_ready_when_the_last_latch_lets_go() {
        let readiness = Readiness::new();
        let services = readiness.latch("kubernetes", "no services yet");
        let pods = readiness.latch("kubernetes", "no pods yet");
        let forward = readiness.latch("forward", "no upstream yet");
        let text = "forward,kubernetes\nkubernetes: no services yet\nkubernetes: no pods yet\nforward: no upstream yet";
        assert_eq!(answer(&readiness), (false, text.into()));
        services.ready();
        forward.ready();
        pods.not_ready("refused");
        assert_eq!(answer(&readiness), (false, "kubernetes\nkubernetes: refused".into()));
        pods.ready();
        assert_eq!(answer(&readiness), (true, "OK".into()));
    }

    #[test]
    fn once_ready_it_stays_ready_and_tells_its_faults() {
        let readiness = Readiness::new();
        let latch = readiness.latch("kubernetes", "starting");
        latch.ready();
        readiness.fault("snapshot", "cluster.json:1:1: end\nof file");
        latch.not_ready("a new view");
        let text = "OK\nkubernetes: a new view\nsnapshot: cluster.json:1:1: end of file";
        assert_eq!(answer(&readiness), (true, text.into()));
        latch.ready();
        readiness.clear("snapshot");
        assert_eq!(answer(&readiness), (true, "OK".into()));
    }

    #[test]
    fn where_it_is_asked_for_it_is_ready_only_as_long_as_nothing_is_missing() {
        let readiness = Readiness::new();
        readiness.monitor_continuously(true);
        let latch = readiness.latch("kubernetes", "starting");
        latch.ready();
        readiness.fault("snapshot", "old");
        assert_eq!(answer(&readiness), (true, "OK\nsnapshot: old".into()));
        latch.not_ready("a new view");
        assert_eq!(answer(&readiness), (false, "kubernetes\nkubernetes: a new view\nsnapshot: old".into()));
        latch.ready();
        assert!(readiness.answer().ready);
        latch.not_ready("a new view");
        readiness.monitor_continuously(false);
        assert!(readiness.answer().ready);
    }

    #[test]
    fn what_is_wrong_with_a_source_goes_with_it() {
        let readiness = Readiness::new();
        let [old, new] = [(); 2].map(|()| readiness.faults());
        readiness.fault("configuration", "bad");
        old.fault("snapshot", "old");
        new.fault("snapshot", "new");
        assert_eq!(answer(&readiness).1, "OK\nconfiguration: bad\nsnapshot: old\nsnapshot: new");
        old.end();
        old.fault("snapshot", "older");
        assert_eq!(answer(&readiness).1, "OK\nconfiguration: bad\nsnapshot: new");
        new.clear("snapshot");
        readiness.clear("configuration");
        assert_eq!(answer(&readiness).1, "OK");
    }

    #[test]
    fn it_was_ready_even_if_nobody_asked() {
        let readiness = Readiness::new();
        readiness.latch("kubernetes", "starting").ready();
        let _later = readiness.latch("kubernetes", "a zone of the new configuration");
        assert!(readiness.answer().ready);
    }

    #[test]
    fn a_stage_that_vanished_is_not_ready() {
        let readiness = Readiness::new();
        drop(readiness.latch("kubernetes", "starting"));
        assert_eq!(answer(&readiness), (false, "kubernetes\nkubernetes: starting".into()));
    }

    #[test]
    fn draining_is_the_end() {
        let readiness = Readiness::new();
        readiness.draining();
        readiness.latch("kubernetes", "starting").ready();
        assert_eq!(answer(&readiness), (false, "Shutting down".into()));
    }

    #[test]
    fn the_body_is_bounded() {
        let readiness = Readiness::new();
        for source in 0..LINES_MAX + 3 {
            readiness.fault(&format!("{source:03}"), &"é".repeat(1000));
        }
        let (_, body) = answer(&readiness);
        assert_eq!(body.lines().count(), 1 + LINES_MAX + 1);
        assert!(body.ends_with("\nand 3 more"));
        let cut = |line: &str| line.chars().count() == LINE_CHARS_MAX && line.ends_with("é…");
        assert!(body.lines().skip(1).take(LINES_MAX).all(cut), "{body}");
    }
}
