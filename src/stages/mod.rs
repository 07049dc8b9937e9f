//! What stands in front of the tables: what CoreDNS calls `rewrite`, `template` and `hosts`.
//!
//! Most questions are none of its business, and stay on the fast path: [`Early::touches`] says so in a few
//! instructions, without allocation. Whatever may be touched leaves it and takes its time. Answers are pure:
//! files are read beside, and a look-up loads a pointer.

pub mod draft;
pub mod hosts;
pub mod kinds;
pub mod pattern;
mod record;
pub mod rewrite;
pub mod template;
#[cfg(test)]
mod tests;
pub mod text;
pub mod zones;

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
};

use crate::answers::{
    code,
    foreign::Foreign,
    question::{QueryName, Question},
};
use hosts::Hosts;
use rewrite::Rewriter;
use template::Templates;
use text::Spelled;

/// The stages of a server in front of its tables, in CoreDNS's order.
#[derive(Default)]
pub struct Early {
    /// Questions that become others.
    pub rewriter: Option<Arc<Rewriter>>,
    /// Replies by rule.
    pub templates: Option<Arc<Templates>>,
    /// Names and addresses of files.
    pub hosts: Option<Arc<Hosts>>,
}

/// A question, and what stages may want to know of who asks.
#[derive(Clone, Copy)]
pub struct Inquiry<'q> {
    /// The question.
    pub question: &'q Question<'q>,
    /// Its name.
    pub name: &'q QueryName,
    /// Who asks.
    pub client: SocketAddr,
    /// Whether over TCP.
    pub over_tcp: bool,
    /// At which port.
    pub port: u16,
    /// On which listener of the plan.
    pub listener: usize,
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
        if self.rewriter.as_ref().is_some_and(|rewriter| rewriter.reaches(tree))
            || self.templates.as_ref().is_some_and(|templates| templates.reaches(tree))
        {
            return Reach::Anything;
        }
        self.hosts.as_ref().map_or(Reach::Nothing, |hosts| hosts.reach(tree))
    }

    /// The names under which metrics know them.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        let present = [
            ("rewrite", self.rewriter.is_some()),
            ("template", self.templates.is_some()),
            ("hosts", self.hosts.is_some()),
        ];
        present.into_iter().filter_map(|(name, present)| present.then_some(name))
    }

    fn is_there(&self) -> bool {
        self.rewriter.is_some() || self.templates.is_some() || self.hosts.is_some()
    }

    fn looks_at(&self, name: &QueryName, question: &Question<'_>) -> bool {
        if self.hosts.as_ref().is_some_and(|hosts| hosts.touches(name, question.qtype)) {
            return true;
        }
        let text = Spelled::new(name);
        self.rewriter.as_ref().is_some_and(|rewriter| rewriter.touches(&text, question))
            || self.templates.as_ref().is_some_and(|templates| templates.touches(name, question, &text))
    }
}
