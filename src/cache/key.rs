//! What a reply is found by: the question as CoreDNS distinguishes it.

use std::hash::{Hash, Hasher};

use quick_cache::Equivalent;

use crate::answers::question::{CD, QueryName, Question};

/// The key of what is kept.
#[derive(Clone, Debug)]
pub(super) struct Key {
    kind: Kind,
    /// Wire form, lower case.
    name: Box<[u8]>,
}

/// The same, borrowed from a question.
pub(super) struct Asked<'q> {
    kind: Kind,
    name: &'q [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    qtype: u16,
    qclass: u16,
    /// Upstreams give other records then.
    dnssec_ok: bool,
    /// Upstreams let pass then what they know to be wrong.
    checking_disabled: bool,
}

impl Key {
    /// What it takes in memory.
    pub(super) fn octets(&self) -> usize {
        size_of::<Self>() + self.name.len()
    }
}

impl<'q> Asked<'q> {
    pub(super) fn new(question: &Question<'_>, name: &'q QueryName) -> Self {
        let kind = Kind {
            qtype: question.qtype,
            qclass: question.qclass,
            dnssec_ok: question.edns.is_some_and(|edns| edns.dnssec_ok),
            checking_disabled: question.flags & CD != 0,
        };
        Self { kind, name: name.wire() }
    }

    pub(super) fn to_key(&self) -> Key {
        Key { kind: self.kind, name: self.name.into() }
    }
}

impl Equivalent<Key> for Asked<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.kind == key.kind && *self.name == *key.name
    }
}

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        state.write(self.name);
    }
}

// A key is found by what was asked, so both hash alike.
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.hash(state);
        state.write(&self.name);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name
    }
}

impl Eq for Key {}
