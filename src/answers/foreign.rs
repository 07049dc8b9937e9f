//! A reply of another server: read once, written for as many clients as ask.
//!
//! The octets are kept as they came, less what is meant for us alone (OPT, signatures of the
//! transaction), with the places of the TTLs. Writing is copying and patching: nothing is parsed
//! or allocated then. What cannot be read is refused as a whole; names, lengths and pointers of what
//! is kept are sound, and a pointer leads to nothing that is patched later.

mod answering;
mod fuzz;
#[cfg(test)]
mod tests;
mod walk;
mod write;

use hickory_proto::{
    ProtoError,
    op::{Message, ResponseCode},
};

use super::{
    code,
    question::{AA, AD, HEADER_OCTETS, OPCODE, QR, Question, RA, TC},
};
use answering::Run;
pub use fuzz::fuzz;
use walk::{Record, Section, Walk};

/// A reply of another server.
#[derive(Debug)]
pub struct Foreign {
    /// Header, question and records.
    wire: Box<[u8]>,
    question_end: usize,
    /// Where the TTL of each record stands.
    ttls: Box<[u16]>,
    /// Addresses that stand next to each other and may take turns.
    turning: Box<[Run]>,
    /// All twelve bits.
    rcode: u16,
    kind: Kind,
    has_soa: bool,
    answering: bool,
    min_ttl_secs: Option<u32>,
    denial_ttl_secs: Option<u32>,
    /// An Extended DNS Error: its code and its text.
    error: Option<(u16, Box<[u8]>)>,
}

/// What a reply says, in the words of CoreDNS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// NOERROR with records, or with nothing at all.
    NoError,
    /// NXDOMAIN.
    NameError,
    /// NOERROR without an answer, and a SOA that says so.
    NoData,
    /// NOERROR without an answer, and the name servers that may have one.
    Delegation,
    /// SERVFAIL and NOTIMP.
    ServerError,
    /// Part of a zone transfer.
    Meta,
    /// Any other rcode, and NXDOMAIN with records.
    OtherError,
}

/// Why octets are no reply to the question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It cannot be read, or it is no response at all.
    #[error("the reply is malformed")]
    Malformed,
    /// It answers something else.
    #[error("the reply is to another question")]
    OtherQuestion,
}

/// How a reply is shown to one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// AA.
    pub authoritative: bool,
    /// AD.
    pub authenticated: bool,
    /// What becomes of the TTLs.
    pub ttl: Ttl,
    /// The addresses of a name begin with another one each turn; none: they stay as they came.
    pub turn: Option<u32>,
}

/// What becomes of the TTLs of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ttl {
    /// Each stays.
    AsIs,
    /// All become this, in seconds.
    All(u32),
}

impl Foreign {
    /// Reads what another server said to `question`. Whose id it carries is for the caller to know.
    ///
    /// # Errors
    /// It is malformed, or to another question.
    pub fn read(message: &[u8], question: &Question<'_>) -> Result<Self, Unfit> {
        let header: &[u8; HEADER_OCTETS] = message.first_chunk().ok_or(Unfit::Malformed)?;
        let word = |at: usize| u16::from_be_bytes([header[at], header[at + 1]]);
        let flags = word(2);
        if flags & (QR | OPCODE) != QR || message.len() > MESSAGE_OCTETS_MAX {
            return Err(Unfit::Malformed);
        }
        let mut walk = Walk::new(message);
        match word(4) {
            0 => return bare(walk, flags, question),
            1 => walk.question(question)?,
            _ => return Err(Unfit::OtherQuestion),
        }
        let question_end = walk.at();
        let records = walk.records(flags & TC != 0).ok_or(Unfit::Malformed)?;
        Ok(Self::of(&walk, question_end, &records, flags, question))
    }

    /// What hickory's message says, as if it had come from another server.
    ///
    /// # Errors
    /// It is none that [`Self::read`] takes.
    pub fn from_message(message: &Message) -> Result<Self, Unfit> {
        let octets = message.to_vec().map_err(|_| Unfit::Malformed)?;
        let question = walk::first_question(&octets).ok_or(Unfit::Malformed)?;
        Self::read(&octets, &question)
    }

    /// The reply as hickory's message, without OPT.
    ///
    /// # Errors
    /// hickory is stricter about the data of some types than a forwarder has to be.
    pub fn message(&self) -> Result<Message, ProtoError> {
        let mut message = Message::from_vec(&self.wire)?;
        message.metadata.response_code = ResponseCode::from((self.rcode >> 4) as u8, (self.rcode & 15) as u8);
        Ok(message)
    }

    fn of(walk: &Walk<'_>, question_end: usize, records: &[Record], flags: u16, question: &Question<'_>) -> Self {
        let rcode = walk.rcode_high << 4 | flags & 15;
        let shown = |record: &&Record| !record.is_ours();
        let secs = |record: &Record| walk.ttl_secs(record);
        let answering = answering::Answering::new(walk, records, question);
        let has = |kind| records.iter().any(|record| record.section == Section::Authority && record.kind == kind);
        let kind = Kind::of(question.qtype, rcode, records, has(code::SOA), has(code::NS));
        let min_ttl_secs = records.iter().filter(shown).map(secs).min();
        let (wire, ttls) = walk.without_ours(records);
        Self {
            turning: if rcode == code::NOERROR { answering.runs() } else { Box::default() },
            wire: wire.into(),
            question_end,
            ttls: ttls.into(),
            rcode,
            kind,
            has_soa: has(code::SOA),
            answering: rcode == code::NOERROR && answering.is_answered(),
            min_ttl_secs,
            denial_ttl_secs: min_ttl_secs.map(|secs| secs.min(walk.soa_minimum_secs(records).unwrap_or(u32::MAX))),
            error: walk.error.map(|(info, text)| (info, beginning(text).into())),
        }
    }

    /// What it says.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// All twelve bits of it.
    pub fn rcode(&self) -> u16 {
        self.rcode
    }

    /// TC: there is more than came.
    pub fn is_truncated(&self) -> bool {
        self.flags() & TC != 0
    }

    /// AA.
    pub fn is_authoritative(&self) -> bool {
        self.flags() & AA != 0
    }

    /// AD.
    pub fn is_authenticated(&self) -> bool {
        self.flags() & AD != 0
    }

    /// RA.
    pub fn is_recursive(&self) -> bool {
        self.flags() & RA != 0
    }

    /// Records of the answer section.
    pub fn answers(&self) -> usize {
        usize::from(self.word(6))
    }

    /// Whether the authority section has a SOA.
    pub fn has_soa(&self) -> bool {
        self.has_soa
    }

    /// Whether the answer has what was asked for: the type, at the end of the chain of CNAMEs that starts at the name.
    pub fn answers_question(&self) -> bool {
        self.answering
    }

    /// The lowest TTL of all records; none where there are none.
    pub fn min_ttl_secs(&self) -> Option<u32> {
        self.min_ttl_secs
    }

    /// The same for a reply that denies, whose SOA limits it twice (RFC 2308 section 5).
    pub fn denial_ttl_secs(&self) -> Option<u32> {
        self.denial_ttl_secs
    }

    /// The Extended DNS Error that came with it: its code and its text (RFC 8914).
    pub fn error(&self) -> Option<(u16, &[u8])> {
        self.error.as_ref().map(|(info, text)| (*info, &**text))
    }

    /// Whether it was read for this question, in any spelling.
    pub fn is_to(&self, question: &Question<'_>) -> bool {
        let fixed = [question.qtype, question.qclass].map(u16::to_be_bytes);
        let (name, behind) =
            self.wire[HEADER_OCTETS..self.question_end].split_at(self.question_end - HEADER_OCTETS - 4);
        name.eq_ignore_ascii_case(question.name) && behind == fixed.as_flattened()
    }

    /// What it takes in memory.
    pub fn octets(&self) -> usize {
        let error = self.error.as_ref().map_or(0, |(_, text)| text.len());
        size_of::<Self>() + self.wire.len() + size_of_val(&*self.ttls) + size_of_val(&*self.turning) + error
    }

    /// How it is shown where nothing is to be changed.
    pub fn as_it_came(&self) -> Shown {
        Shown {
            authoritative: self.is_authoritative(),
            authenticated: self.is_authenticated(),
            ttl: Ttl::AsIs,
            turn: None,
        }
    }

    fn flags(&self) -> u16 {
        self.word(2)
    }

    fn word(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.wire[at], self.wire[at + 1]])
    }
}

impl Kind {
    fn of(qtype: u16, rcode: u16, records: &[Record], has_soa: bool, has_ns: bool) -> Self {
        let has_answer = records.iter().any(|record| record.section == Section::Answer);
        match rcode {
            _ if matches!(qtype, code::AXFR | code::IXFR) => Self::Meta,
            code::NOERROR if has_answer => Self::NoError,
            code::NOERROR if has_soa => Self::NoData,
            code::NOERROR if has_ns => Self::Delegation,
            code::NOERROR => Self::NoError,
            code::NXDOMAIN if !has_answer => Self::NameError,
            code::SERVFAIL | code::NOTIMP => Self::ServerError,
            _ => Self::OtherError,
        }
    }
}

/// A reply without a question: some servers repeat nothing when they refuse. It is taken where there is
/// nothing in it to be believed but the refusal.
fn bare(mut walk: Walk<'_>, flags: u16, question: &Question<'_>) -> Result<Foreign, Unfit> {
    walk.records(flags & TC != 0).ok_or(Unfit::Malformed)?;
    let rcode = walk.rcode_high << 4 | flags & 15;
    if matches!(rcode, code::NOERROR | code::NXDOMAIN) {
        return Err(Unfit::OtherQuestion);
    }
    let mut wire = vec![0; HEADER_OCTETS];
    wire[2..4].copy_from_slice(&flags.to_be_bytes());
    wire[5] = 1;
    wire.extend_from_slice(question.name);
    wire.extend_from_slice([question.qtype, question.qclass].map(u16::to_be_bytes).as_flattened());
    let mut completed = Walk::new(&wire);
    completed.question(question)?;
    (completed.rcode_high, completed.error) = (walk.rcode_high, walk.error);
    Ok(Foreign::of(&completed, wire.len(), &[], flags, question))
}

/// The text of an Extended DNS Error, and no half character at its end.
fn beginning(text: &[u8]) -> &[u8] {
    if text.len() <= ERROR_TEXT_OCTETS_MAX {
        return text;
    }
    let inside = |end: &usize| text[*end] & 0xc0 != 0x80;
    &text[..(0..=ERROR_TEXT_OCTETS_MAX).rev().find(inside).unwrap_or(0)]
}

/// What the two octets in front of a message over TCP can say.
const MESSAGE_OCTETS_MAX: usize = 65_535;
/// What is kept of the text of an Extended DNS Error: a sentence.
const ERROR_TEXT_OCTETS_MAX: usize = 200;
