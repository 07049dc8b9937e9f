//! What there is to ask for: the zones, the namespaces, and the Services with their records.

use std::collections::BTreeSet;

use hickory_proto::rr;
use serde::{Deserialize, Serialize};

use super::{Explainer, Record, near};
use crate::{
    answers::code,
    records::{
        endpoints::Port,
        name::Name,
        service::{KeyOctets, Service, Target},
        store::Pages,
        view::View,
        zone::Zone,
    },
    respond::zone_file,
};

/// What the tables hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// The zones that are served, without the last dot.
    pub zones: Vec<String>,
    /// The namespaces that exist, in their order.
    pub namespaces: Vec<String>,
    /// How many Services there are.
    pub services: usize,
    /// How many addresses of ready endpoints there are.
    pub endpoints: usize,
}

/// Which Services are to be listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Those whose `NAME.NAMESPACE` holds this text.
    pub search: String,
    /// Only those of this namespace; all where it is empty.
    pub namespace: String,
    /// So many are left out in front.
    pub offset: usize,
    /// So many are listed, [`LIMIT_MAX`] at most.
    pub limit: usize,
}

/// A page of Services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Services {
    /// How many there are on all pages.
    pub total: usize,
    /// How many are in front of these.
    pub offset: usize,
    /// By namespace and name.
    pub services: Vec<Listed>,
}

/// A Service with the records of its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Where it lives.
    pub namespace: String,
    /// What it is called.
    pub name: String,
    /// `ClusterIP`, `Headless` or `ExternalName`.
    pub kind: String,
    /// How many endpoints are ready.
    pub ready: usize,
    /// How many are not.
    pub not_ready: usize,
    /// A, AAAA, CNAME, and SRV of each named port; [`RECORDS_MAX`] at most.
    pub records: Vec<Record>,
    /// How many more there are.
    pub more: usize,
}

/// A page is not longer: 200 Services of usual size are some 100 KiB of JSON.
pub const LIMIT_MAX: usize = 200;
/// A page of [`LIMIT_MAX`] Services with so many records each is 1 MiB of JSON.
pub const RECORDS_MAX: usize = 50;

impl Explainer {
    /// What the tables hold, of all views together.
    pub fn cluster(&self) -> Cluster {
        let (mut zones, mut namespaces, mut services, mut endpoints) = (Vec::new(), BTreeSet::new(), 0, 0);
        for view in self.views() {
            zones.extend(view.options.zones.iter().map(|zone| zone.apex.to_string().trim_end_matches('.').to_owned()));
            view.namespaces.for_each(|namespace| {
                if namespace.is_exposed() {
                    namespaces.insert(near::label_text(&namespace.label));
                }
            });
            near::each_service(view, |_, _| services += 1);
            endpoints += view.endpoints.len();
        }
        Cluster { zones, namespaces: namespaces.into_iter().collect(), services, endpoints }
    }

    /// Whether some objects of a kind are known and others are not yet: who takes those for all of them
    /// would be wrong.
    pub fn is_known_in_part(&self) -> bool {
        self.views().any(|view| {
            let known = view.known();
            !known.services || !known.namespaces || (!known.endpoints && !view.endpoints.is_empty())
        })
    }

    /// The objects themselves, of one namespace or of all.
    pub fn objects(&self, namespace: Option<&str>) -> Pages {
        Pages::new(self.store.clone(), namespace)
    }

    /// The Services of the first view that has a zone of names.
    pub fn services(&self, listing: &Listing) -> Services {
        let Some((view, zone)) = self.views().find_map(|view| Some((view, view.primary.as_ref()?))) else {
            return Services { total: 0, offset: listing.offset, services: Vec::new() };
        };
        let keys = keys(view, listing);
        let page = keys.iter().skip(listing.offset).take(listing.limit.min(LIMIT_MAX));
        let services = page.filter_map(|(namespace, name)| self.listed(view, zone, namespace, name)).collect();
        Services { total: keys.len(), offset: listing.offset, services }
    }

    /// None where it has vanished in the meantime.
    fn listed(&self, view: &View, zone: &Zone, namespace: &str, name: &str) -> Option<Listed> {
        let (kind, ports) =
            view.service(&KeyOctets::new(namespace, name)?, |service| (kind(service), ports(service)))?;
        let facts = self.store().service(namespace, name).unwrap_or_default();
        let owner = format!("{name}.{namespace}.svc.{}", zone.apex);
        let mut records = Vec::new();
        let mut more = 0;
        for qtype in [code::A, code::AAAA] {
            more += self.add_records(&owner, qtype, &mut records);
        }
        for (port, protocol) in ports {
            more += self.add_records(&format!("_{port}._{protocol}.{owner}"), code::SRV, &mut records);
        }
        let (namespace, name, kind) = (namespace.to_owned(), name.to_owned(), kind.to_owned());
        Some(Listed { namespace, name, kind, ready: facts.ready, not_ready: facts.not_ready, records, more })
    }

    /// A CNAME is the answer to both families; it is listed once, without what it leads to. Says how
    /// many found no room.
    fn add_records(&self, owner: &str, qtype: u16, records: &mut Vec<Record>) -> usize {
        let Ok(name) = Name::parse(owner) else { return 0 };
        let own = |record: &&rr::Record| zone_file::name(&record.name) == owner;
        let mut more = 0;
        for record in self.ask(&name, qtype).records.iter().filter(own) {
            if records.len() == RECORDS_MAX {
                more += 1;
                continue;
            }
            let record = Record::new(record);
            if !records.contains(&record) {
                records.push(record);
            }
        }
        more
    }
}

/// Namespace and name of every Service that is wanted, in their order.
fn keys(view: &View, listing: &Listing) -> BTreeSet<(String, String)> {
    let search = listing.search.to_ascii_lowercase();
    let mut keys = BTreeSet::new();
    near::each_service(view, |name, namespace| {
        let of_namespace = listing.namespace.is_empty() || listing.namespace.eq_ignore_ascii_case(namespace);
        if of_namespace && (search.is_empty() || format!("{name}.{namespace}").contains(&search)) {
            keys.insert((namespace.to_owned(), name.to_owned()));
        }
    });
    keys
}

fn kind(service: &Service) -> &'static str {
    match service.target {
        Target::External(_) => "ExternalName",
        Target::Endpoints => "Headless",
        Target::ClusterIps(_) | Target::Empty | Target::Nothing => "ClusterIP",
    }
}

/// Name and protocol of every named port, each once.
fn ports(service: &Service) -> BTreeSet<(String, String)> {
    let named = |port: &&Port| !port.name.is_empty() && !port.protocol.is_empty();
    let all = service.ports().filter(named);
    all.map(|port| (port.name.to_string(), port.protocol.to_string())).collect()
}
