//! What DNS should say of one Service: the unit that is published and read as a whole.
//!
//! It stores facts (addresses, ports, names), not messages: rendering an answer from them is
//! cheaper than fetching a prepared one from memory, and they are smaller. Each function below is
//! one rule of the record schema, with the rule above it.

use std::{
    hash::{BuildHasher, Hasher},
    net::IpAddr,
    ops::Deref,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering},
    },
};

use foldhash::quality::RandomState;

use super::{
    endpoints::{self, Groups, Naming, Port, Ports, Subset},
    name::{LABEL_OCTETS_MAX, Name, same},
};
use crate::objects::{self, ServiceSpec};

/// One Service, or the endpoints of one that does not exist. Cheap to clone, and what an A record
/// needs is close together, in this order: a lookup in a large cluster waits for memory, not for
/// instructions.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Service {
    near_key: NearKey,
    /// Where it lives.
    pub namespace: Arc<Namespace>,
    /// The cluster IPs in their order. An ExternalName's left-over ones are here too: they have a
    /// PTR but no A (behaviour A4).
    pub cluster_ips: ClusterIps,
    /// What its name leads to.
    pub target: Target,
    /// Its place in the zone.
    pub key: ServiceKey,
    /// Its ready endpoints.
    pub endpoints: Groups,
    /// The same by topology zone; empty without the option `zonal`.
    pub by_zone: Arc<[(Box<str>, Groups)]>,
}

/// Cluster IPs: nearly always one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterIps {
    /// Just this.
    One(IpAddr),
    /// None, or several.
    List(Arc<[IpAddr]>),
}

/// What the name of a Service leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Nothing: there are endpoints, but no Service that we serve. Their PTRs live on.
    Nothing,
    /// The cluster IPs, on these ports.
    ClusterIps(Ports),
    /// Nothing while it has no ready endpoint (`ignore empty_service`): absent, if the endpoints are known.
    Empty,
    /// The endpoints.
    Endpoints,
    /// Another name.
    External(External),
}

/// What an ExternalName points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum External {
    /// A name, as written.
    Name(Name),
    /// An address: such a name does not exist (behaviour A4).
    Address,
    /// Nothing at all: no data.
    Nothing,
    /// A text that cannot stand in a message: the question fails.
    Illegal,
}

/// A service label and a namespace label in wire form and lower case, as a question holds them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServiceKey {
    /// `\x03web\x04shop`
    pub wire: Arc<[u8]>,
}

/// A key where it is compared, if it is no longer than most.
#[derive(Clone, Copy, Debug)]
struct NearKey {
    /// 0 where the key is too long.
    length: u8,
    octets: [u8; NEAR_OCTETS],
}

/// `\x0fcheckout-service\x0ashop-prod` has 28.
const NEAR_OCTETS: usize = 39;

/// What a [`ServiceKey`] is found with: the same octets, where they take no allocation.
#[derive(Clone, Copy, Debug)]
pub struct KeyOctets {
    octets: [u8; KEY_OCTETS_MAX],
    length: usize,
}

/// The object of a Service, and its ports as records have them.
#[derive(Debug)]
pub struct Declared {
    /// As it was read.
    pub object: objects::Service,
    ports: Ports,
}

/// The longest labels of a Service and of its namespace.
pub const KEY_OCTETS_MAX: usize = 2 * (1 + LABEL_OCTETS_MAX);

/// A namespace, whether or not it exists.
#[derive(Debug)]
pub struct Namespace {
    /// One label in wire form and lower case.
    pub label: Box<[u8]>,
    /// Whether it exists and is exposed. Services read it when they are asked for, so that a
    /// namespace comes and goes by one store.
    pub exposed: AtomicBool,
}

/// What the options of a view make of objects.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How endpoints are named.
    pub naming: Naming,
    /// `noendpoints`: no endpoint is looked at.
    pub no_endpoints: bool,
    /// `ignore empty_service`: a cluster IP without a ready endpoint does not exist.
    pub ignore_empty: bool,
    /// `zonal`: endpoints are also found by topology zone.
    pub zonal: bool,
}

impl KeyOctets {
    /// The key of these names; none where one is no label.
    pub fn new(namespace: &str, name: &str) -> Option<Self> {
        let mut key = Self { octets: [0; _], length: 0 };
        key.push(name)?;
        key.push(namespace)?;
        Some(key)
    }

    fn push(&mut self, label: &str) -> Option<()> {
        if label.is_empty() || label.len() > LABEL_OCTETS_MAX {
            return None;
        }
        let start = self.length + 1;
        self.octets[self.length] = label.len() as u8;
        self.length = start + label.len();
        let written = &mut self.octets[start..self.length];
        written.copy_from_slice(label.as_bytes());
        written.make_ascii_lowercase();
        Some(())
    }
}

impl Deref for KeyOctets {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.octets[..self.length]
    }
}

impl From<KeyOctets> for ServiceKey {
    fn from(octets: KeyOctets) -> Self {
        Self { wire: (*octets).into() }
    }
}

impl NearKey {
    fn new(key: &[u8]) -> Self {
        let mut near = Self { length: 0, octets: [0; _] };
        if let Some(octets) = near.octets.get_mut(..key.len()) {
            octets.copy_from_slice(key);
            near.length = key.len() as u8;
        }
        near
    }
}

impl ServiceKey {
    /// Where it stands in the tables.
    pub fn hash(&self) -> u64 {
        hash(&self.wire)
    }

    /// The name of the Service, as text.
    pub fn service_label(&self) -> &[u8] {
        &self.wire[1..=usize::from(self.wire[0])]
    }

    /// The namespace, as one label.
    pub fn namespace_label(&self) -> &[u8] {
        &self.wire[1 + usize::from(self.wire[0])..]
    }
}

/// Where a key stands in the tables. Keyed anew in each process, so that nobody can aim at a slot.
#[inline]
pub fn hash(key: &[u8]) -> u64 {
    static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::default);
    let mut hasher = STATE.build_hasher();
    hasher.write(key);
    hasher.finish()
}

/// A text as one lower-case label in wire form.
pub fn wire_label(text: &str) -> Vec<u8> {
    let mut wire = vec![text.len() as u8];
    wire.extend(text.bytes().map(|octet| octet.to_ascii_lowercase()));
    wire
}

impl Declared {
    /// The Service of this object.
    pub fn new(object: objects::Service) -> Self {
        Self { ports: object.ports.iter().map(Port::new).collect(), object }
    }
}

impl Namespace {
    /// Whether it exists and is exposed.
    #[inline]
    pub fn is_exposed(&self) -> bool {
        self.exposed.load(Ordering::Relaxed)
    }
}

impl Service {
    /// Applies the schema to one Service: its object, if there is one, and the endpoints that others
    /// list for it.
    pub fn new<'o>(
        key: ServiceKey,
        namespace: Arc<Namespace>,
        service: Option<&Declared>,
        subsets: impl Iterator<Item = &'o Subset> + Clone,
        rules: Rules,
    ) -> Self {
        let subsets = subsets.filter(|_| !rules.no_endpoints);
        let endpoints = endpoints::group(subsets.clone(), rules.naming, |_| true);
        Self {
            near_key: NearKey::new(&key.wire),
            target: target(service, &endpoints, rules),
            cluster_ips: cluster_ips(service.map(|service| &service.object.spec)),
            by_zone: if rules.zonal { by_zone(subsets, rules.naming) } else { Arc::default() },
            key,
            namespace,
            endpoints,
        }
    }

    /// Whether there is nothing to say: neither records nor PTRs.
    pub fn is_empty(&self) -> bool {
        matches!(self.target, Target::Nothing) && self.cluster_ips.is_empty() && self.endpoints.is_empty()
    }

    /// Whether this is its key, in wire form and lower case.
    #[inline]
    pub fn is(&self, key: &[u8]) -> bool {
        match self.near_key.octets.get(..usize::from(self.near_key.length)) {
            Some(near) if !near.is_empty() => same(near, key),
            _ => same(&self.key.wire, key),
        }
    }

    /// The one cluster IP that its own name leads to. None where there is more, or less, to say.
    #[inline]
    pub fn only_address(&self) -> Option<IpAddr> {
        match (&self.target, &self.cluster_ips) {
            (Target::ClusterIps(_), ClusterIps::One(ip)) if self.namespace.is_exposed() => Some(*ip),
            _ => None,
        }
    }

    /// Whether both say the same. Endpoints differ most often.
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.endpoints == other.endpoints
            && self.target == other.target
            && self.cluster_ips == other.cluster_ips
            && self.by_zone == other.by_zone
    }

    /// The ports that SRV names: its own, or of a headless one those of its endpoints.
    pub fn ports(&self) -> impl Iterator<Item = &Port> {
        let own: &[Port] = if let Target::ClusterIps(ports) = &self.target { ports } else { &[] };
        let headless = matches!(self.target, Target::Endpoints);
        own.iter().chain(self.endpoints.iter().filter(move |_| headless).flat_map(|group| group.ports.iter()))
    }

    /// Every address of an endpoint, some more than once.
    pub fn endpoint_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.endpoints
            .iter()
            .flat_map(|group| group.v4.iter().copied().map(IpAddr::V4).chain(group.v6.iter().copied().map(IpAddr::V6)))
    }
}

/// Whether it is an ExternalName was decided when the object was read (behaviour A4). Here: a
/// cluster IP without any ready endpoint does not exist under `ignore empty_service` (behaviour C7).
fn target(service: Option<&Declared>, endpoints: &Groups, rules: Rules) -> Target {
    let Some(service) = service else { return Target::Nothing };
    match &service.object.spec {
        ServiceSpec::Cluster { .. } if rules.ignore_empty && endpoints.is_empty() => Target::Empty,
        ServiceSpec::Cluster { .. } => Target::ClusterIps(service.ports.clone()),
        ServiceSpec::Headless => Target::Endpoints,
        ServiceSpec::External { target, .. } => Target::External(external(target)),
    }
}

/// An ExternalName may be an address, nothing, or no name at all (behaviour A4).
fn external(target: &str) -> External {
    if target.parse::<IpAddr>().is_ok() {
        return External::Address;
    }
    match Name::parse(target) {
        Ok(name) if name == Name::root() => External::Nothing,
        Ok(name) => External::Name(name),
        Err(_) => External::Illegal,
    }
}

fn cluster_ips(spec: Option<&ServiceSpec>) -> ClusterIps {
    match spec {
        Some(ServiceSpec::Cluster { ips, .. } | ServiceSpec::External { ips, .. }) => match **ips {
            [ip] => ClusterIps::One(ip.to_canonical()),
            _ => ClusterIps::List(ips.iter().map(IpAddr::to_canonical).collect()),
        },
        Some(ServiceSpec::Headless) | None => ClusterIps::List(Arc::default()),
    }
}

impl Deref for ClusterIps {
    type Target = [IpAddr];

    #[inline]
    fn deref(&self) -> &[IpAddr] {
        match self {
            Self::One(ip) => std::slice::from_ref(ip),
            Self::List(ips) => ips,
        }
    }
}

/// The endpoints of each topology zone (behaviour C9).
fn by_zone<'o>(subsets: impl Iterator<Item = &'o Subset> + Clone, naming: Naming) -> Arc<[(Box<str>, Groups)]> {
    let mut zones: Vec<&str> = subsets.clone().flat_map(Subset::zones).collect();
    zones.sort_unstable();
    zones.dedup();
    let groups = |zone| endpoints::group(subsets.clone(), naming, |names| names.zone.as_deref() == Some(zone));
    zones.into_iter().map(|zone| (zone.to_lowercase().into(), groups(zone))).collect()
}
