//! Questions become others before they are answered: CoreDNS's `rewrite`.
//!
//! Rules are tried in their order. The first that is for a question changes it and ends the search, unless it
//! says `continue`. What they have changed is restored in the reply, as far as they say so: [`Restore`].

mod matches;
mod options;
mod restore;
#[cfg(test)]
mod tests;

use super::{
    Inquiry,
    pattern::{Pattern, Replacement},
    text::{self, Spelled, Text},
};
use crate::answers::{
    code,
    question::{Options, Question},
};
pub use matches::{Match, Rename};
pub use options::{Action, Data, OptionRule, What};
pub use restore::Restore;
use restore::Revert;

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it does.
    pub change: Change,
    /// Whether further rules are tried where it has done so.
    pub goes_on: bool,
    /// As it was written.
    pub text: String,
}

/// What a rule does to a question, or to its reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Another name is asked for.
    Name {
        /// Which.
        rename: Rename,
        /// What of the reply is restored by itself.
        auto: bool,
        /// And what by rules.
        answers: Vec<Answer>,
    },
    /// Another class.
    Class {
        /// In place of this,
        from: u16,
        /// this.
        to: u16,
    },
    /// Another type.
    Type {
        /// In place of this,
        from: u16,
        /// this.
        to: u16,
    },
    /// Another EDNS option.
    Option(OptionRule),
    /// The TTLs of replies have bounds.
    Ttl {
        /// For these names.
        of: Match,
        /// The lowest, in seconds.
        secs_min: u32,
        /// The highest.
        secs_max: u32,
    },
    /// Replies have another rcode.
    Rcode {
        /// For these names.
        of: Match,
        /// In place of this,
        from: u16,
        /// this.
        to: u16,
    },
    /// A CNAME in a reply points elsewhere, and what is there follows it.
    Target(Rename),
}

/// A rule for the records of a reply to a question whose name was another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Whose records they are.
    Owner(Pattern, Replacement),
    /// The names that they hold.
    Value(Pattern, Replacement),
}

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub struct Rewriter(Vec<Rule>);

/// A question that has become another one.
#[derive(Debug)]
pub struct Rewritten {
    /// Its name in wire form.
    pub name: Vec<u8>,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// EDNS options, where there are others than before.
    pub options: Option<Vec<u8>>,
    /// What its reply needs, in this order.
    pub restores: Vec<Restore>,
    /// Which rules have done this, by their places.
    pub rules: Vec<usize>,
}

impl Rewriter {
    /// The rules, in their order.
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// Whether some rule is for a question.
    pub(super) fn touches(&self, text: &Spelled<'_>, question: &Question<'_>) -> bool {
        self.0.iter().any(|rule| match &rule.change {
            Change::Name { rename, .. } => rename.is_for(text.as_str()),
            Change::Class { from, .. } => question.qclass == *from,
            Change::Type { from, .. } => question.qtype == *from,
            Change::Ttl { of, .. } | Change::Rcode { of, .. } => of.has(text.as_str()),
            Change::Option(_) | Change::Target(_) => true,
        })
    }

    /// Whether some rule may be for a question for an address in a tree.
    pub(super) fn reaches(&self, tree: &[u8]) -> bool {
        let tree = text::of_wire(tree);
        self.0.iter().any(|rule| match &rule.change {
            Change::Name { rename, .. } => rename.of.meets(&tree),
            Change::Class { from, .. } => *from == code::CLASS_IN,
            Change::Type { from, .. } => matches!(*from, code::A | code::AAAA),
            Change::Ttl { of, .. } | Change::Rcode { of, .. } => of.meets(&tree),
            Change::Option(_) | Change::Target(_) => true,
        })
    }

    /// Makes another question of this one. None where no rule is for it.
    ///
    /// # Errors
    /// A rule makes something of its name that is none.
    pub fn apply(&self, inquiry: &Inquiry<'_>) -> Result<Option<Rewritten>, String> {
        let mut draft = Draft::new(inquiry);
        for (place, rule) in self.0.iter().enumerate() {
            if !draft.change(&rule.change, inquiry)? {
                continue;
            }
            draft.rules.push(place);
            if !rule.goes_on {
                break;
            }
        }
        Ok(draft.finish())
    }

    /// A rule, as it was written.
    pub fn text(&self, place: usize) -> &str {
        self.0.get(place).map_or("", |rule| &rule.text)
    }
}

/// A question while it is changed.
struct Draft {
    /// As text, in lower case.
    text: String,
    name: Vec<u8>,
    qtype: u16,
    qclass: u16,
    options: Vec<(u16, Vec<u8>)>,
    has_other_options: bool,
    restores: Vec<Restore>,
    rules: Vec<usize>,
}

impl Draft {
    fn new(inquiry: &Inquiry<'_>) -> Self {
        let Question { qtype, qclass, edns, .. } = *inquiry.question;
        let options = Options(edns.map_or(&[], |edns| edns.options)).flatten();
        Self {
            text: Text::of(inquiry.name).as_str().to_owned(),
            name: inquiry.name.wire().to_vec(),
            qtype,
            qclass,
            options: options.map(|(number, data)| (number, data.to_vec())).collect(),
            has_other_options: false,
            restores: Vec::new(),
            rules: Vec::new(),
        }
    }

    /// Whether the change was for the question, as it is by now.
    fn change(&mut self, change: &Change, inquiry: &Inquiry<'_>) -> Result<bool, String> {
        Ok(match change {
            Change::Name { rename, auto, answers } => self.rename(rename, *auto, answers)?,
            Change::Class { from, to } => put(&mut self.qclass, *from, *to),
            Change::Type { from, to } => put(&mut self.qtype, *from, *to),
            Change::Option(rule) => {
                let is_done = rule.apply(&mut self.options, &self.text, self.qtype, inquiry);
                self.has_other_options |= is_done;
                is_done
            }
            Change::Ttl { of, secs_min, secs_max } => {
                self.restore_if(of.has(&self.text), || Restore::Ttl { secs_min: *secs_min, secs_max: *secs_max })
            }
            Change::Rcode { of, from, to } => {
                self.restore_if(of.has(&self.text), || Restore::Rcode { from: *from, to: *to })
            }
            Change::Target(rename) => self.restore_if(true, || Restore::Target(rename.clone())),
        })
    }

    fn rename(&mut self, rename: &Rename, auto: bool, answers: &[Answer]) -> Result<bool, String> {
        let Some(text) = rename.apply(&self.text) else { return Ok(false) };
        self.name = text::wire(&text).ok_or_else(|| format!("invalid name after rewrite: {text}"))?;
        self.name.make_ascii_lowercase();
        let before = std::mem::replace(&mut self.text, text.to_ascii_lowercase());
        if auto {
            let revert = Revert::of(rename, &before, &self.text);
            self.restores.extend([Restore::Owner(revert.clone()), Restore::Value(revert)]);
        }
        self.restores.extend(answers.iter().cloned().map(|answer| match answer {
            Answer::Owner(pattern, to) => Restore::Owner(Revert::Pattern(pattern, to)),
            Answer::Value(pattern, to) => Restore::Value(Revert::Pattern(pattern, to)),
        }));
        Ok(true)
    }

    fn restore_if(&mut self, is_so: bool, restore: impl FnOnce() -> Restore) -> bool {
        self.restores.extend(is_so.then(restore));
        is_so
    }

    fn finish(mut self) -> Option<Rewritten> {
        let option = |(number, data): &(u16, Vec<u8>)| {
            [&number.to_be_bytes(), &(data.len() as u16).to_be_bytes(), &data[..]].concat()
        };
        let options = self.has_other_options.then(|| self.options.iter().flat_map(option).collect());
        self.restores.reverse();
        let Self { name, qtype, qclass, restores, rules, .. } = self;
        (!rules.is_empty()).then_some(Rewritten { name, qtype, qclass, options, restores, rules })
    }
}

fn put(is: &mut u16, from: u16, to: u16) -> bool {
    let is_so = *is == from;
    if is_so {
        *is = to;
    }
    is_so
}
