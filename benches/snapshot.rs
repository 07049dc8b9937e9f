//! The time to read a cluster from JSON, as kubectl prints it: `cargo bench --bench snapshot`.

mod support;

use std::fmt::Write;

use clusterdns::objects::snapshot::{self, Options, Source};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn load(criterion: &mut Criterion) {
    let services = if support::measures() { 2000 } else { 10 };
    let text = list(services);
    let source = [Source::Text("generated".into(), text.as_bytes().into())];
    let mut group = criterion.benchmark_group("snapshot");
    group.throughput(Throughput::Bytes(text.len() as u64)).sample_size(20);
    group.bench_function("load", |bencher| {
        bencher.iter(|| snapshot::load(&source, &Options::default(), &mut |_| {}).expect("a list of objects"));
    });
    group.finish();
}

/// Services with 15 endpoints each, with about as much around what matters as the API has.
fn list(services: usize) -> String {
    let mut text = String::from(r#"{"kind":"List","apiVersion":"v1","items":["#);
    for index in 0..services {
        let namespace = support::namespace(index);
        let [_, _, high, low] = (index as u32).to_be_bytes();
        write!(
            text,
            r#"{{"apiVersion":"v1","kind":"Service","metadata":{{"name":"svc-{index}","namespace":"{namespace}",{METADATA}}},
            "spec":{{"clusterIP":"10.96.{high}.{low}","clusterIPs":["10.96.{high}.{low}"],"type":"ClusterIP","ipFamilies":["IPv4"],
            "ports":[{{"name":"http","port":80,"protocol":"TCP","targetPort":8080}}],"selector":{{"app":"svc-{index}"}}}}}},
            {{"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","addressType":"IPv4","metadata":{{"name":"svc-{index}-x7k2p",
            "namespace":"{namespace}","labels":{{"kubernetes.io/service-name":"svc-{index}"}},{METADATA}}},
            "ports":[{{"name":"http","port":8080,"protocol":"TCP"}}],"endpoints":["#
        )
        .expect("a string takes anything");
        for number in 0..15 {
            write!(
                text,
                r#"{{"addresses":["10.{number}.{high}.{low}"],"conditions":{{"ready":true,"serving":true,"terminating":false}},
                "nodeName":"node-{number}","targetRef":{{"kind":"Pod","name":"svc-{index}-{number}","namespace":"{namespace}",
                "uid":"8d9e6679-7425-40de-944b-e07fc1f90ae7"}},"zone":"eu-west-1a"}},"#
            )
            .expect("a string takes anything");
        }
        text.pop();
        text.push_str("]},");
    }
    text.pop();
    text.push_str("]}");
    text
}

const METADATA: &str = r#""uid":"7c9e6679-7425-40de-944b-e07fc1f90ae7","resourceVersion":"123456","creationTimestamp":"2026-01-01T00:00:00Z","managedFields":[{"manager":"kube-controller-manager","operation":"Update","fieldsV1":{"f:metadata":{"f:labels":{"f:app":{}}}}}]"#;

criterion_group!(benches, load);
criterion_main!(benches);
