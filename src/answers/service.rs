//! The records of a Service (behaviour A2 and A3).
//!
//! A name means the cluster IPs, a selection of the endpoints, or the name behind an
//! ExternalName.

use std::{
    net::IpAddr,
    ops::{ControlFlow, Range},
};

use super::{
    code,
    find::{Ask, Found, Out},
    place::{Front, PortFilter},
    sink::{Addresses, Composed, Owner, Sink},
};
use crate::records::{
    endpoints::{Group, Host, Port},
    name::Name,
    service::{External, Service, Target},
};

/// The label behind a service's own.
pub(crate) const SVC: &[u8] = b"\x03svc";

/// Shows the records of `service` that `front` and the type ask for.
#[inline]
pub(super) fn answer<S: Sink>(service: &Service, front: Front<'_>, ask: &Ask<'_>, out: &mut Out<'_, S>) -> Found {
    if !service.namespace.is_exposed() {
        return Found::Miss;
    }
    let endpoints = |filter, host| Selection { service, groups: &service.endpoints, filter, host };
    match (&service.target, front) {
        (Target::ClusterIps(ports), Front::Nothing) => cluster_ips(service, ports, PortFilter::ANY, ask, out),
        (Target::ClusterIps(ports), Front::Port(filter)) => cluster_ips(service, ports, filter, ask, out),
        (Target::Endpoints, Front::Nothing) => endpoints(PortFilter::ANY, None).answer(ask, out),
        (Target::Endpoints, Front::Port(filter)) => endpoints(filter, None).answer(ask, out),
        (Target::Endpoints, Front::TopologyZone { zone, prefer }) => topology_zone(service, zone, prefer, ask, out),
        (Target::External(to), Front::Nothing) => external(to, ask, out),
        (Target::ClusterIps(_) | Target::Endpoints, Front::Endpoint(label)) => {
            endpoints(PortFilter::ANY, Some(label)).answer(ask, out)
        }
        (Target::Empty, _) if !ask.known().endpoints => Found::Unknown,
        (Target::Nothing | Target::Empty | Target::External(_), _)
        | (Target::ClusterIps(_), Front::TopologyZone { .. }) => Found::Miss,
    }
}

/// The addresses of the family, or a SRV for each port number (behaviour A2). A service without
/// ports is there all the same.
#[inline]
fn cluster_ips<S: Sink>(
    service: &Service,
    ports: &[Port],
    filter: PortFilter<'_>,
    ask: &Ask<'_>,
    out: &mut Out<'_, S>,
) -> Found {
    if !filter.is_any() && !any_port(ports, filter) {
        return Found::Miss;
    }
    let ips = &service.cluster_ips;
    match ask.qtype {
        code::A | code::AAAA => {
            let is_asked = |ip: &IpAddr| ip.is_ipv4() == (ask.qtype == code::A);
            if let [ip] = **ips {
                if !is_asked(&ip) {
                    return Found::NoData;
                }
                ask.push_address(ip, out.sink);
                return Found::Records;
            }
            let of_family = ips.iter().copied().filter(is_asked);
            let count = of_family.clone().count();
            let turn = ask.start_of(count);
            let turned = of_family.clone().skip(turn).chain(of_family.take(turn));
            for ip in turned {
                ask.push_address(ip, out.sink);
            }
            if count == 0 { Found::NoData } else { Found::Records }
        }
        code::SRV if !ips.is_empty() => {
            let matching = || ports.iter().filter(|port| filter.matches(port));
            let weight = weight(matching().count() * ips.len());
            let target = Composed::in_zone([&service.key.wire, SVC, &[]]);
            let index = out.sink.targets();
            for (position, number) in
                matching().enumerate().filter_map(|(position, port)| Some((position, port.number?)))
            {
                if !matching().take(position).any(|earlier| earlier.number == Some(number))
                    && !ask.push_srv(weight, number, target, out.sink)
                {
                    break;
                }
            }
            if out.sink.targets() == index {
                return Found::NoData;
            }
            for &ip in ips.iter() {
                ask.push_additional(Owner::Target(index, &target), ip, out.sink);
            }
            Found::Records
        }
        _ => Found::NoData,
    }
}

/// The endpoints in the zone. Where there are none: no data, or all of them for `prefer` (behaviour C9).
fn topology_zone<S: Sink>(service: &Service, zone: &[u8], prefer: bool, ask: &Ask<'_>, out: &mut Out<'_, S>) -> Found {
    let is = |text: &str| zone.len() == text.len() + 1 && dotted(zone).eq(text.bytes());
    let groups = match service.by_zone.iter().find(|(text, _)| is(text)) {
        Some((_, groups)) => groups,
        None if prefer => &service.endpoints,
        None if ask.known().endpoints => return Found::NoData,
        None => return Found::Unknown,
    };
    Selection { service, groups, filter: PortFilter::ANY, host: None }.answer(ask, out)
}

/// The text of labels in wire form: each length but the first becomes a dot.
fn dotted(labels: &[u8]) -> impl Iterator<Item = u8> {
    let mut label_left = labels[0];
    labels[1..].iter().map(move |&octet| {
        if label_left == 0 {
            label_left = octet;
            return b'.';
        }
        label_left -= 1;
        octet
    })
}

/// The CNAME, which questions for addresses follow; it has no other types (behaviour A4).
fn external<S: Sink>(to: &External, ask: &Ask<'_>, out: &mut Out<'_, S>) -> Found {
    match (to, ask.qtype) {
        (External::Address, _) => Found::Miss,
        (External::Name(target), code::A | code::AAAA | code::CNAME) => ask.push_cname(target, out),
        (External::Illegal, code::A | code::AAAA | code::CNAME) => Found::Failed,
        _ => Found::NoData,
    }
}

/// Some of the endpoints of a service: those on certain ports, or those of one name.
#[derive(Clone, Copy)]
struct Selection<'s> {
    service: &'s Service,
    groups: &'s [Group],
    filter: PortFilter<'s>,
    /// An endpoint name, as one label in wire form.
    host: Option<&'s [u8]>,
}

impl<'s> Selection<'s> {
    /// The name is there while one of its endpoints is, whatever that one's family (behaviour B2).
    fn answer<S: Sink>(&self, ask: &Ask<'_>, out: &mut Out<'_, S>) -> Found {
        let alias = || self.groups().find_map(|group| self.alias(group));
        match ask.qtype {
            code::A | code::AAAA | code::SRV | code::CNAME if !self.exists() => {}
            code::A | code::AAAA => {
                let any = match self.host {
                    None => self.push_all(ask, out),
                    Some(_) => self.push_hosts(ask, out),
                };
                if any {
                    return Found::Records;
                }
                return alias().map_or(Found::NoData, |target| ask.push_cname(target, out));
            }
            code::CNAME => return alias().map_or(Found::NoData, |target| ask.push_cname(target, out)),
            code::SRV => return self.push_srv(ask, out),
            _ if self.exists() => return Found::NoData,
            _ => {}
        }
        if ask.known().endpoints { Found::Miss } else { Found::Unknown }
    }

    fn groups(&self) -> impl Iterator<Item = &'s Group> + Clone + use<'s> {
        let filter = self.filter;
        self.groups.iter().filter(move |group| any_port(&group.ports, filter))
    }

    fn exists(&self) -> bool {
        // There are no empty groups.
        let any = |group| self.host.is_none() || self.hosts(group).next().is_some() || self.alias(group).is_some();
        self.groups().any(any)
    }

    fn hosts(&self, group: &'s Group) -> impl Iterator<Item = Host<'s>> + use<'s> {
        let all = self.host.is_none().then(|| group.hosts());
        let named = self.host.map(|label| group.hosts_named(label));
        all.into_iter().flatten().chain(named.into_iter().flatten())
    }

    fn alias(&self, group: &'s Group) -> Option<&'s Name> {
        let is = |label: &[u8]| self.host.is_none_or(|host| host.eq_ignore_ascii_case(label));
        group.aliases.iter().find(|alias| is(&alias.label)).map(|alias| &alias.target)
    }

    /// Every address of the family, turned. Says whether there is any.
    fn push_all<S: Sink>(&self, ask: &Ask<'_>, out: &mut Out<'_, S>) -> bool {
        let count = self.groups().map(|group| of_family(group, ask.qtype).len()).sum();
        let turn = ask.start_of(count);
        if self.push_some(turn..count, ask, out) {
            self.push_some(0..turn, ask, out);
        }
        count > 0
    }

    /// Those addresses of the family that stand at these places in all groups taken together. Says
    /// whether there is room for more.
    fn push_some<S: Sink>(&self, places: Range<usize>, ask: &Ask<'_>, out: &mut Out<'_, S>) -> bool {
        let mut before = 0;
        for (position, group) in self.groups().enumerate() {
            let list = of_family(group, ask.qtype);
            let place = |place: usize| place.saturating_sub(before).min(list.len());
            let some = list.slice(place(places.start)..place(places.end));
            let fits = if position == 0 {
                ask.push_addresses(some, out.sink)
            } else {
                let repeated = |ip: &IpAddr| self.groups().take(position).any(|earlier| earlier.has(*ip));
                some.iter().filter(|ip| !repeated(ip)).all(|ip| ask.push_address(ip, out.sink))
            };
            if !fits {
                return false;
            }
            before += list.len();
        }
        true
    }

    /// The addresses of one name. Says whether there is any of the family.
    fn push_hosts<S: Sink>(&self, ask: &Ask<'_>, out: &mut Out<'_, S>) -> bool {
        let mut any = false;
        let lists = || self.groups().flat_map(|group| self.hosts(group)).map(|host| host.addresses);
        for (position, list) in lists().enumerate() {
            let turn = ask.start_of(list.len());
            for &ip in list[turn..].iter().chain(&list[..turn]) {
                if ip.is_ipv4() != (ask.qtype == code::A) || lists().take(position).any(|earlier| earlier.contains(&ip))
                {
                    continue;
                }
                any = true;
                if !ask.push_address(ip, out.sink) {
                    return any;
                }
            }
        }
        any
    }

    /// A SRV for each endpoint and port, then the addresses of each endpoint.
    fn push_srv<S: Sink>(&self, ask: &Ask<'_>, out: &mut Out<'_, S>) -> Found {
        let weight = weight(self.groups().map(|group| self.listed(group)).sum());
        let (first, before) = (out.sink.targets(), out.sink.mark().answers);
        let target = |host: Host<'s>| Composed::in_zone([host.label, &self.service.key.wire, SVC]);
        let _ = self.each_srv(|_, host, number, _| match ask.push_srv(weight, number, target(host), out.sink) {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        });
        let mut index = first;
        let _ = self.each_srv(|earlier, host, _, first_of_host| {
            index += 1;
            if !first_of_host {
                return ControlFlow::Continue(());
            }
            let target = target(host);
            let owner = Owner::Target(index - 1, &target);
            for &ip in host.addresses {
                let repeated =
                    named_earlier(self.groups().take(earlier), host, |other, _| other.addresses.contains(&ip));
                if !repeated && !ask.push_additional(owner, ip, out.sink) {
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        });
        if out.sink.mark().answers == before { Found::NoData } else { Found::Records }
    }

    /// How many pairs of address and port there are, repeated ones too.
    fn listed(&self, group: &'s Group) -> usize {
        let ports = group.ports.iter().filter(|port| self.filter.matches(port));
        let addresses = match self.host {
            None => group.listed,
            Some(_) => self.hosts(group).map(|host| host.listed).sum(),
        };
        addresses as usize * ports.count().max(1)
    }

    /// Every distinct pair of endpoint name and port number, with how many groups came before and
    /// whether it is the first of its group's host.
    fn each_srv(&self, mut show: impl FnMut(usize, Host<'s>, u16, bool) -> ControlFlow<()>) -> ControlFlow<()> {
        for (position, group) in self.groups().enumerate() {
            for host in self.hosts(group) {
                let mut first_of_host = true;
                let matching = || group.ports.iter().filter(|port| self.filter.matches(port));
                for (index, port) in matching().enumerate() {
                    let Some(number) = port.number else { continue };
                    let offers = |port: &Port| port.number == Some(number);
                    let in_group = matching().take(index).any(offers);
                    let offered = |_: Host<'_>, group: &Group| {
                        group.ports.iter().any(|port| offers(port) && self.filter.matches(port))
                    };
                    if !in_group && !named_earlier(self.groups().take(position), host, offered) {
                        show(position, host, number, first_of_host)?;
                        first_of_host = false;
                    }
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether an earlier group has an endpoint of the same name of which `also` holds.
fn named_earlier<'g>(
    mut earlier: impl Iterator<Item = &'g Group>,
    host: Host<'_>,
    also: impl Fn(Host<'_>, &Group) -> bool,
) -> bool {
    earlier.any(|group| group.hosts_named(host.label).any(|other| other.label == host.label && also(other, group)))
}

/// Whether a port is meant. Where there are none, only "any port" is.
#[inline]
fn any_port(ports: &[Port], filter: PortFilter<'_>) -> bool {
    filter.is_any() || ports.iter().any(|port| filter.matches(port))
}

/// An equal share of a hundred, and never nothing (behaviour A3).
fn weight(listed: usize) -> u16 {
    (100 / listed.max(1)).max(1) as u16
}

/// A group's addresses of the family that is asked for.
fn of_family(group: &Group, qtype: u16) -> Addresses<'_> {
    if qtype == code::A { Addresses::V4(&group.v4) } else { Addresses::V6(&group.v6) }
}
