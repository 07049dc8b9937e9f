//! From a question to its records: the decision table of behaviour B2.

use std::net::IpAddr;

use super::{
    chain::{Chain, Hop},
    code, nameserver,
    place::{Front, Place, locate},
    question::QueryName,
    reverse,
    service::{self, SVC},
    sink::{Addresses, Composed, Data, Owner, Record, Section, Sink, Soa},
};
use crate::{
    objects::Known,
    records::{
        self,
        service::Service,
        view::{Addressed, Complete, Pods, View, mapped},
        zone::Zone,
    },
};

/// What the tables know about a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Records: they went to the sink.
    Records,
    /// The name exists and has no such record.
    NoData,
    /// The name does not exist.
    Miss,
    /// Not found, but the tables are not complete: this is no "does not exist".
    Unknown,
    /// A CNAME went to the sink, and what it points at lies outside of the zone.
    Chase,
    /// The record cannot stand in a message.
    Failed,
    /// Zone transfers are asked for elsewhere.
    Refused,
}

/// A question in a zone of a view.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Where to look.
    pub view: &'a View,
    /// Below which apex.
    pub zone: &'a Zone,
    /// QTYPE.
    pub qtype: u16,
    /// Which address comes first where there are several, as a part of the whole list in 2^32nds.
    pub turn: u32,
    /// What the tables were complete about before the look-up.
    pub(super) complete: Complete,
    /// Whose records they are: the question's, or those of the name that a chain has come to.
    pub(super) owner: Owner<'a>,
}

/// What a lookup writes to: the sink, and the name to go on with if it comes to a CNAME.
pub(super) struct Out<'o, S> {
    pub(super) sink: &'o mut S,
    pub(super) next: &'o mut Hop,
}

/// The version of the schema that is served.
const VERSION: &[u8] = b"1.1.0";

/// The SOA of a view's zones, for negatives.
#[inline]
pub fn soa(view: &View) -> Soa {
    Soa { ttl_secs: view.ttls.denial, serial: view.serial(), minimum_secs: view.options.ttl_secs }
}

impl<'a> Ask<'a> {
    /// The question for this type in a zone of the view.
    #[inline]
    pub fn new(view: &'a View, zone: &'a Zone, qtype: u16, turn: u32) -> Self {
        Self { view, zone, qtype, turn, complete: view.complete(), owner: Owner::Question }
    }

    /// Shows the records of `name` to `sink` and says what was found.
    #[inline]
    pub fn find<S: Sink>(&self, name: &QueryName, chain: &mut Chain, sink: &mut S) -> Found {
        let start = sink.mark();
        match self.resolve(name, &mut Out { sink, next: &mut chain.next }) {
            Found::Chase => self.chase(chain, start, sink),
            found => found,
        }
    }

    #[inline]
    pub(super) fn resolve<S: Sink>(&self, name: &QueryName, out: &mut Out<'_, S>) -> Found {
        match self.qtype {
            code::SOA => return self.soa(name, out),
            code::NS if name.labels() == self.zone.labels => return nameserver::name_servers(self, out.sink),
            code::AXFR | code::IXFR => return Found::Refused,
            code::PTR => {
                if let Some(address) = reverse::address(name) {
                    return self.ptr(address, out);
                }
            }
            _ => {}
        }
        match locate(name, self.zone, self.view.options.zonal) {
            Place::Service { key, front } => self.service(key, front, out),
            Place::Nowhere if self.knows_names() => Found::Miss,
            place => self.elsewhere(place, out),
        }
    }

    #[inline]
    fn service<S: Sink>(&self, key: &[u8], front: Front<'_>, out: &mut Out<'_, S>) -> Found {
        let found = self.view.service(key, |service| service::answer(service, front, self, out));
        match found.unwrap_or(Found::Miss) {
            Found::Miss if !self.knows_names() => Found::Unknown,
            found => found,
        }
    }

    /// Everything but services.
    fn elsewhere<S: Sink>(&self, place: Place<'_>, out: &mut Out<'_, S>) -> Found {
        let or_miss = |found: bool| match found {
            true => Found::NoData,
            false if self.knows_names() => Found::Miss,
            false => Found::Unknown,
        };
        match (place, self.qtype) {
            (Place::Empty, _) => Found::NoData,
            (Place::Version, code::TXT) => {
                let ttl_secs = self.view.ttls.version;
                let record = Record { owner: self.owner, ttl_secs, data: Data::Txt(VERSION) };
                out.sink.push(Section::Answer, &record);
                Found::Records
            }
            (Place::NameServer, code::A | code::AAAA) => nameserver::addresses(self, out),
            (Place::NameServer, code::PTR | code::TXT) => or_miss(false),
            (Place::NameServer, _) => Found::NoData,
            (Place::Namespace { pod, label }, _) => {
                or_miss(!(pod && self.view.options.pods == Pods::Disabled) && self.view.namespace_exposed(label))
            }
            (Place::Pod { namespace, name }, _) => self.pod(namespace, name, out),
            (Place::Version | Place::Nowhere | Place::Service { .. }, _) => or_miss(false),
        }
    }

    /// Insecure pods are there where their namespace is, verified ones where a Pod of it has the
    /// address (behaviour C8).
    fn pod<S: Sink>(&self, namespace: &[u8], name: &[u8], out: &mut Out<'_, S>) -> Found {
        let unless_unknown = |known: bool| if known && self.knows_names() { Found::Miss } else { Found::Unknown };
        let pods = self.view.options.pods;
        if pods == Pods::Disabled || !self.view.namespace_exposed(namespace) {
            return unless_unknown(true);
        }
        let dashed = &name[1..1 + usize::from(name[0])];
        let Some(ip) = reverse::dashed(dashed) else { return unless_unknown(true) };
        // Another spelling of the address is another name.
        if pods == Pods::Verified && !(reverse::is_canonical(dashed, ip) && self.pod_lives_at(namespace, ip)) {
            return unless_unknown(self.known().pods);
        }
        match self.qtype {
            code::A if ip.is_ipv4() => drop(self.push_address(ip, out.sink)),
            code::AAAA if ip.is_ipv6() => drop(self.push_address(ip, out.sink)),
            code::SRV => {
                let target = Composed::in_zone([name, b"\x03pod", &[]]);
                let index = out.sink.targets();
                self.push_srv(100, 0, target, out.sink);
                self.push_additional(Owner::Target(index, &target), ip, out.sink);
            }
            _ => return Found::NoData,
        }
        Found::Records
    }

    fn pod_lives_at(&self, namespace: &[u8], ip: IpAddr) -> bool {
        let address = mapped(ip);
        let is = |pod: &records::view::PodAddress| pod.address == address && *pod.namespace == *namespace;
        self.view.pods.read(records::service::hash(&address), is, |_| ()).is_some()
    }

    /// The first Service with this cluster IP; where there is none, every endpoint at the address
    /// (behaviour A2, C11).
    fn ptr<S: Sink>(&self, address: IpAddr, out: &mut Out<'_, S>) -> Found {
        let Some(primary) = &self.view.primary else { return Found::Miss };
        let options = &self.view.options;
        let filtered = !options.namespaces.is_empty() || options.namespace_labels.is_some();
        let shown = |service: &Service| !filtered || service.namespace.is_exposed();
        let address_octets = mapped(address);
        let hash = records::service::hash(&address_octets);
        let is = |entry: &Addressed| entry.address == address_octets;
        let before = out.sink.mark().answers;

        self.view.clusters.read_all(hash, is, |entry| {
            if out.sink.mark().answers == before {
                self.view.service(&entry.key.wire, |service| {
                    if shown(service) {
                        self.push_ptr([&service.key.wire, SVC, &[]], primary, out.sink);
                    }
                });
            }
        });
        if out.sink.mark().answers > before {
            return Found::Records;
        }
        let mut full = false;
        self.view.endpoints.read_all(hash, is, |entry| {
            if full {
                return;
            }
            self.view.service(&entry.key.wire, |service| {
                let hosts = || service.endpoints.iter().flat_map(|group| group.hosts_at(address));
                for (position, host) in hosts().enumerate().filter(|_| shown(service)) {
                    let repeated = hosts().take(position).any(|earlier| earlier.label == host.label);
                    full |= !repeated && !self.push_ptr([host.label, &service.key.wire, SVC], primary, out.sink);
                }
            });
        });
        if out.sink.mark().answers > before || full {
            Found::Records
        } else if self.known().services && self.known().endpoints && (!filtered || self.known().namespaces) {
            Found::Miss
        } else {
            Found::Unknown
        }
    }

    /// Below the apex there is no SOA, and no name is missed for it (behaviour B2).
    fn soa<S: Sink>(&self, name: &QueryName, out: &mut Out<'_, S>) -> Found {
        if name.labels() != self.zone.labels {
            return Found::NoData;
        }
        let soa = Soa { ttl_secs: self.view.ttls.soa, ..soa(self.view) };
        out.sink.push(Section::Answer, &soa.record());
        Found::Records
    }

    /// What the tables were complete about before the look-up. Asked after it, they might have
    /// become so without what was missed.
    pub(super) fn known(&self) -> Known {
        self.complete.known()
    }

    fn knows_names(&self) -> bool {
        self.known().services && self.known().namespaces
    }

    pub(super) fn record<'r>(&self, owner: Owner<'r>, data: Data<'r>) -> Record<'r> {
        Record { owner, ttl_secs: self.view.ttls.records, data }
    }

    /// An address of the name that was asked for.
    #[inline]
    pub(super) fn push_address<S: Sink>(&self, ip: IpAddr, sink: &mut S) -> bool {
        match ip {
            IpAddr::V4(ip) => self.push_addresses(Addresses::V4(&[ip]), sink),
            IpAddr::V6(ip) => self.push_addresses(Addresses::V6(&[ip]), sink),
        }
    }

    /// Addresses of the name that was asked for.
    #[inline(always)]
    pub(super) fn push_addresses<S: Sink>(&self, addresses: Addresses<'_>, sink: &mut S) -> bool {
        match self.owner {
            Owner::Question => sink.push_addresses(addresses, self.view.ttls.records),
            owner => addresses.iter().all(|ip| sink.push(Section::Answer, &self.record(owner, Data::Address(ip)))),
        }
    }

    pub(super) fn push_srv<S: Sink>(&self, weight: u16, port: u16, target: Composed<'_>, sink: &mut S) -> bool {
        sink.push(Section::Answer, &self.record(self.owner, Data::Srv { weight, port, target }))
    }

    fn push_ptr<S: Sink>(&self, labels: [&[u8]; 3], primary: &Zone, sink: &mut S) -> bool {
        let target = Composed { labels, end: super::sink::End::Name(primary.apex.wire()) };
        sink.push(Section::Answer, &self.record(self.owner, Data::Ptr(target)))
    }

    pub(super) fn push_name_server<S: Sink>(&self, name: Composed<'_>, sink: &mut S) -> bool {
        sink.push(Section::Answer, &self.record(Owner::Zone, Data::Ns(name)))
    }

    /// An address of a name in the answer.
    pub(super) fn push_additional<S: Sink>(&self, owner: Owner<'_>, ip: IpAddr, sink: &mut S) -> bool {
        sink.push(Section::Additional, &self.record(owner, Data::Address(ip)))
    }

    /// Where a list of so many addresses starts this time.
    #[inline]
    pub(super) fn start_of(&self, count: usize) -> usize {
        ((u64::from(self.turn) * count as u64) >> 32) as usize
    }
}
