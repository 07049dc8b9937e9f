//! Where the cluster comes from: files or the Kubernetes API, behind one door.

use std::{
    io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use thiserror::Error;

use super::{
    Feed,
    live::{Live, LiveError},
    source::Snapshots,
};
use crate::{
    config::Config,
    objects::{
        api::Pace,
        snapshot::{LoadError, Options, Source},
    },
};

/// Feeds the cluster into tables for as long as it lives.
pub enum Cluster {
    /// Files, read again when they change.
    Files(Snapshots),
    /// The Kubernetes API.
    Api(Live),
}

/// Why there is no cluster.
#[derive(Debug, Error)]
pub enum ClusterError {
    /// Its files cannot be read.
    #[error(transparent)]
    Files(#[from] LoadError),
    /// Standard input cannot.
    #[error("standard input: {0}")]
    Stdin(#[from] io::Error),
    /// There is no way to the API.
    #[error(transparent)]
    Api(#[from] LiveError),
}

/// Read where no server has a cluster: nothing, completely.
const EMPTY_LIST: &str = r#"{"apiVersion": "v1", "kind": "ServiceList", "items": []}"#;

impl Cluster {
    /// Begins to feed it.
    ///
    /// # Errors
    /// There is nothing to begin with.
    pub fn start(config: &Config, feed: Feed) -> Result<Self, ClusterError> {
        if config.kubernetes.enabled {
            return Ok(Self::Api(Live::follow(config, feed, Pace::default())?));
        }
        Ok(Self::Files(Snapshots::start(sources(config)?, options(config), feed)?))
    }

    /// Waits until it is known completely, or as long as the configuration says. `is_over` is asked meanwhile
    /// whether somebody has lost interest; then this is false.
    pub fn wait(&self, config: &Config, mut is_over: impl FnMut() -> bool) -> bool {
        let Self::Api(live) = self else { return true };
        let patience = config.kubernetes.startup_timeout;
        let start = Instant::now();
        while !live.is_stale() && start.elapsed() < patience && !live.wait_for_picture(LOOK) {
            if is_over() {
                return false;
            }
        }
        if !live.is_stale() && !patience.is_zero() && !live.wait_for_picture(Duration::ZERO) {
            tracing::warn!(
                "no complete picture of the cluster after {} s: until there is one, names that are not known are answered with SERVFAIL",
                patience.as_secs()
            );
        }
        true
    }
}

/// Between two looks at whether anybody has lost interest.
const LOOK: Duration = Duration::from_millis(50);

/// The files that a configuration names.
///
/// # Errors
/// Standard input cannot be read.
pub fn sources(config: &Config) -> io::Result<Vec<Source>> {
    if !config.has_cluster() {
        return Ok(vec![Source::Text(NOTHING.into(), EMPTY_LIST.as_bytes().into())]);
    }
    let source =
        |path: &PathBuf| if is_standard_input(path) { Source::stdin() } else { Ok(Source::Path(path.clone())) };
    if config.snapshot.paths.is_empty() {
        return Ok(vec![Source::example()]);
    }
    config.snapshot.paths.iter().map(source).collect()
}

/// Whether the cluster is read from there: that can be done once.
pub(super) fn reads_standard_input(config: &Config) -> bool {
    !config.kubernetes.enabled
        && config.has_cluster()
        && config.snapshot.paths.iter().any(|path| is_standard_input(path))
}

fn is_standard_input(path: &Path) -> bool {
    path.to_str() == Some("-")
}

/// How a configuration wants objects to be read.
pub fn options(config: &Config) -> Options {
    Options { needs: config.needs(), service_cidr: config.snapshot.service_cidr }
}

/// What is read where there is no cluster, in words.
pub const NOTHING: &str = "no cluster";
