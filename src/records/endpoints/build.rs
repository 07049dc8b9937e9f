//! From listed endpoints to groups.
//!
//! This runs over all endpoints of a Service whenever one of them changes. So nothing is allocated
//! for one endpoint: names are written one behind the other, and what is sorted are their places.

use std::net::{IpAddr, Ipv4Addr};

use super::{Alias, Group, Groups, HostEntry, Ports, Subset, ignoring_case};
use crate::{
    objects::{Address, Names},
    records::name::{Name, push_labels},
};

/// How an endpoint gets its name (behaviour C4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Naming {
    /// `endpoint_pod_names`: the Pod's name stands in for a missing hostname.
    pub pod_names: bool,
}

/// Puts the endpoints of a Service into groups. `wanted` chooses among the endpoints.
pub fn group<'o>(subsets: impl Iterator<Item = &'o Subset>, naming: Naming, wanted: impl Fn(&Names) -> bool) -> Groups {
    let mut builders: Vec<Builder> = Vec::new();
    for subset in subsets {
        let builder = of_ports(&mut builders, &subset.ports);
        builder.listed.reserve(subset.len());
        builder.labels.reserve(subset.len() * LABEL_OCTETS_USUAL);
        subset.for_each(|address, names| {
            if wanted(names) {
                builder.add(address, names, naming);
            }
        });
    }
    // Objects come in no order of their own: groups of the same content must compare equal.
    builders.sort_by(|a, b| a.ports.cmp(&b.ports));
    builders.into_iter().map(Builder::build).filter(|group| !group.is_empty()).collect()
}

fn of_ports<'b>(builders: &'b mut Vec<Builder>, ports: &Ports) -> &'b mut Builder {
    let position = builders.iter().position(|builder| builder.ports == *ports).unwrap_or_else(|| {
        builders.push(Builder { ports: ports.clone(), ..Builder::default() });
        builders.len() - 1
    });
    &mut builders[position]
}

#[derive(Default)]
struct Builder {
    ports: Ports,
    /// The names of `listed`, as they came.
    labels: Vec<u8>,
    listed: Vec<Listed>,
    aliases: Vec<Alias>,
}

/// An address of an endpoint, and where its name is written.
struct Listed {
    /// The first octets of the name in lower case: two names whose first octets differ are in their order.
    order: u128,
    ip: IpAddr,
    label_start: u32,
    label_end: u32,
}

impl Builder {
    fn add(&mut self, address: &Address, names: &Names, naming: Naming) {
        let label_start = self.labels.len();
        push_name(&mut self.labels, address, names, naming);
        if let Address::Name(target) = address {
            let label = self.labels.drain(label_start..).collect();
            self.aliases.extend(Name::parse(target).ok().map(|target| Alias { label, target }));
        }
        // An IPv4 address in IPv6 clothes is an IPv4 address.
        if let Some(ip) = address.ip().map(|ip| ip.to_canonical()) {
            let order = first_octets(&self.labels[label_start..]);
            let (label_start, label_end) = (label_start as u32, self.labels.len() as u32);
            self.listed.push(Listed { order, ip, label_start, label_end });
        }
    }

    fn build(self) -> Group {
        let Self { ports, labels: written, mut listed, mut aliases } = self;
        let label = |one: &Listed| &written[one.label_start as usize..one.label_end as usize];
        // Names that differ in case only are neighbours.
        listed.sort_unstable_by(|a, b| {
            let names = || ignoring_case(label(a), label(b)).then_with(|| label(a).cmp(label(b)));
            a.order.cmp(&b.order).then_with(names).then_with(|| a.ip.cmp(&b.ip))
        });
        let mut hosts: Vec<HostEntry> = Vec::with_capacity(listed.len());
        let mut labels: Vec<u8> = Vec::with_capacity(written.len());
        let mut addresses: Vec<IpAddr> = Vec::with_capacity(listed.len());
        for one in &listed {
            match hosts.last_mut() {
                Some(host) if labels[host.label_start as usize..] == *label(one) => {
                    host.listed += 1;
                    if addresses.last() == Some(&one.ip) {
                        continue;
                    }
                }
                _ => {
                    let (label_start, first_address) = (labels.len() as u32, addresses.len() as u32);
                    hosts.push(HostEntry { label_start, first_address, listed: 1 });
                    labels.extend_from_slice(label(one));
                }
            }
            addresses.push(one.ip);
        }
        aliases.sort_unstable();
        aliases.dedup();
        let by_address = order(&addresses);
        let of_v4 = by_address.partition_point(|&place| addresses[place as usize].is_ipv4());
        let sorted = || by_address.iter().map(|&place| addresses[place as usize]);
        Group {
            ports,
            v4: distinct(of_v4, sorted().filter_map(|ip| if let IpAddr::V4(v4) = ip { Some(v4) } else { None })),
            v6: distinct(
                by_address.len() - of_v4,
                sorted().filter_map(|ip| if let IpAddr::V6(v6) = ip { Some(v6) } else { None }),
            ),
            aliases: aliases.into(),
            listed: listed.len() as u32,
            hosts: hosts.into(),
            labels: labels.into(),
            addresses: addresses.into(),
            by_address,
        }
    }
}

/// The hostname; without one, the Pod's name if that is wanted; without that, the address with
/// dashes (behaviour C4).
fn push_name(wire: &mut Vec<u8>, address: &Address, names: &Names, naming: Naming) {
    let start = wire.len();
    let pushed = match (&names.hostname, names.pod.as_ref().filter(|_| naming.pod_names), address) {
        (Some(name), _, _) | (None, Some(name), _) => push_labels(wire, name),
        (None, None, Address::Ip(IpAddr::V4(v4))) => {
            push_dashed(wire, *v4);
            Ok(())
        }
        (None, None, address) => push_labels(wire, &dashed(&address.text())),
    };
    // A name that cannot stand in a message leaves the endpoint without a name of its own, and the
    // decoder has said so. The address stays.
    if pushed.is_err() {
        wire.truncate(start);
    }
}

fn dashed(address: &str) -> String {
    let mut dashed = address.replace(['.', ':'], "-");
    if dashed.ends_with('-') {
        dashed.push('0');
    }
    dashed
}

/// As [`dashed`] would have it. Nearly every endpoint is named so, and formatting would take longer
/// than all the rest of a change.
fn push_dashed(wire: &mut Vec<u8>, address: Ipv4Addr) {
    let (mut label, mut length) = ([b'-'; 16], 1);
    let mut digit = |place: &mut usize, digit: u8| {
        label[*place] = b'0' + digit;
        *place += 1;
    };
    for octet in address.octets() {
        if octet >= 100 {
            digit(&mut length, octet / 100);
        }
        if octet >= 10 {
            digit(&mut length, octet / 10 % 10);
        }
        digit(&mut length, octet % 10);
        length += 1;
    }
    // There is no dash behind the last octet.
    label[0] = length as u8 - 2;
    wire.extend_from_slice(&label[..length - 1]);
}

/// A name as a number, as far as one can hold it. What is not there counts as zeros: it stands in front.
fn first_octets(label: &[u8]) -> u128 {
    let mut octets = [0; 16];
    let length = label.len().min(octets.len());
    octets[..length].copy_from_slice(&label[..length]);
    octets.make_ascii_lowercase();
    u128::from_be_bytes(octets)
}

/// The places of these addresses, in the order of the addresses.
fn order(addresses: &[IpAddr]) -> Box<[u32]> {
    let mut places: Vec<(u64, u32)> = (0..).zip(addresses).map(|(place, ip)| (first_bits(ip), place)).collect();
    places.sort_unstable_by(|(bits, place), (other_bits, other)| {
        let whole = || addresses[*place as usize].cmp(&addresses[*other as usize]);
        bits.cmp(other_bits).then_with(whole).then(place.cmp(other))
    });
    places.into_iter().map(|(_, place)| place).collect()
}

/// An address as a number, as far as one can hold it, those of IPv4 first.
fn first_bits(ip: &IpAddr) -> u64 {
    match ip {
        IpAddr::V4(v4) => v4.to_bits().into(),
        IpAddr::V6(v6) => (v6.to_bits() >> 65) as u64 | 1 << 63,
    }
}

/// Each of these sorted items once.
fn distinct<T: PartialEq>(count: usize, items: impl Iterator<Item = T>) -> Box<[T]> {
    let mut distinct = Vec::with_capacity(count);
    distinct.extend(items);
    distinct.dedup();
    distinct.into()
}

/// Room for a dashed IPv4 address.
const LABEL_OCTETS_USUAL: usize = 16;
