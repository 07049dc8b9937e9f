//! When something is saved, and what a disk that is no good does.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::{
    objects::{
        Change, Known, Namespace, Needs, Object, Picture,
        state::{Fault, Saved, StateError},
    },
    observe::metrics::Metrics,
    respond::plan::Plan,
};

const INTERVAL: Duration = Duration::from_secs(60);
/// Only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

fn wished(changed: bool, ended: bool) -> Wished {
    Wished { changed, ended }
}

#[test]
fn the_first_change_is_saved_at_once_and_later_ones_once_an_interval() {
    let start = Instant::now();
    let at = |secs| start + Duration::from_secs(secs);
    assert_eq!(due(wished(false, false), None, INTERVAL, start), Due::Unknown);
    assert_eq!(due(wished(true, false), None, INTERVAL, start), Due::Now);
    assert_eq!(due(wished(true, false), Some(start), INTERVAL, at(1)), Due::In(Duration::from_secs(59)));
    assert_eq!(due(wished(true, false), Some(start), INTERVAL, at(60)), Due::Now);
    assert_eq!(due(wished(false, false), Some(start), INTERVAL, at(600)), Due::Unknown, "nothing changed");
    assert_eq!(due(wished(true, false), Some(at(5)), INTERVAL, start), Due::In(INTERVAL), "no clock goes backwards");
}

#[test]
fn the_end_waits_for_no_interval() {
    let start = Instant::now();
    assert_eq!(due(wished(true, true), Some(start), INTERVAL, start), Due::Now);
    assert_eq!(due(wished(false, true), Some(start), INTERVAL, start), Due::Never);
    assert_eq!(due(wished(false, true), None, INTERVAL, start), Due::Never);
}

// ----------- The thread ----------------------------------------------------

/// A store, and a keeper that saves it into a folder.
struct Kept {
    folder: TempDir,
    store: Arc<Mutex<Store>>,
    events: Events,
    keeper: Keeper,
}

impl Kept {
    fn start(interval: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::<Mutex<Store>>::default();
        let picture = Picture { known: Known::ALL, ..Picture::default() };
        store.lock().unwrap().apply(Change::Reset(picture), 1);
        let events = Metrics::new(&Plan::default()).events.clone();
        let path = folder.path().join("state");
        let keeper = Keeper::start(path, interval, "test".into(), store.clone(), events.clone()).unwrap();
        Self { folder, store, events, keeper }
    }

    /// Makes a namespace, and says so.
    fn change(&self, name: &str) {
        let namespace = Object::Namespace(Namespace { name: name.into(), labels: Box::default() });
        self.store.lock().unwrap().apply(Change::Apply(namespace), 2);
        self.keeper.changes().changed();
    }

    fn saved(&self) -> Result<Option<Saved>, StateError> {
        state::load(&self.folder.path().join("state"), "test", Needs::default())
    }

    fn names(&self) -> Vec<String> {
        let objects = self.saved().unwrap().expect("it was saved").picture.objects;
        objects.iter().map(|object| object.key().to_string()).collect()
    }
}

fn wait(happened: impl Fn() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < PATIENCE, "it should have happened by now");
        thread::yield_now();
    }
}

#[test]
fn what_changes_is_saved_and_counted() {
    let kept = Kept::start(Duration::from_millis(1));
    assert!(kept.saved().unwrap().is_none(), "nothing has changed yet");
    kept.change("a");
    wait(|| kept.events.state_saves_ok.get() == 1);
    assert_eq!(kept.names(), ["Namespace a"]);
    let saved = kept.saved().unwrap().unwrap();
    assert_eq!(saved.picture.known, Known::ALL);
    assert_eq!(i64::from(saved.saved_unix_secs), kept.events.state_saved_timestamp_seconds.get());
    kept.change("b");
    wait(|| kept.events.state_saves_ok.get() == 2);
    assert_eq!(kept.names(), ["Namespace a", "Namespace b"]);
}

#[test]
fn the_end_saves_what_the_interval_has_kept_back() {
    let kept = Kept::start(INTERVAL);
    kept.change("a");
    wait(|| kept.events.state_saves_ok.get() == 1);
    kept.change("b");
    let Kept { folder, keeper, events, .. } = kept;
    drop(keeper);
    assert_eq!((events.state_saves_ok.get(), events.state_saves_failed.get()), (2, 0));
    let saved = state::load(&folder.path().join("state"), "test", Needs::default()).unwrap().unwrap();
    assert_eq!(saved.picture.objects.len(), 2);
}

#[test]
fn the_end_of_an_unchanged_cluster_saves_nothing() {
    let Kept { folder, keeper, events, .. } = Kept::start(INTERVAL);
    drop(keeper);
    assert_eq!((events.state_saves_ok.get(), fs::read_dir(folder.path()).unwrap().count()), (0, 0));
}

#[test]
fn a_disk_that_is_no_good_is_tried_until_it_is() {
    let kept = Kept::start(Duration::from_millis(1));
    // A folder stands where the new file is to be written.
    let obstacle = kept.folder.path().join("state.part");
    fs::create_dir(&obstacle).unwrap();
    kept.change("a");
    wait(|| kept.events.state_saves_failed.get() >= 2);
    assert_eq!(kept.events.state_saves_ok.get(), 0);
    fs::remove_dir(&obstacle).unwrap();
    wait(|| kept.events.state_saves_ok.get() == 1);
    assert_eq!(kept.names(), ["Namespace a"]);
}

#[test]
fn a_disk_that_is_no_good_does_not_keep_the_server_from_ending() {
    let kept = Kept::start(INTERVAL);
    fs::write(kept.folder.path().join("state"), "somebody's notes").unwrap();
    kept.change("a");
    let Kept { folder, keeper, events, .. } = kept;
    drop(keeper);
    assert!(events.state_saves_failed.get() >= 1);
    let refused = state::load(&folder.path().join("state"), "test", Needs::default());
    assert!(matches!(refused, Err(StateError { fault: Fault::Foreign, .. })), "{refused:?}");
}

#[test]
fn a_disk_that_is_no_good_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let path = missing.join("state");
    let events = Metrics::new(&Plan::default()).events.clone();
    let mut target = Target { path, fingerprint: String::new(), store: Arc::default(), events, failing: false };
    let mut news = || {
        let saved = target.save();
        target.news(&saved)
    };
    let path = missing.join("state").display().to_string();
    let told = format!(
        "the state cannot be saved to {path}: No such file or directory (os error 2); \
         make the folder, or choose another path; it is tried again"
    );
    assert_eq!((news(), news()), (Some(told.clone()), None));
    fs::create_dir(&missing).unwrap();
    assert_eq!((news(), news()), (Some(format!("the state is saved to {path} again")), None));
    fs::remove_dir_all(&missing).unwrap();
    assert_eq!(news(), Some(told));
}
