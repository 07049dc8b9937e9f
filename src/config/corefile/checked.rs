//! What reading a directive needs: how many words an option takes, zones as arguments, and the report.

use std::{net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use super::{
    blocks::Line,
    plugins,
    report::{Place, Report, Word, quoted},
    surroundings::Surroundings,
    values,
};
use crate::records::{name::Name, zone::Zone};

/// Zones of all keys and arguments: thousands of times what a cluster has, and some MB.
const ZONES_MAX: usize = 16_384;

pub(super) struct Checked<'a> {
    pub(super) around: &'a dyn Surroundings,
    pub(super) report: &'a mut Report,
    zones: usize,
}

impl<'a> Checked<'a> {
    pub(super) fn new(around: &'a dyn Surroundings, report: &'a mut Report) -> Self {
        Self { around, report, zones: 0 }
    }

    pub(super) fn problem<T>(&mut self, place: Place, message: impl Into<String>) -> Option<T> {
        self.report.problem(place, message)
    }

    /// No word behind the name of an option.
    pub(super) fn none(&mut self, line: &Line) -> Option<()> {
        match line.arguments.first() {
            None => Some(()),
            Some(word) => {
                let message = format!("`{}` takes nothing: take {} out", line.name.text, quoted(&word.text));
                self.problem(word.place, message)
            }
        }
    }

    /// One word behind it. `usage` says what may be written.
    pub(super) fn one<'l>(&mut self, line: &'l Line, usage: &str) -> Option<&'l Word> {
        match &line.arguments[..] {
            [word] => Some(word),
            [_, more, ..] => self.problem(more.place, format!("{} is too much: write `{usage}`", quoted(&more.text))),
            [] => self.missing(line, usage),
        }
    }

    /// One word behind it; as CoreDNS does not look at further ones, they are no more than noted.
    pub(super) fn first<'l>(&mut self, line: &'l Line, usage: &str) -> Option<&'l Word> {
        let Some((word, more)) = line.arguments.split_first() else { return self.missing(line, usage) };
        if let Some(more) = more.first() {
            self.report.note(more.place, format!("{} is not read: `{usage}` is all", quoted(&more.text)));
        }
        Some(word)
    }

    /// At least one word behind it.
    pub(super) fn some<'l>(&mut self, line: &'l Line, usage: &str) -> Option<&'l [Word]> {
        if line.arguments.is_empty() { self.missing(line, usage) } else { Some(&line.arguments) }
    }

    /// So many words at most behind it.
    pub(super) fn at_most<'l>(&mut self, line: &'l Line, most: usize, usage: &str) -> Option<&'l [Word]> {
        match line.arguments.get(most) {
            None => Some(&line.arguments),
            Some(more) => self.problem(more.place, format!("{} is too much: write `{usage}`", quoted(&more.text))),
        }
    }

    /// One word behind it that is a number.
    pub(super) fn number<T: FromStr>(&mut self, line: &Line, usage: &str) -> Option<T> {
        let word = self.one(line, usage)?;
        self.parsed(word, "number", usage)
    }

    /// A word that the standard library reads.
    pub(super) fn parsed<T: FromStr>(&mut self, word: &Word, what: &str, usage: &str) -> Option<T> {
        let read = word.text.parse().map_err(|_| format!("{} is no {what}: write `{usage}`", quoted(&word.text)));
        self.report.checked(word.place, read)
    }

    /// One word behind it that is a length of time, and no negative one.
    pub(super) fn duration(&mut self, line: &Line, usage: &str) -> Option<Duration> {
        let word = self.one(line, usage)?;
        self.report.checked(word.place, values::length(&word.text))
    }

    /// The path of a file that can be read.
    pub(super) fn file(&mut self, word: &Word) -> Option<PathBuf> {
        let path = PathBuf::from(&word.text);
        let read = self.around.read(&path);
        let read = read.map_err(|error| format!("{} cannot be read: {error}", quoted(&word.text)));
        self.report.checked(word.place, read).map(|_| path)
    }

    /// Where something is served over HTTP, if that is said.
    pub(super) fn listen(&mut self, line: &Line, usage: &str, default: SocketAddr) -> Option<SocketAddr> {
        if line.arguments.is_empty() {
            return Some(default);
        }
        let word = self.one(line, usage)?;
        self.report.checked(word.place, values::http_address(&word.text))
    }

    /// No option between braces.
    pub(super) fn no_options(&mut self, directive: &str, options: &[Line]) {
        for option in options {
            let message = plugins::unknown_option(directive, &option.name.text, std::iter::empty());
            self.problem::<()>(option.name.place, message);
        }
    }

    fn missing<T>(&mut self, line: &Line, usage: &str) -> Option<T> {
        self.problem(line.name.place, format!("something is missing behind `{}`: write `{usage}`", line.name.text))
    }

    /// Zones as arguments; a port or a scheme that somebody copied with them says nothing.
    pub(super) fn zones(&mut self, words: &[Word]) -> Vec<Zone> {
        let mut zones = Vec::new();
        for word in words {
            let read = values::parts(&word.text).and_then(|parts| values::zones(parts.zone));
            let read = self.report.checked(word.place, read);
            zones.extend(self.counted(word.place, read.unwrap_or_default()));
        }
        zones
    }

    /// The same as names.
    pub(super) fn names(&mut self, words: &[Word]) -> Vec<Name> {
        self.zones(words).into_iter().map(|zone| zone.apex).collect()
    }

    /// No zones where there are too many in all.
    pub(super) fn counted(&mut self, place: Place, zones: Vec<Zone>) -> Vec<Zone> {
        self.zones += zones.len();
        if self.zones > ZONES_MAX {
            self.problem::<()>(
                place,
                format!("more than {ZONES_MAX} zones with those of CIDRs: name a zone above them"),
            );
            return Vec::new();
        }
        zones
    }
}
