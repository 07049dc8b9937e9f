//! The sink that writes a reply.
//!
//! Records go straight into the packet. A name that the packet holds already is written as a
//! pointer to it (RFC 1035 section 4.1.4); the target of a SRV is written whole, as RFC 2782 asks.
//! When a record does not fit, it and all behind it are left out, and TC says so.

mod names;
pub(super) mod opt;
pub(super) mod whole;

use std::net::IpAddr;

use super::{
    code,
    question::{self, HEADER_OCTETS, Question, Rejection},
    sink::{Addresses, Data, Mark, Owner, Record, Section, Sink, Soa},
    why::Why,
};
use crate::records::name::{NAME_OCTETS_MAX, Name};
use opt::{EXTENDED_ERROR_OCTETS, Opt};
use whole::{FIXED_OCTETS, SOA_DATA, soa_data, whole_a, whole_aaaa, whole_soa};

/// A reply that is being written.
pub struct Reply<'o> {
    buffer: &'o mut [u8],
    length: usize,
    /// Records may reach up to here; what is behind is for the OPT record. 0 once one did not fit.
    limit: usize,
    /// What `limit` was at first.
    limit_octets: usize,
    flags: u16,
    /// Of answer, authority and additional.
    counts: [u16; 3],
    /// Where the apex of the records' zone starts in the packet. 0 while it does not stand there.
    zone_start: usize,
    question_end: usize,
    targets: &'o mut Targets,
    target_count: usize,
}

/// Where the names start that records point at. Kept by the caller, so that nothing is cleared
/// between two replies.
pub struct Targets {
    starts: [u16; TARGETS_KEPT],
    /// The apex of a zone that the question's name is not in.
    apex: [u8; NAME_OCTETS_MAX],
    apex_octets: usize,
}

impl Default for Targets {
    fn default() -> Self {
        Self { starts: [0; _], apex: [0; _], apex_octets: 0 }
    }
}

/// Of so many names the place is remembered, as many as fit into the sizes that are common over
/// UDP. The owners of later ones are written again.
const TARGETS_KEPT: usize = 64;
/// Pointers reach so far (RFC 1035 section 4.1.4).
const POINTER_MAX: usize = 0x3fff;

impl<'o> Reply<'o> {
    /// Starts the reply to a question: the header to come, and the question as it was sent.
    /// `limit_octets` is the size that the client takes.
    #[inline]
    pub fn new(question: &Question<'_>, limit_octets: usize, targets: &'o mut Targets, buffer: &'o mut [u8]) -> Self {
        let name_end = HEADER_OCTETS + question.name.len();
        let question_end = name_end + 4;
        let [a, b] = question.qtype.to_be_bytes();
        let [c, d] = question.qclass.to_be_bytes();
        buffer[HEADER_OCTETS..name_end].copy_from_slice(question.name);
        buffer[name_end..question_end].copy_from_slice(&[a, b, c, d]);
        let limit_octets = limit_octets.min(buffer.len()).saturating_sub(opt::octets(question)).max(1);
        Self {
            length: question_end,
            limit: limit_octets,
            limit_octets,
            buffer,
            flags: question.reply_flags(),
            counts: [0; 3],
            zone_start: 0,
            question_end,
            targets,
            target_count: 0,
        }
    }

    /// Finishes the reply and says how long it is.
    #[inline]
    pub fn finish(&mut self, question: &Question<'_>, flags: u16, rcode: u16, why: Option<Why>) -> usize {
        if let Some(edns) = question.edns {
            self.push_opt(edns.size_octets, edns.dnssec_ok, rcode, edns.options, why);
        }
        self.write_header(question.id, self.flags | flags | rcode & 15, 1)
    }

    /// The reply to an unknown version of EDNS: an OPT record of no size, and nothing else (behaviour B3).
    pub fn finish_bad_version(&mut self, question: &Question<'_>) -> usize {
        self.push_opt(0, false, code::BADVERS, &[], None);
        self.write_header(question.id, self.flags, 1)
    }

    #[inline]
    fn write_header(&mut self, id: u16, flags: u16, questions: u16) -> usize {
        let truncated = if self.is_full() { question::TC } else { 0 };
        let [answers, authorities, additionals] = self.counts;
        let words = [id, flags | truncated, questions, answers, authorities, additionals].map(u16::to_be_bytes);
        self.buffer[..HEADER_OCTETS].copy_from_slice(words.as_flattened());
        self.length
    }

    fn push_opt(&mut self, size_octets: u16, dnssec_ok: bool, rcode: u16, options: &[u8], why: Option<Why>) {
        // Its room is what records have left: a reply is never cut for it.
        let fits = |why: &Why| self.length + EXTENDED_ERROR_OCTETS + why.phrase().len() <= self.limit;
        let error = why.filter(fits).map(|why| (why.code(), why.phrase().as_bytes()));
        self.length = Opt { size_octets, dnssec_ok, rcode, options, error }.write(self.buffer, self.length);
        self.counts[2] += 1;
    }

    /// A record that is written already.
    #[inline]
    fn push_whole<const OCTETS: usize>(&mut self, section: Section, record: &[u8; OCTETS]) -> bool {
        let end = self.length + OCTETS;
        let room = self.buffer[self.length..].first_chunk_mut().filter(|_| end <= self.limit);
        let Some(room) = room else {
            self.limit = 0;
            return false;
        };
        *room = *record;
        self.length = end;
        self.counts[section as usize] += 1;
        true
    }

    /// As many as fit of several records of the answer that are written already.
    fn push_all_whole<const OCTETS: usize>(&mut self, records: impl ExactSizeIterator<Item = [u8; OCTETS]>) -> bool {
        let (count, room) = (records.len(), self.limit.saturating_sub(self.length) / OCTETS);
        let fitting = count.min(room);
        let end = self.length + fitting * OCTETS;
        for (place, record) in self.buffer[self.length..end].as_chunks_mut().0.iter_mut().zip(records) {
            *place = record;
        }
        self.length = end;
        self.counts[Section::Answer as usize] += fitting as u16;
        if fitting < count {
            self.limit = 0;
        }
        fitting == count
    }

    /// Forgets what was written behind `length`.
    fn cut(&mut self, length: usize, targets: usize) {
        self.length = length;
        self.target_count = targets;
        if self.zone_start >= length {
            self.zone_start = 0;
        }
    }

    fn is_full(&self) -> bool {
        self.limit < self.limit_octets
    }

    #[inline]
    fn put(&mut self, octets: &[u8]) {
        self.buffer[self.length..self.length + octets.len()].copy_from_slice(octets);
        self.length += octets.len();
    }

    /// Type, class IN, TTL; the length of the data follows.
    fn put_fixed(&mut self, kind: u16, ttl_secs: u32) {
        let [kind_high, kind_low] = kind.to_be_bytes();
        let [a, b, c, d] = ttl_secs.to_be_bytes();
        self.put(&[kind_high, kind_low, 0, code::CLASS_IN as u8, a, b, c, d]);
    }

    /// Data whose length is known when it is written.
    fn put_data(&mut self, write: impl FnOnce(&mut Self)) {
        let start = self.length;
        self.length += 2;
        write(self);
        let octets = (self.length - start - 2) as u16;
        self.buffer[start..start + 2].copy_from_slice(&octets.to_be_bytes());
    }

    fn write(&mut self, record: &Record<'_>) {
        self.put_owner(&record.owner);
        self.put_fixed(record.data.code(), record.ttl_secs);
        self.put_data(|reply| match &record.data {
            Data::Address(IpAddr::V4(ip)) => reply.put(&ip.octets()),
            Data::Address(IpAddr::V6(ip)) => reply.put(&ip.octets()),
            Data::Cname(name) | Data::Ns(name) => {
                reply.note_target();
                reply.put_name(name);
            }
            Data::Ptr(name) => reply.put_name(name),
            Data::Srv { weight, port, target } => {
                reply.put([[0; 2], weight.to_be_bytes(), port.to_be_bytes()].as_flattened());
                reply.note_target();
                reply.put_whole_name(target);
            }
            Data::Txt(text) => {
                reply.put(&[text.len() as u8]);
                reply.put(text);
            }
            Data::Soa { serial, minimum_secs } => reply.put(&soa_data(reply.zone_start, *serial, *minimum_secs)),
        });
    }

    /// What the record needs at most, in octets. None for a name that no message can hold.
    #[inline]
    fn octets_max(&self, record: &Record<'_>) -> Option<usize> {
        let owner = match &record.owner {
            Owner::Target(index, name) if self.target(*index).is_none() => self.name_octets(name),
            Owner::Zone if self.zone_start == 0 => self.targets.apex_octets,
            _ => 2,
        };
        let (name, rest) = match &record.data {
            Data::Address(IpAddr::V4(_)) => (0, 4),
            Data::Address(IpAddr::V6(_)) => (0, 16),
            Data::Cname(name) | Data::Ns(name) | Data::Ptr(name) => (self.name_octets(name), 0),
            Data::Srv { target, .. } => (self.name_octets(target), 6),
            Data::Txt(text) => (0, 1 + text.len()),
            Data::Soa { .. } => (0, SOA_DATA.len()),
        };
        let legal = owner.max(name) <= NAME_OCTETS_MAX;
        legal.then_some(owner + FIXED_OCTETS + name + rest)
    }
}

impl Sink for Reply<'_> {
    #[inline]
    fn push(&mut self, section: Section, record: &Record<'_>) -> bool {
        if let Data::Address(IpAddr::V4(ip)) = record.data
            && let Some(owner) = self.owner(&record.owner)
        {
            return self.push_whole(section, &whole_a(owner, ip, record.ttl_secs));
        }
        if self.is_full() {
            return false;
        }
        let Some(octets_max) = self.octets_max(record) else {
            if record.data.points() {
                self.note_target_at(0);
            }
            return true;
        };
        let start = self.length;
        if start + octets_max > self.buffer.len() {
            self.limit = 0;
            return false;
        }
        let targets = self.target_count;
        self.write(record);
        if self.length > self.limit {
            self.cut(start, targets);
            self.limit = 0;
            return false;
        }
        self.counts[section as usize] += 1;
        true
    }

    #[inline]
    fn set_zone(&mut self, start_in_name: usize) {
        self.zone_start = HEADER_OCTETS + start_in_name;
    }

    fn set_far_zone(&mut self, apex: &Name) {
        let wire = apex.wire();
        self.zone_start = 0;
        self.targets.apex[..wire.len()].copy_from_slice(wire);
        self.targets.apex_octets = wire.len();
    }

    #[inline]
    fn push_addresses(&mut self, addresses: Addresses<'_>, ttl_secs: u32) -> bool {
        match addresses {
            Addresses::V4(&[ip]) => self.push_whole(Section::Answer, &whole_a(HEADER_OCTETS, ip, ttl_secs)),
            Addresses::V4(list) => self.push_all_whole(list.iter().map(|&ip| whole_a(HEADER_OCTETS, ip, ttl_secs))),
            Addresses::V6(list) => self.push_all_whole(list.iter().map(|&ip| whole_aaaa(ip, ttl_secs))),
        }
    }

    #[inline]
    fn push_negative(&mut self, soa: Soa) -> bool {
        match self.zone_start {
            0 => self.push(Section::Authority, &soa.record()),
            start => self.push_whole(Section::Authority, &whole_soa(start, soa)),
        }
    }

    #[inline]
    fn mark(&self) -> Mark {
        Mark { length: self.length, answers: self.counts[0], targets: self.target_count }
    }

    fn rewind(&mut self, mark: Mark) {
        self.cut(mark.length, mark.targets);
        self.counts = [mark.answers, 0, 0];
        self.limit = self.limit_octets;
    }

    fn targets(&self) -> usize {
        self.target_count
    }
}

/// Writes the reply to a packet that is turned away, which is no longer than the packet. Says how many octets it has.
pub fn reject(rejection: Rejection<'_>, buffer: &mut [u8]) -> usize {
    let Rejection { id, flags, question } = rejection;
    let words = [id, flags, u16::from(!question.is_empty()), 0, 0, 0].map(u16::to_be_bytes);
    let octets = HEADER_OCTETS + question.len();
    buffer[..HEADER_OCTETS].copy_from_slice(words.as_flattened());
    buffer[HEADER_OCTETS..octets].copy_from_slice(question);
    octets
}

/// The same in memory of its own.
pub fn rejected(rejection: Rejection<'_>) -> Vec<u8> {
    let mut reply = vec![0; HEADER_OCTETS + rejection.question.len()];
    reject(rejection, &mut reply);
    reply
}

/// Options that a reply repeats: in order NSID, EXPIRE, COOKIE, KEEPALIVE and PADDING (behaviour B3).
pub fn is_echoed(option: u16) -> bool {
    matches!(option, 3 | 9 | 10 | 11 | 12)
}

/// The numbers of every SOA (behaviour A2).
pub const SOA_REFRESH_SECS: u32 = 7200;
/// See [`SOA_REFRESH_SECS`].
pub const SOA_RETRY_SECS: u32 = 1800;
/// See [`SOA_REFRESH_SECS`].
pub const SOA_EXPIRE_SECS: u32 = 86400;
