//! What a server has beside its tables, in CoreDNS's order: what stands in front of them, the cache of what others
//! said, and those others.

use std::sync::Arc;

use crate::{
    answers::{
        code,
        question::{QueryName, Question},
    },
    cache::Cache,
    forward::{Forwarder, LoopWatch},
    stages::Early,
};

/// The stages of a server that its tables are no part of.
#[derive(Default)]
pub struct Stages {
    /// What is asked before the tables are.
    pub early: Early,
    /// What others said a while ago.
    pub cache: Option<Arc<Cache>>,
    /// Looks for questions that come back.
    pub loops: Option<Arc<LoopWatch>>,
    /// Who is asked: the first that takes the name.
    pub forward: Vec<Arc<Forwarder>>,
}

impl Stages {
    /// Whether others are asked for a name that the tables have no part in. Only questions are passed on:
    /// no notifications, and no requests for whole zones.
    #[inline]
    pub(crate) fn take(&self, name: &QueryName, question: &Question<'_>) -> bool {
        question.opcode() == code::OPCODE_QUERY
            && !matches!(question.qtype, code::AXFR | code::IXFR)
            && self.forward.iter().any(|forwarder| forwarder.takes(name))
    }

    /// Who is asked for a name, in their order.
    pub(crate) fn takers<'s>(&'s self, name: &'s QueryName) -> impl Iterator<Item = &'s Forwarder> + Send {
        self.forward.iter().map(Arc::as_ref).filter(|forwarder| forwarder.takes(name))
    }

    /// The names under which metrics know them.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let present =
            [("cache", self.cache.is_some()), ("loop", self.loops.is_some()), ("forward", !self.forward.is_empty())];
        self.early.names().chain(present.into_iter().filter_map(|(name, present)| present.then_some(name)))
    }
}
