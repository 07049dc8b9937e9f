//! The OPT record of a reply, whoever gave the answer (behaviour B3).

use super::{
    super::{
        code,
        question::{self, Question},
    },
    is_echoed,
    whole::{OPT_OCTETS, whole_opt},
};

/// What an OPT record says.
pub(in super::super) struct Opt<'q> {
    pub(in super::super) size_octets: u16,
    pub(in super::super) dnssec_ok: bool,
    pub(in super::super) rcode: u16,
    /// The client's, of which some are repeated.
    pub(in super::super) options: &'q [u8],
    /// An Extended DNS Error: its code and its text.
    pub(in super::super) error: Option<(u16, &'q [u8])>,
}

/// What the OPT record of the reply takes without an Extended DNS Error; nothing where the client sent none.
pub(in super::super) fn octets(question: &Question<'_>) -> usize {
    question.edns.map_or(0, |edns| {
        let echoed = question::Options(edns.options).flatten().filter(|(number, _)| is_echoed(*number));
        OPT_OCTETS + echoed.map(|(_, data)| 4 + data.len()).sum::<usize>()
    })
}

impl Opt<'_> {
    /// Writes the record at `start` and says where it ends.
    pub(in super::super) fn write(&self, buffer: &mut [u8], start: usize) -> usize {
        let mut end = start;
        let mut put = |octets: &[u8]| {
            buffer[end..end + octets.len()].copy_from_slice(octets);
            end += octets.len();
        };
        put(&whole_opt(self.size_octets, self.dnssec_ok, self.rcode));
        for (number, data) in question::Options(self.options).flatten().filter(|(number, _)| is_echoed(*number)) {
            put([number, data.len() as u16].map(u16::to_be_bytes).as_flattened());
            put(data);
        }
        if let Some((info, text)) = self.error {
            put([code::EXTENDED_ERROR, 2 + text.len() as u16, info].map(u16::to_be_bytes).as_flattened());
            put(text);
        }
        let data_octets = (end - start - OPT_OCTETS) as u16;
        buffer[start + OPT_OCTETS - 2..start + OPT_OCTETS].copy_from_slice(&data_octets.to_be_bytes());
        end
    }
}

/// An Extended DNS Error without its text (RFC 8914 section 2).
pub(in super::super) const EXTENDED_ERROR_OCTETS: usize = 6;
