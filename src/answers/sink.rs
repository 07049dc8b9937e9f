//! Where found records go.
//!
//! A lookup shows each record once to a [`Sink`], borrowed from the tables: the wire writer copies
//! it into a packet, the general path turns it into hickory's types, a listing prints it. So there
//! is one piece of code that knows which records a name has.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ops::Range,
};

use super::code;
use crate::records::name::Name;

/// A section of a message (RFC 1035 section 4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// The answer.
    Answer,
    /// Who is the authority: the SOA of negatives.
    Authority,
    /// Addresses of what the answer names.
    Additional,
}

/// A record, borrowed from the tables.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Whose it is.
    pub owner: Owner<'a>,
    /// Seconds.
    pub ttl_secs: u32,
    /// Type and RDATA.
    pub data: Data<'a>,
}

/// The owner of a record.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// The name of the question, as the client spelled it.
    Question,
    /// The apex of the question's zone, as the client spelled it.
    Zone,
    /// A name that an earlier record of this reply points at: the `index`-th such record.
    Target(usize, &'a Composed<'a>),
}

/// A name made of borrowed labels.
#[derive(Clone, Copy, Debug)]
pub struct Composed<'a> {
    /// Labels in wire form, from the left; some may be empty.
    pub labels: [&'a [u8]; 3],
    /// What comes behind them.
    pub end: End<'a>,
}

/// The end of a composed name.
#[derive(Clone, Copy, Debug)]
pub enum End<'a> {
    /// The apex of the question's zone, as the client spelled it.
    Zone,
    /// An absolute name in wire form.
    Name(&'a [u8]),
}

/// Type and RDATA.
#[derive(Clone, Copy, Debug)]
pub enum Data<'a> {
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME.
    Cname(Composed<'a>),
    /// PTR.
    Ptr(Composed<'a>),
    /// NS.
    Ns(Composed<'a>),
    /// SRV of priority 0 (RFC 2782).
    Srv {
        /// Shared out among the targets.
        weight: u16,
        /// Where the service listens.
        port: u16,
        /// Who offers it.
        target: Composed<'a>,
    },
    /// TXT of one string.
    Txt(&'a [u8]),
    /// The SOA of the question's zone.
    Soa {
        /// Unix time of the last change.
        serial: u32,
        /// The TTL of negatives (RFC 2308 section 4).
        minimum_secs: u32,
    },
}

/// The SOA of the question's zone.
#[derive(Clone, Copy, Debug)]
pub struct Soa {
    /// Seconds.
    pub ttl_secs: u32,
    /// Unix time of the last change.
    pub serial: u32,
    /// The TTL of negatives (RFC 2308 section 4).
    pub minimum_secs: u32,
}

/// Takes records in the order of the message. Records of a section follow those of the sections
/// before it.
pub trait Sink {
    /// Says where the question's zone starts in its name, in octets. Comes before any record.
    fn set_zone(&mut self, start_in_name: usize);

    /// Says that records are of a zone that the question's name is not in: of this apex. Comes
    /// before any record.
    fn set_far_zone(&mut self, apex: &Name);

    /// Takes a record. Says whether it may go on: false once a record did not fit.
    fn push(&mut self, section: Section, record: &Record<'_>) -> bool;

    /// Takes addresses of the question's own name: the commonest records of all.
    #[inline]
    fn push_addresses(&mut self, addresses: Addresses<'_>, ttl_secs: u32) -> bool {
        addresses
            .iter()
            .all(|ip| self.push(Section::Answer, &Record { owner: Owner::Question, ttl_secs, data: Data::Address(ip) }))
    }

    /// Takes the SOA of a negative: the next commonest.
    #[inline]
    fn push_negative(&mut self, soa: Soa) -> bool {
        self.push(Section::Authority, &soa.record())
    }

    /// A place to [`rewind`](Self::rewind) to.
    fn mark(&self) -> Mark;

    /// Forgets every record since the mark.
    fn rewind(&mut self, mark: Mark);

    /// How many records point at a name so far: the index of the next.
    fn targets(&self) -> usize;
}

/// Nobody looks at the records: only what was found counts.
pub struct Nobody;

impl Sink for Nobody {
    fn set_zone(&mut self, _start_in_name: usize) {}

    fn set_far_zone(&mut self, _apex: &Name) {}

    fn push(&mut self, _section: Section, _record: &Record<'_>) -> bool {
        true
    }

    fn push_addresses(&mut self, _addresses: Addresses<'_>, _ttl_secs: u32) -> bool {
        true
    }

    fn mark(&self) -> Mark {
        Mark { length: 0, answers: 0, targets: 0 }
    }

    fn rewind(&mut self, _mark: Mark) {}

    fn targets(&self) -> usize {
        0
    }
}

/// Addresses of one family.
#[derive(Clone, Copy, Debug)]
pub enum Addresses<'a> {
    /// For A.
    V4(&'a [Ipv4Addr]),
    /// For AAAA.
    V6(&'a [Ipv6Addr]),
}

impl<'a> Addresses<'a> {
    /// How many there are.
    pub fn len(self) -> usize {
        match self {
            Self::V4(list) => list.len(),
            Self::V6(list) => list.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Those at these places.
    pub fn slice(self, places: Range<usize>) -> Self {
        match self {
            Self::V4(list) => Self::V4(&list[places]),
            Self::V6(list) => Self::V6(&list[places]),
        }
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = IpAddr> + use<'a> {
        let (v4, v6): (&[_], &[_]) = match self {
            Self::V4(list) => (list, &[]),
            Self::V6(list) => (&[], list),
        };
        v4.iter().copied().map(IpAddr::V4).chain(v6.iter().copied().map(IpAddr::V6))
    }
}

/// A place in a reply.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// Octets, or whatever the sink counts.
    pub length: usize,
    /// Records of the answer.
    pub answers: u16,
    /// Records that point at a name.
    pub targets: usize,
}

impl<'a> Composed<'a> {
    /// A name of the question's zone.
    pub fn in_zone(labels: [&'a [u8]; 3]) -> Self {
        Self { labels, end: End::Zone }
    }

    /// An absolute name.
    pub fn absolute(wire: &'a [u8]) -> Self {
        Self { labels: [&[]; 3], end: End::Name(wire) }
    }
}

impl Soa {
    /// The record.
    pub fn record(self) -> Record<'static> {
        let Self { ttl_secs, serial, minimum_secs } = self;
        Record { owner: Owner::Zone, ttl_secs, data: Data::Soa { serial, minimum_secs } }
    }
}

impl Data<'_> {
    /// The record's type.
    pub fn code(&self) -> u16 {
        match self {
            Self::Address(IpAddr::V4(_)) => code::A,
            Self::Address(IpAddr::V6(_)) => code::AAAA,
            Self::Cname(_) => code::CNAME,
            Self::Ptr(_) => code::PTR,
            Self::Ns(_) => code::NS,
            Self::Srv { .. } => code::SRV,
            Self::Txt(_) => code::TXT,
            Self::Soa { .. } => code::SOA,
        }
    }

    /// Whether the record points at a name that later records may own.
    pub fn points(&self) -> bool {
        matches!(self, Self::Cname(_) | Self::Ns(_) | Self::Srv { .. })
    }
}
