//! Which stages a question passes beside the tables, for those who explain its answer.
//!
//! It is what [`resume`](Responder::resume) does, without doing it: stages are asked what they make of the question,
//! and nobody is asked elsewhere.

use std::sync::Arc;

use super::{
    Asked, Responder,
    led::{self, Lead},
    onward::{HOPS_MAX, Onward},
    query::Query,
};
use crate::{
    answers::question::{self, Packet, QueryName},
    forward::options::To,
    stages::{Early, hosts::Entry, kinds, rewrite::Rewritten, template::Template, text},
};

/// A stage that a question has come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Station {
    /// Rules have made another question of it, or change its reply.
    Rewritten {
        /// Its name now.
        name: String,
        /// QTYPE now.
        qtype: u16,
        /// The rules, as they were written.
        rules: Vec<String>,
    },
    /// Rules have made of its name what is none.
    Failed(String),
    /// It stays with a template.
    Template {
        /// For what that is: `IN A example.org.`
        of: String,
        /// Whether it is for this name. Else it hands nothing on.
        matches: bool,
    },
    /// It stays with a hosts file: where its entry is. None: it has none, and hands nothing on.
    Hosts(Option<Entry>),
    /// The answer leads to this name.
    Led(String),
    /// It is passed on to one of these.
    Forward(Vec<To>),
}

impl Responder {
    /// The stages of a question, in their order. None of them: the tables have it.
    pub fn way(self: &Arc<Self>, packet: &[u8], asked: &Asked) -> Vec<Station> {
        let mut name = QueryName::new();
        let Packet::Question(question) = question::read(packet, &mut name) else { return Vec::new() };
        let onward = Onward::of(self.clone(), asked, &question);
        let mut way = Vec::new();
        onward.walk(None, Query::onward(&question), HOPS_MAX, &mut way);
        way
    }
}

impl Onward {
    fn walk(&self, behind: Option<usize>, query: Query, hops_left: usize, way: &mut Vec<Station>) {
        let Some(hops_left) = hops_left.checked_sub(1) else { return };
        match led::look(&self.responder, &query, &self.asked, behind) {
            Some(Lead::Early(route)) => self.walk_early(route, query, hops_left, way),
            Some(Lead::Ask(route)) => way.extend(self.forward_station(route, &query)),
            Some(Lead::Chase { target, .. }) => self.walk_on(&target, &query, hops_left, way),
            Some(Lead::Complete { candidates, .. }) => {
                // Others have all of them: this one is asked for first.
                candidates.first().into_iter().for_each(|name| self.walk_on(name, &query, hops_left, way));
            }
            Some(Lead::Said(..) | Lead::Wait) | None => {}
        }
    }

    fn walk_on(&self, name: &[u8], query: &Query, hops_left: usize, way: &mut Vec<Station>) {
        way.push(Station::Led(text::of_wire(name)));
        self.walk(None, query.about(name), hops_left, way);
    }

    fn walk_early(&self, route: usize, query: Query, hops_left: usize, way: &mut Vec<Station>) {
        let Early { rewriter, templates, hosts } = &self.responder.server(route).stages.early;
        let query = match self.rewritten(route, &query) {
            Ok(Some(Rewritten { name, qtype, qclass, options, rules, .. })) => {
                let written = |place: &usize| rewriter.as_ref().map_or("", |rewriter| rewriter.text(*place)).to_owned();
                let rules = rules.iter().map(written).collect();
                way.push(Station::Rewritten { name: text::of_wire(&name), qtype, rules });
                query.changed(&name, [qtype, qclass], options.as_deref())
            }
            Ok(None) => query,
            Err(why) => return way.push(Station::Failed(why)),
        };
        let mut name = QueryName::new();
        let question = query.read(&mut name);
        let inquiry = self.inquiry(&question, &name);
        if let Some((template, matches)) = templates.as_ref().and_then(|templates| templates.taker(&inquiry)) {
            way.push(Station::Template { of: described(template), matches });
            return;
        }
        if let Some(hosts) = hosts.as_ref().filter(|hosts| hosts.keeps(&name, &question)) {
            way.push(Station::Hosts(hosts.entry(&name, question.qtype)));
            return;
        }
        self.walk(Some(route), query, hops_left, way);
    }

    fn forward_station(&self, route: usize, query: &Query) -> Option<Station> {
        let mut name = QueryName::new();
        query.read(&mut name);
        let forwarder = self.responder.server(route).stages.takers(&name).next()?;
        Some(Station::Forward(forwarder.options().to.clone()))
    }
}

fn described(template: &Template) -> String {
    let word = |name: &'static str, number: u16| if name.is_empty() { number.to_string() } else { name.to_owned() };
    let class = word(kinds::class_name(template.class), template.class);
    let kind = word(kinds::type_name(template.kind), template.kind);
    let zones: Vec<_> = template.zones.apexes().map(ToString::to_string).collect();
    format!("{class} {kind} {}", zones.join(" "))
}
