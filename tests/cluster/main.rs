//! clusterdns against a real Kubernetes control plane. `tests/cluster/run` builds what that takes.
//!
//! ```text
//! etcd ◄── kube-apiserver ◄── kube-controller-manager
//!               ▲    ▲
//!               │    └──────── the scenarios change objects, kill and restart, by kube
//!          clusterdns ◄─────── and ask over UDP and TCP, while a prober asks all the time
//! ```
//!
//! There are no nodes: what a kubelet would say of a Pod is written by the scenarios.

#[path = "../corefiles/adjust.rs"]
mod adjust;
mod ask;
mod clusterdns;
mod control_plane;
mod objects;
mod prober;
mod process;
mod relay;
mod scenarios;
#[path = "../corefiles/upstream.rs"]
mod upstream;
mod zone;

use std::{
    env,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
    time::Instant,
};

use ask::{Question, set};
use control_plane::{ADMIN, ControlPlane, PROGRAMS};
use objects::{Cluster, NODE, endpoint, node, selector, slice};
use prober::Probe;
use serde_json::json;

/// What every scenario has.
pub(crate) struct World {
    pub(crate) plane: ControlPlane,
    pub(crate) cluster: Cluster,
    /// The cluster IP of `web.steady`.
    steady_address: String,
}

/// Of `db.steady`; no scenario touches them.
const STEADY_ENDPOINTS: [(&str, &str); 3] = [("a", "10.9.0.1"), ("b", "10.9.0.2"), ("c", "10.9.0.3")];

fn main() -> ExitCode {
    if PROGRAMS.iter().any(|variable| env::var_os(variable).is_none()) {
        eprintln!("these tests need a Kubernetes control plane: run tests/cluster/run, which builds one");
        return ExitCode::FAILURE;
    }
    let filter = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let chosen: Vec<_> = scenarios::ALL
        .iter()
        .filter(|(name, _)| filter.as_ref().is_none_or(|part| name.contains(part.as_str())))
        .collect();
    if chosen.is_empty() {
        let names: Vec<_> = scenarios::ALL.iter().map(|(name, _)| *name).collect();
        eprintln!("no scenario is called so: {}", names.join(" "));
        return ExitCode::FAILURE;
    }
    let started = Instant::now();
    let world = World::start();
    println!("ok: the control plane is ready ({:.1} s)", started.elapsed().as_secs_f64());
    let failed = chosen.iter().filter(|(name, scenario)| !run(&world, name, *scenario)).count();
    let seconds = started.elapsed().as_secs_f64();
    println!("{} passed, {failed} failed, in {seconds:.1} s", chosen.len() - failed);
    ExitCode::from(u8::from(failed > 0))
}

fn run(world: &World, name: &str, scenario: scenarios::Scenario) -> bool {
    let started = Instant::now();
    // What a failed scenario leaves behind is in a namespace of its own.
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| scenario(world)));
    let seconds = started.elapsed().as_secs_f64();
    match &outcome {
        Ok(seen) if seen.is_empty() => println!("ok: {name} ({seconds:.1} s)"),
        Ok(seen) => println!("ok: {name} ({seconds:.1} s): {seen}"),
        Err(_) => println!("FAILED: {name} ({seconds:.1} s)\n{}", world.plane.logs()),
    }
    if !world.plane.has_api() {
        world.plane.start_api();
    }
    world.cluster.await_api();
    outcome.is_ok()
}

impl World {
    fn start() -> Self {
        let plane = ControlPlane::start();
        let cluster = Cluster::new(&plane.kubeconfig(ADMIN));
        cluster.await_api();
        cluster.await_service_ranges();
        scenarios::grant(&cluster);
        cluster.create(&node(NODE));
        cluster.namespace("steady");
        let steady_address = cluster.service("steady/web", selector("web")).remove(0);
        cluster.service("steady/db", objects::http(json!({"clusterIP": "None"})));
        let endpoints = STEADY_ENDPOINTS.map(|(name, address)| endpoint(address, Some(name)));
        cluster.create(&slice("steady/db-1", "db", endpoints.into()));
        Self { plane, cluster, steady_address }
    }

    /// What must be so, whatever happens to other objects.
    pub(crate) fn probes(&self) -> Vec<Probe> {
        let always = |question: &str, answer| Probe::always(Question::new(question), answer);
        let name = "web.steady.svc.cluster.local.".to_owned();
        let target = |(name, _): (&str, &str)| format!("0 33 80 {name}.db.steady.svc.cluster.local.");
        vec![
            always("web.steady A", self.steady_address.clone()),
            always("db.steady A", set(STEADY_ENDPOINTS.map(|(_, address)| address))),
            always("_http._tcp.db.steady SRV", set(STEADY_ENDPOINTS.map(target))),
            always("_http._tcp.web.steady SRV", format!("0 100 80 {name}")),
            Probe::always(Question::reverse(&self.steady_address), name),
            always("nothing.steady A", "NXDOMAIN".to_owned()),
        ]
    }
}
