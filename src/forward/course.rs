//! One question's way through the upstreams.
//!
//! ```text
//! order ─► first ──── reply ─────────────────────────────────► answer
//!            │ later than usual         fails, or an rcode of `failover`
//!            └─► second, beside it        └─► the next, while there are attempts and time
//! ```
//!
//! The second is the **hedge**: at most one for a question, and few in all ([`Budget`](super::budget)).
//! It is free where the first upstream has not answered the last questions either: then it is no
//! guess but the way around it.

use std::{pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::{Either, select};
use tokio::time::{Instant, timeout_at};

use super::{
    asking::{Answer, Failure, Over},
    core::{Core, Set},
    health,
    line::{Line, Lost, Why},
    message::{self, Query},
    options::Transport,
    order::{Order, Standing},
    upstream::{Upstream, is_useful},
};

/// A question as each upstream gets it.
#[derive(Clone)]
pub(super) struct Question {
    pub(super) query: Query,
    pub(super) over: Over,
    /// Whether a reply that was cut is fetched over TCP.
    whole: bool,
    read_timeout: Duration,
    begun: Instant,
}

/// Who comes next.
struct Steps {
    order: Order,
    step: usize,
    attempts_left: usize,
    has_hedged: bool,
}

/// What an upstream made of it.
type Reply<L> = (Arc<Upstream<L>>, Result<Bytes, Lost>);

/// How long a question may take: CoreDNS's.
const QUESTION_TIMEOUT: Duration = Duration::from_secs(5);
/// Upstreams are tried so often at most, however often they fail at once.
const ATTEMPTS_MAX: usize = 64;
/// The only upstream is asked once more where a packet may have been lost, not where it looks something up.
const SAME_AGAIN_MIN: Duration = Duration::from_millis(300);

impl Question {
    /// How it is asked: what the client used counts, and what the options say of that.
    pub(super) fn new(query: Query, over: Over, takes_more: bool, core: &Core<impl Line>) -> Self {
        let options = &core.options;
        let asked_over = match options.transport {
            Transport::AsClient => over,
            Transport::ForceTcp => Over::Tcp,
            Transport::PreferUdp => Over::Udp,
        };
        let whole = over == Over::Tcp || options.transport == Transport::PreferUdp || takes_more;
        Self { query, over: asked_over, whole, read_timeout: options.read_timeout, begun: Instant::now() }
    }

    fn deadline(&self) -> Instant {
        self.begun + QUESTION_TIMEOUT
    }

    /// Asks one upstream, now.
    async fn ask<L: Line>(&self, upstream: Arc<Upstream<L>>, now: Instant) -> Reply<L> {
        upstream.counters.requests.add();
        let mut waiting = Waiting { upstream: &upstream, begun: now, is_over: false };
        let until = self.deadline().min(waiting.begun + self.read_timeout);
        let reply = upstream.line.exchange(&self.query, self.over, until).await;
        waiting.is_over = true;
        let now = Instant::now();
        match &reply {
            Ok(message) => upstream.replied(message::rcode(message), now - waiting.begun, now),
            Err(lost) if upstream.lost(lost.why) => health::check(&upstream),
            Err(_) => {}
        }
        let reply = match reply {
            Ok(cut) if self.whole && self.over == Over::Udp && message::is_truncated(&cut) => {
                // What there is says TC: who can take no more loses nothing.
                Ok(Box::pin(upstream.line.exchange(&self.query, Over::Tcp, until)).await.unwrap_or(cut))
            }
            reply => reply,
        };
        drop(waiting);
        (upstream, reply)
    }
}

/// Tells the upstream's latency how long was waited, where nobody waits for the reply any more.
struct Waiting<'u, L> {
    upstream: &'u Upstream<L>,
    begun: Instant,
    is_over: bool,
}

impl<L> Drop for Waiting<'_, L> {
    fn drop(&mut self) {
        if !self.is_over {
            self.upstream.latency.is_at_least(self.begun.elapsed());
        }
    }
}

/// Asks until there is an answer, or nobody left to ask.
pub(super) async fn run<L: Line>(core: &Core<L>, question: Question) -> Result<Answer, Failure> {
    let set = core.upstreams.load_full();
    let mut now = question.begun;
    let standings = set.standings(now);
    let standings = &standings[..set.0.len()];
    let mut steps = Steps::new(core, standings)?;
    core.budget.earn();
    probe(core, &set, standings, &question, now);
    let mut failure = Failure::AllDown;
    let mut to_fail_over = set.0.len();
    let mut passed_over = None;
    while let Some(upstream) = steps.next(&set, &question, now) {
        let (upstream, reply) = ask_or_hedge(core, &set, &mut steps, &question, upstream, now).await;
        let upstream = upstream.target.address;
        match reply {
            Ok(message) => {
                let answer = Answer { message, upstream };
                to_fail_over -= 1;
                if to_fail_over == 0 || !core.options.failover.contains(&answer.rcode()) {
                    return Ok(answer);
                }
                passed_over = Some(answer);
            }
            Err(Lost { why: Why::Mismatched, .. }) => failure = Failure::Mismatch { upstream },
            Err(lost) => failure = Failure::NoReply { upstream, why: lost.text },
        }
        now = Instant::now();
    }
    passed_over.ok_or(failure)
}

/// Asks an upstream now, and another beside it if its reply is late.
async fn ask_or_hedge<L: Line>(
    core: &Core<L>,
    set: &Set<L>,
    steps: &mut Steps,
    question: &Question,
    upstream: Arc<Upstream<L>>,
    now: Instant,
) -> Reply<L> {
    let same_again = steps.order.len() == 1;
    let patience = match upstream.latency.patience() {
        patience if same_again => patience.max(SAME_AGAIN_MIN),
        patience => patience,
    };
    let mut first = pin!(question.ask(upstream.clone(), now));
    if let Ok(reply) = timeout_at(now + patience, &mut first).await {
        return reply;
    }
    if upstream.is_late() {
        health::check(&upstream);
    }
    let Some(second) = steps.hedge(core, set, &upstream) else { return first.await };
    // Few questions have one.
    let second = Box::pin(question.ask(second, Instant::now()));
    match select(first, second).await {
        Either::Left((reply, _)) if is_good(&reply) => reply,
        Either::Left((reply, second)) => better(second.await, reply),
        Either::Right((reply, _)) if is_good(&reply) => {
            core.counters.hedges_won.add();
            reply
        }
        Either::Right((reply, first)) => better(first.await, reply),
    }
}

/// Copies the question to an upstream that is asked last: its client does not wait for that one.
fn probe<L: Line>(core: &Core<L>, set: &Set<L>, standings: &[Standing], question: &Question, now: Instant) {
    let Some(upstream) = set.due_for_probe(standings, now).cloned() else { return };
    core.counters.probes.add();
    let question = question.clone();
    upstream.checks.runtime.clone().spawn(async move {
        let mut stop = upstream.stop.clone();
        let asked = pin!(question.ask(upstream, Instant::now()));
        let ended = pin!(stop.changed());
        select(asked, ended).await;
    });
}

impl Steps {
    fn new<L>(core: &Core<L>, standings: &[Standing]) -> Result<Self, Failure> {
        let (order, is_hopeful) = core.order(standings);
        let attempts_max = match core.options.attempts_max {
            None => 2 * standings.len(),
            // CoreDNS: no limit but the time.
            Some(0) => ATTEMPTS_MAX,
            Some(attempts) => attempts.min(ATTEMPTS_MAX),
        };
        let attempts_left = match (order.len(), is_hopeful) {
            (0, _) => return Err(Failure::Looping),
            (_, true) => attempts_max,
            (_, false) => {
                core.counters.healthcheck_broken.add();
                if core.options.fail_fast {
                    return Err(Failure::AllDown);
                }
                1
            }
        };
        Ok(Self { order, step: 0, attempts_left, has_hedged: false })
    }

    fn next<L>(&mut self, set: &Set<L>, question: &Question, now: Instant) -> Option<Arc<Upstream<L>>> {
        if self.attempts_left == 0 || now >= question.deadline() {
            return None;
        }
        self.attempts_left -= 1;
        self.step(set)
    }

    /// Who is asked beside the first, if anyone is. That is no attempt: an upstream that is slower than
    /// its timeout is to be asked as often as without.
    fn hedge<L>(&mut self, core: &Core<L>, set: &Set<L>, first: &Upstream<L>) -> Option<Arc<Upstream<L>>> {
        if self.has_hedged {
            return None;
        }
        let second = set.upstream(self.order.at(self.step)?);
        let is_the_way_around = first.is_silent() && !second.is_silent();
        if !is_the_way_around && !core.budget.spend() {
            core.counters.hedges_withheld.add();
            return None;
        }
        self.has_hedged = true;
        core.counters.hedges.add();
        self.step(set)
    }

    fn step<L>(&mut self, set: &Set<L>) -> Option<Arc<Upstream<L>>> {
        let place = self.order.at(self.step)?;
        self.step += 1;
        Some(set.upstream(place).clone())
    }
}

fn is_good<L>((_, reply): &Reply<L>) -> bool {
    reply.as_ref().is_ok_and(|message| is_useful(message::rcode(message)))
}

/// Of two replies the good one, else the one that is a reply.
fn better<L>(last: Reply<L>, bad: Reply<L>) -> Reply<L> {
    if is_good(&last) || bad.1.is_err() { last } else { bad }
}
