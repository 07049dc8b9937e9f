//! What reading a directive needs: how many words an option takes, zones as arguments, and the report.

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
