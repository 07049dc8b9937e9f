//! Chains of CNAMEs: an ExternalName, or a name that another one stands for.

use super::{
    code,
    find::{Ask, Found, Out},
    question::QueryName,
    sink::{Composed, Data, Mark, Nobody, Owner, Section, Sink},
};
use crate::records::name::{NAME_OCTETS_MAX, Name};

/// Memory for following a chain of CNAMEs. Kept by the caller, so that nothing is cleared between
/// two questions.
#[derive(Default)]
pub struct Chain {
    here: Hop,
    pub(super) next: Hop,
}

/// A name that a CNAME points at.
#[derive(Default)]
pub(super) struct Hop {
    name: QueryName,
    /// As the object spells it.
    target: Spelled,
}

struct Spelled {
    octets: [u8; NAME_OCTETS_MAX],
    length: usize,
}

impl Default for Spelled {
    fn default() -> Self {
        Self { octets: [0; NAME_OCTETS_MAX], length: 1 }
    }
}

impl Chain {
    /// Goes on from the name that these labels make, each part in wire form, the last with the root
    /// label. None where no name is so long.
    pub fn point(&mut self, parts: &[&[u8]]) -> Option<()> {
        self.next.point(parts)
    }

    /// The same in wire form, as its object spells it.
    pub fn target(&self) -> &[u8] {
        self.next.target.wire()
    }

    /// The name to go on from.
    pub fn name(&self) -> &QueryName {
        &self.next.name
    }
}

impl Hop {
    pub(super) fn point(&mut self, parts: &[&[u8]]) -> Option<()> {
        let mut length = 0;
        for part in parts {
            self.target.octets.get_mut(length..length + part.len())?.copy_from_slice(part);
            length += part.len();
        }
        self.target.length = length;
        self.name.read(self.target.wire())
    }
}

impl Spelled {
    fn wire(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

impl Ask<'_> {
    /// What is known of the name that [`Chain::point`] was given, whatever the type.
    pub fn exists(&self, chain: &mut Chain) -> Found {
        let Chain { here, next } = chain;
        let ask = Self { qtype: code::A, ..*self };
        ask.resolve(&next.name, &mut Out { sink: &mut Nobody, next: here })
    }

    /// Says that the question's name is an alias of the name that [`Chain::point`] was given, and
    /// shows that one's records. Where it has none of the type there is no CNAME either.
    pub fn alias<S: Sink>(&self, chain: &mut Chain, sink: &mut S) -> Found {
        let start = sink.mark();
        let target = Composed::absolute(chain.next.target.wire());
        sink.push(Section::Answer, &self.record(self.owner, Data::Cname(target)));
        self.follow(chain, start, sink)
    }

    /// Follows a chain of CNAMEs while it stays in the zone. Where it comes to nothing, the CNAMEs are
    /// taken back (behaviour A4).
    pub(super) fn chase<S: Sink>(&self, chain: &mut Chain, start: Mark, sink: &mut S) -> Found {
        if self.qtype == code::CNAME {
            return Found::Records;
        }
        self.follow(chain, start, sink)
    }

    fn follow<S: Sink>(&self, chain: &mut Chain, start: Mark, sink: &mut S) -> Found {
        for index in 0..CHAIN_MAX {
            std::mem::swap(&mut chain.here, &mut chain.next);
            let Hop { name, target } = &chain.here;
            if name.zone_start(self.zone.apex.wire(), self.zone.labels).is_none() {
                // Whoever goes on does so from here.
                std::mem::swap(&mut chain.here, &mut chain.next);
                return Found::Chase;
            }
            let composed = Composed::absolute(target.wire());
            let owner = Owner::Target(start.targets + index, &composed);
            match (Ask { owner, ..*self }).resolve(name, &mut Out { sink, next: &mut chain.next }) {
                Found::Chase if self.qtype == code::CNAME => return Found::Records,
                Found::Chase => {}
                Found::Records => return Found::Records,
                Found::Unknown => {
                    sink.rewind(start);
                    return Found::Unknown;
                }
                _ => break,
            }
        }
        sink.rewind(start);
        Found::NoData
    }

    /// A CNAME, and where to go on from it.
    pub(super) fn push_cname<S: Sink>(&self, target: &Name, out: &mut Out<'_, S>) -> Found {
        let wire = target.wire();
        out.sink.push(Section::Answer, &self.record(self.owner, Data::Cname(Composed::absolute(wire))));
        match out.next.point(&[wire]) {
            Some(()) => Found::Chase,
            None => Found::Failed,
        }
    }
}

/// So many CNAMEs are followed (behaviour A4).
const CHAIN_MAX: usize = 11;
