//! Turns a reply's text back into a packet, so that the harness can be tested without a server.

use hickory_proto::op::{Edns, Message, MessageType, OpCode};

use super::case::Reply;
use super::packet::{record, response_code};

/// The packet that this reply to `query` would be.
pub(crate) fn encode(query: &[u8], reply: &Reply) -> Vec<u8> {
    let asked = Message::from_vec(query);
    let id = u16::from_be_bytes([query[0], query[1]]);
    let mut message = Message::new(id, MessageType::Response, OpCode::Query);
    message.metadata.response_code = response_code(&reply.rcode);
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
