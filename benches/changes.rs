//! The cost of a change, which must not grow with the cluster: `cargo bench --bench changes`.
//!
//! Every Service has 15 endpoints. Each iteration changes another Service, and each change is one.

mod support;

use clusterdns::objects::{Change, Key, Kind};
use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use support::{Cluster, Random};

const SERVICES: [usize; 3] = [1000, 10_000, 100_000];
const ENDPOINTS: usize = 15;
/// So few that they lie in the nearest cache, as a change does that has just been read.
const TOGETHER: BatchSize = BatchSize::NumIterations(16);

fn changes(criterion: &mut Criterion) {
    let sizes: &[usize] = if support::measures() { &SERVICES } else { &[10] };
    let mut group = criterion.benchmark_group("changes");
    for &services in sizes {
        let cluster = Cluster { services, headless: 0, endpoints: ENDPOINTS };
        let (mut store, _) = cluster.store();
        let (mut random, mut rounds) = (Random(1), vec![0; services]);

        group.bench_function(BenchmarkId::new("one_endpoint", services), |bencher| {
            let next = || {
                let index = random.below(services);
                rounds[index] += 1;
                Change::Apply(cluster.slice(index, rounds[index]))
            };
            bencher.iter_batched(next, |change| store.apply(change, 2), TOGETHER);
        });
        group.bench_function(BenchmarkId::new("service_added_and_removed", services), |bencher| {
            let next = || {
                let added = support::service(services);
                let key = added.key();
                (Change::Apply(added), Change::Delete(key))
            };
            bencher.iter_batched(
                next,
                |(added, removed)| {
                    store.apply(added, 2);
                    store.apply(removed, 2);
                },
                TOGETHER,
            );
        });
        group.bench_function(BenchmarkId::new("namespace_deleted_and_back", services), |bencher| {
            let name = support::namespace(0);
            let next = || {
                let namespace = cluster.objects().next().expect("a namespace");
                let key = Key { kind: Kind::Namespace, namespace: Box::default(), name: (*name).into() };
                (Change::Delete(key), Change::Apply(namespace))
            };
            bencher.iter_batched(
                next,
                |(deleted, back)| {
                    store.apply(deleted, 2);
                    store.apply(back, 2);
                },
                TOGETHER,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, changes);
criterion_main!(benches);
