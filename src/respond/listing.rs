//! Every record of a zone: for transfers and `clusterdns records`.
//!
//! Names are enumerated from the tables, and each is looked up as a question for it would be. So a
//! listing holds what is answered, by construction. It lists canonical owners: addresses stand at
//! the service and at its endpoints, SRV also at `_port._protocol`.

use std::{collections::BTreeSet, net::IpAddr};

use hickory_proto::{
    rr::{Record, RecordType},
    serialize::binary::BinEncodable,
};

use super::messages::{self, Sections};
use crate::{
    answers::{
        chain::Chain,
        code,
        find::{Ask, Found},
        question::QueryName,
        service::SVC,
        sink::Sink,
    },
    records::{
        name::labels,
        service::wire_label,
        view::{Pods, View},
        zone::{Zone, reverse_name},
    },
};

/// Every record of a zone of the view: SOA first, then NS, then in the order of RFC 4034 section 6.
pub fn records(view: &View, zone: &Zone) -> Vec<Record> {
    let mut listing = Listing { view, zone, chain: Chain::default(), records: Vec::new() };
    listing.add(zone.apex.wire(), &[code::SOA, code::NS]);
    if zone.reverse {
        reverse_names(view, zone).iter().for_each(|name| listing.add(name, &[code::PTR]));
    } else {
        listing.add(&below(zone, &[b"\x02ns\x03dns"]), &[code::A, code::AAAA]);
        listing.add(&below(zone, &[b"\x0bdns-version"]), &[code::TXT]);
        service_names(view, zone).iter().for_each(|name| {
            let port = name[1] == b'_';
            listing.add(name, if port { &[code::SRV] } else { &[code::A, code::AAAA, code::CNAME, code::SRV] });
        });
        pod_names(view, zone).iter().for_each(|name| listing.add(name, &[code::A, code::AAAA]));
    }
    sorted(listing.records)
}

struct Listing<'v> {
    view: &'v View,
    zone: &'v Zone,
    chain: Chain,
    records: Vec<Record>,
}

impl Listing<'_> {
    /// Adds the records of these types that a name owns, and the glue of NS. Where a question of
    /// type CNAME gets an alias that the name has beside addresses, a zone cannot hold it (RFC 1034
    /// section 3.6.2).
    fn add(&mut self, wire: &[u8], types: &[u16]) {
        let mut name = QueryName::new();
        if name.read(wire).is_none() {
            return;
        }
        let mut own = Vec::new();
        for &qtype in types {
            let mut found = Sections::new(wire);
            found.set_zone(wire.len() - self.zone.apex.wire().len());
            if Ask::new(self.view, self.zone, qtype, 0).find(&name, &mut self.chain, &mut found) != Found::Records {
                continue;
            }
            let owner = messages::name(wire);
            let wanted = |record: &Record| record.name == owner && u16::from(record.record_type()) == qtype;
            own.extend(found.answer.into_iter().filter(wanted));
            if qtype == code::NS {
                self.records.extend(found.additional);
            }
        }
        let is_alias = |record: &Record| record.record_type() == RecordType::CNAME;
        if !own.iter().all(is_alias) {
            own.retain(|record| !is_alias(record));
        }
        self.records.extend(own);
    }
}

/// Services, their endpoints, and their named ports.
fn service_names(view: &View, zone: &Zone) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    view.services.for_each(|service| {
        let mut add = |front: &[u8]| {
            names.insert(below(zone, &[front, &service.key.wire, SVC]));
        };
        add(b"");
        for group in service.endpoints.iter() {
            group.hosts().for_each(|host| add(host.label));
            group.aliases.iter().for_each(|alias| add(&alias.label));
        }
        for port in service.ports().filter(|port| !port.name.is_empty() && !port.protocol.is_empty()) {
            let underscored = |text: &str| wire_label(&format!("_{text}"));
            add(&[underscored(&port.name), underscored(&port.protocol)].concat());
        }
    });
    names
}

/// Verified pods. Insecure pod names are made up by whoever asks.
fn pod_names(view: &View, zone: &Zone) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    if view.options.pods == Pods::Verified {
        view.pods.for_each(|pod| {
            let ip = IpAddr::from(pod.address).to_canonical();
            let dashed = wire_label(&ip.to_string().replace(['.', ':'], "-"));
            names.insert(below(zone, &[&dashed, &pod.namespace, b"\x03pod"]));
        });
    }
    names
}

/// The addresses that have a PTR in this zone.
fn reverse_names(view: &View, zone: &Zone) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    for table in [&view.clusters, &view.endpoints] {
        table.for_each(|entry| {
            let name = reverse_name(IpAddr::from(entry.address).to_canonical());
            let mut wire = labels(name.trim_end_matches('.')).unwrap_or_default();
            wire.push(0);
            if wire.ends_with(zone.apex.wire()) {
                names.insert(wire);
            }
        });
    }
    names
}

fn below(zone: &Zone, labels: &[&[u8]]) -> Vec<u8> {
    [&labels.concat(), zone.apex.wire()].concat()
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    let rank = |record: &Record| match record.record_type() {
        RecordType::SOA => 0,
        RecordType::NS => 1,
        _ => 2,
    };
    records.sort_by_cached_key(|record| {
        (rank(record), record.name.clone(), record.record_type(), record.data.to_bytes().unwrap_or_default())
    });
    records.dedup_by(|a, b| a.name == b.name && a.data == b.data);
    records
}
