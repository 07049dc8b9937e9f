//! Replies as lines of text, and what makes octets a reply at all.

use hickory_proto::{
    op::{Edns, Message},
    rr::{RData, Record},
    serialize::binary::{BinDecodable, BinDecoder},
};

/// `RCODE FLAGS`, `question ...` where it is another than asked, one line for each record, and
/// `edns SIZE`. Panics where the octets are no reply to `query`.
pub(crate) fn lines(query: &[u8], reply: &[u8]) -> Vec<String> {
    let message = decode(query, reply).unwrap_or_else(|why| panic!("{why}: {query:02x?} got {reply:02x?}"));
    let flags = u16::from_be_bytes([reply[2], reply[3]]);
    let set = FLAGS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name);
    let rcode = match (u16::from(message.metadata.response_code), flags & 15) {
        (0, _) => "NOERROR",
        (1, _) => "FORMERR",
        (2, _) => "SERVFAIL",
        (3, _) => "NXDOMAIN",
        (4, _) => "NOTIMP",
        (5, _) => "REFUSED",
        (16, _) => "BADVERS",
        _ => panic!("a response code that is never given"),
    };
    let mut lines = vec![[rcode].into_iter().chain(set).collect::<Vec<_>>().join(" ")];
    let asked = |octets: &[u8]| query.get(12..).is_some_and(|rest| rest.starts_with(octets));
    let question_end = 12 + octets_of_question(reply);
    if !message.queries.is_empty() && !asked(&reply[12..question_end]) {
        lines.push("question is another".to_owned());
    }
    if message.queries.is_empty() {
        lines.push("no question".to_owned());
    }
    for (section, records) in
        [("answer", &message.answers), ("authority", &message.authorities), ("additional", &message.additionals)]
    {
        lines.extend(records.iter().map(|record| format!("{section} {}", text(record))));
    }
    lines.extend(message.edns.as_ref().map(edns_text));
    lines
}

/// Reads a reply, or says why it is none: hickory must understand all of it, the id must be the
/// query's, QR be set, and every name be legal.
pub(crate) fn decode(query: &[u8], reply: &[u8]) -> Result<Message, String> {
    if reply.len() < 12 || reply[..2] != query[..2] || reply[2] & 0x80 == 0 {
        return Err("no header of a reply with this id".to_owned());
    }
    let mut decoder = BinDecoder::new(reply);
    let message = Message::read(&mut decoder).map_err(|error| format!("cannot be read: {error}"))?;
    if !decoder.is_empty() {
        return Err(format!("{} octets are left over", decoder.len()));
    }
    Ok(message)
}

/// A record as a zone file writes it.
pub(crate) fn text(record: &Record) -> String {
    let data = match &record.data {
        RData::CNAME(target) => target.to_ascii(),
        RData::NS(target) => target.to_ascii(),
        RData::PTR(target) => target.to_ascii(),
        RData::SRV(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, srv.target.to_ascii()),
        RData::TXT(txt) => format!("\"{}\"", txt.txt_data.concat().escape_ascii()),
        other => other.to_string(),
    };
    format!("{} {} {} {data}", record.name.to_ascii(), record.ttl, record.record_type())
}

/// RFC 8914.
const EXTENDED_ERROR: u16 = 15;

fn edns_text(edns: &Edns) -> String {
    let mut text = format!("edns {}", edns.max_payload());
    if edns.flags().dnssec_ok {
        text += " do";
    }
    for (code, option) in &edns.options().options {
        let octets = Vec::<u8>::try_from(option).expect("an option that can be written");
        if u16::from(*code) == EXTENDED_ERROR {
            let (info, phrase) = octets.split_at(2);
            text += &format!(" error {} {}", u16::from_be_bytes([info[0], info[1]]), phrase.escape_ascii());
            continue;
        }
        let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        text += &format!(" {}:{hex}", u16::from(*code));
    }
    text
}

fn octets_of_question(reply: &[u8]) -> usize {
    if reply[4..6] == [0, 0] {
        return 0;
    }
    let mut at = 12;
    while reply[at] != 0 {
        at += 1 + usize::from(reply[at]);
    }
    at + 5 - 12
}

/// In the order that lines have them.
const FLAGS: [(u16, &str); 7] =
    [(0x0400, "AA"), (0x0200, "TC"), (0x0100, "RD"), (0x0080, "RA"), (0x0040, "Z"), (0x0020, "AD"), (0x0010, "CD")];
