//! Walks through a message and believes nothing of it.
//!
//! A name may end in a pointer to a name that was read before, and to nothing else: so each octet of
//! a name is checked once, and what a pointer leads to is no TTL or address that is changed later.
//! Of a pointer to a pointer it is noted where that leads, so following one always comes to a label:
//! no message costs more than its octets, and 255 for each of its names.

use std::ops::Range;

use super::{
    super::{
        code,
        question::{HEADER_OCTETS, Options, Question},
    },
    Unfit,
};
use crate::records::name::{LABEL_OCTETS_MAX, NAME_OCTETS_MAX};

/// A message that is being read.
pub(super) struct Walk<'m> {
    message: &'m [u8],
    at: usize,
    names: Names,
    /// Where pointers stand that may have to move.
    pointers: Vec<usize>,
    /// The upper bits of the rcode, from the OPT record.
    pub(super) rcode_high: u16,
    /// The Extended DNS Error of the OPT record.
    pub(super) error: Option<(u16, &'m [u8])>,
}

/// A record, by its places in the message.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) section: Section,
    pub(super) kind: u16,
    pub(super) class: u16,
    pub(super) owner: usize,
    pub(super) ttl_at: usize,
    pub(super) data: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
    Additional,
}

/// The names that start at each octet of the message, as far as pointers reach.
struct Names(Vec<Named>);

/// A name that was read.
#[derive(Clone, Copy, Default)]
struct Named {
    /// Without compression; 0: there is none.
    octets: u8,
    /// The label or root that it starts with, where it is nothing but a pointer; otherwise 0.
    leads_to: u16,
}

impl Record {
    /// Whether it is between the other server and us: OPT and signatures of the transaction.
    pub(super) fn is_ours(&self) -> bool {
        self.section == Section::Additional && matches!(self.kind, code::OPT | TSIG | SIG)
    }
}

impl<'m> Walk<'m> {
    pub(super) fn new(message: &'m [u8]) -> Self {
        let names = Names(vec![Named::default(); message.len().min(POINTER_MAX + 1)]);
        Self { message, at: HEADER_OCTETS, names, pointers: Vec::new(), rcode_high: 0, error: None }
    }

    /// How far it has come.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Reads the question, which has to be this one.
    pub(super) fn question(&mut self, question: &Question<'_>) -> Result<(), Unfit> {
        let start = self.at;
        let end = self.name(start).ok_or(Unfit::Malformed)?;
        let fixed = self.message.get(end..end + 4).ok_or(Unfit::Malformed)?;
        let same = self.message[start..end].eq_ignore_ascii_case(question.name)
            && fixed == [question.qtype, question.qclass].map(u16::to_be_bytes).as_flattened();
        self.at = end + 4;
        if same { Ok(()) } else { Err(Unfit::OtherQuestion) }
    }

    /// Reads all records. Those of a reply that is cut end where it was cut.
    pub(super) fn records(&mut self, is_cut: bool) -> Option<Vec<Record>> {
        let (mut records, mut ours) = (Vec::new(), 0);
        let sections = [(Section::Answer, 6), (Section::Authority, 8), (Section::Additional, 10)];
        for (section, count_at) in sections {
            for _ in 0..self.word(count_at)? {
                let record = self.record(section).filter(|record| {
                    ours += usize::from(record.is_ours());
                    ours <= OURS_MAX
                });
                match record {
                    Some(record) => records.push(record),
                    None if is_cut => return Some(records),
                    None => return None,
                }
            }
        }
        Some(records)
    }

    fn record(&mut self, section: Section) -> Option<Record> {
        let owner = self.at;
        let fixed = self.name(owner)?;
        let [kind, class] = [self.word(fixed)?, self.word(fixed + 2)?];
        let start = fixed + 10;
        let data = start..start + usize::from(self.word(fixed + 8)?);
        self.message.get(data.clone())?;
        let record = Record { section, kind, class, owner, ttl_at: fixed + 4, data };
        if record.is_ours() {
            // Nothing may point at what is taken out.
            self.names.forget(owner..fixed);
            self.opt(&record)?;
        } else if kind == code::OPT {
            return None;
        } else {
            self.data(&record)?;
        }
        self.at = record.data.end;
        Some(record)
    }

    /// What matters of the OPT record.
    fn opt(&mut self, record: &Record) -> Option<()> {
        if record.kind == code::OPT {
            self.rcode_high = u16::from(self.message[record.ttl_at]);
            for option in Options(&self.message[record.data.clone()]) {
                let (number, data) = option?;
                if let (code::EXTENDED_ERROR, Some((info, text)), None) = (number, data.split_first_chunk(), self.error)
                {
                    self.error = Some((u16::from_be_bytes(*info), text));
                }
            }
        }
        Some(())
    }

    /// Reads the names in a record's data: all that senders are known to compress or to point at.
    fn data(&mut self, record: &Record) -> Option<()> {
        let Some(shape) = Shape::of(record.kind) else { return Some(()) };
        let mut at = record.data.start + shape.front;
        for _ in 0..shape.texts {
            at += 1 + usize::from(*self.message[..record.data.end].get(at)?);
        }
        for _ in 0..shape.names {
            at = self.name(at).filter(|&end| end <= record.data.end)?;
        }
        let rest = record.data.end.checked_sub(at)?;
        shape.behind.is_none_or(|behind| behind == rest).then_some(())
    }

    /// Reads the name at `start` and says where it ends.
    fn name(&mut self, start: usize) -> Option<usize> {
        let mut at = start;
        let (end, rest) = loop {
            match *self.message.get(at)? {
                0 => break (at + 1, Named { octets: 1, leads_to: 0 }),
                length if usize::from(length) <= LABEL_OCTETS_MAX => at += 1 + usize::from(length),
                0xc0.. => {
                    self.message.get(at + 1)?;
                    self.pointers.push(at);
                    let to = self.lands(at);
                    break (at + 2, Named { octets: self.names.octets(to)?, leads_to: to as u16 });
                }
                _ => return None,
            }
            if at - start > NAME_OCTETS_MAX {
                return None;
            }
        };
        let octets = at - start + usize::from(rest.octets);
        if octets > NAME_OCTETS_MAX {
            return None;
        }
        let mut label = start;
        while label < at {
            self.names.note(label, Named { octets: (start + octets - label) as u8, leads_to: 0 });
            label += 1 + usize::from(self.message[label]);
        }
        self.names.note(at, rest);
        Some(end)
    }

    /// Writes the name at `start`, which was read before, in lower case and without pointers.
    pub(super) fn lower(&self, start: usize, name: &mut Vec<u8>) {
        name.clear();
        let mut at = start;
        loop {
            match self.message[at] {
                0 => return name.push(0),
                0xc0.. => at = self.lands(at),
                length => {
                    let end = at + 1 + usize::from(length);
                    name.extend(self.message[at..end].iter().map(u8::to_ascii_lowercase));
                    at = end;
                }
            }
        }
    }

    /// The TTL of a record.
    pub(super) fn ttl_secs(&self, record: &Record) -> u32 {
        self.long(record.ttl_at)
    }

    /// How long a SOA in the authority section lets a denial be kept.
    pub(super) fn soa_minimum_secs(&self, records: &[Record]) -> Option<u32> {
        let soas = records.iter().filter(|record| record.section == Section::Authority && record.kind == code::SOA);
        soas.map(|record| self.long(record.data.end - 4)).min()
    }

    /// The message without the records that are for us, and where the TTLs of the others stand in it.
    pub(super) fn without_ours(&self, records: &[Record]) -> (Vec<u8>, Vec<u16>) {
        let question_end = records.first().map_or(self.at, |record| record.owner);
        let mut wire = self.message[..question_end].to_vec();
        let (mut ttls, mut counts, mut removed) = (Vec::with_capacity(records.len()), [0u16; 3], Vec::new());
        for record in records {
            let whole = record.owner..record.data.end;
            if record.is_ours() {
                removed.push(whole);
                continue;
            }
            let start = wire.len();
            ttls.push((start + record.ttl_at - whole.start) as u16);
            counts[record.section as usize] += 1;
            wire.extend_from_slice(&self.message[whole.clone()]);
            if !removed.is_empty() {
                self.move_pointers(whole, &removed, &mut wire[start..]);
            }
        }
        wire[4..6].copy_from_slice(&[0, 1]);
        wire[6..HEADER_OCTETS].copy_from_slice(counts.map(u16::to_be_bytes).as_flattened());
        (wire, ttls)
    }

    /// Lets the pointers of a record lead to where they led before something in front of it was taken out.
    fn move_pointers(&self, record: Range<usize>, removed: &[Range<usize>], octets: &mut [u8]) {
        let first = self.pointers.partition_point(|&at| at < record.start);
        for &at in self.pointers[first..].iter().take_while(|&&at| at < record.end) {
            let to = self.pointer(at);
            let gone: usize = removed.iter().filter(|range| range.start < to).map(Range::len).sum();
            let place = at - record.start;
            octets[place..place + 2].copy_from_slice(&(0xc000 | (to - gone) as u16).to_be_bytes());
        }
    }

    /// Where the pointer leads that stands at `at`.
    fn pointer(&self, at: usize) -> usize {
        usize::from(u16::from_be_bytes([self.message[at] & 0x3f, self.message[at + 1]]))
    }

    /// The label or root that it leads to, by way of another pointer or at once.
    fn lands(&self, at: usize) -> usize {
        let to = self.pointer(at);
        match self.names.0.get(to).map_or(0, |named| named.leads_to) {
            0 => to,
            further => usize::from(further),
        }
    }

    fn word(&self, at: usize) -> Option<u16> {
        self.message.get(at..at + 2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    fn long(&self, at: usize) -> u32 {
        self.message[at..].first_chunk().map_or(0, |octets| u32::from_be_bytes(*octets))
    }
}

impl Names {
    fn octets(&self, at: usize) -> Option<u8> {
        self.0.get(at).map(|named| named.octets).filter(|octets| *octets != 0)
    }

    fn note(&mut self, at: usize, name: Named) {
        if let Some(named) = self.0.get_mut(at) {
            *named = name;
        }
    }

    fn forget(&mut self, range: Range<usize>) {
        let end = range.end.min(self.0.len());
        if let Some(named) = self.0.get_mut(range.start..end) {
            named.fill(Named::default());
        }
    }
}

/// Where the names are in the data of a type.
struct Shape {
    /// Octets in front of them,
    front: usize,
    /// and texts, each behind its length.
    texts: usize,
    names: usize,
    /// Octets behind them; none: any number.
    behind: Option<usize>,
}

impl Shape {
    /// None where the data is none of our business.
    fn of(kind: u16) -> Option<Self> {
        let (front, texts, names, behind) = match kind {
            code::A => (4, 0, 0, Some(0)),
            code::AAAA => (16, 0, 0, Some(0)),
            // NS, MD, MF, CNAME, MB, MG, MR, PTR, NSAP-PTR, DNAME
            2..=5 | 7..=9 | 12 | 23 | 39 => (0, 0, 1, Some(0)),
            code::SOA => (0, 0, 2, Some(20)),
            // MINFO, RP, TALINK
            14 | 17 | 58 => (0, 0, 2, Some(0)),
            // MX, AFSDB, RT, KX, LP
            15 | 18 | 21 | 36 | 107 => (2, 0, 1, Some(0)),
            // PX
            26 => (2, 0, 2, Some(0)),
            code::SRV => (6, 0, 1, Some(0)),
            // NAPTR
            35 => (4, 3, 1, Some(0)),
            // SIG, RRSIG
            SIG | 46 => (18, 0, 1, None),
            // NXT, NSEC
            30 | 47 => (0, 0, 1, None),
            // SVCB, HTTPS
            64 | 65 => (2, 0, 1, None),
            _ => return None,
        };
        Some(Self { front, texts, names, behind })
    }
}

/// The question of a message that was written by us.
pub(super) fn first_question(message: &[u8]) -> Option<Question<'_>> {
    let mut walk = Walk::new(message);
    let end = walk.name(HEADER_OCTETS)?;
    let name = &message[HEADER_OCTETS..end];
    let (qtype, qclass) = (walk.word(end)?, walk.word(end + 2)?);
    Some(Question { id: walk.word(0)?, flags: walk.word(2)?, name, qtype, qclass, edns: None, has_soa: false })
}

/// Pointers reach so far (RFC 1035 section 4.1.4).
const POINTER_MAX: usize = 0x3fff;
/// OPT and a signature: nobody sends more.
const OURS_MAX: usize = 2;
/// SIG(0) (RFC 2931).
const SIG: u16 = 24;
/// RFC 8945.
const TSIG: u16 = 250;
