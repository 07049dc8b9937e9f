//! Where the tables lead: what they say themselves, or whom and what to ask for the rest.

use std::cell::Cell;

use hickory_proto::{
    op::Message,
    rr::{Name, RData, Record, rdata::CNAME},
    serialize::binary::BinDecodable,
};

use super::{Asked, By, Finding, Looked, Memory, Next, REPLY_OCTETS_MAX, Responder, query::Query};
use crate::{
    answers::{
        foreign::{Foreign, Ttl},
        question::QueryName,
        sink::Nobody,
    },
    search::finish::{Evidence, Finished},
};

/// What is to be done for a question.
pub(super) enum Lead {
    /// Nothing: the tables have this.
    Said(Foreign, Books),
    /// The stages in front of the tables of this route's server are to be asked.
    Early(usize),
    /// The stages of this route's server are to be asked.
    Ask(usize),
    /// The tables may know more in a moment.
    Wait,
    /// The CNAMEs of `partial` lead to `target`, in wire form.
    Chase { partial: Foreign, target: Vec<u8>, books: Books },
    /// One of these names was meant, in this order, or none, which is `miss`.
    Complete { candidates: Vec<Vec<u8>>, miss: Foreign, books: Books },
}

/// What metrics want to know.
#[derive(Clone, Copy, Default)]
pub(super) struct Books {
    pub(super) route: Option<usize>,
    pub(super) finished: Option<Finished>,
    pub(super) looked: Option<Looked>,
    pub(super) by: By,
}

thread_local! {
    /// What answering needs, for the next question on this thread.
    static MEMORY: Cell<Option<Box<Memory>>> = const { Cell::new(None) };
}

/// Asks the tables; those of the route that it is `behind`, if it is. None where what they say cannot stand in a message.
pub(super) fn look(responder: &Responder, query: &Query, asked: &Asked, behind: Option<usize>) -> Option<Lead> {
    let mut memory = MEMORY.take().unwrap_or_else(|| Box::new(Memory::starting_at(fastrand::usize(..))));
    memory.finding.behind = behind;
    let lead = lead(responder, query, asked, &mut memory);
    // A panic leaves it behind.
    MEMORY.set(Some(memory));
    lead
}

fn lead(responder: &Responder, query: &Query, asked: &Asked, memory: &mut Memory) -> Option<Lead> {
    let question = query.read(&mut memory.finding.name);
    let ending = responder.settle(&question, asked, &mut memory.finding, &mut Nobody);
    let books = Books { route: ending.route, finished: ending.finished, ..Books::default() };
    match (ending.next, ending.route) {
        (Next::Early, Some(route)) => return Some(Lead::Early(route)),
        (Next::Ask, Some(route)) => return Some(Lead::Ask(route)),
        _ => {}
    }
    if ending.next == Next::Wait {
        return Some(Lead::Wait);
    }
    let mut buffer = vec![0; REPLY_OCTETS_MAX];
    let (ending, octets) = responder.write(&question, asked, REPLY_OCTETS_MAX, memory, &mut buffer);
    let said = Foreign::read(&buffer[..octets], &question).ok()?;
    Some(match ending.next {
        Next::Chase => Lead::Chase { partial: said, target: memory.finding.chain.target().to_vec(), books },
        Next::Complete => {
            let candidates = candidates(responder, books.route?, &memory.finding)?;
            Lead::Complete { candidates, miss: said, books }
        }
        // Between the two looks the cluster may have become known, or the wait for it over.
        Next::Early | Next::Ask | Next::Wait | Next::Transfer | Next::Nothing => Lead::Said(said, books),
    })
}

/// The names outside that a search list may mean: behind the domains of the node, and as it is.
fn candidates(responder: &Responder, route: usize, finding: &Finding) -> Option<Vec<Vec<u8>>> {
    let (zone, _) = responder.server(route).zone_of(&finding.name)?;
    let base = Evidence::of(&finding.name, zone)?.base;
    let domains = responder.plan().completion.as_ref()?.node_domains.iter().map(|domain| domain.wire());
    let names = domains.chain([&[0][..]]).map(|domain| [base, domain].concat());
    Some(names.filter(|name| QueryName::new().read(name).is_some()).collect())
}

/// The CNAMEs of one reply, and the records of the other behind them. Whatever its rcode: the alias exists. That
/// others were asked for it does not show (behaviour A4).
pub(super) fn joined(partial: &Foreign, rest: &Foreign, ttl: Ttl) -> Option<Foreign> {
    let mut message = partial.message().ok()?;
    message.answers.extend(as_shown(rest, ttl)?.answers);
    message.metadata.truncation = rest.is_truncated();
    Foreign::from_message(&message).ok()
}

/// The reply to a question about `candidate`, as one to the query, of which it is an alias.
pub(super) fn aliased(query: &Query, candidate: &[u8], said: &Foreign, ttl: Ttl) -> Option<Foreign> {
    let asked = Message::from_vec(query.message()).ok()?;
    let mut message = as_shown(said, ttl)?;
    let target = Name::from_bytes(candidate).ok()?;
    // It lasts as long as what it points at, as with autopath (behaviour D1). There is no alias without records, as
    // with an ExternalName (behaviour A4).
    let own = message.answers.iter().find(|record| record.name == target);
    if let Some(ttl_secs) = own.or(message.answers.first()).map(|record| record.ttl) {
        let owner = asked.queries.first()?.name().clone();
        message.answers.insert(0, Record::from_rdata(owner, ttl_secs, RData::CNAME(CNAME(target))));
    }
    message.queries = asked.queries;
    Foreign::from_message(&message).ok()
}

/// A reply with the TTLs that clients are shown.
pub(super) fn as_shown(said: &Foreign, ttl: Ttl) -> Option<Message> {
    let mut message = said.message().ok()?;
    if let Ttl::All(secs) = ttl {
        let sections = [&mut message.answers, &mut message.authorities, &mut message.additionals];
        sections.into_iter().flatten().for_each(|record| record.ttl = secs);
    }
    Some(message)
}
