//! A question that outlives its packet: what others are asked, and what is asked on their account.

use super::general::EMPTY_SOA;
use crate::answers::{
    code,
    question::{self, CD, Edns, HEADER_OCTETS, OPCODE, Options, Packet, QueryName, Question, RD},
    reply,
};

/// A message with one question in its plainest form.
#[derive(Clone)]
pub(crate) struct Query {
    message: Vec<u8>,
}

/// What others are told of the client.
const FLAGS_ONWARD: u16 = OPCODE | RD | AD | CD;
/// "Authentic data": asked for by clients without DO (RFC 6840 section 5.7).
const AD: u16 = 0x0020;
/// What passes any network unfragmented. A longer reply is fetched over TCP for who can take it.
const SIZE_OCTETS: u16 = 1232;

impl Query {
    /// What others are asked for a client: the same question in lower case, so that all who ask it share one
    /// reply. Options are the client's, but for those between it and us (behaviour B3).
    pub(crate) fn onward(question: &Question<'_>) -> Self {
        let passed_on = |option: u16| !reply::is_echoed(option) && option != code::EXTENDED_ERROR;
        let mut message = plain(question, FLAGS_ONWARD, Some(SIZE_OCTETS), passed_on);
        message[HEADER_OCTETS..][..question.name.len()].make_ascii_lowercase();
        Self { message }
    }

    /// The same about another name, in wire form.
    pub(crate) fn about(&self, name: &[u8]) -> Self {
        let mut old = QueryName::new();
        let behind = HEADER_OCTETS + self.read(&mut old).name.len();
        let message = [&self.message[..HEADER_OCTETS], name, &self.message[behind..]].concat();
        let mut query = Self { message };
        query.message[HEADER_OCTETS..][..name.len()].make_ascii_lowercase();
        query
    }

    /// Another question of the same client: this name in wire form, QTYPE and QCLASS, and these EDNS options where
    /// there are others.
    pub(crate) fn changed(&self, name: &[u8], [qtype, qclass]: [u16; 2], options: Option<&[u8]>) -> Self {
        let mut old = QueryName::new();
        let question = self.read(&mut old);
        let none = Edns { size_octets: SIZE_OCTETS, version: 0, dnssec_ok: false, options: &[] };
        let edns = match options {
            Some(options) => Some(Edns { options, ..question.edns.unwrap_or(none) }),
            None => question.edns,
        };
        let changed = Question { name, qtype, qclass, edns, ..question };
        Self { message: plain(&changed, FLAGS_ONWARD, None, |_| true) }
    }

    /// The question; its name goes to `name`.
    pub(crate) fn read<'q>(&'q self, name: &mut QueryName) -> Question<'q> {
        match question::read(&self.message, name) {
            Packet::Question(question) => question,
            Packet::Rejected(_) | Packet::Ignored => unreachable!("it was written from a question"),
        }
    }

    /// The whole message. Its id means nothing.
    pub(crate) fn message(&self) -> &[u8] {
        &self.message
    }
}

/// A question in its plainest form: these flags, the size as the client said it or another one, and these
/// of its options.
pub(super) fn plain(
    question: &Question<'_>,
    flags: u16,
    size_octets: Option<u16>,
    keeps: impl Fn(u16) -> bool,
) -> Vec<u8> {
    let mut packet = Vec::with_capacity(HEADER_OCTETS + question.name.len() + 64);
    let word = |packet: &mut Vec<u8>, word: u16| packet.extend_from_slice(&word.to_be_bytes());
    let counts = [1, 0, u16::from(question.has_soa), u16::from(question.edns.is_some())];
    for header in [question.id, question.flags & flags].into_iter().chain(counts) {
        word(&mut packet, header);
    }
    packet.extend_from_slice(question.name);
    word(&mut packet, question.qtype);
    word(&mut packet, question.qclass);
    if question.has_soa {
        packet.extend_from_slice(EMPTY_SOA);
    }
    if let Some(edns) = question.edns {
        packet.push(0);
        let size_octets = size_octets.unwrap_or(edns.size_octets);
        for field in [code::OPT, size_octets, u16::from(edns.version), u16::from(edns.dnssec_ok) << 15] {
            word(&mut packet, field);
        }
        let options: Vec<u8> = Options(edns.options)
            .flatten()
            .filter(|(number, _)| keeps(*number))
            .flat_map(|(number, data)| [&number.to_be_bytes(), &(data.len() as u16).to_be_bytes(), data].concat())
            .collect();
        word(&mut packet, options.len() as u16);
        packet.extend(options);
    }
    packet
}
