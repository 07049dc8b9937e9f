//! What clusters do all day: Pods come and go, Services change, and nobody may see a gap.

use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use serde_json::{Value, json};

use crate::{
    World,
    ask::{Question, set},
    clusterdns::Clusterdns,
    control_plane::READER,
    objects::{headless, selector},
    prober::{Probe, Prober},
    scenarios::DEFAULTS,
};

const PODS: u8 = 4;
const GENERATIONS: u8 = 12;

pub(crate) fn pods_are_replaced_one_by_one(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("rollout");
    let server = Clusterdns::ready(&world.plane.access(READER), DEFAULTS);
    let name = |generation: u8, number: u8| format!("web-{generation}-{number}");
    let address = |generation: u8, number: u8| format!("10.2.{generation}.{number}");
    let start = |generation, number| {
        cluster.pods("rollout", &[(&name(generation, number), &address(generation, number))], "web");
    };
    cluster.service("rollout/web", headless("web"));
    let fixed = cluster.service("rollout/fixed", selector("web")).remove(0);
    (0..PODS).for_each(|number| start(0, number));
    server.eventually("web.rollout A", set((0..PODS).map(|number| address(0, number))));
    server.eventually("fixed.rollout A", &fixed);
    let mut probes = world.probes();
    probes.push(Probe::never_empty("web.rollout A"));
    probes.push(Probe::never_empty("_http._tcp.web.rollout SRV"));
    probes.push(Probe::always(Question::new("fixed.rollout A"), fixed));
    let prober = Prober::start(server.address(), probes);
    for generation in 1..=GENERATIONS {
        for number in 0..PODS {
            start(generation, number);
            server.eventually(format!("{}.web.rollout A", name(generation, number)), address(generation, number));
            cluster.delete::<Pod>(&format!("rollout/{}", name(generation - 1, number)));
        }
        server.eventually("web.rollout A", set((0..PODS).map(|number| address(generation, number))));
        server.eventually(Question::reverse(&address(generation - 1, 0)), "NXDOMAIN");
    }
    let seen = prober.finish();
    readiness_flips(world, &server, &name(GENERATIONS, 0), &address(GENERATIONS, 0));
    scaled_to_zero_and_back(world, &server, &(0..PODS).map(|number| name(GENERATIONS, number)).collect::<Vec<_>>());
    seen
}

fn readiness_flips(world: &World, server: &Clusterdns, pod: &str, address: &str) {
    let prober = Prober::start(server.address(), world.probes());
    for ready in [false, true, false, true] {
        world.cluster.pod_is_ready(&format!("rollout/{pod}"), address, ready);
        server.eventually(format!("{pod}.web.rollout A"), if ready { address } else { "NXDOMAIN" });
    }
    prober.finish();
}

fn scaled_to_zero_and_back(world: &World, server: &Clusterdns, pods: &[String]) {
    let prober = Prober::start(server.address(), world.probes());
    pods.iter().for_each(|pod| world.cluster.delete::<Pod>(&format!("rollout/{pod}")));
    server.eventually("web.rollout A", "NXDOMAIN");
    server.eventually("_http._tcp.web.rollout SRV", "NXDOMAIN");
    world.cluster.pods("rollout", &[("again", "10.2.99.1")], "web");
    server.eventually("web.rollout A", "10.2.99.1");
    prober.finish();
}

pub(crate) fn services_change(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("change");
    let server = Clusterdns::ready(&world.plane.access(READER), DEFAULTS);
    let prober = Prober::start(server.address(), world.probes());
    cluster.pods("change", &[("one", "10.3.0.1")], "one");
    cluster.pods("change", &[("two", "10.3.0.2")], "two");

    cluster.service("change/web", json!({"type": "ExternalName", "externalName": "www.example.com"}));
    server.eventually("web.change A", "CNAME www.example.com.");
    let mut cluster_ip = selector("one");
    cluster_ip["type"] = "ClusterIP".into();
    cluster_ip["externalName"] = Value::Null;
    let changed: Service = cluster.patch("change/web", &json!({"spec": cluster_ip}));
    let address = changed.spec.and_then(|spec| spec.cluster_ip).expect("a cluster IP");
    server.eventually("web.change A", &address);
    server.eventually("web.change CNAME", "NODATA");
    server.eventually(Question::reverse(&address), "web.change.svc.cluster.local.");
    cluster.delete::<Service>("change/web");
    server.eventually("web.change A", "NXDOMAIN");
    server.eventually(Question::reverse(&address), "NXDOMAIN");
    cluster.service("change/web", headless("one"));
    server.eventually("web.change A", "10.3.0.1");

    cluster.patch::<Service>("change/web", &json!({"spec": {"selector": {"app": "two"}}}));
    server.eventually("web.change A", "10.3.0.2");
    let renamed = json!([{"name": "grpc", "port": 81, "targetPort": 8081, "protocol": "TCP"}]);
    cluster.patch::<Service>("change/web", &json!({"spec": {"ports": renamed}}));
    server.eventually("_grpc._tcp.web.change SRV", "0 100 8081 10-3-0-2.web.change.svc.cluster.local.");
    server.eventually("_http._tcp.web.change SRV", "NXDOMAIN");

    cluster.delete::<Namespace>("change");
    server.eventually("web.change A", "NXDOMAIN");
    server.eventually("change.svc.cluster.local. A", "NXDOMAIN");
    prober.finish()
}
