//! What is said of a Corefile: problems and notes, each with its place.

pub(super) use super::super::error::quoted;
use super::super::error::{ConfigError, Problem};

/// Where something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// An index into the files that were read.
    pub(super) file: usize,
    /// The first octet.
    pub(super) start: usize,
    /// The octet behind the last.
    pub(super) end: usize,
}

/// A word of the text with its variables replaced.
#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Place,
}

/// Problems, and what else somebody should know.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: List,
    notes: List,
}

#[derive(Debug, Default)]
struct List {
    kept: Vec<(Place, String)>,
    left_off: usize,
}

/// Nobody reads more at once.
const KEPT_MAX: usize = 50;

impl Report {
    pub(super) fn problem<T>(&mut self, place: Place, message: impl Into<String>) -> Option<T> {
        self.problems.add(place, message.into());
        None
    }

    pub(super) fn note(&mut self, place: Place, message: impl Into<String>) {
        self.notes.add(place, message.into());
    }

    /// What came of reading something, or none and a problem.
    pub(super) fn checked<T>(&mut self, place: Place, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.problem::<()>(place, message)).ok()
    }

    pub(super) fn first_problem(&self) -> Option<&str> {
        self.problems.kept.first().map(|(_, message)| &**message)
    }

    pub(super) fn is_clean(&self) -> bool {
        self.problems.kept.is_empty()
    }

    /// The problems and the notes, in the order of the files.
    pub(super) fn finish(self, files: &[super::File]) -> (Vec<ConfigError>, Vec<ConfigError>) {
        (self.problems.finish(files), self.notes.finish(files))
    }
}

impl List {
    fn add(&mut self, place: Place, message: String) {
        if self.kept.len() < KEPT_MAX {
            self.kept.push((place, message));
        } else {
            self.left_off += 1;
        }
    }

    fn finish(mut self, files: &[super::File]) -> Vec<ConfigError> {
        self.kept.sort();
        if let (Some((_, message)), 1..) = (self.kept.last_mut(), self.left_off) {
            message.push_str(&format!(" (and {} more like these)", self.left_off));
        }
        let show = |(place, message): (Place, String)| {
            let file = &files[place.file];
            Problem { span: place.start..place.end, message }.in_text(&file.text, &file.name)
        };
        self.kept.into_iter().map(show).collect()
    }
}
