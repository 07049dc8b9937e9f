//! Replies by rule: CoreDNS's `template`.
//!
//! A template is for the questions of a class and a type in some zones, whose names match one of its regular
//! expressions. Its records are texts with places for what is known of the question; see [`mod@line`].

mod format;
pub mod line;
mod syntax;
mod tally;
#[cfg(test)]
mod tests;

use super::{
    Inquiry, Verdict,
    draft::{Draft, Record},
    kinds,
    pattern::Pattern,
    record,
    text::{Spelled, Text},
    zones::Zones,
};
use crate::answers::{
    code,
    question::{QueryName, Question},
};
use line::{Line, Scope};
use tally::Tally;
pub use tally::{Count, Counted, Section};

/// What CoreDNS's `template` can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// QCLASS; ANY is every one.
    pub class: u16,
    /// QTYPE; ANY is every one.
    pub kind: u16,
    /// For names in these.
    pub zones: Zones,
    /// For names in which one of these is found. Without any, for all.
    pub patterns: Vec<Pattern>,
    /// Records of the answer.
    pub answers: Vec<Line>,
    /// Records of the authority section.
    pub authorities: Vec<Line>,
    /// Records of the additional section.
    pub additionals: Vec<Line>,
    /// Of the reply.
    pub rcode: u16,
    /// An Extended DNS Error that goes with it (RFC 8914): its code and its text.
    pub error: Option<(u16, String)>,
    /// Names in these that match nothing are left to the next template, or the next stage.
    pub fallthrough: Zones,
}

/// Regular expressions of one template: each is tried on every question.
pub const PATTERNS_MAX: usize = 100;
/// Records of one section of one template: more than anybody answers with.
pub const RECORDS_MAX: usize = 100;

/// The templates of a server, in their order.
#[derive(Debug)]
pub struct Templates {
    templates: Vec<Template>,
    tally: Tally,
}

/// What a template makes of a question.
enum Matched<'t> {
    /// It is not for it, or lets it pass.
    Not,
    /// It is for its zone, and for none of its names.
    Stopped,
    /// It is for it.
    By(Scope<'t>),
}

impl Template {
    /// One that is for every name, and has no records.
    pub fn new(class: u16, kind: u16, zones: Zones) -> Self {
        Self {
            class,
            kind,
            zones,
            patterns: Vec::new(),
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            rcode: code::NOERROR,
            error: None,
            fallthrough: Zones::default(),
        }
    }

    /// Whether it is for questions of such a kind, whatever the name.
    fn is_for(&self, qclass: u16, qtype: u16) -> bool {
        let takes = |is: u16, any: u16, asked: u16| is == any || asked == any || is == asked;
        takes(self.class, code::CLASS_ANY, qclass) && takes(self.kind, code::ANY, qtype)
    }

    fn touches(&self, name: &QueryName, question: &Question<'_>, text: &Spelled<'_>) -> bool {
        self.zones.has(name)
            && self.is_for(question.qclass, question.qtype)
            && (self.patterns.is_empty()
                || !self.fallthrough.has(name)
                || self.patterns.iter().any(|pattern| pattern.is_in(text.as_str())))
    }

    fn matched<'t>(&'t self, inquiry: &Inquiry<'t>, text: &'t str) -> Matched<'t> {
        let Question { qclass, qtype, .. } = *inquiry.question;
        let Some(zone) = self.zones.of(inquiry.name).filter(|_| self.is_for(qclass, qtype)) else {
            return Matched::Not;
        };
        let mut found = self.patterns.iter().filter_map(|pattern| Some((pattern, pattern.captures(text)?)));
        let (pattern, captures) = match found.next() {
            Some((pattern, captures)) => (Some(pattern), Some(captures)),
            None if self.patterns.is_empty() => (None, None),
            None if self.fallthrough.has(inquiry.name) => return Matched::Not,
            None => return Matched::Stopped,
        };
        let class = if qclass == code::CLASS_ANY { self.class } else { qclass };
        let kind = if qtype == code::ANY { self.kind } else { qtype };
        Matched::By(Scope { zone: &zone.apex, name: text, class, kind, pattern, captures, inquiry: *inquiry })
    }
}

impl Templates {
    /// These, in their order.
    pub fn new(templates: Vec<Template>) -> Self {
        Self { templates, tally: Tally::default() }
    }

    /// What they were told. What is counted survives a reload that tells them the same.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// How often each was used, and what went wrong.
    pub fn counts(&self) -> Vec<(Count, u64)> {
        self.tally.counts()
    }

    /// Whether a question is answered by one of them, or fails there.
    pub(super) fn touches(&self, name: &QueryName, question: &Question<'_>, text: &Spelled<'_>) -> bool {
        self.templates.iter().any(|template| template.touches(name, question, text))
    }

    /// Whether one of them may be for a question for an address in a tree.
    pub(super) fn reaches(&self, tree: &[u8]) -> bool {
        let is_for =
            |template: &Template| [code::A, code::AAAA].into_iter().any(|qtype| template.is_for(code::CLASS_IN, qtype));
        self.templates.iter().any(|template| template.zones.meets(tree) && is_for(template))
    }

    /// Which of them a question stays with, and whether it is for its name.
    pub fn taker(&self, inquiry: &Inquiry<'_>) -> Option<(&Template, bool)> {
        let text = Text::of(inquiry.name);
        self.templates.iter().find_map(|template| match template.matched(inquiry, text.as_str()) {
            Matched::Not => None,
            Matched::Stopped => Some((template, false)),
            Matched::By(_) => Some((template, true)),
        })
    }

    /// What becomes of a question.
    pub fn answer(&self, inquiry: &Inquiry<'_>) -> Verdict {
        let text = Text::of(inquiry.name);
        for template in &self.templates {
            match template.matched(inquiry, text.as_str()) {
                Matched::Not => {}
                Matched::Stopped => return Verdict::Fail(None),
                Matched::By(scope) => return self.reply(template, &scope),
            }
        }
        Verdict::Pass
    }

    fn reply(&self, template: &Template, scope: &Scope<'_>) -> Verdict {
        self.tally.add(scope, Counted::Match);
        if template.rcode == code::SERVFAIL {
            return Verdict::Fail(None);
        }
        let draft = || {
            Ok(Draft {
                rcode: template.rcode,
                answers: self.records(&template.answers, Section::Answer, scope)?,
                additionals: self.records(&template.additionals, Section::Additional, scope)?,
                authorities: self.records(&template.authorities, Section::Authority, scope)?,
                error: template.error.clone(),
            })
        };
        let reply = draft().and_then(|draft| {
            draft.foreign(scope.inquiry.question).map_err(|_| "template: there is more than fits into a message".into())
        });
        reply.map_or_else(|error: String| Verdict::Fail(Some(error)), Verdict::Reply)
    }

    fn records(&self, lines: &[Line], section: Section, scope: &Scope<'_>) -> Result<Vec<Record>, String> {
        let record = |line: &Line| {
            let failed = |counted: fn(Section, Box<str>) -> Counted, error: String| {
                self.tally.add(scope, counted(section, line.text().into()));
                format!("template: {}: {error}", line.text())
            };
            let text = line.render(scope).map_err(|error| failed(Counted::TemplateFailure, error))?;
            record::parse(&text).map_err(|error| failed(Counted::RecordFailure, error))
        };
        lines.iter().map(record).collect()
    }
}

impl Scope<'_> {
    fn class_name(&self) -> &'static str {
        kinds::class_name(self.class)
    }

    fn type_name(&self) -> &'static str {
        kinds::type_name(self.kind)
    }
}
