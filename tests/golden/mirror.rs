//! Turns a reply's text back into a packet, so that the harness can be tested without a server.

use std::str::FromStr;

use hickory_proto::op::{Edns, Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{RData, Record};

use super::case::Reply;
use super::packet::name;

/// The packet that this reply to `query` would be.
pub(crate) fn encode(query: &[u8], reply: &Reply) -> Vec<u8> {
    let asked = Message::from_vec(query);
    let id = u16::from_be_bytes([query[0], query[1]]);
    let mut message = Message::new(id, MessageType::Response, OpCode::Query);
    message.metadata.response_code = rcode(&reply.rcode);
    message.metadata.authoritative = reply.has("AA");
    message.metadata.truncation = reply.has("TC");
    message.metadata.recursion_desired = reply.has("RD");
    message.metadata.recursion_available = reply.has("RA");
    message.metadata.authentic_data = reply.has("AD");
    message.metadata.checking_disabled = reply.has("CD");
    if reply.question != "none" {
        message.add_queries(asked.expect("only a query that can be read is repeated").queries);
    }
    message.add_answers(reply.answer.iter().map(|text| record(text)));
    message.add_authorities(reply.authority.iter().map(|text| record(text)));
    message.add_additionals(reply.additional.iter().map(|text| record(text)));
    if let Some(text) = &reply.edns {
        let (size, flag) = text.split_once(' ').unwrap_or((text, ""));
        let mut edns = Edns::new();
        edns.set_max_payload(size.parse().unwrap()).set_dnssec_ok(flag == "do");
        message.set_edns(edns);
    }
    message.to_vec().unwrap()
}

fn rcode(text: &str) -> ResponseCode {
    match text {
        "NOERROR" => ResponseCode::NoError,
        "FORMERR" => ResponseCode::FormErr,
        "SERVFAIL" => ResponseCode::ServFail,
        "NXDOMAIN" => ResponseCode::NXDomain,
        "REFUSED" => ResponseCode::Refused,
        other => panic!("no golden case has {other}"),
    }
}

fn record(text: &str) -> Record {
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
