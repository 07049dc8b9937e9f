//! Which names a rule is for, and what becomes of them.

use super::super::pattern::{Pattern, Replacement};

/// Names as text, in lower case and with the last dot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// This one.
    Exact(String),
    /// Those that begin so.
    Prefix(String),
    /// Those that end so.
    Suffix(String),
    /// Those that have this somewhere.
    Substring(String),
    /// Those in which this is found.
    Regex(Pattern),
}

/// Names that become others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Which.
    pub of: Match,
    /// What stands in the place of what was matched; of a regular expression, in the place of the whole name.
    pub to: Replacement,
}

impl Match {
    /// Whether a name is one of them.
    pub fn has(&self, name: &str) -> bool {
        match self {
            Self::Exact(whole) => name == whole,
            Self::Prefix(start) => name.starts_with(&**start),
            Self::Suffix(end) => name.ends_with(&**end),
            Self::Substring(part) => name.contains(&**part),
            Self::Regex(pattern) => pattern.is_in(name),
        }
    }

    /// Whether some name of a tree, or below it, may be one of them.
    pub(super) fn meets(&self, tree: &str) -> bool {
        match self {
            Self::Exact(whole) => whole.ends_with(tree),
            Self::Suffix(end) => end.ends_with(tree) || tree.ends_with(&**end),
            Self::Prefix(_) | Self::Substring(_) | Self::Regex(_) => true,
        }
    }
}

impl Rename {
    /// Whether a name becomes another one.
    pub(super) fn is_for(&self, name: &str) -> bool {
        self.of.has(name)
    }

    /// What a name becomes. None where it is none of those.
    pub(super) fn apply(&self, name: &str) -> Option<String> {
        let to = || self.to.expand(None);
        match &self.of {
            Match::Exact(whole) => (name == whole).then(to),
            Match::Prefix(start) => Some(to() + name.strip_prefix(&**start)?),
            Match::Suffix(end) => Some(name.strip_suffix(&**end)?.to_owned() + &to()),
            Match::Substring(part) => name.contains(&**part).then(|| name.replace(&**part, &to())),
            Match::Regex(pattern) => Some(self.to.expand(Some(&pattern.captures(name)?))),
        }
    }
}
