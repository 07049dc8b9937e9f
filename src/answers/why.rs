//! Why a question has no records, or old ones: looked at once more, for those who want to know.
//!
//! A reply says it as an Extended DNS Error (RFC 8914) to clients that sent EDNS, `explain` in
//! whole sentences. The look-up itself keeps no such books: nine of ten clients do not ask.

use super::{
    code,
    find::Found,
    place::{Front, Place, PortFilter, locate},
    question::QueryName,
    reverse,
};
use crate::records::{
    service::{External, Service, Target},
    view::{Pods, View},
    zone::Zone,
};

/// Why there are no records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// No name of the zone looks like this one.
    Shape,
    /// There is no such namespace, or it is not exposed.
    Namespace,
    /// There is no such Service.
    Service,
    /// The Service has no ready endpoint.
    Unready,
    /// It has no ready endpoint of this name.
    Endpoint,
    /// It has no port of this name and protocol.
    Port,
    /// It has no ready endpoint in this topology zone.
    TopologyZone,
    /// The ExternalName is an address or no name at all.
    ExternalName,
    /// What the ExternalName points at has no such record.
    Target,
    /// Names of pods are not served.
    PodsDisabled,
    /// There is no such pod.
    Pod,
    /// Nothing has this address.
    Address,
    /// The name exists and has records of other types.
    Type,
    /// The name exists only because of the names below it.
    Empty,
    /// The tables are not complete yet.
    Incomplete,
    /// No domain of the server's search list has the name.
    Nowhere,
    /// No zone of this server has the name.
    NotServed,
    /// Whole zones are not sent to this client.
    Transfer,
    /// There are records; they are those of a state that was saved before the server started.
    Stale,
    /// A saved state has no such name, and the cluster has not been seen since.
    StaleMiss,
    /// Others were asked, and none of them answered.
    NoReply,
    /// More questions are with others than may be at a time.
    Busy,
    /// The question came back from those it was passed on to.
    Loop,
    /// The stage that has it has no answer, and hands nothing on.
    Stopped,
}

impl Why {
    /// INFO-CODE (RFC 8914 section 4).
    pub fn code(self) -> u16 {
        match self {
            Self::Incomplete => NOT_READY,
            Self::NotServed => NOT_AUTHORITATIVE,
            Self::Transfer => PROHIBITED,
            Self::Stale => STALE_ANSWER,
            Self::StaleMiss => STALE_NXDOMAIN_ANSWER,
            Self::NoReply | Self::Loop => NO_REACHABLE_AUTHORITY,
            _ => OTHER,
        }
    }

    /// EXTRA-TEXT (RFC 8914 section 2): short, and the same each time.
    pub fn phrase(self) -> &'static str {
        match self {
            Self::Shape => "no name of the cluster looks like this",
            Self::Namespace => "the namespace does not exist",
            Self::Service => "the service does not exist",
            Self::Unready => "the service has no ready endpoint",
            Self::Endpoint => "the service has no ready endpoint of this name",
            Self::Port => "the service has no port of this name",
            Self::TopologyZone => "the service has no ready endpoint in this zone",
            Self::ExternalName => "the ExternalName is not a name",
            Self::Target => "the ExternalName's target has no such record",
            Self::PodsDisabled => "names of pods are not served",
            Self::Pod => "no such pod",
            Self::Address => "nothing in the cluster has this address",
            Self::Type => "the name exists, without records of this type",
            Self::Empty => "the name exists, without records of its own",
            Self::Incomplete => "the cluster is not known completely yet",
            Self::Nowhere => "no search domain has this name",
            Self::NotServed => "no zone of this server",
            Self::Transfer => "no zone transfer for this client",
            Self::Stale => "from a saved state: the Kubernetes API has not answered yet",
            Self::StaleMiss => "not in the saved state: the Kubernetes API has not answered yet",
            Self::NoReply => "no upstream answered",
            Self::Busy => "too many questions wait for upstreams",
            Self::Loop => "the question came back from an upstream",
            Self::Stopped => "nothing here has this name, and nobody else is asked",
        }
    }

    /// The same of a saved state: what it lacks the cluster may have by now.
    pub fn in_saved_state(self) -> Self {
        match self {
            Self::Shape | Self::PodsDisabled | Self::Nowhere => self,
            _ => Self::StaleMiss,
        }
    }

    /// Why `name` of `zone` was found to have no record of this type.
    pub fn of(view: &View, zone: &Zone, qtype: u16, name: &QueryName, found: Found) -> Self {
        match found {
            Found::Unknown => return Self::Incomplete,
            Found::Refused => return Self::Transfer,
            Found::Failed => return Self::ExternalName,
            Found::NoData if qtype == code::SOA => return Self::Type,
            _ => {}
        }
        if qtype == code::PTR && zone.reverse && reverse::address(name).is_some() {
            return Self::Address;
        }
        let no_data = found == Found::NoData;
        match locate(name, zone, view.options.zonal) {
            Place::Service { key, front } => {
                let of = |service: &Service| of_service(service, front, no_data);
                let unnamed = || exists(view, namespace_of(key), Self::Service);
                view.service(key, of).unwrap_or_else(unnamed)
            }
            Place::Namespace { pod: true, .. } | Place::Pod { .. } if view.options.pods == Pods::Disabled => {
                Self::PodsDisabled
            }
            Place::Namespace { label, .. } => exists(view, label, Self::Empty),
            Place::Pod { .. } if no_data => Self::Type,
            Place::Pod { namespace, .. } => exists(view, namespace, Self::Pod),
            Place::Empty => Self::Empty,
            Place::Version | Place::NameServer if no_data => Self::Type,
            Place::Version | Place::NameServer | Place::Nowhere => Self::Shape,
        }
    }
}

fn exists(view: &View, namespace: &[u8], then: Why) -> Why {
    if view.namespace_exposed(namespace) { then } else { Why::Namespace }
}

/// The second of the two labels of a key.
fn namespace_of(key: &[u8]) -> &[u8] {
    &key[1 + usize::from(key[0])..]
}

fn of_service(service: &Service, front: Front<'_>, no_data: bool) -> Why {
    if !service.namespace.is_exposed() {
        return Why::Namespace;
    }
    match (&service.target, front) {
        (Target::Nothing, _) => Why::Service,
        (Target::External(External::Name(_)), Front::Nothing) => Why::Target,
        (Target::External(_), Front::Nothing) => Why::ExternalName,
        (_, Front::TopologyZone { .. }) => Why::TopologyZone,
        _ if no_data => Why::Type,
        (Target::External(_), _) => Why::Endpoint,
        (Target::ClusterIps(_), Front::Port(_)) => Why::Port,
        (Target::Endpoints, Front::Port(filter)) if has_endpoints_without(service, filter) => Why::Port,
        (_, Front::Endpoint(_)) if !service.endpoints.is_empty() => Why::Endpoint,
        _ => Why::Unready,
    }
}

fn has_endpoints_without(service: &Service, filter: PortFilter<'_>) -> bool {
    let has = |group: &crate::records::endpoints::Group| group.ports.iter().any(|port| filter.matches(port));
    !service.endpoints.is_empty() && !service.endpoints.iter().any(has)
}

const OTHER: u16 = 0;
const STALE_ANSWER: u16 = 3;
const NOT_READY: u16 = 14;
const PROHIBITED: u16 = 18;
const STALE_NXDOMAIN_ANSWER: u16 = 19;
const NOT_AUTHORITATIVE: u16 = 20;
const NO_REACHABLE_AUTHORITY: u16 = 22;
