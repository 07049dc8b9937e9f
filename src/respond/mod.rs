//! One query's path.
//!
//! ```text
//! packet ─► read ─► route ─► find ─► settle ─► reply
//!           bytes   server   tables  rcode, SOA
//!        └─► plain: the same in one step, for the commonest question
//! ```
//!
//! [`Responder::answer`] walks it without waiting and without allocating: UDP. The general path
//! ([`general`]) walks the same `Responder::settle` with hickory's messages: transfers, and
//! programs that mount us in a hickory server. Other messages over TCP are written as for UDP.

mod finish;
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
        chain::Chain,
        code,
        find::{Ask, Found, soa},
        plain::{self, Plain},
        question::{self, AA, Packet, QueryName, Question},
        reply::{self, Reply, Targets},
        sink::Sink,
        why::Why,
    },
    records::view::View,
    search::finish::{Finished, SearchList},
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
    /// What became of a name that was not finished.
    pub finished: Option<Finished>,
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
    /// Why there are no records, for a client that can be told.
    pub(crate) why: Option<Why>,
    /// What became of a name that was not finished.
    pub(crate) finished: Option<Finished>,
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
        Some(Outcome { rcode: code::NOERROR, route: Some(*route), qtype, dnssec_ok, finished: None, reply_octets })
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
            rcode => reply.finish(question, if ending.authoritative { AA } else { 0 }, rcode, ending.why),
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
        let tells = question.edns.is_some() && self.plan.tells_why;
        let told = |rcode, route, why: Why| Ending { why: tells.then_some(why), ..Ending::plain(rcode, route) };
        if question.qclass != code::CLASS_IN && !listener.any_class {
            return Ending::plain(code::REFUSED, None);
        }
        if question.edns.is_some_and(|edns| edns.version != 0) {
            return Ending::plain(code::BADVERS, None);
        }
        let Some(route) = listener.route(&finding.name, question.qtype) else {
            let expanded = self.plan.expand(asked.listener, question.qtype, tells, finding, sink);
            return expanded.unwrap_or_else(|| told(code::REFUSED, None, self.why_not_here(question, finding)));
        };
        let server = &self.plan.servers[self.plan.routes[route].server];
        if let code::AXFR | code::IXFR = question.qtype
            && let Some(permission) = may_transfer(server, question, asked, &finding.name)
        {
            return match permission {
                Ok(()) => Ending { authoritative: true, transfer: true, ..Ending::plain(code::NOERROR, Some(route)) },
                Err(code::REFUSED) => told(code::REFUSED, Some(route), Why::Transfer),
                Err(rcode) => Ending::plain(rcode, Some(route)),
            };
        }
        let found = server.view.as_ref().and_then(|view| self.find(server, view, question.qtype, tells, finding, sink));
        match found.or_else(|| self.plan.expand(asked.listener, question.qtype, tells, finding, sink)) {
            Some(ending) => Ending { route: ending.route.or(Some(route)), ..ending },
            None => told(server.unanswered, Some(route), self.why_not_here(question, finding)),
        }
    }

    /// Why a name is not answered that no zone here has.
    fn why_not_here(&self, question: &Question<'_>, finding: &Finding) -> Why {
        let looked_for = |search: &SearchList| search.applies(&finding.name, question.qtype);
        if self.plan.search.as_ref().is_some_and(looked_for) { Why::Nowhere } else { Why::NotServed }
    }

    /// Looks the name up in the view. None where it is left to the next stage.
    #[inline]
    fn find<S: Sink>(
        &self,
        server: &Server,
        view: &View,
        qtype: u16,
        tells: bool,
        finding: &mut Finding,
        sink: &mut S,
    ) -> Option<Ending> {
        let Finding { name, chain, turn } = finding;
        let (zone, zone_start) = server.zone_of(name)?;
        sink.set_zone(zone_start);
        if server.rotate {
            *turn = turn.wrapping_add(TURN);
        }
        let ask = Ask::new(view, zone, qtype, *turn);
        let mut found = ask.find(name, chain, sink);
        let mut finished = None;
        if found == Found::Miss
            && let Some(completion) = &self.plan.completion
            && let Some(completed) = completion.complete(&ask, name, chain, sink)
        {
            (finished, found) = (Some(completed.0), completed.1);
        }
        if let Found::Miss | Found::Unknown = found
            && !view.options.fallthrough.is_empty()
            && falls_through(view, name)
        {
            return None;
        }
        let why = || match (finished, found) {
            (Some(Finished::Completed), Found::NoData) => Why::Type,
            _ => Why::of(view, zone, qtype, name, found),
        };
        Some(Ending { finished, ..Ending::found(found, view, tells, why, sink) })
    }
}

/// Asked of names that are missed, and no matter whether enough is known (behaviour B2).
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
    // A secondary would say of what is not known yet that it does not exist.
    let complete = server.view.as_ref().is_some_and(|view| view.is_complete());
    Some(match (allowed, complete) {
        (false, _) => Err(code::REFUSED),
        (true, false) => Err(code::SERVFAIL),
        (true, true) => Ok(()),
    })
}

impl Ending {
    /// A reply without records, of which nobody else is the authority either.
    #[inline]
    pub(crate) fn plain(rcode: u16, route: Option<usize>) -> Self {
        Self { rcode, authoritative: false, route, transfer: false, why: None, finished: None }
    }

    /// The reply to a question of which this was found; a negative one gets its SOA.
    #[inline]
    fn found<S: Sink>(found: Found, view: &View, tells: bool, why: impl FnOnce() -> Why, sink: &mut S) -> Self {
        let (rcode, authoritative) = match found {
            Found::Records | Found::Chase | Found::NoData => (code::NOERROR, true),
            Found::Miss => (code::NXDOMAIN, true),
            Found::Unknown => (code::SERVFAIL, true),
            Found::Failed => (code::SERVFAIL, false),
            Found::Refused => (code::REFUSED, false),
        };
        if let Found::NoData | Found::Miss | Found::Unknown = found {
            sink.push_negative(soa(view));
        }
        let why = match found {
            _ if !tells => None,
            Found::Miss if view.is_stale() => Some(why().in_saved_state()),
            Found::Records | Found::Chase => view.is_stale().then_some(Why::Stale),
            _ => Some(why()),
        };
        Self { authoritative, why, ..Self::plain(rcode, None) }
    }
}

impl Outcome {
    pub(crate) fn rejected(rcode: u16, reply_octets: usize) -> Self {
        Self { rcode, route: None, qtype: 0, dnssec_ok: false, finished: None, reply_octets }
    }

    #[inline]
    pub(crate) fn of(question: &Question<'_>, ending: &Ending, reply_octets: usize) -> Self {
        let dnssec_ok = question.edns.is_some_and(|edns| edns.dnssec_ok);
        let Ending { rcode, route, finished, .. } = *ending;
        Self { rcode, route, qtype: question.qtype, dnssec_ok, finished, reply_octets }
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
