//! What is said of a query on its way: where it came from, how its reply ends, what became of it.

use std::net::SocketAddr;

use super::REPLY_OCTETS_MAX;
use crate::{
    answers::{
        code,
        find::{Found, soa},
        question::{QueryName, Question},
        sink::Sink,
        why::Why,
    },
    cache::{Cache, Hit, Refresh},
    records::view::View,
    search::finish::Finished,
};

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

/// A question and its reply, for those who look on.
#[derive(Clone, Copy, Debug)]
pub struct Exchange<'m> {
    /// Where the question came from.
    pub asked: &'m Asked,
    /// Its message.
    pub query: &'m [u8],
    /// The reply, or the first of its messages.
    pub reply: &'m [u8],
    /// What became of it.
    pub outcome: &'m Outcome,
}

/// What carries a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A datagram: replies have the client's size.
    Udp,
    /// A stream.
    Tcp,
}

/// How far a packet came without waiting.
#[derive(Debug)]
pub enum Begun {
    /// Its reply is written.
    Answered(Outcome),
    /// The same, and a cache wants it to be asked again for the next client: see [`Responder::refresh`](super::Responder::refresh).
    Aging(Outcome, Refresh),
    /// There is no reply to it.
    Ignored,
    /// Others have to be asked: see [`Responder::resume`](super::Responder::resume).
    Waits(Ahead),
}

/// Where a question that waits goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ahead {
    /// Where it began.
    Anew,
    /// The tables leave it to the stages of this route's server.
    Stages(usize),
}

/// What became of a packet. Metrics and logs are made of this and [`Asked`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
    /// Whether it was looked for in a cache, and found.
    pub looked: Option<Looked>,
    /// Who had the answer.
    pub by: By,
    /// Octets of the reply.
    pub reply_octets: usize,
}

/// What a cache said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// It had records.
    Success,
    /// It had a negative reply, or a failure.
    Denial,
    /// It had nothing.
    Missed,
}

/// Who had an answer: what metrics call `plugin`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// The tables, or nobody: it was turned away.
    #[default]
    Tables,
    /// A cache.
    Cache,
    /// Upstreams, or nobody of those that were asked.
    Forward,
    /// A rule for questions, which made none of one.
    Rewrite,
    /// A template.
    Template,
    /// A hosts file, or the entries beside it.
    Hosts,
}

/// A question that failed, for the log: a client's own, or one that was asked on its account.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Its message.
    pub query: Vec<u8>,
    /// What became of it.
    pub outcome: Outcome,
    /// What went wrong.
    pub error: String,
}

/// How a reply ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ending {
    pub(crate) rcode: u16,
    pub(crate) authoritative: bool,
    pub(crate) route: Option<usize>,
    pub(crate) next: Next,
    /// Why there are no records, for a client that can be told.
    pub(crate) why: Option<Why>,
    /// What became of a name that was not finished.
    pub(crate) finished: Option<Finished>,
}

/// What is to be done behind the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: this is the reply.
    Nothing,
    /// The whole zone is to be sent. Only a stream comes to this.
    Transfer,
    /// The stages in front of the tables may touch it.
    Early,
    /// The stages of the route's server are to be asked.
    Ask,
    /// They have what the last CNAME points at.
    Chase,
    /// They may have the name that a search list has begun with.
    Complete,
    /// The tables may have it in a moment: the cluster is being read.
    Wait,
}

/// A reply that was written from the tables.
pub(crate) struct Written {
    pub(crate) ending: Ending,
    pub(crate) octets: usize,
    pub(crate) limit_octets: usize,
}

impl Next {
    /// Whether others have to be asked.
    pub(crate) fn waits(self) -> bool {
        matches!(self, Self::Early | Self::Ask | Self::Chase | Self::Complete | Self::Wait)
    }
}

impl Ending {
    /// A reply without records, of which nobody else is the authority either.
    #[inline]
    pub(crate) fn plain(rcode: u16, route: Option<usize>) -> Self {
        Self { rcode, authoritative: false, route, next: Next::Nothing, why: None, finished: None }
    }

    /// The reply to a question of which this was found; a negative one gets its SOA.
    #[inline]
    pub(crate) fn found<S: Sink>(
        found: Found,
        view: &View,
        tells: bool,
        why: impl FnOnce() -> Why,
        sink: &mut S,
    ) -> Self {
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
        let next = match found {
            Found::Chase => Next::Chase,
            Found::Unknown => Next::Wait,
            _ => Next::Nothing,
        };
        Self { authoritative, why, next, ..Self::plain(rcode, None) }
    }
}

impl Asked {
    /// The size that the reply may have.
    #[inline]
    pub(crate) fn limit_octets(&self, question: &Question<'_>) -> usize {
        match self.transport {
            Transport::Udp => question.udp_limit_octets(),
            Transport::Tcp => REPLY_OCTETS_MAX,
        }
    }
}

impl By {
    /// All of them, in their order.
    pub const ALL: [Self; 6] = [Self::Tables, Self::Cache, Self::Forward, Self::Rewrite, Self::Template, Self::Hosts];

    /// CoreDNS's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tables => "kubernetes",
            Self::Cache => "cache",
            Self::Forward => "forward",
            Self::Rewrite => "rewrite",
            Self::Template => "template",
            Self::Hosts => "hosts",
        }
    }
}

impl Looked {
    /// All of them, in their order.
    pub const ALL: [Self; 3] = [Self::Success, Self::Denial, Self::Missed];

    /// What was found.
    pub(crate) fn of(hit: &Hit) -> Self {
        if hit.is_denial { Self::Denial } else { Self::Success }
    }

    /// There was nothing; and names that do not pass the cache were not looked for.
    pub(crate) fn missed(cache: &Cache, name: &QueryName) -> Option<Self> {
        cache.covers(name).then_some(Self::Missed)
    }
}

impl Written {
    /// This is the reply.
    #[inline]
    pub(crate) fn answered(&self, question: &Question<'_>) -> Begun {
        Begun::Answered(Outcome::of(question, &self.ending, self.octets))
    }
}

impl Outcome {
    pub(crate) fn rejected(rcode: u16, reply_octets: usize) -> Self {
        Self { rcode, reply_octets, ..Self::default() }
    }

    #[inline]
    pub(crate) fn of(question: &Question<'_>, ending: &Ending, reply_octets: usize) -> Self {
        let dnssec_ok = question.edns.is_some_and(|edns| edns.dnssec_ok);
        let Ending { rcode, route, finished, .. } = *ending;
        Self { rcode, route, qtype: question.qtype, dnssec_ok, finished, reply_octets, ..Self::default() }
    }
}
