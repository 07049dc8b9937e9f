//! Only the image of CoreDNS's Deployment changes: kubeadm's Corefile, arguments and rights stay.

use std::{fs, net::Ipv4Addr, path::Path};

use k8s_openapi::api::{core::v1::Service, rbac::v1::ClusterRole};
use serde_json::json;

use crate::{
    World,
    adjust::adjusted,
    ask::Question,
    clusterdns::{Access, Clusterdns, can_be_in_a_pod},
    objects::{endpoint, http, selector, slice},
    prober::{Probe, Prober},
    process::await_that,
    scenarios::{
        credentials::{account, mounted, no_pod, token_of},
        parsed, rule,
    },
    upstream::Upstream,
};

const OUTSIDE: &[(&str, Ipv4Addr)] = &[("www.example.com.", Ipv4Addr::new(192, 0, 2, 1))];
const CORPORATE: &[(&str, Ipv4Addr)] = &[("www.corp.test.", Ipv4Addr::new(192, 0, 2, 2))];

/// The owner wavers so often.
const RELOADS: usize = 20;

/// What kubeadm grants, in the words of its own manifest.
const ROLE: &str = "system:coredns";

pub(crate) fn the_image_of_a_deployment_changes(world: &World) -> String {
    if !can_be_in_a_pod() {
        return no_pod();
    }
    let cluster = &world.cluster;
    let rules =
        [rule("", &["endpoints", "services", "pods", "namespaces"]), rule("discovery.k8s.io", &["endpointslices"])];
    cluster.create(&parsed::<ClusterRole>(json!({"metadata": {"name": ROLE}, "rules": rules})));
    account(cluster, "kube-system", "coredns", ROLE);
    let token = token_of(cluster, "kube-system", "coredns", json!({"audiences": []}));
    let access = Access::Pod(mounted(world, "kube-system", &token), world.plane.api_port());
    let outside = Upstream::start(OUTSIDE);
    let corefile = adjusted(&kubeadm(), 0, outside.address);
    let server = Clusterdns::deployed(&access, &corefile);
    let mut probes = world.probes();
    probes.push(Probe::always(Question::new("www.example.com. A"), "192.0.2.1".to_owned()));
    let prober = Prober::start(server.address(), probes);

    it_follows(world, &server);
    it_reloads(&server, &corefile);
    server.terminate();
    server.await_log("SIGTERM: answering on for 5s, then ending");
    server.now("web.steady A", &world.steady_address);
    let seen = prober.finish();
    assert!(outside.has_heard("www.example.com.") && !outside.has_heard("web.steady.svc.cluster.local."));
    reads_well(&server.log());
    assert_eq!(server.ended().code(), Some(0));
    seen
}

/// As `kubeadm init` writes it.
fn kubeadm() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corefiles/kubeadm.Corefile");
    fs::read_to_string(file).expect("kubeadm's Corefile")
}

fn it_follows(world: &World, server: &Clusterdns) {
    let cluster = &world.cluster;
    cluster.namespace("dropin");
    let address = cluster.service("dropin/web", selector("web")).remove(0);
    cluster.service("dropin/db", http(json!({"clusterIP": "None"})));
    cluster.create(&slice("dropin/db-1", "db", vec![endpoint("10.14.0.1", Some("db-0"))]));
    cluster.service("dropin/far", json!({"type": "ExternalName", "externalName": "www.example.com"}));
    server.eventually("web.dropin A", &address);
    server.eventually("db-0.db.dropin A", "10.14.0.1");
    server.eventually("far.dropin A", "192.0.2.1, CNAME www.example.com.");
    server.now("10-14-0-9.dropin.pod.cluster.local. A", "10.14.0.9");
    server.now(Question::reverse("10.14.0.1"), "db-0.db.dropin.svc.cluster.local.");
    server.now(Question::reverse("192.0.2.7"), "NXDOMAIN");
    cluster.delete::<Service>("dropin/web");
    server.eventually("web.dropin A", "NXDOMAIN");
}

/// The owner adds a stub domain, with a slip of the pen at first.
fn it_reloads(server: &Clusterdns, corefile: &str) {
    let corporate = Upstream::start(CORPORATE);
    server.now("www.corp.test. A", "NXDOMAIN");
    let stub = format!("corp.test:0 {{\nbind 127.0.0.1\nforward . {}\n}}\n", corporate.address);
    server.configure(&(corefile.to_owned() + &stub.replace("forward", "forwrad")));
    server.await_log("`forwrad` is no plugin of CoreDNS");
    await_that("/ready says so and stays", || match server.readiness() {
        (200, body) if body.contains("forwrad") => Ok(()),
        other => Err(format!("{other:?}")),
    });
    for _ in 0..RELOADS {
        server.configure(&(corefile.to_owned() + &stub));
        server.eventually("www.corp.test. A", "192.0.2.2");
        server.configure(corefile);
        server.eventually("www.corp.test. A", "NXDOMAIN");
    }
    assert_eq!(server.readiness(), (200, "OK".to_owned()));
}

/// Only the slip is complained of, and whoever reads on sees what is served, and from where.
fn reads_well(log: &str) {
    let complaints: Vec<_> =
        log.lines().filter(|line| line.starts_with("[ERROR]") || line.starts_with("[WARNING]")).collect();
    assert!(complaints.len() == 1 && complaints[0].contains("the last good one stays in service"), "{log}");
    assert!(complaints[0].ends_with("did you mean `forward`?"), "{log}");
    for words in ["reading the cluster from https://", "serving cluster.local", "listening on ", ".:0 on 127.0.0.1\n"] {
        assert!(log.contains(words), "nothing of {words:?} in:\n{log}");
    }
}
