//! What is kept, how long, and what replaces what (behaviour E3).

use std::{
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{Cache, Entry, Refresh, key::Asked, may_be_authenticated};
use crate::answers::{
    code,
    foreign::{Foreign, Kind, Shown, Ttl},
    question::{QueryName, Question},
};

/// What a reply is to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It has records, or leads to who has.
    Success,
    /// It says that there is nothing.
    Denial,
    /// An error of the server's.
    Failure,
    /// Anything else.
    Other,
}

impl Class {
    pub(super) fn of(reply: &Foreign) -> Self {
        match reply.kind() {
            // A chain of CNAMEs that leads to nothing, and a SOA that says so.
            Kind::NoError if reply.has_soa() && is_dangling(reply) => Self::Denial,
            Kind::NoError | Kind::Delegation => Self::Success,
            Kind::NameError | Kind::NoData => Self::Denial,
            Kind::ServerError => Self::Failure,
            Kind::Meta | Kind::OtherError => Self::Other,
        }
    }

    pub(super) fn is_denial(self) -> bool {
        matches!(self, Self::Denial | Self::Failure)
    }
}

impl Cache {
    /// Takes a reply that upstreams gave to a question, keeps it if it is to be kept, and says how it is shown.
    pub fn keep(&self, question: &Question<'_>, name: &QueryName, reply: &Arc<Foreign>, now: Instant) -> Shown {
        self.store(question, name, reply, None, now)
    }

    /// Ends what [`Hit::refresh`](super::Hit::refresh) began: `reply` is what upstreams gave, if they did. How the
    /// reply is shown; none: what is stale remains the better answer.
    pub fn renew(
        &self,
        refresh: Refresh,
        question: &Question<'_>,
        name: &QueryName,
        reply: Option<&Arc<Foreign>>,
        now: Instant,
    ) -> Option<Shown> {
        let shown = reply.and_then(|reply| {
            let renews = !refresh.stale || self.renews(reply);
            let is_kept = renews || self.options.prefer_positive && !reply.is_truncated();
            let shown = is_kept.then(|| self.store(question, name, reply, Some(&refresh), now));
            shown.filter(|_| renews)
        });
        // A prefetch may end when the entry has run out: whoever waits for it then is to have no worse than that.
        refresh.end(reply.filter(|reply| shown.is_some() && self.renews(reply)), now);
        shown
    }

    /// How a reply is shown that upstreams gave to a question, whoever asked them.
    pub fn shown(&self, question: &Question<'_>, reply: &Foreign) -> Shown {
        shown(question, reply, self.ttl_secs(reply))
    }

    /// What the TTL of all records of a reply becomes on its way through this cache, whoever made it.
    pub fn ttl_secs(&self, reply: &Foreign) -> u32 {
        match (Class::of(reply), reply.kind()) {
            (Class::Failure, _) => self.options.servfail.as_secs() as u32,
            (Class::Denial, _) => self.clamp_secs(reply.denial_ttl_secs().unwrap_or(BARE_TTL_SECS), true),
            (_, Kind::NoError) => self.clamp_secs(reply.min_ttl_secs().unwrap_or(BARE_TTL_SECS), false),
            _ => self.clamp_secs(BARE_TTL_SECS, false),
        }
    }

    fn clamp_secs(&self, ttl_secs: u32, is_denial: bool) -> u32 {
        let kept = if is_denial { &self.options.denial } else { &self.options.success };
        ttl_secs.max(kept.ttl_secs_min).min(kept.ttl_secs_max)
    }

    /// Whether a reply may take the place of a stale one (RFC 8767 section 4).
    fn renews(&self, reply: &Foreign) -> bool {
        if reply.is_truncated() || Class::of(reply) == Class::Other {
            return false;
        }
        if self.options.prefer_positive {
            return Class::of(reply) == Class::Success && reply.answers_question();
        }
        matches!(reply.rcode(), code::NOERROR | code::NXDOMAIN)
    }

    fn store(
        &self,
        question: &Question<'_>,
        name: &QueryName,
        reply: &Arc<Foreign>,
        refresh: Option<&Refresh>,
        now: Instant,
    ) -> Shown {
        if !self.covers(name) {
            return reply.as_it_came();
        }
        let class = Class::of(reply);
        let ttl_secs = self.ttl_secs(reply);
        let disabled = if class.is_denial() { &self.disable_denial } else { &self.disable_success };
        if ttl_secs > 0 && is_kept(class, reply) && !disabled.has(name) {
            let entry = Entry::new(reply.clone(), ttl_secs, now);
            if let Some(refresh) = refresh {
                entry.inherit(&refresh.entry);
            }
            let asked = Asked::new(question, name);
            if !reply.is_to(question) {
                self.drops.fetch_add(1, Ordering::Relaxed);
            } else if class.is_denial() {
                self.store_denial(&asked, entry);
            } else {
                self.store_success(&asked, entry, refresh.is_some());
            }
        }
        shown(question, reply, ttl_secs)
    }

    fn store_success(&self, asked: &Asked<'_>, mut entry: Entry, is_renewed: bool) {
        let is_answering = entry.reply.answers_question();
        if self.options.prefer_positive
            && !is_answering
            && let Some(older) = self.success.peek(asked)
        {
            entry.remember(&older);
        }
        let entry = Arc::new(entry);
        self.success.insert(asked, entry.clone());
        let replaces_denial = if self.options.prefer_positive { is_answering } else { is_renewed };
        if replaces_denial {
            self.denial.remove(asked);
        } else if self.denial.peek(asked).is_some() {
            entry.shadow();
        }
    }

    fn store_denial(&self, asked: &Asked<'_>, entry: Entry) {
        self.denial.insert(asked, Arc::new(entry));
        if let Some(positive) = self.success.peek(asked) {
            positive.shadow();
        }
    }
}

fn shown(question: &Question<'_>, reply: &Foreign, ttl_secs: u32) -> Shown {
    let authenticated = may_be_authenticated(question) && reply.is_authenticated();
    Shown { authenticated, ttl: Ttl::All(ttl_secs), ..reply.as_it_came() }
}

fn is_kept(class: Class, reply: &Foreign) -> bool {
    match class {
        _ if reply.is_truncated() => false,
        Class::Success => !is_dangling(reply),
        Class::Denial => reply.has_soa(),
        Class::Failure => true,
        Class::Other => false,
    }
}

/// Whether there are records, but none of what was asked for.
fn is_dangling(reply: &Foreign) -> bool {
    reply.answers() > 0 && !reply.answers_question()
}

/// Of a reply whose records do not tell.
const BARE_TTL_SECS: u32 = 5;
