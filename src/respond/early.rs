//! The part of a query's path in front of the tables: stages that touch few questions, and take their time.
//!
//! ```text
//! rewrite ─► template ─► hosts ─┬─► the tables of the same server, and what they lead to
//!    ▲                          └─► a reply, or none
//!    └─ restores what it has changed
//! ```
//!
//! What they leave alone goes on as if they were not there.

use std::{mem, sync::Arc};

use hickory_proto::{
    op::{Edns, Message},
    rr::{
        Name, RData, Record,
        rdata::{CNAME, opt::EdnsOption},
    },
    serialize::binary::{BinDecodable, BinEncodable},
};

use super::{
    By, Transport,
    led::{self, Books},
    onward::{Heard, Onward, Said, Unsaid},
    query::Query,
};
use crate::{
    answers::{
        code,
        foreign::{Foreign, Shown, Ttl},
        question::{QueryName, Question},
        why::Why,
    },
    stages::{
        Early, Inquiry, Verdict,
        rewrite::{Restore, Rewritten},
    },
};

impl Onward {
    /// Asks the stages in front of the tables of this route's server, then the tables.
    pub(super) async fn early(&self, route: usize, query: Query, hops_left: usize) -> Heard {
        match self.rewritten(route, &query) {
            Err(error) => Err(Unsaid::stopped(Books::by(By::Rewrite, route), Some(error))),
            Ok(None) => self.behind(route, query, hops_left).await,
            Ok(Some(Rewritten { name, qtype, qclass, options, restores, .. })) => {
                let changed = query.changed(&name, [qtype, qclass], options.as_deref());
                match self.behind(route, changed.clone(), hops_left).await {
                    Ok(said) => self.restored(&query, &changed, said, &restores, hops_left).await,
                    Err(unsaid) => {
                        let rcode = restores.iter().fold(unsaid.rcode, |rcode, restore| restore.rcode(rcode));
                        Err(Unsaid { rcode, ..unsaid })
                    }
                }
            }
        }
    }

    /// Behind what changes questions.
    async fn behind(&self, route: usize, query: Query, hops_left: usize) -> Heard {
        let Early { templates, hosts, .. } = &self.responder.server(route).stages.early;
        let (by_template, by_hosts) = (Books::by(By::Template, route), Books::by(By::Hosts, route));
        let verdict = self.asked_of(templates.as_deref(), &query, |templates, inquiry| templates.answer(inquiry));
        match verdict {
            Verdict::Reply(reply) => return self.followed(&query, self.own(reply, by_template), hops_left).await,
            Verdict::Fail(error) => return Err(Unsaid::stopped(by_template, error)),
            Verdict::Pass => {}
        }
        let hosts =
            self.asked_of(hosts.as_deref(), &query, |hosts, inquiry| hosts.answer(inquiry.name, inquiry.question));
        match hosts {
            Verdict::Reply(reply) => Ok(self.own(reply, by_hosts)),
            Verdict::Fail(error) => Err(Unsaid::stopped(by_hosts, error)),
            Verdict::Pass => self.lead(Some(route), query, hops_left).await,
        }
    }

    /// Asks a stage, if it is there.
    fn asked_of<S>(&self, stage: Option<&S>, query: &Query, ask: impl FnOnce(&S, &Inquiry<'_>) -> Verdict) -> Verdict {
        let Some(stage) = stage else { return Verdict::Pass };
        let mut name = QueryName::new();
        let question = query.read(&mut name);
        ask(stage, &self.inquiry(&question, &name))
    }

    /// The reply of a template. Whoever asks for addresses gets those that its CNAMEs lead to, as far as there are any.
    async fn followed(&self, query: &Query, said: Said, hops_left: usize) -> Heard {
        let mut name = QueryName::new();
        let qtype = query.read(&mut name).qtype;
        let unfit = || Unsaid::unfit(said.books);
        let mut message = shown(&said).ok_or_else(unfit)?;
        let leads_on = |record: &Record| matches!(record.data, RData::CNAME(_));
        if !matches!(qtype, code::A | code::AAAA) || !message.answers.iter().any(leads_on) {
            return Ok(said);
        }
        for record in mem::take(&mut message.answers) {
            let target = match &record.data {
                RData::CNAME(target) => Some(target.0.to_bytes().map_err(|_| unfit())?),
                _ => None,
            };
            message.answers.push(record);
            if let Some(target) = target
                && let Some(rest) = self.followed_to(query.about(&target), hops_left).await
            {
                message.metadata.truncation |= rest.reply.is_truncated();
                message.answers.extend(shown(&rest).ok_or_else(unfit)?.answers);
            }
        }
        let reply = Foreign::from_message(&message).map_err(|_| unfit())?;
        Ok(self.own(reply, said.books))
    }

    /// What stages may want to know.
    pub(super) fn inquiry<'q>(&self, question: &'q Question<'q>, name: &'q QueryName) -> Inquiry<'q> {
        let port = self.responder.plan().listeners[self.asked.listener].address.port();
        let over_tcp = self.asked.transport == Transport::Tcp;
        Inquiry { question, name, client: self.asked.client, over_tcp, port, listener: self.asked.listener }
    }

    // ----------- Rewriting -------------------------------------------------

    pub(super) fn rewritten(&self, route: usize, query: &Query) -> Result<Option<Rewritten>, String> {
        let Some(rewriter) = &self.responder.server(route).stages.early.rewriter else { return Ok(None) };
        let mut name = QueryName::new();
        let question = query.read(&mut name);
        rewriter.apply(&self.inquiry(&question, &name))
    }

    /// The reply to a question that had become another one, as one to the question.
    async fn restored(
        &self,
        query: &Query,
        changed: &Query,
        said: Said,
        restores: &[Restore],
        hops_left: usize,
    ) -> Heard {
        let unfit = || Unsaid::unfit(said.books);
        let mut message = shown(&said).ok_or_else(unfit)?;
        message.queries = Message::from_vec(query.message()).map_err(|_| unfit())?.queries;
        for restore in restores {
            if let Restore::Target(rename) = restore
                && let Some((index, target)) = rename.target(&message)
            {
                // Where there is nothing, the reply stays.
                if let Some(rest) = self.followed_to(changed.about(&target), hops_left).await {
                    retarget(&mut message, index, &target, &rest).ok_or_else(unfit)?;
                }
            }
            restore.apply(&mut message).ok_or_else(unfit)?;
        }
        let reply = Foreign::from_message(&message).map_err(|_| unfit())?;
        Ok(Said { shown: Shown { ttl: Ttl::AsIs, ..said.shown }, reply: Arc::new(reply), books: said.books })
    }
}

/// A reply as a client would see it, with the reason that its upstream gave.
fn shown(said: &Said) -> Option<Message> {
    let mut message = led::as_shown(&said.reply, said.shown.ttl)?;
    if let Some((info, text)) = said.reply.error() {
        let data = [&info.to_be_bytes(), text].concat();
        let edns = message.edns.get_or_insert_with(Edns::new);
        edns.options_mut().insert(EdnsOption::Unknown(code::EXTENDED_ERROR, data));
    }
    Some(message)
}

/// Up to this CNAME the chain stays; it points at another name, whose records follow.
fn retarget(message: &mut Message, index: usize, target: &[u8], rest: &Said) -> Option<()> {
    message.answers.truncate(index + 1);
    message.answers[index].data = RData::CNAME(CNAME(Name::from_bytes(target).ok()?));
    message.answers.retain(|record| matches!(record.data, RData::CNAME(_)));
    message.answers.extend(shown(rest)?.answers);
    message.metadata.truncation = rest.reply.is_truncated();
    Some(())
}

impl Unsaid {
    /// A stage that hands on nothing has nothing.
    fn stopped(books: Books, error: Option<String>) -> Self {
        Self { rcode: code::SERVFAIL, why: Why::Stopped, error, books }
    }
}
