//! Services of many endpoints, and lists of many objects.

use k8s_openapi::api::core::v1::{Namespace, Service};
use serde_json::json;

use crate::{
    World,
    ask::set,
    clusterdns::Clusterdns,
    control_plane::READER,
    objects::{Cluster, endpoint, headless, http, service, slice},
    prober::Prober,
    relay::Relay,
    scenarios::{DEFAULTS, TRANSFERS},
    zone,
};

/// The controller makes slices of 100 endpoints; other controllers may do otherwise.
pub(crate) fn many_endpoints(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("large");
    let server = Clusterdns::ready(&world.plane.access(READER), DEFAULTS);
    let prober = Prober::start(server.address(), world.probes());
    let addresses: Vec<String> = (0..1_000).map(|number| format!("10.4.{}.{}", number / 250, number % 250)).collect();

    cluster.service("large/slices", http(json!({"clusterIP": "None"})));
    let slices = addresses.chunks(100).enumerate().map(|(number, part)| {
        let endpoints = part.iter().map(|address| endpoint(address, None)).collect();
        slice(&format!("large/slices-{number}"), "slices", endpoints)
    });
    cluster.create_all(&slices.collect::<Vec<_>>());
    server.eventually("slices.large A", set(&addresses));

    cluster.service("large/pods", headless("pods"));
    let names: Vec<String> = (0..250).map(|number| format!("pod-{number}")).collect();
    let address = |number: usize| format!("10.5.0.{number}");
    let pods: Vec<_> = names.iter().enumerate().map(|(number, name)| (name.as_str(), address(number))).collect();
    let pods: Vec<_> = pods.iter().map(|(name, address)| (*name, address.as_str())).collect();
    cluster.pods("large", &pods, "pods");
    server.eventually("pods.large A", set((0..250).map(address)));
    server.eventually("pod-249.pods.large A", address(249));
    cluster.delete::<Namespace>("large");
    server.eventually("slices.large A", "NXDOMAIN");
    prober.finish()
}

/// More than two pages of 500.
const SERVICES: usize = 1_100;

/// Not every API server sends lists as events. Then they come in pages, also to who has seen a stream before.
pub(crate) fn lists_come_in_pages(world: &World) -> String {
    make_services(&world.cluster);
    let relay = Relay::to(world.plane.api_port());
    let relayed = world.plane.access_by("pages", "token: reader-token", relay.port());
    let before = Clusterdns::ready(&relayed, TRANSFERS);
    let prober = Prober::start(before.address(), world.probes());
    relay.cut();
    world.cluster.delete::<Service>("pages/s-0");
    world.plane.compact();
    world.plane.kill_api();
    world.plane.start_api_with(&["--feature-gates=WatchList=false"]);
    world.cluster.await_api();
    relay.mend();
    let after = Clusterdns::ready(&world.plane.access(READER), TRANSFERS);
    world.cluster.service("pages/last", json!({"type": "ExternalName", "externalName": "last.example"}));
    for server in [&before, &after] {
        server.eventually("last.pages CNAME", "last.example.");
        zone::eventually_listed(world, server, "without streaming lists");
        assert!(server.metric(REQUESTS, "code=\"422\"") > 0.0, "no stream was refused");
    }
    let seen = prober.finish();
    world.plane.kill_api();
    world.plane.start_api();
    world.cluster.await_api();
    world.cluster.delete::<Namespace>("pages");
    seen
}

/// By the code of the reply.
const REQUESTS: &str = "coredns_kubernetes_rest_client_requests_total";

fn make_services(cluster: &Cluster) {
    cluster.namespace("pages");
    let alias = |number: usize| {
        let target = format!("target-{number}.example");
        service(&format!("pages/s-{number}"), json!({"type": "ExternalName", "externalName": target}))
    };
    cluster.create_all(&(0..SERVICES).map(alias).collect::<Vec<_>>());
}
