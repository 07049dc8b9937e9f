//! The part of a query's path in front of the tables: stages that touch few questions, and take their time.
//!
//! What they leave alone goes on as if they were not there, from the tables of the same server on.

use super::{
    led::Books,
    onward::{Heard, Onward, Unsaid},
    query::Query,
};
use crate::{
    answers::{code, question::QueryName, why::Why},
    stages::Verdict,
};

impl Onward {
    /// Asks the stages in front of the tables of this route's server, then the tables.
    pub(super) async fn early(&self, route: usize, query: Query, hops_left: usize) -> Heard {
        match self.verdict(route, &query) {
            Verdict::Reply(reply) => Ok(self.own(reply, Books::of(route))),
            Verdict::Fail(error) => Err(Unsaid::stopped(route, error)),
            Verdict::Pass => self.lead(Some(route), query, hops_left).await,
        }
    }

    fn verdict(&self, route: usize, query: &Query) -> Verdict {
        let mut name = QueryName::new();
        let question = query.read(&mut name);
        let early = &self.responder.server(route).stages.early;
        early.hosts.as_ref().map_or(Verdict::Pass, |hosts| hosts.answer(&name, &question))
    }
}

impl Unsaid {
    /// A stage that hands on nothing has nothing.
    fn stopped(route: usize, error: Option<String>) -> Self {
        Self { rcode: code::SERVFAIL, why: Why::Stopped, error, books: Books::of(route) }
    }
}
