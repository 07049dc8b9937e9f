//! Tells when the content of snapshot files may have changed.
//!
//! The folder of a file is watched, not the file: editors and ConfigMaps replace files, and a watch
//! on the old one stays silent. A mounted ConfigMap swaps the link `..data` beside the file. Where
//! the path itself is a link, the folders of every link on the way are watched too.
//!
//! Notices are only a hint. Whether anything changed is decided by the content, after a cheap look
//! at lengths and times; a look now and then also finds what no notice tells (network file systems,
//! `subPath` mounts).

use super::snapshot::{
    Digest, LoadError,
    files::{self, Digester},
};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _, event::AccessKind, event::AccessMode};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

/// Watches paths on a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Watcher {
    notices: Sender<Notice>,
    thread: Option<JoinHandle<()>>,
}

/// How long the watcher waits for what.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// After a notice, until no further one comes: writers seldom write once.
    pub debounce: Duration,
    /// Between two looks where notices work.
    pub poll: Duration,
    /// Between two looks where they do not.
    pub poll_without_notices: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            debounce: Duration::from_millis(200),
            poll: Duration::from_secs(60),
            poll_without_notices: Duration::from_secs(2),
        }
    }
}

impl Watcher {
    /// Calls `on_change` on the watcher's thread whenever the content of `paths` (files or folders)
    /// is no longer the `loaded` one, or can no longer be read. The caller then loads again, and says
    /// whether that is settled: if not, it is called again at the next look.
    pub fn new(
        paths: Vec<PathBuf>,
        loaded: Digest,
        pace: Pace,
        on_change: impl FnMut() -> bool + Send + 'static,
    ) -> io::Result<Self> {
        let (notices, inbox) = mpsc::channel();
        let watched = Watched::new(notices.clone());
        let observed = Observed::new(paths, loaded);
        let thread = thread::Builder::new()
            .name("snapshot-watch".into())
            .spawn(move || run(&inbox, watched, observed, pace, on_change))?;
        Ok(Self { notices, thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Where the thread has ended there is nobody left to tell.
        let _ = self.notices.send(Notice::Stop);
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            let _ = thread.join();
        }
    }
}

#[derive(Debug)]
enum Notice {
    Touched,
    Stop,
}

fn run(
    inbox: &Receiver<Notice>,
    mut watched: Watched,
    mut observed: Observed,
    pace: Pace,
    mut on_change: impl FnMut() -> bool,
) {
    // What happened before the watch was in place gave no notice.
    let mut pause = Duration::ZERO;
    loop {
        match inbox.recv_timeout(pause) {
            Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Notice::Touched) => {
                if settle(inbox, pace.debounce).is_none() {
                    return;
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        watched.renew(&observed.paths);
        pause = if watched.works() { pace.poll } else { pace.poll_without_notices };
        match observed.look() {
            Look::Same => {}
            Look::Changed if on_change() => {}
            // What could not be read may be readable with the same content.
            Look::Changed => observed.forget(),
            Look::Busy => pause = pace.poll_without_notices,
        }
    }
}

/// Waits until the notices pause, but not for ever: a busy neighbour in the folder must not hide a
/// change. `None` when told to stop.
fn settle(inbox: &Receiver<Notice>, debounce: Duration) -> Option<()> {
    let mut pauses = 0;
    while pauses < DEBOUNCES_MAX {
        match inbox.recv_timeout(debounce) {
            Ok(Notice::Touched) => pauses += 1,
            Err(RecvTimeoutError::Timeout) => break,
            Ok(Notice::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    Some(())
}

/// What the paths held when they were last looked at.
struct Observed {
    paths: Vec<PathBuf>,
    /// Real path, length and time of each file, where these can be trusted.
    stamps: Option<Stamps>,
    /// `None` where they could not be read.
    digest: Option<Digest>,
}

type Stamps = Vec<(PathBuf, u64, SystemTime)>;

#[derive(Debug, PartialEq, Eq)]
enum Look {
    Same,
    Changed,
    /// A writer is at work: look again soon.
    Busy,
}

impl Observed {
    fn new(paths: Vec<PathBuf>, loaded: Digest) -> Self {
        Self { paths, stamps: None, digest: Some(loaded) }
    }

    fn forget(&mut self) {
        (self.stamps, self.digest) = (None, None);
    }

    fn look(&mut self) -> Look {
        let stamps = stamps(&self.paths).ok();
        if stamps.is_some() && stamps == self.stamps {
            return Look::Same;
        }
        let digest = match digest(&self.paths) {
            Ok(digest) => Some(digest),
            Err(LoadError::Changing(_)) => return Look::Busy,
            Err(_) => None,
        };
        self.stamps = stamps.filter(are_old);
        let changed = digest != self.digest;
        self.digest = digest;
        if changed { Look::Changed } else { Look::Same }
    }
}

/// The folders that are watched.
struct Watched {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<Folder>,
    /// Every folder that should be watched is.
    complete: bool,
}

/// A folder, and whether its sub-folders count too.
type Folder = (PathBuf, bool);

impl Watched {
    fn new(notices: Sender<Notice>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|event| !is_reading(&event.kind)) {
                // The thread that listens has ended: nobody waits for this.
                let _ = notices.send(Notice::Touched);
            }
        });
        let watcher = watcher.inspect_err(|error| warn_of_polling(&error.to_string())).ok();
        Self { complete: watcher.is_some(), watcher, folders: BTreeSet::new() }
    }

    fn works(&self) -> bool {
        self.watcher.is_some() && self.complete
    }

    /// Links may lead elsewhere by now, and a folder that was made anew must be watched anew.
    fn renew(&mut self, paths: &[PathBuf]) {
        let Some(watcher) = &mut self.watcher else { return };
        let folders: BTreeSet<Folder> = paths.iter().flat_map(|path| folders(path)).collect();
        for (gone, _) in self.folders.difference(&folders) {
            // A folder that was removed is not watched any more.
            let _ = watcher.unwatch(gone);
        }
        let mut problem = None;
        for (folder, recursive) in &folders {
            let mode = if *recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
            if let Err(error) = watcher.watch(folder, mode) {
                problem = Some(error.to_string());
            }
        }
        if let (Some(problem), true) = (&problem, self.complete) {
            warn_of_polling(problem);
        }
        self.complete = problem.is_none();
        self.folders = folders;
    }
}

/// Our own reading must not look like a change.
fn is_reading(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write))
}

fn warn_of_polling(error: &str) {
    tracing::warn!("snapshot files cannot be watched ({error}); looking at them every few seconds instead");
}

/// Where a change of `path` shows: beside it, beside what it links to, and inside of a folder.
fn folders(path: &Path) -> Vec<Folder> {
    let mut folders = Vec::new();
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let parent = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
            Some(parent) => parent.to_owned(),
            None => break,
        };
        let target = fs::read_link(&path).map(|target| parent.join(target));
        folders.push((parent, false));
        match target {
            Ok(target) => path = target,
            Err(_) => break,
        }
    }
    if path.is_dir() {
        folders.push((path, true));
    }
    folders
}

fn stamps(paths: &[PathBuf]) -> Result<Stamps, LoadError> {
    let mut stamps = Vec::new();
    for path in paths {
        for file in files::list(path)? {
            let stamp = || {
                let metadata = fs::metadata(&file)?;
                Ok((fs::canonicalize(&file)?, metadata.len(), metadata.modified()?))
            };
            stamps.push(stamp().map_err(|error| LoadError::Io { path: file.clone(), error })?);
        }
    }
    Ok(stamps)
}

/// Two writes within one tick of the file system's clock have one time: a young time proves nothing.
fn are_old(stamps: &Stamps) -> bool {
    let now = SystemTime::now();
    stamps.iter().all(|(_, _, modified)| now.duration_since(*modified).is_ok_and(|age| age > CLOCK_TICK_MAX))
}

/// The same digest that a load of these paths gives.
fn digest(paths: &[PathBuf]) -> Result<Digest, LoadError> {
    let mut digester = Digester::new();
    for path in paths {
        for file in files::list(path)?.into_iter().filter(|file| files::is_rereadable(file)) {
            digester.add(&file.to_string_lossy(), &files::read(&file)?);
        }
    }
    Ok(digester.finish())
}

/// A chain of links this long is a circle.
const LINKS_MAX: usize = 40;
/// FAT counts in steps of two seconds; others are finer.
const CLOCK_TICK_MAX: Duration = Duration::from_secs(2);
/// At 200 ms each: a change is seen two seconds after its first notice at the latest.
const DEBOUNCES_MAX: u32 = 10;

#[cfg(test)]
mod tests;
