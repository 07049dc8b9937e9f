//! Changes on disk, and what the watcher tells of them. Nothing here waits for time to pass: a test
//! ends when it was told, and fails after half a minute of silence.

use super::*;
use crate::objects::snapshot::{self, Source};
use std::os::unix::fs::symlink;
use tempfile::TempDir;

const ONE: &str = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"one"}}"#;
const TWO: &str = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"two"}}"#;

#[test]
fn a_changed_file_is_noticed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("cluster.json");
    fs::write(&file, ONE).unwrap();
    let watched = watch(&file);
    fs::write(&file, TWO).unwrap();
    watched.expect_change();
}

#[test]
fn a_replaced_file_is_noticed_and_so_is_its_replacement() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("cluster.json");
    fs::write(&file, ONE).unwrap();
    let watched = watch(&file);
    for content in [TWO, ONE] {
        let aside = folder.path().join("aside");
        fs::write(&aside, content).unwrap();
        fs::rename(&aside, &file).unwrap();
        watched.expect_change();
    }
}

#[test]
fn a_new_file_in_a_sub_folder_is_noticed() {
    let folder = TempDir::new().unwrap();
    // The folder above is watched too: it must not be one where other tests are busy.
    let inner = folder.path().join("inner");
    fs::create_dir_all(inner.join("more")).unwrap();
    fs::write(inner.join("one.json"), ONE).unwrap();
    let watched = watch(&inner);
    fs::write(inner.join("more/two.json"), TWO).unwrap();
    watched.expect_change();
}

#[test]
fn the_swap_of_a_mounted_config_map_is_noticed() {
    let folder = TempDir::new().unwrap();
    let mount = &folder.path().join("mount");
    for (data, content) in [("..1", ONE), ("..2", TWO)] {
        fs::create_dir_all(mount.join(data)).unwrap();
        fs::write(mount.join(data).join("cluster.json"), content).unwrap();
    }
    symlink("..1", mount.join("..data")).unwrap();
    symlink("..data/cluster.json", mount.join("cluster.json")).unwrap();
    for path in [mount.to_owned(), mount.join("cluster.json")] {
        let watched = watch(&path);
        for data in ["..2", "..1"] {
            symlink(data, mount.join("..data_tmp")).unwrap();
            fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
            watched.expect_change();
        }
    }
}

#[test]
fn a_link_that_leads_elsewhere_is_noticed() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let (file, link) = (there.path().join("real.json"), here.path().join("cluster.json"));
    fs::write(&file, ONE).unwrap();
    symlink(&file, &link).unwrap();
    let watched = watch(&link);
    fs::write(&file, TWO).unwrap();
    watched.expect_change();
}

#[test]
fn a_change_before_the_watch_began_is_noticed() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("cluster.json");
    fs::write(&file, ONE).unwrap();
    let loaded = load(&file);
    fs::write(&file, TWO).unwrap();
    Watching::start(vec![file], loaded).expect_change();
}

#[test]
fn equal_content_is_no_change_and_a_lost_file_is_one() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("cluster.json");
    fs::write(&file, ONE).unwrap();
    let mut observed = Observed::new(vec![file.clone()], load(&file));
    assert_eq!(observed.look(), Look::Same);
    touch(&file, 1);
    assert_eq!(observed.look(), Look::Same);
    fs::write(&file, TWO).unwrap();
    touch(&file, 2);
    assert_eq!(observed.look(), Look::Changed);
    fs::remove_file(&file).unwrap();
    assert_eq!(observed.look(), Look::Changed);
    assert_eq!(observed.look(), Look::Same, "still lost");
    fs::write(&file, TWO).unwrap();
    assert_eq!(observed.look(), Look::Changed, "the caller could not load it meanwhile");
}

#[test]
fn a_link_to_a_file_of_equal_length_and_time_is_noticed() {
    let folder = TempDir::new().unwrap();
    let [one, two, link] = ["one", "two", "link"].map(|name| folder.path().join(name));
    for (file, content) in [(&one, ONE), (&two, TWO)] {
        fs::write(file, content).unwrap();
        touch(file, 1);
    }
    symlink(&one, &link).unwrap();
    let mut observed = Observed::new(vec![link.clone()], load(&link));
    assert_eq!(observed.look(), Look::Same);
    fs::remove_file(&link).unwrap();
    symlink(&two, &link).unwrap();
    assert_eq!(observed.look(), Look::Changed);
}

#[test]
fn two_writes_within_a_tick_of_the_clock_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("cluster.json");
    fs::write(&file, ONE).unwrap();
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    let mut observed = Observed::new(vec![file.clone()], load(&file));
    assert_eq!(observed.look(), Look::Same);
    fs::write(&file, TWO).unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    assert_eq!(observed.look(), Look::Changed);
}

#[test]
fn without_notices_it_polls() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("not/yet/there/cluster.json");
    let watched = Watching::start(vec![file.clone()], Digest(0));
    watched.expect_change();
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, ONE).unwrap();
    watched.expect_change();
}

#[test]
fn dropping_the_watcher_ends_its_thread() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("one.json"), ONE).unwrap();
    let watched = watch(folder.path());
    drop(watched.watcher);
    assert_eq!(watched.changes.recv(), Err(mpsc::RecvError), "the callback is gone with the thread");
}

/// A watcher and what it told. The polls are too far apart to help where notices must do.
struct Watching {
    watcher: Watcher,
    changes: Receiver<()>,
}

impl Watching {
    fn start(paths: Vec<PathBuf>, loaded: Digest) -> Self {
        let (told, changes) = mpsc::channel();
        let pace = Pace {
            debounce: Duration::from_millis(20),
            poll: Duration::from_secs(3_600),
            poll_without_notices: Duration::from_millis(20),
        };
        let watcher = Watcher::new(paths, loaded, pace, move || told.send(()).is_ok()).unwrap();
        Self { watcher, changes }
    }

    fn expect_change(&self) {
        self.changes.recv_timeout(Duration::from_secs(30)).expect("a change is told within half a minute");
    }
}

fn watch(path: &Path) -> Watching {
    let watched = Watching::start(vec![path.to_owned()], Digest(0));
    // The watch is in place before the first look, which finds that this digest is not the content's.
    watched.expect_change();
    watched
}

fn load(path: &Path) -> Digest {
    snapshot::load(&[Source::Path(path.to_owned())], &snapshot::Options::default(), &mut |_| {}).unwrap().digest
}

fn touch(file: &Path, second: u64) {
    let file = fs::File::options().write(true).open(file).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(second)).unwrap();
}
