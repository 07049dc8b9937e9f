//! The plain question: an address of a Service by its whole name, which is what most packets ask.
//!
//! It is recognised by its octets, and its reply is its own octets with one record behind them.
//! This is a short cut, not a second opinion: it says only what it is sure of, that a Service has
//! its one cluster IP and no other. Whatever else there may be (capitals, options, several
//! addresses, a name that does not exist) goes the whole way, which would have said the same.

use std::net::IpAddr;

use super::{
    code,
    find::soa,
    question::{AA, CD, HEADER_OCTETS, OPCODE, QR, RD},
    reply::whole::{whole_a, whole_aaaa, whole_opt, whole_soa},
    service::SVC,
};
use crate::records::{
    name::{NAME_OCTETS_MAX, same},
    service::KEY_OCTETS_MAX,
    view::View,
    zone::Zone,
};

/// What plain questions end in: `svc` and the apex of a zone, in wire form and lower case.
pub struct Tree(Box<[u8]>);

/// A plain question that was answered. The rcode is NOERROR.
pub struct Plain {
    /// QTYPE: A or AAAA.
    pub qtype: u16,
    /// DNSSEC OK.
    pub dnssec_ok: bool,
    /// Octets of the reply.
    pub reply_octets: usize,
}

impl Tree {
    /// The tree of services in a zone; none in a reverse zone, and none where a name below could
    /// be longer than names are.
    pub fn new(zone: &Zone) -> Option<Self> {
        let wire = [SVC, zone.apex.wire()].concat();
        let fits = wire.len() + KEY_OCTETS_MAX <= NAME_OCTETS_MAX;
        (fits && !zone.reverse).then(|| Self(wire.into()))
    }

    /// The name in wire form.
    pub fn wire(&self) -> &[u8] {
        &self.0
    }

    /// Whether a zone is this tree, or lies below.
    pub fn has(&self, zone: &Zone) -> bool {
        zone.apex.wire().ends_with(&self.0)
    }
}

/// Answers a plain question for a name of `tree` from the view. None where the packet is anything
/// else; what is in `buffer` then means nothing.
#[inline]
pub fn answer(packet: &[u8], tree: &Tree, view: &View, buffer: &mut [u8]) -> Option<Plain> {
    let Question { key, qtype, edns, end } = read(packet, tree)?;
    let ip = view.service(key, |service| service.only_address())??;

    buffer.get_mut(..end)?.copy_from_slice(&packet[..end]);
    let found = ip.is_ipv4() == (qtype == code::A);
    let zone_start = end - 4 - tree.0.len() + SVC.len();
    let mut reply = Reply { buffer, length: end };
    match ip {
        _ if !found => reply.put(&whole_soa(zone_start, soa(view)))?,
        IpAddr::V4(ip) => reply.put(&whole_a(HEADER_OCTETS, ip, view.ttls.records))?,
        IpAddr::V6(ip) => reply.put(&whole_aaaa(ip, view.ttls.records))?,
    }
    if let Some(Edns { size_octets, dnssec_ok }) = edns {
        // A client with EDNS is told more.
        if !found || view.is_stale() {
            return None;
        }
        reply.put(&whole_opt(size_octets, dnssec_ok, code::NOERROR))?;
    }
    reply.set_header(u16::from(found), u16::from(!found), u16::from(edns.is_some()));
    Some(Plain { qtype, dnssec_ok: edns.is_some_and(|edns| edns.dnssec_ok), reply_octets: reply.length })
}

/// A reply that holds its question: the header is still the question's.
struct Reply<'o> {
    buffer: &'o mut [u8],
    length: usize,
}

impl Reply<'_> {
    #[inline(always)]
    fn put<const OCTETS: usize>(&mut self, record: &[u8; OCTETS]) -> Option<()> {
        *self.buffer.get_mut(self.length..)?.first_chunk_mut()? = *record;
        self.length += OCTETS;
        Some(())
    }

    #[inline(always)]
    fn set_header(&mut self, answers: u16, authorities: u16, additionals: u16) {
        let flags = u16::from_be_bytes([self.buffer[2], self.buffer[3]]);
        let words = [QR | AA | flags & (RD | CD), 1, answers, authorities, additionals].map(u16::to_be_bytes);
        self.buffer[2..HEADER_OCTETS].copy_from_slice(words.as_flattened());
    }
}

/// What matters of a plain question.
struct Question<'p> {
    /// Service and namespace: the key of the tables.
    key: &'p [u8],
    qtype: u16,
    edns: Option<Edns>,
    /// Where it ends in the packet.
    end: usize,
}

/// An OPT record without options.
#[derive(Clone, Copy)]
struct Edns {
    size_octets: u16,
    dnssec_ok: bool,
}

#[inline(always)]
fn read<'p>(packet: &'p [u8], tree: &Tree) -> Option<Question<'p>> {
    let (header, rest) = packet.split_first_chunk::<HEADER_OCTETS>()?;
    let [_, _, counted @ .., 0, additionals] = header else { return None };
    if u64::from_be_bytes(*counted) & COUNTED != ONE_QUESTION {
        return None;
    }
    let namespace = 1 + usize::from(*rest.first()?);
    let (key, rest) = rest.split_at_checked(namespace + 1 + usize::from(*rest.get(namespace)?))?;
    let (ending, rest) = rest.split_at_checked(tree.0.len())?;
    let (question, rest) = rest.split_first_chunk()?;
    let qtype = match question {
        [0, 1, 0, 1] => code::A,
        [0, 28, 0, 1] => code::AAAA,
        _ => return None,
    };
    let edns = match (additionals, rest) {
        (0, _) => None,
        (1, &[0, 0, 41, high, low, _, 0, flags, _, 0, 0]) => {
            Some(Edns { size_octets: u16::from_be_bytes([high, low]), dnssec_ok: flags & 0x80 != 0 })
        }
        _ => return None,
    };
    same(ending, &tree.0).then(|| Question { key, qtype, edns, end: packet.len() - rest.len() })
}

/// What matters of the flags and the counts of questions, answers and authorities, as one number.
const COUNTED: u64 = ((QR | OPCODE) as u64) << 48 | 0xffff_ffff_ffff;
/// A query with one question and nothing else.
const ONE_QUESTION: u64 = 1 << 32;
