//! A reply that a stage makes: records as they are on the wire, put into a message.

use crate::answers::{
    code,
    foreign::{Foreign, Unfit},
    question::{AA, OPCODE, QR, Question},
};

/// A reply before it is a message. It is authoritative.
#[derive(Debug, Default)]
pub struct Draft {
    /// All twelve bits.
    pub rcode: u16,
    /// What was asked for.
    pub answers: Vec<Record>,
    /// Who would know.
    pub authorities: Vec<Record>,
    /// What goes with the others.
    pub additionals: Vec<Record>,
    /// An Extended DNS Error (RFC 8914): its code and its text.
    pub error: Option<(u16, String)>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its name in wire form.
    pub owner: Box<[u8]>,
    /// TYPE.
    pub kind: u16,
    /// CLASS.
    pub class: u16,
    /// TTL.
    pub ttl_secs: u32,
    /// RDATA: names are whole.
    pub data: Box<[u8]>,
}

/// A pointer to the name of the question (RFC 1035 section 4.1.4).
const QUESTION_POINTER: [u8; 2] = [0xc0, 12];

impl Draft {
    /// As if another server had sent it. A record of the question's name is spelled as whoever asks spells it.
    ///
    /// # Errors
    /// There is more than a message can hold.
    pub fn foreign(&self, question: &Question<'_>) -> Result<Foreign, Unfit> {
        let mut message = Vec::with_capacity(512);
        let opt = self.opt();
        let counts = [&self.answers, &self.authorities, &self.additionals].map(|records| records.len() as u16);
        let [answers, authorities, additionals] = counts;
        let flags = QR | question.flags & OPCODE | AA | self.rcode & 15;
        for word in [0, flags, 1, answers, authorities, additionals + u16::from(opt.is_some())] {
            message.extend_from_slice(&word.to_be_bytes());
        }
        message.extend_from_slice(question.name);
        message.extend_from_slice([question.qtype, question.qclass].map(u16::to_be_bytes).as_flattened());
        for record in [&self.answers, &self.authorities, &self.additionals].into_iter().flatten().chain(&opt) {
            record.write(question.name, &mut message);
        }
        Foreign::read(&message, question)
    }

    /// The upper bits of the rcode and the error have their place there.
    fn opt(&self) -> Option<Record> {
        if self.rcode <= 15 && self.error.is_none() {
            return None;
        }
        let mut data = Vec::new();
        if let Some((info, text)) = &self.error {
            for word in [code::EXTENDED_ERROR, text.len() as u16 + 2, *info] {
                data.extend_from_slice(&word.to_be_bytes());
            }
            data.extend_from_slice(text.as_bytes());
        }
        let (owner, ttl_secs) = ([0].into(), u32::from(self.rcode >> 4) << 24);
        Some(Record { owner, kind: code::OPT, class: 0, ttl_secs, data: data.into() })
    }
}

impl Record {
    fn write(&self, asked: &[u8], message: &mut Vec<u8>) {
        // The root is shorter than a pointer.
        if self.owner.len() > 1 && self.owner.eq_ignore_ascii_case(asked) {
            message.extend_from_slice(&QUESTION_POINTER);
        } else {
            message.extend_from_slice(&self.owner);
        }
        message.extend_from_slice([self.kind, self.class].map(u16::to_be_bytes).as_flattened());
        message.extend_from_slice(&self.ttl_secs.to_be_bytes());
        message.extend_from_slice(&(self.data.len() as u16).to_be_bytes());
        message.extend_from_slice(&self.data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        answers::question::{self, Packet, QueryName},
        records::name::Name,
    };

    fn record(owner: &str, data: &[u8]) -> Record {
        let owner = Name::parse(owner).unwrap().wire().into();
        Record { owner, kind: code::A, class: code::CLASS_IN, ttl_secs: 60, data: data.into() }
    }

    fn foreign(draft: &Draft) -> Result<Foreign, Unfit> {
        let packet = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\x01b\0\0\x01\0\x01";
        let mut name = QueryName::new();
        let Packet::Question(question) = question::read(packet, &mut name) else { panic!("a question") };
        draft.foreign(&question)
    }

    #[test]
    fn records_keep_their_sections() {
        let answers = vec![record("A.b", &[192, 0, 2, 1])];
        let draft = Draft { answers, authorities: vec![record("c", &[192, 0, 2, 2])], ..Draft::default() };
        let foreign = foreign(&draft).unwrap();
        let message = foreign.message().unwrap();
        let shown: Vec<_> = message.answers.iter().chain(&message.authorities).map(ToString::to_string).collect();
        assert_eq!(shown, ["a.b. 60 IN A 192.0.2.1", "c. 60 IN A 192.0.2.2"]);
        assert!(foreign.is_authoritative() && foreign.rcode() == code::NOERROR && foreign.answers_question());
    }

    #[test]
    fn an_error_and_a_large_rcode_are_kept() {
        let draft = Draft { rcode: 23, error: Some((21, "blocked".into())), ..Draft::default() };
        let foreign = foreign(&draft).unwrap();
        assert_eq!((foreign.rcode(), foreign.error()), (23, Some((21, &b"blocked"[..]))));
    }

    #[test]
    fn more_than_a_message_holds_is_refused() {
        let draft = Draft { answers: vec![record("a.b", &[0; 4]); 4096], ..Draft::default() };
        assert_eq!(foreign(&draft).unwrap_err(), Unfit::Malformed);
    }
}
