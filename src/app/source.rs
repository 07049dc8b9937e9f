//! Snapshots as a source of changes: read at the start, and again whenever their content changes.
//!
//! A snapshot that cannot be read leaves the last good one in service; the fault stands in the log,
//! the metrics and the body of `/ready` until a later one is good again.

use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    sync::Arc,
};

use super::Feed;
use crate::objects::{
    Change,
    snapshot::{self, LoadError, Loaded, Options, Progress, Source, Summary},
    watch::{Pace, Watcher},
};

/// Reads sources into a feed, and keeps doing so until it is dropped.
pub struct Snapshots {
    /// What the first load found.
    pub summary: Summary,
    /// None where no source can change.
    _watcher: Option<Watcher>,
}

impl Snapshots {
    /// Loads the sources into the tables, then watches them.
    ///
    /// # Errors
    /// The first load failed: there is nothing to serve.
    pub fn start(sources: Vec<Source>, options: Options, feed: Feed) -> Result<Self, LoadError> {
        let loaded = load(&sources, &options)?;
        feed.reads_from(sources.iter().map(ToString::to_string).collect());
        let (summary, digest) = (loaded.summary.clone(), loaded.digest);
        apply(loaded, &feed);
        let paths = paths(&sources);
        if paths.is_empty() {
            return Ok(Self { summary, _watcher: None });
        }
        let shared = Arc::new(sources);
        let watcher = Watcher::new(paths, digest, Pace::default(), move || reload(&shared, &options, &feed))
            .inspect_err(
                |error| tracing::warn!(%error, "changes of the snapshot will not be noticed: no thread for it"),
            );
        Ok(Self { summary, _watcher: watcher.ok() })
    }
}

fn paths(sources: &[Source]) -> Vec<PathBuf> {
    let path = |source: &Source| match source {
        Source::Path(path) => Some(path.clone()),
        Source::Text(..) => None,
    };
    sources.iter().filter_map(path).collect()
}

/// Says whether that is settled: a file that could not be read may be readable at the next look.
fn reload(sources: &[Source], options: &Options, feed: &Feed) -> bool {
    match load(sources, options) {
        Ok(loaded) => {
            tracing::info!("snapshot read again: {}", loaded.summary);
            apply(loaded, feed);
            true
        }
        Err(error) => {
            tracing::error!("the snapshot cannot be read, the last good one stays in service: {error}");
            feed.not_loaded();
            feed.fault(SNAPSHOT, &error.to_string());
            !matches!(error, LoadError::Changing(_) | LoadError::Io { .. })
        }
    }
}

fn apply(loaded: Loaded, feed: &Feed) {
    for problem in &loaded.problems {
        tracing::warn!("{problem}");
    }
    if loaded.summary.problems_left_off > 0 {
        tracing::warn!("and {} more problems: clusterdns check shows them", loaded.summary.problems_left_off);
    }
    if loaded.summary.chosen > 0 {
        tracing::info!(
            "{} services have no clusterIP in their manifests and got one here; clusterdns records marks them",
            loaded.summary.chosen
        );
    }
    feed.apply(Change::Reset(loaded.picture));
    feed.loaded();
    feed.clear(SNAPSHOT);
}

/// Loads, and shows on a terminal how far it is where it takes long.
fn load(sources: &[Source], options: &Options) -> Result<Loaded, LoadError> {
    let mut shown = 0;
    let terminal = io::stderr().is_terminal();
    let loaded = snapshot::load(sources, options, &mut |progress: Progress| {
        if terminal && progress.bytes_done >= shown + PROGRESS_STEP_BYTES {
            shown = progress.bytes_done;
            let megabytes = |bytes: u64| bytes / 1_000_000;
            let (done, total) = (megabytes(progress.bytes_done), megabytes(progress.bytes_total));
            let _ = write!(io::stderr(), "\rreading: {done} of {total} MB, {} objects", progress.objects);
        }
    });
    if shown > 0 {
        let _ = writeln!(io::stderr());
    }
    loaded
}

/// What `/ready` calls it.
const SNAPSHOT: &str = "snapshot";

/// Less is read before anybody wonders.
const PROGRESS_STEP_BYTES: u64 = 20_000_000;
