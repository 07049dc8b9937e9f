//! The time of an answer, by kind of question, and of its parts: `cargo bench --bench answers`.
//!
//! Each iteration asks another question, so that the tables are not warmer than in a cluster.

mod support;

use std::hint::black_box;

use clusterdns::{
    answers::question::{self, QueryName},
    respond::{Memory, REPLY_OCTETS_MAX, Responder},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::{ASKED, Cluster, Kind, MIXED};

/// More questions than the nearest caches hold.
const QUESTIONS: usize = 1 << 14;

fn answers(criterion: &mut Criterion) {
    let cluster = if support::measures() { MIXED } else { Cluster { services: 10, headless: 1, endpoints: 0 } };
    let responder = support::responder(cluster.store().1);
    let mut group = criterion.benchmark_group("answers");
    group.throughput(Throughput::Elements(1));

    let mixed = support::mix(cluster, QUESTIONS);
    let mut name = QueryName::new();
    let mut next = in_turn(&mixed);
    group.bench_function("read", |bencher| {
        bencher.iter(|| {
            black_box(question::read(next(), &mut name));
        });
    });
    group.bench_function("mix", |bencher| {
        bencher.iter(asking(&responder, &mixed));
    });
    for (label, kind) in Kind::ALL {
        let packets = support::packets(cluster, kind, QUESTIONS);
        group.bench_function(label, |bencher| {
            bencher.iter(asking(&responder, &packets));
        });
    }
    group.finish();
}

/// Asks the next question each time.
fn asking<'a>(responder: &'a Responder, packets: &'a [Vec<u8>]) -> impl FnMut() + use<'a> {
    let (mut memory, mut reply) = (Memory::default(), vec![0; REPLY_OCTETS_MAX]);
    let mut next = in_turn(packets);
    move || {
        black_box(responder.answer(next(), &ASKED, &mut memory, &mut reply));
    }
}

fn in_turn<'p>(packets: &'p [Vec<u8>]) -> impl FnMut() -> &'p [u8] {
    let mut index = 0;
    move || {
        index = (index + 1) % packets.len();
        &packets[index]
    }
}

criterion_group!(benches, answers);
criterion_main!(benches);
