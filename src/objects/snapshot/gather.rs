//! From single objects to one picture: duplicates, completeness, namespaces, and what plain
//! manifests leave to the control plane.

use super::{Options, Progress, Summary, doubts::doubt};
use crate::objects::{
    Key, Kind, Known, Namespace, Needs, Object, Origin, Picture, Scope, ServiceSpec,
    decode::{Decoded, Raw},
    manifest::{self, Backing, Backings},
    problem::{KUBECTL, Place, Problem, Problems},
};
use ipnet::Ipv4Net;
use std::{
    collections::{BTreeSet, HashMap},
    net::IpAddr,
    sync::Arc,
};

/// Collects the objects of all sources.
pub(super) struct Gather<'p> {
    /// The source that is being read.
    pub(super) source: Arc<str>,
    /// True as soon as anything was an object.
    pub(super) any: bool,
    options: Options,
    /// [`Options::needs`], and what completing the picture takes.
    needs: Needs,
    found: Vec<(Object, Place)>,
    namespaces: BTreeSet<Box<str>>,
    backings: Backings,
    /// Of Pods without backing, as far as a Service could be given them.
    pod_ips: Vec<IpAddr>,
    /// Objects that cannot be read.
    left_out: Vec<Key>,
    seen: Seen,
    problems: Problems,
    summary: Summary,
    progress: &'p mut dyn FnMut(Progress),
    /// Bytes of the sources that are done, and how many of all were told.
    bytes_before: u64,
    bytes_told: u64,
    bytes_total: u64,
}

/// Which kinds the sources speak about, be it with an empty list.
#[derive(Debug, Default)]
struct Seen {
    services: bool,
    listings: bool,
    pods: bool,
    namespaces: bool,
}

impl<'p> Gather<'p> {
    pub(super) fn new(options: Options, bytes_total: u64, progress: &'p mut dyn FnMut(Progress)) -> Self {
        Self {
            source: Arc::default(),
            any: false,
            // Whether Pods must back the Services is known only at the end.
            needs: Needs { selectors: true, ..options.needs },
            options,
            found: Vec::new(),
            namespaces: BTreeSet::new(),
            backings: Backings::default(),
            pod_ips: Vec::new(),
            left_out: Vec::new(),
            seen: Seen::default(),
            problems: Problems::default(),
            summary: Summary::default(),
            progress,
            bytes_before: 0,
            bytes_told: 0,
            bytes_total,
        }
    }

    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Tells how far the reading is, at `offset` of the present source.
    pub(super) fn progress(&mut self, offset: usize) {
        let bytes_done = self.bytes_before + offset as u64;
        if bytes_done >= self.bytes_told + PROGRESS_STEP_BYTES {
            self.bytes_told = bytes_done;
            (self.progress)(Progress { bytes_done, bytes_total: self.bytes_total, objects: self.found.len() });
        }
    }

    /// A source is read to its end.
    pub(super) fn source_done(&mut self, bytes: u64) {
        self.bytes_before += bytes;
        self.summary.bytes += bytes;
        self.summary.sources += 1;
        let bytes_done = self.bytes_before;
        (self.progress)(Progress { bytes_done, bytes_total: self.bytes_total, objects: self.found.len() });
    }

    /// A list speaks about its kind even where it is empty. An empty `List` speaks about none: it is
    /// what `kubectl get` prints where the API does not answer, and no cluster is empty.
    pub(super) fn list(&mut self, raw: &Raw<'_>, empty: bool) {
        self.any |= !(empty && raw.is_plain_list());
        if let Some(kind) = raw.list_kind() {
            self.seen.kind(kind);
        }
    }

    pub(super) fn object(&mut self, raw: &Raw<'_>, place: Place) {
        self.any |= raw.has_kind();
        match raw.decode(self.needs) {
            Ok((Decoded::Unknown(kind), _)) => *self.summary.skipped.entry(kind).or_default() += 1,
            Ok((decoded, backing)) => {
                let Some(key) = decoded.key() else { return };
                self.seen.kind(key.kind);
                if !key.namespace.is_empty() && !self.namespaces.contains(&key.namespace) {
                    self.namespaces.insert(key.namespace.clone());
                }
                if let Some(backing) = backing {
                    self.back(key, backing);
                }
                if let Decoded::Object(object) = decoded {
                    if let Some(doubt) = doubt(&object) {
                        let key = object.key().to_string();
                        self.problem(Problem::warning(Some(key.into()), doubt).at(place.clone()));
                    }
                    self.found.push((object, place));
                }
            }
            Err(problem) => {
                self.problem(problem.at(place));
                if let Some(key) = raw.key() {
                    self.seen.kind(key.kind);
                    self.left_out.push(key);
                }
            }
        }
    }

    /// Where endpoints are listed nobody derives any: then only the addresses of Pods matter, so that
    /// no Service is given one of them.
    fn back(&mut self, key: Key, backing: Backing) {
        match backing {
            Backing::Pod(pod) if self.seen.listings => {
                let in_range = |ip: &&IpAddr| self.options.service_cidr.is_some_and(|range| contains(range, **ip));
                self.pod_ips.extend(pod.ips.iter().filter(in_range));
            }
            backing => self.backings.insert(key, backing),
        }
    }

    /// Everything is read: makes the picture.
    pub(super) fn finish(mut self) -> (Picture, Vec<Problem>, Summary) {
        let mut objects = self.last_of_each_key();
        let known = self.known(&objects);
        drop_listed_twice(&mut objects, &mut self.summary);
        if !self.seen.listings && self.seen.pods {
            let derived = manifest::derive(&objects, &self.backings, self.needs);
            self.summary.derived = derived.len();
            objects.extend(derived.into_iter().map(Object::Endpoints));
        }
        self.add_namespaces(&mut objects);
        objects.sort_by(|a, b| order(a).cmp(&order(b)));
        self.choose_addresses(&mut objects);
        if !self.options.needs.selectors {
            drop_selectors(&mut objects);
        }
        self.summary.count(&objects);
        self.summary.problems_left_off = self.problems.left_off;
        (
            Picture { objects, left_out: self.left_out, known, scope: Scope::Everything },
            self.problems.kept,
            self.summary,
        )
    }

    /// Sorted; of several objects with one key the one that was read last.
    fn last_of_each_key(&mut self) -> Vec<Object> {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by(|a, b| order(&a.0).cmp(&order(&b.0)));
        found.dedup_by(|later, earlier| {
            let same = order(&later.0) == order(&earlier.0);
            if same {
                let message = format!("is at {} too; this later one is used, delete one of them", earlier.1);
                let key = later.0.key().to_string();
                self.problem(Problem::warning(Some(key.into()), message).at(later.1.clone()));
                std::mem::swap(later, earlier);
            }
            same
        });
        found.into_iter().map(|(object, _)| object).collect()
    }

    fn known(&mut self, objects: &[Object]) -> Known {
        let seen = &self.seen;
        let known = Known {
            services: seen.services,
            endpoints: seen.listings || seen.pods,
            // What namespaces are labelled with only a Namespace says.
            namespaces: seen.namespaces || !self.needs.labels,
            pods: self.needs.pods && seen.pods,
        };
        if !known.services {
            self.warn("no Service in it, so every name of the cluster is unknown");
        }
        if !known.endpoints && objects.iter().any(is_headless) {
            self.warn("a headless Service, but nothing about endpoints: its name is unknown");
        }
        if self.needs.pods && !known.pods {
            self.warn("no Pod in it, so no name of a Pod can be verified");
        }
        known
    }

    fn warn(&mut self, what: &str) {
        let message = format!("{what}; make the snapshot with: {KUBECTL}");
        self.problem(Problem::warning(Some(self.source.to_string().into()), message));
    }

    /// An object lives in a namespace, so the namespace exists even where nobody listed it.
    fn add_namespaces(&mut self, objects: &mut Vec<Object>) {
        for object in &*objects {
            if let Object::Namespace(listed) = object {
                self.namespaces.remove(&listed.name);
            }
        }
        let unlisted = std::mem::take(&mut self.namespaces);
        let namespace = |name| Object::Namespace(Namespace { name, labels: Box::default() });
        objects.extend(unlisted.into_iter().map(namespace));
    }

    fn choose_addresses(&mut self, objects: &mut [Object]) {
        let Some(range) = self.options.service_cidr else { return };
        let pod_ips = self.backings.pods.values().flat_map(|pod| &pod.ips).chain(&self.pod_ips);
        let allocation = manifest::allocate(objects, pod_ips, range);
        self.summary.chosen = allocation.chosen;
        if allocation.without > 0 {
            let message = format!(
                "{} Services have no cluster IP and {range} has no free address for them; give a larger range",
                allocation.without
            );
            self.problem(Problem::warning(None, message));
        }
    }
}

impl Seen {
    fn kind(&mut self, kind: Kind) {
        match kind {
            Kind::Service => self.services = true,
            Kind::EndpointSlice | Kind::Endpoints => self.listings = true,
            Kind::Pod => self.pods = true,
            Kind::Namespace => self.namespaces = true,
        }
    }
}

impl Summary {
    pub(super) fn count(&mut self, objects: &[Object]) {
        for object in objects {
            match object {
                Object::Service(_) => self.services += 1,
                Object::Endpoints(endpoints) if endpoints.origin == Origin::Slice => self.slices += 1,
                Object::Endpoints(_) => self.endpoints += 1,
                Object::Namespace(_) => self.namespaces += 1,
                Object::Pod(_) => self.pods += 1,
            }
        }
    }
}

/// The control plane writes the same endpoints into slices and into an Endpoints object, and mirrors
/// an Endpoints written by hand into slices: of each Service's only those stay that win.
fn drop_listed_twice(objects: &mut Vec<Object>, summary: &mut Summary) {
    let mut winners: HashMap<ServiceName, Origin> = HashMap::new();
    for (service, origin) in objects.iter().filter_map(listed) {
        winners.entry(service).and_modify(|winner| *winner = origin.min(*winner)).or_insert(origin);
    }
    let before = objects.len();
    objects.retain(|object| listed(object).is_none_or(|(service, origin)| winners[&service] == origin));
    summary.superseded = before - objects.len();
}

/// Namespace and name.
type ServiceName = (Box<str>, Box<str>);

/// The Service whose endpoints this object lists, and where they come from.
fn listed(object: &Object) -> Option<(ServiceName, Origin)> {
    let Object::Endpoints(endpoints) = object else { return None };
    let service = endpoints.service.as_ref()?;
    Some(((endpoints.namespace.clone(), service.clone()), endpoints.origin))
}

fn drop_selectors(objects: &mut [Object]) {
    for object in objects {
        if let Object::Service(service) = object {
            service.selector = Box::default();
        }
    }
}

fn contains(range: Ipv4Net, ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if range.contains(&ip))
}

fn is_headless(object: &Object) -> bool {
    matches!(object, Object::Service(service) if service.spec == ServiceSpec::Headless)
}

/// The order of [`crate::objects::Key`]s, without making them.
fn order(object: &Object) -> (Kind, &str, &str) {
    match object {
        Object::Service(o) => (Kind::Service, &o.namespace, &o.name),
        Object::Endpoints(o) => (o.origin.kind(), &o.namespace, &o.name),
        Object::Namespace(o) => (Kind::Namespace, "", &o.name),
        Object::Pod(o) => (Kind::Pod, &o.namespace, &o.name),
    }
}

/// Often enough for a terminal, rarely enough to cost nothing.
const PROGRESS_STEP_BYTES: u64 = 1 << 20;
