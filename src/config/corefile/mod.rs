//! CoreDNS's Corefile, as a second way to a [`Config`].
//!
//! ```text
//! text ─► lexer ─► stream (imports, variables) ─► blocks ─► servers (directives, keys) ─► Config
//! ```
//!
//! The language is that of the caddy in CoreDNS 1.14.7. What a directive may say is in `kubernetes`,
//! `forward`, `cache`, `hosts`, `rewrite`, `template`, `life`, `logs` and `directives`; `plugins` has those that are refused and what is accepted without effect. Reading is pure
//! but for the [`Surroundings`], and whatever grows is limited: tokens, imports, files, variables, zones,
//! ports, addresses, and what is reported.

mod blocks;
mod cache;
mod checked;
mod directives;
mod forward;
mod fuzz;
mod hosts;
mod imports;
mod kubernetes;
mod lexer;
mod life;
mod logs;
mod plugins;
mod report;
mod rewrite;
mod servers;
mod stream;
mod surroundings;
mod template;
#[cfg(test)]
mod tests;
mod upstreams;
mod values;
mod variables;

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

#[doc(hidden)]
pub use self::fuzz::fuzz;
pub(super) use self::rewrite::rule as rewrite_rule;
pub use self::surroundings::{FILE_OCTETS_MAX, Surroundings, System};
use self::{checked::Checked, report::Place, stream::Stream};
use super::{Config, error::ConfigError, reading::Hash};

/// What came of reading a Corefile.
#[derive(Debug)]
pub struct Corefile {
    /// The configuration, or every problem that was found, with its file, line and column.
    pub config: Result<Config, Vec<ConfigError>>,
    /// What is no problem and may yet surprise: what has no effect here, a pattern that matches no file.
    pub notes: Vec<ConfigError>,
    /// Of all that was read.
    pub hash: Hash,
    /// The files that were read, this one first.
    pub files: Vec<PathBuf>,
    /// The folders in which patterns were looked for: a new file there may belong to it.
    pub folders: Vec<PathBuf>,
}

/// A file that was read.
struct File {
    path: PathBuf,
    /// In errors.
    name: String,
    text: Rc<str>,
}

impl Corefile {
    /// Reads a Corefile. `origin` is its path: imports are relative to it, and errors begin with it.
    pub fn read(text: &str, origin: &str, around: &dyn Surroundings) -> Self {
        let path = imports::plain(Path::new(origin));
        let mut stream = Stream::new(File { path, name: origin.into(), text: text.into() }, around);
        let blocks = stream.blocks();
        if blocks.is_empty() && stream.report.is_clean() {
            let start = Place { file: 0, start: 0, end: 0 };
            stream.report.problem::<()>(start, "there is no server block: write one, like `.:53 {`");
        }
        let config = servers::config(&blocks, &mut Checked::new(around, &mut stream.report));
        let Stream { files, folders, report, .. } = stream;
        let (problems, notes) = report.finish(&files);
        Self {
            config: if problems.is_empty() { Ok(config) } else { Err(problems) },
            notes,
            hash: Hash::of(files.iter().map(|file| &*file.text)),
            files: files.into_iter().map(|file| file.path).collect(),
            folders,
        }
    }
}

/// The names of the directives that are understood, in order.
pub fn directives() -> impl Iterator<Item = &'static str> {
    plugins::names()
}

impl Config {
    /// Reads a Corefile. `origin` is its path: imports are relative to it, and errors begin with it.
    ///
    /// # Errors
    /// Every problem that was found, with its file, line and column.
    pub fn parse_corefile(text: &str, origin: &str, around: &dyn Surroundings) -> Result<Self, Vec<ConfigError>> {
        Corefile::read(text, origin, around).config
    }
}
