//! Why a name resolves for a program in a pod, or why not, in the cluster's terms.
//!
//! ```text
//! Request ─► search::walk ─► each question ─► Responder::begin ─► what the program sees
//!                                  └─► meaning ─► reason, near misses ─► Explanation
//! ```
//!
//! The walk is the client's side and the [`Responder`] the server's, both as they are: an
//! explanation that had rules of its own would be wrong as soon as one of them changes. What is
//! added here are facts that no record holds (endpoints that are not ready, Services in other
//! namespaces, names that are nearly right). They are read from the tables, and from the [`Store`]
//! under its lock, for one Service at a time. Which stages beside the tables a question comes to is asked of
//! [`Responder::way`]. Where nobody can be asked elsewhere, it is said who would be.

mod ask;
pub mod cluster;
mod explanation;
mod meaning;
mod near;
mod reason;
mod request;
mod sentence;
mod stages;

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    answers::{code, question::QueryName},
    records::{name::Name, service::wire_label, store::Store, view::View, zone::Zone},
    respond::{
        Responder,
        plan::{Listener, Plan},
    },
    search::{self, Lookup, ResolvConf, Resolver, Then, Walk, finish::Finished, walk},
};
use ask::Answer;
use reason::Case;

pub use explanation::{Explanation, Record, Reply, Step};
pub use request::{DEFAULT_FROM, NAME_OCTETS_MAX, Request};

/// No more names are suggested.
pub const SUGGESTIONS_MAX: usize = 3;

/// Explains names by what a server answers with. Cheap to clone.
#[derive(Clone)]
pub struct Explainer {
    responder: Arc<Responder>,
    store: Arc<Mutex<Store>>,
    /// Where pods ask: the first listener that leads to the cluster's zone.
    listener: usize,
}

/// What was asked on the way, and what came.
type Answers = HashMap<(Name, u16), Answer>;

impl Explainer {
    /// Explains what `responder` says of the cluster in `store`.
    pub fn new(responder: Arc<Responder>, store: Arc<Mutex<Store>>) -> Self {
        let listener = listener(responder.plan());
        Self { responder, store, listener }
    }

    /// Follows a lookup, and says why it ends as it does.
    pub fn explain(&self, request: &Request) -> Explanation {
        let conf = self.resolv_conf(request);
        let client = self.client(&request.from);
        let (walk, answers) = self.follow(&conf, &request.name, request.resolver, request.lookup, client);
        let settings = conf.settings(request.resolver);
        let case = Case { explainer: self, request, client, conf: &conf, walk: &walk, answers: &answers };
        let reason = case.reason();
        Explanation {
            name: request.name.clone(),
            from: request.from.clone(),
            resolver: request.resolver.to_string(),
            qtype: request.qtype(),
            ndots: settings.ndots,
            search: settings.search,
            resolves: walk.resolves(),
            undecided: case.is_undecided(),
            program_sees: walk.program_sees().into(),
            reason: reason.sentence,
            suggestions: reason.suggestions,
            steps: walk.steps.iter().map(|step| case.step(step)).collect(),
            records: records(&walk, &answers),
        }
    }

    /// Walks the search of a name as this client, and keeps every answer.
    fn follow(
        &self,
        conf: &ResolvConf,
        name: &str,
        resolver: Resolver,
        lookup: Lookup,
        client: IpAddr,
    ) -> (Walk, Answers) {
        let mut answers = Answers::new();
        let walk = walk(conf, name, resolver, lookup, |name, qtype| {
            let answer = ask::ask(&self.responder, self.listener, client, name, qtype);
            let reply = answer.reply;
            answers.insert((name.clone(), qtype), answer);
            reply
        });
        (walk, answers)
    }

    fn ask(&self, name: &Name, qtype: u16) -> Answer {
        ask::ask(&self.responder, self.listener, ask::NOBODY, name, qtype)
    }

    /// The address of some Pod of the namespace, where answers depend on it.
    fn client(&self, namespace: &str) -> IpAddr {
        let mut client = ask::NOBODY;
        if self.plan().completion.as_ref().is_some_and(|completion| completion.by_address) {
            let namespace = wire_label(namespace);
            for view in self.views() {
                view.pods.for_each(|pod| {
                    let address = IpAddr::from(pod.address).to_canonical();
                    if client == ask::NOBODY && view.client_is_of(&namespace, address) == Some(true) {
                        client = address;
                    }
                });
            }
        }
        client
    }

    /// The one that was given, or what the kubelet writes for a pod of the namespace.
    fn resolv_conf(&self, request: &Request) -> ResolvConf {
        request.resolv_conf.clone().unwrap_or_else(|| self.pods_resolv_conf(request))
    }

    fn pods_resolv_conf(&self, request: &Request) -> ResolvConf {
        let zone = self.cluster_zone().map(|zone| zone.apex.to_string()).unwrap_or_default();
        let completion = self.plan().completion.as_ref();
        let node: Vec<String> =
            completion.into_iter().flat_map(|completion| &completion.node_domains).map(Name::to_string).collect();
        ResolvConf::for_pod(&request.from, &zone, &node.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn plan(&self) -> &Plan {
        self.responder.plan()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn views(&self) -> impl Iterator<Item = &View> {
        self.plan().servers.iter().filter_map(|server| server.view.as_deref())
    }

    /// The first zone of names.
    fn cluster_zone(&self) -> Option<&Zone> {
        self.views().find_map(|view| view.primary.as_ref())
    }
}

/// The first listener with a route to the first zone of names.
fn listener(plan: &Plan) -> usize {
    let leads_there = |listener: &Listener| {
        plan.servers.iter().filter_map(|server| server.view.as_ref()).find_map(|view| {
            let mut apex = QueryName::new();
            apex.read(view.primary.as_ref()?.apex.wire())?;
            let server = &plan.servers[plan.routes[listener.route(&apex, code::A)?].server];
            Some(server.view.as_ref().is_some_and(|other| Arc::ptr_eq(other, view)))
        })
    };
    plan.listeners.iter().position(|listener| leads_there(listener) == Some(true)).unwrap_or_default()
}

impl Case<'_> {
    fn step(&self, step: &search::Step) -> Step {
        let answer = |qtype: u16| self.answers.get(&(step.name.clone()?, qtype));
        let reply = |&(qtype, reply): &(u16, search::Reply)| match answer(qtype) {
            Some(answer) if answer.unasked && answer.records.is_empty() => Reply::forwarded(qtype),
            answer => Reply::new(qtype, reply, answer.map_or(&[], |answer| &answer.records)),
        };
        Step {
            candidate: step.candidate.clone(),
            replies: step.replies.iter().map(reply).collect(),
            then: step.to_string(),
            stop: matches!(step.then, Then::Done | Then::Ends),
            reason: self.phrase(step),
        }
    }

    /// A few words for one candidate; the whole sentence is that of the explanation.
    fn phrase(&self, step: &search::Step) -> String {
        if let Some(phrase) = self.finished(step).and_then(finished_phrase) {
            return phrase.into();
        }
        let way = self.way(step);
        if !way.is_empty() {
            return way;
        }
        let Some((answer, meaning)) = self.first_without_records(step) else { return String::new() };
        let phrase = match meaning.map(|meaning| meaning.why) {
            Some(Some(why)) => why.phrase(),
            None if answer.reply != search::Reply::Alias => "no zone of this server",
            _ => "an alias of a name that no zone of this server has",
        };
        phrase.into()
    }

    /// What became of a candidate beside the tables.
    fn way(&self, step: &search::Step) -> String {
        let answered = step.replies.iter().filter_map(|(qtype, _)| {
            let answer = self.answers.get(&(step.name.clone()?, *qtype))?;
            Some(stages::of(&answer.way, &step.candidate, *qtype, answer.unasked))
        });
        answered.into_iter().find(|way| !way.is_empty()).unwrap_or_default()
    }

    fn finished(&self, step: &search::Step) -> Option<Finished> {
        let name = step.name.as_ref()?;
        step.replies.iter().find_map(|(qtype, _)| self.answers.get(&(name.clone(), *qtype))?.finished)
    }
}

fn finished_phrase(finished: Finished) -> Option<&'static str> {
    match finished {
        Finished::Completed => Some("this server completed the name"),
        Finished::Expanded => Some("found in the search list of this server"),
        Finished::TopLevel => {
            Some("not completed: it would lead to a namespace that is called like a top-level domain")
        }
        Finished::Excepted | Finished::Foreign | Finished::Outside | Finished::Nowhere => None,
    }
}

/// What the last candidate has, each record once.
fn records(walk: &Walk, answers: &Answers) -> Vec<Record> {
    let Some(last) = walk.steps.last().filter(|_| walk.resolves()) else { return Vec::new() };
    let mut records = Vec::new();
    for (qtype, reply) in &last.replies {
        let answer = last.name.clone().and_then(|name| answers.get(&(name, *qtype)));
        for record in answer.into_iter().flat_map(|answer| &answer.records) {
            let record = Record::new(record);
            if *reply == search::Reply::Answer && !records.contains(&record) {
                records.push(record);
            }
        }
    }
    records
}

#[cfg(test)]
mod tests;
