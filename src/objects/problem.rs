//! What is wrong with an object or a file, in words that name it and its place.
//!
//! A [`Problem`] is about one object: the rest of the cluster is served. A [`LoadError`] is about
//! a whole source: what was served before stays in service.

use std::{fmt, io, path::PathBuf, sync::Arc};

/// One thing that was found wrong while reading objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether something was left out, or is merely worth knowing.
    pub severity: Severity,
    /// Where the object stands. A change that came from the API has no place.
    pub place: Option<Place>,
    /// Which object, as far as its kind and name could be read: `Service shop/web`.
    pub object: Option<Box<str>>,
    /// What is wrong and what to do.
    pub message: Box<str>,
}

/// How bad a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The object was left out.
    Error,
    /// Everything was read, but perhaps not as it was meant.
    Warning,
}

/// A place in a source. Lines and columns count from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named or found, or what else the text goes by.
    pub source: Arc<str>,
    /// Of a YAML document that holds several objects: its first line.
    pub line: usize,
    /// The column of the object's first character.
    pub column: usize,
}

/// Problems of one load, bounded: a file of a million broken objects must not fill the memory
/// with a million sentences.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) kept: Vec<Problem>,
    pub(crate) left_off: usize,
}

/// Why a set of sources gave no picture. The caller keeps the last good one.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder could not be read.
    #[error("{path}: {error}{}", advice(.error))]
    Io {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A file was written to while it was read, each time it was tried.
    #[error("{0}: the file keeps changing while it is read; write it aside and rename it into place")]
    Changing(PathBuf),
    /// A file is larger than a snapshot can sensibly be.
    #[error("{path}: more than {limit_bytes} bytes; leave out what DNS does not need: {KUBECTL}")]
    TooLarge {
        /// Which one.
        path: PathBuf,
        /// The limit that it passed.
        limit_bytes: u64,
    },
    /// A folder holds nothing to read.
    #[error("{0}: no *.json, *.yaml or *.yml file in this folder; fill it with: {KUBECTL}")]
    NoFiles(PathBuf),
    /// A source has no content.
    #[error("{0}: empty; fill it with: {KUBECTL}")]
    Empty(Arc<str>),
    /// The sources hold text, but nothing of it is a Kubernetes object.
    #[error("{0}: no Kubernetes object in it (apiVersion, kind, metadata); make one with: {KUBECTL}")]
    NoObjects(Arc<str>),
    /// A source is not text of the form its first character promises.
    #[error("{place}: {message}")]
    Syntax {
        /// Where the reader stopped.
        place: Place,
        /// What it stopped at.
        message: Box<str>,
    },
}

impl Problem {
    /// Says that an object was left out.
    pub(crate) fn error(object: Option<Box<str>>, message: impl Into<Box<str>>) -> Self {
        Self { severity: Severity::Error, place: None, object, message: message.into() }
    }

    /// Says that something deserves a look.
    pub(crate) fn warning(object: Option<Box<str>>, message: impl Into<Box<str>>) -> Self {
        Self { severity: Severity::Warning, place: None, object, message: message.into() }
    }

    /// Adds where.
    pub(crate) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
}

impl Problems {
    pub(crate) fn push(&mut self, problem: Problem) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push(problem);
        } else {
            self.left_off += 1;
        }
    }
}

/// `cluster.json:12:9`
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.source, self.line, self.column)
    }
}

/// `cluster.json:12:9: Service shop/web: left out: cluster IP "10.0.0.256" is no IP address`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if let Some(object) = &self.object {
            write!(f, "{object}: ")?;
        }
        if self.severity == Severity::Error {
            f.write_str("left out: ")?;
        }
        f.write_str(&self.message)
    }
}

fn advice(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => format!("; make a snapshot with: {KUBECTL}"),
        io::ErrorKind::PermissionDenied => "; let the user that clusterdns runs as read it".into(),
        _ => String::new(),
    }
}

/// The command that writes everything DNS is made of.
pub const KUBECTL: &str = "kubectl get svc,endpoints,endpointslices,pods,ns -A -o json";

/// Enough to see what is wrong; at some 200 octets each, 200 KB at most.
const KEPT_MAX: usize = 1_000;
