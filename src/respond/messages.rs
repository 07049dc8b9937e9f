//! The sink that makes hickory's records, and what types and classes are called.

use std::{borrow::Cow, str::FromStr};

use hickory_proto::rr::{
    Name, RData, Record, RecordType,
    rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT},
};

use crate::{
    answers::{
        reply::{SOA_EXPIRE_SECS, SOA_REFRESH_SECS, SOA_RETRY_SECS},
        sink::{self, Composed, Data, End, Mark, Owner, Section, Sink},
    },
    records::{self, name::Labels},
};

/// The sections of a reply.
pub struct Sections {
    /// Records of the answer.
    pub answer: Vec<Record>,
    /// The SOA of a negative.
    pub authority: Vec<Record>,
    /// Addresses of what the answer names.
    pub additional: Vec<Record>,
    /// Whether something was left out for the client's size.
    pub truncated: bool,
    /// As the client spelled it.
    question: Name,
    /// The apex of the records' zone, as the client spelled it where its question is in the zone.
    zone: Name,
    /// None for a name that no message can hold.
    targets: Vec<Option<Name>>,
}

impl Sections {
    /// Empty sections of the reply to a question of this name in wire form.
    pub fn new(question: &[u8]) -> Self {
        Self {
            answer: Vec::new(),
            authority: Vec::new(),
            additional: Vec::new(),
            truncated: false,
            question: name(question),
            zone: Name::root(),
            targets: Vec::new(),
        }
    }

    /// Keeps so many records of each section.
    pub fn keep(&mut self, [answers, authorities, additionals]: [usize; 3]) {
        self.answer.truncate(answers);
        self.authority.truncate(authorities);
        self.additional.truncate(additionals);
    }

    fn compose(&self, composed: &Composed<'_>) -> Option<Name> {
        let labels = composed.labels.iter().flat_map(|labels| Labels(labels));
        let end: Vec<&[u8]> = match composed.end {
            End::Zone => self.zone.iter().collect(),
            End::Name(wire) => Labels(wire).collect(),
        };
        Name::from_labels(labels.chain(end)).ok()
    }

    fn owner(&self, owner: &Owner<'_>) -> Option<Name> {
        match owner {
            Owner::Question => Some(self.question.clone()),
            Owner::Zone => self.compose(&Composed::in_zone([&[]; 3])),
            Owner::Target(index, composed) => {
                self.targets.get(*index).cloned().unwrap_or_else(|| self.compose(composed))
            }
        }
    }

    fn data(&self, data: &Data<'_>) -> Option<RData> {
        let below_zone = |label: &'static [u8]| self.compose(&Composed::in_zone([label, &[], &[]]));
        Some(match data {
            Data::Address(std::net::IpAddr::V4(ip)) => RData::A(A(*ip)),
            Data::Address(std::net::IpAddr::V6(ip)) => RData::AAAA(AAAA(*ip)),
            Data::Cname(target) => RData::CNAME(CNAME(self.compose(target)?)),
            Data::Ptr(target) => RData::PTR(PTR(self.compose(target)?)),
            Data::Ns(target) => RData::NS(NS(self.compose(target)?)),
            Data::Srv { weight, port, target } => RData::SRV(SRV::new(0, *weight, *port, self.compose(target)?)),
            Data::Txt(text) => RData::TXT(TXT::from_bytes(vec![text])),
            Data::Soa { serial, minimum_secs } => RData::SOA(SOA::new(
                below_zone(b"\x02ns\x03dns")?,
                below_zone(b"\x0ahostmaster")?,
                *serial,
                SOA_REFRESH_SECS as i32,
                SOA_RETRY_SECS as i32,
                SOA_EXPIRE_SECS as i32,
                *minimum_secs,
            )),
        })
    }
}

impl Sink for Sections {
    fn set_zone(&mut self, start_in_name: usize) {
        let mut at = 0;
        let in_front = self.question.iter().take_while(|label| {
            let before = at < start_in_name;
            at += 1 + label.len();
            before
        });
        self.zone = self.question.trim_to(self.question.iter().count() - in_front.count());
    }

    fn set_far_zone(&mut self, apex: &records::name::Name) {
        self.zone = name(apex.wire());
    }

    fn push(&mut self, section: Section, record: &sink::Record<'_>) -> bool {
        let (owner, data) = (self.owner(&record.owner), self.data(&record.data));
        if record.data.points() {
            self.targets.push(match &data {
                Some(RData::CNAME(CNAME(name)) | RData::NS(NS(name))) => Some(name.clone()),
                Some(RData::SRV(srv)) => Some(srv.target.clone()),
                _ => None,
            });
        }
        // A name that no message can hold has no record, as in the wire writer.
        let (Some(owner), Some(data)) = (owner, data) else { return true };
        let record = Record::from_rdata(owner, record.ttl_secs, data);
        match section {
            Section::Answer => self.answer.push(record),
            Section::Authority => self.authority.push(record),
            Section::Additional => self.additional.push(record),
        }
        true
    }

    fn mark(&self) -> Mark {
        Mark { length: 0, answers: self.answer.len() as u16, targets: self.targets.len() }
    }

    fn rewind(&mut self, mark: Mark) {
        self.answer.truncate(usize::from(mark.answers));
        self.targets.truncate(mark.targets);
        self.authority.clear();
        self.additional.clear();
    }

    fn targets(&self) -> usize {
        self.targets.len()
    }
}

/// hickory's form of a name. One that our reader or our tables hold is within hickory's limits.
pub fn name(wire: &[u8]) -> Name {
    Name::from_labels(Labels(wire)).unwrap_or_else(|_| Name::root())
}

/// What a type is called: `TYPE` and its number where it has no name (RFC 3597 section 5).
pub fn type_name(qtype: u16) -> String {
    let name = RecordType::from(qtype).to_string();
    match RecordType::from_str(&name) {
        Ok(read) if u16::from(read) == qtype => name,
        _ => format!("TYPE{qtype}"),
    }
}

/// What a class is called: `CLASS` and its number where it has no name (RFC 3597 section 5).
pub fn class_name(qclass: u16) -> Cow<'static, str> {
    match qclass {
        1 => "IN".into(),
        3 => "CH".into(),
        4 => "HS".into(),
        254 => "NONE".into(),
        255 => "ANY".into(),
        _ => format!("CLASS{qclass}").into(),
    }
}
