//! Snapshots: a cluster in a file, as kubectl prints it or as a folder of manifests.
//!
//! [`load`] turns sources into one picture. It succeeds as a whole or not at all: with a file that
//! cannot be read as text of its format the caller keeps the last good picture. A single broken
//! object is a [`Problem`], and the rest is served.
//!
//! The text may be JSON (one object, lists, arrays, or a sequence of them) or YAML (any number of
//! documents); the first character tells. JSON is read at more than 150 MB a second, YAML at 10:
//! a large cluster belongs in JSON.

mod doubts;
pub(crate) mod files;
mod gather;
mod json;
mod yaml;

pub use super::problem::{KUBECTL, LoadError, Place, Problem, Severity};
pub use files::Digest;

use super::{Needs, Picture};
use gather::Gather;
use ipnet::Ipv4Net;
use std::{
    collections::BTreeMap,
    fmt, fs,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
};

/// Where a snapshot comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, or a folder with `*.json`, `*.yaml` and `*.yml` files, also in sub-folders.
    Path(PathBuf),
    /// Text in memory under the name it goes by in problems.
    Text(Arc<str>, Arc<[u8]>),
}

/// What to read and how to complete it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What to keep of each object.
    pub needs: Needs,
    /// Where cluster IPs are chosen from for Services whose manifests have none. `None`: they stay
    /// without.
    pub service_cidr: Option<Ipv4Net>,
}

/// How far [`load`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub bytes_done: u64,
    /// Bytes of all sources, as large as they were at the start.
    pub bytes_total: u64,
    /// Objects found.
    pub objects: usize,
}

/// A cluster that was read.
#[derive(Debug)]
pub struct Loaded {
    /// Every object, sorted by key, and what the picture is complete about.
    pub picture: Picture,
    /// What was left out or looks wrong, in the order it was found.
    pub problems: Vec<Problem>,
    /// In numbers.
    pub summary: Summary,
    /// Of the content of all files: what a watcher compares with.
    pub digest: Digest,
}

/// What a load found, in numbers, for one line of log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files or texts read.
    pub sources: usize,
    /// Their size.
    pub bytes: u64,
    /// Services in the picture.
    pub services: usize,
    /// EndpointSlices in the picture.
    pub slices: usize,
    /// Endpoints in the picture, derived ones too.
    pub endpoints: usize,
    /// Namespaces in the picture, also those that only other objects mention.
    pub namespaces: usize,
    /// Pods in the picture.
    pub pods: usize,
    /// Objects of kinds that DNS is not made of, by kind.
    pub skipped: BTreeMap<Box<str>, usize>,
    /// Endpoints objects left out because slices list the same.
    pub superseded: usize,
    /// Services whose endpoints were derived from Pods.
    pub derived: usize,
    /// Services whose cluster IP was chosen here, out of [`Options::service_cidr`].
    pub chosen: usize,
    /// Problems beyond those in [`Loaded::problems`].
    pub problems_left_off: usize,
}

/// `3 namespaces, 8 services, 6 slices, 2 endpoints, 7 pods; skipped 4 Deployment`
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { namespaces, services, slices, endpoints, pods, .. } = self;
        write!(f, "{namespaces} namespaces, {services} services, {slices} slices")?;
        for (count, what) in [(endpoints, "endpoints"), (pods, "pods")] {
            if *count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        for (index, (kind, count)) in self.skipped.iter().enumerate() {
            write!(f, "{} {count} {kind}", if index == 0 { "; skipped" } else { "," })?;
        }
        Ok(())
    }
}

/// The cluster that is served where nobody names another.
pub const EXAMPLE: &str = include_str!("../../../zones/example/cluster.json");

/// What problems call standard input.
pub const STDIN: &str = "standard input";

impl Source {
    /// Reads standard input to its end, once. Its text then stays as it is.
    pub fn stdin() -> io::Result<Self> {
        let mut text = Vec::new();
        io::stdin().lock().read_to_end(&mut text)?;
        Ok(Self::Text(STDIN.into(), text.into()))
    }

    /// The example that is compiled in.
    pub fn example() -> Self {
        Self::Text("the built-in example".into(), EXAMPLE.as_bytes().into())
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Text(name, _) => f.write_str(name),
        }
    }
}

impl Loaded {
    /// A cluster that was not read from files.
    pub fn from_elsewhere(picture: Picture, problems: Vec<Problem>) -> Self {
        let mut summary = Summary::default();
        summary.count(&picture.objects);
        Self { picture, problems, summary, digest: files::Digester::new().finish() }
    }
}

/// Reads all sources into one picture. A later object takes the place of an earlier one with the
/// same key.
pub fn load(sources: &[Source], options: &Options, progress: &mut dyn FnMut(Progress)) -> Result<Loaded, LoadError> {
    let parts = parts(sources)?;
    let bytes_total = parts.iter().map(Part::bytes).sum();
    let mut gather = Gather::new(*options, bytes_total, progress);
    let mut digester = files::Digester::new();
    for part in parts {
        part.read(&mut gather, &mut digester)?;
    }
    if !gather.any {
        return Err(LoadError::NoObjects(gather.source));
    }
    let (picture, problems, summary) = gather.finish();
    Ok(Loaded { picture, problems, summary, digest: digester.finish() })
}

/// What fuzzers and property tests run: any bytes give a picture or an error, and never a panic.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) -> Result<Loaded, LoadError> {
    let needs = Needs { labels: true, pod_names: true, zones: true, pods: true, selectors: true };
    let options = Options { needs, service_cidr: "10.96.0.0/12".parse().ok() };
    load(&[Source::Text("fuzz".into(), bytes.into())], &options, &mut |_| {})
}

/// One text to read.
enum Part {
    File(PathBuf),
    Text(Arc<str>, Arc<[u8]>),
}

fn parts(sources: &[Source]) -> Result<Vec<Part>, LoadError> {
    let mut parts = Vec::new();
    for source in sources {
        match source {
            Source::Path(path) => parts.extend(files::list(path)?.into_iter().map(Part::File)),
            Source::Text(name, text) => parts.push(Part::Text(name.clone(), text.clone())),
        }
    }
    Ok(parts)
}

impl Part {
    fn bytes(&self) -> u64 {
        match self {
            Self::File(path) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
            Self::Text(_, text) => text.len() as u64,
        }
    }

    /// Only what can change counts for the digest.
    fn read(self, gather: &mut Gather<'_>, digester: &mut files::Digester) -> Result<(), LoadError> {
        match self {
            Self::File(path) => {
                let name = path.to_string_lossy();
                let content = files::read(&path)?;
                if files::is_rereadable(&path) {
                    digester.add(&name, &content);
                }
                read_text(name.into(), &content, gather)
            }
            Self::Text(name, text) => read_text(name, &text, gather),
        }
    }
}

fn read_text(source: Arc<str>, content: &[u8], gather: &mut Gather<'_>) -> Result<(), LoadError> {
    let text = files::text(&source, content)?;
    gather.source = source.clone();
    let read = match text.trim_ascii_start().bytes().next() {
        None => return Err(LoadError::Empty(source)),
        Some(b'{' | b'[') => json::read(text, json::Cursor::of_text(text), gather),
        Some(_) => yaml::read(text, gather),
    };
    read.map_err(|error| {
        let place = Place { source, line: error.line, column: error.column };
        LoadError::Syntax { place, message: error.message }
    })?;
    gather.source_done(content.len() as u64);
    Ok(())
}

#[cfg(test)]
mod tests;
