//! Queries as upstreams get them, and whether what comes back answers them.
//!
//! Nothing of a reply is believed before it has our id, our question and records that end where the
//! message does: whatever else is sent to our port is somebody's guess.

use std::{io::IoSlice, ops::Range, sync::Arc};

use crate::answers::{
    code,
    question::{self, HEADER_OCTETS, KIND_OCTETS, Packet, QR, QueryName, TC},
};

/// A whole query message. Its id is set anew for each upstream.
#[derive(Clone, Debug)]
pub(super) struct Query {
    octets: Arc<[u8]>,
    /// Where the name of the question is; type and class are behind it.
    name: Range<usize>,
    /// How long replies over UDP may be, as upstreams are told.
    pub(super) udp_octets: usize,
    /// Whether any reply with the id will do: what is asked does not matter.
    any_reply: bool,
}

/// What is wrong with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is none, or none to what we asked at this port.
    Stray,
    /// The id is ours, the question is not, or the message is garbled.
    Mismatched,
}

impl Query {
    /// Reads a query that is fit to be forwarded. Other opcodes than QUERY never are.
    pub(super) fn read(octets: &[u8]) -> Option<Self> {
        let mut name = QueryName::new();
        let Packet::Question(question) = question::read(octets, &mut name) else { return None };
        if question.opcode() != code::OPCODE_QUERY || octets.len() > usize::from(u16::MAX) {
            return None;
        }
        Some(Self {
            name: HEADER_OCTETS..HEADER_OCTETS + name.wire().len(),
            udp_octets: question.udp_limit_octets(),
            octets: octets.into(),
            any_reply: false,
        })
    }

    /// A question of our own, for a name in wire form.
    pub(super) fn ours(name: &[u8], qtype: u16, recursion_desired: bool) -> Self {
        let flags = if recursion_desired { question::RD } else { 0 };
        let mut octets = Vec::with_capacity(HEADER_OCTETS + name.len() + KIND_OCTETS);
        for word in [0, flags, 1, 0, 0, 0] {
            octets.extend_from_slice(&word.to_be_bytes());
        }
        octets.extend_from_slice(name);
        octets.extend_from_slice(&qtype.to_be_bytes());
        octets.extend_from_slice(&code::CLASS_IN.to_be_bytes());
        Self {
            name: HEADER_OCTETS..HEADER_OCTETS + name.len(),
            udp_octets: 512,
            octets: octets.into(),
            any_reply: false,
        }
    }

    /// The same, content with whatever is sent back: a sign of life.
    pub(super) fn or_anything(self) -> Self {
        Self { any_reply: true, ..self }
    }

    /// The message. Its id means nothing.
    pub(super) fn message(&self) -> &Arc<[u8]> {
        &self.octets
    }

    /// The message, behind what is in `buffer`.
    pub(super) fn write(&self, id: u16, buffer: &mut Vec<u8>) {
        buffer.extend_from_slice(&id.to_be_bytes());
        buffer.extend_from_slice(&self.octets[2..]);
    }

    /// The message, under an id as it is sent.
    pub(super) fn parts<'m>(&'m self, id: &'m [u8; 2]) -> [IoSlice<'m>; 2] {
        [IoSlice::new(id), IoSlice::new(&self.octets[id.len()..])]
    }

    /// Octets of the message.
    pub(super) fn len(&self) -> usize {
        self.octets.len()
    }

    /// Whether this is the reply to the query that had this id.
    pub(super) fn check(&self, id: u16, reply: &[u8]) -> Result<(), Wrong> {
        let header: &[u8; HEADER_OCTETS] = reply.first_chunk().ok_or(Wrong::Stray)?;
        if word(header, 0) != id || word(header, 2) & QR == 0 {
            return Err(Wrong::Stray);
        }
        if self.any_reply || word(header, 4) == 1 && self.asks(reply) && is_whole(reply, self.name.end + KIND_OCTETS) {
            return Ok(());
        }
        Err(Wrong::Mismatched)
    }

    /// Takes the seconds that a reply was kept from the TTLs of its records.
    pub(super) fn age(&self, reply: &mut [u8], secs: u32) {
        let mut at = self.name.end + KIND_OCTETS;
        while let Some(record) = record(reply, at) {
            at = record.end;
            // There OPT has flags.
            if reply[record.fixed..].starts_with(&code::OPT.to_be_bytes()) {
                continue;
            }
            if let Some(ttl) = reply[record.fixed + 4..].first_chunk_mut() {
                *ttl = u32::from_be_bytes(*ttl).saturating_sub(secs).to_be_bytes();
            }
        }
    }

    fn asks(&self, reply: &[u8]) -> bool {
        let kind = self.name.end..self.name.end + KIND_OCTETS;
        let same_name =
            reply.get(self.name.clone()).is_some_and(|name| name.eq_ignore_ascii_case(&self.octets[self.name.clone()]));
        same_name && reply.get(kind.clone()) == self.octets.get(kind)
    }
}

/// The id of a message.
pub(super) fn id(message: &[u8]) -> Option<u16> {
    message.first_chunk().map(|octets| u16::from_be_bytes(*octets))
}

/// RCODE of the header.
pub(super) fn rcode(message: &[u8]) -> u16 {
    flags(message) & 0xf
}

/// TC.
pub(super) fn is_truncated(message: &[u8]) -> bool {
    flags(message) & TC != 0
}

/// NOERROR without an answer.
pub(super) fn is_nodata(message: &[u8]) -> bool {
    rcode(message) == code::NOERROR && message.first_chunk().is_some_and(|header| word(header, 6) == 0)
}

fn flags(message: &[u8]) -> u16 {
    message.first_chunk().map_or(0, |header| word(header, 2))
}

fn word(header: &[u8; HEADER_OCTETS], at: usize) -> u16 {
    u16::from_be_bytes([header[at], header[at + 1]])
}

/// Whether the records that the header counts are there, from `at` on.
fn is_whole(message: &[u8], mut at: usize) -> bool {
    let Some(header) = message.first_chunk() else { return false };
    let records = [6, 8, 10].map(|at| u32::from(word(header, at))).iter().sum();
    for _ in 0..records {
        let Some(record) = record(message, at) else { return false };
        at = record.end;
    }
    true
}

/// Where a record has its parts.
struct Record {
    /// Type, class, TTL and length.
    fixed: usize,
    end: usize,
}

fn record(message: &[u8], mut at: usize) -> Option<Record> {
    loop {
        match *message.get(at)? {
            0 => break at += 1,
            length @ 1..=63 => at += 1 + usize::from(length),
            0xc0.. => break at += 2,
            _ => return None,
        }
    }
    let length = message.get(at + 8..at + 10)?;
    let end = at + 10 + usize::from(u16::from_be_bytes([length[0], length[1]]));
    (end <= message.len()).then_some(Record { fixed: at, end })
}
