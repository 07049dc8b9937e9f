//! Records as the text of a zone file (RFC 1035 section 5): what `clusterdns records` prints.
//!
//! Any name server can load it, and `named-checkzone` and `kzonecheck` accept it. So a record that
//! we answer with and a zone file must not hold, a CNAME beside other records, is a comment in it.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
};

use hickory_proto::rr::{Name, RData, Record, RecordType};

use crate::{
    objects::{Object, ServiceSpec},
    records::{name::write_labels, zone::Zone},
};

/// Services whose cluster IP was chosen here, because their manifests have none. Their addresses
/// are marked.
#[derive(Debug, Default)]
pub struct Chosen(BTreeSet<String>);

impl Chosen {
    /// Those of a snapshot.
    pub fn among(objects: &[Object]) -> Self {
        let front = |object: &Object| match object {
            Object::Service(service) => match service.spec {
                ServiceSpec::Cluster { chosen: true, .. } => {
                    Some(format!("{}.{}.svc.", service.name, service.namespace))
                }
                _ => None,
            },
            _ => None,
        };
        Self(objects.iter().filter_map(front).collect())
    }

    fn contains(&self, record: &Record, zone: &Zone) -> bool {
        let owner = Dotted(&record.name).to_string();
        let front = owner.strip_suffix(&zone.apex.to_string());
        matches!(record.data, RData::A(_)) && front.is_some_and(|front| self.0.contains(front))
    }
}

/// The records of a zone in their order, one a line.
pub fn text(zone: &Zone, records: &[Record], chosen: &Chosen) -> String {
    let mut text = format!("; zone {}: {} records\n", zone.apex, records.len());
    for of_owner in records.chunk_by(|record, next| record.name == next.name) {
        let crowded = of_owner.iter().any(|record| record.record_type() != of_owner[0].record_type());
        for record in of_owner {
            let misplaced = crowded && record.record_type() == RecordType::CNAME;
            if misplaced {
                text.push_str("; ");
            }
            let _ = write!(text, "{}\t{}\tIN\t{}\t", Dotted(&record.name), record.ttl, record.record_type());
            let _ = write_data(&mut text, &record.data);
            if misplaced {
                text.push_str("\t; served, but not legal in a zone file: a CNAME beside other records");
            }
            if chosen.contains(record, zone) {
                text.push_str("\t; chosen here: the manifest has no clusterIP");
            }
            text.push('\n');
        }
    }
    text
}

/// What a record says, without its owner.
pub fn data(data: &RData) -> String {
    let mut text = String::new();
    let _ = write_data(&mut text, data);
    text
}

/// A name, absolute and with odd octets escaped.
pub fn name(name: &Name) -> String {
    Dotted(name).to_string()
}

/// As RFC 1035 section 5.1 and RFC 2782 write it. The tables hold no other types.
fn write_data(text: &mut String, data: &RData) -> fmt::Result {
    match data {
        RData::CNAME(target) => write!(text, "{}", Dotted(&target.0)),
        RData::NS(target) => write!(text, "{}", Dotted(&target.0)),
        RData::PTR(target) => write!(text, "{}", Dotted(&target.0)),
        RData::SRV(srv) => {
            write!(text, "{} {} {} {}", srv.priority, srv.weight, srv.port, Dotted(&srv.target))
        }
        RData::SOA(soa) => {
            write!(text, "{} {} {} ", Dotted(&soa.mname), Dotted(&soa.rname), soa.serial)?;
            write!(text, "{} {} {} {}", soa.refresh, soa.retry, soa.expire, soa.minimum)
        }
        RData::TXT(txt) => txt.txt_data.iter().try_for_each(|string| write_string(text, string)),
        data => write!(text, "{data}"),
    }
}

fn write_string(text: &mut String, string: &[u8]) -> fmt::Result {
    text.push('"');
    for &octet in string {
        match octet {
            b'"' | b'\\' => write!(text, "\\{}", octet as char)?,
            0x20..=0x7e => text.push(octet as char),
            _ => write!(text, "\\{octet:03}")?,
        }
    }
    text.push('"');
    Ok(())
}

/// hickory escapes in octal, and shows `xn--` names as what they stand for: no server reads that.
struct Dotted<'n>(&'n Name);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut wire = Vec::with_capacity(self.0.len());
        for label in self.0.iter() {
            wire.push(label.len() as u8);
            wire.extend_from_slice(label);
        }
        if wire.is_empty() { f.write_char('.') } else { write_labels(f, &wire) }
    }
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use hickory_proto::rr::rdata::{A, CNAME, TXT};

    use super::*;

    fn name(labels: &[&[u8]]) -> Name {
        Name::from_labels(labels.iter().copied()).unwrap()
    }

    fn lines(records: &[(&Name, RData)]) -> Vec<String> {
        let records: Vec<_> =
            records.iter().map(|(owner, data)| Record::from_rdata((*owner).clone(), 5, data.clone())).collect();
        let zone = Zone::parse("z").unwrap().remove(0);
        text(&zone, &records, &Chosen(BTreeSet::from(["web.shop.svc.".into()])))
            .lines()
            .skip(1)
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn names_and_strings_are_escaped_as_servers_read_them() {
        let odd = name(&[b"a b;c", "é".as_bytes(), b"d.e", b"z"]);
        let international = CNAME(Name::from_str("xn--bcher-kva.example.com.").unwrap());
        assert_eq!(
            lines(&[(&odd, RData::CNAME(international)), (&name(&[]), RData::TXT(TXT::from_bytes(vec![b"a\"b\\\n"])))]),
            [
                "a\\032b\\;c.\\195\\169.d\\.e.z.\t5\tIN\tCNAME\txn--bcher-kva.example.com.",
                ".\t5\tIN\tTXT\t\"a\\\"b\\\\\\010\""
            ]
        );
    }

    #[test]
    fn a_cname_beside_other_records_is_a_comment() {
        let (alone, crowded) = (name(&[b"alone", b"z"]), name(&[b"crowded", b"z"]));
        let cname = || RData::CNAME(CNAME(alone.clone()));
        let lines = lines(&[(&alone, cname()), (&crowded, RData::A(A::new(10, 0, 0, 1))), (&crowded, cname())]);
        assert_eq!(lines.iter().map(|line| line.starts_with(';')).collect::<Vec<_>>(), [false, false, true]);
    }

    #[test]
    fn the_address_of_a_service_without_one_is_marked() {
        let address = || RData::A(A::new(10, 0, 0, 1));
        let lines = lines(&[
            (&name(&[b"web", b"shop", b"svc", b"z"]), address()),
            (&name(&[b"10-0-0-1", b"web", b"shop", b"svc", b"z"]), address()),
        ]);
        assert!(lines[0].ends_with("; chosen here: the manifest has no clusterIP"), "{lines:?}");
        assert!(lines[1].ends_with("10.0.0.1"), "{lines:?}");
    }
}
