//! Our own restart while the API server is down: what was known is served, what is not known is not denied.

use std::{
    fs,
    time::{Duration, Instant},
};

use k8s_openapi::api::core::v1::Service;
use serde_json::json;

use crate::{
    World,
    ask::Question,
    clusterdns::Clusterdns,
    control_plane::READER,
    objects::{endpoint, http, selector, slice},
    process::await_that,
    scenarios::outage::STALE,
};

/// How long a start waits for the cluster.
const STARTUP: Duration = Duration::from_secs(3);

pub(crate) fn it_restarts_while_the_api_is_down(world: &World) -> String {
    let cluster = &world.cluster;
    cluster.namespace("state");
    let address = cluster.service("state/web", selector("web")).remove(0);
    cluster.service("state/db", http(json!({"clusterIP": "None"})));
    cluster.create(&slice("state/db-1", "db", vec![endpoint("10.8.0.1", Some("one"))]));
    let access = world.plane.access(READER);
    let table = |keys: &str| format!("[kubernetes]\nstartup_timeout_secs = {}\n{keys}\n", STARTUP.as_secs());
    let file = world.plane.folder().join("state");
    let saving = table(&format!("state = \"{}\"\nstate_interval_secs = 1", file.display()));
    let mut with = Clusterdns::ready(&access, &saving);
    let mut without = Clusterdns::ready(&access, &table(""));
    for server in [&with, &without] {
        server.eventually("one.db.state A", "10.8.0.1");
        server.eventually("web.state A", &address);
    }
    cluster.service("state/saved", json!({"type": "ExternalName", "externalName": "saved.example"}));
    await_that("the last change is saved", || match fs::read_to_string(&file) {
        Ok(saved) if saved.contains("saved.example") => Ok(()),
        other => Err(format!("{} octets", other.unwrap_or_default().len())),
    });
    assert_eq!(with.metric("clusterdns_state_saves_total", "failed"), 0.0);

    with.kill();
    without.kill();
    world.plane.kill_api();
    let started = Instant::now();
    with.launch_again();
    with.eventually("web.state A", &address);
    let until_served = started.elapsed();
    assert!(until_served < STARTUP, "what was saved is served at once, not after {until_served:?}");
    with.now("one.db.state A", "10.8.0.1");
    with.now("saved.state CNAME", "saved.example.");
    with.now("nothing.state A", "SERVFAIL");
    with.eventually("nothing.state A", "NXDOMAIN");
    let until_denied = started.elapsed();
    assert!(until_denied > STARTUP, "a saved state denies nothing before the cluster had its time: {until_denied:?}");

    without.launch_again();
    let asked = Instant::now();
    await_that("SERVFAIL for what is not known", || match without.ask(&Question::new("web.state A")) {
        answer if answer == "SERVFAIL" => Ok(()),
        other => Err(other),
    });
    // Also when its time is over.
    while asked.elapsed() < STARTUP + Duration::from_secs(1) {
        let answer = without.ask(&Question::new("nothing.state A"));
        assert!(answer == "SERVFAIL" || answer.starts_with("no reply"), "{answer}");
    }
    without.now("web.state A", "SERVFAIL");
    assert_ne!(without.ask(&Question::new("cluster.local. SOA")), "SERVFAIL", "what needs no object");
    assert_eq!(without.readiness().0, 503, "{:?}", without.readiness());

    world.plane.start_api();
    cluster.await_api();
    cluster.delete::<Service>("state/saved");
    for server in [&with, &without] {
        server.await_ready();
        server.eventually("saved.state A", "NXDOMAIN");
        server.eventually("web.state A", &address);
        server.eventually("nothing.state A", "NXDOMAIN");
        server.await_metric(STALE, |seconds| seconds == 0.0);
    }
    format!("served after {:.1} s, denied after {:.1} s", until_served.as_secs_f64(), until_denied.as_secs_f64())
}
