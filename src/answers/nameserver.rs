//! NS and `ns.dns` (behaviour A5): under which names and addresses this server is found.
//!
//! Where a Service has an endpoint at one of our own addresses it is the name server: its cluster
//! IPs are the glue, or its endpoints where it is headless. Otherwise `ns.dns.ZONE` is, with our
//! own addresses.

use std::net::IpAddr;

use super::{
    code,
    find::{Ask, Found, Out},
    service::SVC,
    sink::{Composed, Owner, Sink},
};
use crate::records::{
    service::{self, Service, Target},
    view::{View, mapped},
};

/// A and AAAA of `ns.dns`.
pub(super) fn addresses<S: Sink>(ask: &Ask<'_>, out: &mut Out<'_, S>) -> Found {
    let before = out.sink.mark().answers;
    each(ask.view, |_, addresses| {
        for &ip in addresses.iter().filter(|ip| ip.is_ipv4() == (ask.qtype == code::A)) {
            ask.push_address(ip, out.sink);
        }
    });
    if out.sink.mark().answers == before { Found::NoData } else { Found::Records }
}

/// NS of the apex, with glue.
pub(super) fn name_servers<S: Sink>(ask: &Ask<'_>, sink: &mut S) -> Found {
    let first = sink.targets();
    each(ask.view, |name, _| {
        ask.push_name_server(name, sink);
    });
    let mut index = first;
    each(ask.view, |name, addresses| {
        for &ip in addresses {
            ask.push_additional(Owner::Target(index, &name), ip, sink);
        }
        index += 1;
    });
    if index == first { Found::NoData } else { Found::Records }
}

/// Shows each name server once, with its addresses.
fn each(view: &View, mut show: impl FnMut(Composed<'_>, &[IpAddr])) {
    let local = &view.options.local_addresses;
    let mut found = false;
    for (position, &address) in local.iter().enumerate() {
        each_service_at(view, address, |service| {
            let earlier = &local[..position];
            if !service.endpoint_addresses().any(|endpoint| earlier.contains(&endpoint)) {
                found |= each_name(service, &mut show);
            }
        });
    }
    if !found && !local.is_empty() {
        show(Composed::in_zone([b"\x02ns\x03dns", &[], &[]]), local);
    }
}

fn each_name(service: &Service, show: &mut impl FnMut(Composed<'_>, &[IpAddr])) -> bool {
    match service.target {
        Target::ClusterIps(_) => {
            show(Composed::in_zone([&service.key.wire, SVC, &[]]), &service.cluster_ips);
            true
        }
        Target::Endpoints => {
            for host in service.endpoints.iter().flat_map(|group| group.hosts()) {
                show(Composed::in_zone([host.label, &service.key.wire, SVC]), host.addresses);
            }
            true
        }
        Target::External(_) | Target::Nothing => false,
    }
}

fn each_service_at(view: &View, address: IpAddr, mut show: impl FnMut(&Service)) {
    let address = mapped(address);
    let is = |entry: &crate::records::view::Addressed| entry.address == address;
    view.endpoints.read_all(service::hash(&address), is, |entry| {
        view.service(&entry.key.wire, &mut show);
    });
}
