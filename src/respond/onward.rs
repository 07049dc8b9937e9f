//! The part of a query's path that waits: what others have to be asked for.
//!
//! ```text
//! hop ─► tables ─┬─► ask ─► cache ─► forward      a name of somebody else's
//!                ├─► chase: hop for what the CNAME points at
//!                └─► complete: hop for each name that the search list may mean
//! ```
//!
//! A hop starts from the listener each time, so a name that is led to gets the answer that a client would
//! get for it (behaviour A4, D1). Hops are few, and each waits no longer than a forwarder does.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::Instant,
};

use super::{
    Ahead, Asked, By, Looked, Outcome, REPLY_OCTETS_MAX, Responder, Transport, Trouble,
    led::{self, Books, Lead},
    plan::Server,
    query::Query,
};
use crate::{
    answers::{
        code,
        foreign::{Foreign, Shown, Ttl},
        question::{self, Packet, QueryName, Question},
        reply::{Reply, Targets},
        why::Why,
    },
    cache::{self, Cache, Hit, Look, Refresh},
    forward::{Asking, Failure, Over},
    search::finish::Finished,
};

/// The reply to a question that has waited.
#[derive(Debug)]
pub struct Resumed {
    /// The message.
    pub reply: Vec<u8>,
    /// What became of the question.
    pub outcome: Outcome,
    /// What went wrong, for the log.
    pub troubles: Vec<Trouble>,
}

/// Asks others for one client.
pub(super) struct Onward {
    pub(super) responder: Arc<Responder>,
    pub(super) asked: Asked,
    /// How long a reply the client takes. What others are asked says another size.
    limit_octets: usize,
    /// What went wrong on the way. The client may have an answer all the same.
    pub(super) troubles: Mutex<Vec<Trouble>>,
}

/// What was said to a question.
#[derive(Clone)]
pub(super) struct Said {
    pub(super) reply: Arc<Foreign>,
    pub(super) shown: Shown,
    pub(super) books: Books,
}

/// Nobody said anything.
pub(super) struct Unsaid {
    pub(super) rcode: u16,
    pub(super) why: Why,
    /// None where that is an answer.
    pub(super) error: Option<String>,
    pub(super) books: Books,
}

pub(super) type Heard = Result<Said, Unsaid>;

/// What is heard of a question that another one has led to.
type Boxed<'a> = Pin<Box<dyn Future<Output = Heard> + Send + 'a>>;

/// A name leads on so often: an alias of an alias of a completed name is three.
pub(super) const HOPS_MAX: usize = 8;
/// What an OPT record and an Extended DNS Error take, beside the options that are repeated.
const OPT_OCTETS: usize = 128;

impl Responder {
    /// Answers a question that [`begin`](Self::begin) of the same responder said waits, from where it goes on. None
    /// where there is no reply.
    pub async fn resume(self: &Arc<Self>, packet: &[u8], asked: &Asked, ahead: Ahead) -> Option<Resumed> {
        let mut name = QueryName::new();
        let Packet::Question(question) = question::read(packet, &mut name) else { return None };
        let onward = Onward::of(self.clone(), asked, &question);
        let query = Query::onward(&question);
        let heard = match ahead {
            Ahead::Anew => onward.lead(None, query, HOPS_MAX).await,
            Ahead::Stages(route) => onward.ask(route, query).await,
        };
        Some(onward.written(&question, heard))
    }

    /// Asks others once more for what a cache has, as it wanted.
    pub async fn refresh(self: &Arc<Self>, packet: &[u8], asked: &Asked, refresh: Refresh) {
        let mut name = QueryName::new();
        let Packet::Question(question) = question::read(packet, &mut name) else { return };
        let Some(route) = self.plan().listeners[asked.listener].route(&name, question.qtype) else { return };
        // Whoever asks next hears of a failure.
        let onward = Onward::of(self.clone(), asked, &question);
        drop(onward.renew(route, Query::onward(&question), refresh).await);
    }
}

impl Onward {
    pub(super) fn of(responder: Arc<Responder>, asked: &Asked, question: &Question<'_>) -> Self {
        Self { responder, asked: *asked, limit_octets: asked.limit_octets(question), troubles: Mutex::default() }
    }

    /// The same for a question that goes on without the client.
    pub(super) fn aside(&self) -> Self {
        let Self { responder, asked, limit_octets, .. } = self;
        Self { responder: responder.clone(), asked: *asked, limit_octets: *limit_octets, troubles: Mutex::default() }
    }

    /// What a client would hear that asks this: where a name leads to another one.
    pub(super) fn hop(&self, query: Query, hops_left: usize) -> Boxed<'_> {
        Box::pin(async move {
            let Some(hops_left) = hops_left.checked_sub(1) else { return Err(self.endless(&query)) };
            self.lead(None, query, hops_left).await
        })
    }

    /// What the tables lead to, those of the route that it is `behind`, if it is.
    pub(super) async fn lead(&self, behind: Option<usize>, query: Query, hops_left: usize) -> Heard {
        loop {
            let lead = led::look(&self.responder, &query, &self.asked, behind);
            return match lead.ok_or_else(|| Unsaid::unfit(Books::default()))? {
                Lead::Said(reply, books) => Ok(self.own(reply, books)),
                Lead::Ask(route) => self.ask(route, query).await,
                Lead::Wait => {
                    self.responder.starting.over().await;
                    continue;
                }
                Lead::Early(route) => self.led_early(route, query, hops_left).await,
                Lead::Chase { partial, target, books } => {
                    // Whatever becomes of the target, the alias exists (behaviour A4).
                    let Some(rest) = self.followed_to(query.about(&target), hops_left).await else {
                        return Ok(self.own(partial, books));
                    };
                    let joined = led::joined(&partial, &rest.reply, rest.shown.ttl);
                    Ok(self.own(joined.unwrap_or(partial), Books { looked: rest.books.looked, ..books }))
                }
                Lead::Complete { candidates, miss, books } => {
                    self.complete(&query, candidates, miss, books, hops_left).await
                }
            };
        }
    }

    /// Few questions have stages in front of the tables: those of others need no room for it.
    fn led_early(&self, route: usize, query: Query, hops_left: usize) -> Boxed<'_> {
        Box::pin(self.early(route, query, hops_left))
    }

    /// What a CNAME leads to, unless that fails.
    pub(super) async fn followed_to(&self, query: Query, hops_left: usize) -> Option<Said> {
        match self.hop(query.clone(), hops_left).await {
            Ok(said) => Some(said),
            Err(unsaid) => {
                self.note(&query, unsaid);
                None
            }
        }
    }

    /// The first of the names that exists, whatever its types, is what was meant.
    async fn complete(
        &self,
        query: &Query,
        candidates: Vec<Vec<u8>>,
        miss: Foreign,
        books: Books,
        hops_left: usize,
    ) -> Heard {
        for candidate in candidates {
            // Whatever answers, the question is one of the server that it came to.
            let of_here = |unsaid: Unsaid| Unsaid { books: Books { route: books.route, ..unsaid.books }, ..unsaid };
            let said = self.hop(query.about(&candidate), hops_left).await.map_err(of_here)?;
            if said.reply.rcode() == code::NXDOMAIN {
                continue;
            }
            let aliased = led::aliased(query, &candidate, &said.reply, said.shown.ttl);
            let reply = Arc::new(aliased.ok_or_else(|| Unsaid::unfit(books))?);
            return Ok(Said { reply, shown: Shown { ttl: Ttl::AsIs, ..said.shown }, books });
        }
        Ok(self.own(miss, Books { finished: Some(Finished::Nowhere), ..books }))
    }

    /// A reply that was made here passes the cache of its server, which keeps none of it and limits its TTLs.
    pub(super) fn own(&self, reply: Foreign, books: Books) -> Said {
        let server = books.route.map(|route| self.responder.server(route));
        let cache = server.and_then(|server| server.stages.cache.as_deref());
        // One for some zones only is for those of others.
        let cache = cache.filter(|cache| cache.options().zones.is_empty());
        let ttl = cache.map_or(Ttl::AsIs, |cache| Ttl::All(cache.ttl_secs(&reply)));
        Said { shown: Shown { ttl, ..reply.as_it_came() }, reply: Arc::new(reply), books }
    }

    // ----------- Others ----------------------------------------------------

    async fn ask(&self, route: usize, query: Query) -> Heard {
        let server = self.responder.server(route);
        let mut name = QueryName::new();
        let question = query.read(&mut name);
        if server.stages.loops.as_ref().is_some_and(|loops| loops.returned(&name, question.qtype)) {
            return Err(Unsaid::came_back(route));
        }
        let Some(cache) = &server.stages.cache else { return self.fetch(route, &query, &question, &name).await };
        match cache.look(&question, &name, Instant::now()) {
            Look::Hit(mut hit) => {
                self.renew_aside(route, query, hit.refresh.take());
                Ok(Said::kept(hit, route))
            }
            Look::Stale(hit) => Ok(Box::pin(self.stale(cache, route, query, hit)).await),
            Look::Miss => match self.fetch(route, &query, &question, &name).await {
                Err(unsaid) => match cache.fallback(&question, &name, Instant::now()) {
                    Some(hit) => Ok(Said::stale(cache, hit, route)),
                    None => {
                        Err(Unsaid { books: Books { looked: Looked::missed(cache, &name), ..unsaid.books }, ..unsaid })
                    }
                },
                said => said,
            },
        }
    }

    /// Renews what a cache has for the next client, and lets nobody wait for it.
    pub(super) fn renew_aside(&self, route: usize, query: Query, refresh: Option<Refresh>) {
        if let Some(refresh) = refresh {
            let onward = self.aside();
            tokio::spawn(async move { drop(onward.renew(route, query, refresh).await) });
        }
    }

    /// Asks upstreams for what a cache has. None where that remains the better answer.
    pub(super) async fn renew(&self, route: usize, query: Query, refresh: Refresh) -> Option<Said> {
        let server = self.responder.server(route);
        let mut name = QueryName::new();
        let question = query.read(&mut name);
        // It is for clients of any size.
        let reply = self.forward(server, &query, &question, &name, route, REPLY_OCTETS_MAX).await.ok();
        let cache = server.stages.cache.as_ref()?;
        let shown = cache.renew(refresh, &question, &name, reply.as_ref(), Instant::now())?;
        Some(Said { reply: reply?, shown, books: Books { looked: Some(Looked::Missed), ..Books::of(route) } })
    }

    /// Asks upstreams, and keeps what they say.
    async fn fetch(&self, route: usize, query: &Query, question: &Question<'_>, name: &QueryName) -> Heard {
        let server = self.responder.server(route);
        let reply = self.forward(server, query, question, name, route, self.limit_octets).await?;
        let (shown, looked) = match &server.stages.cache {
            Some(cache) if cache::is_for_all(question) => {
                (cache.keep(question, name, &reply, Instant::now()), Looked::missed(cache, name))
            }
            _ => (reply.as_it_came(), None),
        };
        Ok(Said { reply, shown, books: Books { looked, ..Books::of(route) } })
    }

    /// Asks the forwarders that take the name, one after the other where one hands on.
    async fn forward(
        &self,
        server: &Server,
        query: &Query,
        question: &Question<'_>,
        name: &QueryName,
        route: usize,
        reply_octets_max: usize,
    ) -> Result<Arc<Foreign>, Unsaid> {
        let over = match self.asked.transport {
            Transport::Udp => Over::Udp,
            Transport::Tcp => Over::Tcp,
        };
        let asking = Asking { query: query.message(), over, reply_octets_max };
        if self.responder.plan().offline {
            return Err(Unsaid::nobody(route, server.unanswered));
        }
        let mut takers = server.stages.takers(name).peekable();
        while let Some(forwarder) = takers.next() {
            let answer = forwarder.ask(&asking).await.map_err(|failure| Unsaid::failed(&failure, route))?;
            if takers.peek().is_some() && forwarder.hands_on(&answer) {
                continue;
            }
            return Foreign::read(&answer.message, question).map(Arc::new).map_err(|_| Unsaid::unfit(Books::of(route)));
        }
        Err(Unsaid::nobody(route, server.unanswered))
    }

    // ----------- The reply -------------------------------------------------

    fn written(&self, question: &Question<'_>, heard: Heard) -> Resumed {
        let limit_octets = self.limit_octets;
        let options = question.edns.map_or(0, |edns| edns.options.len());
        let (mut reply, rcode, books, octets);
        match heard {
            Ok(said) => {
                let rotates = said.books.route.is_some_and(|route| self.responder.server(route).rotate);
                let shown = Shown { turn: rotates.then(|| fastrand::u32(..)), ..said.shown };
                reply = vec![0; (said.reply.octets() + options + OPT_OCTETS).min(REPLY_OCTETS_MAX)];
                octets = said.reply.write(question, &shown, limit_octets, &mut reply);
                (rcode, books) = (said.reply.rcode(), said.books);
            }
            Err(unsaid) => {
                reply = vec![0; question.name.len() + options + 2 * OPT_OCTETS];
                let mut targets = Targets::default();
                let mut failure = Reply::new(question, limit_octets, &mut targets, &mut reply);
                let why = self.responder.plan().tells_why.then_some(unsaid.why);
                octets = failure.finish(question, 0, unsaid.rcode, why);
                (rcode, books) = (unsaid.rcode, unsaid.books);
                self.note(&Query::onward(question), unsaid);
            }
        }
        reply.truncate(octets);
        let outcome = Outcome {
            rcode,
            route: books.route,
            qtype: question.qtype,
            dnssec_ok: question.edns.is_some_and(|edns| edns.dnssec_ok),
            finished: books.finished,
            looked: books.looked,
            by: books.by,
            reply_octets: octets,
        };
        Resumed { reply, outcome, troubles: self.troubles() }
    }
}

impl Said {
    /// Something that had run out, used all the same.
    pub(super) fn stale(cache: &Cache, hit: Hit, route: usize) -> Self {
        cache.count_stale();
        Self::kept(hit, route)
    }

    fn kept(hit: Hit, route: usize) -> Self {
        let looked = Some(Looked::of(&hit));
        Self { reply: hit.reply, shown: hit.shown, books: Books { looked, by: By::Cache, ..Books::of(route) } }
    }
}

impl Unsaid {
    fn failed(failure: &Failure, route: usize) -> Self {
        let why = if failure.rcode() == code::REFUSED { Why::Busy } else { Why::NoReply };
        Self { rcode: failure.rcode(), why, error: Some(failure.to_string()), books: Books::of(route) }
    }

    fn came_back(route: usize) -> Self {
        let error = Some("the question came back from an upstream".into());
        Self { rcode: code::REFUSED, why: Why::Loop, error, books: Books::of(route) }
    }

    pub(super) fn unfit(books: Books) -> Self {
        let error = Some("an upstream's reply does not hold together".into());
        Self { rcode: code::SERVFAIL, why: Why::NoReply, error, books }
    }

    pub(super) fn endless(books: Books) -> Self {
        let error = Some(format!("a name leads to another one more than {HOPS_MAX} times"));
        Self { rcode: code::SERVFAIL, why: Why::Target, error, books }
    }

    fn nobody(route: usize, rcode: u16) -> Self {
        Self { rcode, why: Why::NotServed, error: Some("no next plugin found".into()), books: Books::of(route) }
    }
}

impl Books {
    pub(super) fn of(route: usize) -> Self {
        Self::by(By::Forward, route)
    }

    pub(super) fn by(by: By, route: usize) -> Self {
        Self { route: Some(route), by, ..Self::default() }
    }
}
