//! What stands in front of the tables: `hosts`, and what CoreDNS's other plugins of its kind do.
//!
//! Most questions are none of its business, and stay on the fast path: [`Early::touches`] says so in a few
//! instructions, without allocation. Whatever may be touched leaves it and takes its time. Answers are pure:
//! files are read beside, and a look-up loads a pointer.

pub mod draft;
pub mod hosts;
pub mod zones;

use std::sync::{Arc, atomic::AtomicBool};

use crate::answers::{
    code,
    foreign::Foreign,
    question::{QueryName, Question},
};
use hosts::Hosts;

/// The stages of a server in front of its tables, in CoreDNS's order.
#[derive(Default)]
pub struct Early {
    /// Names and addresses of files.
    pub hosts: Option<Arc<Hosts>>,
}

/// What a stage makes of a question.
#[derive(Debug)]
pub enum Verdict {
    /// This is the reply.
    Reply(Foreign),
    /// SERVFAIL: the stage is the last that may be asked, and has nothing. Behind it, what went wrong, if anything did.
    Fail(Option<String>),
    /// It is left to the next stage.
    Pass,
}

/// Which of the address questions below some name a stage may touch.
pub enum Reach {
    /// None.
    Nothing,
    /// None while this is not set.
    While(Arc<AtomicBool>),
    /// Any.
    Anything,
}

impl Early {
    /// Whether a question may be touched.
    #[inline]
    pub fn touches(&self, name: &QueryName, question: &Question<'_>) -> bool {
        self.is_there()
            && question.opcode() == code::OPCODE_QUERY
            && !matches!(question.qtype, code::AXFR | code::IXFR)
            && self.looks_at(name, question)
    }

    /// Which questions for addresses of `tree` (wire form, lower case) and below may be touched.
    pub fn reach(&self, tree: &[u8]) -> Reach {
        self.hosts.as_ref().map_or(Reach::Nothing, |hosts| hosts.reach(tree))
    }

    /// The names under which metrics know them.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        [("hosts", self.hosts.is_some())].into_iter().filter_map(|(name, present)| present.then_some(name))
    }

    fn is_there(&self) -> bool {
        self.hosts.is_some()
    }

    fn looks_at(&self, name: &QueryName, question: &Question<'_>) -> bool {
        self.hosts.as_ref().is_some_and(|hosts| hosts.touches(name, question.qtype))
    }
}
