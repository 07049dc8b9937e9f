//! The ready endpoints of one Service, as its names need them.
//!
//! Endpoints that share their ports form a [`Group`]; most services have one. Inside a group the
//! endpoints of one name are one [`Host`]. Hosts stand in the order of their names, so that one is
//! found by bisection and two slices that list the same endpoints in another order are equal.

mod build;
mod subset;

use std::{
    borrow::Cow,
    cmp::Ordering,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use super::name::Name;
use crate::objects;

pub use build::{Naming, group};
pub use subset::Subset;

/// All groups of one Service.
pub type Groups = Arc<[Group]>;

/// The ready endpoints that have the same ports.
#[derive(Debug, PartialEq, Eq)]
pub struct Group {
    /// As the objects list them.
    pub ports: Ports,
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
    /// Places in `addresses`, in the order of the addresses there.
    by_address: Box<[u32]>,
}

/// Shared with whoever lists them: they stay while endpoints come and go.
pub type Ports = Arc<[Port]>;

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
        let first = partition(self.hosts.len(), |index| ignoring_case(self.host(index).label, label).is_lt());
        (first..self.hosts.len())
            .map(|index| self.host(index))
            .take_while(|host| host.label.eq_ignore_ascii_case(label))
    }

    /// The hosts that have this address.
    pub fn hosts_at(&self, address: IpAddr) -> impl Iterator<Item = Host<'_>> {
        let at = |place: u32| self.addresses[place as usize];
        let first = self.by_address.partition_point(|&place| at(place) < address);
        let places = self.by_address[first..].iter().copied().take_while(move |&place| at(place) == address);
        // Every host has an address.
        places.map(|place| self.host(self.hosts.partition_point(|host| host.first_address <= place) - 1))
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
    /// Whether it is the port of this object.
    pub fn is(&self, port: &objects::Port) -> bool {
        self.number == port.number
            && self.name.eq_ignore_ascii_case(&port.name)
            && self.protocol.eq_ignore_ascii_case(&port.protocol)
    }

    /// The port of an object.
    pub fn new(port: &objects::Port) -> Self {
        let known = ["tcp", "udp", "sctp"].into_iter().find(|known| port.protocol.eq_ignore_ascii_case(known));
        Self {
            name: port.name.to_ascii_lowercase().into(),
            protocol: known.map_or_else(|| port.protocol.to_ascii_lowercase().into(), Cow::Borrowed),
            number: port.number,
        }
    }

    /// The port as an object has it, in the letter case of the API: only protocols are in upper case.
    pub fn object(&self) -> objects::Port {
        objects::Port {
            name: self.name.clone(),
            protocol: self.protocol.to_ascii_uppercase().into(),
            number: self.number,
        }
    }
}

fn ignoring_case(label: &[u8], other: &[u8]) -> Ordering {
    for (one, other) in label.iter().zip(other) {
        let order = one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase());
        if order.is_ne() {
            return order;
        }
    }
    label.len().cmp(&other.len())
}

fn partition(length: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = usize::midpoint(low, high);
        if before(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

#[cfg(test)]
mod tests;
