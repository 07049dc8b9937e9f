//! Zones as sets of lines: what a server transfers, and what the same objects give in a snapshot.

use std::{collections::BTreeSet, fs, net::SocketAddr, path::Path};

use clusterdns::respond::zone_file;
use hickory_proto::rr::{Record, RecordType};
use k8s_openapi::api::{
    core::v1::{Namespace, Service},
    discovery::v1::EndpointSlice,
};
use serde_json::json;

use crate::{
    World,
    ask::{Client, Over},
    clusterdns::{Clusterdns, program},
    objects::Cluster,
    process::await_that,
};

/// The zones of a default configuration.
const ZONES: [&str; 3] = ["cluster.local.", "in-addr.arpa.", "ip6.arpa."];

/// `OWNER TTL TYPE DATA`.
type Lines = BTreeSet<String>;

/// Waits until a server serves what the API lists.
pub(crate) fn eventually_listed(world: &World, server: &Clusterdns, when: &str) {
    await_that(&format!("{when} the records of the API's objects are served"), || {
        let (served, listed) = (served(server.address()), listed(&world.cluster, world.plane.folder()));
        if served == listed { Ok(()) } else { Err(format!("\n{}", difference(&served, &listed))) }
    });
}

/// All that a server serves.
fn served(server: SocketAddr) -> Lines {
    let mut client = Client::new(server, Over::Tcp).expect("a connection");
    let records = |zone| client.transfer(zone).unwrap_or_else(|error| panic!("the transfer of {zone}: {error}"));
    let records: Vec<Record> = ZONES.into_iter().flat_map(records).collect();
    let line = |record: &Record| {
        let owner = zone_file::name(&record.name);
        format!("{owner} {} {} {}", record.ttl, record.record_type(), zone_file::data(&record.data))
    };
    records.iter().map(line).filter(|line| concerns_objects(line)).collect()
}

/// What `clusterdns records` makes of the objects that the API lists now.
fn listed(cluster: &Cluster, folder: &Path) -> Lines {
    let mut items = cluster.list::<Service>();
    items.extend(cluster.list::<EndpointSlice>());
    items.extend(cluster.list::<Namespace>());
    let snapshot = folder.join("cluster.json");
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    fs::write(&snapshot, list.to_string()).expect("a file");
    ZONES.into_iter().flat_map(|zone| printed(&snapshot, zone)).collect()
}

fn printed(snapshot: &Path, zone: &str) -> Lines {
    let output = program().args(["records", "--zone", zone, "--snapshot"]).arg(snapshot).output().expect("clusterdns");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "clusterdns records --zone {zone}: {said}");
    let text = String::from_utf8(output.stdout).expect("text");
    let line = |line: &str| {
        // A comment may hold a record that is served and not legal in a file.
        let line = line.strip_prefix("; ").unwrap_or(line);
        let [owner, ttl, "IN", rtype, data] = line.split('\t').take(5).collect::<Vec<_>>()[..] else { return None };
        Some(format!("{owner} {ttl} {rtype} {data}"))
    };
    text.lines().filter_map(line).filter(|line| concerns_objects(line)).collect()
}

/// The serial goes by the clock, and the name server's name by the addresses that are listened on.
fn concerns_objects(line: &str) -> bool {
    let own = [RecordType::SOA, RecordType::NS].map(|rtype| format!(" {rtype} "));
    !own.iter().any(|part| line.contains(part.as_str())) && !line.starts_with("ns.dns.")
}

/// What only one of the two has, for who reads a failure.
fn difference(served: &Lines, listed: &Lines) -> String {
    let lines = |sign: &str, one: &Lines, other: &Lines| {
        one.difference(other).take(20).map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    lines("served only:", served, listed) + &lines("listed only:", listed, served)
}
