//! The tolerant reader: every packet passes it first.
//!
//! It takes what CoreDNS takes (behaviour B3) and reads nothing else: the header, one question, and
//! the OPT record. What it cannot make sense of it turns away with the rcode that CoreDNS gives.

use super::code;
use crate::records::name::{LABEL_OCTETS_MAX, NAME_OCTETS_MAX, same};

/// The octets of a message header (RFC 1035 section 4.1.1).
pub const HEADER_OCTETS: usize = 12;
/// QTYPE and QCLASS, behind the name of a question.
pub const KIND_OCTETS: usize = 4;

/// What a packet is.
#[derive(Debug)]
pub enum Packet<'p> {
    /// Not for us: a response, or too short to be answered.
    Ignored,
    /// Turned away.
    Rejected(Rejection<'p>),
    /// A question.
    Question(Question<'p>),
}

/// A packet that is answered with a header, and its question where that is what clients look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection<'p> {
    /// Of the message.
    pub id: u16,
    /// The header's flags for the reply, rcode included.
    pub flags: u16,
    /// The question section; empty where there is none in the reply.
    pub question: &'p [u8],
}

/// One question and what matters for answering it.
#[derive(Clone, Copy, Debug)]
pub struct Question<'p> {
    /// Of the message.
    pub id: u16,
    /// The header's flags as received.
    pub flags: u16,
    /// The name in wire form, as the client spelled it.
    pub name: &'p [u8],
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// The OPT record.
    pub edns: Option<Edns<'p>>,
    /// Whether the authority section holds a SOA: IXFR needs one (RFC 1995 section 3).
    pub has_soa: bool,
}

/// The OPT record of a question (RFC 6891).
#[derive(Clone, Copy, Debug)]
pub struct Edns<'p> {
    /// The requestor's UDP payload size, as sent.
    pub size_octets: u16,
    /// The version; only 0 exists.
    pub version: u8,
    /// DNSSEC OK.
    pub dnssec_ok: bool,
    /// All options: well-formed code, length, data.
    pub options: &'p [u8],
}

/// A question's name in lower case, with the places of its labels.
///
/// Kept by the caller and written anew for each packet, so that nothing is cleared between two.
pub struct QueryName {
    octets: [u8; 256],
    /// Of each label, and of the root behind the last.
    starts: [u8; 128],
    length: usize,
    labels: usize,
}

impl QueryName {
    /// The root.
    pub const fn new() -> Self {
        Self { octets: [0; 256], starts: [0; 128], length: 1, labels: 0 }
    }

    /// Reads the name that starts `wire`. Compression has no place in a question's name.
    #[inline(always)]
    pub fn read(&mut self, wire: &[u8]) -> Option<()> {
        let wire = &wire[..wire.len().min(NAME_OCTETS_MAX)];
        // Lengths are below the letters, so a whole name can be folded; what is behind it, too.
        fold(wire, &mut self.octets);
        let (mut at, mut labels) = (0, 0);
        while at < wire.len() {
            let length = usize::from(self.octets[at & 255]);
            self.starts[labels & 127] = at as u8;
            at += 1 + length;
            if length == 0 {
                self.length = at;
                self.labels = labels;
                return Some(());
            }
            if length > LABEL_OCTETS_MAX {
                return None;
            }
            labels += 1;
        }
        None
    }

    /// The name in wire form and lower case, with the root label.
    #[inline]
    pub fn wire(&self) -> &[u8] {
        &self.octets[..self.length]
    }

    /// How many labels it has, the root not counted.
    #[inline]
    pub fn labels(&self) -> usize {
        self.labels
    }

    /// Where label `index` starts, counted from the left; the root is the last.
    #[inline]
    pub fn start(&self, index: usize) -> usize {
        usize::from(self.starts[index & 127])
    }

    /// Label `index` from the left, in wire form.
    #[inline]
    pub fn label(&self, index: usize) -> &[u8] {
        self.span(index, index + 1)
    }

    /// The labels from `first` to before `last`, in wire form.
    #[inline]
    pub fn span(&self, first: usize, last: usize) -> &[u8] {
        &self.octets[self.start(first)..self.start(last)]
    }

    /// Where the zone of this apex (wire form, lower case, `labels` labels) starts, if this name is in it.
    #[inline]
    pub fn zone_start(&self, apex: &[u8], labels: usize) -> Option<usize> {
        if labels == 0 {
            return Some(self.length - 1);
        }
        let start = self.start(self.labels.checked_sub(labels)?);
        same(&self.wire()[start..], apex).then_some(start)
    }
}

impl Default for QueryName {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads a packet; its name goes to `name`.
#[inline(always)]
pub fn read<'p>(packet: &'p [u8], name: &mut QueryName) -> Packet<'p> {
    let Some(header) = packet.first_chunk::<HEADER_OCTETS>() else { return Packet::Ignored };
    let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
    let (id, flags) = (word(0), word(2));
    if flags & QR != 0 {
        return Packet::Ignored;
    }
    let rejected = |rcode: u16, kept: u16, question: &'p [u8]| {
        Packet::Rejected(Rejection { id, flags: QR | flags & kept | rcode, question })
    };
    let opcode = opcode(flags);
    if opcode != code::OPCODE_QUERY && opcode != code::OPCODE_NOTIFY {
        return rejected(code::NOTIMP, OPCODE | RD | CD, &[]);
    }
    let [questions, counts @ ..] = [word(4), word(6), word(8), word(10)];
    let [answers, authorities, additionals] = counts;
    if questions != 1 || answers > 1 || authorities > 1 || additionals > 2 {
        return rejected(code::FORMERR, RD | CD, &[]);
    }
    let body = &packet[HEADER_OCTETS..];
    if body.is_empty() {
        return rejected(code::SERVFAIL, OPCODE | RD | CD, &[]);
    }
    match read_body(body, id, flags, counts, name) {
        Some(packet) => packet,
        None => rejected(code::FORMERR, RD | CD, section(packet)),
    }
}

/// The question section of a message that is not answered as it should be. Empty where there is not one question, or
/// it cannot be read.
#[cold]
pub fn section(message: &[u8]) -> &[u8] {
    let Some((header, body)) = message.split_first_chunk::<HEADER_OCTETS>() else { return &[] };
    let mut name = QueryName::new();
    match name.read(body) {
        Some(()) if header[4..6] == [0, 1] => body.get(..name.wire().len() + KIND_OCTETS).unwrap_or_default(),
        _ => &[],
    }
}

/// Copies a name in lower case: sixteen octets at a time, the last sixteen once more.
#[inline(always)]
fn fold(name: &[u8], lower: &mut [u8; 256]) {
    let folded = |octets: &[u8; 16]| {
        let mut folded = *octets;
        folded.iter_mut().for_each(|octet| *octet = octet.to_ascii_lowercase());
        folded
    };
    match name.last_chunk() {
        Some(last) => {
            for (lower, octets) in lower.as_chunks_mut().0.iter_mut().zip(name.as_chunks().0) {
                *lower = folded(octets);
            }
            lower[name.len() - last.len()..name.len()].copy_from_slice(&folded(last));
        }
        None => {
            for (lower, octet) in lower.iter_mut().zip(name) {
                *lower = octet.to_ascii_lowercase();
            }
        }
    }
}

#[inline(always)]
fn read_body<'p>(body: &'p [u8], id: u16, flags: u16, counts: [u16; 3], name: &mut QueryName) -> Option<Packet<'p>> {
    name.read(body)?;
    let end = name.wire().len();
    // A packet may end behind the name or behind the type: what is not there is zero.
    let (qtype, qclass, end) = match *body.get(end..)? {
        [a, b, c, d, ..] => (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), end + 4),
        [a, b] => (u16::from_be_bytes([a, b]), 0, end + 2),
        [] => (0, 0, end),
        _ => return None,
    };
    let records = if counts == [0; 3] { Records::default() } else { read_records(&body[end..], counts)? };
    let Records { edns, has_soa } = records;
    Some(Packet::Question(Question { id, flags, name: &body[..name.wire().len()], qtype, qclass, edns, has_soa }))
}

/// What matters of the records behind a question.
#[derive(Default)]
struct Records<'p> {
    edns: Option<Edns<'p>>,
    has_soa: bool,
}

/// Walks the records behind the question. Of several OPT records the last counts; records that
/// the header promises and the packet lacks are not missed.
fn read_records(mut rest: &[u8], counts: [u16; 3]) -> Option<Records<'_>> {
    let mut records = Records::default();
    for (section, count) in counts.into_iter().enumerate() {
        for _ in 0..count {
            if rest.is_empty() {
                return Some(records);
            }
            let record = skip_name(rest)?;
            let (fixed, behind) = record.split_first_chunk::<10>()?;
            let kind = u16::from_be_bytes([fixed[0], fixed[1]]);
            let length = usize::from(u16::from_be_bytes([fixed[8], fixed[9]]));
            let (data, behind) = behind.split_at_checked(length)?;
            if section == 2 && kind == code::OPT {
                records.edns = Some(Edns {
                    size_octets: u16::from_be_bytes([fixed[2], fixed[3]]),
                    version: fixed[5],
                    dnssec_ok: fixed[6] & 0x80 != 0,
                    options: well_formed(data)?,
                });
            }
            records.has_soa |= section == 1 && kind == code::SOA;
            rest = behind;
        }
    }
    Some(records)
}

/// What is behind the owner name of a record.
fn skip_name(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        let (&length, behind) = rest.split_first()?;
        match length {
            0 => return Some(behind),
            1..=63 => rest = behind.get(usize::from(length)..)?,
            0xc0.. => return behind.get(1..),
            _ => return None,
        }
    }
}

/// The options, if each is whole.
fn well_formed(options: &[u8]) -> Option<&[u8]> {
    Options(options).try_fold((), |(), option| option.map(|_| ())).map(|()| options)
}

/// EDNS options: code and data (RFC 6891 section 6.1.2). A cut one ends the list with `None`.
pub struct Options<'p>(pub &'p [u8]);

impl<'p> Iterator for Options<'p> {
    type Item = Option<(u16, &'p [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let option = self.0.split_first_chunk::<4>().and_then(|(head, rest)| {
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let (data, rest) = rest.split_at_checked(length)?;
            self.0 = rest;
            Some((u16::from_be_bytes([head[0], head[1]]), data))
        });
        if option.is_none() {
            self.0 = &[];
        }
        Some(option)
    }
}

impl Question<'_> {
    /// The flags that every reply to this question starts from: QR, the opcode, and for queries
    /// RD and CD as sent.
    #[inline]
    pub fn reply_flags(&self) -> u16 {
        let kept = if opcode(self.flags) == code::OPCODE_QUERY { OPCODE | RD | CD } else { OPCODE };
        QR | self.flags & kept
    }

    /// The size that a reply over UDP may have: 512 octets, or more where the client says so.
    #[inline]
    pub fn udp_limit_octets(&self) -> usize {
        self.edns.map_or(UDP_OCTETS_MIN, |edns| usize::from(edns.size_octets).clamp(UDP_OCTETS_MIN, UDP_OCTETS_MAX))
    }

    /// Opcode, as in the header.
    pub fn opcode(&self) -> u8 {
        opcode(self.flags)
    }
}

fn opcode(flags: u16) -> u8 {
    (flags >> 11 & 15) as u8
}

/// "This is a response."
pub const QR: u16 = 0x8000;
/// "Authoritative answer."
pub const AA: u16 = 0x0400;
/// "Truncated."
pub const TC: u16 = 0x0200;
/// The four bits of the opcode.
pub const OPCODE: u16 = 0x7800;
/// "Recursion desired."
pub const RD: u16 = 0x0100;
/// "Recursion available."
pub const RA: u16 = 0x0080;
/// "Authentic data" (RFC 6840 section 5.8).
pub const AD: u16 = 0x0020;
/// "Checking disabled."
pub const CD: u16 = 0x0010;
/// What a client without EDNS can take (RFC 1035 section 4.2.1).
const UDP_OCTETS_MIN: usize = 512;
/// What fits into a datagram: 65,535 octets less the headers of IPv4 and UDP.
const UDP_OCTETS_MAX: usize = 65_507;
