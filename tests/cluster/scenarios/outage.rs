//! The API server goes away and comes back.

use k8s_openapi::api::{
    core::v1::{Namespace, Service},
    discovery::v1::EndpointSlice,
};
use serde_json::json;

use crate::{
    World,
    ask::set,
    clusterdns::Clusterdns,
    control_plane::READER,
    objects::{endpoint, http, selector, slice},
    prober::Prober,
    relay::Relay,
    scenarios::DEFAULTS,
};

/// 0 while everything that is watched is seen as it happens.
pub(crate) const STALE: &str = "clusterdns_source_stale_seconds";

pub(crate) fn the_api_server_restarts(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("restart");
    cluster.service("restart/before", http(json!({"clusterIP": "None"})));
    cluster.create(&slice("restart/before-1", "before", vec![endpoint("10.6.0.1", None)]));
    let server = Clusterdns::ready(&world.plane.access(READER), DEFAULTS);
    server.eventually("before.restart A", "10.6.0.1");
    server.await_metric(STALE, |seconds| seconds == 0.0);
    let prober = Prober::start(server.address(), world.probes());
    for round in 1..3 {
        world.plane.kill_api();
        server.await_metric(STALE, |seconds| seconds > 0.0);
        server.now("before.restart A", set((1..=round).map(|host| format!("10.6.0.{host}"))));
        server.now("nothing.restart A", "NXDOMAIN");
        assert_eq!(server.readiness().0, 200, "old answers are better than none: {:?}", server.readiness());
        world.plane.start_api();
        cluster.await_api();
        let endpoints: Vec<_> = (1..=round + 1).map(|host| endpoint(&format!("10.6.0.{host}"), None)).collect();
        cluster.patch::<EndpointSlice>("restart/before-1", &json!({"endpoints": endpoints}));
        let address = cluster.service(&format!("restart/new-{round}"), selector("web")).remove(0);
        server.eventually(format!("new-{round}.restart A"), address);
        server.eventually("before.restart A", set((1..=round + 1).map(|host| format!("10.6.0.{host}"))));
        server.await_metric(STALE, |seconds| seconds == 0.0);
    }
    prober.finish()
}

/// What was deleted while no watch saw it must be found missing: the history that would tell is gone.
pub(crate) fn objects_vanish_while_nobody_looks(world: &World) -> String {
    let cluster = &world.cluster;
    let relay = Relay::to(world.plane.api_port());
    let access = world.plane.access_by("relayed", "token: reader-token", relay.port());
    cluster.namespace("gone");
    cluster.namespace("gone-too");
    let address = cluster.service("gone/web", selector("web")).remove(0);
    cluster.service("gone/db", http(json!({"clusterIP": "None"})));
    cluster.create(&slice("gone/db-1", "db", vec![endpoint("10.7.0.1", None)]));
    cluster.create(&slice("gone/db-2", "db", vec![endpoint("10.7.0.2", None)]));
    let server = Clusterdns::ready(&access, DEFAULTS);
    server.eventually("web.gone A", &address);
    server.eventually("db.gone A", "10.7.0.1, 10.7.0.2");
    server.eventually("gone-too.svc.cluster.local. A", "NODATA");
    let prober = Prober::start(server.address(), world.probes());
    relay.cut();
    server.await_metric(STALE, |seconds| seconds > 0.0);
    cluster.delete::<Service>("gone/web");
    cluster.delete::<EndpointSlice>("gone/db-2");
    cluster.delete::<Namespace>("gone-too");
    let other = cluster.service("gone/other", selector("web")).remove(0);
    world.plane.compact();
    world.plane.kill_api();
    world.plane.start_api();
    cluster.await_api();
    server.now("web.gone A", &address);
    relay.mend();
    server.eventually("other.gone A", other);
    server.eventually("web.gone A", "NXDOMAIN");
    server.eventually("db.gone A", "10.7.0.1");
    server.eventually("gone-too.svc.cluster.local. A", "NXDOMAIN");
    server.await_metric(STALE, |seconds| seconds == 0.0);
    prober.finish()
}
