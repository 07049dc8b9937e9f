//! Rotation: clients that take the first address share the load among all of them.

use std::collections::{BTreeMap, BTreeSet};

use clusterdns::respond::{Memory, general::Handler};

use crate::support::{ASKED, Query, cluster, cluster::Cluster, reply};

fn headless(count: usize) -> Cluster {
    let hosts: Vec<String> = (1..=count).map(|index| format!("10.0.0.{index}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(|host| &**host).collect();
    cluster().headless("shop/db").slice("shop/db", &hosts, &[]).rotating()
}

/// How often each address came first in the answers to every `stride`-th of so many questions.
fn firsts(cluster: &Cluster, questions: usize, stride: usize) -> BTreeMap<String, usize> {
    let server = cluster.start();
    let [counted, other] = ["A", "AAAA"].map(|qtype| Query::new("db.shop.svc.cluster.local", qtype).encode());
    let (mut memory, mut firsts, mut whole) = (Memory::starting_at(7), BTreeMap::new(), None);
    for _ in 0..questions {
        let reply = server.answer(&counted, &mut memory).expect("an answer");
        let lines = reply::lines(&counted, &reply);
        *firsts.entry(lines[1].clone()).or_default() += 1;
        let set: BTreeSet<_> = lines.into_iter().collect();
        assert_eq!(*whole.get_or_insert(set.clone()), set, "every answer has every address");
        for _ in 1..stride {
            server.answer(&other, &mut memory);
        }
    }
    firsts
}

#[test]
fn every_address_comes_first_equally_often() {
    for count in 2..=9 {
        let firsts = firsts(&headless(count), 300 * count, 1);
        assert_eq!(firsts.len(), count);
        assert!(firsts.values().all(|times| (270..330).contains(times)), "{firsts:?}");
    }
}

/// A stub resolver asks for A and AAAA in turn. The A of it must not always meet the same address.
#[test]
fn a_rhythm_of_questions_does_not_favour_an_address() {
    for (count, stride) in [(2, 2), (4, 2), (6, 2), (3, 3), (10, 10), (20, 4)] {
        let firsts = firsts(&headless(count), 300 * count, stride);
        assert_eq!(firsts.len(), count, "every {stride}th of {count}: {firsts:?}");
        assert!(firsts.values().all(|times| (270..330).contains(times)), "every {stride}th: {firsts:?}");
    }
}

#[test]
fn addresses_of_slices_with_other_ports_come_first_too() {
    let cluster = cluster()
        .headless("shop/db")
        .slice("shop/db", &["10.0.0.1", "10.0.0.2"], &["pg:5432/TCP"])
        .slice("shop/db", &["10.0.0.3"], &["pg:5433/TCP"])
        .rotating();
    let firsts = firsts(&cluster, 300, 1);
    assert_eq!(firsts.len(), 3, "{firsts:?}");
}

#[test]
fn cluster_ips_are_turned_too() {
    let cluster = cluster().service("shop/db", &["10.96.0.1", "10.96.0.2", "fd00::1"], &[]).rotating();
    assert_eq!(firsts(&cluster, 100, 1).len(), 2);
}

#[test]
fn without_rotation_the_order_stays() {
    let server = cluster().headless("shop/db").slice("shop/db", &["10.0.0.1", "10.0.0.2"], &[]).start();
    let mut memory = Memory::starting_at(1);
    let packet = Query::new("db.shop.svc.cluster.local", "A").encode();
    let replies: BTreeSet<_> = (0..10).map(|_| server.answer(&packet, &mut memory)).collect();
    assert_eq!(replies.len(), 1);
}

/// A client that comes over TCP because the answer was cut takes its first address too.
#[test]
fn answers_over_tcp_turn_too() {
    let handler = Handler::new(headless(4).start().responder.clone(), 0);
    let query = Query::new("db.shop.svc.cluster.local", "A").encode();
    let first = |_| {
        let messages = handler.answer_stream(&query, ASKED.client).messages().expect("an answer");
        reply::lines(&query, &messages[0])[1].clone()
    };
    assert_eq!((0..8).map(first).collect::<BTreeSet<_>>().len(), 4);
}
