//! Which of all that is wrong with a lookup is the reason.
//!
//! Every candidate of a search list has a meaning of its own: `web.shop` is also the endpoint `web`
//! of a Service `shop`. So each gives a finding, and the weightiest is told: what is proven (the
//! same name works with another resolver, or without its dot) before an object that is there and
//! has a flaw, before one that is nearly right, before one that is just missing.

use std::{fmt, net::IpAddr};

use hickory_proto::rr::RData;

use super::{
    Answers, Explainer, Request, SUGGESTIONS_MAX,
    ask::Answer,
    explanation,
    meaning::{Front, Meaning, Subject},
    near::{self, Near},
    sentence, stages,
};
use crate::{
    answers::why::Why,
    records::name::Name,
    respond::way::Station,
    search::{Heard, Outcome, Reply, ResolvConf, Resolver, Step, Walk, finish::Finished},
};

/// A lookup and all that was heard.
pub(super) struct Case<'c> {
    pub(super) explainer: &'c Explainer,
    pub(super) request: &'c Request,
    /// Where it is looked up from.
    pub(super) client: IpAddr,
    pub(super) conf: &'c ResolvConf,
    pub(super) walk: &'c Walk,
    pub(super) answers: &'c Answers,
}

/// A reason, and names that do better.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) weight: Weight,
    pub(super) sentence: String,
    pub(super) suggestions: Vec<String>,
}

/// From the least telling to the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// No name looks like this.
    Shape,
    /// A reading that nobody has in mind without further signs.
    Farfetched,
    /// A name that may be somebody else's.
    Outside,
    /// It just is not there.
    Missing,
    /// A name that the world knows as somebody else's.
    Public,
    /// Something is there, but not what was asked for.
    Beside,
    /// Something that is nearly right is there.
    Near,
    /// The very object is there.
    There,
    /// Shown by trying.
    Proven,
    /// Nothing is known yet.
    Unknown,
}

impl Finding {
    pub(super) fn new(weight: Weight, sentence: impl fmt::Display) -> Self {
        Self { weight, sentence: sentence.to_string(), suggestions: Vec::new() }
    }

    /// With names that resolve; the first becomes a part of the sentence.
    fn suggesting(mut self, suggestions: Vec<String>) -> Self {
        if let Some(first) = suggestions.first() {
            self.sentence += &format!(": did you mean {first}?");
        }
        self.suggestions = suggestions;
        self
    }
}

impl Case<'_> {
    /// Why it ends as it does.
    pub(super) fn reason(&self) -> Finding {
        if self.walk.resolves() {
            return self.found();
        }
        // Of resolvers nothing is known where a reply is not.
        let resolver = if self.is_undecided() { None } else { self.resolver() };
        let whole = [self.unasked(), self.trailing_dot(), resolver, self.search_list()];
        let of_steps = self.walk.steps.iter().filter_map(|step| self.of_step(step));
        let findings = whole.into_iter().flatten().chain(of_steps);
        // Of two that weigh the same the first: resolvers ask the nearest first.
        let heavier = |best: Finding, next: Finding| if next.weight > best.weight { next } else { best };
        findings.reduce(heavier).unwrap_or_else(|| Finding::new(Weight::Shape, "this is no name: nothing is asked"))
    }

    fn found(&self) -> Finding {
        let meaning =
            self.walk.steps.last().and_then(|step| self.meaning(step, |answer| answer.reply == Reply::Answer));
        let sentence = match meaning {
            None if self.walk.steps.is_empty() => format!("{} is an address: nothing is asked", self.request.name),
            None => String::new(),
            Some((answer, meaning)) => {
                let found = meaning.map(|meaning| sentence::found(self.explainer, &meaning)).unwrap_or_default();
                match answer.finished {
                    Some(Finished::Expanded) => format!("only the search list of this server leads to it. {found}"),
                    _ => found,
                }
            }
        };
        let way = self.walk.steps.last().map(|step| self.way(step)).unwrap_or_default();
        let parts = [&*way, &*sentence].into_iter().filter(|part| !part.is_empty());
        Finding::new(Weight::There, parts.collect::<Vec<_>>().join(". "))
    }

    /// Whether it would resolve if those said so to whom it is forwarded.
    pub(super) fn is_undecided(&self) -> bool {
        !self.walk.resolves() && self.answers.values().any(|answer| answer.unasked)
    }

    /// Whether a lookup of another name, with all else as it is, gets there.
    fn resolves(&self, name: &str) -> bool {
        self.follow(self.conf, name, self.request.resolver).resolves()
    }

    /// The same lookup in other circumstances.
    fn follow(&self, conf: &ResolvConf, name: &str, resolver: Resolver) -> Walk {
        self.explainer.follow(conf, name, resolver, self.request.lookup, self.client).0
    }

    // ----------- The lookup as a whole ------------------------------------------

    fn unasked(&self) -> Option<Finding> {
        let other_family = self.walk.outcome == Outcome::OtherFamily;
        let sentence = format!("{} is an address of another family: nothing is asked", self.request.name);
        other_family.then(|| Finding::new(Weight::Proven, sentence))
    }

    fn trailing_dot(&self) -> Option<Finding> {
        let undotted = self.request.name.strip_suffix('.').filter(|name| !name.is_empty() && !name.ends_with('.'))?;
        let sentence = "the name ends with a dot, so the search list is not used";
        if self.resolves(undotted) {
            return Some(Finding { suggestions: vec![undotted.to_owned()], ..Finding::new(Weight::Proven, sentence) });
        }
        Some(Finding::new(if is_public(undotted) { Weight::Shape } else { Weight::Missing }, sentence))
    }

    /// Another resolver would have found it.
    fn resolver(&self) -> Option<Finding> {
        let Request { name, resolver, .. } = self.request;
        let glibc = self.follow(self.conf, name, Resolver::Glibc);
        if *resolver == Resolver::Glibc || !glibc.resolves() {
            return None;
        }
        let ndots = self.conf.settings(*resolver).ndots;
        let sentence = match self.walk.steps.last() {
            Some(Step { heard: Heard::Reply(Reply::NxDomain | Reply::ServFail), .. })
                if self.walk.steps.len() == 1 && name.matches('.').count() >= ndots =>
            {
                format!(
                    "the pod uses {resolver}: a name with {ndots} dots or more is not looked for in the search list"
                )
            }
            Some(step) => {
                let (heard, nth) = (step.to_string(), sentence::ordinal(self.walk.steps.len()));
                let heard = heard.split(": ").next().unwrap_or_default();
                format!("the pod uses {resolver}: {heard} at the {nth} candidate ends its search")
            }
            None => format!("the pod uses {resolver}, which asks nothing for this name"),
        };
        Some(Finding::new(Weight::Proven, sentence))
    }

    /// A pod that has the cluster's search list would have found it.
    fn search_list(&self) -> Option<Finding> {
        self.request.resolv_conf.as_ref()?;
        let conf = self.explainer.pods_resolv_conf(self.request);
        let walk = self.follow(&conf, &self.request.name, self.request.resolver);
        let sentence = format!(
            "this resolv.conf does not lead to it: that of a pod in namespace {} with dnsPolicy ClusterFirst does",
            self.request.from
        );
        walk.resolves().then(|| Finding::new(Weight::Proven, sentence))
    }

    // ----------- One candidate -------------------------------------------------

    /// The first answer of a candidate that has no records, and what was meant.
    pub(super) fn first_without_records(&self, step: &Step) -> Option<(&Answer, Option<Meaning<'_>>)> {
        self.meaning(step, |answer| answer.reply != Reply::Answer)
    }

    fn meaning(&self, step: &Step, wanted: impl Fn(&Answer) -> bool) -> Option<(&Answer, Option<Meaning<'_>>)> {
        let name = step.name.as_ref()?;
        step.replies.iter().find_map(|&(qtype, _)| {
            let answer = self.answers.get(&(name.clone(), qtype)).filter(|answer| wanted(answer))?;
            if answer.is_of_stages() {
                return Some((answer, None));
            }
            let target = answer.rewritten().or_else(|| self.target(step, answer));
            let meant = target.as_ref().unwrap_or(name);
            Some((answer, Meaning::of(self.explainer.plan(), self.explainer.listener, meant, qtype, answer)))
        })
    }

    /// The name that stands for one that the server has finished.
    fn target(&self, step: &Step, answer: &Answer) -> Option<Name> {
        answer.finished.filter(|finished| matches!(finished, Finished::Completed | Finished::Expanded))?;
        let name = step.name.as_ref()?;
        let answers = step.replies.iter().filter_map(|(qtype, _)| self.answers.get(&(name.clone(), *qtype)));
        answers.filter_map(|answer| answer.records.first()).find_map(|record| match &record.data {
            RData::CNAME(target) => Name::parse(&target.to_ascii()).ok(),
            _ => None,
        })
    }

    fn of_step(&self, step: &Step) -> Option<Finding> {
        let (answer, meaning) = self.first_without_records(step)?;
        let Some(meaning) = meaning else { return Some(self.outside(step, answer)) };
        let Some(why) = meaning.why else { return Some(self.alias(&meaning, answer)) };
        let finding = self.of_cluster(&meaning, why);
        if answer.rewritten().is_none() {
            return Some(finding);
        }
        let sentence = format!("{}: {}", self.way(step), finding.sentence);
        Some(Finding { sentence, weight: finding.weight.max(Weight::There), ..finding })
    }

    fn of_cluster(&self, meaning: &Meaning<'_>, why: Why) -> Finding {
        let sentence = || sentence::of(self.explainer, self.request, meaning);
        match (&meaning.subject, why) {
            (_, Why::Incomplete) => Finding::new(Weight::Unknown, sentence()),
            (Subject::Service { service, namespace, front, index }, Why::Service) => {
                self.no_service(meaning, &Wanted { service, namespace, front, index: *index })
            }
            (Subject::Service { service, namespace, front, index }, Why::Namespace) => {
                self.no_namespace(meaning, &Wanted { service, namespace, front, index: *index })
            }
            (Subject::Service { front: Front::Port { port, .. }, .. }, Why::Port) => {
                let near = near::closest(port, sentence::ports(meaning).iter().map(String::as_str));
                let names = near.map(|near| self.with_label(0, &format!("_{near}"))).into_iter().collect();
                let suggestions = self.that_resolve(names);
                Finding { suggestions, ..Finding::new(Weight::There, sentence()) }
            }
            (Subject::Service { front: Front::Endpoint(_), .. }, _) => Finding::new(Weight::Beside, sentence()),
            (Subject::Service { .. } | Subject::Pod { .. } | Subject::Address(_), _) => {
                Finding::new(Weight::There, sentence())
            }
            (Subject::Namespace(_), Why::Empty) => Finding::new(Weight::Beside, sentence()),
            (Subject::Namespace(_), _) => Finding::new(Weight::Farfetched, sentence()),
            (Subject::Other, _) => Finding::new(Weight::Shape, sentence()),
        }
    }

    fn outside(&self, step: &Step, answer: &Answer) -> Finding {
        let name = step.candidate.trim_end_matches('.');
        let weight = match answer.reply {
            Reply::NxDomain => Weight::Shape,
            _ if is_public(name) => Weight::Public,
            _ => Weight::Outside,
        };
        let way = self.way(step);
        match answer.stages().last() {
            None => Finding::new(weight, format!("{name} lies outside of the cluster, and this server asks no others")),
            Some(Station::Forward(_)) if answer.unasked => Finding::new(weight, format!("{name} is {way}")),
            Some(Station::Forward(_)) => {
                Finding::new(weight, format!("{name} is {way}: {}", explanation::result(answer.reply)))
            }
            Some(_) => Finding::new(Weight::There, format!("{name}: {way}")),
        }
    }

    /// An ExternalName that leads out of the cluster, where this server does not follow.
    fn alias(&self, meaning: &Meaning<'_>, answer: &Answer) -> Finding {
        let finding = Finding::new(Weight::There, sentence::found(self.explainer, meaning));
        let beyond = stages::of(answer.way.get(answer.stages().len() + 1..).unwrap_or_default(), "", 0, answer.unasked);
        match sentence::target(meaning) {
            Some(target) if !beyond.is_empty() => {
                Finding { sentence: format!("ExternalName points to {target}: {beyond}"), ..finding }
            }
            Some(target) => {
                let sentence = sentence::outside_target(&target);
                Finding { sentence, ..finding }.suggesting(self.that_resolve(vec![target]))
            }
            None => finding,
        }
    }

    fn no_service(&self, meaning: &Meaning<'_>, wanted: &Wanted<'_>) -> Finding {
        let &Wanted { service, namespace, .. } = wanted;
        let facts = self.explainer.store().service(namespace, service).unwrap_or_default();
        if facts.is_declared {
            return Finding::new(Weight::Near, sentence::hidden_service(namespace, service));
        }
        if facts.ready + facts.not_ready > 0 && *wanted.front == Front::Nothing {
            let sentence = format!("there are endpoints of {namespace}/{service}, but no such Service");
            return Finding::new(Weight::Near, sentence);
        }
        let suggestions = self.near(meaning, wanted);
        let elsewhere = near::namespaces_of(meaning.view, service);
        let weight = match (suggestions.is_empty(), elsewhere.is_empty(), wanted.is_plain()) {
            (false, _, true) => Weight::Near,
            (true, false, true) | (false, _, false) => Weight::Beside,
            (true, true, true) => Weight::Missing,
            (true, _, false) => Weight::Farfetched,
        };
        let sentence = if elsewhere.is_empty() {
            format!("there is no Service {service} in namespace {namespace}")
        } else {
            format!("Service {service} exists in {}, not in {namespace}", sentence::namespaces(&elsewhere))
        };
        Finding::new(weight, sentence).suggesting(suggestions)
    }

    fn no_namespace(&self, meaning: &Meaning<'_>, wanted: &Wanted<'_>) -> Finding {
        let namespace = wanted.namespace;
        if self.explainer.store().has_namespace(namespace) {
            return Finding::new(Weight::Near, sentence::hidden_namespace(namespace));
        }
        let suggestions = self.near(meaning, wanted);
        let near = near::namespace(meaning.view, namespace);
        let weight = match (suggestions.is_empty(), &near, wanted.is_plain()) {
            (false, _, true) => Weight::Near,
            (true, Some(_), true) => Weight::Beside,
            (true, None, true) => Weight::Missing,
            _ => Weight::Farfetched,
        };
        let sentence = format!("namespace {namespace} does not exist");
        match near {
            Some(near) => Finding { suggestions, ..Finding::new(weight, format!("{sentence}: did you mean {near}?")) },
            None => Finding::new(weight, sentence).suggesting(suggestions),
        }
    }

    // ----------- Names that do better ------------------------------------------

    fn near(&self, meaning: &Meaning<'_>, wanted: &Wanted<'_>) -> Vec<String> {
        let near = near::services(meaning.view, wanted.service, wanted.namespace);
        self.that_resolve(near.iter().filter_map(|near| self.with_service(wanted, near)).collect())
    }

    fn that_resolve(&self, names: Vec<String>) -> Vec<String> {
        let better = names.into_iter().filter(|name| *name != self.request.name && self.resolves(name));
        better.take(SUGGESTIONS_MAX).collect()
    }

    /// The name that was looked up, for another Service. None where it does not hold the Service's.
    fn with_service(&self, wanted: &Wanted<'_>, (service, namespace): &Near) -> Option<String> {
        let mut labels: Vec<&str> = self.labels().collect();
        *labels.get_mut(wanted.index)? = service;
        match labels.get_mut(wanted.index + 1) {
            Some(label) => *label = namespace,
            None if namespace == wanted.namespace => {}
            None => labels.push(namespace),
        }
        Some(self.dotted(&labels))
    }

    fn with_label(&self, index: usize, label: &str) -> String {
        let labels: Vec<&str> =
            self.labels().enumerate().map(|(at, old)| if at == index { label } else { old }).collect();
        self.dotted(&labels)
    }

    fn labels(&self) -> impl Iterator<Item = &str> {
        self.request.name.trim_end_matches('.').split('.')
    }

    fn dotted(&self, labels: &[&str]) -> String {
        labels.join(".") + if self.request.name.ends_with('.') { "." } else { "" }
    }
}

/// A Service that is not there.
struct Wanted<'w> {
    service: &'w str,
    namespace: &'w str,
    front: &'w Front,
    index: usize,
}

impl Wanted<'_> {
    /// Whether somebody who writes this means a Service. `www.example.com` may be read as a port of
    /// a Service `com`, too.
    fn is_plain(&self) -> bool {
        matches!(self.front, Front::Nothing | Front::Port { underscored: true, .. })
    }
}

/// Whether a name ends as names of the world do.
fn is_public(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, last)| tld::exist(&last.to_ascii_lowercase()))
}
