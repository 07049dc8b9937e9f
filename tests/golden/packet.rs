//! Queries as octets, and replies back as the text the golden files are written in.
//!
//! The header's flags are read from the octets themselves, since hickory has no name for the reserved one.

use std::str::FromStr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::case::{Ask, Case, Question, Reply};

/// The query of a case. Ids differ between cases, so that a reply that comes late belongs to none.
pub(crate) fn query(case: &Case) -> Vec<u8> {
    match &case.ask {
        Ask::Raw(octets) => octets.clone(),
        Ask::Question(question) => {
            let id = case.id.trim_start_matches('p').parse().expect("ids are a letter and a number");
            encode(question, id).to_vec().expect("a question fits a packet")
        }
    }
}

fn encode(question: &Question, id: u16) -> Message {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    for flag in &question.flags {
        match flag.as_str() {
            "RD" => message.metadata.recursion_desired = true,
            "AD" => message.metadata.authentic_data = true,
            "CD" => message.metadata.checking_disabled = true,
            other => panic!("no query carries {other}"),
        }
    }
    let mut query = Query::query(name(&question.name), kind(&question.kind));
    query.query_class = DNSClass::from_str(&question.class).expect("a class");
    message.add_query(query);
    if let Some(asked) = question.edns {
        let mut edns = Edns::new();
        edns.set_max_payload(asked.size).set_dnssec_ok(asked.dnssec_ok);
        message.set_edns(edns);
    }
    message
}

/// The messages of one reply as text, or what makes them no reply to this query at all.
pub(crate) fn reply(query: &[u8], messages: &[Vec<u8>]) -> Result<Reply, String> {
    let mut messages = messages.iter();
    let first = messages.next().ok_or("no reply came")?;
    let mut whole = one(query, first)?;
    for further in messages {
        let further = one(query, further)?;
        if (&further.rcode, &further.flags) != (&whole.rcode, &whole.flags) {
            return Err(format!("a later message has {} {:?}", further.rcode, further.flags));
        }
        whole.answer.extend(further.answer);
        whole.authority.extend(further.authority);
        whole.additional.extend(further.additional);
    }
    Ok(whole)
}

fn one(query: &[u8], octets: &[u8]) -> Result<Reply, String> {
    if octets.len() < HEADER_OCTETS || octets[..2] != query[..2] {
        return Err("a reply must have a header, with the id of the query".to_owned());
    }
    if octets[2] & 0x80 == 0 || (octets[2] ^ query[2]) & 0x78 != 0 {
        return Err("a reply must have QR set and the opcode of the query".to_owned());
    }
    let mut decoder = BinDecoder::new(octets);
    let message = Message::read(&mut decoder).map_err(|error| format!("cannot be read: {error}"))?;
    if !decoder.is_empty() {
        return Err(format!("{} octets are left over", decoder.len()));
    }
    Ok(Reply {
        rcode: rcode(message.metadata.response_code),
        flags: flags(octets),
        question: match message.queries.as_slice() {
            [] => "none".to_owned(),
            [one] => format!("{} {} {}", one.name.to_ascii(), one.query_class, kind_text(one.query_type)),
            more => return Err(format!("{} questions are repeated", more.len())),
        },
        answer: texts(&message.answers)?,
        authority: texts(&message.authorities)?,
        additional: texts(&message.additionals)?,
        edns: message.edns.as_ref().map(edns_text).transpose()?,
        octets: Some(octets.len()),
    })
}

fn flags(octets: &[u8]) -> Vec<String> {
    let set = u16::from_be_bytes([octets[2], octets[3]]);
    FLAGS.iter().filter(|(bit, _)| set & bit != 0).map(|(_, flag)| (*flag).to_owned()).collect()
}

fn rcode(code: ResponseCode) -> String {
    let text = match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        other => return format!("RCODE{}", u16::from(other)),
    };
    text.to_owned()
}

fn texts(records: &[Record]) -> Result<Vec<String>, String> {
    records.iter().map(text).collect()
}

fn text(record: &Record) -> Result<String, String> {
    if record.dns_class != DNSClass::IN {
        return Err(format!("a record of class {}", record.dns_class));
    }
    let data = match &record.data {
        RData::A(address) => address.to_string(),
        RData::AAAA(address) => address.to_string(),
        RData::CNAME(target) => target.to_ascii(),
        RData::NS(target) => target.to_ascii(),
        RData::PTR(target) => target.to_ascii(),
        RData::SRV(srv) => format!("{} {} {} {}", srv.priority, srv.weight, srv.port, srv.target.to_ascii()),
        RData::SOA(soa) => {
            // The serial is a time and differs each run, so the files have an asterisk in its place.
            let times = [soa.refresh, soa.retry, soa.expire].map(|seconds| seconds.to_string()).join(" ");
            format!("{} {} * {times} {}", soa.mname.to_ascii(), soa.rname.to_ascii(), soa.minimum)
        }
        RData::TXT(txt) => {
            let strings = txt.txt_data.iter().map(|octets| format!("\"{}\"", octets.escape_ascii()));
            strings.collect::<Vec<_>>().join(" ")
        }
        other => return Err(format!("a record of a type that no golden case has: {other}")),
    };
    Ok(format!("{} {} {} {data}", record.name.to_ascii(), record.ttl, record.record_type()))
}

fn edns_text(edns: &Edns) -> Result<String, String> {
    if edns.version() != 0 {
        return Err(format!("EDNS of version {}", edns.version()));
    }
    let mut text = edns.max_payload().to_string();
    if edns.flags().dnssec_ok {
        text.push_str(" do");
    }
    for (code, option) in &edns.options().options {
        let octets = Vec::<u8>::try_from(option).map_err(|error| error.to_string())?;
        let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
        text.push_str(&format!(" {}:{hex}", u16::from(*code)));
    }
    Ok(text)
}

/// The code with this name.
pub(crate) fn response_code(text: &str) -> ResponseCode {
    match text {
        "NOERROR" => ResponseCode::NoError,
        "FORMERR" => ResponseCode::FormErr,
        "SERVFAIL" => ResponseCode::ServFail,
        "NXDOMAIN" => ResponseCode::NXDomain,
        "REFUSED" => ResponseCode::Refused,
        other => panic!("no golden case has {other}"),
    }
}

/// The record of this text: `owner TTL TYPE data`.
pub(crate) fn record(text: &str) -> Record {
    let words: Vec<&str> = text.split(' ').collect();
    let [owner, ttl, kind, data @ ..] = words.as_slice() else { panic!("{text}: too short") };
    let data = match (*kind, data) {
        ("A", [address]) => RData::A(A::from_str(address).unwrap()),
        ("AAAA", [address]) => RData::AAAA(AAAA::from_str(address).unwrap()),
        ("CNAME", [target]) => RData::CNAME(CNAME(name(target))),
        ("NS", [target]) => RData::NS(NS(name(target))),
        ("PTR", [target]) => RData::PTR(PTR(name(target))),
        ("SRV", [priority, weight, port, target]) => RData::SRV(SRV::new(
            priority.parse().unwrap(),
            weight.parse().unwrap(),
            port.parse().unwrap(),
            name(target),
        )),
        ("SOA", [mname, rname, "*", refresh, retry, expire, minimum]) => RData::SOA(SOA::new(
            name(mname),
            name(rname),
            1_700_000_000,
            refresh.parse().unwrap(),
            retry.parse().unwrap(),
            expire.parse().unwrap(),
            minimum.parse().unwrap(),
        )),
        ("TXT", [string]) => RData::TXT(TXT::new(vec![string.trim_matches('"').to_owned()])),
        _ => panic!("{text}: no golden case has this"),
    };
    Record::from_rdata(name(owner), ttl.parse().unwrap(), data)
}

/// A message behind its length, as it goes over TCP.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a message");
    [&length.to_be_bytes(), message].concat()
}

/// The messages of a stream.
pub(crate) fn unframed(mut octets: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = octets.split_first_chunk() {
        let (message, behind) = rest.split_at(usize::from(u16::from_be_bytes(*length)));
        messages.push(message.to_vec());
        octets = behind;
    }
    messages
}

/// A name in exactly the letters of its text.
pub(crate) fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("names in golden files are legal")
}

fn kind(text: &str) -> RecordType {
    match text {
        "IXFR" => RecordType::IXFR,
        _ => RecordType::from_str(text).expect("a record type"),
    }
}

fn kind_text(kind: RecordType) -> String {
    match kind {
        RecordType::ZERO => "TYPE0".to_owned(),
        known => known.to_string(),
    }
}

/// Bits of the header's third and fourth octet, in the order the files write them.
const FLAGS: [(u16, &str); 7] =
    [(0x0400, "AA"), (0x0200, "TC"), (0x0100, "RD"), (0x0080, "RA"), (0x0040, "Z"), (0x0020, "AD"), (0x0010, "CD")];

const HEADER_OCTETS: usize = 12;
