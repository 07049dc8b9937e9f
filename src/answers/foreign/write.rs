//! Writes a reply for one client: copied, patched, and cut where the client takes less.

use super::{
    super::{
        code,
        question::{AA, AD, HEADER_OCTETS, Question, RA, TC},
        reply::opt::{self, EXTENDED_ERROR_OCTETS, Opt},
    },
    Foreign, Shown, Ttl,
};

impl Foreign {
    /// Writes the reply to `question`, which is the one that it was read for, in any spelling. At most
    /// `limit_octets` are written, but header, question and OPT always; `buffer` has room for those.
    ///
    /// A question of another length gets SERVFAIL: pointers would lead elsewhere.
    pub fn write(&self, question: &Question<'_>, shown: &Shown, limit_octets: usize, buffer: &mut [u8]) -> usize {
        let room = limit_octets.min(buffer.len()).saturating_sub(opt::octets(question));
        let (mut records, mut rcode) = (self.records_within(room), self.rcode);
        if HEADER_OCTETS + question.name.len() + 4 != self.question_end {
            (records, rcode) = (0, code::SERVFAIL);
        }
        // Without an OPT record there is no place for its upper bits, and the lower ones say something else.
        if rcode > 15 && question.edns.is_none() {
            rcode = code::SERVFAIL;
        }
        let mut end = write_question(question, buffer);
        if records > 0 {
            let start = end;
            end = self.record_end(records - 1);
            buffer[start..end].copy_from_slice(&self.wire[start..end]);
            self.patch(shown, records, buffer);
        }
        let is_whole = records == self.ttls.len();
        let edns = question.edns.map(|edns| {
            let fits = |text: &[u8]| is_whole && end + EXTENDED_ERROR_OCTETS + text.len() <= room;
            let error = self.error().filter(|(_, text)| fits(text));
            let (size_octets, dnssec_ok, options) = (edns.size_octets, edns.dnssec_ok, edns.options);
            Opt { size_octets, dnssec_ok, rcode, options, error }
        });
        if let Some(opt) = &edns {
            end = opt.write(buffer, end);
        }
        let flag = |flag: u16, is_set: bool| if is_set { flag } else { 0 };
        let flags = question.reply_flags()
            | flag(AA, shown.authoritative)
            | flag(TC, self.is_truncated() || !is_whole)
            | flag(RA, self.is_recursive())
            | flag(AD, shown.authenticated)
            | rcode & 15;
        let [answers, authorities, additionals] = self.counts(records);
        let additionals = additionals + u16::from(edns.is_some());
        let words = [question.id, flags, 1, answers, authorities, additionals].map(u16::to_be_bytes);
        buffer[..HEADER_OCTETS].copy_from_slice(words.as_flattened());
        end
    }

    /// What is different for each client in the first `records` records.
    fn patch(&self, shown: &Shown, records: usize, buffer: &mut [u8]) {
        if let Ttl::All(secs) = shown.ttl {
            for &at in &self.ttls[..records] {
                let at = usize::from(at);
                buffer[at..at + 4].copy_from_slice(&secs.to_be_bytes());
            }
        }
        if let Some(turn) = shown.turn {
            self.turn(turn as usize, records, buffer);
        }
    }

    /// Addresses change their places, records stay: so no pointer leads astray.
    fn turn(&self, turn: usize, records: usize, buffer: &mut [u8]) {
        for run in &self.turning {
            let (first, count) = (usize::from(run.first), usize::from(run.count));
            for index in 0..count.min(records.saturating_sub(first)) {
                let (to, from) = (self.data_start(first + index), self.data_start(first + (index + turn) % count));
                let octets = self.record_end(first + index) - to;
                buffer[to..to + octets].copy_from_slice(&self.wire[from..from + octets]);
            }
        }
    }

    /// How many records, from the first, end within so many octets.
    fn records_within(&self, octets: usize) -> usize {
        if self.wire.len() <= octets {
            return self.ttls.len();
        }
        let (mut fitting, mut rest) = (0, self.ttls.len());
        while rest > 0 {
            let half = rest.div_ceil(2);
            if self.record_end(fitting + half - 1) <= octets {
                (fitting, rest) = (fitting + half, rest - half);
            } else {
                rest = half - 1;
            }
        }
        fitting
    }

    /// Of each section, among the first `records` records.
    fn counts(&self, records: usize) -> [u16; 3] {
        let mut rest = records as u16;
        [6, 8, 10].map(|at| {
            let count = self.word(at).min(rest);
            rest -= count;
            count
        })
    }

    fn data_start(&self, record: usize) -> usize {
        usize::from(self.ttls[record]) + 6
    }

    pub(super) fn record_end(&self, record: usize) -> usize {
        let start = self.data_start(record);
        start + usize::from(self.word(start - 2))
    }
}

/// Writes the question as the client spelled it, and says where it ends.
fn write_question(question: &Question<'_>, buffer: &mut [u8]) -> usize {
    let name_end = HEADER_OCTETS + question.name.len();
    buffer[HEADER_OCTETS..name_end].copy_from_slice(question.name);
    let fixed = [question.qtype, question.qclass].map(u16::to_be_bytes);
    buffer[name_end..name_end + 4].copy_from_slice(fixed.as_flattened());
    name_end + 4
}
