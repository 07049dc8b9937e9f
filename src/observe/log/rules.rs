//! Which questions are logged, by the routes of a plan.

use std::{net::IpAddr, ops::Range, sync::Arc, time::Duration};

use super::record::{Class, Record};
use crate::{
    answers::question::{self, Packet, QueryName},
    config::{
        Config,
        logging::{Classes, Errors, Log},
    },
    respond::{Exchange, plan::Plan},
};

/// See the module.
#[derive(Default)]
pub struct Rules {
    logs: Vec<Log>,
    routes: Vec<OfRoute>,
    /// The address of each listener, as configured: what CoreDNS says for datagrams.
    listeners: Vec<IpAddr>,
}

struct OfRoute {
    /// In `logs`.
    logs: Range<usize>,
    errors: Option<Arc<Errors>>,
}

impl Rules {
    /// What a configuration says, by the routes of the plan that was made of it.
    pub fn new(config: &Config, plan: &Plan) -> Self {
        let mut rules = Self::default();
        rules.listeners.extend(plan.listeners.iter().map(|listener| listener.address.ip()));
        let of_server: Vec<_> = config
            .servers
            .iter()
            .map(|server| {
                let begin = rules.logs.len();
                rules.logs.extend(server.log.iter().cloned());
                (begin..rules.logs.len(), server.errors.clone().map(Arc::new))
            })
            .collect();
        rules.routes.extend(plan.routes.iter().filter_map(|route| {
            let (logs, errors) = of_server.get(route.server)?.clone();
            Some(OfRoute { logs, errors })
        }));
        rules
    }

    /// Whether there is nothing to write, whatever happens.
    pub(super) fn is_empty(&self) -> bool {
        self.routes.iter().all(|route| route.logs.is_empty() && route.errors.is_none())
    }

    /// Whether some questions are logged.
    pub(super) fn logs_questions(&self) -> bool {
        self.routes.iter().any(|route| !route.logs.is_empty())
    }

    /// How questions of a route are logged that failed.
    pub(super) fn errors(&self, route: usize) -> Option<&Arc<Errors>> {
        self.routes.get(route)?.errors.as_ref()
    }

    /// By which a record was made.
    pub(super) fn log(&self, record: &Record) -> Option<&Log> {
        self.logs.get(usize::from(record.rule))
    }

    /// The address that a question was sent to.
    pub(super) fn local(&self, record: &Record) -> Option<IpAddr> {
        self.listeners.get(usize::from(record.listener)).copied()
    }

    /// What is kept of a question that is logged: of several rules the first that has its name decides.
    pub(super) fn record(&self, exchange: &Exchange<'_>, took: impl FnOnce() -> Duration) -> Option<Record> {
        let logs = &self.routes.get(exchange.outcome.route?)?.logs;
        if logs.is_empty() {
            return None;
        }
        let mut name = QueryName::new();
        let Packet::Question(question) = question::read(exchange.query, &mut name) else { return None };
        let rule = logs.clone().find(|&rule| has(&self.logs[rule], &name))?;
        let class = Class::of(&question, exchange.reply, exchange.outcome.rcode);
        wants(self.logs[rule].classes, class).then(|| Record::new(rule, &question, &name, exchange, took()))
    }
}

/// Whether a rule is for a name. The names of rules are few, and short.
fn has(log: &Log, name: &QueryName) -> bool {
    log.names.iter().any(|zone| name.zone_start(zone.wire(), zone.labels().count()).is_some())
}

fn wants(classes: Classes, class: Class) -> bool {
    match class {
        Class::Success => classes.success,
        Class::Denial => classes.denial,
        Class::Error => classes.error,
    }
}
