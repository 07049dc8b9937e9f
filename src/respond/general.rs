//! The general path: the same decisions, carried by hickory's messages.
//!
//! TCP and programs that mount us in a hickory server come here. Over TCP, hickory writes zone
//! transfers; everything else is written as for UDP, with more room, because a reply that hickory
//! has to cut ends within a record. hickory sees only what our own reader has understood: a message
//! is read, written again in its plainest form, and then made a hickory `Request`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use hickory_proto::{
    ProtoError,
    op::{Edns, Header, HeaderCounts, Message, Metadata, ResponseCode},
    rr::{Record, rdata::opt::EdnsOption},
    serialize::binary::{BinEncodable, BinEncoder},
};
use hickory_server::{
    net::{runtime::Time, xfer::Protocol},
    server::{Request, RequestHandler, ResponseHandler, ResponseInfo},
    zone_handler::{MessageResponse, MessageResponseBuilder},
};

use super::{
    Ahead, Asked, Begun, Ending, Finding, Memory, Next, Outcome, REPLY_OCTETS_MAX, Responder, Resumed, Transport,
    Written, listing,
    messages::Sections,
    query,
    serving::{Desk, Serving},
};
use crate::answers::{
    code,
    question::{self, HEADER_OCTETS, Options, Packet, Question, TC},
    reply,
    why::Why,
};

/// Answers hickory's requests. Cheap to clone.
#[derive(Clone)]
pub struct Handler {
    serving: Arc<Serving>,
    /// How many messages were answered, so that answers of several addresses turn.
    answered: Arc<AtomicUsize>,
}

/// What became of a message that came over a stream.
pub enum Streamed {
    /// The messages of its reply: several for a transfer.
    Messages(Vec<Vec<u8>>, Outcome),
    /// There is no reply.
    Ignored,
    /// Others have to be asked: see [`Handler::resume_stream`].
    Waits,
}

impl Streamed {
    /// The messages, where there are any at once.
    pub fn messages(self) -> Option<Vec<Vec<u8>>> {
        match self {
            Self::Messages(messages, _) => Some(messages),
            Self::Ignored | Self::Waits => None,
        }
    }
}

/// The reply to a request, before it is encoded.
struct Answer {
    metadata: Metadata,
    edns: Option<Edns>,
    sections: Sections,
    ending: Ending,
}

/// A transfer is sent in messages of so many octets of records at most: names in a message can be compressed up to
/// there (RFC 1035 section 4.1.4), and the limit of 65,535 is far.
const TRANSFER_OCTETS: usize = 16 * 1024;
/// Type, class, TTL and length.
const RECORD_OCTETS: usize = 10;

impl Handler {
    /// Answers as `listener` of the responder's plan does.
    pub fn new(responder: Arc<Responder>, listener: usize) -> Self {
        Self::of(Serving::new(responder, listener))
    }

    /// Answers as whoever serves a listener does.
    pub fn of(serving: Arc<Serving>) -> Self {
        Self { serving, answered: Arc::default() }
    }

    /// Answers a message that came over a stream, if it can be answered at once.
    pub fn answer_stream(&self, message: &[u8], client: SocketAddr) -> Streamed {
        let mut memory = Memory::starting_at(self.answered.fetch_add(1, Ordering::Relaxed));
        let question = match question::read(message, &mut memory.finding.name) {
            Packet::Ignored => return Streamed::Ignored,
            Packet::Rejected(rejection) => {
                let reply = reply::rejected(rejection);
                let outcome = Outcome::rejected(rejection.flags & 15, reply.len());
                return Streamed::Messages(vec![reply], outcome);
            }
            Packet::Question(question) => question,
        };
        let desk = self.serving.desk();
        let asked = Asked { client, transport: Transport::Tcp, listener: desk.listener };
        let mut reply = vec![0; REPLY_OCTETS_MAX];
        let (ending, octets) = desk.responder.write(&question, &asked, REPLY_OCTETS_MAX, &mut memory, &mut reply);
        if ending.next == Next::Transfer {
            return desk.transferred(&question, client);
        }
        let written = Written { ending, octets, limit_octets: REPLY_OCTETS_MAX };
        match desk.responder.end(&question, &written, Instant::now(), &mut memory, &mut reply) {
            Begun::Answered(outcome) => {
                reply.truncate(outcome.reply_octets);
                Streamed::Messages(vec![reply], outcome)
            }
            // Whoever waits is also told to renew.
            Begun::Aging(..) | Begun::Waits(_) | Begun::Ignored => Streamed::Waits,
        }
    }

    /// Answers a message that waits for others. None where there is no reply.
    pub async fn resume_stream(&self, message: &[u8], client: SocketAddr) -> Option<Resumed> {
        let desk = Arc::clone(&self.serving.desk());
        let asked = Asked { client, transport: Transport::Tcp, listener: desk.listener };
        desk.responder.resume(message, &asked, Ahead::Anew).await
    }
}

impl Desk {
    /// A whole zone, in as many messages as it takes.
    fn transferred(&self, question: &Question<'_>, client: SocketAddr) -> Streamed {
        let encoded = Request::from_bytes(plain(question), client, Protocol::Tcp).and_then(|request| {
            let answer = self.respond(&request);
            let messages = responses(&request, &answer).map(encode).collect::<Result<Vec<_>, _>>()?;
            Ok((answer.ending, messages))
        });
        match encoded {
            Ok((ending, messages)) => {
                let outcome = Outcome::of(question, &ending, messages.iter().map(Vec::len).sum());
                Streamed::Messages(messages, outcome)
            }
            // What our reader has understood and written again, hickory understands.
            Err(error) => {
                tracing::warn!(%error, %client, "a question could not be handed on and was dropped");
                Streamed::Ignored
            }
        }
    }

    fn respond(&self, request: &Request) -> Answer {
        let mut finding = Finding::default();
        let mut metadata = Metadata::response_from_request(&request.metadata);
        let question = match question::read(request.as_slice(), &mut finding.name) {
            Packet::Question(question) => question,
            // Only a hickory server that mounts us hands on such messages.
            Packet::Rejected(rejection) => return Answer::without_records(metadata, rejection.flags & 15),
            Packet::Ignored => return Answer::without_records(metadata, code::FORMERR),
        };
        let (ending, sections) = self.settle(request, &question, &mut finding);
        if question.opcode() != code::OPCODE_QUERY {
            (metadata.recursion_desired, metadata.checking_disabled) = (false, false);
        }
        metadata.authoritative = ending.authoritative;
        metadata.truncation = sections.truncated;
        metadata.response_code = response_code(ending.rcode);
        let edns = question.edns.map(|edns| match ending.rcode {
            code::BADVERS => no_size(),
            _ => echo(&edns, ending.why),
        });
        Answer { metadata, edns, sections, ending }
    }

    fn asked(&self, request: &Request) -> Asked {
        let transport = if request.protocol() == Protocol::Udp { Transport::Udp } else { Transport::Tcp };
        Asked { client: request.src(), transport, listener: self.listener }
    }

    /// Decides a question and collects its records.
    fn settle(&self, request: &Request, question: &Question<'_>, finding: &mut Finding) -> (Ending, Sections) {
        let asked = self.asked(request);
        let mut sections = Sections::new(question.name);
        let mut ending = self.responder.settle(question, &asked, finding, &mut sections);
        if let Some(route) = ending.route.filter(|_| ending.next == Next::Transfer) {
            sections.answer = self.responder.transfer(route, finding);
        } else if asked.transport == Transport::Udp {
            // hickory cuts replies in a way of its own: what ours keeps is what is sent.
            let mut reply = vec![0; REPLY_OCTETS_MAX];
            let outcome = self.responder.answer(request.as_slice(), &asked, &mut Memory::default(), &mut reply);
            reply.truncate(outcome.map_or(HEADER_OCTETS, |outcome| outcome.reply_octets));
            let word = |at: usize| u16::from_be_bytes([reply[at], reply[at + 1]]);
            let opt = u16::from(question.edns.is_some());
            sections.keep([word(6), word(8), word(10).saturating_sub(opt)].map(usize::from));
            sections.truncated = word(2) & TC != 0;
            ending.why = ending.why.filter(|why| reply.ends_with(why.phrase().as_bytes()));
        }
        (ending, sections)
    }
}

impl Answer {
    /// What others were asked for.
    fn resumed(request: &Request, resumed: &Resumed) -> Result<Self, ProtoError> {
        let message = Message::from_vec(&resumed.reply)?;
        let mut answer = Self::without_records(message.metadata, resumed.outcome.rcode);
        answer.metadata.id = request.metadata.id;
        answer.edns = message.edns;
        answer.sections.answer = message.answers;
        answer.sections.authority = message.authorities;
        answer.sections.additional = message.additionals;
        Ok(answer)
    }

    fn without_records(mut metadata: Metadata, rcode: u16) -> Self {
        metadata.response_code = response_code(rcode);
        let ending = Ending::plain(rcode, None);
        Self { metadata, edns: None, sections: Sections::new(&[0]), ending }
    }
}

impl Responder {
    /// Every record of the zone that was asked for, and its SOA again (RFC 5936 section 2.2).
    fn transfer(&self, route: usize, finding: &Finding) -> Vec<Record> {
        let server = &self.plan.servers[self.plan.routes[route].server];
        let (Some(view), Some((zone, _))) = (&server.view, server.zone_of(&finding.name)) else { return Vec::new() };
        let mut records = listing::records(view, zone);
        records.extend(records.first().cloned());
        records
    }
}

#[async_trait::async_trait]
impl RequestHandler for Handler {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut out: R) -> ResponseInfo {
        let desk = Arc::clone(&self.serving.desk());
        let mut answer = desk.respond(request);
        if answer.ending.next.waits() {
            let resumed = desk.responder.resume(request.as_slice(), &desk.asked(request), Ahead::Anew).await;
            if let Some(Ok(resumed)) = resumed.map(|resumed| Answer::resumed(request, &resumed)) {
                answer = resumed;
            }
        }
        let mut info = Header { metadata: answer.metadata, counts: HeaderCounts::default() }.into();
        for response in responses(request, &answer) {
            // A reply that cannot be sent has nobody to be told of.
            if let Ok(sent) = out.send_response(response).await {
                info = sent;
            }
        }
        info
    }
}

type Records<'a> = std::slice::Iter<'a, Record>;

/// The messages of an answer: one, or several of a transfer.
fn responses<'a>(
    request: &'a Request,
    answer: &'a Answer,
) -> impl Iterator<Item = MessageResponse<'a, 'a, Records<'a>, Records<'a>, Records<'a>, Records<'a>>> + Send {
    let Answer { metadata, edns, sections, ending } = answer;
    let size = if ending.next == Next::Transfer { TRANSFER_OCTETS } else { usize::MAX };
    parts(&sections.answer, size).into_iter().map(move |records| {
        let mut builder = MessageResponseBuilder::new(&request.queries, None);
        if let Some(edns) = edns {
            builder.edns(edns);
        }
        builder.build(*metadata, records, &sections.authority, &[], &sections.additional)
    })
}

/// At least one part, each of at least one record, and of no more than so many octets if it can be.
fn parts(records: &[Record], octets_max: usize) -> Vec<&[Record]> {
    let (mut parts, mut begin, mut octets) = (Vec::new(), 0, 0_usize);
    for (index, record) in records.iter().enumerate() {
        let more = octets_of(record);
        if octets > 0 && octets + more > octets_max {
            parts.push(&records[begin..index]);
            (begin, octets) = (index, 0);
        }
        octets += more;
    }
    parts.push(&records[begin..]);
    parts
}

/// As it is without compression.
fn octets_of(record: &Record) -> usize {
    record.name.len() + RECORD_OCTETS + record.data.to_bytes().map_or(0, |data| data.len())
}

fn encode<'a>(
    response: MessageResponse<'a, 'a, Records<'a>, Records<'a>, Records<'a>, Records<'a>>,
) -> Result<Vec<u8>, ProtoError> {
    let mut message = Vec::with_capacity(512);
    let mut encoder = BinEncoder::new(&mut message);
    encoder.set_max_size(u16::MAX);
    response.destructive_emit(&mut encoder)?;
    Ok(message)
}

/// What hickory is given to read: options that the reply does not repeat are left out.
fn plain(question: &Question<'_>) -> Vec<u8> {
    query::plain(question, FLAGS_KEPT, None, reply::is_echoed)
}

/// Opcode, RD and CD: all that a reply repeats.
const FLAGS_KEPT: u16 = 0x7910;
/// A SOA of the root with nothing in it: that there is one is all that is asked of IXFR.
pub(super) const EMPTY_SOA: &[u8] =
    &[0, 0, code::SOA as u8, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn echoed(options: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    Options(options).flatten().filter(|(number, _)| reply::is_echoed(*number))
}

/// What the client said of itself, with the options that are repeated (behaviour B3), and why there
/// are no records.
fn echo(edns: &question::Edns<'_>, why: Option<Why>) -> Edns {
    let mut echo = Edns::new();
    echo.set_max_payload(edns.size_octets).set_dnssec_ok(edns.dnssec_ok);
    for (number, data) in echoed(edns.options) {
        echo.options_mut().insert(EdnsOption::Unknown(number, data.to_vec()));
    }
    if let Some(why) = why {
        let data = [&why.code().to_be_bytes(), why.phrase().as_bytes()].concat();
        echo.options_mut().insert(EdnsOption::Unknown(code::EXTENDED_ERROR, data));
    }
    echo
}

/// hickory writes no size below 512 octets, which is what a smaller one means (RFC 6891 section 6.2.3).
fn no_size() -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(0);
    edns
}

fn response_code(rcode: u16) -> ResponseCode {
    ResponseCode::from((rcode >> 4) as u8, (rcode & 15) as u8)
}
