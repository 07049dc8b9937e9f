//! What a question means in this cluster: which object it is about, and why there are no records.

use std::net::IpAddr;

use super::{ask::Answer, near::label_text};
use crate::{
    answers::{
        find::Found,
        place::{self, Place, locate},
        question::QueryName,
        reverse,
        why::Why,
    },
    records::{
        name::{Labels, Name},
        view::View,
        zone::Zone,
    },
    respond::plan::Plan,
};

/// A question in a zone of the cluster.
pub(super) struct Meaning<'p> {
    pub(super) view: &'p View,
    pub(super) zone: &'p Zone,
    pub(super) subject: Subject,
    /// None where there are records.
    pub(super) why: Option<Why>,
}

/// What a name is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    Service {
        service: String,
        namespace: String,
        front: Front,
        /// Which label of the name is the Service's.
        index: usize,
    },
    Namespace(String),
    Pod {
        /// With dashes.
        address: String,
        namespace: String,
    },
    Address(IpAddr),
    Other,
}

/// What stands in front of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Front {
    Nothing,
    Endpoint(String),
    Port {
        port: String,
        protocol: String,
        /// Written with underscores, as SRV has it.
        underscored: bool,
    },
    TopologyZone(String),
}

impl<'p> Meaning<'p> {
    /// The meaning of a question that got this answer. None where the cluster has no say in it.
    pub(super) fn of(plan: &'p Plan, listener: usize, name: &Name, qtype: u16, answer: &Answer) -> Option<Self> {
        let mut query = QueryName::new();
        query.read(name.wire())?;
        let route = plan.listeners.get(listener)?.route(&query, qtype)?;
        let server = &plan.servers[plan.routes[route].server];
        let (view, (zone, _)) = (server.view.as_deref()?, server.zone_of(&query)?);
        let why = match answer.found() {
            Found::Records | Found::Chase => None,
            // Left to the next stage, and there is none.
            Found::Failed if !view.options.fallthrough.is_empty() => return None,
            found => Some(Why::of(view, zone, qtype, &query, found)),
        };
        Some(Self { view, zone, subject: subject(&query, zone, view), why })
    }

    /// Whether the object that is meant is there, so that its own state is the reason.
    pub(super) fn exists(&self) -> bool {
        let is_there = |why| !matches!(why, Why::Shape | Why::Namespace | Why::Service | Why::Pod | Why::Address);
        self.why.is_none_or(is_there)
    }
}

fn subject(name: &QueryName, zone: &Zone, view: &View) -> Subject {
    if let Some(address) = reverse::address(name).filter(|_| zone.reverse) {
        return Subject::Address(address);
    }
    match locate(name, zone, view.options.zonal) {
        Place::Service { key, front } => {
            let mut labels = Labels(key).map(|label| String::from_utf8_lossy(label).into_owned());
            let (service, namespace) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
            // SERVICE NAMESPACE svc ZONE
            let index = name.labels() - zone.labels - 3;
            let underscored =
                index == 2 && name.label(0)[1..].starts_with(b"_") && name.label(1)[1..].starts_with(b"_");
            Subject::Service { service, namespace, front: self::front(front, underscored), index }
        }
        Place::Namespace { label, .. } => Subject::Namespace(label_text(label)),
        Place::Pod { namespace, name } => {
            let address = Labels(name).next().map(|label| String::from_utf8_lossy(label).into_owned());
            Subject::Pod { address: address.unwrap_or_default(), namespace: label_text(namespace) }
        }
        Place::Empty | Place::Version | Place::NameServer | Place::Nowhere => Subject::Other,
    }
}

fn front(front: place::Front<'_>, underscored: bool) -> Front {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    match front {
        place::Front::Nothing => Front::Nothing,
        place::Front::Endpoint(label) => Front::Endpoint(label_text(label)),
        place::Front::Port(filter) => {
            Front::Port { port: text(filter.port), protocol: text(filter.protocol), underscored }
        }
        place::Front::TopologyZone { zone, .. } => {
            Front::TopologyZone(Labels(zone).map(text).collect::<Vec<_>>().join("."))
        }
    }
}
