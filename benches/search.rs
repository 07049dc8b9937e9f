//! What one `getaddrinfo` of a Pod costs this server, with completion and without:
//! `cargo bench --bench search`.
//!
//! It prints how many questions a lookup needs, then measures answering them. Each question is a
//! packet in and a packet out, for which the kernel takes many times what is measured here.

mod support;

use std::hint::black_box;

use clusterdns::{
    respond::{Memory, Outcome, REPLY_OCTETS_MAX, Responder},
    search::{Lookup, Reply, ResolvConf, Resolver, finish::Completion, walk},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{ASKED, Cluster, MIXED, NAMESPACES, Random, namespace};

/// More lookups than the nearest caches hold.
const LOOKUPS: usize = 1 << 12;
/// Pods look up Services of other namespaces, and names that nobody has.
const NAMES: [&str; 2] = ["service.namespace", "www.example.com"];

fn search(criterion: &mut Criterion) {
    let cluster = if support::measures() { MIXED } else { Cluster { services: 10, headless: 1, endpoints: 0 } };
    let (_, view) = cluster.store();
    let mut group = criterion.benchmark_group("getaddrinfo");
    group.throughput(Throughput::Elements(1));
    for name in NAMES {
        for (label, completion) in [("alone", None), ("completed", Some(Completion::default()))] {
            let responder = support::responder_with(view.clone(), completion);
            for resolver in [Resolver::Glibc, Resolver::Musl] {
                let lookups = lookups(&responder, cluster, name, resolver);
                let questions = lookups.iter().map(Vec::len).sum::<usize>() as f64 / LOOKUPS as f64;
                println!("{name}, {resolver}, {label}: {questions} questions a lookup");
                let (mut memory, mut reply) = (Memory::default(), vec![0; REPLY_OCTETS_MAX]);
                let mut next = lookups.iter().cycle();
                group.bench_function(format!("{name}/{resolver}/{label}"), |bencher| {
                    bencher.iter(|| {
                        for packet in next.next().expect("a cycle") {
                            black_box(responder.answer(packet, &ASKED, &mut memory, &mut reply));
                        }
                    });
                });
            }
        }
    }
    group.finish();
}

/// The questions of each lookup, as they follow from the answers.
fn lookups(responder: &Responder, cluster: Cluster, name: &str, resolver: Resolver) -> Vec<Vec<Vec<u8>>> {
    let mut random = Random(1);
    let (mut memory, mut reply) = (Memory::default(), vec![0; REPLY_OCTETS_MAX]);
    let mut lookup = || {
        let index = random.below(cluster.services);
        let name = name.replace("service.namespace", &format!("svc-{index}.{}", namespace(index)));
        let conf = ResolvConf::for_pod(&namespace(random.below(NAMESPACES)), "cluster.local", &[]);
        let mut packets = Vec::new();
        walk(&conf, &name, resolver, Lookup::Addresses, |name, qtype| {
            packets.push(support::packet(&name.to_string(), qtype as u8));
            let outcome = responder.answer(packets.last().expect("just pushed"), &ASKED, &mut memory, &mut reply);
            said(outcome.expect("a reply"), &reply)
        });
        packets
    };
    (0..LOOKUPS).map(|_| lookup()).collect()
}

fn said(outcome: Outcome, reply: &[u8]) -> Reply {
    match (outcome.rcode, u16::from_be_bytes([reply[6], reply[7]])) {
        (0, 0) => Reply::NoData,
        (0, _) => Reply::Answer,
        (3, _) => Reply::NxDomain,
        (5, _) => Reply::Refused,
        _ => Reply::ServFail,
    }
}

criterion_group!(benches, search);
criterion_main!(benches);
