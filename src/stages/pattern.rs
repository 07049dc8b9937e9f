//! Regular expressions of a configuration: compiled once, and equal where their texts are.

use std::fmt::Write;

use regex::{Captures, Regex};

/// A regular expression.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

/// A text with places for what a pattern has found: `{1}` is its first group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Group(usize),
}

/// CoreDNS's.
const PATTERN_OCTETS_MAX: usize = 10_000;
/// Numbers of groups that are looked for in a replacement: CoreDNS's, too.
const GROUPS_MAX: usize = 101;

impl Pattern {
    /// Reads one.
    ///
    /// # Errors
    /// It is none, or too long.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > PATTERN_OCTETS_MAX {
            return Err(format!("this regular expression has more than {PATTERN_OCTETS_MAX} octets"));
        }
        let told = |error: regex::Error| {
            let text = error.to_string();
            // The pattern with a caret comes first: a line of ours has that already.
            let sentence = text.lines().next_back().unwrap_or(&text).trim_start_matches("error: ").to_owned();
            format!("this is no regular expression: {sentence}")
        };
        Regex::new(text).map(Self).map_err(told)
    }

    /// Whether it is somewhere in a text.
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// What it finds in a text.
    pub fn captures<'t>(&self, text: &'t str) -> Option<Captures<'t>> {
        self.0.captures(text)
    }

    /// How many groups it has.
    pub fn groups(&self) -> usize {
        self.0.captures_len() - 1
    }

    /// The names of its groups, from the first on.
    pub fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.0.capture_names().skip(1)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Pattern {}

impl Replacement {
    /// A text without places.
    pub fn plain(text: &str) -> Self {
        Self(vec![Piece::Text(text.to_owned())])
    }

    /// Reads one, for a pattern.
    ///
    /// # Errors
    /// The pattern has no such group.
    pub fn parse(mut text: &str, pattern: &Pattern) -> Result<Self, String> {
        let (mut pieces, mut plain) = (Vec::new(), String::new());
        while let Some(start) = text.find('{') {
            let (before, rest) = text.split_at(start);
            plain.push_str(before);
            let group = rest[1..].split_once('}').and_then(|(number, behind)| Some((number.parse().ok()?, behind)));
            match group.filter(|(number, _): &(usize, _)| *number < GROUPS_MAX) {
                Some((number, _)) if number > pattern.groups() => {
                    let groups = pattern.groups();
                    return Err(format!("`{{{number}}}` is no group: the regular expression has {groups}"));
                }
                Some((number, behind)) => {
                    pieces.extend([Piece::Text(std::mem::take(&mut plain)), Piece::Group(number)]);
                    text = behind;
                }
                None => {
                    plain.push('{');
                    text = &rest[1..];
                }
            }
        }
        pieces.push(Piece::Text(plain + text));
        Ok(Self(pieces))
    }

    /// The text, with what was found.
    pub fn expand(&self, found: Option<&Captures<'_>>) -> String {
        let mut text = String::new();
        for piece in &self.0 {
            // Writing to a string does not fail.
            let _ = match piece {
                Piece::Text(plain) => text.write_str(plain),
                Piece::Group(number) => {
                    text.write_str(found.and_then(|found| found.get(*number)).map_or("", |group| group.as_str()))
                }
            };
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(pattern: &str, replacement: &str, text: &str) -> String {
        let pattern = Pattern::parse(pattern).unwrap();
        let replacement = Replacement::parse(replacement, &pattern).unwrap();
        replacement.expand(pattern.captures(text).as_ref())
    }

    #[test]
    fn groups_take_their_places() {
        assert_eq!(replaced("(.*)-(us|eu)", "{2}.x.{1}{2}", "ftp-us"), "us.x.ftpus");
        assert_eq!(replaced("(a)|(b)", "[{1}{2}]{0}", "b"), "[b]b");
        assert_eq!(replaced("(a)", "{x} {-1} {1", "a"), "{x} {-1} {1");
    }

    #[test]
    fn a_group_that_is_not_there_is_refused() {
        let pattern = Pattern::parse("(a)").unwrap();
        let refused = Replacement::parse("x{2}", &pattern).unwrap_err();
        assert_eq!(refused, "`{2}` is no group: the regular expression has 1");
    }
}
