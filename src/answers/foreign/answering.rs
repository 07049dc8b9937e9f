//! Whether the answer section answers, and which of its addresses may take turns.

use std::hash::BuildHasher;

use foldhash::quality::FixedState;

use super::{
    super::{code, question::Question},
    walk::{Record, Section, Walk},
};

/// Addresses of one name, next to each other in the answer section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first, among all records of the message.
    pub(super) first: u16,
    pub(super) count: u16,
}

/// The answer section with its names as numbers, so that following them costs little whatever they are.
///
/// Whoever makes two names of one number deceives itself: it could as well send another answer.
pub(super) struct Answering {
    links: Vec<Link>,
    qname: u64,
    qtype: u16,
    qclass: u16,
}

struct Link {
    owner: u64,
    kind: u16,
    class: u16,
    /// Of a CNAME.
    target: u64,
}

impl Answering {
    pub(super) fn new(walk: &Walk<'_>, records: &[Record], question: &Question<'_>) -> Self {
        let mut name = Vec::new();
        let mut number = |at: usize| {
            walk.lower(at, &mut name);
            HASHER.hash_one(&name)
        };
        let answers = records.iter().filter(|record| record.section == Section::Answer);
        let links = answers.map(|record| Link {
            owner: number(record.owner),
            kind: record.kind,
            class: record.class,
            target: if record.kind == code::CNAME { number(record.data.start) } else { 0 },
        });
        let links = links.collect();
        let qname = HASHER.hash_one(question.name.to_ascii_lowercase());
        Self { links, qname, qtype: question.qtype, qclass: question.qclass }
    }

    /// Whether the type that was asked for is at the end of the chain that starts at the name.
    pub(super) fn is_answered(&self) -> bool {
        match self.qtype {
            code::ANY => self.of(self.qname).next().is_some(),
            code::CNAME => matches!(self.target(self.qname), Target::One(_)),
            qtype => self.end().is_some_and(|end| self.of(end).any(|link| link.kind == qtype)),
        }
    }

    /// Runs of two and more.
    pub(super) fn runs(&self) -> Box<[Run]> {
        let alike = |one: &Link, other: &Link| {
            matches!(one.kind, code::A | code::AAAA)
                && (one.owner, one.kind, one.class) == (other.owner, other.kind, other.class)
        };
        let mut first = 0;
        let runs = self.links.chunk_by(alike).map(|chunk| {
            let run = Run { first, count: chunk.len() as u16 };
            first += run.count;
            run
        });
        runs.filter(|run| run.count > 1).collect()
    }

    /// The end of the chain; none where it has none: a loop, a fork, or more links than anybody needs.
    fn end(&self) -> Option<u64> {
        let mut name = self.qname;
        for _ in 0..LINKS_MAX {
            match self.target(name) {
                Target::None => return Some(name),
                Target::One(target) => name = target,
                Target::Several => return None,
            }
        }
        None
    }

    fn target(&self, owner: u64) -> Target {
        let mut targets = self.of(owner).filter(|link| link.kind == code::CNAME).map(|link| link.target);
        match targets.next() {
            None => Target::None,
            Some(first) if targets.all(|target| target == first) => Target::One(first),
            Some(_) => Target::Several,
        }
    }

    /// What there is of a name, in the class that was asked for.
    fn of(&self, owner: u64) -> impl Iterator<Item = &Link> {
        let any = self.qclass == code::CLASS_ANY;
        self.links.iter().filter(move |link| link.owner == owner && (any || link.class == self.qclass))
    }
}

enum Target {
    None,
    One(u64),
    Several,
}

const HASHER: FixedState = FixedState::with_seed(0);
/// Resolvers give up after eight to sixteen.
const LINKS_MAX: usize = 32;
