//! One query's path.
//!
//! ```text
//! packet ─► read ─► route ─► find ─► settle ─► reply
//!           bytes   server   tables  rcode, SOA  ├─► cache: what others said a while ago
//!        └─► plain: the commonest question       └─► waits: others are asked
//! ```
//!
//! [`Responder::begin`] walks it without waiting and without allocating: UDP. What others have to be
//! asked for is taken on by [`Responder::resume`], which waits for them. The general path
//! ([`general`]) walks the same `Responder::settle` with hickory's messages: transfers, and
//! programs that mount us in a hickory server. Other messages over TCP are written as for UDP.

mod early;
mod finish;
#[doc(hidden)]
pub mod fuzz;
pub mod general;
mod led;
pub mod listing;
pub mod messages;
mod onward;
mod outcome;
pub mod plan;
mod query;
pub mod serving;
mod stages;
mod stale;
pub mod starting;
#[cfg(test)]
mod tests;
mod trouble;
pub mod way;
pub mod zone_file;

use std::{net::IpAddr, sync::atomic::Ordering, time::Instant};

pub use crate::cache::Refresh;
use crate::{
    answers::{
        chain::Chain,
        code,
        find::{Ask, Found},
        foreign::Shown,
        plain::{self, Plain},
        question::{self, AA, Packet, QueryName, Question},
        reply::{self, Reply, Targets},
        sink::Sink,
        why::Why,
    },
    cache::Look,
    records::view::View,
    search::finish::{Finished, SearchList},
};
pub use onward::Resumed;
pub use outcome::{Ahead, Asked, Begun, By, Exchange, Looked, Outcome, Transport, Trouble};
pub(crate) use outcome::{Ending, Next, Written};
use plan::{Listener, Plan, Server, ShortCut};
use starting::Starting;

/// Answers questions by a plan.
pub struct Responder {
    plan: Plan,
    /// Of each listener.
    short_cuts: Box<[Option<ShortCut>]>,
    /// The time in which who asks for what is not known yet waits.
    pub starting: Starting,
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
    /// The route whose stages in front of the tables have been asked.
    pub(crate) behind: Option<usize>,
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
        Self { plan, short_cuts, starting: Starting::default() }
    }

    /// What it answers by.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Writes the reply to a message into `buffer`, which has room for [`REPLY_OCTETS_MAX`] octets, if it is
    /// there at once. `now` is the time by which a cache goes.
    #[inline]
    pub fn begin(&self, packet: &[u8], asked: &Asked, now: Instant, memory: &mut Memory, buffer: &mut [u8]) -> Begun {
        self.walk(packet, asked, memory, buffer, |question, written, memory, buffer| {
            self.end(question, &written, now, memory, buffer)
        })
    }

    /// What is to be done with a reply that was written from the tables.
    #[inline]
    pub(crate) fn end(
        &self,
        question: &Question<'_>,
        written: &Written,
        now: Instant,
        memory: &mut Memory,
        buffer: &mut [u8],
    ) -> Begun {
        match written.ending.next {
            Next::Nothing | Next::Transfer => written.answered(question),
            Next::Ask => self.cached(question, written, now, memory, buffer),
            Next::Early | Next::Chase | Next::Complete | Next::Wait => Begun::Waits(Ahead::Anew),
        }
    }

    /// The same from the tables alone: what others have, this server does not. None where there is no reply.
    #[inline]
    pub fn answer(&self, packet: &[u8], asked: &Asked, memory: &mut Memory, buffer: &mut [u8]) -> Option<Outcome> {
        match self.walk(packet, asked, memory, buffer, |question, written, _, _| written.answered(question)) {
            Begun::Answered(outcome) | Begun::Aging(outcome, _) => Some(outcome),
            Begun::Ignored | Begun::Waits(_) => None,
        }
    }

    // One caller has the fast path's loop around it.
    #[inline(always)]
    fn walk(
        &self,
        packet: &[u8],
        asked: &Asked,
        memory: &mut Memory,
        buffer: &mut [u8],
        end: impl FnOnce(&Question<'_>, Written, &mut Memory, &mut [u8]) -> Begun,
    ) -> Begun {
        if let Some(outcome) = self.plain(packet, asked.listener, buffer) {
            return Begun::Answered(outcome);
        }
        match &question::read(packet, &mut memory.finding.name) {
            Packet::Question(question) => {
                let limit_octets = asked.limit_octets(question);
                let (ending, octets) = self.write(question, asked, limit_octets, memory, buffer);
                end(question, Written { ending, octets, limit_octets }, memory, buffer)
            }
            Packet::Rejected(rejection) => {
                Begun::Answered(Outcome::rejected(rejection.flags & 15, reply::reject(*rejection, buffer)))
            }
            Packet::Ignored => Begun::Ignored,
        }
    }

    /// Answers from the cache of the server that the question came to.
    fn cached(
        &self,
        question: &Question<'_>,
        written: &Written,
        now: Instant,
        memory: &mut Memory,
        buffer: &mut [u8],
    ) -> Begun {
        let Some(route) = written.ending.route else { return Begun::Waits(Ahead::Anew) };
        let server = self.server(route);
        let waits = Begun::Waits(Ahead::Stages(route));
        let Some(cache) = &server.stages.cache else { return waits };
        let Look::Hit(mut hit) = cache.look(question, &memory.finding.name, now) else { return waits };
        let shown = Shown { turn: server.rotate.then(|| memory.finding.turn()), ..hit.shown };
        let octets = hit.reply.write(question, &shown, written.limit_octets, buffer);
        let outcome = Outcome::of(question, &written.ending, octets);
        let looked = Some(Looked::of(&hit));
        let outcome = Outcome { rcode: hit.reply.rcode(), looked, by: By::Cache, ..outcome };
        match hit.refresh.take() {
            None => Begun::Answered(outcome),
            Some(refresh) => Begun::Aging(outcome, refresh),
        }
    }

    fn server(&self, route: usize) -> &Server {
        &self.plan.servers[self.plan.routes[route].server]
    }

    /// Answers a plain question.
    #[inline]
    fn plain(&self, packet: &[u8], listener: usize, buffer: &mut [u8]) -> Option<Outcome> {
        let ShortCut { tree, view, route, shade } = self.short_cuts[listener].as_ref()?;
        if shade.as_ref().is_some_and(|shade| shade.load(Ordering::Relaxed)) {
            return None;
        }
        let Plain { qtype, dnssec_ok, reply_octets } = plain::answer(packet, tree, view, buffer)?;
        Some(Outcome { route: Some(*route), qtype, dnssec_ok, ..Outcome::rejected(code::NOERROR, reply_octets) })
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
        if let Some(route) = finding.behind {
            return self.settle_at(route, question, asked, finding, sink);
        }
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
            return match self.plan.expand(asked.listener, question.qtype, tells, finding, sink) {
                Some(ending) => Ending { next: self.leads_on(listener, &ending, question, finding), ..ending },
                None => told(code::REFUSED, None, self.why_not_here(question, finding)),
            };
        };
        if self.server(route).stages.early.touches(&finding.name, question) {
            return Ending { next: Next::Early, ..Ending::plain(code::SERVFAIL, Some(route)) };
        }
        self.settle_at(route, question, asked, finding, sink)
    }

    /// The same, where it is known whose question it is.
    #[inline]
    fn settle_at<S: Sink>(
        &self,
        route: usize,
        question: &Question<'_>,
        asked: &Asked,
        finding: &mut Finding,
        sink: &mut S,
    ) -> Ending {
        let (server, listener) = (self.server(route), &self.plan.listeners[asked.listener]);
        let tells = question.edns.is_some() && self.plan.tells_why;
        let told = |rcode, route, why: Why| Ending { why: tells.then_some(why), ..Ending::plain(rcode, route) };
        if let code::AXFR | code::IXFR = question.qtype
            && let Some(permission) = may_transfer(server, question, asked, &finding.name)
        {
            return match permission {
                Ok(()) => {
                    Ending { authoritative: true, next: Next::Transfer, ..Ending::plain(code::NOERROR, Some(route)) }
                }
                Err(code::REFUSED) => told(code::REFUSED, Some(route), Why::Transfer),
                Err(rcode) => Ending::plain(rcode, Some(route)),
            };
        }
        let found = self.find(server, question.qtype, asked.client.ip(), tells, finding, sink);
        match found.or_else(|| self.plan.expand(asked.listener, question.qtype, tells, finding, sink)) {
            Some(ending) => {
                let next = self.leads_on(listener, &ending, question, finding);
                Ending { route: ending.route.or(Some(route)), next, ..ending }
            }
            None if server.stages.take(&finding.name, question) => {
                Ending { next: Next::Ask, ..told(server.unanswered, Some(route), Why::NotServed) }
            }
            // Nobody is asked for a whole zone that is not ours to send.
            None if matches!(question.qtype, code::AXFR | code::IXFR) => {
                told(code::REFUSED, Some(route), Why::Transfer)
            }
            None => told(server.unanswered, Some(route), self.why_not_here(question, finding)),
        }
    }

    /// Whether others have what the tables' answer leads to.
    #[inline]
    fn leads_on(&self, listener: &Listener, ending: &Ending, question: &Question<'_>, finding: &Finding) -> Next {
        match ending.next {
            Next::Chase if self.plan.others_take(listener, finding.chain.name(), question) => Next::Chase,
            Next::Wait if self.starting.is() => Next::Wait,
            _ if ending.finished == Some(Finished::Outside) && self.plan.forwards(listener) => Next::Complete,
            _ => Next::Nothing,
        }
    }

    /// Why a name is not answered that no zone here has.
    fn why_not_here(&self, question: &Question<'_>, finding: &Finding) -> Why {
        let looked_for = |search: &SearchList| search.applies(&finding.name, question.qtype);
        if self.plan.search.as_ref().is_some_and(looked_for) { Why::Nowhere } else { Why::NotServed }
    }

    /// Looks the name up in the server's view. None where it is left to the next stage.
    #[inline]
    fn find<S: Sink>(
        &self,
        server: &Server,
        qtype: u16,
        client: IpAddr,
        tells: bool,
        finding: &mut Finding,
        sink: &mut S,
    ) -> Option<Ending> {
        let view = server.view.as_deref()?;
        let Finding { name, chain, turn, .. } = finding;
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
            && let Some(completed) = completion.complete(&ask, client, name, chain, sink)
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

impl Finding {
    /// Where this answer's rotation starts.
    fn turn(&mut self) -> u32 {
        self.turn = self.turn.wrapping_add(TURN);
        self.turn
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
