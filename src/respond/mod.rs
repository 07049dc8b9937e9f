//! One query's path.
//!
//! ```text
//! packet ─► read ─► route ─► find ─► settle ─► reply
//!           B3      server   tables  rcode, SOA
//!        └─► plain: the same in one step, for the commonest question
//! ```
//!
//! [`Responder::answer`] walks it without waiting and without allocating: UDP. The general path
//! ([`general`]) walks the same `Responder::settle` with hickory's messages: transfers, and
//! programs that mount us in a hickory server. Other messages over TCP are written as for UDP.

#[doc(hidden)]
pub mod fuzz;
pub mod general;
pub mod listing;
pub mod messages;
pub mod plan;
pub mod zone_file;

use std::net::SocketAddr;

use crate::{
    answers::{
        code,
        find::{Ask, Chain, Found, soa},
        plain::{self, Plain},
        question::{self, AA, Packet, QueryName, Question},
        reply::{self, Reply, Targets},
        sink::Sink,
    },
    records::view::View,
};
use plan::{Plan, Server, ShortCut};

/// Answers questions by a plan.
pub struct Responder {
    plan: Plan,
    /// Of each listener.
    short_cuts: Box<[Option<ShortCut>]>,
}

/// Where a question came from.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Who asked.
    pub client: SocketAddr,
    /// Over what.
    pub transport: Transport,
    /// On which listener of the plan.
    pub listener: usize,
}

/// What carries a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A datagram: replies have the client's size.
    Udp,
    /// A stream.
    Tcp,
}

/// What became of a packet. Metrics and logs are made of this and [`Asked`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The reply's, extended by EDNS (RFC 6891 section 6.1.3).
    pub rcode: u16,
    /// The route of the plan that was taken, if it came so far.
    pub route: Option<usize>,
    /// QTYPE; 0 where there is none.
    pub qtype: u16,
    /// DNSSEC OK.
    pub dnssec_ok: bool,
    /// Octets of the reply.
    pub reply_octets: usize,
}

/// Memory for answering, one for each thread: nothing in it outlives a question but the turn.
#[derive(Default)]
pub struct Memory {
    finding: Finding,
    targets: Targets,
}

/// What a name is looked up with.
#[derive(Default)]
pub(crate) struct Finding {
    pub(crate) name: QueryName,
    chain: Chain,
    turn: u32,
}

/// How a reply ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) rcode: u16,
    pub(crate) authoritative: bool,
    pub(crate) route: Option<usize>,
    /// The whole zone is to be sent. Only a stream comes to this.
    pub(crate) transfer: bool,
}

/// The golden section of a whole turn: multiples of it are spread evenly, and so is every second or
/// tenth of them. A client's rhythm of questions (A, AAAA, A, AAAA) favours no address.
const TURN: u32 = 0x9e37_79b9;
/// A reply buffer holds whatever a datagram can carry.
pub const REPLY_OCTETS_MAX: usize = 65_535;

impl Responder {
    /// Answers by this plan.
    pub fn new(plan: Plan) -> Self {
        let short_cuts = (0..plan.listeners.len()).map(|listener| plan.short_cut(listener)).collect();
        Self { plan, short_cuts }
    }

    /// What it answers by.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Writes the reply to a datagram into `buffer`, which has room for [`REPLY_OCTETS_MAX`]
    /// octets. None where there is no reply.
    #[inline]
    pub fn answer(&self, packet: &[u8], asked: &Asked, memory: &mut Memory, buffer: &mut [u8]) -> Option<Outcome> {
        if let Some(outcome) = self.plain(packet, asked.listener, buffer) {
            return Some(outcome);
        }
        match &question::read(packet, &mut memory.finding.name) {
            Packet::Question(question) => {
                let (ending, octets) = self.write(question, asked, question.udp_limit_octets(), memory, buffer);
                Some(Outcome::of(question, &ending, octets))
            }
            Packet::Rejected(rejection) => {
                Some(Outcome::rejected(rejection.flags & 15, reply::reject(*rejection, buffer)))
            }
            Packet::Ignored => None,
        }
    }

    /// Answers a plain question.
    #[inline]
    fn plain(&self, packet: &[u8], listener: usize, buffer: &mut [u8]) -> Option<Outcome> {
        let ShortCut { tree, view, route } = self.short_cuts[listener].as_ref()?;
        let Plain { qtype, dnssec_ok, reply_octets } = plain::answer(packet, tree, view, buffer)?;
        Some(Outcome { rcode: code::NOERROR, route: Some(*route), qtype, dnssec_ok, reply_octets })
    }

    /// Writes the reply to a question, of at most `limit_octets`.
    #[inline]
    pub(crate) fn write(
        &self,
        question: &Question<'_>,
        asked: &Asked,
        limit_octets: usize,
        memory: &mut Memory,
        buffer: &mut [u8],
    ) -> (Ending, usize) {
        let mut reply = Reply::new(question, limit_octets, &mut memory.targets, buffer);
        let ending = self.settle(question, asked, &mut memory.finding, &mut reply);
        let reply_octets = match ending.rcode {
            code::BADVERS => reply.finish_bad_version(question),
            rcode => reply.finish(question, if ending.authoritative { AA } else { 0 }, rcode),
        };
        (ending, reply_octets)
    }

    /// Decides what a question gets, and shows its records to `sink`. The name was read into `finding`.
    #[inline]
    pub(crate) fn settle<S: Sink>(
        &self,
        question: &Question<'_>,
        asked: &Asked,
        finding: &mut Finding,
        sink: &mut S,
    ) -> Ending {
        let listener = &self.plan.listeners[asked.listener];
        let plain = |rcode, route| Ending { rcode, authoritative: false, route, transfer: false };
        if question.qclass != code::CLASS_IN && !listener.any_class {
            return plain(code::REFUSED, None);
        }
        if question.edns.is_some_and(|edns| edns.version != 0) {
            return plain(code::BADVERS, None);
        }
        let Some(route) = listener.route(&finding.name, question.qtype) else { return plain(code::REFUSED, None) };
        let server = &self.plan.servers[self.plan.routes[route].server];
        if let code::AXFR | code::IXFR = question.qtype
            && let Some(permission) = may_transfer(server, question, asked, &finding.name)
        {
            return match permission {
                Ok(()) => Ending { rcode: code::NOERROR, authoritative: true, route: Some(route), transfer: true },
                Err(rcode) => plain(rcode, Some(route)),
            };
        }
        let Some(view) = &server.view else { return plain(server.unanswered, Some(route)) };
        match find(server, view, question, finding, sink) {
            Some((rcode, authoritative)) => Ending { rcode, authoritative, route: Some(route), transfer: false },
            None => plain(server.unanswered, Some(route)),
        }
    }
}

/// Looks the name up in the view. None where it is left to the next stage.
#[inline]
fn find<S: Sink>(
    server: &Server,
    view: &View,
    question: &Question<'_>,
    finding: &mut Finding,
    sink: &mut S,
) -> Option<(u16, bool)> {
    let Finding { name, chain, turn } = finding;
    let (zone, zone_start) = server.zone_of(name)?;
    sink.set_zone(zone_start);
    if server.rotate {
        *turn = turn.wrapping_add(TURN);
    }
    let ask = Ask::new(view, zone, question.qtype, *turn);
    let rcode = match ask.find(name, chain, sink) {
        Found::Records | Found::Chase => return Some((code::NOERROR, true)),
        Found::NoData => code::NOERROR,
        Found::Miss | Found::Unknown if !view.options.fallthrough.is_empty() && falls_through(view, name) => {
            return None;
        }
        Found::Miss => code::NXDOMAIN,
        Found::Unknown => code::SERVFAIL,
        Found::Failed => return Some((code::SERVFAIL, false)),
        Found::Refused => return Some((code::REFUSED, false)),
    };
    sink.push_negative(soa(view));
    Some((rcode, true))
}

/// "`fallthrough` is consulted only where the result would be NXDOMAIN, and before the synced check."
fn falls_through(view: &View, name: &QueryName) -> bool {
    view.options.fallthrough.iter().any(|zone| name.zone_start(zone.wire(), zone.labels().count()).is_some())
}

/// Whether the whole zone is sent, or the rcode that says why not (behaviour B3). None where
/// transfers are no business of this server.
fn may_transfer(server: &Server, question: &Question<'_>, asked: &Asked, name: &QueryName) -> Option<Result<(), u16>> {
    let transfer = server.transfer.as_ref()?;
    if asked.transport == Transport::Udp {
        return Some(Err(code::REFUSED));
    }
    let (zone, _) = server.zone_of(name)?;
    if question.qtype == code::IXFR && !question.has_soa {
        return Some(Err(code::SERVFAIL));
    }
    let allowed = transfer.allows(asked.client.ip()) && name.labels() == zone.labels;
    Some(allowed.then_some(()).ok_or(code::REFUSED))
}

impl Outcome {
    pub(crate) fn rejected(rcode: u16, reply_octets: usize) -> Self {
        Self { rcode, route: None, qtype: 0, dnssec_ok: false, reply_octets }
    }

    #[inline]
    pub(crate) fn of(question: &Question<'_>, ending: &Ending, reply_octets: usize) -> Self {
        let dnssec_ok = question.edns.is_some_and(|edns| edns.dnssec_ok);
        Self { rcode: ending.rcode, route: ending.route, qtype: question.qtype, dnssec_ok, reply_octets }
    }
}

impl Memory {
    /// Memory whose rotation starts at `turn`: threads that start at different turns do not hand
    /// out the same address at the same time.
    pub fn starting_at(turn: usize) -> Self {
        let finding = Finding { turn: (turn as u32).wrapping_mul(TURN), ..Finding::default() };
        Self { finding, ..Self::default() }
    }
}
