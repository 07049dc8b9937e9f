//! One question, asked as a client would ask it.
//!
//! What is explained must be what the server says, so the question goes through
//! [`Responder::begin`] as octets, and the reply is read by hickory, which had no part in writing it. What
//! others have is asked of them where there is a runtime to wait in: callers are threads that may block.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use hickory_proto::{
    op::{Message, ResponseCode},
    rr::{RData, Record},
    serialize::binary::BinDecodable,
};
use tokio::{
    runtime::{Builder, Handle},
    time::timeout,
};

use crate::{
    answers::{code, find::Found},
    records::name::Name,
    respond::{Ahead, Asked, Begun, Memory, REPLY_OCTETS_MAX, Responder, Resumed, Transport, way::Station},
    search::{self, finish::Finished},
};

/// What the server said to one question.
pub(super) struct Answer {
    /// As resolvers see it.
    pub(super) reply: search::Reply,
    /// Of the answer section.
    pub(super) records: Vec<Record>,
    /// What was done about a name that was not finished.
    pub(super) finished: Option<Finished>,
    /// The stages that it came to beside the tables.
    pub(super) way: Vec<Station>,
    /// Others would have to be asked, and are not here.
    pub(super) unasked: bool,
    rcode: ResponseCode,
    authoritative: bool,
}

/// Asks over UDP, with room for the longest reply.
pub(super) fn ask(responder: &Arc<Responder>, listener: usize, client: IpAddr, name: &Name, qtype: u16) -> Answer {
    let asked = Asked { client: SocketAddr::new(client, 0), transport: Transport::Udp, listener };
    let packet = packet(name, qtype);
    let mut reply = vec![0; REPLY_OCTETS_MAX];
    let outcome = match responder.begin(&packet, &asked, Instant::now(), &mut Memory::default(), &mut reply) {
        Begun::Answered(outcome) | Begun::Aging(outcome, _) => Some(outcome),
        Begun::Ignored => None,
        Begun::Waits(_) => wait(responder, &packet, &asked).map(|resumed| {
            reply = resumed.reply;
            resumed.outcome
        }),
    };
    let way = responder.way(&packet, &asked);
    let unasked = responder.plan().offline && way.iter().any(|station| matches!(station, Station::Forward(_)));
    let message = outcome.and_then(|outcome| Message::from_bytes(&reply[..outcome.reply_octets]).ok());
    let Some(message) = message else { return Answer { way, unasked, ..Answer::none() } };
    let (rcode, authoritative) = (message.metadata.response_code, message.metadata.authoritative);
    let reply = reply_of(rcode, &message.answers, qtype);
    let finished = outcome.and_then(|outcome| outcome.finished);
    Answer { reply, records: message.answers, finished, way, unasked, rcode, authoritative }
}

/// Asks others, for so long as somebody who wants an explanation waits. None where nobody can be asked.
fn wait(responder: &Arc<Responder>, packet: &[u8], asked: &Asked) -> Option<Resumed> {
    let resumed = async { timeout(PATIENCE, responder.resume(packet, asked, Ahead::Anew)).await.ok().flatten() };
    match Handle::try_current() {
        Ok(runtime) => runtime.block_on(resumed),
        // Who asks nobody needs a clock.
        Err(_) if responder.plan().offline => {
            Builder::new_current_thread().enable_time().build().ok()?.block_on(resumed)
        }
        Err(_) => None,
    }
}

/// A whole search list may have to be asked for.
const PATIENCE: Duration = Duration::from_secs(2);

impl Answer {
    /// None came, or none that can be read.
    fn none() -> Self {
        let rcode = ResponseCode::ServFail;
        Self {
            reply: search::Reply::Timeout,
            records: Vec::new(),
            finished: None,
            way: Vec::new(),
            unasked: false,
            rcode,
            authoritative: false,
        }
    }

    /// The stages that had a say in the question itself, and not in where its answer leads.
    pub(super) fn stages(&self) -> &[Station] {
        let led = self.way.iter().position(|station| matches!(station, Station::Led(_)));
        &self.way[..led.unwrap_or(self.way.len())]
    }

    /// Whether a stage has the question, and the cluster has no say in it.
    pub(super) fn is_of_stages(&self) -> bool {
        self.stages().last().is_some_and(|station| !matches!(station, Station::Rewritten { .. }))
    }

    /// The name that was asked for in the end, where rules have made another one of it.
    pub(super) fn rewritten(&self) -> Option<Name> {
        self.stages().iter().find_map(|station| match station {
            Station::Rewritten { name, .. } => Name::parse(name).ok(),
            _ => None,
        })
    }

    /// What the tables said, as far as the reply shows it.
    pub(super) fn found(&self) -> Found {
        match self.rcode {
            ResponseCode::NoError if self.reply == search::Reply::Answer => Found::Records,
            ResponseCode::NoError if !self.records.is_empty() => Found::Chase,
            ResponseCode::NoError => Found::NoData,
            ResponseCode::NXDomain => Found::Miss,
            ResponseCode::Refused => Found::Refused,
            _ if self.authoritative => Found::Unknown,
            _ => Found::Failed,
        }
    }

    /// Whether the answer holds an address.
    pub(super) fn has_address(&self) -> bool {
        self.records.iter().any(|record| matches!(record.data, RData::A(_) | RData::AAAA(_)))
    }
}

fn reply_of(rcode: ResponseCode, records: &[Record], qtype: u16) -> search::Reply {
    let of_type = |record: &Record| qtype == ANY || u16::from(record.record_type()) == qtype;
    match rcode {
        ResponseCode::NoError if records.iter().any(of_type) => search::Reply::Answer,
        ResponseCode::NoError if !records.is_empty() => search::Reply::Alias,
        ResponseCode::NoError => search::Reply::NoData,
        ResponseCode::NXDomain => search::Reply::NxDomain,
        ResponseCode::ServFail => search::Reply::ServFail,
        ResponseCode::Refused => search::Reply::Refused,
        ResponseCode::NotImp => search::Reply::NotImp,
        _ => search::Reply::Other,
    }
}

/// A question with RD, and EDNS that takes any size.
fn packet(name: &Name, qtype: u16) -> Vec<u8> {
    let mut packet = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    packet.extend_from_slice(name.wire());
    packet.extend_from_slice(&qtype.to_be_bytes());
    packet.extend_from_slice(&code::CLASS_IN.to_be_bytes());
    packet.push(0);
    for field in [code::OPT, u16::MAX, 0, 0, 0] {
        packet.extend_from_slice(&field.to_be_bytes());
    }
    packet
}

/// QTYPE `*` (RFC 1035 section 3.2.3).
const ANY: u16 = 255;
/// A client that is no Pod.
pub(super) const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
