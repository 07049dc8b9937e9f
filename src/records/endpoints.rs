//! The ready endpoints of one Service, as its names need them.
//!
//! Endpoints that share their ports form a [`Group`]; most services have one. Inside a group the
//! endpoints of one name are one [`Host`]. Hosts stand in the order of their names, so that one is
//! found by bisection and two slices that list the same endpoints in another order are equal.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use super::name::{self, Name};
use crate::objects::{self, Address};

/// All groups of one Service.
pub type Groups = Arc<[Group]>;

/// The ready endpoints that have the same ports.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// As the objects list them.
    pub ports: Box<[Port]>,
    /// Every IPv4 address once, sorted.
    pub v4: Box<[Ipv4Addr]>,
    /// Every IPv6 address once, sorted.
    pub v6: Box<[Ipv6Addr]>,
    /// Endpoints that are names instead of addresses.
    pub aliases: Box<[Alias]>,
    /// How many addresses were listed, repeated ones too: SRV weights count them (behaviour A3).
    pub listed: u32,
    hosts: Box<[HostEntry]>,
    /// The labels of all hosts, in their order.
    labels: Box<[u8]>,
    /// The addresses of all hosts, in their order.
    addresses: Box<[IpAddr]>,
}

/// A port in the form that questions are compared with: in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Port {
    /// Empty where unnamed.
    pub name: Box<str>,
    /// `tcp`, `udp`, `sctp`, or whatever else the object says; empty where absent.
    pub protocol: Cow<'static, str>,
    /// Absent: no SRV.
    pub number: Option<u16>,
}

/// An endpoint of `addressType: FQDN` (behaviour C5).
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Alias {
    /// Its endpoint name, in wire form.
    pub label: Box<[u8]>,
    /// What it points at.
    pub target: Name,
}

#[derive(Debug, PartialEq, Eq)]
struct HostEntry {
    label_start: u32,
    first_address: u32,
    listed: u32,
}

/// The endpoints of one name.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a> {
    /// The endpoint name in wire form, in the letter case of the object. A dotted hostname has
    /// several labels.
    pub label: &'a [u8],
    /// Each once.
    pub addresses: &'a [IpAddr],
    /// How many were listed, repeated ones too.
    pub listed: u32,
}

impl Group {
    /// Every host, in the order of their names.
    pub fn hosts(&self) -> impl ExactSizeIterator<Item = Host<'_>> {
        (0..self.hosts.len()).map(|index| self.host(index))
    }

    /// The hosts of this name; letter case does not matter. `label` is one label in wire form.
    pub fn hosts_named<'a>(&'a self, label: &'a [u8]) -> impl Iterator<Item = Host<'a>> {
        let first = partition(self.hosts.len(), |index| less(self.host(index).label, label));
        (first..self.hosts.len())
            .map(|index| self.host(index))
            .take_while(|host| host.label.eq_ignore_ascii_case(label))
    }

    /// The hosts that have this address.
    pub fn hosts_at(&self, address: IpAddr) -> impl Iterator<Item = Host<'_>> {
        let hosts = if self.has(address) { 0..self.hosts.len() } else { 0..0 };
        hosts.map(|index| self.host(index)).filter(move |host| host.addresses.contains(&address))
    }

    fn host(&self, index: usize) -> Host<'_> {
        let entry = &self.hosts[index];
        let (label_end, address_end) = match self.hosts.get(index + 1) {
            Some(next) => (next.label_start as usize, next.first_address as usize),
            None => (self.labels.len(), self.addresses.len()),
        };
        Host {
            label: &self.labels[entry.label_start as usize..label_end],
            addresses: &self.addresses[entry.first_address as usize..address_end],
            listed: entry.listed,
        }
    }

    /// Whether this group has an endpoint at all.
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty() && self.aliases.is_empty()
    }

    /// Whether one of the endpoints has this address.
    pub fn has(&self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(v4) => self.v4.binary_search(&v4).is_ok(),
            IpAddr::V6(v6) => self.v6.binary_search(&v6).is_ok(),
        }
    }
}

impl Port {
    /// The port of an object.
    pub fn new(port: &objects::Port) -> Self {
        let known = ["tcp", "udp", "sctp"].into_iter().find(|known| port.protocol.eq_ignore_ascii_case(known));
        Self {
            name: port.name.to_ascii_lowercase().into(),
            protocol: known.map_or_else(|| port.protocol.to_ascii_lowercase().into(), Cow::Borrowed),
            number: port.number,
        }
    }
}

/// How an endpoint gets its name (behaviour C4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// `endpoint_pod_names`: the Pod's name stands in for a missing hostname.
    pub pod_names: bool,
}

/// Puts the endpoints of a Service's objects into groups. `wanted` chooses among the endpoints.
pub fn group<'o>(
    objects: impl Iterator<Item = &'o objects::Endpoints>,
    naming: Naming,
    wanted: impl Fn(&objects::Endpoint) -> bool,
) -> Groups {
    let mut builders: Vec<Builder> = Vec::new();
    for subset in objects.flat_map(|object| &object.subsets) {
        let ports: Box<[Port]> = subset.ports.iter().map(Port::new).collect();
        let position = builders.iter().position(|builder| builder.ports == ports).unwrap_or_else(|| {
            builders.push(Builder::new(ports));
            builders.len() - 1
        });
        for endpoint in subset.ready.iter().filter(|endpoint| wanted(endpoint)) {
            builders[position].add(endpoint, naming);
        }
    }
    // Objects come in no order of their own: groups of the same content must compare equal.
    builders.sort_by(|a, b| a.ports.cmp(&b.ports));
    builders.into_iter().map(Builder::build).filter(|group| !group.is_empty()).collect()
}

/// Wire labels in lower case, then as written, so that names that differ in case only are neighbours.
type HostKey = (Box<[u8]>, Box<[u8]>);

struct Builder {
    ports: Box<[Port]>,
    hosts: BTreeMap<HostKey, (u32, Vec<IpAddr>)>,
    aliases: Vec<Alias>,
}

impl Builder {
    fn new(ports: Box<[Port]>) -> Self {
        Self { ports, hosts: BTreeMap::new(), aliases: Vec::new() }
    }

    fn add(&mut self, endpoint: &objects::Endpoint, naming: Naming) {
        for address in endpoint.addresses.iter() {
            // A name that cannot stand in a message leaves the endpoint without a name of its own,
            // and the decoder has said so. The address stays.
            let label = name::labels(&endpoint_name(endpoint, address, naming)).unwrap_or_default();
            if let Address::Name(target) = address {
                let target = Name::parse(target).ok();
                self.aliases.extend(target.map(|target| Alias { label: label.clone().into(), target }));
            }
            if let Some(ip) = address.ip() {
                let (listed, addresses) =
                    self.hosts.entry((label.to_ascii_lowercase().into(), label.into())).or_default();
                *listed += 1;
                if !addresses.contains(&ip) {
                    addresses.push(ip);
                }
            }
        }
    }

    fn build(mut self) -> Group {
        self.aliases.sort_unstable();
        self.aliases.dedup();
        let mut hosts = Vec::with_capacity(self.hosts.len());
        let (mut labels, mut addresses) = (Vec::new(), Vec::new());
        for ((_, label), (listed, mut of_host)) in self.hosts {
            hosts.push(HostEntry { label_start: labels.len() as u32, first_address: addresses.len() as u32, listed });
            of_host.sort_unstable();
            labels.extend_from_slice(&label);
            addresses.append(&mut of_host);
        }
        let listed = hosts.iter().map(|host| host.listed).sum();
        Group {
            ports: self.ports,
            v4: distinct(addresses.iter().filter_map(|ip| if let IpAddr::V4(v4) = ip { Some(*v4) } else { None })),
            v6: distinct(addresses.iter().filter_map(|ip| if let IpAddr::V6(v6) = ip { Some(*v6) } else { None })),
            aliases: self.aliases.into(),
            listed,
            hosts: hosts.into(),
            labels: labels.into(),
            addresses: addresses.into(),
        }
    }
}

/// "The hostname, else the Pod's name where asked for, else the address with dashes" (behaviour C4).
fn endpoint_name(endpoint: &objects::Endpoint, address: &Address, naming: Naming) -> String {
    let names = endpoint.names();
    if let Some(hostname) = &names.hostname {
        return hostname.to_string();
    }
    if let Some(pod) = names.pod.as_ref().filter(|_| naming.pod_names) {
        return pod.to_string();
    }
    let mut dashed = address.text().replace(['.', ':'], "-");
    if dashed.ends_with('-') {
        dashed.push('0');
    }
    dashed
}

fn distinct<T: Ord>(items: impl Iterator<Item = T>) -> Box<[T]> {
    let mut items: Vec<T> = items.collect();
    items.sort_unstable();
    items.dedup();
    items.into()
}

fn less(label: &[u8], than: &[u8]) -> bool {
    label.iter().map(u8::to_ascii_lowercase).lt(than.iter().map(u8::to_ascii_lowercase))
}

fn partition(length: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = usize::midpoint(low, high);
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}
