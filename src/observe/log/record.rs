//! What is kept of a question until its line is written: numbers and a name, of one size.

use std::{net::SocketAddr, time::Duration};

use crate::{
    answers::{
        code,
        question::{HEADER_OCTETS, QueryName, Question},
    },
    records::name::NAME_OCTETS_MAX,
    respond::{Exchange, Transport},
};

/// See the module.
pub(super) struct Record {
    /// By its place in the rules.
    pub(super) rule: u16,
    /// By its place in the plan.
    pub(super) listener: u16,
    pub(super) client: SocketAddr,
    pub(super) transport: Transport,
    pub(super) id: u16,
    pub(super) opcode: u8,
    pub(super) qtype: u16,
    pub(super) qclass: u16,
    pub(super) query_octets: u32,
    pub(super) dnssec_ok: bool,
    /// What the client can take.
    pub(super) buffer_octets: u16,
    pub(super) rcode: u16,
    /// The flags of the reply's header.
    pub(super) reply_flags: u16,
    pub(super) reply_octets: u32,
    pub(super) took: Duration,
    name_octets: u8,
    name: [u8; NAME_OCTETS_MAX],
}

/// CoreDNS's classes of replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// There are records, or the way to them.
    Success,
    /// There are none.
    Denial,
    /// All else.
    Error,
}

/// The smallest size that a client can take (RFC 6891 section 6.2.3).
const BUFFER_OCTETS_MIN: u16 = 512;

impl Record {
    pub(super) fn new(
        rule: usize,
        question: &Question<'_>,
        name: &QueryName,
        exchange: &Exchange<'_>,
        took: Duration,
    ) -> Self {
        let Exchange { asked, query, reply, outcome } = exchange;
        let size_octets = question.edns.map_or(0, |edns| edns.size_octets);
        let mut octets = [0; NAME_OCTETS_MAX];
        octets[..name.wire().len()].copy_from_slice(name.wire());
        Self {
            rule: rule as u16,
            listener: asked.listener as u16,
            client: asked.client,
            transport: asked.transport,
            id: question.id,
            opcode: question.opcode(),
            qtype: question.qtype,
            qclass: question.qclass,
            query_octets: query.len() as u32,
            dnssec_ok: question.edns.is_some_and(|edns| edns.dnssec_ok),
            buffer_octets: match asked.transport {
                Transport::Udp => size_octets.max(BUFFER_OCTETS_MIN),
                Transport::Tcp => u16::MAX,
            },
            rcode: outcome.rcode,
            reply_flags: word(reply, 2).unwrap_or_default(),
            reply_octets: outcome.reply_octets as u32,
            took,
            name_octets: name.wire().len() as u8,
            name: octets,
        }
    }

    /// The name in wire form and lower case.
    pub(super) fn name(&self) -> &[u8] {
        &self.name[..usize::from(self.name_octets)]
    }
}

impl Class {
    /// The class of a reply.
    pub(super) fn of(question: &Question<'_>, reply: &[u8], rcode: u16) -> Self {
        let is_meta = question.opcode() != code::OPCODE_QUERY || matches!(question.qtype, code::AXFR | code::IXFR);
        let has_answer = word(reply, 6).is_some_and(|answers| answers > 0);
        match rcode {
            _ if is_meta => Self::Error,
            code::NOERROR if has_answer => Self::Success,
            code::NOERROR if has_soa(question, reply) => Self::Denial,
            code::NOERROR => Self::Success,
            code::NXDOMAIN if !has_answer => Self::Denial,
            _ => Self::Error,
        }
    }
}

/// Whether the authority section of a reply without answers has a SOA.
fn has_soa(question: &Question<'_>, reply: &[u8]) -> bool {
    let mut rest = reply.get(HEADER_OCTETS + question.name.len() + 4..).unwrap_or_default();
    for _ in 0..word(reply, 8).unwrap_or_default() {
        let Some(behind) = behind_name(rest) else { return false };
        if word(behind, 0) == Some(code::SOA) {
            return true;
        }
        let Some(data_octets) = word(behind, 8) else { return false };
        rest = behind.get(10 + usize::from(data_octets)..).unwrap_or_default();
    }
    false
}

/// What follows a name, which may be compressed.
fn behind_name(octets: &[u8]) -> Option<&[u8]> {
    const POINTER: u8 = 0xc0;
    let mut rest = octets;
    loop {
        match *rest.first()? {
            0 => return rest.get(1..),
            length if length >= POINTER => return rest.get(2..),
            length => rest = rest.get(1 + usize::from(length)..)?,
        }
    }
}

fn word(octets: &[u8], at: usize) -> Option<u16> {
    let octets = octets.get(at..at + 2)?;
    Some(u16::from_be_bytes([octets[0], octets[1]]))
}
